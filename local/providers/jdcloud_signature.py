"""JD Cloud's side of a signed request: JDCLOUD3-HMAC-SHA256 and the older JDCLOUD2-HMAC-SHA256.

Written from the documented rules (JD Cloud OpenAPI, "Authorization Rules") and apart from the package's own
signing, so that a mistake there does not find its twin here. The documents know only JDCLOUD2; the present
Python SDK sends JDCLOUD3, the same algorithm under other names, and the Go SDK still sends JDCLOUD2.
"""

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote, unquote_to_bytes

from local.providers.accounts import Account
from local.providers.wire import Request

SCHEMES = {
    "JDCLOUD3-HMAC-SHA256": ("JDCLOUD3", "jdcloud3_request"),
    "JDCLOUD2-HMAC-SHA256": ("JDCLOUD2", "jdcloud2_request"),
}
# No source states the allowed skew or how long a nonce counts ("unique for some time"). Our choice.
MAX_SKEW = 15 * 60

INVALID = "Invalid authentication credentials"
MAX_NONCES = 200_000  # how many are kept before the old ones are swept out

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/([^/,\s]+)")
_SIGNED_HEADERS = re.compile(r"SignedHeaders=([^,\s]+)")
_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})(?:$|[,\s])")


class SignatureError(Exception):
    """The request is not who it says it is; the text is the gateway's."""


class JdcloudVerifier:
    """Says whose request it is, or raises SignatureError."""

    def __init__(
        self,
        credentials: Mapping[str, Account],
        clock: Callable[[], float],
        max_skew: float = MAX_SKEW,
        refuse_replays: bool = True,
    ) -> None:
        self.credentials = credentials
        self.clock = clock
        self.max_skew = max_skew
        self.refuse_replays = refuse_replays
        self._nonces: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    @staticmethod
    def claim(request: Request) -> tuple[str, str]:
        """The access key and the signature that a request bears, unchecked; empty where it has none."""
        authorization = request.header("authorization") or ""
        key, signature = _CREDENTIAL.search(authorization), _SIGNATURE.search(authorization)
        return (key[1] if key else "", signature[1] if signature else "")

    def verify(self, request: Request) -> Account:
        """The account that signed this very request."""
        authorization = request.header("authorization")
        if not authorization:
            raise SignatureError("lack of header authorization")
        algorithm = authorization.partition(" ")[0]
        credential = _found(_CREDENTIAL, authorization, "lack of credential in the header authorization")
        signed = _found(_SIGNED_HEADERS, authorization, "lack of header signedHeaders")[1]
        signature = _found(_SIGNATURE, authorization, INVALID)[1]
        access_key, day, region, service, terminator = credential.groups()
        if (account := self.credentials.get(access_key)) is None:
            raise SignatureError("Invalid accessKey")
        if (date := request.header("x-jdcloud-date")) is None:
            raise SignatureError("lack of header x-jdcloud-date")
        self._check_date(date, day)
        prefix, expected_terminator = SCHEMES.get(algorithm, ("", ""))
        names = signed.split(";")
        if terminator != expected_terminator or not _tokens_agree(request, account, names):
            raise SignatureError(INVALID)
        digest = hashlib.sha256(canonical_request(request, names, algorithm)).hexdigest()
        text = f"{algorithm}\n{date}\n{day}/{region}/{service}/{terminator}\n{digest}"
        key = (prefix + account.secret_key).encode()
        for part in (day, region, service, terminator):
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
            raise SignatureError("sign result is not same")
        self._check_nonce(access_key, request.header("x-jdcloud-nonce"))
        return account

    def _check_date(self, date: str, day: str) -> None:
        """The date must be the credential's, and near our clock's."""
        try:
            then = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise SignatureError(INVALID) from None
        if not date.startswith(day) or abs(self.clock() - then) > self.max_skew:
            raise SignatureError(INVALID)

    def _check_nonce(self, access_key: str, nonce: str | None) -> None:
        """A nonce is good once. Whether the cloud is as strict is not documented."""
        if not self.refuse_replays:
            return
        now = self.clock()
        with self._lock:
            if nonce is None or self._nonces.get((access_key, nonce), 0.0) > now:
                raise SignatureError(INVALID)
            # A request older than twice the skew is refused by its date.
            self._nonces[access_key, nonce] = now + 2 * self.max_skew
            if len(self._nonces) > MAX_NONCES:
                self._nonces = {key: until for key, until in self._nonces.items() if until > now}


def _found(pattern: re.Pattern[str], text: str, otherwise: str) -> re.Match[str]:
    """The pattern's place in the text, or SignatureError in the gateway's words."""
    if (match := pattern.search(text)) is None:
        raise SignatureError(otherwise)
    return match


def canonical_request(request: Request, names: list[str], algorithm: str) -> bytes:
    """What was signed, as the server sees it; the path is decoded first, so `:` and `%3A` are one."""
    headers = b""
    for name in names:
        value = request.header(name)
        if value is None:
            raise SignatureError("sign result is not same")
        # The documents (JDCLOUD2) merge inner spaces, the JDCLOUD3 signers only trim.
        value = " ".join(value.split()) if algorithm.startswith("JDCLOUD2") else value.strip()
        headers += name.encode() + b":" + value.encode("latin-1") + b"\n"
    path = re.sub(rb"/+", b"/", unquote_to_bytes(request.path)) or b"/"
    parts = [
        request.method.upper().encode(),
        quote(path, safe="/~").encode(),
        _canonical_query(request.query).encode(),
        headers,
        ";".join(names).encode(),
        hashlib.sha256(request.body).hexdigest().encode(),
    ]
    return b"\n".join(parts)


def _canonical_query(query: str) -> str:
    """Pairs sorted by name, then value; a part without `=` is not signed."""
    pairs = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if name and equals:
            pairs.append((_encode(name), _encode(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(unquote(text.replace("+", " ")), safe="~")


def _tokens_agree(request: Request, account: Account, names: list[str]) -> bool:
    """A security token must be the account's, base64-encoded as the SDK sends it, and signed."""
    sent = request.header("x-jdcloud-security-token")
    if account.security_token is None:
        return sent is None
    expected = base64.b64encode(account.security_token.encode()).decode()
    return sent is not None and hmac.compare_digest(sent, expected) and "x-jdcloud-security-token" in names
