"""Runs a function as Lambda does: in a process of its own with the real runtime client, behind a Runtime API.

One `ExecutionEnvironment` is one process and one HTTP server on loopback that hands it invocations. A process
that exits, or that is killed for taking too long, is gone with its environment; the next invocation gets a
new one.

Shapes of the errors: what the service answers for a function that times out, exits or cannot be imported.
"""

import contextlib
import fcntl
import json
import os
import queue
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.functions import container
from local.functions.runtime_api import Invocation, RuntimeApi

# Lambda gives a function 10 seconds to come up, and then once more within its time-out.
INIT_SECONDS = 10.0
# The greatest payload of a synchronous invocation: 6 MB, and 100 bytes more for an answer.
REQUEST_BYTES = 6 * 1024 * 1024
RESPONSE_BYTES = REQUEST_BYTES + 100
LOG_LINES = 5000

_PIPE_READ = 65536


@dataclass(frozen=True)
class FunctionSpec:
    """What is to be run, and with what."""

    name: str
    arn: str
    handler: str
    folder: Path
    """The root of the function's package."""
    layers: tuple[Path, ...]
    """Folders that go on the import path after the function's own."""
    python: Path
    """The interpreter; what it can import besides is what the function can import."""
    timeout: float
    memory: int
    runtime: str
    environment: Mapping[str, str]
    log_group: str
    log_format: str = "Text"
    snap_start: bool = False
    """Whether it gets its AWS key as under SnapStart. It starts anew all the same: there are no snapshots here."""


@dataclass(frozen=True)
class Answer:
    """What one invocation came to."""

    request_id: str
    payload: bytes
    error: str = ""
    """Empty, or the error's kind: "Unhandled" is the handler's own exception, the others are Lambda's."""
    cold: bool = False
    init_seconds: float = 0.0
    seconds: float = 0.0
    log: tuple[str, ...] = ()

    @property
    def value(self) -> Any:
        """The payload, parsed; None where it is empty."""
        return json.loads(self.payload) if self.payload else None


