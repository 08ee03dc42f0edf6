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
from untag.hosts.aws.rules import OBJECT
from untag.providers import EVERY_TYPE
from untag.sweep.state import Sweep

Json = dict[str, Any]

JSON_TEXT: Json = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same as a JSON text.",
}
BASE64: Json = {
    "type": "string",
    "contentEncoding": "base64",
    "contentMediaType": "application/json",
    "description": "The same as a JSON text, in Base64.",
}
NULL: Json = {"type": "null"}

IS_NOTIFICATION: Json = {"properties": {"Type": {"const": "Notification"}}, "required": ["Type", "Message"]}
IS_EVENT: Json = {"required": ["detail-type", "detail"]}
"""What makes an object an envelope: the first of them that it is, then a CloudEvent."""


def _event(detail: Json, detail_type: str | None) -> Json:
    """An event on a bus; of any detail-type where none is named."""
    kind: Json = {} if detail_type is None else {"detail-type": {"const": detail_type}}
    return {
        "type": "object",
        "description": "As EventBridge delivers it; any source, and what else stands there is not looked at.",
        "properties": {
            **kind,
            "id": {"description": "Names the requests that have no id of their own."},
            "detail": detail,
        },
        "required": ["detail-type", "detail"],
    }


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


def _cloud_event(data: Json, *forms: Json) -> Json:
    """A structured CloudEvent with something as its `data`, or in Base64; `forms` are further forms of one."""
    return {
        "type": "object",
        "description": "A structured CloudEvent.",
        "properties": {"id": {"description": "Names the requests that have no id of their own."}},
        "required": ["specversion"],
        "not": {"anyOf": [IS_NOTIFICATION, IS_EVENT]},
        "anyOf": [
            {"properties": {"data": data, "data_base64": NULL}, "required": ["data"]},
            {"properties": {"data": NULL, "data_base64": BASE64}, "required": ["data_base64"]},
            *forms,
        ],
    }


def _enveloped(what: str, bare: tuple[str, ...], detail_type: str | None) -> dict[str, Json]:
    """Envelopes around something, nested any way. `what` begins the names, `bare` are the definitions of the thing."""
    event = _event(ref("Content"), detail_type)
    return {
        f"{what}Event": {**event, "not": IS_NOTIFICATION},
        f"{what}Notification": _notification(ref("Content")),
        f"{what}CloudEvent": _cloud_event(ref("Content")),
        "Content": {"anyOf": [ref(f"{what}Message"), JSON_TEXT]},
        f"{what}Message": {
            "anyOf": [ref(name) for name in (*bare, f"{what}Event", f"{what}Notification", f"{what}CloudEvent")]
        },
    }


def message_definitions() -> dict[str, Json]:
    """Whatever is accepted where a removal request is: itself, a list, in envelopes nested any way."""
    return {
        **lifted(request(), "RemovalRequest"),
        "RemovalRequestList": {"type": "array", "minItems": 1, "items": ref("RemovalRequest")},
        **_enveloped("Removal", ("RemovalRequest", "RemovalRequestList"), DETAIL_TYPE),
    }


def root(definitions: Mapping[str, Json], name: str) -> Json:
    """A document whose root is one of the definitions."""
    return {"allOf": [ref(name)], "$defs": dict(definitions)}


IN_CLOUD_EVENT = "InCloudEvent"
"""Ends the names of what a CloudEvent is, and of what stands inside one, where anything else is no deletion."""


def decommission_definitions() -> dict[str, Json]:
    """What the decommission queue takes: our own event, a vendor's, and the envelopes that either may be in."""
    return {
        **lifted(decommissioned(), "Decommissioned"),
        "DecommissionEvent": _event(ref("Decommissioned"), DECOMMISSIONED),
        **_vendors_events(),
        **_decommission_layer("", {"CloudEvent": _cloud_event_outside()}),
        **_decommission_layer(IN_CLOUD_EVENT, _cloud_events()),
    }


