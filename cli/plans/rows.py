"""Pairs while a command runs: in a temporary database on disk, so that a hundred thousand of them cost no memory."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self


class Pair(NamedTuple):
    """A pair that would be removed, with the value that was seen.

    `region` and `project_id` are "" where there is none. `batch` is that of the request which asks for it.
    """

    provider: str
    account: str
    region: str
    project_id: str
    type: str
    id: str
    key: str
    value: str
    batch: str


class Spared(NamedTuple):
    """A pair that would not be removed, or a request or a rule that could not be looked at, and why.

    `value` is what was asked for (None: any) and `was` what was seen (None: nothing, or not read). `pairs` counts
    what it stands for.
    """

    provider: str
    account: str
    region: str
    project_id: str
    type: str
    id: str
    key: str
    value: str | None
    was: str | None
    outcome: str
    code: str
    message: str
    pairs: int = 1


PLACE = ("provider", "account", "region", "type")
IDENTITY = Pair._fields[:7]
"""What tells one pair from another: everything but its value and its batch."""

_SCHEMA = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE pairs ({", ".join(f"{name} TEXT NOT NULL" for name in Pair._fields)},
    PRIMARY KEY ({", ".join(IDENTITY)})) WITHOUT ROWID;
CREATE TABLE spared ({", ".join(Spared._fields)});
"""
_ORDER = ", ".join(IDENTITY)


class Rows:
    """Pairs, each once, in the order of their names; and what is spared."""

    def __init__(self) -> None:
        # Without a name it is a temporary file, which is gone when it is closed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, pairs: Iterable[Pair]) -> None:
        """Take pairs; of a pair that is there already, the value that was seen first counts."""
        self._database.executemany(f"INSERT OR IGNORE INTO pairs VALUES ({_marks(Pair)})", pairs)  # noqa: S608

    def spare(self, spared: Iterable[Spared]) -> None:
        """Take what would not be removed."""
        self._database.executemany(f"INSERT INTO spared VALUES ({_marks(Spared)})", spared)  # noqa: S608

    def __iter__(self) -> Iterator[Pair]:
        return map(Pair._make, self._database.execute(f"SELECT * FROM pairs ORDER BY {_ORDER}"))  # noqa: S608

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT COUNT(*) FROM pairs").fetchone()
        return int(count)

    def find(self, identity: tuple[str, ...]) -> Pair | None:
        """The pair of these names; None where it is not there."""
        where = " AND ".join(f"{name} = ?" for name in IDENTITY)
        row = self._database.execute(f"SELECT * FROM pairs WHERE {where}", identity).fetchone()  # noqa: S608
        return None if row is None else Pair._make(row)

    def spared(self) -> Iterator[Spared]:
        """What would not be removed, in the order in which it came."""
        return map(Spared._make, self._database.execute("SELECT * FROM spared"))

    def spared_as(self, *outcomes: str) -> Iterator[Spared]:
        """What would not be removed and has one of these outcomes."""
        return (one for one in self.spared() if one.outcome in outcomes)

    def totals(self) -> dict[str, Any]:
        """How many pairs and resources there are, by place and by key."""
        places = self._places()
        return {
            "pairs": len(self),
            "resources": sum(place["resources"] for place in places),
            "places": places,
            "keys": self._counted("SELECT key, COUNT(*) AS pairs FROM pairs GROUP BY key ORDER BY pairs DESC, key"),
        }

    def _places(self) -> list[dict[str, Any]]:
        names = ", ".join(PLACE)
        return self._counted(
            # The inner rows are resources: they come in the order of the table's own key.
            f"SELECT {names}, COUNT(*) AS resources, SUM(pairs) AS pairs FROM"  # noqa: S608
            f" (SELECT {names}, project_id, id, COUNT(*) AS pairs FROM pairs GROUP BY {names}, project_id, id)"
            f" GROUP BY {names} ORDER BY {names}"
        )

    def spared_totals(self) -> list[dict[str, Any]]:
        """How many pairs would not be removed, by outcome and code."""
        return self._counted(
            "SELECT outcome, code, SUM(pairs) AS pairs FROM spared GROUP BY outcome, code ORDER BY outcome, code"
        )

    def missing_in(self, other: "Rows") -> Iterator[Pair]:
        """The pairs whose names the other rows have not."""
        return (pair for pair in self if other.find(pair[: len(IDENTITY)]) is None)

    def _counted(self, query: str) -> list[dict[str, Any]]:
        cursor = self._database.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def place_fields(report: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Provider, account, region and project of a report or a request, "" where there is none."""
    return (
        str(report.get("provider") or ""),
        str(report.get("account") or "default"),
        str(report.get("region") or ""),
        str(report.get("project_id") or ""),
    )


def _marks(row: type[Pair] | type[Spared]) -> str:
    return ", ".join("?" * len(row._fields))
