"""`untag undo`: puts back what a batch or a report says was removed."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cli import base
from cli.confirming import confirm, show_totals
from cli.errors import FAILED, INVALID, CommandError
from local.terminal.console import counted, safe

if TYPE_CHECKING:
    from cli.deployed.base import Place
    from cli.files.given import Given
    from local.reports import Report

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
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    as_json: base.Json = False,
) -> None:
    """Show what would be put back, ask, and put it back. What is undone can be undone again.

    A batch of restores is undone by removals of what was put back. At a stack a batch is one of its ledger,
    and the stack puts it back. Exit codes are those of `run`, or of `send` at a stack.
    """
    from cli.carrying import carry_out  # noqa: PLC0415 - the models take a good part of a second
    from cli.deployed.base import Place  # noqa: PLC0415
    from cli.files.given import Given  # noqa: PLC0415
    from cli.runs import Run  # noqa: PLC0415
    from cli.undoing import undo_of  # noqa: PLC0415

    place = Place(stack, stack_region, local, functiongraph)
    there = _AtStack(place) if place else None
    made = undo_of(targets, overwrite=overwrite, batch_reports=None if there is None else there.reports)
    if made.unknown:
        made.notes.append(f"{counted(made.unknown, 'row')} left out: what stood there before is not known")
    for note in made.notes:
        base.err.print(safe(note), style="yellow", soft_wrap=True)
    if print_requests:
        print(json.dumps(made.requests, ensure_ascii=False))
        return
    if not made.requests:
        raise CommandError("there is nothing to undo in it", "untag status BATCH shows what was done", status=INVALID)
    asked = Given(requests=made.requests)
    if not as_json:
        show_totals(asked.totals())
    if there is not None:
        asked = there.fitting(asked)
    confirm(asked.totals(), asked.pairs, yes=yes, expect=expect, what="row", show=False)
    if there is not None:
        there.send(asked, as_json=as_json)
    run = Run.new(made.batch)
    run.open()
    run.record(made.requests)
    carry_out([run], made.batch, None, as_json=as_json)


class _AtStack:
    """A stack whose ledger has the reports, and whose queue takes what undoes them."""

    def __init__(self, place: "Place") -> None:
        from cli.deployed.choice import stack_at  # noqa: PLC0415

        self._stack = stack_at(place)

    def reports(self, batch: str) -> "list[Report]":
        """What the ledger says of a batch. Raises CommandError for one that it does not know."""
        from cli.commands.planning import progress  # noqa: PLC0415
        from cli.undoing import unknown_at_stack  # noqa: PLC0415

        with progress("asking the ledger"), TemporaryDirectory() as folder:
            ledger = self._stack.ledger(Path(folder))
            totals = ledger.totals(batch)
            if totals is None:
                raise unknown_at_stack(self._stack, batch)
            if not totals.complete:
                text = f"{batch} is not complete: what is still removed later is not undone by this"
                base.err.print(text, style="yellow", soft_wrap=True)
            return ledger.reports(batch)

    def fitting(self, asked: "Given") -> "Given":
        """The requests as messages can carry them, and as the stack takes them. Raises CommandError."""
        from cli.commands.send import check_cap  # noqa: PLC0415
        from cli.deployed.bodies import fitting  # noqa: PLC0415

        asked.requests = [part for body in asked.requests for part in fitting(body)]
        check_cap(self._stack, asked)
        return asked

    def send(self, asked: "Given", *, as_json: bool) -> NoReturn:
        """Send what was confirmed."""
        from cli.commands.send import sent_to, show_sent  # noqa: PLC0415

        answer = sent_to(self._stack, asked)
        base.show(answer, show_sent, as_json=as_json)
        raise typer.Exit(FAILED if answer["unsent"] else 0)
