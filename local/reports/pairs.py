"""Pairs out of reports: each counts once, with the last word on it, however many reports speak of it.

A request is reported on in attempts and pages, a report may come twice, and a dead letter that is redriven is reported
on again under the same id.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]
Pair = tuple[Any, ...]
"""A request's id, place and a pair of it; for a request that was held back as a whole the request's only."""

_PLACE = ("id", "provider", "account", "region", "project_id")
_ROW = ("type", "resource_id", "key", "value")


def place_of(report: Report) -> Pair:
    """The request that a report is about."""
    return tuple(report.get(name) for name in _PLACE)


def rows_of(report: Report) -> Iterator[tuple[Pair, Mapping[str, Any]]]:
    """Each row of a report with the pair that it is about; none of a report that is not about pairs."""
    place = place_of(report)
    for row in report.get("outcomes", ()):
        yield (*place, *(row.get(name) for name in _ROW)), row


def distinct(reports: Iterable[Report]) -> Iterator[Report]:
    """Each report once, however often it came."""
    seen: set[str] = set()
    for report in reports:
        report_id = str(report.get("report_id", ""))
        if not report_id or report_id not in seen:
            seen.add(report_id)
            yield report


def order_of(report: Report) -> tuple[str, int]:
    """By which of two reports on a pair the later is known."""
    return str(report.get("finished_at", "")), int(report.get("attempt") or 1)


class Pairs:
    """How many pairs have which outcome."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._words: dict[Pair, tuple[tuple[str, int], str, int]] = {}
        self._waiting = Counter[Pair]()
        self._counts = Counter[str]()

    def add(self, report: Report) -> None:
        """Take a report, in the order in which they were published."""
        report_id = str(report.get("report_id", ""))
        if "outcomes" not in report or (report_id and report_id in self._seen):
            return
        self._seen.add(report_id)
        order = order_of(report)
        for pair, row in rows_of(report):
            self._say(pair, order, str(row["outcome"]), 1)
        if (held := report.get("held_back")) is not None:
            self._say(place_of(report), order, "protected", int(held["pairs"]))
        if int((report.get("page") or {}).get("number", 1)) == 1:
            self._wait(place_of(report), report.get("request_counts") or report.get("counts") or {})

    def counts(self) -> dict[str, int]:
        """The pairs by outcome; those that wait for another attempt as `deferred`."""
        counts = {outcome: count for outcome, count in self._counts.items() if count}
        waiting = sum(self._waiting.values())
        return counts | ({"deferred": waiting} if waiting else {})

    def _say(self, pair: Pair, order: tuple[str, int], outcome: str, count: int) -> None:
        before = self._words.get(pair)
        if before is not None:
            if before[0] > order:
                return
            self._counts[before[1]] -= before[2]
        self._words[pair] = (order, outcome, count)
        self._counts[outcome] += count

    def _wait(self, place: Pair, counts: Mapping[str, int]) -> None:
        """What waited of a request was worked at in this attempt; what it deferred waits anew."""
        waiting = self._waiting[place]
        self._waiting[place] = waiting - min(waiting, sum(counts.values())) + counts.get("deferred", 0)
        if not self._waiting[place]:
            del self._waiting[place]
