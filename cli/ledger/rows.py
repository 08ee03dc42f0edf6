"""Rows of outcomes as the reports that they come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.reports import Report

_HEAD = ("batch", "provider", "account", "region", "project_id")


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
        # Of an absent pair an empty cell is no value: it may mean any value, of a tag that was not there.
        nothing = empty_is_unknown and row["outcome"] == "absent" and row.get("was") == ""
        if isinstance(row.get("was"), str) and row.get("value") == row["was"] and not nothing:
            known |= {"was": row["was"], "value": row["was"]}  # an empty value that was asked for and stood there
        if reads_first and row["outcome"] == "restored" and row.get("was") is None:
            known["was"] = None
        action = "restore" if row["outcome"] == "restored" else "remove"
        moment = str(known.get("finished_at", ""))
        head = (known.get("request_id", "report"), action, moment, *(known.get(name) for name in _HEAD))
        by_head.setdefault(head, []).append(known)
    for (id_, action, moment, *rest), several in by_head.items():
        fields = {name: cell for name, cell in zip(_HEAD, rest, strict=True) if cell is not None}
        report = {"kind": "removal", "id": id_, "action": action, "account": "default", **fields, "outcomes": several}
        yield {**report, "finished_at": moment}
