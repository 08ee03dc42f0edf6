"""What the local Azure accepts: paths, bodies and the queries of Resource Graph, and its words for what it refuses.

Written from the API's pages and apart from the package's own grammar. Of the query language it knows the few forms in
which resources are found by their tags.
"""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from local.providers.faults import Tag
from local.providers.server import Answer, Refusal

VERSIONS = frozenset({"2019-10-01", "2020-06-01", "2021-01-01", "2021-04-01", "2022-09-01", "2024-03-01", "2025-04-01"})
GRAPH_VERSIONS = frozenset({"2021-03-01", "2022-10-01", "2024-04-01"})
OPERATIONS = ("Delete", "Merge", "Replace")
MOST_TAGS = 50
MAX_KEY, MAX_VALUE = 512, 256
MOST_ROWS = 1000
_TAGS = "/providers/microsoft.resources/tags/default"
_SCOPE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}(/resourcegroups/[^/]+)?((/providers/[^/]+)(/[^/]+/[^/]+)+)*", re.IGNORECASE
)
_RESERVED = ("microsoft", "azure", "windows")
_LITERAL = r"'((?:[^'\\]|\\.)*)'"
_QUERY = re.compile(
    r"resources \| union \(resourcecontainers\)"
    rf"(?: \| where type =~ {_LITERAL})?"
    r" \| mv-expand bagexpansion=array t=tags"
    rf"(?: \| where tostring\(t\[0\]\) =~ {_LITERAL}(?: and tostring\(t\[1\]\) == {_LITERAL})?)?"
    r" \| (?:(project id, type, tags \| order by id asc)"
    r"|summarize by name=tostring\(t\[([01])\]\) \| order by name asc)"
)


class Query(NamedTuple):
    """A query: of which type, by which tag, and whether rows (None), keys (0) or values (1) are asked for."""

    type: str | None
    key: str | None
    value: str | None
    name: int | None
    top: int
    skip: int


def error(status: int, code: str, message: str) -> Answer:
    """An error in the Resource Manager's envelope."""
    return Answer(status, {"error": {"code": code, "message": message}}, code)


def refuse(status: int, code: str, message: str) -> Refusal:
    """A call that ends before it does anything."""
    return Refusal(error(status, code, message))


def scope_of(path: str) -> str | None:
    """The scope in the path of a call for its tags; None where the path is none."""
    whole = unquote(path)
    if not whole.lower().endswith(_TAGS):
        return None
    scope = whole[: -len(_TAGS)]
    return scope if _SCOPE.fullmatch(scope) else None


def type_of(scope: str) -> str:
    """The type of the resource at a scope."""
    _, providers, last = scope.rpartition("/providers/") if "/providers/" in scope else ("", "", "")
    if providers:
        namespace, *rest = last.split("/")
        return "/".join((namespace, *rest[::2]))
    kind = "subscriptions/resourceGroups" if "/resourcegroups/" in scope.lower() else "subscriptions"
    return f"Microsoft.Resources/{kind}"


def body_of(raw: bytes) -> dict[str, Any]:
    """A JSON object."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise refuse(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def tags_in(body: dict[str, Any]) -> tuple[Tag, ...]:
    """The tags of a write."""
    properties = body.get("properties")
    tags = properties.get("tags") if isinstance(properties, dict) else None
    if body.get("operation") not in OPERATIONS or not isinstance(tags, dict):
        raise refuse(400, "InvalidRequestContent", "A write has an operation and tags.")
    if len(tags) > MOST_TAGS:
        raise refuse(400, "InvalidTagCount", f"A scope has at most {MOST_TAGS} tags.")
    for key, value in tags.items():
        if not isinstance(value, str) or len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise refuse(400, "InvalidTagNameOrValue", f"The tag {key} is not valid.")
        if body["operation"] == "Merge" and (key.lower().startswith(_RESERVED) or set(key) & set("<>%&\\?/")):
            raise refuse(400, "InvalidTagNameCharacters", f"The tag name {key} is not allowed.")
    return tuple(tags.items())


def query_of(body: dict[str, Any]) -> Query:
    """A query that finds resources by their tags."""
    options = body.get("options") or {}
    top, skip = options.get("$top", 100), options.get("$skip", 0)
    found = _QUERY.fullmatch(str(body.get("query")))
    if found is None or options.get("resultFormat", "objectArray") != "objectArray":
        raise refuse(400, "BadRequest", "Please provide below info when asking for support: the query is not valid.")
    if type(top) is not int or type(skip) is not int or not 1 <= top <= MOST_ROWS or skip < 0:
        raise refuse(400, "BadRequest", "$top is 1 to 1000.")
    type_, key, value = (None if text is None else _unescaped(text) for text in found.groups()[:3])
    return Query(type_, key, value, None if found[5] is None else int(found[5]), top, skip)


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\(u([0-9a-f]{4})|.)", lambda found: chr(int(found[2], 16)) if found[2] else found[1], text, flags=re.DOTALL
    )
