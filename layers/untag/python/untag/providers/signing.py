"""AWS Signature Version 4 and JD Cloud's JDCLOUD3-HMAC-SHA256: one algorithm under two sets of names.

Both hash a canonical request, name a scope of date, region and service, and sign with a key derived from the secret
along that scope. They differ in the names of things, in how the path and the query become canonical, and in whether
runs of spaces inside a header's value are folded; `Scheme` holds just these differences.

Sources: AWS General Reference, "Signature Version 4 signing process"; jdcloud_sdk 1.6.354 (core/signer.py).
"""

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

import httpx

from untag.providers.credentials import AccessKey


def _same(text: str) -> str:
    return text


def _aws_path(path: str) -> str:
    # Every service but S3 encodes the path that is sent once more.
    return quote(path or "/", safe="/~")


def _aws_query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    return "&".join(f"{key}={value}" for key, value in pairs)


def _aws_value(value: str) -> str:
    return " ".join(value.split())


def _jdcloud_path(path: str) -> str:
    # Decoded first, so that ":" and "%3A" on the wire have one signature. A "+" means a space here, even in a path.
    decoded = re.sub("/+", "/", unquote_plus(path))
    return quote(decoded if decoded.startswith("/") else f"/{decoded}", safe="/~")


def _jdcloud_query(query: str) -> str:
    pairs = []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if key and equals:  # the signer leaves out a key without "=", and so does the gateway
            pairs.append((quote(unquote_plus(key), safe="~"), quote(unquote_plus(value), safe="~")))
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


def _base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


class Scheme(NamedTuple):
    """The names and canonical forms in which the two signatures differ."""

    algorithm: str
    key_prefix: str
    terminator: str
    header_prefix: str
    """Headers that start so are signed, with `host` and `content-type`."""
    canonical_path: Callable[[str], str]
    canonical_query: Callable[[str], str]
    canonical_value: Callable[[str], str]
    encoded_token: Callable[[str], str] = _same
    """The form in which a security token is sent and signed."""
    nonce: bool = False
    """Whether each request carries a nonce and the hash of its body in headers."""


AWS4 = Scheme(
    algorithm="AWS4-HMAC-SHA256",
    key_prefix="AWS4",
    terminator="aws4_request",
    header_prefix="x-amz-",
    canonical_path=_aws_path,
    canonical_query=_aws_query,
    canonical_value=_aws_value,
)
JDCLOUD3 = Scheme(
    algorithm="JDCLOUD3-HMAC-SHA256",
    key_prefix="JDCLOUD3",
    terminator="jdcloud3_request",
    header_prefix="x-jdcloud-",
    canonical_path=_jdcloud_path,
    canonical_query=_jdcloud_query,
    canonical_value=str.strip,
    encoded_token=_base64,
    nonce=True,
)


def canonical_request(
    scheme: Scheme, method: str, raw_path: str, headers: Mapping[str, str], body_hash: str
) -> tuple[str, str]:
    """The canonical request and its list of signed headers, for the headers given.

    `raw_path` is path and query as they are sent; `headers` are lower-case names with their values.
    """
    path, _, query = raw_path.partition("?")
    names = sorted(headers)
    lines = "".join(f"{name}:{scheme.canonical_value(headers[name])}\n" for name in names)
    signed = ";".join(names)
    canonical = "\n".join(
        (method, scheme.canonical_path(path), scheme.canonical_query(query), lines, signed, body_hash)
    )
    return canonical, signed


class DerivedKeyAuth(httpx.Auth):
    """Signs each request with a key derived for the day, the region and the service.

    `clock` gives seconds since the epoch and `nonce` a fresh unique text; both are injected so that tests can pin them.
    The derived key is kept for as long as its day lasts. No error is raised here: a wrong key is the server's to
    refuse.
    """

    requires_request_body = True

    def __init__(
        self,
        scheme: Scheme,
        credentials: AccessKey,
        *,
        region: str,
        service: str,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._scheme = scheme
        self._credentials = credentials
        self._scope = (region, service, scheme.terminator)
        self._clock = clock
        self._nonce = nonce
        self._derived: tuple[str, bytes] = ("", b"")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add date, nonce, token and Authorization to the request, then let it go."""
        scheme, credentials = self._scheme, self._credentials
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        body_hash = hashlib.sha256(request.content).hexdigest()
        added = {f"{scheme.header_prefix}date": stamp}
        if credentials.security_token is not None:
            added[f"{scheme.header_prefix}security-token"] = scheme.encoded_token(credentials.security_token)
        if scheme.nonce:
            added[f"{scheme.header_prefix}nonce"] = self._nonce()
        request.headers.update(added)
        request.headers["authorization"] = self.authorization(
            request.method,
            request.url.raw_path.decode("ascii"),
            self._signed_headers(request),
            body_hash,
            stamp,
        )
        if scheme.nonce:
            # Sent, not signed, as the SDK does; the body is bound through the canonical request all the same.
            request.headers[f"{scheme.header_prefix}content-sha256"] = body_hash
        yield request

    def authorization(self, method: str, raw_path: str, headers: Mapping[str, str], body_hash: str, stamp: str) -> str:
        """The Authorization header's value for a request described by its parts."""
        scheme = self._scheme
        canonical, signed = canonical_request(scheme, method, raw_path, headers, body_hash)
        day = stamp[:8]
        scope = "/".join((day, *self._scope))
        to_sign = "\n".join((scheme.algorithm, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.new(self._key(day), to_sign.encode(), hashlib.sha256).hexdigest()
        return (
            f"{scheme.algorithm} Credential={self._credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )

    def _signed_headers(self, request: httpx.Request) -> dict[str, str]:
        signed = {
            name: value
            for name, value in request.headers.items()
            if name == "content-type" or name.startswith(self._scheme.header_prefix)
        }
        if self._scheme.nonce:  # JD Cloud's is put on behind the signature; S3 wants its own signed
            signed.pop(f"{self._scheme.header_prefix}content-sha256", None)
        signed["host"] = request.headers["host"]
        return signed

    def _key(self, day: str) -> bytes:
        if self._derived[0] != day:
            key = f"{self._scheme.key_prefix}{self._credentials.secret_key}".encode()
            for part in (day, *self._scope):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._derived = (day, key)
        return self._derived[1]
