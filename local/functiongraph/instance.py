"""One instance of a function: a process that serves one request at a time.

The process has its settings from the context only: nothing of this process's environment reaches it, and nothing of the
function's stands in its own. It is killed when a request takes longer than the function may.

Not emulated: the 512 MB of /tmp, the limits of memory and processor, and that the code's folder cannot be written to.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.functiongraph.agency import Agency
from local.functiongraph.api import Outcome
from local.functiongraph.clock import Clock

VARIABLES = 20
VARIABLE_CHARACTERS = 4096
LOG_LINES = 5000
BUNDLED = Path(__file__).parent / "bundled"

_BOOTSTRAP = Path(__file__).parent / "bootstrap.py"
_READ = 1 << 16
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class FunctionSpec:
    """A function as it is deployed."""

    name: str
    handler: str
    code: Path
    """The content of its zip."""
    python: Path
    user_data: Mapping[str, str]
    timeout: float = 60.0
    initializer: str = "index.initializer"
    initializer_timeout: float = 30.0
    memory: int = 512
    max_instances: int = 400
    retries: int = 1
    """How often an asynchronous request is repeated (`max_async_retry_attempts`)."""
    max_age: float = 3600.0
    """Seconds after which an asynchronous request is not repeated any more."""
    project: str = ""
    bytecode: Path | None = None
    """Where compiled modules are kept, as a warm disk has them; None keeps none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables of the process, for what watches it from within. The platform has nothing like it."""

    def __post_init__(self) -> None:
        size = sum(len(name) + len(value) for name, value in self.user_data.items())
        if len(self.user_data) > VARIABLES:
            raise LocalError(f"FSS.1017: {self.name} has more than {VARIABLES} variables")
        if size > VARIABLE_CHARACTERS:
            raise LocalError(f"FSS.1018: the variables of {self.name} have {size} characters: 4096 are allowed")


class Instance:
    """A process with the function in it."""

    def __init__(
        self, spec: FunctionSpec, agency: Agency, clock: Clock, sink: Callable[[str], None] | None = None
    ) -> None:
        self._spec = spec
        self._agency = agency
        self._sink = sink
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._finished = threading.Condition()
        self._finished_id = ""
        self._unread = b""
        self._ready = False
        self._killed = False
        self._closing = threading.Lock()
        self._process, self._requests, self._answers = self._spawn(clock)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can take another request."""
        return not self._killed and self._process.poll() is None

    def invoke(self, body: bytes, request_id: str) -> Outcome:
        """One request, from the hand-over to the answer, the exit, or the end of the function's time."""
        self._log.clear()
        if not self._ready:
            setup = {
                "bundled": str(BUNDLED),
                "code": str(self._spec.code),
                "handler": self._spec.handler,
                "initializer": self._spec.initializer,
                "context": self._context(request_id, self._spec.initializer_timeout),
            }
            answer = self._ask(setup, self._spec.initializer_timeout)
            if "ready" not in answer:
                self.kill()
                return self._outcome(request_id, answer)
            self._ready = True
        request = {"body": body.decode("utf-8", "replace"), "context": self._context(request_id, self._spec.timeout)}
        answer = self._ask(request, self._spec.timeout)
        if self.alive:
            self._settle(request_id)
        return self._outcome(request_id, answer)

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and read what it has printed; can be called more than once."""
        self.kill()
        self._process.wait()
        self._reader.join()
        if self._closing.acquire(blocking=False):  # once, since a descriptor's number may be another's by then
            self._selector.close()
            os.close(self._requests)
            os.close(self._answers)

    def _spawn(self, clock: Clock) -> tuple[subprocess.Popen[bytes], int, int]:
        incoming, requests = os.pipe()
        answers, outgoing = os.pipe()
        shared = clock.inherited()
        inherited = (incoming, outgoing, shared)
        bytecode = ["-X", f"pycache_prefix={self._spec.bytecode}"] if self._spec.bytecode else ["-B"]
        try:
            process = subprocess.Popen(
                [str(self._spec.python), "-I", "-S", *bytecode, str(_BOOTSTRAP), *map(str, inherited)],
                cwd=self._spec.code,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,
            )
        finally:
            for descriptor in inherited:
                os.close(descriptor)
        return process, requests, answers

    def _environment(self) -> dict[str, str]:
        """What the platform sets. Whether the user variables are there too is documented nowhere; here they are not."""
        spec = self._spec
        return {
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "RUNTIME_CODE_ROOT": str(spec.code),
            "RUNTIME_CPU": str(200 + 100 * (spec.memory // 128)),
            "RUNTIME_FUNC_NAME": spec.name,
            "RUNTIME_FUNC_VERSION": "latest",
            "RUNTIME_HANDLER": spec.handler,
            "RUNTIME_MAX_RESP_BODY_SIZE": "6291456",
            "RUNTIME_MEMORY": str(spec.memory),
            "RUNTIME_PROJECT_ID": spec.project,
            "RUNTIME_TIMEOUT": str(int(spec.timeout)),
            **spec.environment,
        }

    def _context(self, request_id: str, timeout: float) -> dict[str, Any]:
        return {
            **self._agency.keys._asdict(),
            "request_id": request_id,
            "timeout": timeout,
            "user_data": dict(self._spec.user_data),
            "function": self._spec.name,
            "memory": self._spec.memory,
            "project": self._spec.project,
        }

    def _ask(self, what: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The process's answer; an error in its place where there is none."""
        deadline = time.monotonic() + seconds
        try:
            unsent = memoryview(json.dumps(what).encode() + b"\n")
            while unsent:
                unsent = unsent[os.write(self._requests, unsent) :]
        except OSError:
            return self._exited()
        while b"\n" not in self._unread:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                self.kill()
                return _platform_error("FunctionTimeout", f"the function ran for {seconds:g} seconds and was killed")
            chunk = os.read(self._answers, _READ)
            if not chunk:
                return self._exited()
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _exited(self) -> dict[str, Any]:
        code = self._process.wait()
        return _platform_error("FunctionExit", f"the process ended with {code}")

    def _outcome(self, request_id: str, answer: Mapping[str, Any]) -> Outcome:
        log = tuple(self._log)
        if "answer" in answer:
            return Outcome(request_id, str(answer["answer"]).encode(), log=log)
        failure = answer["error"]
        return Outcome(request_id, json.dumps(failure).encode(), str(failure["errorType"]), log)

    def _read_log(self) -> None:
        pipe = self._process.stdout
        if pipe is None:  # pragma: no cover - it is opened above
            return
        for raw in pipe:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self._log.append(line)
            if line.startswith("Finish invoke request '"):
                with self._finished:
                    self._finished_id = line.split("'")[1]
                    self._finished.notify_all()
            if self._sink is not None:
                self._sink(line)
        pipe.close()

    def _settle(self, request_id: str) -> None:
        """Wait until everything that a request printed has been read."""
        with self._finished:
            self._finished.wait_for(lambda: self._finished_id == request_id, timeout=_SETTLE_SECONDS)


def _platform_error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"errorMessage": message, "errorType": kind, "stackTrace": []}}
