"""The transport against a server of h11's making, against bytes written by hand, and over TLS."""

import asyncio
import datetime as dt
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from support import run

from local.providers.wire import HttpServer, Request, Response
from untag.transport import KEEP_SECONDS, Client, Transport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Opened:
    """Counts the connections that a transport opens, by the trace that httpx's own transport has too."""

    def __init__(self):
        self.count = 0

    async def __call__(self, event, _):
        self.count += event == "connection.connect_tcp.started"


def answering(*answers: bytes, close: bool = False) -> Serve:
    """A server that reads a request's head and writes the next of some answers, on whatever connection."""
    left = list(answers)

    async def serve(reader, writer):
        while left:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length:
                await reader.readexactly(int(length[0].partition(b":")[2]))
            writer.write(left.pop(0))
            if close:
                break
        writer.close()

    return serve


def served(serve: Serve, work, server=None, **kwargs):
    """Run `work` with a client of ours and the port of a server that is gone without a trace afterwards."""
    serving = set()

    async def tracked(reader, writer):
        serving.add((asyncio.current_task(), writer))
        await serve(reader, writer)

    async def run():
        listening = await asyncio.start_server(tracked, "127.0.0.1", 0, **(server or {}))
        port = listening.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(transport=Transport(**kwargs), trust_env=False) as client:
            found = await work(client, port)
        listening.close()
        for task, writer in serving:
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*(task for task, _ in serving), return_exceptions=True)
        await asyncio.sleep(0)
        return found

    return asyncio.run(run())


async def get(client, port, opened=None, scheme="http", **kwargs):
    extensions = {"trace": opened} if opened is not None else {}
    return await client.get(f"{scheme}://127.0.0.1:{port}/a%20b?c=d", extensions=extensions, **kwargs)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300_000),
    st.binary(max_size=300_000),
    st.sampled_from([200, 204, 401, 404, 500]),
)
def test_what_is_sent_arrives_and_what_is_answered_comes_back(sent, answered, status):
    answered = b"" if status == 204 else answered
    seen = []

    async def handle(request: Request) -> Response:
        seen.append(request)
        return Response(status, answered, (("x-one", "1"),))

    server = HttpServer(handle, 0)
    server.start()
    try:

        async def work():
            async with httpx.AsyncClient(transport=Transport(), trust_env=False) as client:
                return [await client.post(f"http://127.0.0.1:{server.port}/p", content=sent) for _ in range(2)]

        for response in asyncio.run(work()):
            assert (response.status_code, response.content) == (status, answered)
            assert response.headers["x-one"] == "1"
    finally:
        server.stop()
    assert [(one.method, one.target, one.body) for one in seen] == [("POST", "/p", sent)] * 2


def test_a_connection_whose_answer_was_read_is_used_again():
    opened = Opened()

    async def work(client, port):
        return [(await get(client, port, opened)).text for _ in range(3)]

    assert served(answering(OK, OK, OK), work) == ["ok"] * 3
    assert opened.count == 1


def test_calls_in_flight_have_a_connection_each():
    opened = Opened()

    async def work(client, port):
        return await asyncio.gather(*(get(client, port, opened) for _ in range(5)))

    assert len(served(answering(*[OK] * 5), work)) == 5
    assert opened.count == 5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
    ],
)
def test_a_connection_that_ends_with_its_answer_is_not_used_again(answer):
    opened = Opened()

    async def work(client, port):
        return [(await get(client, port, opened)).text for _ in range(2)]

    assert served(answering(answer, answer, close=True), work) == ["ok"] * 2
    assert opened.count == 2


def test_a_connection_that_was_idle_for_too_long_is_not_used_again():
    now = [0.0]
    opened = Opened()

    async def work(client, port):
        await get(client, port, opened)
        now[0] += KEEP_SECONDS
        await get(client, port, opened)

    served(answering(OK, OK), work, clock=lambda: now[0])
    assert opened.count == 2


def test_a_connection_closed_by_the_other_side_while_idle_is_not_used_again():
    opened = Opened()

    async def work(client, port):
        await get(client, port, opened)
        await asyncio.sleep(0.05)  # until the end has arrived
        return (await get(client, port, opened)).text

    assert served(answering(OK, OK, close=True), work) == "ok"
    assert opened.count == 2


