"""Entra ID's token endpoint on this machine: client credentials by a secret, or by a token of the local STS.

Forms, answers and codes are those of azure-identity 1.27.0 and of the page "Microsoft Entra authentication and
authorization error codes". Its tokens are good at the local Azure of this process, until they expire.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from local.providers.accounts import Account
from local.providers.azure_service import AzureService
from local.providers.azure_tokens import ISSUER, access_token, claims_of_web_identity_token
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause
from local.providers.wire import Request

SCOPES = frozenset(
    f"https://management.{host}/.default" for host in ("azure.com", "chinacloudapi.cn", "usgovcloudapi.net")
)
AUDIENCE = "api://AzureADTokenExchange"
_PATH = re.compile(r"/([A-Za-z0-9.-]+)/oauth2/v2\.0/token")
_DISCOVERY = re.compile(r"/([A-Za-z0-9.-]+)/v2\.0/\.well-known/openid-configuration")
_FORM = "application/x-www-form-urlencoded"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# The error and its number by HTTP status where none is named.
_USUAL = {
    400: ("invalid_request", 900144),
    401: ("invalid_client", 7000215),
    403: ("invalid_grant", 53003),
    503: ("temporarily_unavailable", 90033),
}


class AzureLoginServer(AzureService):
    """Gives out tokens that live for `lifetime` seconds."""

    name: ClassVar[str] = "azure-login"
    api: ClassVar[str] = "azure.login"
    max_body: ClassVar[int] = 64 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count", "partial", "other_ids"}

    def __init__(
        self, credentials: Mapping[str, Account] | None = None, *, lifetime: int = 3599, **common: Any
    ) -> None:
        super().__init__(credentials, **common)
        self.lifetime = lifetime

    def claim(self, request: Request) -> tuple[str, str]:
        """The client id, unchecked."""
        return _form(request).get("client_id", ""), ""

    def match(self, request: Request) -> Route:
        """The tenant stands in the path. Microsoft's client asks first where a tenant's tokens are given out."""
        if request.method == "GET" and (asked := _DISCOVERY.fullmatch(request.path)) is not None:
            return Route("openid-configuration", writing=False, type=asked[1])
        found = _PATH.fullmatch(request.path)
        if request.method != "POST" or found is None or not (request.header("content-type") or "").startswith(_FORM):
            raise Refusal(Answer(404, None, "NotFound"))
        return Route("token", writing=False, type=found[1])

    def verify(self, request: Request) -> str:
        """The account of an application that proves to be it."""
        form, route = _form(request), self.match(request)
        tenant = route.type
        if route.operation != "token":
            return ""
        if form.get("grant_type") != "client_credentials":
            raise _refuse(400, "unsupported_grant_type", 70003)
        if form.get("scope") not in SCOPES:
            raise _refuse(400, "invalid_scope", 70011)
        if tenant not in {account.domain_id for account in self.credentials.values()}:
            raise _refuse(400, "invalid_request", 90002)
        account = self.credentials.get(form.get("client_id", ""))
        if account is None or account.domain_id != tenant:
            raise _refuse(400, "unauthorized_client", 700016)
        if "client_assertion" in form:
            self._check_assertion(form, account)
        elif not account.secret_key or form.get("client_secret") != account.secret_key:
            raise _refuse(401, "invalid_client", 7000215)
        return account.name

    def _check_assertion(self, form: Mapping[str, str], account: Account) -> None:
        claims = claims_of_web_identity_token(form["client_assertion"])
        if form.get("client_assertion_type") != _ASSERTION or claims is None or claims.get("iss") != ISSUER:
            raise _refuse(401, "invalid_client", 50013)
        if claims["exp"] <= self.clock():
            raise _refuse(401, "invalid_client", 700024)
        trusted = claims.get("aud") == AUDIENCE and claims.get("sub", "").endswith(f":role/{account.name}")
        if account.secret_key or not trusted:
            raise _refuse(401, "invalid_client", 70021)

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The form's fields."""
        return Ask(route, account, body=_form(request))

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """A token for the audience of the scope, or where to get one."""
        if ask.route.operation != "token":
            tenant = f"https://login.microsoftonline.com/{ask.route.type}"
            ends = {"token": f"{tenant}/oauth2/v2.0/token", "authorization": f"{tenant}/oauth2/v2.0/authorize"}
            return Answer(
                200, {"issuer": f"{tenant}/v2.0"} | {f"{name}_endpoint": url for name, url in ends.items()}
            ), 0
        claims = {
            "aud": ask.body["scope"].removesuffix("/.default"),
            "iss": f"https://sts.windows.net/{ask.route.type}/",
            "appid": ask.body["client_id"],
            "tid": ask.route.type,
            "exp": self.clock() + self.lifetime,
            "jti": cause.request_id,
        }
        token = {"token_type": "Bearer", "expires_in": self.lifetime, "ext_expires_in": self.lifetime}
        return Answer(200, {**token, "access_token": access_token(claims)}), 0

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """An error of OAuth 2.0, with Entra's numbers; a throttle has no body."""
        if status == 429 and code is None:  # noqa: PLR2004 - HTTP's "Too Many Requests"
            return Answer(429, None, "429")
        usual, number = _USUAL.get(status, ("server_error", 90033))
        return _error(status, code or usual, number, message)


def _refuse(status: int, error: str, number: int) -> Refusal:
    return Refusal(_error(status, error, number, None))


def _error(status: int, error: str, number: int, message: str | None) -> Answer:
    document = {
        "error": error,
        "error_description": f"AADSTS{number}: {message or 'The request is refused.'}",
        "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z",
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return Answer(status, document, error)


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
