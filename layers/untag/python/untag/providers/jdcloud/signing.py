"""JD Cloud's signature: the names and canonical forms of JDCLOUD3-HMAC-SHA256."""

import base64
import re
from urllib.parse import quote, unquote_plus

from untag.providers.signing import Scheme


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
