"""Makes a virtual environment and installs pinned packages in it; called by tools/set-up.

    python tools/set_up.py FOLDER REQUIREMENTS [PROJECT]

PROJECT is a folder whose commands the environment gets too; its files stay where they are, so that a change of them
is in effect at once.

At a terminal a line says how far it is. Elsewhere, as in the log of a CI run, it only says that it began. An
environment that could not be completed is removed again, also after Ctrl-C.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# The pins are complete, so nothing is resolved (--no-deps): pip cannot bring extras and hashes together.
_INSTALL = (
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-deps",
    "--require-hashes",
    "--progress-bar",
    "off",
)
# The environment has everything that the project needs, its build backend too: nothing is fetched for it.
_INSTALL_PROJECT = (
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-deps",
    "--no-index",
    "--no-build-isolation",
    "--editable",
)
_PIN = re.compile(r"[A-Za-z0-9][\w.-]*(\[[^\]]*\])?==")
_END_OF_NAME = re.compile(r"==|-\d")
_DRAW_SECONDS = 0.15
_ERROR_LINES = 30
_SPINNER = "|/-\\"


class Progress:
    """The line at a terminal that says how far pip is; nothing where there is no terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._fetched = 0
        self._what = "making the environment"
        self._began = time.monotonic()
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")

    def read(self, line: str) -> None:
        """Take a line that pip printed."""
        first, _, rest = line.partition(" ")
        if first in {"Collecting", "Processing"}:  # from an index, or a file
            self._fetched += 1
            name = _END_OF_NAME.split(rest.partition(" ")[0].rpartition("/")[2], maxsplit=1)[0]
            self._what = f"{self._fetched} of {self._total} packages: {name}"
        elif first == "Installing":
            self._what = f"installing {self._fetched} package{'' if self._fetched == 1 else 's'}"

    @contextlib.contextmanager
    def drawn(self) -> Iterator[None]:
        """While it lasts, the line is there and moves."""
        done = threading.Event()
        thread = threading.Thread(target=self._draw, args=(done,), daemon=True)
        if self._shown:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self._shown:
                thread.join()

    def _draw(self, done: threading.Event) -> None:
        turn = 0
        while not done.wait(_DRAW_SECONDS):
            seconds = time.monotonic() - self._began
            line = f"  {_SPINNER[turn % len(_SPINNER)]} {self._what} ({seconds:.0f} s)"
            print(f"\r{line[: shutil.get_terminal_size().columns - 1]}\033[K", end="", file=sys.stderr, flush=True)
            turn += 1
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def remove(folder: Path) -> None:
    """Remove an environment; of one that is a link only the link."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def run(command: list[str], progress: Progress) -> int:
    """Run a step and give its status; what it printed is shown if it failed."""
    printed: list[str] = []
    # A session of its own: Ctrl-C reaches this process only, which ends the step before it removes the folder.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as step:
        try:
            for line in step.stdout or ():
                printed.append(line)
                progress.read(line.strip())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(step.pid, signal.SIGKILL)
            raise
    if step.returncode:
        # Of pip's many lines those from the first that says what is wrong.
        first = next((index for index, line in enumerate(printed) if line.startswith("ERROR")), 0)
        print("".join(printed[first:][-_ERROR_LINES:]), end="", file=sys.stderr)
    return step.returncode


def set_up(folder: Path, requirements: Path, project: str | None = None) -> int:
    """Make the environment and give 0, or remove what was made and give another status."""
    print(f"setting up {folder} ({requirements})", flush=True)
    total = sum(_PIN.match(line) is not None for line in requirements.read_text(encoding="utf-8").splitlines())
    progress = Progress(total)
    remove(folder)
    status = 1
    try:
        with progress.drawn():
            python = str(folder / "bin" / "python")
            status = run([sys.executable, "-m", "venv", str(folder)], progress)
            if status and Path(python).exists():
                # venv says only that pip could not be put into it; ensurepip says why.
                status = run([python, "-m", "ensurepip", "--default-pip"], progress)
            status = status or run([python, *_INSTALL, "-r", str(requirements)], progress)
            if project is not None:
                status = status or run([python, *_INSTALL_PROJECT, project], progress)
        if status == 0:
            (folder / ".stamp").touch()
    finally:
        if status:
            remove(folder)
    if status:
        print(f"{folder} could not be set up, and was removed again", file=sys.stderr)
    return status


def main() -> int:
    """Set one environment up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return set_up(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
    except KeyboardInterrupt:
        print(f"stopped: {sys.argv[1]} was removed again", file=sys.stderr)
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
