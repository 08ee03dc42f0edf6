"""The products' own tag operations on this machine: `UntagResources` and its sisters of version 2020-04-01, by GET.

Envelopes are the SDK's (volcenginesdk-ecs and -vpc 5.0.54): ecs calls its list `TagResources`, the others
`ResourceTags`. A call succeeds or fails as a whole.
"""

from collections.abc import Iterator
from typing import Any

from local.providers import volcengine_input
from local.providers.faults import Verdict
from local.providers.server import Ask, Route
from local.providers.tag_table import Cause, Holding, Pair, TagTable
from local.providers.wire import Request

VERSION = "2020-04-01"
SERVICES = frozenset({"alb", "cen", "clb", "directconnect", "ecs", "natgateway", "privatelink", "transitrouter", "vpc"})
OPERATIONS = {"UntagResources": True, "TagResources": True, "ListTagsForResources": False}
MOST_KEYS = 20


def route_of(request: Request, service: str, operation: str, version: str, region: str) -> Route | None:
    """The route of a product's own operation, None where it is none. Its type is the service, until it is parsed."""
    known = request.method == "GET" and service in SERVICES and version == VERSION and operation in OPERATIONS
    return Route(operation, OPERATIONS[operation], region, service) if known else None


def ask_of(route: Route, account: str, request: Request) -> Ask:
    """What a call asks, of resources that are named by bare ids in the query."""
    body = volcengine_input.body_of(volcengine_input.FORM, request.query.encode())
    kind, ids = body.get("ResourceType"), body.get("ResourceIds")
    if not isinstance(kind, str) or not kind:
        raise volcengine_input.refuse("InvalidResourceType.Malformed", "ResourceType is required")
    if not isinstance(ids, list) or not 1 <= len(ids) <= volcengine_input.MOST:
        raise volcengine_input.refuse("LimitExceeded.MaximumResourceIds", "ResourceIds has 1 to 50 ids")
    tags: tuple[tuple[str, str | None], ...] = ()
    if route.writing:
        tags = volcengine_input.keys(body) if route.operation == "UntagResources" else volcengine_input.tags(body)
        if len(tags) > MOST_KEYS:
            raise volcengine_input.refuse("LimitExceeded.MaximumTagKeys", f"a call has at most {MOST_KEYS} keys")
    return Ask(route, account, f"{route.type}:{kind}", tuple(dict.fromkeys(ids)), tags, body)


def write(table: TagTable, ask: Ask, cause: Cause, verdict: Verdict) -> int:
    """Change the tags of every resource, or of none: how many changed."""
    found = list(_held(table, ask))
    if len(found) < len(ask.ids):
        gone = next(id_ for id_ in ask.ids if id_ not in [_bare(holding) for holding in found])
        raise volcengine_input.refuse("InvalidResource.NotFound", f"The specified resource {gone} does not exist.")
    for holding in found:
        if (rule := verdict.failing.get(_bare(holding))) is not None:
            raise volcengine_input.refuse(rule.code or "InvalidStatus", rule.message or "the resource is busy")
    count = 0
    for holding in found:
        for key, value in ask.tags:
            if value is not None or key in holding.tags:
                pair = Pair(ask.account, holding.region, holding.type, holding.id, key, value or "")
                table.change(cause, pair, value)
                count += 1
    return count


def read(table: TagTable, ask: Ask, verdict: Verdict) -> dict[str, Any]:
    """A row for each tag, page by page; the token is the number of the next row."""
    rows = [
        {
            "ResourceType": ask.type.partition(":")[2],
            "ResourceId": verdict.name_of(_bare(holding)),
            "TagKey": key,
            "TagValue": value,
        }
        for holding in _held(table, ask)
        for key, value in sorted(holding.tags.items())
    ]
    size, first = volcengine_input.size(ask.body), int(ask.body.get("NextToken") or 0)
    name = "TagResources" if ask.type.startswith("ecs:") else "ResourceTags"
    return {name: rows[first : first + size], "NextToken": str(first + size) if len(rows) > first + size else ""}


def _held(table: TagTable, ask: Ask) -> Iterator[Holding]:
    for holding in table.select(ask.account, ask.route.region, [ask.type]):
        if _bare(holding) in ask.ids:
            yield holding


def _bare(holding: Holding) -> str:
    return holding.id.partition("/")[2]
