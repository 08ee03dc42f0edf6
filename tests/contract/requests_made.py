"""Requests to sign, made by hypothesis: unicode, spaces, reserved characters, empty values, queries, bodies."""

import json
from urllib.parse import quote

import httpx
from hypothesis import strategies as st

from local.providers.wire import Request

CLOCK = st.integers(min_value=946684800, max_value=4102444799)  # the years 2000 to 2099
# A secret is handled as text and sent nowhere; surrogates are no text that UTF-8 could carry.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ACCESS_KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=32)
TOKENS = st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
REGIONS = st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[1-4]", fullmatch=True) | st.just("cn-all")
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])
HOSTS = st.sampled_from(["resourcetag.jdcloud-api.com", "rms.myhuaweicloud.com", "127.0.0.1:8080", "localhost:65535"])
# What httpx lets into a header is ASCII, and h11 refuses control characters.
# Runs of spaces are where the algorithms differ, and chance alone hardly makes one.
HEADER_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30) | st.text("a ", max_size=8)

_RESERVED = "!*'();:@&=+$,/?#[]%~ \"<>\\^`{|}-_."
PIECES = TEXT | st.text(_RESERVED, max_size=6) | st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
_TAGS = st.lists(st.fixed_dictionaries({"key": PIECES, "value": PIECES}), max_size=3)


@st.composite
def paths(draw: st.DrawFn, raw: str = "~:@!$&'()*,=") -> str:
    """A path as it is sent: segments encoded, but for what `raw` leaves as it is, sometimes."""
    segments = draw(st.lists(PIECES, max_size=5))
    safe = draw(st.sampled_from(["", raw]))
    return "/" + "/".join(quote(segment, safe=safe) for segment in segments)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query as it is sent: unsorted pairs, repeated keys and empty values among them."""
    pairs = draw(st.lists(st.tuples(PIECES, PIECES), max_size=4))
    pairs += draw(st.lists(st.sampled_from([*pairs, ("Z", "1"), ("a", ""), ("a", "2")]), max_size=2))
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """JSON with its characters escaped or raw, other text, or nothing."""
    kind = draw(st.sampled_from(["json", "json", "text", "empty"]))
    if kind == "json":
        return json.dumps({"tags": draw(_TAGS)}, ensure_ascii=draw(st.booleans()))
    return draw(TEXT) if kind == "text" else ""


def build(
    method: str, host: str, path: str, query: str, body: str, headers: dict[str, str] | None = None
) -> httpx.Request:
    """The request that our signing gets to see."""
    url = f"https://{host}{path}" + (f"?{query}" if query else "")
    return httpx.Request(method, url, content=body.encode(), headers=headers)


def received(request: httpx.Request) -> Request:
    """The request as a server reads it off the wire."""
    headers = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in request.headers.raw)
    return Request(request.method, request.url.raw_path.decode(), headers, request.content)


def signed(auth: httpx.Auth, request: httpx.Request) -> dict[str, str]:
    """The headers of the request after our signing, by their lower-case names."""
    next(auth.auth_flow(request))
    return dict(request.headers)
