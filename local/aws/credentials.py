"""Gives functions the local clouds' credentials: in the environment, or in the local Secrets Manager."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.aws.services import Aws
    from local.functions.function import Function
    from local.providers import ProviderServer

VARIABLE = "UNTAG_CREDENTIALS"
_ACCOUNTS = "UNTAG_ACCOUNTS"
_KIND = "secretsmanager:"


class CloudCredentials:
    """The credentials of one stack's clouds. `secrets` says whether functions read them from secrets.

    A function reads no secrets where its variables name another source: then `secrets` is False once it is started.
    """

    def __init__(self, aws: "Aws", servers: Mapping[str, "ProviderServer"], *, secrets: bool) -> None:
        self._aws = aws
        self._servers = servers
        self.secrets = secrets

    def accounts(self) -> dict[str, dict[str, Any]]:
        """What every account's secret holds, by provider and account: {"jdcloud/default": {"access_key": ...}}."""
        accounts: dict[str, dict[str, Any]] = {}
        for server in self._servers.values():
            for name, secret in server.secrets.items():
                accounts.setdefault(f"{server.provider}/{name}", {}).update(secret)
        return accounts

    def variables(self) -> dict[str, str]:
        """What functions are given: where the clouds are, and the default accounts' credentials."""
        if not self._servers:
            return {}
        from local.providers import environment  # noqa: PLC0415

        return ({} if self.secrets else {VARIABLE: "env"}) | environment(self._servers.values())

    def hand_out(self, functions: Iterable["Function"]) -> None:
        """Put each account's secret under the prefixes that functions know."""
        if not self.secrets:
            return
        sources = {function.spec.environment.get(VARIABLE, "") for function in functions}
        prefixes = [source.removeprefix(_KIND) for source in sources if source.startswith(_KIND)]
        self.secrets = bool(prefixes) and len(prefixes) == len(sources)
        for prefix in prefixes:
            for name, secret in self.accounts().items():
                self._aws.put_secret(f"{prefix}/{name}", json.dumps(secret))

    def renew(self, functions: Iterable["Function"], given: Mapping[str, str]) -> None:
        """Have functions know the accounts that there are by now; what is `given` by the person stays."""
        functions = list(functions)
        self.hand_out(functions)
        accounts = {_ACCOUNTS: self.variables().get(_ACCOUNTS, "")}
        for function in functions:
            function.renew({} if _ACCOUNTS in given else accounts)
