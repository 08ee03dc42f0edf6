"""`untag apply`: removes exactly the pairs of a plan, each only where it still has the value that was seen."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.base import app
from cli.confirming import confirm
from cli.errors import FAILED, WAITING
from local.terminal.console import counted, safe

if TYPE_CHECKING:
    from cli.plans.drift import Drift
    from cli.plans.rows import Spared
    from cli.plans.written import Plan
    from cli.runs import Run

_SHOWN = 20

MaxAge = Annotated[
    str | None,
    typer.Option("--max-age", metavar="TIME", help="Refuse an older plan: 90m, 24h, 7d.", show_default="24h"),
]
NoNew = Annotated[bool, typer.Option("--no-new", help="Do not look for pairs that the plan has not.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="NAME", help="The batch, in place of the plan's own.")]


@dataclass(slots=True)
class _Applied:
    """What becomes of a plan: its runs, and what is to be said of them."""

    pairs: int = 0
    runs: "dict[str, Run]" = field(default_factory=dict)
    drift: "list[Drift]" = field(default_factory=list)
    left_out: "list[Spared]" = field(default_factory=list)
    stopped: bool = False


@app.command()
def apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan: .json or .csv.", show_default=False)],
    *,
    max_age: MaxAge = None,
    no_new: NoNew = False,
    batch: Batch = None,
    yes: base.Yes = False,
    expect: base.Expect = None,
    as_json: base.Json = False,
) -> None:
    """Remove exactly a plan's pairs, each only where it still has the value that was seen.

    Exit code: 0 all removed, 1 something failed or has changed since, 2 invalid, too old or not confirmed, 3 stopped
    with work left.
    """
    from cli.commands.planning import check_batch, environment  # noqa: PLC0415 - the help need not load it
    from cli.plans import written  # noqa: PLC0415

    check_batch(batch)
    with environment():
        read = written.read(Path(plan))
        written.check_age(read, max_age)
        _apply(read, batch, yes=yes, expect=expect, as_json=as_json, look_for_new=not no_new)


def _apply(
    plan: "Plan", batch: str | None, *, yes: bool, expect: int | None, as_json: bool, look_for_new: bool
) -> None:
    for warning in plan.warnings:
        base.warn(base.err, warning)
    from cli.plans.drift import show_drift  # noqa: PLC0415 - the help need not load it

    applied = _Applied()
    if look_for_new and plan.source is not None:
        applied.drift += _new(plan)
        show_drift(base.err, [one.body() for one in applied.drift])
    asked = _prepared(plan, batch, applied)
    for one in applied.left_out[:_SHOWN]:
        base.err.print(f"[yellow]left out:[/] {safe(f'{one.type} {one.id} {one.key}: {one.message}')}", soft_wrap=True)
    totals = [
        {**place, "region": place["region"] or "-", "action": "remove"} for place in plan.chosen.totals()["places"]
    ]
    if applied.pairs or expect is not None:
        confirm(totals, applied.pairs, yes=yes, expect=expect)
    if applied.pairs:
        _carry_out(plan, asked, applied)
    answer = _answer(plan, applied)
    base.show(answer, _show, as_json=as_json)
    raise typer.Exit(_status(answer, stopped=applied.stopped))


def _new(plan: "Plan") -> "list[Drift]":
    """What the plan's source would remove now that is not in the plan."""
    from cli.commands.planning import environment, progress  # noqa: PLC0415
    from cli.plans import reading, sources  # noqa: PLC0415
    from cli.plans.drift import new_pairs  # noqa: PLC0415
    from cli.plans.rows import Rows  # noqa: PLC0415
    from cli.progress import Pauses  # noqa: PLC0415

    pausing = Pauses(plan.batch or "plan", base.err)
    with Rows() as fresh, environment() as environ, progress("looking for what is new: pairs read") as seen:
        name = plan.batch or "plan"
        given = sources.given_again(plan.source or [], name)
        reading.read(given.requests, given.sweeps, fresh, environ, batch=name, seen=seen, pausing=pausing)
        if unread := sum(one.pairs for one in fresh.spared_as("failed")):
            text = f"what is new cannot be told everywhere: {counted(unread, 'read')} failed"
            base.err.print(f"[yellow]{text}[/]", soft_wrap=True)
        return list(new_pairs(fresh, plan.whole))


