"""What undoes a batch of the ledger, or reports in files."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import base
from cli.errors import INVALID, CommandError
from cli.files.suggestions import meant
from cli.files.texts import STDIN, text_of
from cli.ledger import Ledger
from cli.ledger.rows import reports_of_rows
from local.errors import LocalError
from local.reports import Report, reports_of
from local.reports.undo import Undo, undo_requests
from untag.core.requests import batch_name

if TYPE_CHECKING:
    from cli.deployed.base import Stack

_SUFFIX = "-undo"


def undo_of(
    targets: Sequence[str], *, overwrite: bool, batch_reports: Callable[[str], Iterable[Report]] | None = None
) -> tuple[Undo, str]:
    """The requests that undo batches and reports, and the batch that they are made one of. Raises CommandError.

    `batch_reports` gives a batch's reports; without it they are those of the ledger of runs here.
    """
    reports = [report for target in targets for report in _reports(target, batch_reports or _of_ledger)]
    first = next((report.get("batch") or report.get("id") for report in reports), None) or targets[0]
    # A batch of their own: what undoes a batch is not undone with it.
    batch = batch_name(f"{first}{_SUFFIX}")
    try:
        made = undo_requests(reports, overwrite=overwrite)
    except LocalError as error:
        raise CommandError(str(error), error.hint, status=INVALID) from None
    made.requests = [{**request, "batch": batch} for request in made.requests]
    return made, batch


def unknown_batch(ledger: Ledger, batch: str) -> CommandError:
    """The error for a batch that the ledger does not know."""
    hint = meant(batch, (str(row["batch"]) for row in ledger.batches()))
    if not ledger.local_stack and Ledger(ledger.folder).totals(batch) is not None:
        hint = 'the local stack carried it out: --local, or first eval "$(untag local env)"'
    return CommandError(
        f"nothing is known of a batch {batch} in the ledger {ledger.folder}",
        hint or "a batch of another ledger: set UNTAG_LEDGER to its folder",
        status=INVALID,
    )


def unknown_at_stack(stack: "Stack", batch: str) -> CommandError:
    """The error for a batch that a stack's ledger does not know."""
    hint = "is the name right, and was it sent to this stack?"
    if stack.place.stack is not None:
        hint = "on AWS a report reaches the ledger two minutes after it was published"
    return CommandError(f"nothing is known of a batch {batch} at {stack}", hint, status=INVALID)


def _reports(target: str, batch_reports: Callable[[str], Iterable[Report]]) -> Iterable[Report]:
    if target == STDIN or Path(target).is_file():
        text = text_of(target)
        rows = _rows(target, text)
        try:
            return list(reports_of_rows(rows)) if rows else reports_of(text)
        except LocalError as error:
            raise CommandError(f"{target}: {error}", error.hint, status=INVALID) from None
    return batch_reports(target)


def _of_ledger(batch: str) -> Iterable[Report]:
    ledger = base.opened_ledger()
    reports = list(ledger.rows_of_reports(batch))
    if not reports:
        raise unknown_batch(ledger, batch)
    return reports


def _rows(name: str, text: str) -> list[dict[str, Any]]:
    """The rows of what `--report` has written; none of anything else."""
    if Path(name).suffix.lower() == ".csv":
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text, newline="")))
    else:
        try:
            content = json.loads(text)
        except ValueError:
            return []
        rows = content if isinstance(content, list) else []
    needed = {"provider", "type", "resource_id", "key", "outcome"}
    return rows if all(isinstance(row, Mapping) and needed <= set(row) for row in rows) else []
