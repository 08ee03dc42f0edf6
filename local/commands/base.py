"""What the commands share: the application, its usual options, and how an answer is printed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from local.aws import routing
from local.commands import complete
from local.errors import LocalError
from local.session import control
from local.terminal import console

SESSION_VARIABLE = "UNTAG_LOCAL_SESSION"
"""Names the session file for every command of a shell that names none."""

app = typer.Typer(
    help="Runs template.yaml on this machine: queues, topic, bus, functions, clouds. No Docker, no account.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,  # `untag` completes its commands
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Session = Annotated[
    Path,
    typer.Option(
        "--session",
        envvar=SESSION_VARIABLE,
        help="The file by which commands find the stack.",
        show_default=".local/stack.json",
    ),
]
Event = Annotated[
    str,
    typer.Argument(
        metavar="EVENT",
        help="A JSON file, for example one of events/; or - for stdin.",
        autocompletion=complete.event_files,
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for the queues to become quiet.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Real clouds: do not ask. Needs --expect, and the number has to be right.")
]
Expect = Annotated[
    int | None,
    typer.Option("--expect", min=0, metavar="PAIRS", help="Send only if this is the number of pairs asked for."),
]

SESSION = control.SESSION

out = console.make()
err = console.make(stderr=True)


def show(answer: Any, shown: Callable[[Console, Any], None], as_json: bool) -> None:
    """Print an answer: for a person, or as JSON."""
    if as_json:
        print(json.dumps(answer))
    else:
        shown(out, answer)


def read(event: str) -> str:
    """The text of an event: a file's, or what comes on stdin."""
    if event != "-":
        return routing.read(Path(event))
    text = sys.stdin.read().removeprefix("\ufeff")
    if not text.strip():
        raise LocalError("nothing came on stdin", "an event is JSON: name its file, or send it through a pipe")
    return text
