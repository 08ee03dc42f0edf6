"""What both of Azure's servers on this machine have in common: the applications that they know."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from local import package
from local.errors import LocalError
from local.providers.accounts import Account, Resource, made_up
from local.providers.server import Answer, ProviderServer
from local.providers.wire import Response

TENANT = "9a1f0000-0000-4000-8000-000000000001"
CLIENT = "c11e0000-0000-4000-8000-000000000001"
SUBSCRIPTION = "50b50000-0000-4000-8000-000000000001"
DEFAULT_CREDENTIALS: Mapping[str, Account] = {CLIENT: Account("fake~azure.secret", domain_id=TENANT)}


class AzureService(ProviderServer):
    """A service that knows applications: the client id stands for the access key, the tenant for the number.

    An account without a secret has a federated credential: it trusts the role of AWS's account of the same name.
    """

    provider: ClassVar[str] = "azure"
    default_credentials: ClassVar[Mapping[str, Account]] = DEFAULT_CREDENTIALS

    @property
    def environment(self) -> dict[str, str]:
        """The application of the account "default", and the accounts by their tenants."""
        names = {
            "AZURE_TENANT_ID": "tenant_id",
            "AZURE_CLIENT_ID": "client_id",
            "AZURE_CLIENT_SECRET": "client_secret",
        }
        return self.own(names) | self.numbers()

    @property
    def secrets(self) -> dict[str, dict[str, Any]]:
        """For each account, what its secret holds."""
        found: dict[str, dict[str, Any]] = {}
        for client_id, account in self.credentials.items():
            found[account.name] = {"tenant_id": account.domain_id, "client_id": client_id}
            if account.secret_key:
                found[account.name]["client_secret"] = account.secret_key
        return found

    def add_account(self, resource: Resource) -> None:
        """An application of a tenant of its own."""
        account = Account(made_up("secret", resource.account)[:40], None, self.number_of(resource), resource.account)
        self.credentials[_guid("client", resource.account)] = account

    def number_of(self, resource: Resource) -> str:
        """A tenant of the account's own."""
        return _guid("tenant", resource.account)

    def entry(self, name: str, entry: Mapping[str, Any]) -> tuple[str, Account]:
        """The client id of an account's secret, and the account."""
        secret = str(entry.get("client_secret") or "")
        return str(entry["client_id"]), Account(secret, None, str(entry["tenant_id"]), name)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its id, which says its type."""
        package.find()
        from untag.providers.azure.ids import parse_id  # noqa: PLC0415

        if (parsed := parse_id(resource.id)) is None:
            raise LocalError(f"{resource.id} is no ARM id", "it begins with /subscriptions/ and a GUID")
        return "", parsed.type, resource.id

    def render(self, answer: Answer, request_id: str) -> Response:
        """JSON; the request id stands in a header."""
        body = b"" if answer.document is None else json.dumps(answer.document, ensure_ascii=False).encode()
        return Response(answer.status, body, (("x-ms-request-id", request_id),))


def _guid(*parts: str) -> str:
    digits = made_up("azure", *parts)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"
