"""The envelopes that a payload may come in: SNS and EventBridge, nested either way, as text or as an object."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from untag.contracts.problems import InvalidInputError

DETAIL_TYPE = "Tag Removal Requested"

_MAX_ENVELOPES = 4
"""An event on a bus that goes to a topic and to a queue is in two; more than four is nobody's event."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, version 00 and what later ones begin with."""

_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,240}")
"""An id that can name a request, with room for `-<n>` behind it; an envelope's own is not looked at by anyone else."""


class Unwrapped(NamedTuple):
    """A payload out of its envelopes. `id` is the innermost event's or notification's, which every copy of it
    shares, if it can name a request. `traceparent` is the trace that a notification belongs to.
    """

    payload: Any
    id: str
    traceparent: str | None = None


def parse_json(text: str) -> Any:
    """The JSON value in `text`.

    Stricter than `json.loads`: an object that names a key twice says two things, and NaN is no JSON.
    Raises InvalidInputError.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidInputError.of("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidInputError.of(f"not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:  # an integer of thousands of digits; its text is not worth repeating
        raise InvalidInputError.of("not JSON: a number is too long") from None


def unwrap(payload: Any, own_id: str, detail_type: str = DETAIL_TYPE) -> Unwrapped:
    """Take `payload` out of its envelopes. `own_id` is the id of what carried it here. Raises InvalidInputError."""
    trace: str | None = None
    for _ in range(_MAX_ENVELOPES + 1):
        if isinstance(payload, str):
            payload = parse_json(payload)
        if not isinstance(payload, dict):
            break
        if payload.get("Type") == "Notification" and "Message" in payload:
            trace = traceparent_of(payload.get("MessageAttributes"), "Value") or trace
            own_id, payload = id_of(payload, "MessageId", own_id), payload["Message"]
        elif "detail-type" in payload and "detail" in payload:
            if payload["detail-type"] != detail_type:
                raise InvalidInputError.of(f"should be '{detail_type}'", "detail-type")
            own_id, payload = id_of(payload, "id", own_id), payload["detail"]
        else:
            break
    else:
        raise InvalidInputError.of(f"more than {_MAX_ENVELOPES} envelopes within each other")
    return Unwrapped(payload, own_id, trace)


def traceparent_of(attributes: Any, field: str) -> str | None:
    """The W3C trace context among a message's attributes, whose values stand in `field`; None where it is none."""
    found = attributes.get("traceparent") if isinstance(attributes, dict) else None
    text = found.get(field) if isinstance(found, dict) else None
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text) else None


def id_of(envelope: Mapping[str, Any], field: str, otherwise: str) -> str:
    """The id that an envelope bears in a field, if it can name a request, else `otherwise`."""
    found = envelope.get(field)
    return found if isinstance(found, str) and _ID.fullmatch(found) else otherwise


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInputError.of("a key stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise InvalidInputError.of(f"not JSON: {name}")
