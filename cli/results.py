"""What became of pairs: counted while reports come in, shown to a person, and written as rows for a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.errors import FAILED, WAITING, CommandError
from cli.ledger.tables import OUTCOMES
from local.reports.pairs import Pair, Pairs, order_of, place_of, rows_of
from local.terminal.console import counted, outcome_style, safe, table

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
    "was_key",
    "batch",
)
FAILURES = ("failed", "unconfirmed")
PROTECTED = "protected"
_EXAMPLES = 3
_VARIABLES = {
    "too_many_pairs": "UNTAG_MAX_PAIRS",
    "protected_key": "UNTAG_PROTECTED_KEYS",
    "account_not_allowed": "UNTAG_ALLOWED_ACCOUNTS",
    "region_not_allowed": "UNTAG_ALLOWED_REGIONS",
    "type_not_allowed": "UNTAG_ALLOWED_TYPES",
}
"""The variable behind a guardrail, by its code: in a run here this shell sets it."""


class Results:
    """The last word on each pair of a run, as its reports come."""

    def __init__(self) -> None:
        self._pairs = Pairs()
        self._rows: dict[Pair, tuple[tuple[str, int], dict[str, Any]]] = {}
        self._held: dict[Pair, dict[str, Any]] = {}
        self.rejected: list[dict[str, str]] = []
        """What is wrong with requests that were rejected."""

    def add(self, report: Mapping[str, Any]) -> None:
        """Take a report."""
        if report.get("kind", "removal") == "rejected":
            self.rejected += report["errors"]
        self._pairs.add(report)
        if (held := report.get("held_back")) is not None:
            self._held[place_of(report)] = held
        order = order_of(report)
        head = {name: report.get(name) for name in (*COLUMNS[:4], "batch")} | {"request_id": report.get("id")}
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

    def protected(self) -> Iterator[tuple[str, str, int]]:
        """What is held back, each with code, message and pairs."""
        for held in self._held.values():
            yield held["code"], held["message"], held["pairs"]
        for _, row in self._rows.values():
            if row["outcome"] == PROTECTED:
                yield row.get("code") or "-", row.get("message") or "", 1


def all_held_back(counts: Mapping[str, int]) -> bool:
    """Whether nothing was done because every pair was held back."""
    return {outcome for outcome, count in counts.items() if count} == {PROTECTED}


def held_back(facts: Iterable[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Why pairs were held back, by code; the most frequent first. A fact is a code, a message and a number of pairs."""
    by_code: dict[str, dict[str, Any]] = {}
    for code, message, pairs in facts:
        by_code.setdefault(code, {"code": code, "pairs": 0, "message": message})["pairs"] += pairs
    return sorted(by_code.values(), key=lambda row: -row["pairs"])


def held_back_line(held: Mapping[str, Any]) -> str:
    """One code's line, as rich's markup."""
    code = ", ".join(filter(None, (held["code"], _VARIABLES.get(held["code"]))))
    why = f"{held['message']} ({code})" if held["message"] else code
    return f"[yellow]{counted(held['pairs'], 'pair')} held back:[/] {safe(why)}"


def show_held_back(console: Console, held: Iterable[Mapping[str, Any]]) -> None:
    """Why pairs were held back, a line for each code."""
    for row in held:
        console.print(held_back_line(row))


def show_unlisted(console: Console, unlisted: Iterable[Mapping[str, Any]]) -> None:
    """What the rules of sweeps could not look at."""
    for one in unlisted:
        place = " ".join(str(one[name]) for name in (*COLUMNS[:3], "type", "key") if one.get(name))
        why = f"{one['code']} {one['message']}"
        line = f"[red]not looked at:[/] rule {safe(one['rule'])}, {safe(place)}: {safe(why)}"
        console.print(line, soft_wrap=True)


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
    return next((outcome_style(one) for one in (*FAILURES, PROTECTED, *counts) if counts.get(one)), "default")


def status_of(counts: Mapping[str, int], waiting: int, rejected: int = 0) -> int:
    """The exit code of a batch. One of which every pair was held back has failed: nothing of it was done."""
    if waiting:
        return WAITING
    failed = rejected or all_held_back(counts) or any(counts.get(one) for one in FAILURES)
    return FAILED if failed else 0


def show_report(console: Console, path: str | None) -> None:
    """Where the rows were written, if they were."""
    if path is not None:
        console.print(f"[dim]rows: {safe(path)}[/]", soft_wrap=True)


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
