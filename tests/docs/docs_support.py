"""Schemas as the tests hold them against the code, and the house's own values."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from tools.schemas.documents import documents

ROOT = Path(__file__).parents[2]
DOCUMENTS = {document.name: document for document in documents()}


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # Python's "$" also stands before a line break at the end; JSON Schema's patterns are ECMA-262, where it does not.
    text = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(text, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _pattern})


def problems(name: str, instance: Any) -> list[str]:
    """What the schema of that name says is wrong."""
    return [error.message for error in Validator(DOCUMENTS[name].whole()).iter_errors(instance)]


def strict_problems(name: str, instance: Any) -> list[str]:
    """The same, and that there is no field of which the schema does not know: it is to tell all."""
    return [error.message for error in Validator(_closed(DOCUMENTS[name].whole())).iter_errors(instance)]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(value) for name, value in schema.items()}
    if made.get("type") == "object" and isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def request(**changes: Any) -> dict[str, Any]:
    """A removal request that is valid; None takes a field away."""
    whole = {
        "id": "chg-1",
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1", "i-2"]}],
        "tags": [{"key": "env", "value": "prod"}],
    } | changes
    return copy.deepcopy({name: value for name, value in whole.items() if value is not None})