def _cloud_event_outside() -> Json:
    """A CloudEvent in no other. One that is another envelope as well is opened as that."""
    return {
        "description": "A structured CloudEvent.",
        "required": ["specversion"],
        "allOf": [ref(f"DecommissionMessage{IN_CLOUD_EVENT}")],
    }


def _cloud_events() -> dict[str, Json]:
    """A CloudEvent of our own type, one of any other, and whatever else one may carry."""
    ours, nothing = _has("type", DECOMMISSIONED), {"properties": {"data": NULL, "data_base64": NULL}}
    own = _cloud_event(_ours_or_a_vendors(f"DecommissionMessage{IN_CLOUD_EVENT}"))
    vendors = _a_vendors({"required": ["provider"]}, f"DecommissionMessage{IN_CLOUD_EVENT}")
    forwarded = _cloud_event({"anyOf": [vendors, ref("Decommissioned"), JSON_TEXT]}, nothing)
    another: Json = {
        "type": "object",
        "description": "Anything else that a CloudEvent carries: it deletes nothing that is known.",
        "not": {"anyOf": [IS_NOTIFICATION, IS_EVENT, {"required": ["specversion"]}]},
    }
    return {
        "OwnCloudEvent": {**own, "allOf": [ours]},
        "ForwardedCloudEvent": {**forwarded, "allOf": [{"not": ours}]},
        "AnotherObject": another,
    }


def _decommission_layer(where: str, others: Mapping[str, Json]) -> dict[str, Json]:
    """What a body may be, or the content of an envelope. `where` ends the names; `others` are further definitions."""
    message = f"DecommissionMessage{where}"
    content = {"anyOf": [ref(message), JSON_TEXT]}
    envelopes = {
        f"Notification{where}": _notification(content),
        f"OwnEvent{where}": {**_event(_ours_or_a_vendors(message), DECOMMISSIONED), "not": IS_NOTIFICATION},
        f"ForwardedEvent{where}": {
            **_event(content, None),
            "description": "An event on a bus with a vendor's event as its detail.",
            "not": {"anyOf": [IS_NOTIFICATION, _has("detail-type", DECOMMISSIONED)]},
        },
    }
    not_of_smn: Json = {"not": IS_SMN, "anyOf": [ref(name) for name in (*envelopes, *others)]}
    kinds = [ref(name) for name in ("CtsTrace", "ConfigNotification", "SmnMessage")]
    return {
        **envelopes,
        **others,
        message: {
            "anyOf": [ref("FunctionGraphTrigger"), {"not": {"required": ["cts"]}, "anyOf": [*kinds, not_of_smn]}],
        },
    }


def _has(name: str, value: str) -> Json:
    return {"properties": {name: {"const": value}}, "required": [name]}


def _a_vendors(ours: Json, message: str) -> Json:
    """A message that says nothing of our own."""
    return {"allOf": [ref(message), {"not": ours}]}


def _ours_or_a_vendors(message: str) -> Json:
    """What an event with our own detail-type or type says: ours, unless it names neither provider nor resources."""
    names: Json = {"anyOf": [{"required": ["provider"]}, {"required": ["resources"]}]}
    return {"anyOf": [ref("Decommissioned"), {**_a_vendors(names, message), "minProperties": 1}, JSON_TEXT]}


_SMN: Json = {"type": "object", "minProperties": 1}
_RECORDS: Json = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "properties": {"smn": _SMN}, "required": ["smn"]},
}
IS_SMN: Json = {
    "anyOf": [
        {"required": ["topic_urn", "message"]},
        {"properties": {"record": _RECORDS}, "required": ["record"]},
        {"properties": {"smn": _SMN}, "required": ["smn"], "not": {"required": ["record"]}},
    ]
}
"""What makes an object a message of SMN, or FunctionGraph's trigger with messages."""


