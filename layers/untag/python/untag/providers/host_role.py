"""The host's own AWS role: its keys in the environment, or from the endpoint that gives them out.

Lambda sets the variables; under SnapStart, and in containers, it names the endpoint in their place. The host signs its
own calls with these keys, and AWS as a provider signs with them where an account has no others.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from untag.providers.base import Answer, Session, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.http import Reply, call
from untag.providers.signing import AWS4, DerivedKeyAuth
from untag.providers.tokens import NEVER, Issued, TokenAuth, Tokens

CONTAINER_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
"""Where a host without keys in its environment asks for them."""

_KEYS = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "security_token": "AWS_SESSION_TOKEN",
}
_SECONDS = 2.0
_MAX_BYTES = 64 * 1024


class HostRole:
    """The keys of the host's role. Nothing is read before the first call: it would be part of a snapshot."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._environ = environ
        self._clock = clock
        self._tokens = Tokens(self._issue, clock)

    def auth(
        self, service: str, region: str, refuses: Callable[[Reply], bool] = lambda _: False
    ) -> TokenAuth[AccessKey]:
        """What signs calls to a service in a region. `refuses` says that an answer refuses the key."""

        def signer(key: AccessKey) -> httpx.Auth:
            return DerivedKeyAuth(AWS4, key, region=region, service=service, clock=self._clock)

        return TokenAuth(self._tokens, signer, refuses)

    def lacking(self) -> str | None:
        """Why there is no key here and will be none; None where there may be one."""
        missing = [_KEYS[name] for name in ("access_key", "secret_key") if not self._environ.get(_KEYS[name])]
        if not missing or self._environ.get(CONTAINER_URI):
            return None
        return f"{missing[0]} is not set" if len(missing) == 1 else "the host has no AWS role of its own"

    async def _issue(self, session: Session) -> Issued[AccessKey] | Answer:
        fields = {name: value for name, variable in _KEYS.items() if (value := self._environ.get(variable))}
        if "access_key" in fields and "secret_key" in fields:
            return Issued(AccessKey.model_validate(fields), NEVER)
        if (why := self.lacking()) is not None:
            return Answer(Verdict.FAILED, "no_credentials", why)
        uri = self._environ[CONTAINER_URI]
        asking = session._replace(timeout=min(_SECONDS, session.timeout))
        headers = {"authorization": self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
        reply = await call(asking, "GET", uri, headers=headers, limit=_MAX_BYTES)
        if isinstance(reply, Answer):
            return Answer(Verdict.UNAVAILABLE, reply.code, f"the host's endpoint for keys: {reply.message}")
        found = reply.json()
        try:
            key = AccessKey(
                access_key=found["AccessKeyId"], secret_key=found["SecretAccessKey"], security_token=found.get("Token")
            )
            return Issued(key, datetime.fromisoformat(found["Expiration"]).timestamp())
        except (ValueError, KeyError, TypeError, AttributeError):
            return Answer(Verdict.UNAVAILABLE, "no_key", f"the host's endpoint for keys: HTTP {reply.status}")
