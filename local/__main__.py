"""`python -m local`: the template on this machine."""

import json
import os
import sys
from typing import Any

from local.errors import LocalError
from local.terminal import hints, interrupts

_COMPLETION = frozenset({"--install-completion", "--show-completion"})


def main(program: str = "") -> None:
    """The commands, with what the local stack cannot do as one line and not as a traceback."""
    with interrupts.ends_at_once():
        from local import commands  # noqa: PLC0415 - they take a good part of a second
        from local.commands import base  # noqa: PLC0415
        from local.terminal import console  # noqa: PLC0415 - they take a good part of a second
    program = program or hints.program()
    if _COMPLETION.intersection(sys.argv) or f"_{hints.SCRIPT.replace('-', '_').upper()}_COMPLETE" in os.environ:
        program = hints.SCRIPT
    as_json = "--json" in sys.argv
    try:
        sys.exit(commands.app(prog_name=program, standalone_mode=not as_json))
    except LocalError as error:
        if as_json:
            _print_error(str(error), error.hint)
        else:
            console.show_error(base.err, str(error), error.hint)
        sys.exit(1)
    except Exception as error:
        # A mistake in the arguments: typer's own class for it has no public name.
        if not as_json or not hasattr(error, "format_message"):
            raise
        _print_error(error.format_message(), f"to see what there is: {hints.program()} --help")
        sys.exit(getattr(error, "exit_code", 1))


def _print_error(message: str, hint: str) -> None:
    answer: dict[str, Any] = {"error": message, "hint": hints.pasteable(hint)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