def _vendors_events() -> dict[str, Json]:
    text: Json = {"properties": {"message": {"anyOf": [ref("DecommissionMessage"), JSON_TEXT]}}}
    in_smn: Json = {"properties": {"smn": text}}
    alone: Json = {"required": ["topic_urn", "message"]}
    return {
        "CtsTrace": {
            "type": "object",
            "description": "Huawei Cloud CTS: a trace. Which operations are deletions is a list of names.",
            "anyOf": [{"required": ["trace_name", "trace_id"]}, {"required": ["trace_name", "service_type"]}],
        },
        "FunctionGraphTrigger": {
            "type": "object",
            "description": "FunctionGraph's CTS trigger.",
            "required": ["cts"],
            "properties": {"cts": {"anyOf": [ref("CtsTrace"), JSON_TEXT]}},
        },
        "ConfigNotification": {
            "type": "object",
            "description": "Huawei Cloud Config: a notification; ResourceChanged with event_type DELETE counts.",
            "required": ["notification_type"],
        },
        "SmnMessage": {
            "type": "object",
            "description": "Huawei Cloud SMN: a message, or FunctionGraph's trigger with messages, as JSON texts.",
            "allOf": [IS_SMN],
            "anyOf": [
                {**text, **alone},
                {"properties": {"record": {"items": in_smn}}, "required": ["record"], "not": alone},
                {**in_smn, "not": {"anyOf": [alone, {"required": ["record"]}]}},
            ],
        },
    }


def sweep_definitions() -> dict[str, Json]:
    """What the sweep queue takes: a sweep, in envelopes nested any way, whatever the events are called."""
    return {**lifted(sweep(), "Sweep"), **_enveloped("Sweep", ("Sweep",), None)}


def sweep() -> Json:
    """A sweep's rules, and how far they are where it goes on."""
    schema = of_model(Sweep, closed=True)
    defs = schema["$defs"]
    for name, kinds in (
        ("KeyPattern", ["literal", "literals", "glob", "regex"]),
        ("ValuePattern", ["literal", "glob", "regex", "expired"]),
    ):
        defs[name]["anyOf"] = [_only(kind, kinds, timed="expired" in kinds) for kind in kinds]
        defs[name.removesuffix("Pattern")] = {"anyOf": [{"type": "string", "maxLength": 256}, ref(name)]}
    defs["Key"]["anyOf"].append(defs["KeyPattern"]["properties"]["literals"]["anyOf"][0])
    listed_rules = schema["properties"]["rules"]
    schema["properties"]["rules"] = {"anyOf": [listed_rules, {"type": "string", "pattern": f"^{OBJECT.pattern}$"}]}
    match = defs["Match"]["properties"]
    match["key"], match["value"]["anyOf"][0] = ref("Key"), ref("Value")
    rule = defs["Rule"]
    defs["Except"]["properties"]["except"]["items"] = ref("Key")
    listed = {"type": "array", "minItems": 1, "maxItems": 10, "items": ref("Key")}
    rule["properties"]["remove"] = {"anyOf": [listed, ref("Except"), {"type": "null"}]}
    types = rule["properties"]["types"]
    rule["properties"]["types"] = {"anyOf": [{"const": EVERY_TYPE}, types]}
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
        "batch": "The batch of all its requests; without one, named after the sweep.",
        "dry_run": "Removes nothing; every pair is reported as would_remove.",
        "rules": "What to look for, where, and what to remove; or the object of S3 in which that stands.",
        "source": "Where the rules stand: they are read again there when tags are due that a grace has kept.",
        "read": "Set by untag: the version of the rules that was read.",
        "due": "Set by untag: the tags that a grace has kept until now.",
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
    its: Json = {"type": "array" if kind == "literals" else "string"}
    return {"required": [kind], "properties": {kind: its, **fields}}


def root_list() -> Json:
    """Several requests in one body."""
    definitions = lifted(request(), "RemovalRequest")
    return {"type": "array", "minItems": 1, "items": ref("RemovalRequest"), "$defs": definitions}
