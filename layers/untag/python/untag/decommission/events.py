"""What others' events say, each kind by a translator of its own. To understand another kind, add a translator here.

A translator takes an event and gives None if it is not of its kind, else what the event says: resources that are gone,
or why it leads to nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from untag.contracts import InvalidInputError, Tag
from untag.contracts.envelopes import id_of, parse_json
from untag.contracts.problems import Problem
from untag.contracts.reports import clip
from untag.contracts.requests import Account, Id, Project, Region, ResourceGroup, TagInput
from untag.providers.huaweicloud.events import CONFIG_TYPES, CTS_DELETIONS, CTS_LISTS, CTS_LISTS_OF_ANY

DETAIL_TYPE = "Resource Decommissioned"

_HUAWEI = "huaweicloud"
_MAX_ENVELOPES = 6
_FIRST_ERROR_STATUS = 400
_SHOWN_BYTES = 60
_DELETES = re.compile(r"((bulk|batch)_?)?(delete|remove|release|terminate|destroy)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Gone:
    """Resources that are gone. `domain_id` is the vendor's account, where the event names no account of ours.

    `tags` None leaves it to the stack's policy which tags are meant.
    """

    event_id: str
    provider: str
    account: str | None = None
    domain_id: str | None = None
    region: str | None = None
    project_id: str | None = None
    resources: Mapping[str, list[str]] = field(default_factory=dict)
    tags: list[Tag] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that leads to nothing, and why."""

    event_id: str
    provider: str | None
    code: str
    reason: str


Said = Gone | Ignored
Translator = Callable[[Mapping[str, Any], str], "list[Said] | None"]


def read(payload: Any, own_id: str) -> list[Said]:
    """Everything that a body says, out of whatever envelopes it is in; `own_id` is the id of what carried it.

    Raises InvalidInputError if it is an event of a known kind that is not as it should be, or of no known kind.
    """
    for _ in range(_MAX_ENVELOPES):
        if isinstance(payload, str):
            payload = parse_json(payload)
        if not isinstance(payload, Mapping):
            raise InvalidInputError.of("should be an event: a JSON object")
        for translator in TRANSLATORS:
            if (said := translator(payload, own_id)) is not None:
                return said
        own_id, payload = _opened(payload, own_id)
    raise InvalidInputError.of(f"more than {_MAX_ENVELOPES - 1} envelopes within each other")


def _opened(event: Mapping[str, Any], own_id: str) -> tuple[str, Any]:
    """What is inside an envelope of any make, and its id: SNS, EventBridge, FunctionGraph's CTS trigger."""
    for marker, content, id_ in (
        ("Type", "Message", "MessageId"),
        ("detail-type", "detail", "id"),
        ("cts", "cts", "id"),
    ):
        if marker in event and content in event:
            return id_of(event, id_, own_id), event[content]
    raise InvalidInputError.of("is no event of a kind that is understood")


