"""Huawei Cloud's side of a signed request: SDK-HMAC-SHA256.

Written from the documented algorithm (API Request Signing Guide) and apart from the package's own signing,
so that a mistake there does not find its twin here.
"""

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote, unquote_to_bytes

from local.providers.accounts import Account
from local.providers.wire import Request

ALGORITHM = "SDK-HMAC-SHA256"
MAX_SKEW = 15 * 60  # documented: "the gateway rejects a skew of more than 15 minutes"
MAX_FAILURES = 5  # documented: more failures in a row than this lock the access key ...
LOCK_TIME = 5 * 60  # ... for 5 minutes
UNSIGNED = "UNSIGNED-PAYLOAD"

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Access=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})", re.ASCII
)


class SignatureError(Exception):
    """The request is not who it says it is; the text is the gateway's."""


class HuaweicloudVerifier:
    """Says whose request it is, or raises SignatureError; a key that fails too often is locked."""

    def __init__(
        self,
        credentials: Mapping[str, Account],
        clock: Callable[[], float],
        max_skew: float = MAX_SKEW,
        max_failures: int = MAX_FAILURES,
        lock_time: float = LOCK_TIME,
    ) -> None:
        self.credentials = credentials
        self.clock = clock
        self.max_skew = max_skew
        self.max_failures = max_failures
        self.lock_time = lock_time
        self._failures: dict[str, int] = {}
        self._locked_until: dict[str, float] = {}
        self._lock = threading.Lock()

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        match = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        return (match[1], match[3]) if match else ("", "")

    def unlock(self) -> None:
        """Forget failures and locks, as when five quiet minutes have gone by."""
        with self._lock:
            self._failures.clear()
            self._locked_until.clear()

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        access_key, _ = self.claim(request)
        with self._lock:
            if self._locked_until.get(access_key, 0.0) > self.clock():
                raise SignatureError("AK access failed to reach the limit, forbidden")
        try:
            account = self._check(request)
        except SignatureError:
            with self._lock:
                failures = self._failures[access_key] = self._failures.get(access_key, 0) + 1
                if failures > self.max_failures:
                    self._locked_until[access_key] = self.clock() + self.lock_time
                    self._failures[access_key] = 0
            raise
        with self._lock:
            self._failures.pop(access_key, None)
        return account

    def _check(self, request: Request) -> Account:
        authorization = request.header("authorization")
        match = _AUTHORIZATION.fullmatch(authorization or "")
        if match is None:
            raise SignatureError("no valid Authorization header")
        access_key, signed, signature = match.groups()
        names = signed.split(";")
        if (account := self.credentials.get(access_key)) is None:
            raise SignatureError("Get secretKey failed")
        date = request.header("x-sdk-date")
        if date is None or "x-sdk-date" not in names:
            raise SignatureError("X-Sdk-Date must be sent and signed")
        self._check_date(date)
        canonical = canonical_request(request, names)
        text = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical).hexdigest()}"
        expected = hmac.digest(account.secret_key.encode(), text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected, signature):
            # The real gateway shows what it signed, with "|" for line ends, header values and all.
            shown = canonical.decode("utf-8", "replace").replace("\n", "|")
            raise SignatureError(f"verify aksk signature fail, canonicalRequest:{shown}")
        _check_identity(request, account)
        return account

    def _check_date(self, date: str) -> None:
        try:
            then = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise SignatureError("calc ak sk signature fail: signature expired") from None
        if abs(self.clock() - then) > self.max_skew:
            raise SignatureError("calc ak sk signature fail: signature expired")


def canonical_request(request: Request, names: list[str]) -> bytes:
    """What was signed, as the server sees it: the path ends in a slash that was never sent."""
    headers = b""
    for name in sorted(names):
        value = request.header(name) or ""
        headers += name.encode() + b":" + value.strip().encode("latin-1") + b"\n"
    path = quote(unquote_to_bytes(request.path), safe="/~")
    parts = [
        request.method.upper().encode(),
        (path if path.endswith("/") else path + "/").encode(),
        _canonical_query(request.query).encode(),
        headers,
        ";".join(names).encode(),
        _payload_hash(request, names).encode(),
    ]
    return b"\n".join(parts)


def _canonical_query(query: str) -> str:
    """Pairs sorted before they are encoded; `+` on the wire is a plus, a space is %20."""
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.append((unquote(name), unquote(value)))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(pairs))


def _payload_hash(request: Request, names: list[str]) -> str:
    """The body's hash, or UNSIGNED-PAYLOAD where the request says so under its signature."""
    declared = request.header("x-sdk-content-sha256")
    if request.body and declared == UNSIGNED and "x-sdk-content-sha256" in names:
        return UNSIGNED
    return hashlib.sha256(request.body).hexdigest()


def _check_identity(request: Request, account: Account) -> None:
    """A global service wants the account's id beside the key, and a temporary key its token."""
    if account.domain_id is not None and request.header("x-domain-id") != account.domain_id:
        raise SignatureError("X-Domain-Id is not the domain of the access key")
    if (request.header("x-security-token") or None) != account.security_token:
        raise SignatureError("decrypt token fail")
