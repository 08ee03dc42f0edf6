"""What is asked of the ledger, in the words that DuckDB and Athena both understand, and what a batch's answer means."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

Row = dict[str, Any]

TOTALS = "what_became_of_a_batch"
"""The statement that asks for a batch's totals, by its name."""
CHANGES = "what_a_batch_changed"
"""The statement that asks for the rows from which a batch is undone, by its name."""
REJECTED = "SELECT count(*) AS number FROM request_totals WHERE rejected AND coalesce(batch, request_id) = ?"
"""Asks for the number of a batch's requests of which nothing was called."""


class Totals(NamedTuple):
    """What a batch has come to. `pairs` has the pairs by outcome, without those that are none.

    `waiting` counts pairs without a terminal outcome, `rejected` requests of which nothing was called.
    """

    batch: str
    requests: int
    pairs: dict[str, int]
    waiting: int
    rejected: int
    complete: bool

    @classmethod
    def of(cls, row: Mapping[str, Any], rejected: Sequence[Mapping[str, Any]]) -> Self:
        """The totals out of a row of the view `batches` and the answer to `REJECTED`."""
        names = ("batch", "requests", "waiting", "complete")
        pairs = {outcome: number for outcome, number in row.items() if outcome not in names and number}
        return cls(row["batch"], row["requests"], pairs, row["waiting"], rejected[0]["number"], row["complete"])


def statements() -> dict[str, str]:
    """The statements of views.sql by name, without the semicolon."""
    text = Path(__file__).with_name("views.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: body.strip().removesuffix(";") for name, body in zip(parts[::2], parts[1::2], strict=True)}


def rows_text(*, failed_only: bool) -> str:
    """Asks for the last word on each pair of a batch, and for every change: undo needs those, too."""
    wanted = "NOT superseded" if failed_only else "(NOT superseded OR outcome IN ('removed', 'restored'))"
    failed = " AND outcome IN ('failed', 'unconfirmed')" if failed_only else ""
    return (
        f"SELECT * FROM outcomes WHERE coalesce(batch, request_id) = ? AND {wanted}{failed} "  # noqa: S608 - constants
        "ORDER BY request_id, type, resource_id, key, value"
    )
