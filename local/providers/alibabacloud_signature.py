"""Alibaba Cloud's side of a signed request: ACS3-HMAC-SHA256.

Written from the page "V3 request syntax and signature method" and apart from the package's own signing, so that a
mistake there does not find its twin here.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from local.providers.accounts import Account
from local.providers.wire import Request

MAX_SKEW = 15 * 60  # documents: "within 15 minutes"
_KEPT_NONCES = 100_000

_AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 Credential=([^,\s]+),SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})"
)
_NEEDED = ("host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")


class SignatureError(Exception):
    """The request is not who it says it is; status, code and text are the cloud's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AlibabaVerifier:
    """Says whose request it is, or raises SignatureError. A nonce is taken once."""

    def __init__(self, credentials: Mapping[str, Account], clock: Callable[[], float]) -> None:
        self.credentials = credentials
        self.clock = clock
        self._nonces: dict[str, None] = {}

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (found[1], found[3]) if found else ("", "")

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        if found is None:
            raise SignatureError(400, "IncompleteSignature", "The request signature does not conform to the standard.")
        access_key, signed, signature = found.groups()
        names = signed.split(";")
        self._check_headers(request, names)
        account = self.credentials.get(access_key)
        if account is None:
            raise SignatureError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        if request.header("x-acs-security-token") != account.security_token:
            raise SignatureError(400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken is wrong.")
        canonical = canonical_request(request, names)
        text = b"ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical).hexdigest().encode()
        if not hmac.compare_digest(hmac.digest(account.secret_key.encode(), text, "sha256").hex(), signature):
            message = f"Specified signature does not match our calculation. server string to sign is:{canonical!r}"
            raise SignatureError(400, "SignatureDoesNotMatch", message)
        nonce = request.header("x-acs-signature-nonce") or ""
        if nonce in self._nonces:
            raise SignatureError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[nonce] = None
        if len(self._nonces) > _KEPT_NONCES:
            del self._nonces[next(iter(self._nonces))]
        return account

    def _check_headers(self, request: Request, names: list[str]) -> None:
        for name in _NEEDED:
            if not request.header(name):
                raise SignatureError(400, "MissingParameter", f"{name} is mandatory for this action.")
        needed = {name for name, _ in request.headers if name.startswith("x-acs-") or name in ("host", "content-type")}
        if not needed <= set(names) or names != sorted(names):
            raise SignatureError(400, "IncompleteSignature", "SignedHeaders lacks a header, or is not sorted.")
        if request.header("x-acs-content-sha256") != hashlib.sha256(request.body).hexdigest():
            raise SignatureError(400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the body's hash.")
        try:
            then = datetime.strptime(request.header("x-acs-date") or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise SignatureError(
                400, "InvalidTimeStamp.Format", "Specified time stamp is not well formatted."
            ) from None
        if abs(self.clock() - then.timestamp()) > MAX_SKEW:
            raise SignatureError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def canonical_request(request: Request, names: list[str]) -> bytes:
    """What was signed, as the server sees it."""
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    headers = "".join(f"{name}:{(request.header(name) or '').strip()}\n" for name in names)
    digest = request.header("x-acs-content-sha256") or ""
    parts = (request.method, request.path or "/", query, headers, ";".join(names), digest)
    return "\n".join(parts).encode("utf-8")


def _quoted(text: str) -> str:
    return quote(text, safe="~")
