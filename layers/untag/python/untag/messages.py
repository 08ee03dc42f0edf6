"""What is sent: reports, notices, requests, remainders and dead letters as messages of a topic or a queue."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from untag.contracts import Report
from untag.contracts.reports import printable, subject
from untag.core import FollowUp
from untag.hosts.base import Message

if TYPE_CHECKING:
    from untag.contracts.notices import Notice  # the function that removes has none, and need not build its model
    from untag.contracts.rejections import Rejection

BODY_BYTES = 1_040_384
"""Requests that follow from one record share messages of up to so many bytes: 1 MiB, less what attributes may need. The
hosts' queues take as much; where one takes less, it says so as its `message_bytes`."""

INVALID = "invalid"
"""The code of a body that never can be worked at, and is not redriven."""

_ATTRIBUTE_LENGTH = 1024


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def report_message(report: Report) -> Message:
    """A page of a report for the topic."""
    attributes = {
        "kind": report.kind,
        "action": report.action.value,
        "provider": report.provider,
        "account": report.account,
        "status": report.status,
        "id": report.id,
        "batch": report.batch or "",
    }
    return Message(_json(report.body()), _printable(attributes), subject=subject(report.summary))


def notice_message(notice: "Notice") -> Message:
    """A notice for the topic."""
    return Message(notice.model_dump_json(), _printable(notice.attributes()), subject=subject(notice.summary))


def rejection_message(rejection: "Rejection") -> Message:
    """The report on a rejected body, for the topic."""
    return Message(_json(rejection.body()), _printable(rejection.attributes()), subject=subject(rejection.summary))


def request_messages(bodies: Iterable[dict[str, Any]]) -> list[Message]:
    """Removal requests for the work queue, one message each."""
    return [Message(text) for body in bodies for text in _packed([body])]


def remainder_messages(follow_ups: Iterable[FollowUp]) -> list[Message]:
    """What a record leaves to try again, for the work queue: one message, unless it is too large for one."""
    waiting = [one for one in follow_ups if one.bodies]
    if not waiting:
        return []
    last = max(waiting, key=lambda one: one.delay)
    bodies = (body for one in waiting for body in one.bodies)
    return [Message(text, delay=round(last.delay), why=(last.code, last.reason)) for text in _packed(bodies)]


def kept_messages(bodies: Iterable[dict[str, Any]], size: int) -> list[Message]:
    """Requests that are kept for later, each message no larger than `size` bytes, so that a host can keep it."""
    return [Message(text) for body in bodies for text in _packed([body], size)]


def dead_letters(
    follow_up: FollowUp, *, request_id: str, source: str, attempt: int, batch: str | None = None
) -> list[Message]:
    """Requests that ended badly, for the dead-letter queue; they can be redriven unchanged."""
    attributes = {
        "batch": batch or "",
        "reason": follow_up.reason,
        "code": code_of_cloud(follow_up.code),
        "request_id": request_id,
        "source": source,
        "attempt": str(attempt),
    }
    return [Message(text, _printable(attributes)) for text in _packed(follow_up.bodies)]


def code_of_cloud(code: str) -> str:
    """A cloud's code as a dead letter's: its `invalid` must not be read as that of a body which is not redriven."""
    return f"cloud_{INVALID}" if code == INVALID else code


def rejected_dead_letter(
    body: str, reason: str, *, code: str, request_id: str, source: str, batch: str | None = None
) -> Message:
    """A body that was not worked at, verbatim. With the code `invalid` it never can be."""
    attributes = {
        "batch": batch or "",
        "reason": reason,
        "code": code,
        "request_id": request_id,
        "source": source,
    }
    return Message(body, _printable(attributes))


def traced(messages: Iterable[Message], traceparent: str | None) -> list[Message]:
    """The messages as part of a trace, by an attribute that their readers can go on with."""
    if traceparent is None:
        return list(messages)
    return [one._replace(attributes={**one.attributes, "traceparent": traceparent}) for one in messages]


def _packed(bodies: Iterable[dict[str, Any]], limit: int = BODY_BYTES) -> Iterator[str]:
    """Request bodies as message bodies: a single one bare, several as a list, none larger than a message may be."""
    waiting = deque(bodies)
    part: list[str] = []
    size = 0
    while waiting:
        body = waiting.popleft()
        text = _json(body)
        weight = len(text.encode())
        if weight > limit and (halves := in_two(body)):
            waiting.extendleft(reversed(halves))
            continue
        if part and size + weight > limit:
            yield _joined(part)
            part, size = [], 0
        part.append(text)
        size += weight + 1
    if part:
        yield _joined(part)


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def in_two(body: dict[str, Any]) -> list[dict[str, Any]]:
    """A request as two that together name the same pairs; empty if it names but one."""
    for name in ("resources", "tags"):
        parts = body[name]
        if isinstance(parts, str):
            continue  # every tag: nothing to cut
        if name == "resources":
            parts = [{"type": group["type"], "ids": [id_]} for group in parts for id_ in group["ids"]]
        if len(parts) > 1:
            middle = len(parts) // 2
            return [{**body, name: parts[:middle]}, {**body, name: parts[middle:]}]
    return []


def _printable(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes as AWS takes them: printable, none empty, none endless."""
    cleaned = {}
    for name, value in attributes.items():
        text = printable(value[:_ATTRIBUTE_LENGTH])
        if text.strip():
            cleaned[name] = text
    return cleaned
