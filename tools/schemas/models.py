"""JSON Schemas of the models that the code validates with, and of the rules that the models leave to code."""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from untag.contracts import RemovalRequest
from untag.decommission.events import _Decommissioned
from untag.providers import NAMES

Json = dict[str, Any]

CLOUDS = list(NAMES)

MOMENT = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
    r"([Zz]|[+\u2212-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
)
"""What the parser takes for a time: RFC 3339, and some of ISO 8601 beside it. Whether the day exists, only a calendar
knows."""

STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
"""How untag writes a time."""
TEXT: Json = {"type": "string"}
MAY_BE_TEXT: Json = {"anyOf": [TEXT, {"type": "null"}]}

FIELDS: Mapping[str, str] = {
    "id": "Names the request in reports and dead letters; without one, the message's or event's id does.",
    "batch": "One name over many requests, carried to their reports, dead letters, remainders and log lines.",
    "action": "remove, or restore to put tags back.",
    "provider": "The cloud.",
    "account": "Names a set of credentials, and holds none.",
    "region": "The cloud's region.",
    "project_id": "Huawei Cloud: the project of regional types.",
    "resources": "All of them times all the tags are the pairs that are asked for.",
    "type": "The cloud's own word, in its own case.",
    "ids": "The resources' ids.",
    "tags": "All of them times all the resources are the pairs that are asked for; all means every tag but the "
    "reserved and protected ones.",
    "key": "The tag's key.",
    "value": "The tag's value; without one the tag goes whatever its value is. It cannot be null.",
    "was": "Set by untag in a remainder: the value that stood there before a write whose answer was lost.",
    "dry_run": "Makes the same reads as a real run, and changes nothing.",
    "expect": "The number of pairs that the sender believes to ask for; another number refuses the request.",
    "not_before": "Until then the request is kept, and nothing is called; not later than not_after.",
    "not_after": "Later than this nothing is called.",
    "overwrite": "To put tags back even where the key has another value by now.",
    "reason": "Free text for the report.",
    "attempt": "Set by untag in what is left to try again.",
    "first_attempt_at": "Set by untag in what is left to try again.",
}
"""What a request's fields are. A decommission event and a sweep's rule share some of them."""

_CDN = {"properties": {"type": {"const": "cdn"}}, "required": ["type"]}

# What a cloud's module demands by code. A cloud that says nothing here is none the worse for it: its module refuses
# what it must. The first of each pair is what makes a request the cloud's; `tags` may be missing from an event.
_TAG_OF_JDCLOUD = {"properties": {"key": {"maxLength": 127}, "value": {"minLength": 1}}}
_ID_OF_HUAWEICLOUD = {"pattern": "^[A-Za-z0-9_.:-]*[A-Za-z0-9_:-][A-Za-z0-9_.:-]*$"}
_TYPE_OF_HUAWEICLOUD = {
    "if": {"pattern": "^config:"},
    "then": {"enum": ["config:aggregationAuthorizations", "config:aggregators", "config:policyAssignments"]},
}
REQUEST_RULES: Mapping[str, Json] = {
    "jdcloud": {
        "required": ["region"],
        "properties": {"region": {"type": "string"}, "tags": {"items": _TAG_OF_JDCLOUD}},
        "if": {"properties": {"resources": {"contains": _CDN}}},
        "then": {"properties": {"region": {"const": "cn-all"}}},
    },
    "huaweicloud": {
        "properties": {
            "resources": {"items": {"properties": {"type": _TYPE_OF_HUAWEICLOUD, "ids": {"items": _ID_OF_HUAWEICLOUD}}}}
        }
    },
}
SWEEP_RULES: Mapping[str, Json] = {
    "jdcloud": {
        "required": ["regions"],
        "properties": {"regions": {"minItems": 1}},
        "if": {"properties": {"types": {"type": "array", "contains": {"const": "cdn"}}}},
        "then": {"properties": {"regions": {"items": {"const": "cn-all"}}}},
    },
    "huaweicloud": {"properties": {"types": {"items": _TYPE_OF_HUAWEICLOUD}}},
}