class ExecutionEnvironment:
    """One process with the function in it. Handles one invocation at a time."""

    def __init__(self, spec: FunctionSpec, sink: Callable[[str], None] | None = None) -> None:
        self._spec = spec
        self._sink = sink
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self._state = threading.Condition()
        self._ready = False
        self._init_error: bytes | None = None
        self._exit: int | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._log_lock = threading.Lock()
        self._used = False
        self.credentials = container.ContainerCredentials(spec.environment) if spec.snap_start else None
        self._server = RuntimeApi(self)
        self._threads = [threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)]
        self._started = time.monotonic()
        self._process = self._spawn()
        self._threads += [
            threading.Thread(target=self._read_log, daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether it can take another invocation."""
        return self._exit is None and self._init_error is None

    def invoke(self, payload: bytes) -> Answer:
        """One invocation, from the hand-over to the answer, the exit or the end of the function's time."""
        cold = not self._used
        self._used = True
        request_id = str(uuid.uuid4())
        if not self._come_up():
            # Nothing was handed over: the process never asked for an invocation.
            error, body = self._why_not_up(request_id)
            self.close()
            return self._answer(request_id, error, body, cold=cold)
        init_seconds = time.monotonic() - self._started if cold else 0.0
        if not cold:
            with self._log_lock:
                self._log.clear()
        started = time.monotonic()
        invocation = Invocation(request_id, payload, time.time() + self._spec.timeout)
        self._current = invocation
        if self._exit is not None:
            # It ended after it had asked for work, and the thread that watches it saw no invocation to end.
            invocation.answer.put(("Runtime.ExitError", b""))
        self._invocations.put(invocation)
        error, body = self._await(invocation, started + self._spec.timeout)
        seconds = time.monotonic() - started
        self._settle()
        return self._answer(request_id, error, body, cold=cold, init_seconds=init_seconds, seconds=seconds)

    def close(self) -> None:
        """Ends the process and its server; can be called more than once."""
        self._kill()
        self._process.wait()
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    # The process

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._spec.python), "-m", "awslambdaric", self._spec.handler],
            cwd=self._spec.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        """The function's own variables and Lambda's, and nothing of this process's."""
        spec = self._spec
        variables = spec.environment
        if self.credentials is not None:
            variables = self.credentials.environment(variables, self._server.server_port)
        return {
            "LANG": "en_US.UTF-8",
            "PATH": os.pathsep.join([str(spec.python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join(map(str, (spec.folder, *spec.layers))),
            "TZ": ":UTC",
            **variables,
            "_HANDLER": spec.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if spec.snap_start else "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": spec.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": time.strftime("%Y/%m/%d/[$LATEST]", time.gmtime()) + uuid.uuid4().hex,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "LAMBDA_TASK_ROOT": str(spec.folder),
        }

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            # The process leads a group, so that what it started ends with it.
            os.killpg(self._process.pid, signal.SIGKILL)

    def _watch(self) -> None:
        code = self._process.wait()
        with self._state:
            self._exit = code
            self._state.notify_all()
        # Wakes the thread that waits for an answer which will not come.
        if (current := self._current) is not None:
            current.answer.put(("Runtime.ExitError", b""))

    # The log

    def _read_log(self) -> None:
        pipe = self._process.stdout
        if pipe is None:  # pragma: no cover - it is opened above
            return
        rest = b""
        while select.select([pipe], [], []):
            with self._log_lock:
                chunk = os.read(pipe.fileno(), _PIPE_READ)
                *lines, rest = (rest + chunk).split(b"\n")
                texts = [line.decode("utf-8", "replace") for line in lines]
                self._log.extend(texts)
            if self._sink is not None:
                for text in texts:
                    self._sink(text)
            if not chunk:
                break
        pipe.close()

    def _settle(self) -> None:
        """Waits until everything that the invocation printed has been read."""
        with self._state:
            # A process that asks for its next invocation has written all that it will.
            self._state.wait_for(lambda: self._ready or self._exit is not None, timeout=1.0)
        pipe, deadline = self._process.stdout, time.monotonic() + 1.0
        while pipe is not None and not pipe.closed and time.monotonic() < deadline:
            with self._log_lock, contextlib.suppress(OSError, ValueError):
                waiting: int = struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4))[0]
                if waiting == 0:
                    return
            time.sleep(0.001)

    # The invocation

    def _come_up(self) -> bool:
        with self._state:
            self._state.wait_for(
                lambda: self._ready or self._init_error is not None or self._exit is not None,
                timeout=INIT_SECONDS + self._spec.timeout,
            )
            return self._ready and self._exit is None

    def _why_not_up(self, request_id: str) -> tuple[str, bytes]:
        if self._init_error is not None:
            return json.loads(self._init_error).get("errorType", "Runtime.Unknown"), self._init_error
        if self._exit is None:
            return self._timed_out(request_id)
        return self._exited(request_id)

    def _await(self, invocation: Invocation, deadline: float) -> tuple[str, bytes]:
        try:
            error, body = invocation.answer.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._kill()
            self._process.wait()
            return self._timed_out(invocation.request_id)
        finally:
            self._current = None
        if error == "Runtime.ExitError":
            return self._exited(invocation.request_id)
        if not error and len(body) > RESPONSE_BYTES:
            return _failure(
                "Function.ResponseSizeTooLarge",
                f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size "
                f"({RESPONSE_BYTES} bytes).",
            )
        return error, body

    def _timed_out(self, request_id: str) -> tuple[str, bytes]:
        return _failure(
            "Sandbox.Timedout",
            f"RequestId: {request_id} Error: Task timed out after {self._spec.timeout:.2f} seconds",
        )

    def _exited(self, request_id: str) -> tuple[str, bytes]:
        code = self._process.wait()
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return _failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {how}")

    def _answer(self, request_id: str, error: str, payload: bytes, **figures: Any) -> Answer:
        with self._log_lock:
            log = tuple(self._log)
        return Answer(request_id, payload, error, log=log, **figures)

    # What the Runtime API calls

    def next_invocation(self) -> Invocation | None:
        """Blocks until there is an invocation; None when the environment is closing."""
        with self._state:
            self._ready = True
            self._state.notify_all()
        invocation = self._invocations.get()
        with self._state:
            self._ready = False
        return invocation

    def answered(self, request_id: str, error: str, body: bytes) -> bool:
        """Takes the process's answer; false for an invocation that is not the current one."""
        current = self._current
        if current is None or current.request_id != request_id:
            return False
        current.answer.put((error, body))
        return True

    def init_failed(self, body: bytes) -> None:
        """Takes the process's word that the function could not be loaded."""
        with self._state:
            self._init_error = body
            self._state.notify_all()

    @property
    def function_arn(self) -> str:
        """The function's ARN, as each invocation names it."""
        return self._spec.arn


def _failure(kind: str, message: str) -> tuple[str, bytes]:
    return kind, json.dumps({"errorType": kind, "errorMessage": message}).encode()
