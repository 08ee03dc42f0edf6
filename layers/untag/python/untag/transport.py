"""HTTP/1.1 for httpx over asyncio's own streams: a free list of connections, and nothing that grows with their number.

httpx's own transport walks through every connection at each request, so that one client for many calls in flight gets
slower with each of them. This one takes the connection that was used last, or opens another; how many calls are in
flight is the caller's to bound. It speaks what the providers and AWS speak, and no more: no proxies, no HTTP/2, no
compression.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

KEEP_SECONDS = 55.0
"""A connection that lay idle for longer is not used again: load balancers close theirs after a minute."""

_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_BODILESS = frozenset({204, 304})
_FIRST_FINAL_STATUS = 200


class NoCookies(httpx.Cookies):
    """Keeps nothing: no API here sets cookies, and one account's must never go out with another's call."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are; looking for them costs as much as signing does."""

    def set_cookie_header(self, request: httpx.Request) -> None:
        """Send none."""


class Client(httpx.AsyncClient):
    """httpx's client without cookies, and without what the environment says of proxies and certificates."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._no_cookies = NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        """None, whatever an answer sets."""
        return self._no_cookies

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """Have none."""


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


@dataclass(slots=True, eq=False)
class _Connection:
    origin: _Origin
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = 0.0

    def close(self) -> None:
        """Let go of it; what is still on its way is lost."""
        self.writer.transport.abort()


class Transport(httpx.AsyncBaseTransport):
    """Sends each request on a connection of its own for as long as the call lasts.

    It raises what httpx's own transport raises, and calls `trace` for each connection that it opens. The TLS context is
    made once, at the first https request, and verifies certificates.
    """

    def __init__(
        self,
        *,
        context: Callable[[], ssl.SSLContext] = lambda: httpx.create_ssl_context(trust_env=False),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        self._clock = clock
        self._idle: dict[_Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the head of its answer; the body is read as it is asked for."""
        content = await request.aread()
        message = _message(request, content)
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        origin = _origin(request.url)
        connection = self._take(origin) or await self._open(origin, request, timeouts.get("connect"))
        try:
            connection.writer.write(message)
            if len(message) > _CHUNK_BYTES:  # a small one fits the socket's buffer; waiting for it costs a turn
                await _within(timeouts.get("write"), connection.writer.drain(), httpx.WriteTimeout)
            status, headers = await _within(timeouts.get("read"), _head(connection.reader), httpx.ReadTimeout)
            body = _Body(self, connection, request.method, status, headers, timeouts.get("read"))
            stream = await body.whole() if body.is_small else body
        except (httpx.TransportError, asyncio.CancelledError):
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise httpx.ReadError(type(error).__name__) from error
        return httpx.Response(status, headers=headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close every idle connection."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def put_back(self, connection: _Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.used_at = self._clock()
        self._idle.setdefault(connection.origin, []).append(connection)

    def _take(self, origin: _Origin) -> _Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            fresh = self._clock() - connection.used_at < KEEP_SECONDS
            if fresh and not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.close()
        return None

    async def _open(self, origin: _Origin, request: httpx.Request, seconds: float | None) -> _Connection:
        if "trace" in request.extensions:
            await request.extensions["trace"]("connection.connect_tcp.started", {})
        context: ssl.SSLContext | None = None
        if origin.scheme == "https":
            context = self._context = self._context or self._make_context()
        opening = asyncio.open_connection(
            origin.host,
            origin.port,
            ssl=context,
            server_hostname=origin.host if context else None,
            limit=_HEAD_BYTES,
        )
        try:
            reader, writer = await _within(seconds, opening, httpx.ConnectTimeout)
        except OSError as error:  # certificates that do not verify are OSErrors too
            raise httpx.ConnectError(type(error).__name__) from error
        return _Connection(origin, reader, writer)


class _Body(httpx.AsyncByteStream):
    """An answer's body; once it is read to its end its connection can be used again."""

    def __init__(
        self,
        transport: Transport,
        connection: _Connection,
        method: str,
        status: int,
        headers: list[tuple[bytes, bytes]],
        timeout: float | None,
    ) -> None:
        self._transport = transport
        self._connection: _Connection | None = connection
        self._timeout = timeout
        fields = {name.lower(): value for name, value in headers}
        self._chunked = b"chunked" in fields.get(b"transfer-encoding", b"").lower()
        self._length = _length(fields.get(b"content-length"))
        self._reusable = b"close" not in fields.get(b"connection", b"").lower()
        if method == "HEAD" or status in _BODILESS:
            self._chunked, self._length = False, 0
        if not self._chunked and self._length is None:
            self._reusable = False  # it ends where the connection ends

    @property
    def is_small(self) -> bool:
        """Whether it fits the reader's own buffer, so that reading it at once costs no memory and saves turns."""
        return not self._chunked and self._length is not None and self._length <= _CHUNK_BYTES

    async def whole(self) -> httpx.ByteStream:
        """The body read to its end."""
        content = b"".join([part async for part in self])
        await self.aclose()
        return httpx.ByteStream(content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection = self._connection
        if connection is None:
            return
        parts = _chunks(connection.reader) if self._chunked else _plain(connection.reader, self._length)
        try:
            while part := await _within(self._timeout, anext(parts, b""), httpx.ReadTimeout):
                yield part
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise httpx.RemoteProtocolError("the answer ends before its end") from error
        except OSError as error:
            raise httpx.ReadError(type(error).__name__) from error
        if self._reusable:
            self._connection = None
            self._transport.put_back(connection)

    async def aclose(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _origin(url: httpx.URL) -> _Origin:
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(f"{url.scheme} is not spoken here")
    return _Origin(url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))


def _message(request: httpx.Request, content: bytes) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if not head.count(b"\r") == head.count(b"\n") == len(lines) - 1:
        raise httpx.LocalProtocolError("a line break in a header or a target")
    return b"%s\r\n\r\n%s" % (head, content)


async def _within(seconds: float | None, work: Any, error: type[httpx.TimeoutException]) -> Any:
    if seconds is None:
        return await work
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise error(f"not within {seconds} s") from None


async def _head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise httpx.RemoteProtocolError("the connection was closed without an answer") from error
        except asyncio.LimitOverrunError as error:
            raise httpx.RemoteProtocolError("the answer's head is too long") from error
        first, *lines = head[:-4].split(b"\r\n")
        version, _, rest = first.partition(b" ")
        code = rest[:3]
        if not version.startswith(b"HTTP/1.") or not code.isdigit():
            raise httpx.RemoteProtocolError("the answer is not HTTP/1.1")
        if (status := int(code)) >= _FIRST_FINAL_STATUS:  # an interim answer is followed by another
            return status, [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]


def _length(text: bytes | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit():
        raise httpx.RemoteProtocolError("the answer's length is no number")
    return int(text)


async def _plain(reader: asyncio.StreamReader, length: int | None) -> AsyncIterator[bytes]:
    left = length
    while left is None or left > 0:
        part = await reader.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES))
        if not part:
            if left is None:
                return
            raise asyncio.IncompleteReadError(b"", left)
        if left is not None:
            left -= len(part)
        yield part


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers say nothing here
