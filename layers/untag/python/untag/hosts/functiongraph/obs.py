"""OBS: its signature, and the calls to one bucket.

Sources: OBS API Reference, "Authentication of Signature in a Header", PUT, GET, DELETE, COPY and append of an object,
and listing; esdk-obs-python 3.26.6 (obs/auth.py). The keys used here consist of letters, digits and `/._-`, so that
nothing of them has to be escaped, and metadata is escaped as the SDK does it.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from email.utils import formatdate
from typing import NamedTuple
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

import httpx

from untag.hosts.functiongraph.client import Huawei, HuaweiError, read_xml
from untag.providers.credentials import AccessKey

_PAGE = 1000
_META = "x-obs-meta-"
_META_SAFE = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"
_META_BYTES = 1024
"""Metadata of an object has 8 KB in all; a value is cut off here, so that the few that are set always fit."""


class Stored(NamedTuple):
    """An object: its text and its metadata."""

    text: str
    metadata: Mapping[str, str]
    etag: str


class Listed(NamedTuple):
    """An object in a listing. `modified` is when it was written, as OBS says it: `2026-12-01T03:00:00.000Z`."""

    key: str
    size: int
    modified: str = ""


class ObsAuth(httpx.Auth):
    """OBS's signature: HMAC-SHA1 over the method, the headers that begin with `x-obs-`, and the resource.

    `resource` is `/bucket/key`, with those parameters of the query that OBS counts as a part of it.
    """

    def __init__(self, key: AccessKey, resource: str, *, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._resource = resource
        self._clock = clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add date, token and Authorization to the request, then let it go."""
        headers = request.headers
        headers["x-obs-date"] = formatdate(self._clock(), usegmt=True)
        if self._key.security_token is not None:
            headers["x-obs-security-token"] = self._key.security_token
        own = sorted((name, value.strip()) for name, value in headers.items() if name.startswith("x-obs-"))
        lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), ""]
        lines += [f"{name}:{value}" for name, value in own]
        to_sign = "\n".join((*lines, self._resource))
        digest = hmac.new(self._key.secret_key.encode(), to_sign.encode(), hashlib.sha1).digest()
        headers["authorization"] = f"OBS {self._key.access_key}:{base64.b64encode(digest).decode()}"
        yield request


class Obs:
    """The calls to a bucket. Each of them raises HuaweiError."""

    def __init__(self, huawei: Huawei) -> None:
        self._huawei = huawei
        places = huawei.places
        self.bucket = places.bucket
        public = f"https://{places.bucket}.obs.{places.region}.myhuaweicloud.com"
        endpoint = places.endpoints.get("obs")
        self._base = public if endpoint is None else f"{endpoint}/{places.bucket}"

    async def put(self, key: str, text: str, metadata: Mapping[str, str] = {}) -> None:
        """Write an object, in place of one that is there."""
        headers = {"content-type": "text/plain; charset=utf-8"}
        # A header's name has no underscore: not every proxy lets one pass.
        headers |= {_META + name.replace("_", "-"): _escaped(value) for name, value in metadata.items() if value}
        # Half a character, as a name that was cut in two has it, cannot be written.
        await self._call("PUT", key, headers=headers, content=text.encode(errors="replace"))

    async def create(self, key: str) -> bool:
        """Make an object with one byte if there is none of this key; whether it was made.

        It is the one write of OBS that depends on what is there: an append names the length that the object has, and is
        refused with 409 where another was first.
        """
        try:
            await self._call("POST", key, "?append&position=0", content=b"1")
        except HuaweiError as error:
            if error.status == httpx.codes.CONFLICT:
                return False
            raise
        return True

    async def get(self, key: str) -> Stored | None:
        """An object, None if there is none."""
        try:
            response = await self._call("GET", key)
        except HuaweiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        text = response.content.decode(errors="replace")
        return Stored(text, _metadata(response), response.headers.get("etag", ""))

    async def metadata(self, key: str) -> dict[str, str]:
        """An object's metadata, without its text."""
        return _metadata(await self._call("HEAD", key))

    async def copy(self, key: str, to: str) -> bool:
        """Copy an object with its metadata; False if there is none."""
        headers = {"x-obs-copy-source": f"/{self.bucket}/{_path(key)}"}
        try:
            response = await self._call("PUT", to, headers=headers)
        except HuaweiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return False
            raise
        if b"<ETag>" not in response.content:  # a copy is answered before it ends, and may fail after its 200
            raise HuaweiError("obs", "COPY", "unreadable", response.status_code, transient=True)
        return True

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        await self._call("DELETE", key)

    async def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """The objects whose keys begin so, in the order of their keys, page by page as they are asked for."""
        marker = ""
        while True:
            query = f"?prefix={quote(prefix, safe='')}&marker={quote(marker, safe='')}&max-keys={_PAGE}"
            response = await self._call("GET", "", query)
            try:
                page = read_xml(response)
                contents = [
                    Listed(
                        one.findtext("{*}Key", ""),
                        int(one.findtext("{*}Size", "0")),
                        one.findtext("{*}LastModified", ""),
                    )
                    for one in page.iterfind("{*}Contents")
                ]
            except (ET.ParseError, ValueError):
                raise HuaweiError("obs", "GET", "unreadable", response.status_code, transient=True) from None
            for one in contents:
                yield one
            if page.findtext("{*}IsTruncated") != "true" or not contents:
                return
            marker = contents[-1].key

    async def _call(
        self, method: str, key: str, query: str = "", *, headers: Mapping[str, str] = {}, content: bytes = b""
    ) -> httpx.Response:
        path = _path(key)
        url = f"{self._base}/{path}{query}"
        # Of a query only what OBS calls a sub-resource is signed: an append's, and nothing of a listing's.
        resource = f"/{self.bucket}/{path}{query if query.startswith('?append') else ''}"
        return await self._huawei.tried(
            "obs",
            method,
            lambda: httpx.Request(method, url, headers=headers, content=content),
            lambda: ObsAuth(self._huawei.key(), resource, clock=self._huawei.timing.now),
        )


def _metadata(response: httpx.Response) -> dict[str, str]:
    return {
        name.removeprefix(_META).replace("-", "_"): unquote(value)
        for name, value in response.headers.items()
        if name.startswith(_META)
    }


def _path(key: str) -> str:
    """A key as it travels and is signed. Our own have no letter that is escaped; others' may."""
    return quote(key, safe="/~")


def _escaped(value: str) -> str:
    """A value of metadata in a header, no longer than is useful to a reader."""
    escaped = quote(value, safe=_META_SAFE)
    while len(escaped) > _META_BYTES:
        value = value[: len(value) * _META_BYTES // len(escaped)]
        escaped = quote(value, safe=_META_SAFE)
    return escaped
