"""Where an event goes, told by its shape."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import hints
from local.decommissioned import DETAIL_TYPE
from local.errors import LocalError


@dataclass(frozen=True)
class QueueMessage:
    """A body for a queue; `arn` is the queue's, where the event names one, and `queue` its logical id, where its shape
    says where it belongs.
    """

    body: str
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arn: str = ""
    queue: str = ""


@dataclass(frozen=True)
class BusEvent:
    """An event for the bus: an entry for PutEvents, without the bus's name."""

    entry: Mapping[str, Any]


DECOMMISSION_QUEUE = "DecommissionQueue"
SWEEP_QUEUE = "SweepQueue"

_VENDOR_MARKS = frozenset({"trace_name", "cts", "notification_type", "record", "smn", "specversion"})
"""What a vendor's event has and no removal request: a trace of CTS, bare or from a trigger; a notification of Config; a
record of SMN; a CloudEvent."""


def read(source: Path) -> str:
    """The text of an event file."""
    try:
        # Files from Windows may begin with a byte order mark.
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LocalError(
            f"there is no event file {source}", f"to see those that come with it: ls {hints.file('events')}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{source} cannot be read: {error}", "an event is a file of JSON in UTF-8") from None
    if not text.strip():
        raise LocalError(
            f"{source} is empty", f"an event is a file of JSON, such as {hints.file('events/jdcloud_manual.json')}"
        )
    return text


def route(event: Any) -> list[QueueMessage | BusEvent]:
    """What to send for an event, in order.

    An SQS batch is taken apart: each record's body is a message. An EventBridge envelope goes on the bus.
    Anything else is a message as it is, a vendor's event one for the decommission
    queue and rules one for the sweep queue; text that is not JSON too,
    since a queue takes what it is given.
    """
    if isinstance(event, str):
        try:
            parsed = json.loads(event)
        except (ValueError, RecursionError):
            return [QueueMessage(event)]
        if _is_batch(parsed) or _is_envelope(parsed):
            return route(parsed)
        return [QueueMessage(event, queue=_queue_of(parsed))]
    if _is_batch(event):
        return [_message(record) for record in event["Records"]]
    if _is_envelope(event):
        return [BusEvent(_entry(event))]
    return [QueueMessage(json.dumps(event, ensure_ascii=False), queue=_queue_of(event))]


def _queue_of(event: Any) -> str:
    if not isinstance(event, Mapping):
        return ""
    if "rules" in event:
        return SWEEP_QUEUE
    return DECOMMISSION_QUEUE if _VENDOR_MARKS & event.keys() else ""


def decommissions(item: QueueMessage | BusEvent) -> bool:
    """Whether something that is sent is a decommission event."""
    if isinstance(item, BusEvent):
        return bool(item.entry["DetailType"] == DETAIL_TYPE)
    return item.queue == DECOMMISSION_QUEUE


def event_of(item: QueueMessage | BusEvent) -> str:
    """The event as the function is given it."""
    if isinstance(item, QueueMessage):
        return item.body
    return json.dumps({"detail-type": item.entry["DetailType"], "detail": json.loads(item.entry["Detail"])})


def _is_batch(event: Any) -> bool:
    records = event.get("Records") if isinstance(event, Mapping) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(
            isinstance(record, Mapping) and record.get("eventSource") == "aws:sqs" and "body" in record
            for record in records
        )
    )


def _is_envelope(event: Any) -> bool:
    return isinstance(event, Mapping) and {"detail-type", "source", "detail"} <= set(event)


def _message(record: Mapping[str, Any]) -> QueueMessage:
    attributes = {
        name: {
            key[0].upper() + key[1:]: value
            for key, value in attribute.items()
            if key in {"dataType", "stringValue", "binaryValue"} and value is not None
        }
        for name, attribute in record.get("messageAttributes", {}).items()
    }
    return QueueMessage(str(record["body"]), attributes, str(record.get("eventSourceARN", "")))


def _entry(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """EventBridge gives an event its id and time itself; the file's are those of some earlier delivery."""
    return {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": json.dumps(envelope["detail"], ensure_ascii=False),
        "Resources": list(envelope.get("resources", [])),
    }
