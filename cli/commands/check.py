"""`untag check`: whether files are valid, and how they are understood."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli import base
from cli.confirming import show_totals
from local.terminal.console import counted, safe

if TYPE_CHECKING:
    from cli.files.given import Given


@base.app.command()
def check(files: base.Files, *, as_json: base.Json = False) -> None:
    """Say whether files are valid, and what they ask for. Nothing is called."""
    from cli.files import read  # noqa: PLC0415 - the models take a good part of a second

    given = read(files)
    answer = {
        "requests": len(given.requests),
        "pairs": given.pairs,
        "sweeps": len(given.sweeps),
        "totals": given.totals(),
        "notes": given.notes,
        "warnings": [*given.warnings, *_graces(given)],
    }
    base.show(answer, _show, as_json=as_json)


def _graces(given: "Given") -> Iterator[str]:
    """What of the sweeps only a stack can do."""
    for sweep, rule in given.graces():
        if not sweep.get("dry_run"):
            yield (
                f"rule {rule} has a grace: a stack keeps tags until it is over, "
                "and untag run without --dry-run refuses it"
            )


def _show(console: Console, answer: dict[str, Any]) -> None:
    parts = [counted(answer["requests"], "request")] if answer["requests"] or not answer["sweeps"] else []
    parts += [counted(answer["pairs"], "pair")] if parts else []
    parts += [f"{counted(answer['sweeps'], 'sweep')} (its pairs are what the clouds list)"] if answer["sweeps"] else []
    console.print(f"[bold green]valid:[/] {', '.join(parts)}", soft_wrap=True)
    for note in answer["notes"]:
        console.print(safe(note), soft_wrap=True)
    if answer["totals"]:
        show_totals(answer["totals"])
    for warning in answer["warnings"]:
        base.warn(console, warning)
