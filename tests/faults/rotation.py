"""Keys that are rotated: at once, late, and so that the old one stays good; and a secret that is taken away."""

import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clouds import FADING
from clouds import servers as servers_of
from scale import FRESH_SECONDS, ROTATION_SLACK_SECONDS, SPEED
from workload import neighbours

from local.providers import ProviderServer
from local.template.resolve import ACCOUNT

if TYPE_CHECKING:
    from campaign import Campaign
    from pairs import Json

PATIENT = "green"
"""The account whose key is replaced while the old one stays good."""
_DELAY_SECONDS = 0.3
_LIMIT = (FRESH_SECONDS + ROTATION_SLACK_SECONDS) / SPEED


def rotate(campaign: "Campaign", provider: str, account: str, number: int, late: float = 0.0) -> str:
    """A new key at the cloud and in its secret, and the old one refused; the old one. `late` is in real seconds."""
    servers = _servers(campaign, provider)
    old = _key_of(servers[0], account)
    secret = _second_key(campaign, servers, provider, account, number)
    if not late:
        _change_secret(campaign, f"untag/{provider}/{account}", secret)
    for server in servers:
        del server.credentials[old]
    if late:
        time.sleep(late)
        _change_secret(campaign, f"untag/{provider}/{account}", secret)
    return old


class Rotation:
    """A key that is replaced while the old one stays good, and a secret that is taken away.

    Nothing at the cloud says so: five minutes later neither key is used any more.
    """

    def __init__(self, campaign: "Campaign") -> None:
        self._campaign = campaign
        self._began = 0.0
        self._old: dict[str, str] = {}
        self._secret: Json = {}

    def begin(self) -> None:
        """Let both accounts be used, then replace the one's key and take away the other's."""
        campaign = self._campaign
        asked = self._ask("before")
        end = time.monotonic() + campaign.patience
        while self._reported(asked) < len(asked) / 2 and time.monotonic() < end:
            time.sleep(0.05)
        (server,) = _servers(campaign, "jdcloud")
        self._old = {account: _key_of(server, account) for account in (FADING, PATIENT)}
        self._secret = server.secrets[FADING]
        secret = _second_key(campaign, [server], "jdcloud", PATIENT, 4)
        _change_secret(campaign, f"untag/jdcloud/{PATIENT}", secret)
        _secrets(campaign).delete_secret(
            f"untag/jdcloud/{FADING}", recovery_window_in_days=None, force_delete_without_recovery=True
        )
        self._began = time.time()

    def end(self) -> None:
        """Five minutes later: ask for more in both accounts, look at the keys, and give the secret back."""
        campaign = self._campaign
        if not self._began:
            self.begin()
            campaign.stack.drain(campaign.patience)
        limit = self._began + _LIMIT
        time.sleep(max(0.0, limit - time.time()))
        asked = self._ask("after")
        campaign.stack.drain(campaign.patience)
        (server,) = _servers(campaign, "jdcloud")
        late = [call for call in server.calls if call.access_key in self._old.values() and call.time > limit]
        if late:
            campaign.outcome.add(
                {
                    "a key is used that is in no secret any more": [
                        f"{call.account}: {call.operation} {call.time - self._began:.1f} s after it was taken away"
                        for call in late
                    ]
                }
            )
        codes = {
            row.get("code")
            for report in campaign.stack.reports()
            if report["id"] in asked and report["account"] == FADING
            for row in report["outcomes"]
        }
        if codes != {"no_credentials"}:
            campaign.outcome.add(
                {"a secret is taken away, and its requests do not fail for it": sorted(map(str, codes))}
            )
        campaign.outcome.figures["calls with a replaced key, five minutes later"] = len(late)
        campaign.stack.put_secret(f"untag/jdcloud/{FADING}", self._secret)

    def _reported(self, asked: set[str]) -> int:
        return len(asked & {report["id"] for report in self._campaign.stack.reports()})

    def _ask(self, prefix: str) -> set[str]:
        """Small requests of both accounts, one after the other; their ids.

        The cloud takes its time for them, so that most processes get some.
        """
        (server,) = _servers(self._campaign, "jdcloud")
        server.faults.add("delay", seconds=_DELAY_SECONDS, ids=(f"{prefix}-*",))
        asked = set()
        for number in range(12):
            for account in (FADING, PATIENT):
                requests = list(neighbours(1, f"{prefix}-{account}-{number}", account=account))
                self._campaign.ask(requests, together=False)
                asked |= {request["id"] for request in requests}
            time.sleep(_DELAY_SECONDS / 3)
        return asked


def _servers(campaign: "Campaign", provider: str) -> list[ProviderServer]:
    return servers_of(provider, campaign.stack.providers)


def _key_of(server: ProviderServer, account: str) -> str:
    return next(key for key, owner in server.credentials.items() if owner.name == account)


def _second_key(
    campaign: "Campaign", servers: list[ProviderServer], provider: str, account: str, number: int
) -> dict[str, str]:
    """One more key of an account, good at the cloud beside the old one; what its secret is to hold."""
    key = f"MARKEDKEY{provider.upper()}{account.upper()}NEW{number}"
    secret = f"marked-secret-{provider}-{account}-{number}"
    campaign.all_secrets |= {key, secret}
    old = servers[0].credentials[_key_of(servers[0], account)]
    for server in servers:
        server.credentials[key] = replace(old, secret_key=secret)
    return dict(servers[0].secrets[account])


def _change_secret(campaign: "Campaign", name: str, value: dict[str, str]) -> None:
    """Another version of a secret."""
    _secrets(campaign).put_secret_value(name, json.dumps(value), None, str(uuid.uuid4()), ["AWSCURRENT"])


def _secrets(campaign: "Campaign") -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    return secretsmanager_backends[ACCOUNT][campaign.stack.region]
