"""`untag status`: what a batch has come to, and what of it still waits."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from cli import base, results, waits
from local.terminal.console import counted, safe, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cli.deployed.base import BatchLedger, Place
    from cli.ledger import Ledger, Waiting

_SHOWN = 200
"""Rows on a terminal; a file has them all."""

BatchName = Annotated[str, typer.Argument(metavar="BATCH", help="The name of a batch.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only what failed, row by row.")]
CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="F", dir_okay=False, help="Write a row for each pair to a file.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Look again until nothing waits.")]


@base.app.command()
def status(
    batch: BatchName,
    *,
    failed: Failed = False,
    csv_file: CsvFile = None,
    watch: Watch = False,
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    as_json: base.Json = False,
) -> None:
    """Say what a batch has come to: totals, what failed and why, and when what waits comes back.

    Without --stack, --functiongraph and --local: a batch that was run here. A deployed stack has to keep a ledger.
    Exit code: 0 all done, 1 something failed, 3 something still waits.
    """
    from cli.deployed.base import Place  # noqa: PLC0415 - the help need not load it

    base.check_output(csv_file, "--csv")
    place = Place(stack, stack_region, local, functiongraph)
    asked: _Asked = _AtStack(place) if place else _Here()
    answer = asked.look(batch, failed=failed)
    if watch:
        answer = _watched(asked, batch, answer, failed=failed, as_json=as_json)
    if csv_file is not None:
        rows = asked.rows(batch, failed=failed)
        results.write_rows(csv_file, rows, (*results.COLUMNS, "attempt", "finished_at"))
    if not (watch and base.out.is_terminal and not as_json):
        base.show(answer, lambda console, given: console.print(_shown(given)), as_json=as_json)
    waiting = answer["waiting"] or int(not answer["complete"])
    raise typer.Exit(results.status_of(answer["pairs"], waiting, answer["rejected"]))


class _Known(NamedTuple):
    """What only a run's own folder says: why pairs were held back, what waits, and how to go on."""

    held_back: "Sequence[Mapping[str, Any]]" = ()
    due: "Sequence[str]" = ()
    waits: "Sequence[waits.Wait]" = ()
    resume: str | None = None


class _Asked(Protocol):
    """Who is asked about a batch, and how many seconds lie between two looks at it."""

    seconds: float

    def look(self, batch: str, *, failed: bool) -> dict[str, Any]:
        """What is known now. Raises CommandError for a batch that is not known."""

    def rows(self, batch: str, *, failed: bool) -> list[dict[str, Any]]:
        """The last word on each pair, or on those that failed."""


class _Here:
    """The ledger of what was run in this process and earlier ones."""

    seconds = 2.0

    def look(self, batch: str, *, failed: bool) -> dict[str, Any]:
        from cli.runs import runs_of  # noqa: PLC0415
        from cli.undoing import unknown_batch  # noqa: PLC0415

        ledger = base.opened_ledger()
        totals = ledger.totals(batch)
        if totals is None:
            raise unknown_batch(ledger, batch)
        waiting = ledger.waiting(batch)
        known = _Known(
            held_back=_held_back(ledger, batch) if totals.pairs.get(results.PROTECTED) else [],
            due=_dues(waiting),
            waits=waits.waits_of((one[1:] for one in waiting), batch=batch),
            resume=f"untag run --resume {batch}" if any(run.left() for run in runs_of(batch)) else None,
        )
        return _answer(totals._asdict(), ledger.rows(batch, failed_only=True), known, failed=failed)

    def rows(self, batch: str, *, failed: bool) -> list[dict[str, Any]]:
        return base.opened_ledger().rows(batch, failed_only=failed)


