"""What Huawei Cloud's events say: traces of CTS, notifications of Config, messages of SMN.

A translator takes an event and gives None if it is not of its kind, else what the event says. It raises
InvalidInputError, which names the field, for what it has to read and cannot: that is never said to delete nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.contracts.reports import clip
from untag.contracts.requests import Region
from untag.providers.events import SHOWN_BYTES, Events, Gone, Ignored, Message, object_in, shown_in, text_in
from untag.providers.huaweicloud.deletions import CONFIG_TYPES, CTS_DELETIONS, CTS_LISTS, CTS_LISTS_OF_ANY, ID

_HUAWEI = "huaweicloud"
_FIRST_ERROR_STATUS = 400
_MANY = re.compile(r"(bulk|batch)", re.IGNORECASE)
_DELETES = re.compile(r"((bulk|batch)_?)?(delete|remove|release|terminate|destroy)", re.IGNORECASE)

_REGION = TypeAdapter(Region)


def cts_trigger(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A trace as FunctionGraph's trigger wraps it."""
    if "cts" not in event:
        return None
    trace = object_in(event, "cts")
    try:
        said = cts_trace(trace, id_of(event, "id", own_id))
    except InvalidInputError as error:
        raise error.under("cts") from None
    if said is None:
        raise InvalidInputError.of("is no trace: trace_name and trace_id or service_type are needed", "cts")
    return said


