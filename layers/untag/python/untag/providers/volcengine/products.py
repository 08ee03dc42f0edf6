"""The products' own tag operations, for types that the central tag service does not name.

Facts from volcenginesdk-ecs and -vpc 5.0.54 and the products' pages, version 2020-04-01: `UntagResources` and
`TagResources` of one type in one region, named by bare ids, and `ListTagsForResources` to read. A call succeeds or
fails as a whole. What they leave open, and what follows:

- What a success has in its `Result`: nothing is read there. A success has to name the operation that was asked for.
- Whether a search by a tag lists the other tags of what it finds. Such types cannot be swept.
- Other products have operations of their own with other transports and names. Their types are refused by name.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from untag.contracts import Action, Tag
from untag.providers.base import Answer, Scope, Verdict
from untag.providers.http import Reply, call, tags_of, unexpected
from untag.providers.volcengine.answers import judged, operation_of, request_id, result_of
from untag.providers.volcengine.credentials import VolcengineSession
from untag.providers.volcengine.signing import HMAC_SHA256, VolcengineAuth
from untag.providers.volcengine.trns import parse_trn

SERVICES = frozenset({"alb", "cen", "clb", "directconnect", "ecs", "natgateway", "privatelink", "transitrouter", "vpc"})
VERSION = "2020-04-01"
ROWS = 100
"""Tags on one page of a listing, the most that is documented."""

_MOST_PAGES = 25
_OPERATIONS = {Action.REMOVE: "UntagResources", Action.RESTORE: "TagResources"}

Parameters = Iterator[tuple[str, str]]


class Product(NamedTuple):
    """A product's tag operations for one type of resources, reached at an endpoint."""

    endpoint: str
    service: str
    kind: str

    async def write(
        self, session: VolcengineSession, action: Action, scope: Scope, ids: tuple[str, ...], tags: tuple[Tag, ...]
    ) -> Answer:
        """`UntagResources` or `TagResources`. Nothing is counted, and no resource is named in an answer."""
        operation = _OPERATIONS[action]
        parameters = [*self._named(ids)]
        if action is Action.REMOVE:
            parameters += _numbered("TagKeys", [tag.key for tag in tags])
        else:
            for number, tag in enumerate(tags, 1):
                parameters += [(f"Tags.{number}.Key", tag.key), (f"Tags.{number}.Value", tag.value or "")]
        reply = await self._call(session, scope, operation, parameters)
        if isinstance(reply, Answer):
            return reply
        if operation_of(reply) != operation:
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply))

    async def read(self, session: VolcengineSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`ListTagsForResources` to its end, a row for each tag. A resource without a row has no tags."""
        operation = "ListTagsForResources"
        asked: dict[str, list[str]] = {}
        for id_ in ids:
            asked.setdefault(bare(id_), []).append(id_)
        found: dict[str, dict[str, str]] = {name: {} for name in asked}
        token, pages, told = "", 0, None
        while pages == 0 or token:
            parameters = [*self._named(ids), ("MaxResults", str(ROWS))]
            parameters += [("NextToken", token)] if token else []
            reply = await self._call(session, scope, operation, parameters)
            if isinstance(reply, Answer):
                return reply
            rows, pages, told = self._rows(reply), pages + 1, request_id(reply)
            if rows is None or operation_of(reply) != operation or not rows.keys() <= found.keys():
                return unexpected(reply, told)
            for name, tags in rows.items():
                found[name] |= tags
            token = result_of(reply).get("NextToken") or ""
            if token and (not rows or pages == _MOST_PAGES):
                # Some of the tags were not seen, and it is not known of which resources.
                return unexpected(reply, told)
        tags_by_id = {id_: found[name] for name, named in asked.items() for id_ in named}
        return Answer(Verdict.DONE, request_id=told, tags=tags_by_id)

    def _named(self, ids: tuple[str, ...]) -> Parameters:
        yield "ResourceType", self.kind
        yield from _numbered("ResourceIds", list(dict.fromkeys(map(bare, ids))))

    def _rows(self, reply: Reply) -> dict[str, dict[str, str]] | None:
        """The tags of each resource on a page; None if it is not the documented answer."""
        result = result_of(reply)
        if not isinstance(result, dict):
            return None
        rows = result.get("ResourceTags", result.get("TagResources", ()))
        if not isinstance(rows, list | None) or not isinstance(result.get("NextToken"), str | None):
            return None
        found: dict[str, dict[str, str]] = {}
        try:
            for row in rows or ():
                if row.get("ResourceType", self.kind) != self.kind or not isinstance(row["ResourceId"], str):
                    return None
                tag = {"key": row["TagKey"], "value": row.get("TagValue")}
                found.setdefault(row["ResourceId"], {}).update(tags_of([tag]))
        except (KeyError, TypeError, AttributeError):
            return None
        return found

    async def _call(
        self, session: VolcengineSession, scope: Scope, operation: str, parameters: list[tuple[str, str]]
    ) -> Reply | Answer:
        """The reply if it is a success, else what it means. Signed for the product in the resources' region."""
        auth = VolcengineAuth(HMAC_SHA256, session.credentials, region=scope.region or "", service=self.service)
        named: list[tuple[str, Any]] = [("Action", operation), ("Version", VERSION), *parameters]
        url = f"{self.endpoint}/?{urlencode(named, quote_via=quote, safe='-_.~')}"
        return judged(await call(session._replace(auth=auth), "GET", url), session, operation)


def product_of(endpoint: str, type_: str) -> Product | None:
    """The product whose own operations know a type, None where none is known."""
    service, _, kind = type_.partition(":")
    return Product(endpoint, service, kind) if service in SERVICES else None


def bare(id_: str) -> str:
    """The id alone, of a resource that is named by its TRN or by its id."""
    trn = parse_trn(id_)
    return id_ if trn is None or trn.kind is None else trn.rest.partition("/")[2]


def _numbered(name: str, values: list[str]) -> Parameters:
    return ((f"{name}.{number}", value) for number, value in enumerate(values, 1))
