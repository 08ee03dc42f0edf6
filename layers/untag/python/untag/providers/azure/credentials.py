"""What a call to Azure is authorized with: an application in Entra ID, by its secret or by a token of the host's role.

Authorities and hosts from azure-identity 1.27.0 and azure-core 1.41.0. No host is taken from a secret.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self

from untag.contracts import InvalidInputError
from untag.providers.azure.ids import GUID
from untag.providers.base import Session
from untag.providers.credentials import Credentials, HeaderText

_TENANT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
"""A GUID or a domain: it stands in the path of the token endpoint."""


class Cloud(NamedTuple):
    """One of Microsoft's clouds: where tokens are issued, and where resources are managed."""

    login: str
    management: str


CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud("https://login.microsoftonline.com", "https://management.azure.com"),
    "china": Cloud("https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
    "usgov": Cloud("https://login.microsoftonline.us", "https://management.usgovcloudapi.net"),
}


class AzureCredentials(Credentials):
    """An application (or a user-assigned identity) of a tenant. Without a secret: a token of the host's AWS role."""

    variables: ClassVar[Mapping[str, str]] = {
        "tenant_id": "AZURE_TENANT_ID",
        "client_id": "AZURE_CLIENT_ID",
        "client_secret": "AZURE_CLIENT_SECRET",
    }
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    tenant_id: HeaderText
    client_id: HeaderText
    client_secret: HeaderText | None = None
    cloud: Literal["public", "china", "usgov"] = "public"

    @classmethod
    def parse(cls, fields: Any) -> Self:
        """The credentials in a JSON object. Raises InvalidInputError."""
        parsed = super().parse(fields)
        if not _TENANT.fullmatch(parsed.tenant_id):
            raise InvalidInputError.of("should be the tenant's GUID, or a domain of its own", "tenant_id")
        if not GUID.fullmatch(parsed.client_id):
            raise InvalidInputError.of("should be the application's client id, a GUID", "client_id")
        return parsed


AzureSession = Session[AzureCredentials]
