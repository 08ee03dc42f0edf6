"""From reports to the requests that undo what they say was done.

A report of removals is undone by restores: every tag that was removed, with the value that stood there. A report of
restores is undone by removals of just these tags, and by restores of the values that they replaced. The requests are
written by the package's own writer, so that they are valid when they come in.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from local import package
from local.errors import LocalError
from local.reports.pairs import distinct

if TYPE_CHECKING:
    from local.reports import Report
    from untag.providers import Registry

_LONGEST_ID = 256
_LONGEST_REASON = 1024
_ANY_CAP = 1_000_000
"""The writer's own size of a request holds: a stack's cap was kept by the request that is undone."""

Head = tuple[tuple[str, Any], ...]
"""The fields that all requests for some pairs share."""
Pair = tuple[str, str, str]
"""A resource's type and id, and a key."""


@dataclass
class Undo:
    """What undoes some reports."""

    batch: str = ""
    """The batch of all its requests: one of their own, so that what undoes a batch is not undone with it."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    unknown: int = 0
    """Rows that changed a tag whose value before is not known: they are left out."""
    notes: list[str] = field(default_factory=list)
    """What else a person should know: what cannot be asked for, and reports of which there is nothing to undo."""


def undo_requests(reports: Iterable["Report"], *, overwrite: bool = False) -> Undo:
    """The requests that undo what the reports say. `overwrite` puts tags back over values that were set since.

    To undo twice makes the same requests under the same ids. LocalError where pages of a report are missing.
    """
    reports = list(reports)
    made = Undo(_batch_of(reports))
    removals = []
    for report in distinct(reports):
        if (why := _nothing_in(report)) is not None:
            made.notes.append(why)
        else:
            removals.append(report)
    _check_pages(removals)
    by_id: dict[str, dict[Head, dict[Pair, str]]] = {}
    for report in sorted(removals, key=_order):
        heads = by_id.setdefault(report["id"], {})
        for row in report["outcomes"]:
            # The tag is put back as it stood, though it was asked for in other letters.
            pair = (row["type"], row["resource_id"], row.get("was_key") or row["key"])
            undone = _UNDO[report.get("action", "remove")](row, report["provider"], made)
            if undone is None:
                continue
            action, value, over = undone
            over = over or (overwrite and action == "restore")
            # Of a pair that was changed twice the last word counts.
            for pairs in heads.values():
                pairs.pop(pair, None)
            heads.setdefault(_head(report, action, overwrite=over), {})[pair] = value
    for id_, heads in by_id.items():
        made.requests += [{**body, "batch": made.batch} for body in _written(id_, heads, made)]
    return made


def _batch_of(reports: Sequence["Report"]) -> str:
    """The name of the batch that undoes reports: that of the first of them that has one, and "-undo"."""
    package.find()
    from untag.core.requests import batch_name  # noqa: PLC0415 - the package has been found now

    first = next((name for report in reports if (name := report.get("batch") or report.get("id"))), "")
    return batch_name(f"{first}-undo")


@cache
def _registry() -> "Registry":
    package.find()
    from untag.providers import Registry  # noqa: PLC0415 - the package has to be found first

    return Registry()


def _compares_values(provider: str, type_: str) -> bool:
    """Whether a removal goes by the value that it names: then a tag that was not read stood there with that one."""
    try:
        return _registry().find(provider, type_).removes_pairs
    except KeyError:
        return False


def _nothing_in(report: "Report") -> str | None:
    """Why there is nothing to undo of a report; None where its rows say what there is."""
    id_, kind = report.get("id"), report.get("kind", "removal")
    if kind == "rejected":
        return f"{id_} was rejected: nothing of it was called"
    if kind == "sweep":
        return f"{id_} is a sweep's summary: to undo are the reports on the requests that it asked for"
    if kind == "decommission":
        return f"{id_} is a decommission event's notice: to undo are the reports on requests, if it led to any"
    if held := report.get("held_back"):
        return f"{id_} was held back ({held.get('code')}): nothing of it was called"
    return None


def _check_pages(reports: Iterable["Report"]) -> None:
    """LocalError if a report that comes in pages is not whole."""
    pages: dict[tuple[Any, ...], set[int]] = {}
    for report in reports:
        page = report.get("page") or {"number": 1, "of": 1}
        names = ("id", "provider", "account", "region", "project_id", "action", "dry_run", "attempt")
        pages.setdefault((*(report.get(name) for name in names), page["of"]), set()).add(page["number"])
    for (id_, *_, attempt, of), numbers_seen in pages.items():
        if missing := sorted(set(range(1, of + 1)) - numbers_seen):
            numbers = ", ".join(map(str, missing))
            what = "page" if len(missing) == 1 else "pages"
            raise LocalError(
                f"the report on {id_}, attempt {attempt or 1}, has {of} pages, and {what} {numbers} "
                f"{'is' if len(missing) == 1 else 'are'} missing: nothing was asked for",
                "name the files of all its pages",
            )


def _order(report: "Report") -> tuple[str, int, int]:
    page = report.get("page") or {}
    return str(report.get("finished_at", "")), int(report.get("attempt") or 1), int(page.get("number") or 1)


def _undo_removal(row: Mapping[str, Any], provider: str, made: Undo) -> tuple[str, str, bool] | None:
    """The action, the value and the overwriting that undo a row; None where it changed nothing that can be undone."""
    value, was = row.get("value"), row.get("was")
    if row["outcome"] == "removed":
        stood = value if "was" not in row and _compares_values(provider, row["type"]) else was
        made.unknown += stood is None
        return None if stood is None else ("restore", stood, False)
    # A write of ours was under way when its answer was lost: what stood there and was meant is gone.
    if row["outcome"] == "absent" and was is not None and value in (None, was):
        return "restore", was, False
    return None


def _undo_restore(row: Mapping[str, Any], _provider: str, made: Undo) -> tuple[str, str, bool] | None:
    """The same for a row of a report on restores."""
    value, was = row.get("value"), row.get("was")
    if row["outcome"] != "restored":
        return None
    if "was" not in row or value is None:
        made.unknown += 1
        return None
    if was == value:
        return None
    # Where a value was replaced, the one that was put there has to give way.
    return ("remove", value, False) if was is None else ("restore", was, True)


_UNDO = {"remove": _undo_removal, "restore": _undo_restore}


def _head(report: "Report", action: str, *, overwrite: bool) -> Head:
    names = ("provider", "account", "region", "project_id")
    fields = {name: report.get(name) for name in names}
    fields |= {"action": action, "overwrite": overwrite or None, "reason": f"undo of {report['id']}"[:_LONGEST_REASON]}
    return tuple((name, value) for name, value in fields.items() if value is not None)


def _written(id_: str, heads: Mapping[Head, Mapping[Pair, str]], made: Undo) -> list[dict[str, Any]]:
    """The requests for what one report's id is about, numbered together; sorted, so that they are always the same."""
    registry = _registry()
    from untag.contracts import Tag  # noqa: PLC0415 - the package has been found now
    from untag.core.requests import numbered, write_requests  # noqa: PLC0415

    bodies: list[dict[str, Any]] = []
    for head, pairs in sorted(heads.items(), key=repr):
        tags: dict[tuple[str, str], list[Tag]] = {}
        for (type_, resource_id, key), value in sorted(pairs.items()):
            tags.setdefault((type_, resource_id), []).append(Tag(key, value))
        written = write_requests(tags, dict(head), registry, name=numbered(id_), max_pairs=_ANY_CAP)
        for body in written.bodies:
            # By its key alone a tag would be removed whatever its value is now.
            exact = [tag for tag in body["tags"] if "value" in tag]
            inexact = [tag["key"] for tag in body["tags"] if "value" not in tag]
            made.notes += [f"{id_}: {key} is left out: its value cannot be named" for key in inexact]
            if exact:
                bodies.append({**body, "tags": exact})
        made.notes += [
            f"{id_}: {one.type} {one.resource_id} {one.tag.key} is left out: {one.reason}" for one in written.left_out
        ]
    return [{**body, "id": _name(id_, number, len(bodies))} for number, body in enumerate(bodies, 1)]


def _name(id_: str, number: int, of: int) -> str:
    """An id that says what is undone, within the size of one; the same for the same."""
    from untag.core.requests import shortened  # noqa: PLC0415

    suffix = "-undo" if of == 1 else f"-undo-{number}"
    return shortened(id_, _LONGEST_ID - len(suffix)) + suffix


def in_messages(requests: Sequence[Mapping[str, Any]], size: int) -> list[str]:
    """The requests as lists that each fit into a message of so many bytes."""
    texts: list[str] = []
    part: list[str] = []
    for text in (json.dumps(request, ensure_ascii=False) for request in requests):
        if part and sum(len(one.encode()) + len(", ") for one in [*part, text]) + len("[]") > size:
            texts.append(f"[{', '.join(part)}]")
            part = []
        part.append(text)
    return [*texts, f"[{', '.join(part)}]"] if part else texts
