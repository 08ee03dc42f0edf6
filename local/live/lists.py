"""The lists of the live view: for each page its columns, and a line for each thing on it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from local.live.view import Item
from local.terminal.console import counted, outcome_style, status_style

Seen = Mapping[str, Any]
"""What `Observer.look` gives."""

Cell = str | tuple[str, str]
"""A text, or a text and its style. Texts come from outside and are neither clean nor on one line."""

QUIET = "dim"
_ERROR = 400
_LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}
_NOT_THERE = "(none)"
"""In place of a value: a read showed that the tag was not there."""


class Line(NamedTuple):
    """One thing on a list. `key` is what it is known by, however the list grows; `more` is shown under the list while
    the cursor is on it.
    """

    key: Any
    cells: tuple[Cell, ...]
    more: str = ""

    def item(self) -> Item:
        """As a view moves and searches in it."""
        return Item(
            self.key, " ".join([*(cell if isinstance(cell, str) else cell[0] for cell in self.cells), self.more])
        )


class Listing(NamedTuple):
    """A list with its columns. `follows` says that new lines come at its end."""

    headings: tuple[str, ...]
    lines: Sequence[Line]
    follows: bool = True
    numbers: frozenset[str] = frozenset()
    widths: Mapping[str, int] = {}
    most: Mapping[str, int] = {}
    """The greatest widths of columns, by their headings."""
    wide: str = ""
    """The column that takes what room there is; else the last that is no number."""


def calls(seen: Seen) -> Listing:
    """Calls to the local clouds."""
    recent = [(name, call) for name, cloud in seen["providers"].items() for call in cloud["recent"]]
    recent.sort(key=lambda item: (item[1]["time"], item[1]["number"]))
    numbers = ("pairs", "changed", "ms")
    lines = []
    for name, call in recent:
        answer = " ".join(filter(None, (call["status"] or "…", call["fault"])))
        operation = " ".join(filter(None, (call["operation"], call["type"], call["code"])))
        cells = (
            clock(call["time"]),
            name,
            str(call["pairs"]),
            str(call["applied"]),
            f"{call['milliseconds']:.0f}",
            (answer, "magenta" if call["fault"] else answer_style(call["status"])),
            operation,
        )
        lines.append(Line((name, call["number"]), cells))
    headings = ("time", "cloud", *numbers, "answer", "operation")
    return Listing(headings, lines, numbers=frozenset(numbers), widths={"time": 8, "cloud": 18})


def reports(seen: Seen) -> Listing:
    """What was published on the topic."""
    heading = f"Reports ({seen['reports']['count']})"
    lines = [
        Line(report["number"], (report["id"], (report["status"], status_style(report["status"])), report["summary"]))
        for report in seen["reports"]["recent"]
    ]
    return Listing((heading, "status", "summary"), lines, widths={"status": 10}, most={heading: 24})


def rows(report: Mapping[str, Any]) -> Listing:
    """The rows of one report; of a report without rows why it has none."""
    if not report.get("outcomes"):
        lines = [Line(number, cells) for number, cells in enumerate(_instead_of_rows(report))]
        return Listing(("why", "outcome", "code"), lines, follows=False, widths={"outcome": 13}, wide="why")
    lines = [Line(number, _row(row), _whole(row)) for number, row in enumerate(report["outcomes"])]
    headings = ("resource", "key", "value", "was", "outcome", "code")
    most = {"key": 14, "value": 12, "was": 12, "code": 16}
    return Listing(headings, lines, follows=False, widths={"outcome": 13}, most=most, wide="resource")


def _row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    was = _NOT_THERE if "was" in row and row["was"] is None else row.get("was", "")
    outcome = (row["outcome"], outcome_style(row["outcome"]))
    resource = " ".join(filter(None, (row["type"], row["resource_id"])))
    value = row.get("value")
    return resource, row["key"], "*" if value is None else value, was, outcome, row.get("code") or ""


def _whole(row: Mapping[str, Any]) -> str:
    """What the columns of a row have no room for: the resource's whole id, and why it ended so."""
    request_id = f"request {row['provider_request_id']}" if row.get("provider_request_id") else ""
    return "  ".join(filter(None, (f"{row['type']} {row['resource_id']}", row.get("message"), request_id)))


def _instead_of_rows(report: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    if held := report.get("held_back"):
        outcome = ("protected", outcome_style("protected"))
        yield f"all {counted(held['pairs'], 'pair')}: {held['message']}", outcome, held["code"]
    for error in report.get("errors") or ():
        yield f"{error['path']}: {error['message']}", ("rejected", outcome_style("rejected")), ""


def dead_letters(seen: Seen) -> Listing:
    """What came to a dead-letter queue."""
    heading = f"Dead letters ({seen['dead_letters']['count']})"
    lines = []
    for dead_letter in seen["dead_letters"]["recent"]:
        queue = dead_letter["queue"].removeprefix(f"{seen['name']}-")
        cells = (queue, dead_letter["request_id"], dead_letter["code"], dead_letter["reason"])
        lines.append(Line(dead_letter["id"], cells))
    return Listing((heading, "request", "code", "reason"), lines, most={heading: 30, "request": 20, "code": 14})


def waiting(seen: Seen) -> Listing:
    """Delayed messages and kept requests, the next one first."""
    heading = f"Waiting ({seen['waiting']['count']})"
    lines = [
        Line(one["id"], (back_in(one["due"], seen["time"]), one["where"], str(one["pairs"] or ""), one["requests"]))
        for one in seen["waiting"]["next"]
    ]
    headings = (heading, "where", "pairs", "requests")
    numbers = frozenset({"pairs"})
    return Listing(headings, lines, follows=False, numbers=numbers, most={"where": 26}, wide="requests")


def logs(seen: Seen) -> Listing:
    """What the functions logged."""
    lines = []
    for entry in seen["logs"]:
        if '"_aws"' not in entry["line"]:
            level, message = _level_and_message(entry["line"])
            function = entry["function"].removeprefix(f"{seen['name']}-")
            lines.append(Line(entry["number"], (function, (level, _LEVELS.get(level, QUIET)), message)))
    return Listing(("Function", "level", "line"), lines, most={"Function": 26})


def _level_and_message(line: str) -> tuple[str, str]:
    """A log line's level, and what it says: a structured one's message, and which request it is about."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or "message" not in entry:
        return "", line.replace("\r", " ")
    about = f"{entry['id']}: " if entry.get("id") else ""
    return str(entry.get("level", "")), f"{about}{entry['message']}"


def back_in(due: float, now: float) -> str:
    """When a message comes back, such as `back in 4:12`."""
    return f"back in {until(due, now)}"


def until(due: float, now: float) -> str:
    """The time that is left, such as `4:12` or `47:59:10`."""
    hours, rest = divmod(max(0, round(due - now)), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def clock(seconds: float) -> str:
    """The time of day."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def answer_style(status: str) -> str:
    """Green for a success, red for what is no answer or an error of the cloud's, yellow for the rest."""
    if not status:
        return QUIET
    if not status.isdigit():
        return "red"
    return "green" if int(status) < _ERROR else "yellow"