class _AtStack:
    """The ledger of a stack."""

    def __init__(self, place: "Place") -> None:
        from cli.deployed.choice import stack_at  # noqa: PLC0415

        self._stack = stack_at(place)
        self.seconds = self._stack.look_seconds

    def look(self, batch: str, *, failed: bool) -> dict[str, Any]:
        from cli.undoing import unknown_at_stack  # noqa: PLC0415

        with self._ledger() as ledger:
            totals = ledger.totals(batch)
            if totals is None:
                raise unknown_at_stack(self._stack, batch)
            known = _Known(due=_dues(ledger.waiting(batch)))
            return _answer(totals._asdict(), ledger.rows(batch, failed_only=True), known, failed=failed)

    def rows(self, batch: str, *, failed: bool) -> list[dict[str, Any]]:
        with self._ledger() as ledger:
            return ledger.rows(batch, failed_only=failed)

    @contextmanager
    def _ledger(self) -> "Iterator[BatchLedger]":
        from cli.commands.planning import progress  # noqa: PLC0415

        with progress("asking the ledger"), TemporaryDirectory() as folder:
            yield self._stack.ledger(Path(folder))


def _answer(totals: dict[str, Any], rows: list[dict[str, Any]], known: _Known, *, failed: bool) -> dict[str, Any]:
    return {
        **totals,
        "failures": results.failures_of(rows),
        "held_back": known.held_back,
        "due": known.due,
        "waits": [one.body() for one in known.waits],
        "resume": known.resume,
        **({"rows": [{name: row.get(name) for name in results.COLUMNS} for row in rows]} if failed else {}),
    }


def _dues(waiting: "Iterable[Waiting]") -> list[str]:
    """When messages come due."""
    return [one.due.astimezone(UTC).isoformat(timespec="seconds") for one in waiting if one.due]


def _held_back(ledger: "Ledger", batch: str) -> list[dict[str, Any]]:
    """Why pairs of a batch were held back. A request held back whole has no rows: its reports say it."""
    whole = results.Results()
    for report in ledger.rows_of_reports(batch):
        whole.add({**report, "outcomes": ()})
    rows = [row for row in ledger.rows(batch) if row["outcome"] == results.PROTECTED]
    return results.held_back([*whole.protected(), *((row["code"] or "-", row["message"] or "", 1) for row in rows)])


def _watched(asked: _Asked, batch: str, answer: dict[str, Any], *, failed: bool, as_json: bool) -> dict[str, Any]:
    """Look again until the batch is complete; Ctrl-C ends the watching."""
    if as_json or not base.out.is_terminal:
        while not answer["complete"]:
            time.sleep(asked.seconds)
            if not as_json:
                print(_line(answer), flush=True)
            answer = asked.look(batch, failed=failed)
        return answer
    try:
        with Live(_shown(answer), console=base.out, auto_refresh=False) as live:
            while not answer["complete"]:
                time.sleep(asked.seconds)
                answer = asked.look(batch, failed=failed)
                live.update(_shown(answer), refresh=True)
    finally:
        base.out.show_cursor()  # Ctrl-C while the view begins leaves it hidden
    return answer


def _line(answer: dict[str, Any]) -> str:
    return f"{answer['batch']}: {results.line_of(answer['pairs'], answer['waiting'], complete=answer['complete'])}"


def _shown(answer: dict[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [f"[bold {results.styled(answer['pairs'])}]{safe(_line(answer))}[/]"]
    if answer["rejected"]:
        parts.append(f"[red]{counted(answer['rejected'], 'request')} rejected: nothing of them was called[/]")
    if answer.get("rows"):
        made = table("", "type", "resource_id", "key", "value", "outcome", "code", "message")
        for row in answer["rows"][:_SHOWN]:
            names = ("type", "resource_id", "key", "value", "outcome", "code", "message")
            made.add_row(*(safe(row[name] or "") for name in names))
        parts.append(made)
        if (more := len(answer["rows"]) - _SHOWN) > 0:
            parts.append(f"[dim]and {more} more; all of them: --failed --csv FILE[/]")
    elif answer["failures"]:
        parts.append(results.failures_table(answer["failures"]))
    parts += map(results.held_back_line, answer["held_back"])
    if answer["due"]:
        moments = [datetime.fromisoformat(text) for text in answer["due"]]
        parts.append(f"{counted(len(moments), 'message')} waiting; {waits.due_in_words(moments)}")
    parts += [f"[yellow]{safe(waits.words_of(one))}[/]" for one in answer["waits"] if one["code"]]
    if answer["resume"]:
        parts.append(f"[dim]if no run of it is at work: {safe(answer['resume'])}[/]")
    return Group(*parts)
