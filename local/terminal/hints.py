"""Commands in hints for a person, written so that they work when they are pasted.

A hint writes a command of the local stack as `local state`, in backticks and at the end of what it says; it may have
been written in another process, which runs in another folder. Where it is shown the backticks become a command that
works in this shell, with the session file that this command was given.
"""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from local import ROOT

PROGRAM = "untag"
_COMMAND = re.compile(r"`(local\b[^`]*)`")


def pasteable(text: str) -> str:
    """A hint with its commands as this shell takes them."""
    return _COMMAND.sub(lambda match: _command(match[1]), text)


def command(words: str) -> str:
    """A command of the local stack, as this shell takes it."""
    return _command(f"local {words}")


def program() -> str:
    """The command: by its name where the shell finds it so, else as it was called: `.venv/bin/untag` in a checkout."""
    called = sys.argv[0]
    by_name = shutil.which(PROGRAM)
    if Path(called).name != PROGRAM or (by_name and os.path.realpath(by_name) == os.path.realpath(called)):
        return PROGRAM
    return shlex.quote(called)


def file(path: str) -> str:
    """One of the project's files, as this shell finds it."""
    return path if Path.cwd() == ROOT else shlex.quote(str(ROOT / path))


def make(target: str) -> str:
    """A target of make, from any folder."""
    return f"make -C {shlex.quote(str(ROOT))} {target}"


def _command(words: str) -> str:
    return " ".join(filter(None, (program(), words, _session())))


def _session() -> str:
    """The option that named this command's session file; "" where none was given."""
    for index, word in enumerate(sys.argv):
        name, equals, value = word.partition("=")
        if name == "--session":
            value = value if equals else "".join(sys.argv[index + 1 : index + 2])
            return f"--session {shlex.quote(os.path.abspath(value))}"  # noqa: PTH100 - a link stays a link
    return ""
