"""What JD Cloud resourcetag accepts: the bodies of its calls, and its words for those it refuses."""

from typing import Any

from local.providers.server import Answer, Refusal

# Limits of the documents (Tag Service, "Restrictions").
MAX_KEY = 127
MAX_VALUE = 255

Filter = tuple[str, frozenset[str]]


def invalid(message: str) -> Refusal:
    """400: which status word the service uses is not documented; INVALID_ARGUMENT is JD Cloud's usual one."""
    error = {"code": 400, "status": "INVALID_ARGUMENT", "message": message}
    return Refusal(Answer(400, {"error": error}, "INVALID_ARGUMENT"))


def resources(body: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The one service code and the ids: "only the same product line" may share a call."""
    entries = body.get("resources")
    if not isinstance(entries, list) or not entries:
        raise invalid("resources is required")
    codes: set[str] = set()
    ids: dict[str, None] = {}
    for entry in entries:
        code, names = (entry.get("serviceCode"), entry.get("resourceId")) if isinstance(entry, dict) else (0, 0)
        if not isinstance(code, str) or not code:
            raise invalid("serviceCode is required")
        if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
            raise invalid("resourceId is required")
        codes.add(code)
        ids.update(dict.fromkeys(names))
    if len(codes) > 1:
        raise invalid("only resources of the same product line are supported")
    return codes.pop(), tuple(ids)


def tags(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The tags: key and value are both required and not empty."""
    entries = body.get("tags")
    if not isinstance(entries, list) or not entries:
        raise invalid("tags is required")
    tags: dict[tuple[str, str], None] = {}
    for entry in entries:
        key, value = (entry.get("key"), entry.get("value")) if isinstance(entry, dict) else (0, 0)
        if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
            raise invalid(f"a tag key has 1 to {MAX_KEY} characters")
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_VALUE:
            raise invalid(f"a tag value has 1 to {MAX_VALUE} characters")
        tags[key, value] = None
    return tuple(tags)


def tag_filters(body: dict[str, Any]) -> list[Filter]:
    """The filters of a request: a key, and the values it may have (none named: any)."""
    filters: list[Filter] = []
    entries = body.get("tagFilters") or ()
    if not isinstance(entries, (list, tuple)):
        raise invalid("tagFilters is a list")
    for entry in entries:
        key = entry.get("key") if isinstance(entry, dict) else None
        if not isinstance(key, str) or not key:
            raise invalid("a tag filter needs a key")
        values = entry.get("values") or ()
        if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
            raise invalid("the values of a tag filter are a list")
        filters.append((key, frozenset(values)))
    return filters


def names(body: dict[str, Any], field: str) -> tuple[str, ...]:
    """A list of names in a read, empty where it is left out."""
    names = body.get(field) or ()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise invalid(f"{field} is a list of names")
    return tuple(names)
