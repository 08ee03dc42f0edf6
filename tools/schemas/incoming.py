"""What comes in: removal requests, decommission events and sweeps, in whatever envelopes they may be."""

from collections.abc import Mapping
from typing import Any

from tools.schemas.models import (
    CLOUDS,
    SWEEP_RULES,
    cloud_rules,
    decommissioned,
    described,
    lifted,
    of_model,
    ref,
    request,
)
from untag.contracts.envelopes import DETAIL_TYPE
from untag.decommission.events import DETAIL_TYPE as DECOMMISSIONED
from untag.sweep.state import Sweep

Json = dict[str, Any]

JSON_TEXT: Json = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same as a JSON text.",
}
NOTIFICATION_MARK: Json = {"properties": {"Type": {"const": "Notification"}}, "required": ["Type", "Message"]}


def _event(detail_type: str, detail: Json, *, mark: bool) -> Json:
    made: Json = {
        "type": "object",
        "description": "As EventBridge delivers it; any source, and what else stands there is not looked at.",
        "properties": {
            "detail-type": {"const": detail_type},
            "id": {"description": "Names the requests that have no id of their own."},
            "detail": detail,
        },
        "required": ["detail-type", "detail"],
    }
    return {**made, "not": NOTIFICATION_MARK} if mark else made


def _notification(message: Json) -> Json:
    return {
        "type": "object",
        "description": "As SNS delivers it to a queue, where raw delivery is off.",
        "properties": {
            "Type": {"const": "Notification"},
            "MessageId": {"description": "Names the requests that have no id of their own."},
            "Message": message,
        },
        "required": ["Type", "Message"],
    }


def message_definitions() -> dict[str, Json]:
    """Whatever is accepted where a removal request is: itself, a list, in envelopes nested either way."""
    return {
        **lifted(request(), "RemovalRequest"),
        "RemovalRequestList": {"type": "array", "minItems": 1, "items": ref("RemovalRequest")},
        "RemovalEvent": _event(DETAIL_TYPE, ref("Content"), mark=True),
        "RemovalNotification": _notification(ref("Content")),
        "Content": {"anyOf": [ref("RemovalMessage"), JSON_TEXT]},
        "RemovalMessage": {
            "anyOf": [
                ref("RemovalRequest"),
                ref("RemovalRequestList"),
                ref("RemovalEvent"),
                ref("RemovalNotification"),
            ]
        },
    }


def root(definitions: Mapping[str, Json], name: str) -> Json:
    """A document whose root is one of the definitions."""
    return {"allOf": [ref(name)], "$defs": dict(definitions)}


def decommission_definitions() -> dict[str, Json]:
    """What the decommission queue takes: our own event, a vendor's, and the envelopes that either may be in."""
    own = _event(DECOMMISSIONED, ref("Decommissioned"), mark=False)
    others = {**_vendors_events(), **_vendors_envelopes()}
    vendors_detail: Json = {
        "type": "object",
        "minProperties": 1,
        "not": {"anyOf": [{"required": ["provider"]}, {"required": ["resources"]}]},
    }
    claims: Json = {
        "required": ["detail-type"],
        "properties": {"detail-type": {"const": DECOMMISSIONED}},
        "not": {"required": ["detail"], "properties": {"detail": vendors_detail}},
    }
    # What has our detail-type is ours, but for a vendor's event as its detail.
    another: Json = {"allOf": [{"not": claims}, {"anyOf": [ref(name) for name in others]}]}
    return {
        **lifted(decommissioned(), "Decommissioned"),
        "DecommissionEvent": own,
        **others,
        "Content": {"anyOf": [ref("DecommissionMessage"), JSON_TEXT]},
        "DecommissionMessage": {"anyOf": [ref("DecommissionEvent"), another]},
    }


