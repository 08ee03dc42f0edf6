"""HTTP/1.1 on loopback: an asyncio server in a thread of its own, with keep-alive, that can also misbehave.

It knows nothing of clouds. A handler gets a Request and gives back a Response, or a Hangup where the client
shall never read an answer.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import h11

READ_SIZE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire: nothing decoded, header names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target up to its query, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, still percent-encoded."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """A header's value; several are joined by a comma, None where there is none."""
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; with `cut`, only that many bytes of the body leave before the connection closes."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class Hangup:
    """No answer: after `seconds`, or when the client gives up, the connection is reset (a real RST).

    `done` is called when it has come to that.
    """

    seconds: float | None = 0.0
    done: Callable[[], None] | None = None


Reply = Response | Hangup
Handler = Callable[[Request], Awaitable[Reply]]


class _Running(NamedTuple):
    """What it takes to stop a started server."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Event


class HttpServer:
    """The server: `start()` binds (port 0: any free port, kept for the next start), `stop()` cuts all off."""

    def __init__(self, handler: Handler, port: int = 0, max_body: int = 100 * 1024 * 1024) -> None:
        self._handler = handler
        self._max_body = max_body
        self._thread: threading.Thread | None = None
        self._running: _Running | None = None
        self._failure: BaseException | None = None
        self.port = port

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when connections are accepted, raises OSError if the port is taken."""
        if self._thread is not None:
            return
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="http-server", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure

    def stop(self) -> None:
        """Close the port and every connection; returns when the thread has ended."""
        thread, running = self._thread, self._running
        if thread is None or running is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            running.loop.call_soon_threadsafe(running.done.set)
        thread.join()
        self._thread = self._running = None

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._main(ready))
        except BaseException as error:  # noqa: BLE001 - it is raised where the thread was started
            self._failure = error
        finally:
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is None:  # never: asyncio runs this callback as a task
                return
            connections.add(task)
            try:
                await self._serve(reader, writer)
            except (ConnectionError, asyncio.CancelledError, h11.ProtocolError):
                pass  # a client that left, or a server that stops
            finally:
                connections.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, limit=READ_SIZE, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        done = asyncio.Event()
        self._running = _Running(asyncio.get_running_loop(), done)
        ready.set()
        await done.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*list(connections), return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the loop's next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while (request := await self._read(connection, reader, writer)) is not None:
            reply = await self._handler(request)
            if isinstance(reply, Hangup):
                try:
                    await _hang_up(reply, reader, writer)
                finally:
                    if reply.done is not None:
                        reply.done()
                return
            if reply.cut is not None:
                writer.write(_head(connection, reply) + reply.body[: reply.cut])
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                return
            payload = _head(connection, reply)
            if reply.body:
                payload += connection.send(h11.Data(data=reply.body)) or b""
            payload += connection.send(h11.EndOfMessage()) or b""
            writer.write(payload)
            await writer.drain()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _read(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Request | None:
        """The next request; None when the client closed, or sent what is no HTTP or too much."""
        head: h11.Request | None = None
        chunks: list[bytes] = []
        size = 0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                connection.receive_data(await reader.read(READ_SIZE))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > self._max_body:
                    return None
                chunks.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return Request(
                    head.method.decode("ascii"),
                    head.target.decode("latin-1"),
                    tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers),
                    b"".join(chunks),
                )
            else:
                return None


class Listening:
    """What has a server of its own, on 127.0.0.1: its life, and where it is."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        """Port 0 takes any free port, and keeps it over stop() and start()."""
        self._http = HttpServer(handler, port)

    def start(self) -> Self:
        """Listen; gives itself."""
        self._http.start()
        return self

    def stop(self) -> None:
        """Close the port and cut every connection; what is held stays as it is."""
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port, once started."""
        return self._http.port

    @property
    def url(self) -> str:
        """Scheme, host and port, as the endpoint variables want them."""
        return f"http://127.0.0.1:{self.port}"


def _head(connection: h11.Connection, reply: Response) -> bytes:
    """The status line and the headers of an answer."""
    headers = list(reply.headers)
    if reply.body:
        headers.append(("Content-Type", reply.content_type))
    if reply.status not in {204, 304}:
        headers.append(("Content-Length", str(len(reply.body))))
    return connection.send(h11.Response(status_code=reply.status, headers=headers)) or b""


async def _hang_up(hangup: Hangup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if hangup.seconds != 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(hangup.seconds):
                await reader.read()  # ends when the client closes
    # With a linger time of zero the kernel sends RST instead of FIN.
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