def _prepared(plan: "Plan", batch: str | None, applied: _Applied) -> dict[str, list[dict[str, Any]]]:
    """The requests for the chosen rows by batch, each batch with a run of its own."""
    from cli.environment import settings  # noqa: PLC0415
    from cli.files.given import pairs_of  # noqa: PLC0415
    from cli.plans.requests import removal_requests  # noqa: PLC0415
    from cli.runs import Run, new_name  # noqa: PLC0415
    from untag.providers import Registry  # noqa: PLC0415

    def run_name(its: str) -> str:
        if its not in applied.runs:
            applied.runs[its] = Run.new(its)
        return applied.runs[its].name

    limits = settings()
    parts = removal_requests(
        plan.chosen,
        Registry(limits.providers),
        max_pairs=limits.policy.max_pairs,
        batch=batch,
        other=plan.batch or new_name(),
        name=run_name,
        reason=f"plan {plan.path.name} {plan.digest[:19]}".strip(),
        **plan.moments,
    )
    asked: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        applied.left_out += part.left_out
        for body in part.bodies:
            asked.setdefault(body["batch"], []).append(body)
            applied.pairs += pairs_of(body)
    return asked


def _carry_out(plan: "Plan", asked: dict[str, list[dict[str, Any]]], applied: _Applied) -> None:
    """All of it is written down before anything is called, so that a run which is killed can go on."""
    runs = {name: run for name, run in applied.runs.items() if name in asked}
    for name, run in runs.items():
        run.open()
        run.record(asked[name], {"plan": str(plan.path), "new": [one.body() for one in applied.drift]})
    asked.clear()
    try:
        for run in runs.values():
            run.carry_out()
    except KeyboardInterrupt:
        applied.stopped = True
    applied.runs = runs


def _answer(plan: "Plan", applied: _Applied) -> dict[str, Any]:
    from cli import results  # noqa: PLC0415
    from cli.plans.drift import drift_of  # noqa: PLC0415

    counts: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    runs = list(applied.runs.values()) if applied.pairs else []
    for run in runs:
        for outcome, count in run.results.counts().items():
            counts[outcome] = counts.get(outcome, 0) + count
        rows += [row for row in run.results.rows() if row["outcome"] not in {"removed", "would_remove"}]
    waiting = {name: left for name, run in applied.runs.items() if applied.pairs and (left := run.pairs_left())}
    drift = [*applied.drift, *(one for row in rows if (one := drift_of(row)) is not None)]
    return {
        "plan": str(plan.path),
        "made_at": plan.made_at,
        "batches": list(applied.runs) if applied.pairs else [],
        "pairs": counts,
        "waiting": sum(waiting.values()),
        "complete": not waiting,
        "drift": [one.body() for one in drift],
        "left_out": [one._asdict() for one in applied.left_out],
        "held_back": results.held_back(fact for run in runs for fact in run.results.protected()),
        "failures": results.failures_of(rows),
        "rejected": [error for run in runs for error in run.results.rejected],
        "resume": [f"untag run --resume {name}" for name in waiting],
    }


def _status(answer: dict[str, Any], *, stopped: bool) -> int:
    from cli import results  # noqa: PLC0415

    status = results.status_of(answer["pairs"], answer["waiting"], len(answer["rejected"]))
    if stopped and answer["waiting"]:
        return WAITING
    return status or (FAILED if answer["drift"] or answer["left_out"] else 0)


def _show(console: Console, answer: dict[str, Any]) -> None:
    from cli import results  # noqa: PLC0415
    from cli.plans.drift import show_drift, show_new  # noqa: PLC0415

    line = results.line_of(answer["pairs"], answer["waiting"], complete=answer["complete"])
    names = ", ".join(answer["batches"]) or answer["plan"]
    console.print(f"[bold {results.styled(answer['pairs'])}]{safe(names)}:[/] {line}")
    show_drift(console, [one for one in answer["drift"] if one["kind"] != "new"])
    results.show_held_back(console, answer["held_back"])
    if answer["failures"]:
        console.print(results.failures_table(answer["failures"]))
    for error in answer["rejected"]:
        console.print(f"[red]rejected:[/] {safe(error['path'])}: {safe(error['message'])}")
    show_new(console, answer["drift"])
    for command in answer["resume"]:
        console.print(f"stopped with work left; to go on: {command}", soft_wrap=True)
    if not answer["resume"] and answer["pairs"].get("removed"):
        for name in answer["batches"]:
            console.print(f"[dim]to put the tags back: untag undo {name}[/]", soft_wrap=True)
