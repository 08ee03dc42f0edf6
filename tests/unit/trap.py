"""A server that nothing may call, a door to it that stands open, and names that would lead there if anything could."""

import re
import threading
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

AWS = re.compile(r"(sqs|sns|secretsmanager)\.eu-west-1\.amazonaws\.com")
"""The hosts of the service's own AWS."""


class Trap:
    """A server that nobody has any business with."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        hits = self.hits

        class Handler(BaseHTTPRequestHandler):
            def _hit(self) -> None:
                hits.append(f"{self.command} {self.path}")
                self.send_response(204)
                self.end_headers()

            do_GET = do_POST = do_PUT = do_DELETE = _hit  # noqa: N815 - the names are the base class's

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Open(httpx.AsyncBaseTransport):
    """Leads the configured endpoints to the house, and everything else out into the world."""

    def __init__(self, wire: httpx.AsyncBaseTransport, hosts: Collection[str]) -> None:
        self._wire = wire
        self._hosts = hosts
        self._world = httpx.AsyncHTTPTransport()
        self.made: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.made.append((request.url.host, request.url.raw_path.decode()))
        if request.url.host in self._hosts or AWS.fullmatch(request.url.host):
            return await self._wire.handle_async_request(request)
        return await self._world.handle_async_request(request)

    async def aclose(self) -> None:
        await self._world.aclose()


def forged(trap: str) -> list[str]:
    """Values that would lead elsewhere, if anything could."""
    return [
        f"@{trap}/",
        f"x@{trap}",
        f"//{trap}/",
        f"http://{trap}/",
        f"..%2f..%2f{trap}",
        f"%2e%2e%2f{trap}",
        "..",
        ".",
        "a/../../b",
        "a\\..\\b",
        "a%2Fb",
        "a%00b",
        "a?b=c",
        "a#b",
        "a&project_id=other",
        f"a\r\nHost: {trap}",
        f"a\nX-Forwarded-Host: {trap}",
        f"a\u2028{trap}",
        "\uff0e\uff0e\uff0fa",
        "a\u2215b",
        "\uff20elsewhere",
        "аdmin",  # noqa: RUF001 - a Cyrillic letter is the point
        "default/../other",
        "default\x00",
        "cn-north-1.evil.example.com",
        f"cn-north-1:{trap.rpartition(':')[2]}",
        "a b",
        "$",
        "a\n",
    ]
