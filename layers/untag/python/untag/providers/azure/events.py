"""What Azure's events say, as Event Grid brings them in its own schema or as CloudEvents: resources that were deleted.

Facts from the pages "Azure resource group as an Event Grid source" and "CloudEvents v1.0 schema with Azure Event Grid".
What they leave open, and what follows:

- Event Grid sends events of its own schema in a list, and CloudEvents one by one or in a list: all are understood.
- The deletion of a group brings an event for each of its resources, and one for the group: each speaks for itself.
- `claims`, `authorization` and `httpRequest` are about persons: they are left out of what is kept of a list.
- The subscription of the resource, else the tenant, says by `UNTAG_ACCOUNTS` which account is meant.
- The handshake by which Event Grid checks an endpoint has to be answered by what receives the events over HTTP, before
  they come to a queue. One that comes here says so.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.providers.azure.ids import bears_no_tags, parse_id
from untag.providers.events import Events, Gone, Ignored, Message, shown_in, text_in

_AZURE = "azure"
_VENDOR = "Microsoft."
_FAMILY = f"{_VENDOR}Resources."
_DELETED = f"{_FAMILY}ResourceDeleteSuccess"
_NOT_DONE = (f"{_FAMILY}ResourceDeleteFailure", f"{_FAMILY}ResourceDeleteCancel")
_HANDSHAKE = "Microsoft.EventGrid.SubscriptionValidationEvent"
_PERSONAL = frozenset({"authorization", "claims", "httpRequest"})


def eventgrid(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """An event of Event Grid: a deletion that went well."""
    kind = _kind(event)
    if kind is None:
        return None
    event_id = id_of(event, "id", own_id)
    data = event.get("data")
    data = data if isinstance(data, Mapping) else {}
    if (why := _why_not(kind, data)) is not None:
        return Ignored(event_id, _AZURE, why[0], f"Event Grid {kind}: {why[1]}")
    field = "data.resourceUri" if text_in(data, "resourceUri") else "subject"
    uri = text_in(data, "resourceUri") or text_in(event, "subject") or ""
    parsed = parse_id(uri)
    if parsed is None:
        raise InvalidInputError.of("should be an ARM id", field)
    shown = f"Event Grid {shown_in(data, 'operationName')}"
    if parsed.extends or bears_no_tags(parsed.type):
        return Ignored(event_id, _AZURE, "no_deletion", f"{shown}: what was deleted bears no tags")
    # The operation writes the type in the vendor's own letters, which the id of an event often does not.
    written = (text_in(data, "operationName") or "").removesuffix("/delete")
    return Gone(
        event_id=event_id,
        provider=_AZURE,
        domain_id=parsed.subscription,
        wider_id=None if (tenant := text_in(data, "tenantId")) is None else tenant.lower(),
        resources={written if written.lower() == parsed.type.lower() else parsed.type: [uri]},
        reason=shown,
    )


def listed(events: Sequence[Any], own_id: str) -> list[Message] | None:
    """Each event of a list that Event Grid sends, without what is about persons; None if it is no such list."""
    if not all(isinstance(one, Mapping) and _kind(one) is not None for one in events):
        return None
    messages = []
    for number, one in enumerate(events, 1):
        data = one.get("data")
        kept = data if not isinstance(data, Mapping) else {k: v for k, v in data.items() if k not in _PERSONAL}
        event = {**one, "data": kept}
        messages.append(Message(id_of(one, "id", f"{own_id}-{number}"), json.dumps(event), event))
    return messages


def _kind(event: Mapping[str, Any]) -> str | None:
    """The type of an event of Event Grid's; None where it is none. CloudEvents may be of other sources."""
    if "specversion" in event:
        kind = text_in(event, "type")
        return kind if kind is not None and (kind.startswith(_FAMILY) or kind == _HANDSHAKE) else None
    kind = text_in(event, "eventType")
    return kind if kind is not None and kind.startswith(_VENDOR) and "data" in event else None


def _why_not(kind: str, data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why an event does not mean that a resource is gone: a code, a reason."""
    if kind == _HANDSHAKE:
        return "no_deletion", "the handshake has to be answered by the endpoint that received it"
    if kind in _NOT_DONE:
        return "not_done", "the deletion failed or was cancelled"
    if kind != _DELETED:
        return "no_deletion", "it deletes nothing"
    if data.get("status", "Succeeded") != "Succeeded":
        return "not_done", f"its status is {shown_in(data, 'status')}"
    return None


EVENTS = Events((eventgrid,), sources=("/subscriptions/",), listed=listed)
