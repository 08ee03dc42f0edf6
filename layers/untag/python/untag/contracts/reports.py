"""The report: what became of every pair of a request, in numbered pages where it is too large for one message."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # comes with pydantic, which reads no other before Python 3.12

from untag.contracts.identities import identity
from untag.contracts.outcomes import BAD, CHANGED, MISSING, Outcome, Result
from untag.contracts.requests import ALL, Action, Tag

PAGE_BYTES = 240_000
"""Rows of one page. A page with its attributes has 256 KiB (262,144 bytes) at most, and the head needs some of it."""

NAME_BYTES = 64
MESSAGE_BYTES = 240
"""A row's code and request id, and its message, in UTF-8; every one of them may be a quotation mark, and so double."""

_ROW_BYTES = 2 * (NAME_BYTES + MESSAGE_BYTES + NAME_BYTES) + 160
"""What a row takes beside its facts when pages are cut: its code, message and request id, and the names of its fields.
A constant, so that the same facts are cut into the same pages whatever the provider's texts are."""

_SUBJECT_LENGTH = 99

_WORDS = {
    Outcome.REMOVED: "removed",
    Outcome.RESTORED: "restored",
    Outcome.WOULD_REMOVE: "would be removed",
    Outcome.WOULD_RESTORE: "would be restored",
    Outcome.ABSENT: "absent",
    Outcome.NOT_FOUND: "on resources not found",
    Outcome.PROTECTED: "protected",
    Outcome.FAILED: "failed",
    Outcome.UNCONFIRMED: "unconfirmed",
    "deferred": "deferred",
}


_OUTCOMES = tuple(outcome.value for outcome in Outcome)
"""The order in which outcomes are counted."""


class Row(TypedDict):
    """The outcome of one pair. `was` is left out where nobody looked, and null where the tag was not there.

    `was_key` is there only where the key stood there in other letters than it was asked for.
    """

    type: str
    resource_id: str
    key: str
    value: str | None
    outcome: str
    code: NotRequired[str]
    message: NotRequired[str]
    provider_request_id: NotRequired[str]
    was: NotRequired[str | None]
    was_key: NotRequired[str]


class HeldBack(TypedDict):
    """Why a guardrail held a whole request back. `pairs` counts what the request names."""

    code: str
    message: str
    pairs: int


Status = Literal["succeeded", "unchanged", "partial", "failed", "deferred"]

ANY_KEY = "*"
"""The key in the row of a resource whose tags could not be read, where a request means every tag."""


class Page(TypedDict):
    """Where a part of a report belongs; both count from 1."""

    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one request in one attempt.

    `request_counts`, `status`, `complete` and `summary` speak of the whole attempt on every page. `outcomes` and
    `counts` are the page's, and `deferred` is counted on the first page, so that pages can be added up.
    """

    # No pydantic model: what goes out was made here, so there is nothing to validate.

    kind: Literal["removal"]
    report_id: str
    id: str
    batch: str | None = None
    action: Action
    provider: str
    account: str
    region: str | None
    project_id: str | None = None
    """Only there where the request named one: without it what was removed could not be put back."""
    status: Status
    complete: bool
    attempt: int
    dry_run: bool
    reason: str | None = None
    counts: dict[str, int]
    request_counts: dict[str, int]
    outcomes: list[Row]
    held_back: HeldBack | None = None
    page: Page
    started_at: str
    finished_at: str
    summary: str

    def body(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        whole = {name: getattr(self, name) for name in self.__slots__} | {"action": self.action.value}
        for optional in ("batch", "project_id", "held_back"):
            if whole[optional] is None:
                del whole[optional]
        return whole


def subject(summary: str) -> str:
    """A summary as a message's subject: printable ASCII, under 100 characters, no space in front."""
    text = summary
    if not (text.isascii() and text.isprintable()):
        text = "".join(character if " " <= character <= "~" else "?" for character in summary)
    return text.lstrip()[:_SUBJECT_LENGTH] or "untag"