@given(st.lists(st.binary(min_size=1, max_size=70_000), max_size=5), st.sampled_from([b"", b";ext=1"]))
@settings(max_examples=40, deadline=None)
def test_a_chunked_answer_is_put_together(parts, extension):
    chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"

    async def work(client, port):
        return [(await get(client, port)).content for _ in range(2)]

    assert served(answering(answer, answer), work) == [b"".join(parts)] * 2


def test_an_interim_answer_is_followed_by_the_one_that_counts():
    async def work(client, port):
        return (await get(client, port)).status_code

    assert (
        served(answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK), work) == 200
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_or_breaks_off_is_a_protocol_error(answer):
    async def work(client, port):
        with pytest.raises(httpx.RemoteProtocolError):
            await get(client, port)

    served(answering(answer, close=True), work)


def test_nobody_there_is_a_connect_error():
    async def work(client, port):
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:1/")

    served(answering(OK), work)


def test_each_phase_has_its_time_out():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def work(client, port):
        with pytest.raises(httpx.ReadTimeout):
            await get(client, port, timeout=httpx.Timeout(5.0, read=0.05))

    served(silent, work)

    async def half(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
        await reader.read()
        writer.close()

    served(half, work)


def test_a_connection_that_is_reset_is_a_read_error():
    async def reset(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def work(client, port):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await get(client, port)
        # A server that resets without reading.
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.post(f"http://127.0.0.1:{port}/", content=b"x" * 8_000_000)

    served(reset, work)


def test_the_head_of_an_answer_without_a_body_is_all_of_it():
    opened = Opened()

    async def work(client, port):
        for _ in range(2):
            answer = await client.head(f"http://127.0.0.1:{port}/", extensions={"trace": opened})
            assert (answer.content, answer.headers["content-length"]) == (b"", "2")

    served(answering(*[OK.removesuffix(b"ok")] * 2), work)
    assert opened.count == 1


def test_an_answer_that_is_not_read_to_its_end_closes_its_connection():
    opened = Opened()

    async def work(client, port):
        async with client.stream("GET", f"http://127.0.0.1:{port}/", extensions={"trace": opened}):
            pass
        return (await get(client, port, opened)).text

    long = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000  # a short one is read at once
    assert served(answering(long, OK), work) == "ok"
    assert opened.count == 2


@pytest.mark.parametrize("header", ["a\r\nx-injected: 1", "a\nb"])
def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(header):
    async def work(client, port):
        with pytest.raises(httpx.LocalProtocolError):
            await get(client, port, headers={"x-a": header})

    served(answering(OK), work)


def test_only_http_and_https_are_spoken():
    async def work(client, port):
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")

    served(answering(OK), work)


def certificate(tmp_path, host):
    """A self-signed certificate for a host, as files; gives the server's context and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / f"{host}.pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_https_is_spoken_with_one_context_and_connections_are_kept(tmp_path):
    server, trusting = certificate(tmp_path, "localhost")
    made = []
    opened = Opened()

    def context():
        made.append(1)
        return trusting

    async def work(client, port):
        found = []
        for _ in range(3):
            answer = await client.get(f"https://localhost:{port}/", extensions={"trace": opened})
            found.append(answer.text)
        return found

    assert served(answering(OK, OK, OK), work, server={"ssl": server}, context=context) == ["ok"] * 3
    assert (len(made), opened.count) == (1, 1)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_somebody_else_is_not_believed(tmp_path, trusted):
    server, trusting = certificate(tmp_path, "elsewhere.example" if trusted else "localhost")

    async def work(client, port):
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://localhost:{port}/")

    kwargs = {"context": lambda: trusting} if trusted else {}
    served(answering(OK), work, server={"ssl": server}, **kwargs)


def test_a_cookie_that_an_answer_sets_is_sent_to_nobody():
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"set-cookie": "session=of-one-account"})

    async def work():
        async with Client(httpx.MockTransport(answer)) as client:
            for _ in range(2):
                await client.get("http://127.0.0.1/")
            return dict(client.cookies)

    assert run(work()) == {}
    assert [request.headers.get("cookie") for request in asked] == [None, None]
