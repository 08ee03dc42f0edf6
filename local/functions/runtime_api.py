"""The HTTP server from which the runtime client in a function's process takes its invocations.

Shapes: "Using the Lambda runtime API" in the Lambda developer guide.
"""

import queue
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from local.functions import container

_API = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """What a process is handed, and where its answer goes: the error's kind or "", and the body."""

    request_id: str
    payload: bytes
    deadline: float
    """In seconds since the epoch."""
    answer: queue.SimpleQueue[tuple[str, bytes]] = field(default_factory=queue.SimpleQueue)


class Environment(Protocol):
    """The execution environment that a server belongs to."""

    @property
    def credentials(self) -> container.ContainerCredentials | None:
        """The endpoint for AWS's key under SnapStart; None without it."""

    @property
    def function_arn(self) -> str:
        """The function's ARN."""

    def next_invocation(self) -> Invocation | None:
        """Blocks until there is an invocation; None when the environment is closing."""

    def answered(self, request_id: str, error: str, body: bytes) -> bool:
        """Takes an answer; false for an invocation that is not the current one."""

    def init_failed(self, body: bytes) -> None:
        """Takes the error for which the function could not be loaded."""


class RuntimeApi(ThreadingHTTPServer):
    """The server of one execution environment, on loopback."""

    daemon_threads = True

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    # Without these two, Nagle's algorithm and delayed acknowledgements cost 88 ms per invocation.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        credentials = self.server.environment.credentials
        if self.path == container.PATH and credentials is not None:
            self._reply(*credentials.answer(self.headers.get("Authorization")))
            return
        if self.path == f"{_API}/restore/next" and credentials is not None:
            # Asked for when the function is loaded: here Lambda takes the snapshot, and answers in each copy of it.
            self._reply(200, b"{}")
            return
        if self.path != f"{_API}/invocation/next":
            self._reply(404, b"{}")
            return
        invocation = self.server.environment.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self._reply(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.environment.function_arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = self.server.environment
        if self.path == f"{_API}/init/error":
            environment.init_failed(body)
            self._reply(202, b"{}")
            return
        *start, request_id, verb = self.path.split("/")
        if "/".join(start) != f"{_API}/invocation" or verb not in {"response", "error"}:
            self._reply(404, b"{}")
            return
        taken = environment.answered(request_id, "Unhandled" if verb == "error" else "", body)
        self._reply(202 if taken else 400, b"{}")

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Keeps quiet: the function's own log is what counts."""
