"""Volcengine's HMAC-SHA256: AWS Signature Version 4 under other names, with no prefix before the secret.

Facts from volcenginesdkcore 5.0.54 (signv4.py). Every header that begins with `x-` is signed, the body's hash among
them, and so are `host` and `content-type`.
"""

import hashlib
from collections.abc import Generator

import httpx

from untag.providers.signing import DerivedKeyAuth, Scheme


def _path(path: str) -> str:
    return path or "/"


def _query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    return "&".join(f"{name}={value}" for name, value in pairs)


HMAC_SHA256 = Scheme(
    algorithm="HMAC-SHA256",
    key_prefix="",
    terminator="request",
    header_prefix="x-",
    canonical_path=_path,
    canonical_query=_query,
    canonical_value=str.strip,
)


class VolcengineAuth(DerivedKeyAuth):
    """Signs for a service in a region, with the hash of the body in a header."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the body's hash, date, token and Authorization to the request, then let it go."""
        request.headers["x-content-sha256"] = hashlib.sha256(request.content).hexdigest()
        yield from super().auth_flow(request)

    def _signed_headers(self, request: httpx.Request) -> dict[str, str]:
        signed = super()._signed_headers(request)
        # A scheme's own port is left out of what is signed.
        signed["host"] = signed["host"].removesuffix(":80").removesuffix(":443")
        return signed
