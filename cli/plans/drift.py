"""What has changed at the clouds since a plan was made."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from cli.plans.rows import Rows, place_fields


class Kind(StrEnum):
    """How a pair differs from the plan."""

    GONE = "gone"
    """The tag, or its resource, is not there any more."""
    OTHER_VALUE = "other_value"
    NEW = "new"
    """What the plan was made of would remove it now, and it is not in the plan."""


class Drift(NamedTuple):
    """One pair that differs; `planned` and `now` are its values, None where there is none."""

    kind: Kind
    provider: str
    account: str
    region: str
    project_id: str
    type: str
    id: str
    key: str
    planned: str | None
    now: str | None

    def body(self) -> dict[str, Any]:
        """As JSON holds it: without what is empty, but with both values."""
        told = {name: value or None for name, value in self._asdict().items() if name not in ("planned", "now")}
        return {**{name: value for name, value in told.items() if value}, "planned": self.planned, "now": self.now}


class Outcomes:
    """What became of a plan's rows, from the reports on its requests."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.drift: list[Drift] = []

    def add(self, report: Mapping[str, Any]) -> None:
        """Take a report."""
        if report.get("kind") != "removal":
            return
        place = place_fields(report)
        for row in report["outcomes"]:
            self.counts[row["outcome"]] += 1
            kind = _kind(row)
            if kind is not None:
                pair = (row["type"], row["resource_id"], row["key"])
                self.drift.append(Drift(kind, *place, *pair, row["value"], row.get("was")))
        if (held := report.get("held_back")) is not None:
            self.counts["protected"] += held["pairs"]


def _kind(row: Mapping[str, Any]) -> Kind | None:
    if row["outcome"] == "not_found":
        return Kind.GONE
    if row["outcome"] != "absent" or "was" not in row:
        return None
    if row["was"] is None:
        return Kind.GONE
    # The value that was seen: an earlier call of ours took the tag away, and its answer was lost.
    return None if row["was"] == row["value"] else Kind.OTHER_VALUE


def new_pairs(fresh: Rows, planned: Rows) -> Iterator[Drift]:
    """The pairs that are there now and are not in the plan, whatever their values."""
    for pair in fresh.missing_in(planned):
        yield Drift(Kind.NEW, *pair[:7], planned=None, now=pair.value)
