"""What a call to Google Cloud is made with: a service account by way of the host's AWS role, or an access token.

Nothing here says which hosts are called: a federation's configuration file names them, and could name any.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from untag.contracts import InvalidInputError
from untag.providers.base import Session
from untag.providers.credentials import Credentials, HeaderText

_AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/projects/[0-9]{1,19}/locations/global"
    r"/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}"
)
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}@(?:[a-z0-9][a-z0-9-]{0,62}\.){1,6}gserviceaccount\.com")
_FEDERATION = ("audience", "service_account")


class GcpCredentials(Credentials):
    """A workload identity provider's audience with a service account, or an access token that nobody renews."""

    variables: ClassVar[Mapping[str, str]] = {
        "audience": "GOOGLE_WORKLOAD_AUDIENCE",
        "service_account": "GOOGLE_SERVICE_ACCOUNT",
        "access_token": "GOOGLE_OAUTH_ACCESS_TOKEN",
    }
    secrets: ClassVar[frozenset[str]] = frozenset({"access_token"})

    audience: HeaderText | None = None
    service_account: HeaderText | None = None
    access_token: HeaderText | None = None

    @classmethod
    def parse(cls, fields: Any) -> Self:
        """The credentials in a JSON object: one way to a token, and all that it needs. Raises InvalidInputError."""
        parsed = super().parse(fields)
        federated = parsed.audience is not None and parsed.service_account is not None
        names_one = parsed.audience is not None or parsed.service_account is not None
        if federated is (parsed.access_token is not None) or (names_one and not federated):
            raise InvalidInputError.of("needs either audience and service_account, or access_token")
        if parsed.audience is not None and not _AUDIENCE.fullmatch(parsed.audience):
            message = "should be //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL"
            raise InvalidInputError.of(f"{message}/providers/PROVIDER", "audience")
        if parsed.service_account is not None and not _SERVICE_ACCOUNT.fullmatch(parsed.service_account):
            raise InvalidInputError.of("should be NAME@PROJECT.iam.gserviceaccount.com", "service_account")
        return parsed

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The default account's, one way or the other. Raises InvalidInputError that names the variables."""
        token, federation = cls.variables["access_token"], [cls.variables[name] for name in _FEDERATION]
        if missing := cls.missing(environ):
            raise InvalidInputError.of(f"not set: {', '.join(missing)}; or {token} in place of both")
        if environ.get(token) and any(environ.get(one) for one in federation):
            raise InvalidInputError.of(f"should be either {' and '.join(federation)}, or {token}")
        return super().from_environment(environ)

    @classmethod
    def missing(cls, environ: Mapping[str, str]) -> list[str]:
        """The variables of a federation, unless there is a token."""
        if environ.get(cls.variables["access_token"]):
            return []
        return [cls.variables[name] for name in _FEDERATION if not environ.get(cls.variables[name])]


GcpSession = Session[GcpCredentials]
