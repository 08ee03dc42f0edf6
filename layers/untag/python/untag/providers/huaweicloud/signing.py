"""Huawei Cloud's SDK-HMAC-SHA256: the secret itself signs, with no derived key and no scope.

Source: huaweicloudsdkcore 3.1.219 (signer/signer.py) and the API Gateway developer guide, "AK/SK signing".
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Generator
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote

import httpx

from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials

ALGORITHM = "SDK-HMAC-SHA256"


def canonical_path(path: str) -> str:
    """The path with every segment encoded, and a slash at its end that the request itself does not have."""
    segments = "/".join(map(_quoted, unquote(path).split("/")))
    return segments if segments.endswith("/") else f"{segments}/"


@lru_cache(maxsize=256)
def _quoted(segment: str) -> str:
    return quote(segment, safe="~")  # all of a path but the resource's id is the same for each call


def canonical_query(query: str) -> str:
    """The query sorted by key, then value, before it is encoded."""
    # A "+" on the wire is a space to parse_qsl; httpx sends spaces as %20 or "+", and a plus sign as %2B.
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


class HuaweiAuth(httpx.Auth):
    """Signs each request with the account's secret.

    Adds `X-Sdk-Date`, `X-Domain-Id` (global services refuse a request without it) and `X-Security-Token` where the
    credentials hold them, and signs these with `host`, `content-type` and `x-project-id`. `clock` gives seconds since
    the epoch.
    """

    requires_request_body = True

    def __init__(self, credentials: HuaweiCloudCredentials, *, clock: Callable[[], float] = time.time) -> None:
        self._credentials = credentials
        self._clock = clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add date, account, token and Authorization to the request, then let it go."""
        credentials = self._credentials
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        request.headers["x-sdk-date"] = stamp
        if credentials.domain_id:
            request.headers["x-domain-id"] = credentials.domain_id
        if credentials.security_token is not None:
            request.headers["x-security-token"] = credentials.security_token
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = ((name.lower(), value) for name, value in request.headers.raw)
        signed = {name.decode(): value.decode().strip() for name, value in sorted(headers) if name in _SIGNED_HEADERS}
        names = ";".join(signed)
        canonical = "\n".join(
            (
                request.method,
                canonical_path(path),
                canonical_query(query),
                "".join(f"{name}:{value}\n" for name, value in signed.items()),
                names,
                hashlib.sha256(request.content).hexdigest(),
            )
        )
        to_sign = f"{ALGORITHM}\n{stamp}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(credentials.secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        request.headers["authorization"] = (
            f"{ALGORITHM} Access={credentials.access_key}, SignedHeaders={names}, Signature={signature}"
        )
        yield request


_SIGNED_HEADERS = frozenset(
    {b"content-type", b"host", b"x-domain-id", b"x-project-id", b"x-sdk-date", b"x-security-token"}
)
