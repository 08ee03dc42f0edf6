"""What Huawei Cloud Config accepts in a tag call, and its words for what it refuses."""

import json
import re
import unicodedata
from typing import Any
from urllib.parse import parse_qs

from local.providers.server import Answer, Refusal

# Lengths of the documents (UnTagResource, TagResource, ListResourcesByTag).
MAX_ID = 512
MAX_KEY = 128
MAX_VALUE = 255
MAX_TAGS_PER_CALL = 20
MAX_PAGE = 1000

_ID = re.compile(r"[_.:\w-]+")


def invalid(message: str, code: str = "RMS.00010004") -> Refusal:
    """400 in the service's own words; RMS.00010004 is "invalid parameter"."""
    return Refusal(Answer(400, {"error_code": code, "error_msg": message}, code))


def check_id(resource_id: str) -> None:
    """The documented pattern and length of a resource id."""
    if len(resource_id) > MAX_ID:
        raise invalid("resource id too long", "RMS.00010009")
    if not _ID.fullmatch(resource_id):
        raise invalid("resource id illegal", "RMS.00010010")


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in a body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise invalid("the body is no JSON object")
    return document


def tags(body: dict[str, Any], *, creating: bool) -> tuple[tuple[str, str | None], ...]:
    """The tags to delete or create, 1 to 20.

    To delete, `value` may be left out, as the documents' own example does although their table says
    "mandatory"; and no characters are refused, since the operation carries no pattern. The same key twice is
    refused: no document says what it would mean.
    """
    entries = body.get("tags")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_TAGS_PER_CALL:
        raise invalid(f"tags has 1 to {MAX_TAGS_PER_CALL} elements")
    tags: dict[str, str | None] = {}
    for entry in entries:
        key, value = (entry.get("key"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY or key in tags:
            raise invalid(f"a tag key has 1 to {MAX_KEY} characters, and stands once")
        if not isinstance(value, str | None) or len(value or "") > MAX_VALUE or (creating and value is None):
            raise invalid(f"a tag value has 0 to {MAX_VALUE} characters")
        if creating and not (_allowed_key(key) and _allowed(value or "", "_.:/=+-@")):
            raise invalid("a tag has characters that are not allowed")
        tags[key] = value
    return tuple(tags.items())


def _allowed_key(key: str) -> bool:
    """The pattern of TagResource: no space at either end, nothing that starts with _sys_."""
    return key == key.strip() and not key.startswith("_sys_") and _allowed(key, "_.:=+-@")


def _allowed(text: str, signs: str) -> bool:
    """Letters, digits and separators of any language, and some signs."""
    return all(char in signs or unicodedata.category(char)[0] in "LZN" for char in text)


def page(query: str) -> dict[str, Any]:
    """`limit` 1..1000 and `offset` from 0."""
    fields = parse_qs(query)
    try:
        limit = int(fields.get("limit", [str(MAX_PAGE)])[0])
        offset = int(fields.get("offset", ["0"])[0])
    except ValueError:
        limit = offset = -1
    if not 1 <= limit <= MAX_PAGE or offset < 0:
        raise invalid("limit or offset out of range")
    return {"limit": limit, "offset": offset}


def search(body: dict[str, Any]) -> dict[str, Any]:
    """The conditions of a search: `without_any_tag`, `tags` (key, values), `matches` (resource_name)."""
    conditions = body.get("tags") or []
    matching = body.get("matches") or []
    if not isinstance(conditions, list) or len(conditions) > MAX_TAGS_PER_CALL:
        raise invalid(f"tags has up to {MAX_TAGS_PER_CALL} elements")
    if not isinstance(matching, list) or len(matching) > 1:
        raise invalid("matches has up to 1 element")
    filters: dict[str, list[str]] = {}
    for entry in conditions:
        values = entry.get("values") or [] if isinstance(entry, dict) else None
        if values is None or not isinstance(entry.get("key"), str) or not isinstance(values, list):
            raise invalid("a tag needs a key, and values are a list")
        if len(values) > MAX_TAGS_PER_CALL:
            raise invalid(f"values has up to {MAX_TAGS_PER_CALL} elements")
        filters[entry["key"]] = values
    name = None
    for entry in matching:
        if not isinstance(entry, dict) or entry.get("key") != "resource_name":
            raise invalid("only resource_name can be matched")
        name = entry.get("value")
    return {"untagged": bool(body.get("without_any_tag")), "filters": filters, "resource_name": name}


def matches(query: dict[str, Any], name: str, present: dict[str, str]) -> bool:
    """Whether a resource meets the conditions of a search; here a resource's name is its id."""
    if query["resource_name"] and query["resource_name"] != name:
        return False
    if query["untagged"]:
        return not present
    return all(key in present and (not values or present[key] in values) for key, values in query["filters"].items())
