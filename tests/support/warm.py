"""The command `untag` in a process of its own, without the wait for its imports.

A server has everything imported and forks for each command: the child gets the arguments, folder, environment and files
that a command started from a shell would have, and its exit code comes back. `python -m cli` takes half a second of
processor time before it does anything, and the tests call it many hundred times. Terminals, signals and installed
scripts are tested with real starts.

`script` puts a command into a folder that has the same server do its work: what a shell calls, and a Python file that
would import for as long.
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
import runpy
import select
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
    try:
        with theirs:
            _server().ask(asked, *files, theirs.fileno())
        process = Process(words, ours)
    except BaseException:
        ours.close()
        raise
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        process.close()


def script(path: Path, program: Path | None = None) -> Path:
    """Write a command that a shell can call: `untag`, or a program in a file of Python."""
    asked = {"words": [CALLED if program is None else str(path)], "program": program and str(program)}
    text = _SCRIPT.format(python=sys.executable, asked=asked, door=_server().door, length=_LENGTH)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


_SCRIPT = """#!{python} -IS
import json, os, signal, socket, sys

def pass_on(number, _):
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has just ended
        pass

passed_on = (signal.SIGINT, signal.SIGTERM)
signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
asked = {asked!r}
asked |= {{"words": asked["words"] + sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
body = json.dumps(asked).encode()
ours, theirs = socket.socketpair()
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    socket.send_fds(door, [len(body).to_bytes({length}, "big")], [0, 1, 2, theirs.fileno()])
    door.sendall(body)
theirs.close()
answers = ours.makefile()
pid = int(answers.readline())
for number in passed_on:
    signal.signal(number, pass_on)
signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
code = int(answers.readline())
sys.exit(code if code >= 0 else 128 - code)
"""


class _Server:
    """The process that forks; it ends when its socket is closed, and so with the process of the tests.

    Others than this process ask it at its `door`, the path of a socket.
    """

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.door = str(Path(self._folder.name) / "door")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("UNTAG_", "AWS_", "HW_"))}
        with theirs, socket.socket(socket.AF_UNIX) as door:
            door.bind(self.door)
            door.listen()
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), str(door.fileno())],
                pass_fds=[theirs.fileno(), door.fileno()],
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
        self._folder.cleanup()


@functools.cache
def _server() -> _Server:
    return _Server()


def _serve(listened: socket.socket, door: socket.socket) -> None:
    """Fork for each request, until the process of the tests can ask no more."""
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
        if listened in select.select([listened, door], [], [])[0]:
            taken = _request(listened)
            if taken is None:
                return
        else:
            with door.accept()[0] as asking:
                taken = _request(asking)
            if taken is None:  # who asked is gone already
                continue
        asked, files = taken
        # What ends at once is told of only when it is known whom to tell.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            listened.close()
            door.close()
            _become(asked, files)
            return
        for file in files[:-1]:
            os.close(file)
        waited[pid] = socket.socket(fileno=files[-1])
        with contextlib.suppress(OSError):
            waited[pid].sendall(f"{pid}\n".encode())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _request(asking: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and the files that came with it; None where it does not come to its end."""
    head, files, _, _ = socket.recv_fds(asking, _LENGTH, _FILES)
    body = asking.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL) if head else b""
    if not head or len(body) < int.from_bytes(head, "big"):
        for file in files:
            os.close(file)
        return None
    return json.loads(body), files


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
    if program := asked.get("program"):
        runpy.run_path(program, run_name="__main__")
        return
    from cli.app import main

    main()


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