def printable(text: str) -> str:
    """A text on one line: a space for each character that cannot be printed."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def clip(text: str, size: int) -> str:
    """A text on one line, in no more than `size` bytes of UTF-8."""
    text = printable(text)
    encoded = text.encode()
    return text if len(encoded) <= size else f"{encoded[: size - len('…'.encode())].decode(errors='ignore')}…"


def row(type_: str, resource_id: str, tag: Tag, result: Result) -> Row:
    """The row of one pair."""
    made: Row = {
        "type": type_,
        "resource_id": resource_id,
        "key": ANY_KEY if tag is ALL else tag.key,
        "value": tag.value,
        "outcome": result.outcome.value,
    }
    if result.code is not None:
        made["code"] = clip(result.code, NAME_BYTES)
    if result.message is not None:
        made["message"] = clip(result.message, MESSAGE_BYTES)
    if result.request_id is not None:
        made["provider_request_id"] = clip(result.request_id, NAME_BYTES)
    if result.looked:
        made["was"] = result.was
    if result.was_key is not None:
        made["was_key"] = result.was_key
    return made


def status_of(counts: Mapping[str, int]) -> Status:
    """The status that follows from the counts.

    `succeeded`: something was changed, or would be, and the rest was not there. `unchanged`: nothing was changed, and
    nothing went wrong. `failed`: nothing was changed, and something went wrong. `deferred`: no pair has its outcome.
    """
    seen = {outcome for outcome, count in counts.items() if count}
    if seen == {"deferred"}:
        return "deferred"
    if seen & CHANGED:
        return "succeeded" if seen <= CHANGED | MISSING else "partial"
    if seen & BAD:
        return "failed"
    return "partial" if "deferred" in seen else "unchanged"


def summary_of(head: str, counts: Mapping[str, int]) -> str:
    """One line for a person: `jdcloud/default cn-north-1: 1 of 2 tags removed, 1 failed`."""
    parts = [(count, _WORDS[outcome]) for outcome, count in counts.items() if count]
    if not parts:
        return f"{head}: no tags there that may be removed"
    (first, word), *rest = parts
    total = sum(counts.values())
    words = [f"{first} of {total} tag{'s' if total > 1 else ''} {word}", *(f"{n} {word}" for n, word in rest)]
    return f"{head}: {', '.join(words)}"


def report_pages(
    facts: Mapping[str, Any],
    rows: Sequence[Row],
    deferred: int,
    held_back: HeldBack | None = None,
    hints: Iterable[str] = (),
) -> list[Report]:
    """The pages of the report on one request.

    `facts` are the fields of `Report` that the caller knows: kind, id, action, provider, account, region, attempt,
    dry_run, reason, started_at, finished_at, and batch and project_id if there are any. Rows stand in the order given,
    which has to be the same for the same facts. `hints` say what looks wrong with the request; they end the summary.
    """
    counts = _counts(rows, deferred)
    if held_back is not None:
        counts[Outcome.PROTECTED.value] = held_back["pairs"]
    where = f"{facts['provider']}/{facts['account']}"
    head = f"{where} {facts['region']}" if facts["region"] else where
    reasons = [] if held_back is None else [held_back["message"]]
    whole = {
        **facts,
        "request_counts": counts,
        "status": status_of(counts),
        "complete": not deferred,
        "summary": "; ".join((summary_of(head, counts), *reasons, *hints)),
        "held_back": held_back,
    }
    parts = list(_cut(rows))
    pages = []
    for number, part in enumerate(parts, 1):
        page = Page(number=number, of=len(parts))
        own = counts if len(parts) == 1 else _counts(part, deferred if number == 1 else 0)
        report_id = _report_id(facts, page, part)
        pages.append(Report(**whole, counts=own, page=page, outcomes=part, report_id=report_id))
    return pages


def _counts(rows: Iterable[Row], deferred: int) -> dict[str, int]:
    tally = Counter(row["outcome"] for row in rows)
    counts = {outcome: tally[outcome] for outcome in _OUTCOMES if outcome in tally}
    if deferred:
        counts["deferred"] = deferred
    return counts


def _cut(rows: Sequence[Row]) -> Iterable[list[Row]]:
    part: list[Row] = []
    size = 0
    for one in rows:
        weight = _ROW_BYTES + sum(_weight(one.get(name)) for name in ("type", "resource_id", "key", "value", "was"))
        if part and size + weight > PAGE_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += weight
    yield part


def _weight(text: object) -> int:
    # Escaped as far as JSON can be: a control character is six bytes however it is written, anything else no more.
    if not isinstance(text, str):
        return 0
    if text.isascii() and text.isprintable():
        return len(text) + len('""') + text.count('"') + text.count("\\")
    return len(json.dumps(text))


def _report_id(facts: Mapping[str, Any], page: Page, rows: Iterable[Row]) -> str:
    names = ("kind", "action", "id", "provider", "account", "region", "attempt", "dry_run")
    identifying = sorted(
        ([one["type"], one["resource_id"], one["key"], one["value"], one["outcome"], one.get("code")] for one in rows),
        key=lambda fields: [(field is not None, field or "") for field in fields],
    )
    facts_and_rows = {**{name: facts[name] for name in names}, "page": page, "rows": identifying}
    return identity(facts_and_rows)
