"""Cloud Asset Inventory's search: which resources bear a label.

Facts from google-cloud-asset 4.5.0, its discovery document, and the API's page. What they leave open, and what follows:

- There is no list of keys in use: they are counted from the resources.
- A query is sent only for keys and values of letters, digits and `_`: how others have to be written in one is not
  documented. For them every resource is listed, and picked out here. So is what a query has found, since the index is
  minutes old; the read before each write is the last word.
- A search is within one project, which the rule names.
"""

import re
from urllib.parse import quote, urlencode

from untag.contracts import ALL, Tag
from untag.providers.base import EVERY_TYPE, Answer, Listing, Scope, Verdict
from untag.providers.gcp.answers import judged
from untag.providers.gcp.credentials import GcpSession
from untag.providers.gcp.names import TYPES
from untag.providers.http import Reply, call, unexpected

PAGE = 500
HOST = "cloudasset.googleapis.com"

_PLAIN = re.compile(r"[a-z0-9_]{1,63}")
_MASK = "name,assetType,project,labels"

Row = tuple[str, str, dict[str, str]]
"""A resource's name, its type and its labels."""


class Search:
    """`searchAllResources`, page by page."""

    def __init__(self, endpoint: str | None) -> None:
        """`endpoint` is in place of every host."""
        self._root = f"https://{HOST}" if endpoint is None else f"{endpoint}/{HOST}"

    async def names(self, session: GcpSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """The keys that a page of resources shows, or the values of one key."""
        page = await self._page(session, scope, ALL if key is None else Tag(key, None), cursor)
        if isinstance(page, Answer):
            return page
        rows, following = page
        if key is None:
            names = {name for _, _, labels in rows for name in labels}
        else:
            names = {labels[key] for _, _, labels in rows if key in labels}
        return Listing(Verdict.DONE, names=tuple(sorted(names)), next=following)

    async def find(self, session: GcpSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """The resources on a page that bear the label, or any. A page may be empty, with more behind it."""
        page = await self._page(session, scope, tag, cursor)
        if isinstance(page, Answer):
            return page
        rows, following = page
        found = [row for row in rows if row[1] in TYPES and _bears(row[2], tag)]
        types = {name: type_ for name, type_, _ in found} if scope.type == EVERY_TYPE else {}
        tags = {name: labels for name, _, labels in found}
        return Listing(Verdict.DONE, tags=tags, next=following, types=types)

    async def _page(
        self, session: GcpSession, scope: Scope, tag: Tag, cursor: str | None
    ) -> tuple[list[Row], str | None] | Answer:
        if scope.project_id is None:
            message = "a search on gcp is within a project: name it as project_id"
            return Answer(Verdict.FAILED, "no_project", message, unsent=True)
        types = sorted(TYPES) if scope.type == EVERY_TYPE else [scope.type]
        parameters = [("assetTypes", type_) for type_ in types]
        parameters += [("pageSize", str(PAGE)), ("readMask", _MASK), ("orderBy", "name")]
        if (query := _query(tag)) is not None:
            parameters.append(("query", query))
        if cursor is not None:
            parameters.append(("pageToken", cursor))
        path = f"/v1/projects/{quote(scope.project_id, safe='')}:searchAllResources"
        reply = judged(await call(session, "GET", f"{self._root}{path}?{urlencode(parameters)}"), session)
        if isinstance(reply, Answer):
            return reply
        return _read(reply, set(types)) or unexpected(reply, None)


def _read(reply: Reply, types: set[str]) -> tuple[list[Row], str | None] | None:
    """The rows of a page, and the token of the next; None where it is not the documented answer."""
    payload = reply.json()
    if not isinstance(payload, dict):
        return None
    results, following = payload.get("results", []), payload.get("nextPageToken", "")
    if not isinstance(results, list) or not isinstance(following, str) or not payload.keys() <= _FIELDS:
        return None
    rows: list[Row] = []
    for row in results:
        if not isinstance(row, dict):
            return None
        name, type_, labels = row.get("name"), row.get("assetType"), row.get("labels", {})
        if not isinstance(name, str) or type_ not in types or not isinstance(labels, dict):
            return None
        if not all(isinstance(value, str) for value in labels.values()):
            return None
        rows.append((name, type_, labels))
    return rows, following or None


_FIELDS = {"results", "nextPageToken"}


def _query(tag: Tag) -> str | None:
    """The query for a label; None where one cannot be sure to be understood."""
    if not _PLAIN.fullmatch(tag.key):
        return None
    if tag.value is not None and _PLAIN.fullmatch(tag.value):
        return f"labels.{tag.key}={tag.value}"
    return f"labels.{tag.key}:*"


def _bears(labels: dict[str, str], tag: Tag) -> bool:
    if tag == ALL:
        return bool(labels)
    return tag.key in labels and tag.value in (None, labels[tag.key])
