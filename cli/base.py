"""What the commands share: their usual options, and how an answer is printed."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.errors import INVALID, CommandError
from cli.ledger import Ledger, default_folder
from local.reports.ledger import VARIABLE
from local.terminal import console
from untag import __version__

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="JSON, JSON lines or CSV; - for stdin.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Needs --expect, and the number has to be right.")]
Expect = Annotated[
    int | None,
    typer.Option("--expect", min=0, metavar="PAIRS", help="Go on only if this is the number of pairs."),
]
ExpectLetters = Annotated[
    int | None,
    typer.Option("--expect", min=0, metavar="DEAD_LETTERS", help="Go on only if this is the number of dead letters."),
]
StackName = Annotated[str | None, typer.Option("--stack", metavar="NAME", help="A stack that is deployed on AWS.")]
StackRegion = Annotated[
    str | None, typer.Option("--stack-region", metavar="REGION", help="Its region; else AWS_REGION.")
]
FunctionGraphFile = Annotated[
    Path | None,
    typer.Option(
        "--functiongraph",
        metavar="FILE",
        dir_okay=False,
        help="A stack on FunctionGraph: the JSON of `terraform output -json`.",
    ),
]
LocalStack = Annotated[bool, typer.Option("--local", help="The local stack that is up.")]

app = typer.Typer(
    help="Removes tags from cloud resources: checks, carries out, follows and undoes requests.\n\n"
    "It acts in this process, with the credentials of this shell or of a file; no account at AWS is needed. "
    "With --stack, --functiongraph or --local it hands the work to a stack.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"untag {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before a command."""


REPORT_ENDINGS = (".csv", ".json")
"""Of the file that `--report` names."""

out = console.make()
err = console.make(stderr=True)


def ledger() -> Path:
    """The folder that keeps every run's reports."""
    return default_folder(os.environ)


def opened_ledger() -> Ledger:
    """The ledger, opened. What the local stack wrote counts only in the environment of `untag local env`."""
    return Ledger(ledger(), local_stack=bool(os.environ.get(VARIABLE)))


def check_output(path: Path | None, option: str, endings: Sequence[str] = ()) -> None:
    """CommandError, before anything is called, where a file that an option names could not be written.

    `endings` are those by which its kind is told.
    """
    if path is None:
        return
    if endings and path.suffix.lower() not in endings:
        kinds = " or ".join(endings)
        raise CommandError(
            f"{path} does not say what kind of file it is to be",
            f"its name has to end in {kinds}: {option} {path.with_suffix(endings[0])}",
            status=INVALID,
        )
    if not path.parent.is_dir():
        raise CommandError(
            f"{path} cannot be written: there is no folder {path.parent}", "make it first", status=INVALID
        )
    if path.is_dir():
        raise CommandError(f"{path} is a folder", f"name a file: {option} FILE", status=INVALID)


def warn(where: Console, text: str) -> None:
    """A line about what looks mistaken and may be right."""
    where.print(f"[yellow]warning:[/] {console.safe(text)}", soft_wrap=True)


def show_read(notes: Iterable[str], warnings: Iterable[str]) -> None:
    """How files were read, and what in them looks mistaken: beside the answer, before anything is called."""
    for note in notes:
        err.print(console.safe(note), style="dim", soft_wrap=True)
    for text in warnings:
        warn(err, text)


def show(answer: Any, shown: Callable[[Console, Any], None], *, as_json: bool) -> None:
    """Print an answer: for a person, or as JSON."""
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        shown(out, answer)
