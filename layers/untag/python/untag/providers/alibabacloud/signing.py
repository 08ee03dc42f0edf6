"""Alibaba Cloud's ACS3-HMAC-SHA256: the secret itself signs, with no derived key and no scope.

Sources: alibabacloud_tea_openapi 0.4.6 (utils.py) and the page "V3 request syntax and signature method", whose sample
(RunInstances) is one of the recorded signatures. `host`, `content-type` and every `x-acs-` header have to be signed.
The SDK signs `user-agent` and `accept` too, which a proxy on the way may rewrite: they are left out here.
"""

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from urllib.parse import quote, unquote_plus

import httpx

from untag.providers.alibabacloud.credentials import AlibabaCredentials

ALGORITHM = "ACS3-HMAC-SHA256"
_PREFIX = "x-acs-"


def canonical_query(query: str) -> str:
    """The query sorted by its parameters' names as texts: `TagKey.10` stands before `TagKey.2`."""
    pairs = sorted(part.partition("=")[::2] for part in query.split("&")) if query else []
    return "&".join(f"{name}={quote(unquote_plus(value), safe='~')}" for name, value in pairs)


def canonical_request(method: str, raw_path: str, headers: Mapping[str, str], body_hash: str) -> tuple[str, str]:
    """The canonical request and its list of signed headers, for the headers given.

    `raw_path` is path and query as they are sent; `headers` are lower-case names with their values.
    """
    path, _, query = raw_path.partition("?")
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    return "\n".join((method, path or "/", canonical_query(query), lines, signed, body_hash)), signed


class AcsAuth(httpx.Auth):
    """Signs each request with the account's secret, with a date and a nonce of its own.

    A nonce is taken once only, so that each attempt has to be signed afresh. `clock` gives seconds since the epoch;
    both are injected so that tests can pin them.
    """

    requires_request_body = True

    def __init__(
        self,
        credentials: AlibabaCredentials,
        *,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._nonce = nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add date, nonce, hash, token and Authorization to the request, then let it go."""
        credentials = self._credentials
        body_hash = hashlib.sha256(request.content).hexdigest()
        request.headers["x-acs-date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        request.headers["x-acs-signature-nonce"] = self._nonce()
        request.headers["x-acs-content-sha256"] = body_hash
        if credentials.security_token is not None:
            request.headers["x-acs-accesskey-id"] = credentials.access_key
            request.headers["x-acs-security-token"] = credentials.security_token
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in ("host", "content-type") or name.startswith(_PREFIX)
        }
        request.headers["authorization"] = self.authorization(
            request.method, request.url.raw_path.decode("ascii"), headers, body_hash
        )
        yield request

    def authorization(self, method: str, raw_path: str, headers: Mapping[str, str], body_hash: str) -> str:
        """The Authorization header's value for a request described by its parts."""
        canonical, signed = canonical_request(method, raw_path, headers, body_hash)
        text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._credentials.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{ALGORITHM} Credential={self._credentials.access_key},SignedHeaders={signed},Signature={signature}"
