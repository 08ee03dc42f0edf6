"""`untag dead-letters`: what a stack has given up, by code and reason."""

import csv as csv_files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.errors import CommandError
from local.terminal.console import counted, safe, table

_COLUMNS = ("queue", "code", "reason", "request_id", "batch", "source", "sent_at", "message_id", "body")
_SHOWN_AS = {
    "DeadLetterQueue": "requests",
    "DecommissionDeadLetterQueue": "events",
    "SweepDeadLetterQueue": "sweeps",
    "RuleDeadLetterQueue": "requests (rule)",
    "DecommissionRuleDeadLetterQueue": "events (rule)",
    "SweepScheduleDeadLetterQueue": "sweeps (schedule)",
    "dead/work": "requests",
    "dead/decommission": "events",
    "dead/sweep": "sweeps",
}
"""The dead-letter queues of both hosts, by what they hold."""

Code = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="CODE", help="Only those with this code; several where it comes again."),
]
OfBatch = Annotated[str | None, typer.Option("--batch", metavar="NAME", help="Only those of this batch.")]
CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="F", dir_okay=False, help="Write a row for each to a file.")
]


@base.app.command("dead-letters")
def dead_letters(
    *,
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    code: Code = None,
    batch: OfBatch = None,
    csv_file: CsvFile = None,
    as_json: base.Json = False,
) -> None:
    """Show what lies on a stack's dead-letter queues, by code and reason with examples. It stays there."""
    from cli.commands.planning import progress  # noqa: PLC0415 - the help need not load it
    from cli.deployed.base import Chosen, Place, by_code  # noqa: PLC0415
    from cli.deployed.choice import stack_at  # noqa: PLC0415

    base.check_output(csv_file, "--csv")
    place = Place(stack, stack_region, local, functiongraph)
    target = stack_at(place)
    chosen = Chosen(frozenset(code or ()), batch)
    with progress("dead letters read") as seen:
        letters = target.dead_letters(chosen, seen)
    rows = [letter.row() for letter in letters]
    if csv_file is not None:
        _write(csv_file, rows)
    answer = {
        "dead_letters": len(rows),
        "by_code": by_code(letters),
        "redrive": f"untag redrive {place.options()}",
        "rows": rows,
    }
    base.show(answer, _show, as_json=as_json)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv_files.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", "name another file: --csv FILE") from None


def show_by_code(console: Console, groups: list[dict[str, Any]]) -> None:
    """Dead letters by queue, code and reason."""
    made = table("", "of", "code", "count", "reason", "for example")
    for one in groups:
        examples = "\n".join(map(safe, one["examples"]))
        queue = _SHOWN_AS.get(one["queue"], one["queue"])
        made.add_row(queue, safe(one["code"]), str(one["dead_letters"]), safe(one["reason"]), examples)
    console.print(made)


def _show(console: Console, answer: dict[str, Any]) -> None:
    if not answer["dead_letters"]:
        console.print("[green]no dead letters[/]")
        return
    console.print(f"[bold red]{counted(answer['dead_letters'], 'dead letter')}[/]")
    show_by_code(console, answer["by_code"])
    console.print(
        f"[dim]what to do about each code: docs/operations.md; to send them back then: {safe(answer['redrive'])} "
        "--code CODE[/]",
        soft_wrap=True,
    )
