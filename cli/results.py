"""What became of pairs: counted while reports come in, shown to a person, and written as rows for a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from cli.errors import FAILED, WAITING, CommandError
from cli.ledger.tables import OUTCOMES
from local.reports.pairs import Pair, Pairs, order_of, rows_of
from local.terminal.console import outcome_style, safe, table

COLUMNS = (
    "provider",
    "account",
    "region",
    "project_id",
    "type",
    "resource_id",
    "key",
    "value",
    "was",
    "outcome",
    "code",
    "message",
    "request_id",
    "provider_request_id",
)
FAILURES = ("failed", "unconfirmed")
_EXAMPLES = 3


class Results:
    """The last word on each pair of a run, as its reports come."""

    def __init__(self) -> None:
        self._pairs = Pairs()
        self._rows: dict[Pair, tuple[tuple[str, int], dict[str, Any]]] = {}
        self.rejected: list[dict[str, str]] = []
        """What is wrong with requests that were rejected."""

    def add(self, report: Mapping[str, Any]) -> None:
        """Take a report."""
        if report.get("kind", "removal") == "rejected":
            self.rejected += report["errors"]
        self._pairs.add(report)
        order = order_of(report)
        head = {name: report.get(name) for name in COLUMNS[:4]} | {"request_id": report.get("id")}
        for pair, row in rows_of(report):
            before = self._rows.get(pair)
            if before is None or before[0] <= order:
                self._rows[pair] = order, head | dict(row)

    def counts(self) -> dict[str, int]:
        """Pairs by outcome; those that wait are not among them."""
        return {outcome: count for outcome, count in self._pairs.counts().items() if outcome != "deferred"}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each pair."""
        return [{name: row.get(name) for name in COLUMNS} for _, row in self._rows.values()]


def failures_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What failed, by code with examples; the most frequent first."""
    by_code: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["outcome"] in FAILURES:
            by_code.setdefault((row["outcome"], row.get("code") or "-"), []).append(row)
    return [
        {
            "outcome": outcome,
            "code": code,
            "pairs": len(several),
            "message": several[0].get("message") or "",
            "examples": [f"{row['type']} {row['resource_id']} {row['key']}" for row in several[:_EXAMPLES]],
        }
        for (outcome, code), several in sorted(by_code.items(), key=lambda item: -len(item[1]))
    ]


def line_of(counts: Mapping[str, int], waiting: int, *, complete: bool) -> str:
    """A batch in a line, such as `412 removed, 3 failed, 20 waiting, complete: no`."""
    parts = [f"{counts[outcome]} {outcome.replace('_', ' ')}" for outcome in OUTCOMES if counts.get(outcome)]
    parts += [f"{waiting} waiting"] if waiting else []
    return ", ".join([*(parts or ["no pairs"]), f"complete: {'yes' if complete else 'no'}"])


def failures_table(failures: Iterable[Mapping[str, Any]]) -> Table:
    """What failed and why, as a table."""
    made = table("", "outcome", "code", "pairs", "message", "for example")
    for row in failures:
        examples = "\n".join(map(safe, row["examples"]))
        made.add_row(safe(row["outcome"]), safe(row["code"]), str(row["pairs"]), safe(row["message"]), examples)
    return made


def styled(counts: Mapping[str, int]) -> str:
    """The colour of a result: of its worst outcome."""
    return next((outcome_style(one) for one in (*FAILURES, "protected", *counts) if counts.get(one)), "default")


def status_of(counts: Mapping[str, int], waiting: int, rejected: int = 0) -> int:
    """The exit code of a batch."""
    if waiting:
        return WAITING
    return FAILED if rejected or any(counts.get(one) for one in FAILURES) else 0


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = COLUMNS) -> None:
    """The rows as JSON where the file's ending says so, else as CSV. Raises CommandError."""
    columns = tuple(columns)
    try:
        if path.suffix.lower() == ".json":
            path.write_text(json.dumps(list(rows), ensure_ascii=False, default=str, indent=1) + "\n", encoding="utf-8")
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", "name another file") from None
