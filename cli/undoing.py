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
from cli.files.texts import STDIN, shown, text_of
from cli.ledger import Ledger
from cli.ledger.rows import reports_of_rows
from local.errors import LocalError
from local.reports import Report, reports_of
from local.reports.undo import Undo, undo_requests
from untag.core.requests import batch_name

if TYPE_CHECKING:
    from cli.deployed.base import Stack


class UnknownBatchError(CommandError):
    """A ledger knows nothing of a batch."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint, status=INVALID)


def undo_of(
    targets: Sequence[str], *, overwrite: bool, batch_reports: Callable[[str], Iterable[Report]] | None = None
) -> Undo:
    """The requests that undo batches and reports. Raises CommandError.

    `batch_reports` gives a batch's reports; without it they are those of the ledger of runs here.
    """
    reports = [report for target in targets for report in _reports(target, batch_reports or _of_ledger)]
    try:
        return undo_requests(reports, overwrite=overwrite)
    except LocalError as error:
        raise CommandError(str(error), error.hint, status=INVALID) from None


def unknown_batch(ledger: Ledger, batch: str) -> UnknownBatchError:
    """The error for a batch that the ledger does not know."""
    hint = near(ledger, batch)
    if not ledger.local_stack and Ledger(ledger.folder).totals(batch) is not None:
        hint = 'the local stack carried it out: --local, or first eval "$(untag local env)"'
    return UnknownBatchError(
        f"nothing is known of a batch {batch} in the ledger {ledger.folder}",
        hint or "a batch of another ledger: set UNTAG_LEDGER to its folder",
    )


def near(ledger: Ledger, batch: str) -> str:
    """A hint that names the batch of the ledger that was probably meant; "" where none is like it."""
    return meant(batch, (str(row["batch"]) for row in ledger.batches()))


def unknown_at_stack(stack: "Stack", batch: str) -> UnknownBatchError:
    """The error for a batch that a stack's ledger does not know."""
    hint = "is the name right, and was it sent to this stack?"
    if stack.place.stack is not None:
        hint = "on AWS a report reaches the ledger two minutes after it was published"
    return UnknownBatchError(f"nothing is known of a batch {batch} at {stack}", hint)


def _reports(target: str, batch_reports: Callable[[str], Iterable[Report]]) -> Iterable[Report]:
    if target == STDIN or Path(target).is_file():
        text = text_of(target)
        rows = _rows(target, text)
        try:
            return [{"batch": _stem(target), **one} for one in reports_of_rows(rows)] if rows else reports_of(text)
        except LocalError as error:
            raise CommandError(f"{shown(target)}: {error}", error.hint, status=INVALID) from None
    try:
        return batch_reports(target)
    except UnknownBatchError as error:
        raise CommandError(
            f"there is no file {Path(target).absolute()}, and {error}", error.hint, status=INVALID
        ) from None


def _stem(target: str) -> str:
    """The batch of rows that do not say of which one they are."""
    return batch_name(Path(shown(target)).stem)


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