_RESTORES: Json = {"properties": {"action": {"const": "restore"}}, "required": ["action"]}
RULES: tuple[Json, ...] = (
    {
        "if": _RESTORES,
        "then": {"properties": {"tags": {"type": "array", "items": {"required": ["value"]}}}},
    },
    {
        "if": {"properties": {"tags": {"const": "all"}}, "required": ["tags"]},
        "then": {"properties": {"expect": {"not": {"type": "integer"}}}},
    },
    {
        "if": {"properties": {"overwrite": {"const": True}}, "required": ["overwrite"]},
        "then": _RESTORES,
    },
)
"""What the parser demands of every cloud's requests by code: tags that are put back have names and values, the number
of all tags cannot be expected, and only a restore overwrites."""


def of_model(model: Any, *, closed: bool) -> Json:
    """A model's schema, tidied: no titles, no defaults that say "left out", names without their underscore.

    `closed` keeps `additionalProperties: false`: what comes in may hold nothing else. What goes out may come to hold
    more, and who reads it should not mind.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    schema = adapter.json_schema(mode="validation" if closed else "serialization")
    defs = {name.lstrip("_"): _tidy(found, closed=closed) for name, found in schema.pop("$defs", {}).items()}
    made = _tidy(schema, closed=closed)
    return {**made, "$defs": defs} if defs else made


def _tidy(schema: Any, *, closed: bool) -> Any:
    if isinstance(schema, list):
        return [_tidy(one, closed=closed) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: Json = {}
    for name, found in schema.items():
        if name == "properties":
            made[name] = {field: _tidy(one, closed=closed) for field, one in found.items()}
        elif name in ("title", "format") or (name == "default" and found in (None, "", [], {})):
            continue
        elif name == "description":
            made[name] = " ".join(found.split())
        elif name == "additionalProperties" and found is False and not closed:
            continue
        elif name == "$ref":
            made[name] = "#/$defs/" + found.rpartition("/")[2].lstrip("_")
        else:
            made[name] = _tidy(found, closed=closed)
    if set(made) > {"$ref"}:  # what stands beside a reference is ignored by older drafts
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made


def described(schema: Json, words: Mapping[str, str]) -> Json:
    """The schema with a description at every field that `words` know."""
    for part in [schema, *schema.get("$defs", {}).values()]:
        for name, field in part.get("properties", {}).items():
            if name in words and "description" not in field:
                field["description"] = words[name]
    return schema


def request(*, ours: bool = False) -> Json:
    """One removal request, with the rules that the parser keeps by code; `ours` is one that goes out, to be read by
    nobody else, and leaves out which clouds there are: there may come to be more.
    """
    schema = described(of_model(RemovalRequest, closed=True), FIELDS)
    fields = schema["properties"]
    for name in ("not_before", "not_after", "first_attempt_at"):
        fields[name]["anyOf"][0] = {"type": "string", "pattern": MOMENT}
    _never_null(schema, "value", "was")
    if not ours:
        fields["provider"] = {"enum": CLOUDS, "description": FIELDS["provider"]}
    schema["allOf"] = [*RULES, *([] if ours else cloud_rules(REQUEST_RULES))]
    return schema


def decommissioned() -> Json:
    """The detail of our own decommission event."""
    schema = described(of_model(_Decommissioned, closed=True), FIELDS)
    schema["description"] = "Resources that are gone. Without tags the stack's policy decides which are meant."
    schema["properties"]["provider"] = {"enum": CLOUDS, "description": FIELDS["provider"]}
    _never_null(schema, "value")
    del schema["$defs"]["TagInput"]["properties"]["was"]
    schema["allOf"] = cloud_rules(REQUEST_RULES)
    return schema


def _never_null(schema: Json, *names: str) -> None:
    """Fields of a tag that may be left out and cannot be null."""
    fields = schema["$defs"]["TagInput"]["properties"]
    for name in names:
        fields[name] = fields[name]["anyOf"][0] | {"description": FIELDS[name]}


def cloud_rules(rules: Mapping[str, Json]) -> list[Json]:
    """Each cloud's own rules, as conditions on `provider`."""
    return [
        {"if": {"properties": {"provider": {"const": name}}, "required": ["provider"]}, "then": copy.deepcopy(rule)}
        for name, rule in rules.items()
    ]


def ref(name: str) -> Json:
    """A reference to one of a document's definitions."""
    return {"$ref": f"#/$defs/{name}"}


def lifted(schema: Json, name: str) -> dict[str, Json]:
    """A schema and its definitions as definitions side by side."""
    inner = dict(schema)
    return {**inner.pop("$defs", {}), name: inner}
