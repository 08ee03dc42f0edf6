"""Commands in processes of their own: a stack that is up, and its commands at a terminal."""

import os
import sys

import stacks
import warm
from terminals import Terminal

from local.stack import ROOT

COMMAND = [sys.executable, "-m", "cli", "local"]


def installed(folder):
    """The command as an installation has it: a script that runs from any folder."""
    script = folder / "untag"
    code = f"import sys\nsys.path[:0] = [{str(ROOT)!r}]\nfrom cli.app import main\nsys.exit(main())\n"
    script.write_text(f"#!{sys.executable} -P\n{code}", encoding="utf-8")
    script.chmod(0o755)
    return script


def run(*arguments, text=None, env=None):
    environ = os.environ if env is None else env
    return warm.run("local", *map(str, arguments), cwd=ROOT, env=environ, stdin=text or "", timeout=60)


def up(session, *options, env=None):
    """A stack in another process; gives what it says of itself, and after it ended what stood on stderr as `errors`."""
    environ = os.environ if env is None else env
    return stacks.up("--session", str(session), *map(str, options), cwd=ROOT, env=environ)


def at_terminal(*arguments, **how):
    """A terminal with a command of the local stack on it."""
    return Terminal([*COMMAND, *map(str, arguments)], **{"cwd": ROOT, **how})
