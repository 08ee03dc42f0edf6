"""Carries out runs with a progress display, then prints results and remainders, and gives the exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from cli import base, results
from cli.errors import FAILED, WAITING
from cli.plans.drift import drift_of, show_drift, show_new
from cli.runs import Run
from local.terminal.console import counted, safe


def carry_out(runs: Sequence[Run], batch: str, report: Path | None, *, as_json: bool) -> None:
    """Carry runs of a batch out, and say what came of it."""
    stopped = False
    try:
        for one in runs:
            one.carry_out()
    except KeyboardInterrupt:
        stopped = True
    counts: dict[str, int] = {}
    for one in runs:
        for outcome, count in one.results.counts().items():
            counts[outcome] = counts.get(outcome, 0) + count
    rows = [row for one in runs for row in one.results.rows()]
    rejected = [error for one in runs for error in one.results.rejected]
    unlisted = [error for one in runs for error in one.unlisted()]
    waiting = sum(one.pairs_left() for one in runs)
    if report is not None:
        results.write_rows(report, rows)
    drift = [one for run in runs for one in _drift(run)]
    names = dict.fromkeys(request["batch"] for one in runs for request in one.asked().requests)
    answer = {
        "batch": batch,
        "batches": list(names),
        "pairs": counts,
        "waiting": waiting,
        "complete": not waiting and not unlisted,
        "held_back": results.held_back(fact for one in runs for fact in one.results.protected()),
        "failures": results.failures_of(rows),
        "rejected": rejected,
        "unlisted": unlisted,
        "resume": f"untag run --resume {batch}" if waiting else None,
        "folder": str(runs[0].folder),
        "report": None if report is None else str(report),
        **({"drift": drift} if any(one.plan() for one in runs) else {}),
    }
    base.show(answer, _show, as_json=as_json)
    status = results.status_of(counts, waiting, len(rejected) + len(unlisted))
    raise typer.Exit(WAITING if stopped and waiting else status or (FAILED if drift else 0))


def _drift(run: Run) -> list[dict[str, Any]]:
    """What a run says of changes since its plan was made; nothing of a run without a plan."""
    if (plan := run.plan()) is None:
        return []
    changed = (drift_of(row) for row in run.results.rows())
    return [*plan["new"], *(one.body() for one in changed if one is not None)]


def _show(console: Console, answer: dict[str, Any]) -> None:
    line = results.line_of(answer["pairs"], answer["waiting"], complete=answer["complete"])
    console.print(f"[bold {results.styled(answer['pairs'])}]{answer['batch']}:[/] {line}")
    drift = answer.get("drift", [])
    show_drift(console, [one for one in drift if one["kind"] != "new"])
    results.show_held_back(console, answer["held_back"])
    if answer["failures"]:
        console.print(results.failures_table(answer["failures"]))
    for error in answer["rejected"]:
        console.print(f"[red]rejected:[/] {safe(error['path'])}: {safe(error['message'])}")
    results.show_unlisted(console, answer["unlisted"])
    show_new(console, drift)
    if answer["resume"]:
        console.print(
            f"stopped: {counted(answer['waiting'], 'pair')} left; to go on: {answer['resume']}", soft_wrap=True
        )
    elif answer["pairs"].get("removed"):
        console.print(f"[dim]to put the tags back: untag undo {' '.join(answer['batches'])}[/]", soft_wrap=True)
    results.show_report(console, answer["report"])
