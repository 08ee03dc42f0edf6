"""What undoes a batch of the ledger, or reports in files."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli import base
from cli.errors import INVALID, CommandError
from cli.files.suggestions import meant
from cli.files.texts import STDIN, text_of
from cli.ledger import Ledger
from local.errors import LocalError
from local.reports import Report, reports_of
from local.reports.undo import Undo, undo_requests
from untag.core.requests import batch_name

_PLACE = ("provider", "account", "region", "project_id")
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


def unknown_at_stack(stack: str, batch: str) -> CommandError:
    """The error for a batch that a stack's ledger does not know."""
    return CommandError(
        f"nothing is known of a batch {batch} at {stack}",
        "on AWS a report reaches the ledger two minutes after it was published",
        status=INVALID,
    )


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


def reports_of_rows(
    rows: Iterable[Mapping[str, Any]], *, reads_first: bool = False, empty_is_unknown: bool = True
) -> Iterator[Report]:
    """Rows as the reports that they come from. Where a cell is None nothing is known.

    A CSV file has an empty cell for None as well: with `empty_is_unknown` nothing is known there either.

    With `reads_first` it is known that each pair was read: where a restored one has no `was`, nothing stood there.
    """
    by_head: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    unknown = (None, "") if empty_is_unknown else (None,)
    for row in rows:
        known = {name: cell for name, cell in row.items() if cell not in unknown}
        if isinstance(row.get("was"), str) and row.get("value") == row["was"]:
            known |= {"was": row["was"], "value": row["was"]}  # an empty value that was asked for and stood there
        if reads_first and row["outcome"] == "restored" and row.get("was") is None:
            known["was"] = None
        action = "restore" if row["outcome"] == "restored" else "remove"
        moment = str(known.get("finished_at", ""))
        head = (known.get("request_id", "report"), action, moment, *(known.get(name) for name in _PLACE))
        by_head.setdefault(head, []).append(known)
    for (id_, action, moment, *place), several in by_head.items():
        fields = dict(zip(_PLACE, place, strict=True))
        report = {"kind": "removal", "id": id_, "action": action, "account": "default", **fields, "outcomes": several}
        yield {**report, "finished_at": moment}
