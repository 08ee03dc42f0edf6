"""Resource Graph: queries for resources by their tags, for the keys in use and for their values.

Facts from azure-mgmt-resourcegraph 8.0.1 and the pages of the query language. What they leave open, and what follows:

- These texts were not run against Azure. A query that it refuses finds nothing and says so.
- `$skip` with an order goes by offsets: pages are read from the last to the first, so that what is removed meanwhile
  shifts only what was read already.
- It is late by seconds to minutes: a removal reads each resource itself before it writes.
- What the application has no right to read is left out silently.
"""

from typing import Any, NamedTuple, Self

from untag.contracts import Tag
from untag.providers.azure.answers import request_id, unexpected
from untag.providers.azure.ids import parse_id
from untag.providers.base import EVERY_TYPE, Answer, Listing, Verdict
from untag.providers.http import Reply, tags_of

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
PAGE = 1000

_ALL = "resources | union (resourcecontainers)"
_EACH_TAG = "mv-expand bagexpansion=array t=tags"


class Page(NamedTuple):
    """A part of a listing that goes by offsets: `first` says that the listing begins with it."""

    offset: int
    first: bool

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """The page at a cursor: an offset as a text."""
        return cls(int(cursor or 0), cursor is None)

    def before(self, total: int) -> str | None:
        """The cursor of the page before this one; behind the first answer, of the last page.

        The first page is read once more at the end.
        """
        if self.first:
            return str((total - 1) // PAGE * PAGE) if total > PAGE else None
        return str(max(0, self.offset - PAGE)) if self.offset else None

    def after(self, total: int) -> str | None:
        """The cursor of the page behind this one."""
        return str(self.offset + PAGE) if self.offset + PAGE < total else None


def resources_with(type_: str, tag: Tag) -> str:
    """The query for resources that bear a tag: its key in any case, and its value where it has one."""
    value = "" if tag.value is None else f" and tostring(t[1]) == {_literal(tag.value)}"
    where = f"where tostring(t[0]) =~ {_literal(tag.key)}{value}"
    return " | ".join((*_of_type(type_), _EACH_TAG, where, "project id, type, tags", "order by id asc"))


def names_in_use(type_: str, key: str | None) -> str:
    """The query for the keys in use, or for the values of one key."""
    where = () if key is None else (f"where tostring(t[0]) =~ {_literal(key)}",)
    name = f"summarize by name=tostring(t[{0 if key is None else 1}])"
    return " | ".join((*_of_type(type_), _EACH_TAG, *where, name, "order by name asc"))


def body(query: str, page: Page) -> dict[str, Any]:
    """A query's body: of every subscription that the application may read."""
    return {"query": query, "options": {"$top": PAGE, "$skip": page.offset, "resultFormat": "objectArray"}}


def resource_page(reply: Reply, type_: str, page: Page) -> Answer:
    """A page of resources with their tags, out of an answer of success."""
    found = _rows(reply, page)
    if isinstance(found, Answer):
        return found
    rows, total = found
    tags: dict[str, dict[str, str]] = {}
    types: dict[str, str] = {}
    try:
        for row in rows:
            tags[row["id"]] = tags_of([{"key": key, "value": value} for key, value in (row["tags"] or {}).items()])
            types[row["id"]] = _type_of(row["id"], row["type"])
    except (KeyError, TypeError, AttributeError):
        return unexpected(reply)
    # An id that stands twice means that another may be missing.
    alike = {id_.lower() for id_ in tags if isinstance(id_, str) and id_}
    strangers = type_ != EVERY_TYPE and any(str(one).lower() != type_.lower() for one in types.values())
    if len(alike) != len(rows) or strangers or not all(isinstance(one, str) for one in types.values()):
        return unexpected(reply)
    kept = types if type_ == EVERY_TYPE else {}
    return Listing(Verdict.DONE, request_id=request_id(reply), tags=tags, next=page.before(total), types=kept)


def name_page(reply: Reply, page: Page) -> Answer:
    """A page of keys or values, out of an answer of success."""
    found = _rows(reply, page)
    if isinstance(found, Answer):
        return found
    rows, total = found
    names = tuple(row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str))
    if len(names) != len(rows):
        return unexpected(reply)
    return Listing(Verdict.DONE, request_id=request_id(reply), names=names, next=page.after(total))


def _rows(reply: Reply, page: Page) -> tuple[list[Any], int] | Answer:
    """The rows of a page, and how many there are in all."""
    payload = reply.json()
    rows = payload.get("data") if isinstance(payload, dict) else None
    total = payload.get("totalRecords") if isinstance(payload, dict) else None
    if not isinstance(rows, list) or type(total) is not int:
        return unexpected(reply)
    if len(rows) < min(PAGE, total - page.offset):
        # Whatever is behind a page that is cut short would be taken for not there.
        short = "a page has fewer rows than its listing says"
        return Answer(Verdict.UNAVAILABLE, "short_page", short, request_id(reply))
    return rows, total


def _type_of(id_: str, told: str) -> str:
    """The type as the id writes it: in Azure's own letters, where Resource Graph says it in small ones."""
    parsed = parse_id(id_)
    return parsed.type if parsed is not None and parsed.type.lower() == told.lower() else told


def _of_type(type_: str) -> tuple[str, ...]:
    return (_ALL,) if type_ == EVERY_TYPE else (_ALL, f"where type =~ {_literal(type_)}")


def _literal(text: str) -> str:
    """A text in a query: nothing in it can end it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in escaped) + "'"
