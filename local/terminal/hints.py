"""Commands in hints for a person, written so that they work when they are pasted.

A hint writes a command of the local stack as `local state`, in backticks and at the end of what it says; it may have
been written in another process, which runs in another folder. Where it is shown the backticks become a command that
works in this shell: from this folder, with the session file that this command was given.
"""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from local import ROOT

PROGRAM = ".venv/bin/python -m local"
SCRIPT = "untag-local"
"""The command that shells complete (tools/untag-local): `python` is not ours to complete."""

_called: list[str] = []

_COMMAND = re.compile(r"`local\b ?([^`]*)`")


def pasteable(text: str) -> str:
    """A hint with its commands as this shell takes them."""
    return _COMMAND.sub(lambda match: command(match[1]), text)


def command(words: str) -> str:
    """A command of the local stack, as this shell takes it."""
    return " ".join(filter(None, (program(), words, _session())))


def call_it(name: str) -> None:
    """From now on hints call the local stack by this name: it was called by it."""
    _called[:] = [name]


def program() -> str:
    """How the local stack is called from here."""
    if _called:
        return _called[0]
    if shutil.which(SCRIPT) and os.path.realpath(shutil.which(SCRIPT) or "") == str(ROOT / "tools" / SCRIPT):
        by_name = SCRIPT
    else:
        by_name = shlex.quote(str(ROOT / "tools" / SCRIPT))
    if _runs_as_script() or Path.cwd() != ROOT or not (ROOT / PROGRAM.split(maxsplit=1)[0]).exists():
        return by_name
    return PROGRAM


def file(path: str) -> str:
    """One of the project's files, as this shell finds it."""
    return path if Path.cwd() == ROOT else shlex.quote(str(ROOT / path))


def make(target: str) -> str:
    """A target of make, from any folder."""
    return f"make -C {shlex.quote(str(ROOT))} {target}"


def _runs_as_script() -> bool:
    """Whether this process is tools/untag-local: it hands its code over as an argument."""
    return sys.argv[:1] == ["-c"]


def _session() -> str:
    """The option that named this command's session file; "" where none was given."""
    for index, word in enumerate(sys.argv):
        name, equals, value = word.partition("=")
        if name == "--session":
            value = value if equals else "".join(sys.argv[index + 1 : index + 2])
            return f"--session {shlex.quote(os.path.abspath(value))}"  # noqa: PTH100 - a link stays a link
    return ""
