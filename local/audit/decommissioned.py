"""What a decommission event says, read without the functions' help: for the check in `local.audit`.

It understands the events that lie in events/ and in tests/vectors/events, and shares no code with the functions.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_DELETED = {
    "deleteServer": "ecs",
    "deleteVolume": "disk",
    "bulkDeleteVolume": "disk",
    "ecs.cloudservers": "ecs",
    "evs.volumes": "disk",
}
"""A trace's name, or a type as Config names it, and the type's name at the tag API."""


class Gone(NamedTuple):
    """A resource that is gone. `tags` is None where the event names none: those that stand there are meant."""

    provider: str
    account: str
    type: str
    id: str
    tags: tuple[tuple[str, str | None], ...] | None


def gone(event: Any) -> Iterator[Gone]:
    """Every resource that an event says is gone; none for an event that says nothing of the kind."""
    if isinstance(event, str):
        try:
            event = json.loads(event)
        except ValueError:
            return
    if "record" in event:
        for record in event["record"]:
            yield from gone(record["smn"]["message"])
    elif "provider" in event.get("detail", {}):
        yield from _own(event["detail"])
    elif "notification_type" in event:
        detail = event["detail"]
        if detail["event_type"] == "DELETE" and detail["resource_type"] in _DELETED:
            yield _huawei(detail["resource_type"], detail["resource_id"])
    else:
        trace = event.get("cts", event.get("data", event))
        if trace.get("trace_name") in _DELETED:
            request = trace["request"]
            request = json.loads(request or "{}") if isinstance(request, str) else request
            for id_ in {trace["resource_id"], *request.get("volume_ids", [])}:
                yield _huawei(trace["trace_name"], id_)


def _own(detail: Mapping[str, Any]) -> Iterator[Gone]:
    tags = tuple((tag["key"], tag.get("value")) for tag in detail["tags"]) if "tags" in detail else None
    for group in detail["resources"]:
        for id_ in group["ids"]:
            yield Gone(detail["provider"], detail.get("account", "default"), group["type"], id_, tags)


def _huawei(name: str, id_: str) -> Gone:
    return Gone("huaweicloud", "default", _DELETED[name], id_, None)
