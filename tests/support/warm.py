"""The command `untag` in a process of its own, without the wait for its imports.

A server has everything imported and forks for each command: the child gets the arguments, folder, environment and files
that a command started from a shell would have, and its exit code comes back. `python -m cli` takes half a second of
processor time before it does anything, and the tests call it many hundred times. Terminals, signals and installed
scripts are tested with real starts.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATHS = (ROOT, ROOT / "layers" / "untag" / "python")
CALLED = str(ROOT / "cli" / "__main__.py")
_LENGTH = 4
_FILES = 4
"""Standard input, output and error of the command, and the socket for what becomes of it."""


def run(
    *words: str, cwd: Path, env: Mapping[str, str], stdin: str = "", timeout: float = 120.0, called: str = CALLED
) -> "subprocess.CompletedProcess[str]":
    """Call `untag` with these words; as `subprocess.run` with captured text. `called` is how it was typed.

    Raises subprocess.TimeoutExpired.
    """
    with tempfile.TemporaryFile() as taken, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        taken.write(stdin.encode())
        taken.seek(0)
        files = (taken.fileno(), out.fileno(), err.fileno())
        with start(*words, cwd=cwd, env=env, files=files, called=called) as process:
            code = process.wait(timeout)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(["untag", *words], code, out.read().decode(), err.read().decode())


class Process:
    """A command that was started, as far as subprocess.Popen's fields and methods are used."""

    def __init__(self, words: Sequence[str], end: socket.socket) -> None:
        self._words = words
        self._end = end
        self._answers = end.makefile()
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        self._end.settimeout(timeout)
        try:
            self.returncode = int(self._answers.readline())
        except TimeoutError:
            raise subprocess.TimeoutExpired(list(self._words), timeout) from None
        return self.returncode

    def close(self) -> None:
        self._answers.close()
        self._end.close()


@contextlib.contextmanager
def start(
    *words: str, cwd: Path, env: Mapping[str, str], files: tuple[int, int, int], called: str = CALLED
) -> Iterator[Process]:
    """Start `untag` with these words, and with `files` as its standard input, output and error."""
    asked = {"words": [called, *words], "cwd": str(cwd), "env": dict(env)}
    ours, theirs = socket.socketpair()
    with theirs:
        _server().ask(asked, *files, theirs.fileno())
    process = Process(words, ours)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        process.close()


class _Server:
    """The process that forks; it ends when its socket is closed, and so with the process of the tests."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("UNTAG_", "AWS_", "HW_"))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))},
            )
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, asked: Mapping[str, Any], *files: int) -> None:
        body = json.dumps(asked).encode()
        with self._lock:
            socket.send_fds(self._ours, [len(body).to_bytes(_LENGTH, "big")], files)
            self._ours.sendall(body)

    def close(self) -> None:
        self._ours.close()
        self._process.wait(10)


@functools.cache
def _server() -> _Server:
    return _Server()


def _serve(listened: socket.socket) -> None:
    """Fork for each request, until nobody can ask any more."""
    _import_everything()
    waited: dict[int, socket.socket] = {}

    def reap(*_: object) -> None:
        while waited:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            # Who asked may have given the command up.
            with waited.pop(pid) as answers, contextlib.suppress(OSError):
                answers.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())

    signal.signal(signal.SIGCHLD, reap)
    while True:
        head, files, _, _ = socket.recv_fds(listened, _LENGTH, _FILES)
        if not head:
            return
        asked = json.loads(listened.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
        # What ends at once is told of only when it is known whom to tell.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            listened.close()
            _become(asked, files)
            return
        for file in files[:-1]:
            os.close(file)
        waited[pid] = socket.socket(fileno=files[-1])
        with contextlib.suppress(OSError):
            waited[pid].sendall(f"{pid}\n".encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


class _NotYet:
    """Refuses a module, which then is imported by the commands that need it: it writes a log from its import on."""

    name = "untag.hosts.aws"

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.name:
            raise ModuleNotFoundError(name)


def _import_everything() -> None:
    """Every module that any command may import on its way."""
    sys.meta_path.insert(0, _NotYet())  # type: ignore[arg-type]
    for name in ("cli", "local", "untag.hosts.here", "untag.providers"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}.", onerror=lambda _: None):
            if not module.name.endswith("__main__"):
                with contextlib.suppress(ModuleNotFoundError):
                    importlib.import_module(module.name)
    del sys.meta_path[0]
    gc.freeze()  # a child that looks for garbage would copy every page


def _become(asked: Mapping[str, Any], files: list[int]) -> None:
    """Be the command that was asked for, as if it had been started by itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, file in enumerate(files[:-1]):
        os.dup2(file, number)
        os.close(file)
    os.close(files[-1])
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    random.seed()
    sys.argv = asked["words"]
    from cli.app import main

    main()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
