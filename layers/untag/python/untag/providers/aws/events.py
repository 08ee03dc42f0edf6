"""What AWS's events say, as EventBridge brings them: CloudTrail's entries of deletions, and instances that end.

A translator takes an event and gives None if it is not of its kind, else what the event says. It raises
InvalidInputError, which names the field, for what it has to read and cannot: that is never said to delete nothing.
"""

from collections.abc import Mapping
from typing import Any

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.providers.aws.deletions import (
    CLOUDTRAIL,
    DELETIONS,
    INSTANCE,
    STATE_CHANGE,
    TERMINATED,
    resources_in,
    why_not,
)
from untag.providers.events import Events, Gone, Ignored, shown_in, text_in

_AWS = "aws"
_SUFFIX = ".amazonaws.com"


def cloudtrail(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """An entry of CloudTrail: a deletion that went well."""
    if event.get("detail-type") != CLOUDTRAIL:
        return None
    detail = _detail(event)
    event_id = id_of(event, "id", own_id)
    source, name = _required(detail, "eventSource"), _required(detail, "eventName")
    shown = f"CloudTrail {shown_in(detail, 'eventSource')} {shown_in(detail, 'eventName')}"
    deletion = DELETIONS.get((source.removesuffix(_SUFFIX), name))
    if deletion is None:
        return Ignored(event_id, _AWS, "no_deletion", f"{shown}: it deletes nothing that is known")
    if (why := why_not(detail, deletion)) is not None:
        return Ignored(event_id, _AWS, why[0], f"{shown}: {why[1]}")
    region = _required(detail, "awsRegion")
    number = text_in(detail, "recipientAccountId") or text_in(event, "account") or ""
    ids = resources_in(detail, deletion, region, number)
    if not ids:
        return Ignored(event_id, _AWS, "no_resource", f"{shown}: the entry names no resource whose ARN can be told")
    return _gone(event_id, number, region, {deletion.type: ids}, shown)


def instance_ended(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """An instance's change of state: the instance is gone when its new state is `terminated`."""
    if event.get("detail-type") != STATE_CHANGE:
        return None
    detail = _detail(event)
    event_id = id_of(event, "id", own_id)
    state = _required(detail, "state")
    if state.lower() != TERMINATED:
        return Ignored(event_id, _AWS, "no_deletion", f"the instance is {shown_in(detail, 'state')}")
    instance = _required(detail, "instance-id")
    number = text_in(event, "account") or ""
    region = text_in(event, "region")
    if region is None:
        raise InvalidInputError.of("Field required", "region")
    return _gone(event_id, number, region, {INSTANCE: [instance]}, "EC2 instance terminated")


def _gone(event_id: str, number: str, region: str, resources: Mapping[str, list[str]], reason: str) -> Gone:
    return Gone(
        event_id=event_id,
        provider=_AWS,
        domain_id=number or None,
        region=region,
        resources=resources,
        reason=reason,
    )


def _detail(event: Mapping[str, Any]) -> Mapping[str, Any]:
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        raise InvalidInputError.of("Input should be an object", "detail")
    return detail


def _required(detail: Mapping[str, Any], name: str) -> str:
    if (found := text_in(detail, name)) is None:
        raise InvalidInputError.of("Input should be a text", f"detail.{name}")
    return found


EVENTS = Events((cloudtrail, instance_ended))
