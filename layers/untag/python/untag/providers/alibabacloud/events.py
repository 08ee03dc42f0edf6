"""What Alibaba Cloud's events say: ActionTrail's records of deletions, as EventBridge brings them.

Facts from EventBridge's pages of events (a CloudEvent, with `aliyunaccountid` and `aliyunregionid`), ActionTrail's
sample of a DeleteDisk, and DescribeResourceLifeCycleEvents, which names the events that end an instance. What they
leave open:

- `referencedResources` also lists resources that live on: the sample's disk stood at an instance. Only resources of the
  type that the event deletes count.
- The names of further ECS types follow the documented ones (`ACS::ECS::Disk`). A record that names its resources
  otherwise leads to nothing and says so.
- A record that comes without its envelope names the account in `recipientAccountId`, or not at all.

A translator takes an event and gives None if it is not of its kind, else what the event says. It raises
InvalidInputError, which names the field, for what it has to read and cannot: that is never said to delete nothing.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.providers.events import Events, Gone, Ignored, object_in, shown_in, text_in

_ALIBABA = "alibabacloud"
_OF_TRAIL = re.compile(r"[^:]+:ActionTrail:\w+")
_DELETES = re.compile(r"(batch)?(delete|release|terminate|destroy|remove)", re.IGNORECASE)


class Deletion(NamedTuple):
    """What an event deletes: the tag API's type, and ActionTrail's name of it."""

    type: str
    referenced: str


_INSTANCE = Deletion("ecs:instance", "ACS::ECS::Instance")
DELETIONS: Mapping[tuple[str, str], Deletion] = {
    ("ecs", "DeleteInstance"): _INSTANCE,
    ("ecs", "DeleteInstances"): _INSTANCE,
    ("ecs", "Release"): _INSTANCE,  # Alibaba Cloud itself releases one that has expired
    ("ecs", "DeleteDisk"): Deletion("ecs:disk", "ACS::ECS::Disk"),
    ("ecs", "DeleteSnapshot"): Deletion("ecs:snapshot", "ACS::ECS::Snapshot"),
    ("ecs", "DeleteImage"): Deletion("ecs:image", "ACS::ECS::Image"),
    ("ecs", "DeleteSecurityGroup"): Deletion("ecs:securitygroup", "ACS::ECS::SecurityGroup"),
}
"""By the service's name in lower case, and the event's."""


def enveloped(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A CloudEvent of EventBridge that holds a record of ActionTrail."""
    if "specversion" not in event or not _OF_TRAIL.fullmatch(text_in(event, "type") or ""):
        return None
    record = object_in(event, "data")
    try:
        return _said(record, id_of(event, "id", own_id), _number(event.get("aliyunaccountid")), event)
    except InvalidInputError as error:
        raise error.under("data") from None


def record(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A record of ActionTrail by itself."""
    if not {"eventName", "serviceName", "eventId", "eventRW"} <= event.keys():
        return None
    return _said(event, id_of(event, "eventId", own_id), None, {})


def _said(trail: Mapping[str, Any], event_id: str, number: str | None, envelope: Mapping[str, Any]) -> Gone | Ignored:
    service, name = _required(trail, "serviceName"), _required(trail, "eventName")
    shown = f"ActionTrail {shown_in(trail, 'serviceName')} {shown_in(trail, 'eventName')}"

    def ignored(code: str, reason: str) -> Ignored:
        return Ignored(event_id, _ALIBABA, code, f"{shown}: {reason}")

    deletion = DELETIONS.get((service.lower(), name))
    if deletion is None:
        deletes = _DELETES.match(name) is not None
        why = "it is not known what it deletes" if deletes else "it deletes nothing"
        return ignored("unmapped_type" if deletes else "no_deletion", why)
    if trail.get("errorCode") or trail.get("errorMessage"):
        return ignored("not_done", "the call failed")
    if (text_in(trail, "eventRW") or "Write").lower() != "write":
        return ignored("no_deletion", "it is no call that changes anything")
    ids = _ids(trail, deletion)
    if not ids:
        return ignored("no_resource", f"the record names no {deletion.referenced}")
    region = text_in(trail, "acsRegion") or text_in(envelope, "aliyunregionid")
    if region is None:
        raise InvalidInputError.of("Field required", "acsRegion")
    return Gone(
        event_id=event_id,
        provider=_ALIBABA,
        domain_id=number or _number(trail.get("recipientAccountId")),
        region=region,
        resources={deletion.type: ids},
        reason=shown,
    )


def _ids(trail: Mapping[str, Any], deletion: Deletion) -> list[str]:
    """What the record names of the deleted type, and of no other."""
    found = object_in(trail, "referencedResources").get(deletion.referenced)
    if found is None and text_in(trail, "resourceType") == deletion.referenced:
        found = [part.strip() for part in (text_in(trail, "resourceName") or "").split(";")]
    if not isinstance(found, list | None):
        raise InvalidInputError.of("Input should be a list", f"referencedResources.{deletion.referenced}")
    if not all(isinstance(id_, str) for id_ in found or ()):
        raise InvalidInputError.of("Input should be a list of texts", f"referencedResources.{deletion.referenced}")
    return list(dict.fromkeys(filter(None, found or ())))


def _number(told: object) -> str | None:
    """An account's number, which comes as a text or as a number."""
    return str(told) if isinstance(told, str | int) and told else None


def _required(trail: Mapping[str, Any], name: str) -> str:
    if (found := text_in(trail, name)) is None:
        raise InvalidInputError.of("Input should be a text", name)
    return found


# The pages write a source as `acs:ecs` and as `acs.ecs`.
EVENTS = Events((enveloped, record), sources=("acs:", "acs."))
