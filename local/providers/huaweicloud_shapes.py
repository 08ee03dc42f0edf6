"""The shapes in which Huawei Cloud's services write an error.

Each is one that the SDK's exception handler reads (huaweicloudsdkcore 3.1.219, exceptions/exception_handler.py): three
pairs of names, at the top or in an object of any name, and text that is no JSON.
"""

import json
from collections.abc import Callable
from typing import Any

TEXT = "text"
"""The message alone, as plain text: the code gets lost."""


def _flat(code: str, message: str) -> dict[str, Any]:
    return {"error_code": code, "error_msg": message}


def _camel(code: str, message: str) -> dict[str, Any]:
    return {"errorCode": code, "errorMsg": message}


def _short(code: str, message: str) -> dict[str, Any]:
    return {"message": message, "code": code}


_JSON: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "flat": _flat,
    "camel": _camel,
    "short": _short,
    "nested": lambda code, message: {"error": _flat(code, message)},
    "nested_camel": lambda code, message: {"error": _camel(code, message)},
    "nested_short": lambda code, message: {"error": _short(code, message)},  # ECS: {"error": {"message", "code"}}
    "any_name": lambda code, message: {"itemNotFound": _short(code, message)},
    "deep": lambda code, message: {"result": {"reason": _camel(code, message)}},
}

SHAPES = (*_JSON, TEXT)

IN_TURN = "in_turn"
"""In place of a shape: every shape, the next one for each error."""


def document(shape: str, code: str, message: str) -> dict[str, Any]:
    """An error as a JSON document, or as fields to put into one. Text has none: there it is flat."""
    return _JSON.get(shape, _flat)(code, message)


def body(shape: str, code: str, message: str, beside: dict[str, Any]) -> bytes:
    """An error as a body; `beside` are more fields of it, where it is JSON."""
    if shape == TEXT:
        return message.encode("utf-8", "replace")
    return json.dumps(document(shape, code, message) | beside, ensure_ascii=False).encode("utf-8", "replace")
