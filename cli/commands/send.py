"""`untag send`: hands requests and sweeps to a stack, which carries them out."""

import secrets
import shlex
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.confirming import confirm
from cli.errors import FAILED, INVALID, CommandError
from local.terminal.console import counted, safe

if TYPE_CHECKING:
    from cli.deployed.base import Queue, Sent, Stack
    from cli.files.given import Given

DryRun = Annotated[bool, typer.Option("--dry-run", help="The stack reads the clouds and reports what would be done.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="NAME", help="Name the batch; else it gets a name.")]

Follow = Annotated[bool, typer.Option("--follow", help="Stay until every pair has an outcome. Needs no ledger.")]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="F", dir_okay=False, help="With --follow: write a row for each pair, .csv or .json."
    ),
]


@base.app.command()
def send(
    files: base.Files,
    *,
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    batch: Batch = None,
    dry_run: DryRun = False,
    follow: Follow = False,
    report: ReportFile = None,
    yes: base.Yes = False,
    expect: base.Expect = None,
    as_json: base.Json = False,
) -> None:
    """Check files as `check` does, ask, and send them to the queues of a stack, which carries them out.

    Where the number is asked for, a rule of a sweep counts as one pair. Exit code: 0 all sent, 1 not all of it was
    taken, 2 invalid or not confirmed; with --follow also 1 something failed, 3 stopped with work left.
    """
    if report is not None and not follow:
        raise CommandError("--report needs --follow", "or untag status BATCH --csv FILE later", status=INVALID)
    base.check_output(report, "--report", base.REPORT_ENDINGS)
    from cli.commands.planning import check_batch  # noqa: PLC0415 - the models take a good part of a second
    from cli.deployed.base import Place  # noqa: PLC0415
    from cli.deployed.choice import stack_at  # noqa: PLC0415
    from cli.files.given import read  # noqa: PLC0415
    from cli.runs import new_name  # noqa: PLC0415

    check_batch(batch)
    token = secrets.token_hex(8)
    name = batch or new_name()
    given = read(files, batch=name, name=token)
    base.show_read(given.notes, given.warnings)
    place = Place(stack, stack_region, local, functiongraph)
    target = stack_at(place)
    _prepare(given, token, dry_run=dry_run)
    check_cap(target, given)
    if not all(body.get("dry_run") for body in (*given.requests, *given.sweeps)):
        _confirm(given, yes=yes, expect=expect)
    flags = [flag for flag, on in (("--dry-run", dry_run), ("--follow", follow), ("--yes", yes)) if on]
    values = (("--batch", name), ("--report", report), ("--expect", expect))
    options = [word for option, value in values if value is not None for word in (option, str(value))]
    again = f"{shlex.join(['untag', 'send', *files, *options, *flags])} {place.options()}"
    sending = partial(sent_to, target, given, again)
    if follow:
        from cli.commands.following import send_and_follow  # noqa: PLC0415

        send_and_follow(target, given, sending, report, as_json=as_json)
    answer = sending()
    base.show(answer, show_sent, as_json=as_json)
    raise typer.Exit(FAILED if answer["unsent"] else 0)


def _prepare(given: "Given", token: str, *, dry_run: bool) -> None:
    """Ids that are the same for the same, and a dry run of all where it is asked for."""
    from cli.deployed.bodies import fitting, with_own_ids  # noqa: PLC0415

    bodies = with_own_ids([*given.requests, *given.sweeps], token)
    if dry_run:
        bodies = [{**body, "dry_run": True} for body in bodies]
    given.requests = [part for body in bodies if "rules" not in body for part in fitting(body)]
    given.sweeps = [body for body in bodies if "rules" in body]


def check_cap(target: "Stack", given: "Given") -> None:
    """CommandError where the stack would hold a request back whole: nothing of it would be done."""
    from cli.files.given import pairs_of  # noqa: PLC0415

    cap = target.max_pairs
    large = [request for request in given.requests if cap and pairs_of(request) > cap]
    if large:
        raise CommandError(
            f"{counted(len(large), 'request')} of more than {cap} pairs: {target} would hold "
            f"{'it' if len(large) == 1 else 'them'} back whole (MaxPairs); nothing was sent",
            f"UNTAG_MAX_PAIRS={cap} has a CSV cut to this size; a request of JSON has to be cut by hand",
            status=INVALID,
        )


def _confirm(given: "Given", *, yes: bool, expect: int | None) -> None:
    rules = sum(len(sweep["rules"]) for sweep in given.sweeps if not sweep.get("dry_run"))
    if rules:
        base.err.print(
            f"{counted(rules, 'rule')} of sweeps: what is matched is known only when the stack reads the clouds "
            "(`untag plan` shows it beforehand); each rule counts as one item, as each pair does",
            style="yellow",
            soft_wrap=True,
        )
    what = "item" if rules else "pair"
    confirm(given.totals(), given.pairs + rules, yes=yes, expect=expect, what=what, show=bool(given.requests))


def sent_to(target: "Stack", given: "Given", again: str = "the same command") -> dict[str, Any]:
    """Send what was confirmed, and what came of it. `again` is the command that sends the same under the same ids."""
    from cli.commands.planning import progress  # noqa: PLC0415

    if given.requests:
        _copy(target, given)
    done: list[Sent] = []
    queues: tuple[tuple[Queue, list[dict[str, Any]]], ...] = (("work", given.requests), ("sweep", given.sweeps))
    for queue, bodies in queues:
        if bodies:
            with progress("sending: messages taken") as seen:
                done.append(target.send(queue, bodies, seen))
    return {**_answer(target, given, done), "again": again if any(one.left for one in done) else None}


def _copy(target: "Stack", given: "Given") -> None:
    """The ledger's own copy, before anything is sent: so it misses what is lost before it is reported on."""
    try:
        target.keep_copy(given.requests)
    except CommandError as error:
        base.err.print(
            f"{safe(error)}: the ledger has no copy of what is sent, and may call a batch complete too early",
            style="yellow",
            soft_wrap=True,
        )


def _answer(target: "Stack", given: "Given", done: Iterable["Sent"]) -> dict[str, Any]:
    done = list(done)
    batches = list(dict.fromkeys(body["batch"] for body in (*given.requests, *given.sweeps)))
    return {
        "batches": batches,
        "requests": len(given.requests),
        "sweeps": len(given.sweeps),
        "pairs": given.pairs,
        "sent": [id_ for one in done for id_ in one.taken],
        "unsent": [id_ for one in done for id_ in one.left],
        "code": next((one.code for one in done if one.code), None),
        "follow": [f"untag status {batch} {target.place.options()}" for batch in batches]
        if target.keeps_reports
        else [],
    }


def show_again(console: Console, answer: dict[str, Any]) -> None:
    """How to send what was not taken."""
    text = f"to send the rest: {safe(answer['again'])}"
    console.print(f"[dim]{text}[/]", soft_wrap=True)
    console.print("[dim]what was sent already is not counted twice by it[/]", soft_wrap=True)


def show_sent(console: Console, answer: dict[str, Any]) -> None:
    """What was sent and how to follow it, or what was not sent and why."""
    counts = f"{counted(len(answer['sent']), 'message')} sent, {counted(answer['pairs'], 'pair')} asked for"
    if answer["unsent"]:
        console.print(f"[bold red]not all was sent:[/] {counts}")
        console.print(f"{counted(len(answer['unsent']), 'message')} not taken: {safe(answer['code'])}")
        show_again(console, answer)
        return
    console.print(f"[bold green]sent:[/] {counts}")
    for line in answer["follow"]:
        console.print(f"[dim]to follow it: {safe(line)}[/]", soft_wrap=True)
