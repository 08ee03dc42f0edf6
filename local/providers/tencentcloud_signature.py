"""Tencent Cloud's side of a signed request: TC3-HMAC-SHA256.

Written from the documentation ("Signature v3", 651/33007) and apart from the package's own signing, so that a mistake
there does not find its twin here.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from local.providers.accounts import Account
from local.providers.wire import Request

MAX_SKEW = 5 * 60  # documents: AuthFailure.SignatureExpire after five minutes

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/(\d{4}-\d{2}-\d{2})/([a-z0-9]+)/tc3_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
_AS_SENT = frozenset({"content-type", "host"})
"""Headers whose values are signed as they are sent; those of all others are signed in lower case."""


class SignatureError(Exception):
    """The request is not who it says it is; code and text are Tencent Cloud's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TencentcloudVerifier:
    """Says whose request it is, or raises SignatureError."""

    def __init__(self, credentials: Mapping[str, Account], clock: Callable[[], float], service: str = "tag") -> None:
        self.credentials = credentials
        self.clock = clock
        self.service = service

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (found[1], found[5]) if found else ("", "")

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        if found is None:
            raise SignatureError("AuthFailure.InvalidAuthorization", "The Authorization header is not valid.")
        access_key, day, service, signed, signature = found.groups()
        account = self.credentials.get(access_key)
        if account is None:
            raise SignatureError("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
        if request.header("x-tc-token") != account.security_token:
            raise SignatureError("AuthFailure.TokenFailure", "The token is not valid.")
        stamp = request.header("x-tc-timestamp") or ""
        self._check_time(stamp, day)
        names = signed.split(";")
        if service != self.service or names != sorted(names) or not _AS_SENT.issubset(names):
            raise SignatureError("AuthFailure.InvalidAuthorization", "The scope or the signed headers are not valid.")
        canonical = canonical_request(request, names)
        digest = hashlib.sha256(canonical).hexdigest()
        text = f"TC3-HMAC-SHA256\n{stamp}\n{day}/{service}/tc3_request\n{digest}"
        key = f"TC3{account.secret_key}".encode()
        for part in (day, service, "tc3_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
            message = f"The provided credentials could not be validated. The canonical request was {canonical!r}"
            raise SignatureError("AuthFailure.SignatureFailure", message)
        return account

    def _check_time(self, stamp: str, day: str) -> None:
        if not stamp.isascii() or not stamp.isdigit() or len(stamp) > len("9999999999"):
            raise SignatureError("InvalidParameter", "X-TC-Timestamp is missing or is no number of seconds.")
        if datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d") != day:
            raise SignatureError("AuthFailure.SignatureFailure", "The date is not that of X-TC-Timestamp.")
        if abs(self.clock() - int(stamp)) > MAX_SKEW:
            raise SignatureError("AuthFailure.SignatureExpire", "The signature has expired.")


def canonical_request(request: Request, names: list[str]) -> bytes:
    """What was signed, as the server sees it."""
    values = {name: request.header(name) or "" for name in names}
    lines = "".join(f"{name}:{value if name in _AS_SENT else value.lower()}\n" for name, value in values.items())
    unsigned = request.header("x-tc-content-sha256") == "UNSIGNED-PAYLOAD"
    body = b"UNSIGNED-PAYLOAD" if unsigned else request.body
    hashed = hashlib.sha256(body).hexdigest()
    return "\n".join((request.method, request.path, request.query, lines, ";".join(names), hashed)).encode()