def cts_trace(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A trace of CTS: deletions that went well."""
    if "trace_name" not in event or not {"trace_id", "service_type"} & event.keys():
        return None
    event_id = id_of(event, "trace_id", own_id)
    name = text_in(event, "trace_name") or ""
    shown = f"{shown_in(event, 'service_type')} {shown_in(event, 'trace_name')}"

    def ignored(code: str, reason: str) -> Ignored:
        return Ignored(event_id, _HUAWEI, code, f"{shown}: {reason}")

    type_ = CTS_DELETIONS.get(((text_in(event, "service_type") or "").upper(), name))
    if type_ is None:
        return ignored(*_why_unknown(name))
    if (why := _why_no_deletion(event)) is not None:
        return ignored(*why)
    ids = list(dict.fromkeys([*_ids(event, "resource_id"), *_listed_ids(event, type_)]))
    if not ids:
        object_in(event, "response")  # what cannot be read may be what names it
        return ignored("no_resource", "the trace names no resource")
    return Gone(
        event_id=event_id,
        provider=_HUAWEI,
        domain_id=text_in(event, "domain_id") or _domain_of_user(event),
        project_id=text_in(event, "project_id"),
        resources={type_: ids},
        reason=f"CTS {shown}",
    )


def _why_unknown(name: str) -> tuple[str, str]:
    """Why a trace of an operation that stands in no table leads to nothing: its code and reason."""
    if _DELETES.match(name):
        return "unmapped_type", "no tag API is known for what it deletes"
    return "no_deletion", "it deletes nothing"


def _why_no_deletion(trace: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a trace of a deletion does not mean that the resource is gone; failures are recorded too."""
    rating = text_in(trace, "trace_rating") or text_in(trace, "trace_status") or "not at all"
    if rating != "normal":
        return "not_normal", f"the trace is rated {clip(rating, SHOWN_BYTES)}"
    status = _status(trace.get("code"))
    return None if status is None or status < _FIRST_ERROR_STATUS else ("not_done", f"it was answered with {status}")


def _listed_ids(trace: Mapping[str, Any], type_: str) -> Iterator[str]:
    """The ids that a deletion's request lists. Only a deletion of many has to have a request that can be read."""
    try:
        request = object_in(trace, "request")
    except InvalidInputError:
        if _MANY.match(text_in(trace, "trace_name") or "") or not list(_ids(trace, "resource_id")):
            raise
        return
    for name in (*CTS_LISTS.get(type_, ()), *CTS_LISTS_OF_ANY):
        listed = request.get(name)
        for one in listed if isinstance(listed, list) else ():
            yield from _ids(one if isinstance(one, Mapping) else {"id": one}, "id")


def _domain_of_user(trace: Mapping[str, Any]) -> str | None:
    user = object_in(trace, "user")
    try:
        return text_in(object_in(user, "domain"), "id")
    except InvalidInputError as error:
        raise error.under("user") from None


def config_change(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A notification of Config: a resource that was deleted."""
    if "notification_type" not in event:
        return None

    def ignored(code: str, reason: str) -> Ignored:
        return Ignored(own_id, _HUAWEI, code, reason)

    if text_in(event, "notification_type") != "ResourceChanged":
        return ignored("no_deletion", f"the notification is {shown_in(event, 'notification_type')}")
    detail = object_in(event, "detail")
    if text_in(detail, "event_type") != "DELETE":
        return ignored("no_deletion", f"the change is {shown_in(detail, 'event_type')}")
    resource, unreadable = _resource(detail)
    # The documents' sample says "evs.volumes" in one place; elsewhere both parts stand by themselves.
    in_parts = f"{text_in(resource, 'provider')}.{text_in(resource, 'type')}"
    type_ = next((type_ for type_ in (text_in(detail, "resource_type"), in_parts) if type_ in CONFIG_TYPES), None)
    ids = [*_ids(detail, "resource_id"), *_ids(resource, "id")][:1]
    if unreadable is not None and (type_ is None or not ids):
        raise unreadable
    if type_ is None:
        return ignored("unmapped_type", f"no tag API is known for {shown_in(detail, 'resource_type')}")
    if not ids:
        return ignored("no_resource", "the notification names no resource")
    return Gone(
        event_id=own_id,
        provider=_HUAWEI,
        domain_id=text_in(event, "domain_id"),
        region=_region(text_in(resource, "region_id")),
        project_id=text_in(resource, "project_id"),
        resources={CONFIG_TYPES[type_]: ids},
        reason=f"Config {type_} deleted",
    )


def _resource(detail: Mapping[str, Any]) -> tuple[Mapping[str, Any], InvalidInputError | None]:
    """The resource that a notification describes, or why that cannot be read; what it lies in may say enough."""
    try:
        return object_in(detail, "resource"), None
    except InvalidInputError as error:
        return {}, error.under("detail")


def smn_messages(event: Mapping[str, Any], own_id: str) -> list[Message] | None:
    """The messages of SMN in a function's trigger, in one of its records, or one by itself; None if there are none."""
    if "topic_urn" in event and "message" in event:
        return [Message(id_of(event, "message_id", own_id), event["message"], event)]
    records = event.get("record", [event])
    if not isinstance(records, list) or not records:
        return None
    messages = [message for record in records if isinstance(message := _message_of(record), Mapping) and message]
    if len(messages) < len(records):
        return None
    return [
        Message(
            id_of(message, "message_id", own_id if len(messages) == 1 else f"{own_id}-{number}"),
            message.get("message"),
            {"record": [record]},
        )
        for number, (record, message) in enumerate(zip(records, messages, strict=True), 1)
    ]


def _message_of(record: Any) -> Any:
    return record.get("smn") if isinstance(record, Mapping) else None


def _status(code: object) -> float | None:
    """An HTTP status, which the traces of some services hold as text."""
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        return int(code)
    return code if isinstance(code, int | float) and not isinstance(code, bool) else None


def _ids(event: Mapping[str, Any], name: str) -> Iterator[str]:
    """The id in a field, if one stands there: it can be missing, or `{}`."""
    id_ = text_in(event, name)
    if id_ is not None and ID.fullmatch(id_):
        yield id_


def _region(text: str | None) -> str | None:
    try:
        return _REGION.validate_python(text)
    except ValidationError:
        return None


EVENTS = Events((cts_trigger, cts_trace, config_change), smn_messages, ("HC.",))