class _Decommissioned(BaseModel):
    """Our own event's detail."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Account = "default"
    region: Region | None = None
    project_id: Project | None = None
    resources: Annotated[list[ResourceGroup], Field(min_length=1, fail_fast=True)]
    tags: Annotated[list[TagInput], Field(min_length=1, fail_fast=True)] | None = None
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = None


_DECOMMISSIONED = TypeAdapter(_Decommissioned)
_GONE_ID = TypeAdapter(Id)
_REGION = TypeAdapter(Region)


def own(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """Our own `Resource Decommissioned`; one with a vendor's event as its detail is that vendor's, in an envelope."""
    if event.get("detail-type") != DETAIL_TYPE:
        return None
    detail = event.get("detail")
    if isinstance(detail, Mapping) and detail and not {"provider", "resources"} & detail.keys():
        return None
    try:
        said = _DECOMMISSIONED.validate_python(detail)
    except ValidationError as error:
        raise InvalidInputError(
            Problem(".".join(("detail", *map(str, found["loc"]))), found["msg"])
            for found in error.errors(include_url=False, include_input=False, include_context=False)
        ) from None
    resources: dict[str, list[str]] = {}
    for group in said.resources:
        resources.setdefault(group.type, []).extend(group.ids)
    return [
        Gone(
            event_id=id_of(event, "id", own_id),
            provider=said.provider,
            account=said.account,
            region=said.region,
            project_id=said.project_id,
            resources=resources,
            tags=None if said.tags is None else [Tag(tag.key, tag.value) for tag in said.tags],
            reason=said.reason,
        )
    ]


def cts_trace(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """A trace of Huawei Cloud's CTS: deletions that went well."""
    if "trace_name" not in event or not {"trace_id", "service_type"} & event.keys():
        return None
    event_id = id_of(event, "trace_id", own_id)
    shown = f"{_shown(event, 'service_type')} {_shown(event, 'trace_name')}"

    def ignored(code: str, reason: str) -> list[Said]:
        return [Ignored(event_id, _HUAWEI, code, f"{shown}: {reason}")]

    type_ = CTS_DELETIONS.get(((_text(event, "service_type") or "").upper(), _text(event, "trace_name") or ""))
    if type_ is None:
        return ignored(*_why_unknown(event))
    if (why := _why_no_deletion(event)) is not None:
        return ignored(*why)
    ids = [*_ids(event, "resource_id"), *_listed_ids(event.get("request"), type_)]
    if not ids:
        return ignored("no_resource", "the trace names no resource")
    return [
        Gone(
            event_id=event_id,
            provider=_HUAWEI,
            domain_id=_text(event, "domain_id") or _domain_of_user(event),
            project_id=_text(event, "project_id"),
            resources={type_: list(dict.fromkeys(ids))},
            reason=f"CTS {shown}",
        )
    ]


def _why_unknown(trace: Mapping[str, Any]) -> tuple[str, str]:
    """Why a trace of an operation that stands in no table leads to nothing: its code and reason."""
    if _DELETES.match(_text(trace, "trace_name") or ""):
        return "unmapped_type", "no tag API is known for what it deletes"
    return "no_deletion", "it deletes nothing"


