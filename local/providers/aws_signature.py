"""AWS's side of a signed request: Signature Version 4, and the temporary keys that the local STS gives out.

Written from AWS's pages ("Create a signed AWS API request") and apart from the package's own signing, so that a mistake
there does not find its twin here.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from local.providers.accounts import Account
from local.providers.wire import Request

MAX_SKEW = 5 * 60  # documents: "within five minutes of the time stamp"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
_ISSUED = "local-session:"


class SignatureError(Exception):
    """The request is not who it says it is; code and text are AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def issue(account: Account, expires: float) -> tuple[str, Account]:
    """Temporary keys of an account. All that is to be known of them stands in their token."""
    access_key, secret_key = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    told = {"access_key": access_key, "secret_key": secret_key, "name": account.name, "number": account.domain_id}
    token = base64.b64encode((_ISSUED + json.dumps({**told, "expires": expires})).encode()).decode()
    return access_key, Account(secret_key, token, account.domain_id, account.name)


def _issued(access_key: str, token: str | None, now: float) -> Account | None:
    """The account of temporary keys, by their token."""
    try:
        text = base64.b64decode(token or "", validate=True).decode()
        found = json.loads(text.removeprefix(_ISSUED)) if text.startswith(_ISSUED) else {}
    except ValueError:
        return None
    if found.get("access_key") != access_key:
        return None
    if found["expires"] <= now:
        raise SignatureError("ExpiredTokenException", "The security token included in the request is expired")
    return Account(found["secret_key"], token, found["number"], found["name"])


class AwsVerifier:
    """Says whose request it is, or raises SignatureError."""

    def __init__(self, credentials: Mapping[str, Account], clock: Callable[[], float], service: str) -> None:
        self.credentials = credentials
        self.clock = clock
        self.service = service

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (found[1], found[6]) if found else ("", "")

    @staticmethod
    def region(request: Request) -> str:
        """The region that a request is signed for, unchecked."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return found[3] if found else ""

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        if found is None:
            raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
        access_key, day, region, service, signed, signature = found.groups()
        token = request.header("x-amz-security-token")
        account = self.credentials.get(access_key) or _issued(access_key, token, self.clock())
        if account is None or token != account.security_token:
            message = "The security token included in the request is invalid."
            raise SignatureError("UnrecognizedClientException", message)
        names = signed.split(";")
        self._check_date(request.header("x-amz-date") or "", day)
        needed = {"host", *(name for name, _ in request.headers if name.startswith("x-amz-"))}
        if service != self.service or not needed <= set(names):
            raise SignatureError("InvalidSignatureException", "Credential should be scoped to correct service.")
        text = "\n".join(
            (
                "AWS4-HMAC-SHA256",
                request.header("x-amz-date") or "",
                f"{day}/{region}/{service}/aws4_request",
                hashlib.sha256(canonical_request(request, names)).hexdigest(),
            )
        )
        key = f"AWS4{account.secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
            message = (
                "The request signature we calculated does not match the signature you provided. "
                f"The Canonical String for this request should have been '{canonical_request(request, names)!r}'"
            )
            raise SignatureError("InvalidSignatureException", message)
        return account

    def _check_date(self, date: str, day: str) -> None:
        try:
            then = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise SignatureError("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.") from None
        if not date.startswith(day) or abs(self.clock() - then) > MAX_SKEW:
            raise SignatureError("InvalidSignatureException", f"Signature expired: {date} is now too old or too new")


def canonical_request(request: Request, names: list[str]) -> bytes:
    """What was signed, as the server sees it."""
    headers = "".join(f"{name}:{' '.join((request.header(name) or '').split())}\n" for name in names)
    query = "&".join(sorted(request.query.split("&"))) if request.query else ""
    parts = (
        request.method,
        quote(request.path, safe="/~"),
        query,
        headers,
        ";".join(names),
        hashlib.sha256(request.body).hexdigest(),
    )
    return "\n".join(parts).encode("utf-8")
