"""Schemas as the tests hold them against the code, and the house's own values."""

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator as Validator

from tools.schemas.documents import documents

ROOT = Path(__file__).parents[2]
DOCUMENTS = {document.name: document for document in documents()}


def text_only(instance: Any) -> Any:
    """The same, with U+FFFD for half a surrogate pair, which the validator cannot be handed."""
    whole = json.dumps(instance, ensure_ascii=False)
    return json.loads(whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def problems(name: str, instance: Any) -> list[str]:
    """What the schema of that name says is wrong."""
    return [error.message for error in validator(name).iter_errors(instance)]


@lru_cache
def validator(name: str) -> Validator:
    """Of the schema of that name."""
    return Validator(DOCUMENTS[name].whole())


def strict_problems(name: str, instance: Any) -> list[str]:
    """The same, and that there is no field of which the schema does not know: it is to tell all."""
    return [error.message for error in _strict_validator(name).iter_errors(instance)]


@lru_cache
def _strict_validator(name: str) -> Validator:
    return Validator(_closed(DOCUMENTS[name].whole()))


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
