"""What has changed at the clouds since a plan was made."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from rich.console import Console

from cli.plans.rows import Rows
from local.terminal.console import counted, safe, table

_SHOWN = 20
_WORDS = {"gone": "gone since", "other_value": "another value by now", "new": "new, not in the plan"}


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


def drift_of(row: Mapping[str, Any]) -> Drift | None:
    """How a row of a run's results differs from what was planned; None where it does not."""
    kind = _kind(row)
    if kind is None:
        return None
    place = (row["provider"], row["account"], row["region"] or "", row["project_id"] or "")
    return Drift(kind, *place, row["type"], row["resource_id"], row["key"], row["value"], row["was"])


def _kind(row: Mapping[str, Any]) -> Kind | None:
    if row["outcome"] == "not_found":
        return Kind.GONE
    if row["outcome"] != "absent":
        return None
    if row["was"] is None:
        return Kind.GONE
    # The value that was seen: an earlier call of ours took the tag away, and its answer was lost.
    return None if row["was"] == row["value"] else Kind.OTHER_VALUE


def new_pairs(fresh: Rows, planned: Rows) -> Iterator[Drift]:
    """The pairs that are there now and are not in the plan, whatever their values."""
    for pair in fresh.missing_in(planned):
        yield Drift(Kind.NEW, *pair[:7], planned=None, now=pair.value)


def show_drift(console: Console, drift: list[dict[str, Any]]) -> None:
    """What has changed since the plan was made, row by row."""
    if not drift:
        return
    made = table("Changed since the plan was made", "what", "account", "type", "id", "key", "planned", "now")
    for one in drift[:_SHOWN]:
        values = ("-" if one[name] is None else one[name] for name in ("planned", "now"))
        place = (f"{one['provider']}/{one['account']}", one["type"], one["id"], one["key"])
        made.add_row(_WORDS[one["kind"]], *map(safe, place), *map(safe, values), style="yellow")
    console.print(made)
    if len(drift) > _SHOWN:
        console.print(f"and {len(drift) - _SHOWN} more: --json names them all")


def show_new(console: Console, drift: list[dict[str, Any]]) -> None:
    """How many pairs came up since the plan was made."""
    if new := sum(one["kind"] == "new" for one in drift):
        console.print(f"{counted(new, 'pair')} came up since the plan was made: plan again to remove them too")
