"""A file of several accounts' credentials, as the functions read it by `UNTAG_CREDENTIALS=file:PATH`.

{"jdcloud/default": {"access_key": "...", "secret_key": "..."}, "jdcloud/second": {...}}
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.providers.accounts import Account
from local.providers.server import ProviderServer

_VARIABLE = "UNTAG_CREDENTIALS"
_KIND = "file:"
_FORM = 'it is JSON such as {"jdcloud/default": {"access_key": "...", "secret_key": "..."}}'


def shared(environment: Mapping[str, str], servers: Iterable[ProviderServer]) -> dict[str, str]:
    """Where functions read their credentials from a file, makes the local clouds accept them.

    Gives the variable with the file's whole path, since a function runs in a folder of its own; nothing where the
    credentials come from elsewhere.
    """
    credentials = environment.get(_VARIABLE, "")
    if not credentials.startswith(_KIND):
        return {}
    path = Path(credentials.removeprefix(_KIND)).resolve()
    _add_accounts(path, servers)
    return {_VARIABLE: f"{_KIND}{path}"}


def _add_accounts(path: Path, servers: Iterable[ProviderServer]) -> None:
    """Makes each local cloud accept the credentials of its provider's accounts in the file."""
    accounts = _read(path)
    for server in servers:
        for name, entry in accounts.items():
            provider, _, account = name.partition("/")
            if provider == server.provider:
                access_key, known = _account(server, path, name, account, entry)
                server.credentials[access_key] = known


def _read(path: Path) -> dict[str, Any]:
    try:
        accounts = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LocalError(f"the accounts' file {path} cannot be read: {error.strerror}", _FORM) from None
    except ValueError as error:
        raise LocalError(f"the accounts' file {path} is no JSON: {error}", _FORM) from None
    if not isinstance(accounts, dict):
        raise LocalError(f"the accounts' file {path} is no object", _FORM)
    return accounts


def _account(server: ProviderServer, path: Path, name: str, account: str, entry: Any) -> tuple[str, Account]:
    """The access key of an entry, and the account that it proves."""
    try:
        return server.entry(account, entry)
    except (TypeError, KeyError, AttributeError):
        raise LocalError(f"{name} in {path} does not have the fields of an account", _FORM) from None