def _why_no_deletion(trace: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a trace of a deletion does not mean that the resource is gone; failures are recorded too."""
    rating = _text(trace, "trace_rating") or _text(trace, "trace_status") or "not at all"
    if rating != "normal":
        return "not_normal", f"the trace is rated {clip(rating, _SHOWN_BYTES)}"
    status = _status(trace.get("code"))
    return None if status is None or status < _FIRST_ERROR_STATUS else ("not_done", f"it was answered with {status}")


def config_change(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """A notification of Huawei Cloud's Config: resources that were deleted."""
    if "notification_type" not in event:
        return None
    detail = _mapping(event, "detail")
    resource = _mapping(detail, "resource")

    def ignored(code: str, reason: str) -> list[Said]:
        return [Ignored(own_id, _HUAWEI, code, reason)]

    if _text(event, "notification_type") != "ResourceChanged":
        return ignored("no_deletion", f"the notification is {_shown(event, 'notification_type')}")
    if _text(detail, "event_type") != "DELETE":
        return ignored("no_deletion", f"the change is {_shown(detail, 'event_type')}")
    # The documents' sample says "evs.volumes" in one place; elsewhere both parts stand by themselves.
    in_parts = f"{_text(resource, 'provider')}.{_text(resource, 'type')}"
    type_ = next((type_ for type_ in (_text(detail, "resource_type"), in_parts) if type_ in CONFIG_TYPES), None)
    if type_ is None:
        return ignored("unmapped_type", f"no tag API is known for {_shown(detail, 'resource_type')}")
    ids = [*_ids(detail, "resource_id"), *_ids(resource, "id")][:1]
    if not ids:
        return ignored("no_resource", "the notification names no resource")
    return [
        Gone(
            event_id=own_id,
            provider=_HUAWEI,
            domain_id=_text(event, "domain_id"),
            region=_region(_text(resource, "region_id")),
            project_id=_text(resource, "project_id"),
            resources={CONFIG_TYPES[type_]: ids},
            reason=f"Config {type_} deleted",
        )
    ]


def smn_message(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """Huawei Cloud's SMN: a function's trigger, one of its records, or a message alone; each holds a JSON text."""
    if (messages := _smn_messages(event)) is None:
        return None
    said: list[Said] = []
    for number, message in enumerate(messages, 1):
        otherwise = own_id if len(messages) == 1 else f"{own_id}-{number}"
        message_id = id_of(message, "message_id", otherwise)
        text = message.get("message")
        try:
            inner = parse_json(text) if isinstance(text, str) else None
        except InvalidInputError:
            inner = None
        if not isinstance(inner, Mapping):
            said.append(Ignored(message_id, _HUAWEI, "not_json", "the SMN message is no JSON object"))
            continue
        try:
            said += read(inner, message_id)
        except InvalidInputError as error:
            said.append(Ignored(message_id, _HUAWEI, "not_understood", f"the SMN message {error}"))
    return said


def _smn_messages(event: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    if "topic_urn" in event and "message" in event:
        return [event]
    records = event.get("record", [event])
    if not isinstance(records, list) or not records:
        return None
    messages = [_mapping(record, "smn") if isinstance(record, Mapping) else {} for record in records]
    return messages if all(messages) else None


def cloud_event(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """A CloudEvent, as Huawei Cloud's EventGrid sends them; what comes from CTS has the trace as its data."""
    if "specversion" not in event:
        return None
    event_id = id_of(event, "id", own_id)
    for translator in (cts_trace, config_change):
        if (said := translator(_mapping(event, "data"), event_id)) is not None:
            return said
    told = f"{_shown(event, 'source')} {_shown(event, 'type')}: it deletes nothing that is known"
    provider = _HUAWEI if (_text(event, "source") or "").startswith("HC.") else None
    return [Ignored(event_id, provider, "no_deletion", told)]


TRANSLATORS: tuple[Translator, ...] = (own, cts_trace, config_change, smn_message, cloud_event)


def _text(event: Mapping[str, Any], name: str) -> str | None:
    found = event.get(name)
    return found if isinstance(found, str) and found else None


def _shown(event: Mapping[str, Any], name: str) -> str:
    """A field for a person to read, whatever stands there."""
    return clip(_text(event, name) or f"of no {name}", _SHOWN_BYTES)


def _mapping(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name)
    return found if isinstance(found, Mapping) else {}


def _status(code: object) -> float | None:
    """An HTTP status, which the traces of some services hold as text."""
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        return int(code)
    return code if isinstance(code, int | float) and not isinstance(code, bool) else None


def _ids(event: Mapping[str, Any], name: str) -> Iterator[str]:
    """The id in a field, if one stands there: it can be missing, or `{}`."""
    found = _text(event, name)
    try:
        yield _GONE_ID.validate_python(found)
    except ValidationError:
        return


def _listed_ids(request: object, type_: str) -> Iterator[str]:
    """The ids that a bulk deletion's request lists; requests are JSON texts, or objects in older traces."""
    if isinstance(request, str):
        try:
            request = parse_json(request)
        except InvalidInputError:
            return
    if not isinstance(request, Mapping):
        return
    for name in (*CTS_LISTS.get(type_, ()), *CTS_LISTS_OF_ANY):
        listed = request.get(name)
        for one in listed if isinstance(listed, list) else ():
            yield from _ids(one if isinstance(one, Mapping) else {"id": one}, "id")


def _domain_of_user(event: Mapping[str, Any]) -> str | None:
    return _text(_mapping(_mapping(event, "user"), "domain"), "id")


def _region(text: str | None) -> str | None:
    try:
        return _REGION.validate_python(text)
    except ValidationError:
        return None
