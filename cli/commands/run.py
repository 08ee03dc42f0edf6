"""`untag run`: carries requests out to their end in this process."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cli import base
from cli.confirming import confirm
from cli.errors import INVALID, CommandError, UnconfirmedError
from local.terminal.console import counted

_BATCH = r"[A-Za-z0-9._-]{1,64}"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Read the clouds and say what would be done.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="NAME", help="Name the batch; else it gets a name.")]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="F", dir_okay=False, help="Write a row for each pair: .csv or .json."),
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="BATCH", help="Go on with a batch that was stopped.")]


@base.app.command()
def run(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="JSON, JSON lines or CSV; - for stdin.")
    ] = None,
    *,
    dry_run: DryRun = False,
    report: ReportFile = None,
    batch: Batch = None,
    resume: Resume = None,
    yes: base.Yes = False,
    expect: base.Expect = None,
    as_json: base.Json = False,
) -> None:
    """Carry requests out to their end, with the credentials of this shell or of a file.

    Exit code: 0 all done, 1 something failed, 2 invalid or not confirmed, 3 stopped with work left.
    """
    base.check_output(report, "--report", base.REPORT_ENDINGS)
    if resume is not None:
        if files or batch or dry_run:
            raise CommandError(
                "--resume goes on with what was asked for: it takes no file, --batch or --dry-run",
                f"untag run --resume {resume}",
                status=INVALID,
            )
        _resume(resume, report, expect=expect, as_json=as_json)
    else:
        _begin(files or [], batch, report, dry_run=dry_run, yes=yes, expect=expect, as_json=as_json)


def _begin(
    files: list[str],
    batch: str | None,
    report: Path | None,
    *,
    dry_run: bool,
    yes: bool,
    expect: int | None,
    as_json: bool,
) -> None:
    from cli.carrying import carry_out  # noqa: PLC0415
    from cli.environment import settings  # noqa: PLC0415
    from cli.files.given import Given, read  # noqa: PLC0415 - the models take a good part of a second
    from cli.results import show_unlisted  # noqa: PLC0415
    from cli.runs import Run, new_name  # noqa: PLC0415

    if not files:
        raise CommandError("no file is named", "untag run FILE, or untag run --resume BATCH", status=INVALID)
    if batch is not None and not re.fullmatch(_BATCH, batch):
        raise CommandError(
            f"{batch} cannot name a batch", "up to 64 letters, digits, dots, hyphens and underscores", status=INVALID
        )
    named = batch is not None
    batch = batch or new_name()
    made = Run.new(batch)
    given = read(files, batch=batch, name=made.name)
    if not named and len(own := {one["batch"] for one in (*given.requests, *given.sweeps)}) == 1:
        # The files name it themselves: by this name it is followed, gone on with and undone.
        batch = own.pop()
        made = Run.new(batch)
    base.show_read(given.notes, given.warnings)
    made.open()
    try:
        requests = given.requests
        if given.sweeps:
            requests += made.sweep(
                {**sweep, "dry_run": dry_run or sweep.get("dry_run", False)} for sweep in given.sweeps
            )
        if dry_run:
            requests = [{**request, "dry_run": True} for request in requests]
        asked = Given(requests=requests)
        if not settings().policy.dry_run and not all(request.get("dry_run") for request in requests):
            show_unlisted(base.err, made.unlisted())
            confirm(asked.totals(), asked.pairs, yes=yes, expect=expect)
        made.record(requests)
    except BaseException:
        made.discard()
        raise
    carry_out([made], batch, report, as_json=as_json)


def _resume(batch: str, report: Path | None, *, expect: int | None, as_json: bool) -> None:
    from cli.carrying import carry_out  # noqa: PLC0415
    from cli.runs import runs_of  # noqa: PLC0415
    from cli.undoing import near  # noqa: PLC0415

    runs = list(runs_of(batch))
    if not runs:
        hint = near(base.opened_ledger(), batch) or "untag run FILE begins one"
        raise CommandError(f"no run of {batch} is in the ledger {base.ledger()}", hint, status=INVALID)
    for one in runs:
        one.open()
    left = sum(one.pairs_left() for one in runs)
    if expect not in (None, left):
        raise UnconfirmedError(
            f"{counted(left, 'pair')} are left of {batch}, and --expect says {expect}", "nothing was changed"
        )
    carry_out(runs, batch, report, as_json=as_json)
