"""The application `untag`, its exit codes, and errors as one line with what to do next.

Exit codes: 0 all done, 1 something failed, 2 the input is invalid or not confirmed, 3 something still waits.
"""

import json
import sys
from typing import Any

from cli.errors import CommandError, InvalidFilesError
from local import package
from local.errors import LocalError
from local.terminal import hints, interrupts

# What prints is imported while Ctrl-C ends the process at once: it takes a good part of a second.


def main() -> None:
    """The command line: an error is a line and not a traceback, and Ctrl-C ends it at once."""
    as_json = "--json" in sys.argv
    try:
        with interrupts.ends_at_once():
            package.find()
            from cli import commands  # noqa: PLC0415 - with the paths in order
        sys.exit(commands.app(prog_name=hints.PROGRAM, standalone_mode=not as_json) or 0)
    except (CommandError, LocalError) as error:
        _report(error, as_json=as_json)
        sys.exit(error.status)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(interrupts.STATUS)
    except Exception as error:
        # A mistake in the arguments: typer's own class for it has no public name.
        if not as_json or not hasattr(error, "format_message"):
            raise
        path = getattr(getattr(error, "ctx", None), "command_path", hints.PROGRAM)
        help_of = f"{hints.program()}{path.removeprefix(hints.PROGRAM)} --help"
        _print({"error": error.format_message(), "hint": f"to see what there is: {help_of}"})
        sys.exit(getattr(error, "exit_code", 1))


def _report(error: CommandError | LocalError, *, as_json: bool) -> None:
    hint = hints.pasteable(error.hint)
    if as_json:
        _print({**(error.body() if isinstance(error, CommandError) else {"error": str(error)}), "hint": hint})
        return
    from cli import base  # noqa: PLC0415
    from local.terminal.console import clean, safe, show_error  # noqa: PLC0415

    for problem in error.problems if isinstance(error, InvalidFilesError) else ():
        base.err.print(f"[bold]{safe(problem.place())}:[/] {safe(problem.message)}", soft_wrap=True)
        if problem.hint:
            base.err.print(f"  [dim]{safe(problem.hint)}[/]", soft_wrap=True)
    show_error(base.err, clean(str(error)), error.hint)


def _print(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, ensure_ascii=False))
