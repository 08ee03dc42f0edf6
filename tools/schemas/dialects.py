"""The events of the bus as OpenAPI 3.0, which the EventBridge schema registry makes code bindings of."""

from collections.abc import Mapping
from typing import Any

from tools.schemas.documents import Document

Json = dict[str, Any]

_SAME = frozenset(
    {"type", "enum", "pattern", "format", "required", "default", "description"}
    | {"minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "minProperties"}
)
"""Keywords whose values are no schemas, and that mean the same everywhere."""

_DROPPED = frozenset({"then", "contentMediaType", "contentEncoding", "propertyNames"})
"""Told with `if`; annotations; told with `additionalProperties`."""


def _dialect(schema: Json, place: str) -> Json:
    """The schema in the dialect of OpenAPI 3.0, which is near to draft 4; references begin with `place`."""
    made: Json = {}
    for name, value in schema.items():
        if name == "const":
            made["enum"] = [value]
        elif name in _SAME or isinstance(value, bool):
            made[name] = value
        elif name == "properties":
            made[name] = {one: _dialect(part, place) for one, part in value.items()}
        elif name in ("anyOf", "allOf", "oneOf"):
            made[name] = [_dialect(part, place) for part in value]
        elif name in ("not", "items", "additionalProperties"):
            made[name] = _dialect(value, place)
        elif name == "$ref":
            made["$ref"] = place + value.rpartition("/")[2]
        elif name not in _DROPPED | {"contains", "if"}:
            raise ValueError(f"OpenAPI 3.0 is not known to have {name}")
    return _with_what_it_lacks(made, schema, place)


def _with_what_it_lacks(made: Json, schema: Json, place: str) -> Json:
    """The schema, with what the dialect has no keyword for in other words."""
    every: list[Json] = []
    if "contains" in schema:
        every.append({"not": {"items": {"not": _dialect(schema["contains"], place)}}})
    if "if" in schema:
        every.append({"anyOf": [{"not": _dialect(schema["if"], place)}, _dialect(schema["then"], place)]})
    if "propertyNames" in schema:
        (names,) = schema["propertyNames"].values()
        made["properties"] = dict.fromkeys(names, made["additionalProperties"])
        made["additionalProperties"] = False
    if every:
        made["allOf"] = [*made.get("allOf", []), *every]
    return made


def open_api(document: Document, detail: str, detail_type: str) -> Json:
    """An event on the bus as the registry's code bindings take it.

    `detail` names the definition of what the event says; a bus takes an object there and nothing else.
    """
    place = "#/components/schemas/"
    definitions = {name: _nullable(_dialect(part, place)) for name, part in document.schema["$defs"].items()}
    text = {"type": "string"}
    event = {
        "type": "object",
        "x-amazon-events-detail-type": detail_type,
        "x-amazon-events-source": "any",
        "required": ["account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version"],
        "properties": {
            **dict.fromkeys(("account", "id", "region", "source", "version"), text),
            "detail-type": {"type": "string", "enum": [detail_type]},
            "time": {"type": "string", "format": "date-time"},
            "resources": {"type": "array", "items": text},
            "detail": {"$ref": place + detail},
        },
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": detail_type, "version": f"{document.version}.0.0"},
        "paths": {},
        "components": {"schemas": {"AWSEvent": event, **_used(definitions, detail)}},
    }


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0 knows no type null: what may be null says so."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(value) for name, value in schema.items()}
    options = made.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        (other,) = [option for option in options if option != {"type": "null"}]
        del made["anyOf"]
        made |= {**other, "nullable": True}
    return made


def _used(definitions: Mapping[str, Json], name: str) -> Json:
    """A definition and those that it needs."""
    found: Json = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = definitions[one]
            waiting += _references(definitions[one])
    return dict(sorted(found.items()))


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _references(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rpartition("/")[2]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for one in schema.values() for name in _references(one)]
