"""`untag undo`: puts back what a batch or a report says was removed."""

import json
from typing import Annotated

import typer

from cli import base
from cli.confirming import confirm, show_totals
from cli.errors import INVALID, CommandError
from local.terminal.console import counted, safe

Targets = Annotated[
    list[str],
    typer.Argument(metavar="BATCH|REPORT...", help="Batches of the ledger, or files of reports; - for stdin."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Put back also where a key has another value by now.")]
Print = Annotated[bool, typer.Option("--print", help="Print the requests, and send nothing.")]
ExpectRows = Annotated[
    int | None, typer.Option("--expect", min=0, metavar="ROWS", help="Go on only if this is the number of rows.")
]


@base.app.command()
def undo(
    targets: Targets,
    *,
    overwrite: Overwrite = False,
    print_requests: Print = False,
    yes: base.Yes = False,
    expect: ExpectRows = None,
    as_json: base.Json = False,
) -> None:
    """Show what would be put back, ask, and put it back. What is undone can be undone again.

    A batch of restores is undone by removals of what was put back. Exit codes are those of `run`.
    """
    from cli.carrying import carry_out  # noqa: PLC0415 - the models take a good part of a second
    from cli.files.given import Given  # noqa: PLC0415
    from cli.runs import Run  # noqa: PLC0415
    from cli.undoing import undo_of  # noqa: PLC0415

    made, batch = undo_of(targets, overwrite=overwrite)
    if made.unknown:
        made.notes.append(f"{counted(made.unknown, 'row')} left out: what stood there before is not known")
    for note in made.notes:
        base.err.print(safe(note), style="yellow", highlight=False, soft_wrap=True)
    if print_requests:
        print(json.dumps(made.requests, ensure_ascii=False))
        return
    if not made.requests:
        raise CommandError("there is nothing to undo in it", "untag status BATCH shows what was done", status=INVALID)
    asked = Given(requests=made.requests)
    if not as_json:
        show_totals(asked.totals())
    confirm(asked.totals(), asked.pairs, yes=yes, expect=expect, what="row", show=False)
    run = Run.new(batch)
    run.open()
    run.record(made.requests)
    carry_out([run], batch, None, as_json=as_json)