def _vendors_events() -> dict[str, Json]:
    smn: Json = {"required": ["smn"], "properties": {"smn": {"type": "object", "minProperties": 1}}}
    records: Json = {"type": "array", "minItems": 1, "items": {"type": "object", **smn}}
    return {
        "CtsTrace": {
            "type": "object",
            "description": "Huawei Cloud CTS: a trace. Which operations are deletions is a list of names.",
            "anyOf": [{"required": ["trace_name", "trace_id"]}, {"required": ["trace_name", "service_type"]}],
        },
        "ConfigNotification": {
            "type": "object",
            "description": "Huawei Cloud Config: a notification; ResourceChanged with event_type DELETE counts.",
            "required": ["notification_type"],
        },
        "SmnMessage": {
            "type": "object",
            "description": "Huawei Cloud SMN: a message, or FunctionGraph's trigger with messages.",
            "anyOf": [
                {"required": ["topic_urn", "message"]},
                {"required": ["record"], "properties": {"record": records}},
                {**smn, "not": {"required": ["record"]}},
            ],
        },
        "CloudEvent": {
            "type": "object",
            "description": "A CloudEvent, as Huawei Cloud EventGrid sends them; one from CTS has the trace as data.",
            "required": ["specversion"],
        },
    }


def _vendors_envelopes() -> dict[str, Json]:
    content = ref("Content")
    notification: Json = {"required": ["Type", "Message"]}
    event: Json = {"required": ["detail-type", "detail"]}
    return {
        "Notification": {
            "type": "object",
            "description": "As SNS delivers it to a queue, where raw delivery is off.",
            **notification,
            "properties": {"Message": content},
        },
        "ForwardedEvent": {
            "type": "object",
            "description": "An event on a bus with a vendor's event as its detail.",
            **event,
            "properties": {"detail": content},
            "not": notification,
        },
        "FunctionGraphTrigger": {
            "type": "object",
            "description": "FunctionGraph's CTS trigger.",
            "required": ["cts"],
            "properties": {"cts": content},
            "not": {"anyOf": [notification, event]},
        },
    }


def sweep() -> Json:
    """A sweep's rules, and how far they are where it goes on."""
    schema = of_model(Sweep, closed=True)
    defs = schema["$defs"]
    for name, kinds in (
        ("KeyPattern", ["literal", "glob", "regex"]),
        ("ValuePattern", ["literal", "glob", "regex", "expired"]),
    ):
        defs[name]["anyOf"] = [_only(kind, kinds, timed="expired" in kinds) for kind in kinds]
        defs[name.removesuffix("Pattern")] = {"anyOf": [{"type": "string", "maxLength": 256}, ref(name)]}
    match = defs["Match"]["properties"]
    match["key"], match["value"]["anyOf"][0] = ref("Key"), ref("Value")
    rule = defs["Rule"]
    rule["properties"]["remove"]["anyOf"][0]["items"] = ref("Key")
    rule["properties"]["provider"] = {"enum": CLOUDS, "description": "The cloud."}
    rule["allOf"] = [
        {
            "if": {"properties": {"project_id": {"type": "string"}}, "required": ["project_id"]},
            "then": {"properties": {"regions": {"maxItems": 1}}},
        },
        *cloud_rules(SWEEP_RULES),
    ]
    words = {
        "id": "Names the sweep; its requests are named after it. The schedule's execution id.",
        "dry_run": "Removes nothing; every pair is reported as would_remove.",
        "rules": "What to look for, where, and what to remove.",
        "progress": "Set by untag in the message by which a sweep goes on.",
        "started_at": "Set by untag in the message by which a sweep goes on.",
        "invocation": "Set by untag in the message by which a sweep goes on.",
    }
    return described(schema, words)


def _only(kind: str, kinds: list[str], *, timed: bool) -> Json:
    """An object that has this kind of pattern and no other; a time zone belongs to a date."""
    fields: Json = {other: {"type": "null"} for other in kinds if other != kind}
    if timed and kind != "expired":
        fields["timezone"] = {"type": "null"}
    return {"required": [kind], "properties": {kind: {"type": "string"}, **fields}}


def root_list() -> Json:
    """Several requests in one body."""
    definitions = lifted(request(), "RemovalRequest")
    return {"type": "array", "minItems": 1, "items": ref("RemovalRequest"), "$defs": definitions}
