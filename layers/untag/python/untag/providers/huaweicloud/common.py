"""What Huawei Cloud's APIs have in common: the account's key, the signature, ids, and how lists are answered."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import httpx

from untag.contracts import Tag
from untag.providers.base import Answer, Listing, Location, Scope, Session, Verdict
from untag.providers.http import Reply, tags_of
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.errors import error_of, request_id, unbelieved, verdict_of_answer
from untag.providers.huaweicloud.signing import HuaweiAuth
from untag.providers.plain import Plain

# The id stands in the path of some calls. Dots alone would be another path.
_ID = re.compile(r"[A-Za-z0-9_.:-]*[A-Za-z0-9_:-][A-Za-z0-9_.:-]*")
_ID_LENGTH = 512
_ID_FORM = f"should be an id of letters, digits and _.:-, at most {_ID_LENGTH} and not of dots alone"

_BESIDE = frozenset({"request_id", "requestId", "resource_id", "resource_type", "project_id"})
"""Fields that say nothing about whether an answer is the documented one."""


class HuaweiCloud(Plain[HuaweiCloudCredentials], ABC):
    """What every provider of this cloud inherits; the rest of the Protocol is each API's own."""

    name = "huaweicloud"
    rate = 20.0  # the gateway allows 200 a second for an API; some services' writes are said to be far below
    removes_pairs = False
    reserved_prefixes: tuple[str, ...] = ("_sys_",)
    credentials = HuaweiCloudCredentials

    @abstractmethod
    def accepts(self, type_: str) -> bool:
        """Whether resources of this type are this API's."""

    @abstractmethod
    def speaks_of_resource(self, code: str) -> bool:
        """Whether a 404 with this code says that the resource does not exist, and not that the address is wrong."""

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:  # noqa: ARG002 - the Protocol's
        """An id must not be taken for another part of a path."""
        return None if len(id_) <= _ID_LENGTH and _ID.fullmatch(id_) else _ID_FORM

    def auth(self, credentials: HuaweiCloudCredentials, scope: Scope) -> HuaweiAuth:  # noqa: ARG002 - signed without a scope
        """SDK-HMAC-SHA256 with the account's id."""
        return HuaweiAuth(credentials)

    def judged(self, reply: Reply, session: Session) -> Answer:
        """What an answer that is not the documented success means."""
        if httpx.codes.is_success(reply.status):
            return unbelieved(reply, session.credentials)
        code, message = error_of(reply, session.credentials)
        verdict = verdict_of_answer(reply.status, code, of_resource=code is not None and self.speaks_of_resource(code))
        return Answer(verdict, code or f"HTTP_{reply.status}", message, request_id(reply), reply.retry_after())


def tag_bodies(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    """Tags as every tag API of this cloud takes them: where no value is known the key stands alone."""
    return [{"key": key} if value is None else {"key": key, "value": value} for key, value in tags]


def search_tags(tag: Tag) -> list[dict[str, Any]]:
    """A tag as the searches of this cloud take it."""
    return [{"key": tag.key, "values": [] if tag.value is None else [tag.value]}]


def rows_of(payload: Any, name: str) -> list[Any]:
    """A list in an answer of success. Null, or left out, it is empty: some services leave out what is empty.

    Left out of an object that says something else instead, it is not: such an object is another document. TypeError if
    there is no such list.
    """
    if not isinstance(payload, dict):
        raise TypeError("the body should be an object")
    rows = payload.get(name)
    if rows is None:
        if any(value not in (None, "", []) for field, value in payload.items() if field not in _BESIDE):
            raise TypeError(f"{name} should be there")
        return []
    if not isinstance(rows, list):
        raise TypeError(f"{name} should be a list")
    return rows


def resource_tags(reply: Reply, session: Session, scope: Scope, id_: str) -> Answer:
    """The tags of one resource, out of an answer of success."""
    payload = reply.json()
    try:
        tags = tags_of(rows_of(payload, "tags"))
    except (KeyError, TypeError, AttributeError):
        return unbelieved(reply, session.credentials)
    if payload.get("resource_id") not in (None, id_) or is_of_another_type(payload, scope):
        return unbelieved(reply, session.credentials)
    return Answer(Verdict.DONE, request_id=request_id(reply), tags={id_: tags})


def is_of_another_type(row: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a row names a type, and another one than was asked about."""
    return row.get("resource_type") not in (None, "", scope.type)


class Page(NamedTuple):
    """A part of a listing that goes by offsets: `first` says that the listing begins with it."""

    offset: int
    size: int
    first: bool

    @classmethod
    def of(cls, cursor: str | None, size: int) -> Self:
        """The page at a cursor: an offset as a text."""
        return cls(int(cursor or 0), size, cursor is None)

    def before(self, total: int) -> str | None:
        """The cursor of the page before this one; behind the first answer, of the last page.

        So what is removed meanwhile shifts only what was read already. The first page is read once more at the end.
        """
        if self.first:
            return str((total - 1) // self.size * self.size) if total > self.size else None
        return str(max(0, self.offset - self.size)) if self.offset else None

    def after(self, total: int) -> str | None:
        """The cursor of the page behind this one."""
        return str(self.offset + self.size) if self.offset + self.size < total else None


def resource_page(reply: Reply, session: Session, scope: Scope, page: Page) -> Answer:
    """A page of resources with their tags, out of an answer of success."""
    try:
        payload = reply.json()
        rows, total = _rows(payload["resources"]), payload["total_count"]
        tags = {row["resource_id"]: tags_of(_rows(row["tags"])) for row in rows}
        strangers = any(is_of_another_type(row, scope) for row in rows)
    except (KeyError, TypeError, AttributeError):
        return unbelieved(reply, session.credentials)
    # An id that stands twice means that another may be missing.
    proper = len(tags) == len(rows) and all(isinstance(id_, str) and id_ for id_ in tags)
    if strangers or not proper or type(total) is not int:
        return unbelieved(reply, session.credentials)
    if len(tags) < min(page.size, total - page.offset):
        # Whatever is behind a page that is cut short would be taken for not there.
        short = "a page has fewer rows than its listing says"
        return Answer(Verdict.UNAVAILABLE, "short_page", short, request_id(reply))
    return Listing(Verdict.DONE, request_id=request_id(reply), tags=tags, next=page.before(total))


def name_page(reply: Reply, session: Session, key: str | None, page: Page | None = None) -> Answer:
    """Keys, or the values of one key if it is among them, out of an answer of success; all of them without `page`."""
    try:
        payload = reply.json()
        rows = _rows(payload["tags"])
        names = [row["key"] for row in rows] if key is None else _values(rows, key)
        total = payload.get("total_count", len(rows))
    except (KeyError, TypeError, AttributeError):
        return unbelieved(reply, session.credentials)
    if not all(isinstance(name, str) for name in names) or type(total) is not int:
        return unbelieved(reply, session.credentials)
    following = None if page is None else page.after(total)
    return Listing(Verdict.DONE, request_id=request_id(reply), names=tuple(names), next=following)


def _rows(rows: Any) -> list[Any]:
    """The rows of a page, none where null stands in their place."""
    if not isinstance(rows, list | None):
        raise TypeError("rows should be a list")
    return rows or []


def _values(rows: list[dict[str, Any]], key: str) -> list[Any]:
    return [value for row in rows if row["key"] == key for value in row["values"] or []]
