"""Where an event goes, decided by its shape."""

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.shapes import are_rules
from local.terminal import hints


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


DETAIL_TYPE = "Resource Decommissioned"
"""The detail type of a decommission event."""

DECOMMISSION_QUEUE = "DecommissionQueue"
SWEEP_QUEUE = "SweepQueue"

_VENDOR_MARKS = frozenset(
    {
        "trace_name",
        "cts",
        "notification_type",
        "record",
        "smn",
        "specversion",
        "eventType",
        "subscription",
        "protoPayload",
    }
)
"""What a vendor's event has and no removal request: a trace of CTS, bare or from a trigger; a notification of Config; a
record of SMN; a CloudEvent; an event of Azure's Event Grid; a push of Google's Pub/Sub, an entry of its audit log."""


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

    A batch of SQS, as Lambda or a pipe hands it over, is taken apart: each record's body is a message. So is one of
    SNS: each notification is one. An EventBridge envelope goes on the bus. Anything else is a message as it is: rules
    one for the sweep queue, an event of a resource that is gone one for the decommission queue. Text that is not JSON
    is one too, since a queue takes what it is given. A bare list of rules, as a stack's parameter has it, is a sweep's.
    """
    if isinstance(event, str):
        try:
            parsed = json.loads(event)
        except (ValueError, RecursionError):
            return [QueueMessage(event)]
        if _records(parsed) or _is_envelope(parsed) or are_rules(parsed):
            return route(parsed)
        return [QueueMessage(event, queue=_queue_of(parsed))]
    if records := _records(event):
        return [_message(record) for record in records]
    if _is_envelope(event):
        return [BusEvent(_entry(event))]
    if are_rules(event):
        event = {"rules": event}
    return [QueueMessage(json.dumps(event, ensure_ascii=False), queue=_queue_of(event))]


def _queue_of(event: Any) -> str:
    """The logical id of the queue that an event is for; empty for the work queue."""
    content = _inside(event)
    if isinstance(content, list) and content and "eventType" in _keys(content[0]):
        content = content[0]  # Event Grid sends lists of its own events
    if not isinstance(content, Mapping):
        return ""
    if "rules" in content:
        return SWEEP_QUEUE
    if "detail-type" in content:
        return DECOMMISSION_QUEUE if content["detail-type"] == DETAIL_TYPE else ""
    if {"resources", "tags"} <= content.keys() or isinstance(content.get("data"), list):
        return ""  # a removal request, whatever it came in
    return DECOMMISSION_QUEUE if _VENDOR_MARKS & {*content.keys(), *_keys(event)} else ""


def _inside(event: Any) -> Any:
    """What a notification of SNS or a CloudEvent holds; any other event is itself."""
    if not isinstance(event, Mapping):
        return event
    held: Any = None
    if event.get("Type") == "Notification":
        held = event.get("Message")
    elif "specversion" in event and "data_base64" in event:
        with contextlib.suppress(ValueError, TypeError):
            held = base64.b64decode(event["data_base64"]).decode()
    elif "specversion" in event:
        held = event.get("data")
    if isinstance(held, str):
        with contextlib.suppress(ValueError):
            held = json.loads(held)
    return _inside(held) if isinstance(held, Mapping | list) else event


def _keys(event: Any) -> Iterable[str]:
    return event.keys() if isinstance(event, Mapping) else ()


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


def _records(event: Any) -> list[Any]:
    """The records of a batch: Lambda's, or a bare list as a pipe hands it over; none for what is no batch."""
    records = event.get("Records") if isinstance(event, Mapping) else event
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        return []
    of_sqs = all(record.get("eventSource") == "aws:sqs" and "body" in record for record in records)
    of_sns = all(isinstance(record.get("Sns"), Mapping) for record in records)
    return records if of_sqs or of_sns else []


def _is_envelope(event: Any) -> bool:
    return isinstance(event, Mapping) and {"detail-type", "source", "detail"} <= set(event)


def _message(record: Mapping[str, Any]) -> QueueMessage:
    if "Sns" in record:
        notification = {"Type": "Notification", **record["Sns"]}
        return QueueMessage(json.dumps(notification, ensure_ascii=False), queue=_queue_of(notification))
    attributes = {
        name: {
            key[0].upper() + key[1:]: value
            for key, value in attribute.items()
            if key in {"dataType", "stringValue", "binaryValue"} and value is not None
        }
        for name, attribute in record.get("messageAttributes", {}).items()
    }
    body = str(record["body"])
    content: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(body)
    return QueueMessage(body, attributes, str(record.get("eventSourceARN", "")), _queue_of(content))


def _entry(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """EventBridge gives an event its id and time itself; the file's are those of some earlier delivery."""
    return {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": json.dumps(envelope["detail"], ensure_ascii=False),
        "Resources": list(envelope.get("resources", [])),
    }
