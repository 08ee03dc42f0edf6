"""Volcengine's side of a signed request: HMAC-SHA256.

Written from the documents ("Signature method", product 6369) and apart from the package's own signing, so that a
mistake there does not find its twin here.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus

from local.providers.accounts import Account
from local.providers.wire import Request

MAX_SKEW = 15 * 60  # documents: X-Expires, 900 seconds where it is left out

_AUTHORIZATION = re.compile(
    r"HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9_-]+)/request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


class SignatureError(Exception):
    """The request is not who it says it is; status, code and text are Volcengine's."""

    def __init__(self, code: str, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class VolcengineVerifier:
    """Says whose request it is, or raises SignatureError."""

    def __init__(self, credentials: Mapping[str, Account], clock: Callable[[], float]) -> None:
        self.credentials = credentials
        self.clock = clock

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (found[1], found[6]) if found else ("", "")

    @staticmethod
    def scope(request: Request) -> tuple[str, str]:
        """The region and the service that a request is signed for, unchecked: they say where it is led to."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (found[3], found[4]) if found else ("", "")

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        authorization = request.header("authorization")
        if authorization is None:
            raise SignatureError("MissingAuthenticationToken", "Request is missing Authentication Token")
        if (found := _AUTHORIZATION.fullmatch(authorization)) is None:
            text = "Invalid 'Authorization' header, Pls check authorization header."
            raise SignatureError("InvalidAuthorization", text, 400)
        access_key, day, region, service, signed, signature = found.groups()
        if (account := self.credentials.get(access_key)) is None:
            raise SignatureError(
                "InvalidAccessKey", f"The accesskey [{access_key}] included in the request is invalid."
            )
        names = signed.split(";")
        date = request.header("x-date") or ""
        self._check_date(date, day)
        token = request.header("x-security-token")
        if token != account.security_token or (token is not None and "x-security-token" not in names):
            raise SignatureError("InvalidSecretToken", "Invalid secret token.")
        key = account.secret_key.encode()
        for part in (day, region, service, "request"):
            key = hmac.digest(key, part.encode(), "sha256")
        digest = hashlib.sha256(canonical_request(request, names).encode()).hexdigest()
        text = f"HMAC-SHA256\n{date}\n{day}/{region}/{service}/request\n{digest}"
        right = hmac.digest(key, text.encode(), "sha256").hex()
        if not {"host", "x-date"} <= set(names) or not hmac.compare_digest(right, signature):
            message = "The request signature we calculated does not match the signature you provided."
            raise SignatureError("SignatureDoesNotMatch", message)
        self._check_body(request)
        return account

    def _check_date(self, date: str, day: str) -> None:
        """The date must be the credential's, and near our clock's."""
        try:
            then = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise SignatureError("MissingRequestInfo", "The request is missing X-Date information.", 400) from None
        if not date.startswith(day) or abs(self.clock() - then) > MAX_SKEW:
            raise SignatureError("InvalidTimestamp", "The Signature of the request is expired.", 400)

    @staticmethod
    def _check_body(request: Request) -> None:
        said = request.header("x-content-sha256")
        if said is not None and said != hashlib.sha256(request.body).hexdigest():
            message = "The request signature we calculated does not match the signature you provided."
            raise SignatureError("SignatureDoesNotMatch", message)


def canonical_request(request: Request, names: list[str]) -> str:
    """What was signed, as the server sees it."""
    lines = []
    for name in names:
        value = (request.header(name) or "").strip()
        lines.append(f"{name}:{re.sub(':(80|443)$', '', value) if name == 'host' else value}\n")
    pairs = []
    for part in request.query.split("&") if request.query else ():
        name, _, value = part.partition("=")
        pairs.append((quote(unquote_plus(name), safe="-_.~"), quote(unquote_plus(value), safe="-_.~")))
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    body = hashlib.sha256(request.body).hexdigest()
    return "\n".join((request.method, request.path, query, "".join(lines), ";".join(names), body))
