"""Resources of one's own at the local clouds of a stack that is up, and the accounts that they are in."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import package
from local.aws.credentials import VARIABLE
from local.errors import LocalError
from local.providers.accounts import Resource

if TYPE_CHECKING:
    from local.live.stacks import AnyStack
    from local.providers import ProviderServer

_FIELDS = ("provider", "account", "region", "project_id", "type", "id")


class Sandbox:
    """Makes resources at one stack's clouds. `accounts` is a file of all accounts' credentials, for other processes."""

    def __init__(self, stack: "AnyStack", accounts: Path) -> None:
        self._stack = stack
        self.accounts = accounts

    def put(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Make resources with their tags, and the accounts that are not here yet; says what was made, as JSON.

        A resource that is here already keeps its other tags. LocalError if one of them cannot be made: then none is.
        """
        if not self._stack.providers:
            raise LocalError("this stack has real clouds: nothing is put there", "start one without --real")
        asked = [_resource(row) for row in rows]
        servers = [self._server(one) for one in asked]
        before = self._accounts()
        undone = {name: dict(server.credentials) for name, server in self._stack.providers.items()}
        try:
            self._add_accounts(asked)
            placed = [server.place(one) for server, one in zip(servers, asked, strict=True)]
        except LocalError:
            for name, server in self._stack.providers.items():
                for access_key in server.credentials.keys() - undone[name].keys():
                    del server.credentials[access_key]
                server.credentials.update(undone[name])
            raise
        for server, one, (region, type_, id_) in zip(servers, asked, placed, strict=True):
            server.tags.put(region, type_, id_, account=one.account)
            for key, value in one.tags.items():
                server.tags.put(region, type_, id_, key, value, account=one.account)
        after = self._accounts()
        if after != before:
            self._stack.renew_credentials()
            self.write_accounts()
        return {"made": _counted(asked), "accounts": sorted(after.keys() - before.keys())}

    def write_accounts(self) -> None:
        """Write the credentials of all accounts into the file; only its owner can read it."""
        if self._stack.providers:
            with open(self.accounts, "w", encoding="utf-8", opener=_only_mine) as file:
                json.dump(self._accounts(), file)

    def _accounts(self) -> dict[str, dict[str, Any]]:
        return self._stack.credentials.accounts()

    def _server(self, resource: Resource) -> "ProviderServer":
        """The local cloud at which resources of a type stand."""
        package.find()
        from untag.providers import Registry  # noqa: PLC0415

        try:
            api = Registry().find(resource.provider, resource.type)
        except KeyError:
            raise LocalError(f"no tag API of {resource.provider} is known for the type {resource.type}") from None
        servers: Iterable[ProviderServer] = self._stack.providers.values()
        for server in servers:
            if server.api == f"{api.name}.{api.api}":
                return server
        raise LocalError(f"there is no local cloud for {resource.provider}", "see `local state`")

    def _add_accounts(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            for server in self._stack.providers.values():
                if server.provider == resource.provider and server.account(resource.account) is None:
                    if not self._stack.credentials.secrets:
                        raise LocalError(
                            f"there is no account {resource.account} at {resource.provider}: nothing was made",
                            f"the functions' credentials are set by {VARIABLE}: add the account there, "
                            "and start the stack again",
                        )
                    server.add_account(resource)


def _only_mine(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _resource(row: Mapping[str, Any]) -> Resource:
    fields = {name: str(row.get(name) or "") for name in _FIELDS}
    return Resource(**(fields | {"account": fields["account"] or "default"}), tags=dict(row["tags"]))


def _counted(resources: Iterable[Resource]) -> list[dict[str, Any]]:
    """Resources and tags by place and type."""
    resources = list({one[:6]: one for one in resources}.values())
    counts = Counter(one[:5] for one in resources)
    tags = Counter[tuple[str, ...]]()
    for one in resources:
        tags[one[:5]] += len(one.tags)
    return [
        {**dict(zip(_FIELDS[:5], place, strict=True)), "resources": counts[place], "tags": tags[place]}
        for place in sorted(counts)
    ]
