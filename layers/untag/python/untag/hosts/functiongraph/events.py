"""What a function is invoked with: a bell of ours, a trigger's event, a call of the API gateway, or a payload by hand.

Sources: FunctionGraph Developer Guide, "Supported Event Sources"; the console's event templates. Triggers invoke
asynchronously: nobody reads the answer, and how often a failure is repeated is not documented. So what a trigger brings
is put on the function's queue first. What is handed over by hand is answered, and fails the invocation if it is
invalid.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from untag.contracts import Problem
from untag.contracts.rejections import InvocationError
from untag.hosts.base import MANUAL
from untag.hosts.functiongraph.bells import MOST_KEYS
from untag.hosts.functiongraph.queues import Key, id_for


class Carried(NamedTuple):
    """A message that a trigger brings, which the function's queue takes. `source` says where it comes from."""

    id: str
    body: str
    source: str


def bell_keys(event: Mapping[str, Any], queue: str) -> list[Key]:
    """The messages that a bell names. Raises InvocationError for one that is not for this function."""
    named = event.get("keys")
    if not isinstance(named, list) or not 0 < len(named) <= MOST_KEYS:
        raise InvocationError([Problem("keys", f"should be a list of 1 to {MOST_KEYS} keys")])
    keys = [Key.read(one) for one in named]
    if problems := [
        Problem(f"keys.{number}", f"should be the key of a message of the queue {queue}")
        for number, key in enumerate(keys)
        if key is None or key.queue != queue
    ]:
        raise InvocationError(problems)
    return [key for key in keys if key is not None]


def carried_by(event: Any, own_id: str) -> list[Carried] | None:
    """The messages of a trigger's event; None if it is no trigger's. `own_id` is the invocation's.

    Each has the id that every copy of it bears, so that an event that comes twice asks for nothing new.
    """
    if not isinstance(event, dict):
        return None
    if (records := _smn_records(event)) is not None:
        return list(_messages(records, own_id))
    if event.get("trigger_type") == "TIMER" and "user_event" in event:
        # A firing has no id of its own.
        name, time = str(event.get("trigger_name") or "timer"), str(event.get("time") or own_id)
        return [Carried(id_for(f"{name}-{time}".replace(":", "")), _text(event["user_event"]), f"timer:{name}")]
    if isinstance(trace := event.get("cts"), dict):
        return [Carried(id_for(str(trace.get("trace_id") or own_id)), json.dumps(event), "cts")]
    if "specversion" in event:
        source = event["source"] if isinstance(event.get("source"), str) else "eventgrid"
        # An id is one of its source's.
        return [Carried(id_for(f"{source} {event.get('id') or own_id}"), json.dumps(event), source)]
    return None


def is_gateway_call(event: Any) -> bool:
    """Whether the API gateway passes a call on."""
    return isinstance(event, dict) and {"httpMethod", "requestContext", "body"} <= event.keys()


def gateway_body(event: Mapping[str, Any]) -> Any:
    """What a call of the API gateway carries. Raises InvocationError."""
    body = event["body"] or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except (binascii.Error, ValueError, TypeError):
        raise InvocationError([Problem("body", "should be JSON, as UTF-8 in Base64")]) from None


def gateway_answer(status: int, text: str) -> dict[str, Any]:
    """An answer as the API gateway takes it."""
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "isBase64Encoded": False, "headers": headers, "body": text}


def _smn_records(event: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The messages of SMN in a trigger's event; None if it is another's."""
    records = event.get("record")
    if not isinstance(records, list) or not records:
        return None
    messages = [record.get("smn") if isinstance(record, dict) else None for record in records]
    held = [message for message in messages if isinstance(message, dict) and "message" in message]
    return held if len(held) == len(records) else None


def _messages(records: list[dict[str, Any]], own_id: str) -> Iterator[Carried]:
    for number, message in enumerate(records, 1):
        id_ = str(message.get("message_id") or (own_id if len(records) == 1 else f"{own_id}-{number}"))
        source = message.get("topic_urn")
        yield Carried(id_for(id_), _text(message["message"]), source if isinstance(source, str) else MANUAL)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)
