"""The envelopes that a body may come in: SNS, EventBridge and CloudEvents, nested either way, as text or as an object.

There is one opener, for removal requests, decommission events and sweeps alike. What it cannot read is refused.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from untag.contracts.problems import InvalidInputError

DETAIL_TYPE = "Tag Removal Requested"

_MAX_ENVELOPES = 4
"""An event on a bus that goes to a topic and to a queue is in two; more than four is a mistake."""

_BYTE_ORDER_MARK = "\ufeff"
"""Editors on Windows put it in front of a text. RFC 8259 lets a parser pass over it."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, version 00 and what later ones begin with."""

_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,240}")
"""An id that can name a request, with room for `-<n>` behind it; an envelope's own is checked nowhere else."""


class Layer(NamedTuple):
    """A body, or what one of its envelopes holds.

    `id` is the innermost envelope's so far, which every copy of the event or notification shares, if it can name a
    request. `traceparent` is the trace that an envelope belongs to. `field` is where the payload stood in its envelope
    (`Message`, `detail`, `data` or `data_base64`; empty for the body itself), and `type` what the envelope calls it
    (EventBridge's `detail-type`, a CloudEvent's `type`).
    """

    payload: Any
    id: str
    traceparent: str | None = None
    field: str = ""
    type: Any = None


def parse_json(text: str) -> Any:
    """The JSON value in `text`; a byte order mark in front is passed over.

    Stricter than `json.loads`: an object that names a key twice says two things, and NaN is no JSON.
    Raises InvalidInputError.
    """
    try:
        return json.loads(text.removeprefix(_BYTE_ORDER_MARK), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidInputError.of("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidInputError.of(f"not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:  # an integer of thousands of digits; its text is not worth repeating
        raise InvalidInputError.of("not JSON: a number is too long") from None


def parse_leniently(text: str) -> Any:
    """The JSON value in a text that was refused already: twice the same key is taken for the last one.

    Raises InvalidInputError.
    """
    try:
        return json.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except (ValueError, RecursionError):
        raise InvalidInputError.of("not JSON") from None


def layers(body: Any, own_id: str, parse: Callable[[str], Any] = parse_json) -> Iterator[Layer]:
    """The body itself, then what each of its envelopes holds, from the outermost to the innermost.

    `own_id` is the id of what carried the body here. Raises InvalidInputError that names the field that cannot be read.
    """
    layer = Layer(parse(body) if isinstance(body, str) else body, own_id)
    for _ in range(_MAX_ENVELOPES):
        yield layer
        inner = _opened(layer, parse)
        if inner is None:
            return
        layer = inner
    yield layer
    if _opened(layer, parse) is not None:
        raise InvalidInputError.of(f"more than {_MAX_ENVELOPES} envelopes within each other")


def unwrap(payload: Any, own_id: str, detail_type: str | None = DETAIL_TYPE) -> Layer:
    """What `payload` holds in its innermost envelope. `own_id` is the id of what carried it here.

    `detail_type` is what an event on a bus has to be; None takes any. Raises InvalidInputError.
    """
    layer = Layer(None, own_id)
    for layer in layers(payload, own_id):
        if layer.field == "detail" and detail_type is not None and layer.type != detail_type:
            raise InvalidInputError.of(f"should be '{detail_type}'", "detail-type")
    if isinstance(layer.payload, dict) and "specversion" in layer.payload:
        raise InvalidInputError.of("Field required: the event carries nothing", "data")
    return layer


def traceparent_of(attributes: Any, field: str) -> str | None:
    """The W3C trace context among a message's attributes, whose values stand in `field`; None where it is none."""
    attribute = attributes.get("traceparent") if isinstance(attributes, dict) else None
    return _trace(attribute.get(field)) if isinstance(attribute, dict) else None


def id_of(envelope: Mapping[str, Any], field: str, otherwise: str) -> str:
    """The id that an envelope bears in a field, if it can name a request, else `otherwise`."""
    id_ = envelope.get(field)
    return id_ if isinstance(id_, str) and _ID.fullmatch(id_) else otherwise


def _opened(layer: Layer, parse: Callable[[str], Any]) -> Layer | None:
    """What stands inside an envelope; None where the content is none."""
    envelope = layer.payload
    if not isinstance(envelope, dict):
        return None
    if envelope.get("Type") == "Notification" and "Message" in envelope:
        trace = traceparent_of(envelope.get("MessageAttributes"), "Value")
        field, id_, type_ = "Message", "MessageId", None
    elif "detail-type" in envelope and "detail" in envelope:
        trace = None
        field, id_, type_ = "detail", "id", envelope["detail-type"]
    elif "specversion" in envelope and (carried := _carried(envelope)) is not None:
        trace = _trace(envelope.get("traceparent"))  # CloudEvents' extension for distributed tracing
        field, id_, type_ = carried, "id", envelope.get("type")
    else:
        return None
    content = envelope[field]
    try:
        if field == "data_base64":
            content = _decoded(content)
        if isinstance(content, str):
            content = parse(content)
    except InvalidInputError as error:
        raise error.under(field) from None
    return Layer(content, id_of(envelope, id_, layer.id), trace or layer.traceparent, field, type_)


def _carried(event: Mapping[str, Any]) -> str | None:
    """The field in which a CloudEvent carries something."""
    given = [name for name in ("data", "data_base64") if event.get(name) is not None]
    if len(given) > 1:
        raise InvalidInputError.of("stands beside data: an event carries one of them", "data_base64")
    return given[0] if given else None


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (AttributeError, binascii.Error, ValueError):
        raise InvalidInputError.of("should be JSON, as UTF-8 in Base64") from None


def _trace(text: Any) -> str | None:
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise InvalidInputError.of("a key stands twice in one object")
    return made


def _no_constant(name: str) -> None:
    raise InvalidInputError.of(f"not JSON: {name}")
