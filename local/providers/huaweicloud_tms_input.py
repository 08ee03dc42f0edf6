"""What Huawei Cloud's Tag Management Service (TMS) accepts, and its words for what it refuses."""

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from local.providers.server import Answer, Refusal

MAX_TAGS_PER_CALL = 10
MAX_PAGE = 200
MAX_ID = 512  # not documented; Config's

# code -> message, of TMS's table of errors.
WORDS = {
    "TMS.0001": "System error.",
    "TMS.0002": "Bad request.",
    "TMS.0003": "The user is unauthorized.",
    "TMS.0004": "You do not have permissions to perform the operation.",
    "TMS.0005": "The resources requested cannot be found.",
    "TMS.0006": "The request is Too much, try again later.",
    "TMS.0007": "Limit is invalid.",
    "TMS.0008": "Marker is invalid.",
    "TMS.0009": "Key is invalid.",
    "TMS.0010": "Value is invalid.",
    "TMS.0012": "Tags is empty.",
    "TMS.0013": "Empty element in tags.",
    "TMS.0016": "Values is too much.",
    "TMS.0017": "Offset is invalid.",
    "TMS.2011": "Project_id is invalid.",
    "TMS.2030": "You do not have the required permission to perform this operation.",
    "TMS.5027": "Invalid resource type.",
}


class Lengths(NamedTuple):
    """The longest key and value, in characters, and the most resources in a call."""

    key: int
    value: int
    resources: int


class Page(NamedTuple):
    """A part of a listing."""

    offset: int
    limit: int

    def cut(self, rows: list[Any]) -> list[Any]:
        """The rows of this page."""
        return rows[self.offset : self.offset + self.limit]


def envelope(code: str, message: str | None = None) -> dict[str, Any]:
    """An error as TMS writes it: nested."""
    return {"error": {"error_code": code, "error_msg": message or WORDS.get(code, code)}}


def not_found(code: str, id_: str) -> str:
    """What is said of an id that is no resource; a service behind TMS names it, as ECS does."""
    return WORDS.get(code, f"Instance[{id_}] could not be found.")


def invalid(code: str = "TMS.0002", message: str | None = None, status: int = 400) -> Refusal:
    """400 in the service's own words."""
    return Refusal(Answer(status, envelope(code, message), code))


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in a body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise invalid()
    return document


def query(text: str) -> dict[str, str]:
    """The parameters behind a path; of one that stands twice the first counts."""
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def resources(body: dict[str, Any], most: int) -> tuple[tuple[str, str], ...]:
    """Type and id of each resource, each once."""
    entries = body.get("resources")
    if not isinstance(entries, list) or not 1 <= len(entries) <= most:
        raise invalid(message=f"resources has 1 to {most} elements")
    resources: dict[tuple[str, str], None] = {}
    for entry in entries:
        type_, id_ = (entry.get("resource_type"), entry.get("resource_id")) if isinstance(entry, dict) else (0, 0)
        if not isinstance(type_, str) or not isinstance(id_, str) or not 1 <= len(id_) <= MAX_ID:
            raise invalid(message="a resource needs resource_type and resource_id")
        resources[type_, id_] = None
    return tuple(resources)


def tags(body: dict[str, Any], lengths: Lengths, *, creating: bool) -> tuple[tuple[str, str | None], ...]:
    """The tags to delete or create, 1 to 10; to delete, `value` may be left out.

    The same key twice is refused: no document says what it would mean.
    """
    entries = body.get("tags")
    if not entries:
        raise invalid("TMS.0012")
    if not isinstance(entries, list) or len(entries) > MAX_TAGS_PER_CALL:
        raise invalid(message=f"tags has 1 to {MAX_TAGS_PER_CALL} elements")
    tags: dict[str, str | None] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not entry:
            raise invalid("TMS.0013")
        key, value = entry.get("key"), entry.get("value")
        if not isinstance(key, str) or not 1 <= len(key) <= lengths.key or key in tags:
            raise invalid("TMS.0009")
        if not isinstance(value, str | None) or len(value or "") > lengths.value or (creating and value is None):
            raise invalid("TMS.0010")
        tags[key] = value
    return tuple(tags.items())


def conditions(body: dict[str, Any]) -> dict[str, list[str]]:
    """The tags of a search: for each key the values asked for, none for any."""
    entries = body.get("tags") or []
    if not isinstance(entries, list):
        raise invalid()
    filters: dict[str, list[str]] = {}
    for entry in entries:
        values = entry.get("values") or [] if isinstance(entry, dict) else None
        if values is None or not isinstance(entry.get("key"), str):
            raise invalid("TMS.0009")
        if not isinstance(values, list) or len(values) > MAX_TAGS_PER_CALL:
            raise invalid("TMS.0016")
        filters[entry["key"]] = values
    return filters


def page(fields: dict[str, Any], default: int = MAX_PAGE) -> Page:
    """`limit` 1..200 and `offset` from 0."""
    limit, offset = _whole(fields.get("limit", default)), _whole(fields.get("offset", 0))
    if limit is None or not 1 <= limit <= MAX_PAGE:
        raise invalid("TMS.0007")
    if offset is None:
        raise invalid("TMS.0017")
    return Page(offset, limit)


def marker(fields: dict[str, Any]) -> Page:
    """`limit`, and `marker`: the place from which to go on, as the page before named it."""
    start = _whole(fields.get("marker") or 0)
    if start is None:
        raise invalid("TMS.0008")
    return page({"limit": fields.get("limit", MAX_PAGE), "offset": start})


def _whole(value: Any) -> int | None:
    """A whole number from 0, as JSON or a query has it."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None
