"""Huawei Cloud Config (RMS): tags of Config's own resources, in batches for one resource.

Facts from huaweicloudsdkconfig 3.1.219, the API's page and its OpenAPI file. What they leave open:

- A delete of a tag that is not there answers 204 as any other, and whether a value is compared is not said. So with
  `read_first` the tags are read before, and only what stands there with the value asked for is deleted.
- `value` is required by the schema and left out in the official example: the real value is sent where it is known.
- No code for "resource not found" is documented: a 404 with a code of Config's own (`RMS.`) speaks of the resource, any
  other of the address. No other service stands behind Config.
"""

from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

import httpx

from untag.contracts import Action, Tag
from untag.providers.base import READ_BEFORE, Answer, Facts, Limits, Location, Options, Scope, Seen, Verdict
from untag.providers.http import call
from untag.providers.huaweicloud.common import (
    HuaweiCloud,
    Page,
    name_page,
    resource_page,
    resource_tags,
    search_tags,
    tag_bodies,
)
from untag.providers.huaweicloud.credentials import HuaweiSession
from untag.providers.huaweicloud.errors import request_id

DEFAULT_ENDPOINT = "https://rms.myhuaweicloud.com"

TYPES = ("config:policyAssignments", "config:aggregators", "config:aggregationAuthorizations")

_OPERATIONS = {Action.REMOVE: "delete", Action.RESTORE: "create"}


class HuaweiConfig(HuaweiCloud):
    """Config's resource tag API, version 1. It is a global service: a region in a request is reported, not used."""

    api = "config"
    documented_types = frozenset(TYPES)
    limits = Limits(resources=1, keys=20)
    facts = Facts(READ_BEFORE, failures="the call, which is of one resource")
    page = 1000

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT, *, read_first: bool = True) -> None:
        self._endpoint = endpoint.rstrip("/")
        self.reads_first = read_first

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoint."""
        return cls(options.endpoints.get(f"{cls.name}.{cls.api}", DEFAULT_ENDPOINT), read_first=options.read_first)

    def accepts(self, type_: str) -> bool:
        """Config's own three types."""
        return type_ in TYPES

    def speaks_of_resource(self, code: str) -> bool:
        """Config's own codes."""
        return code.startswith("RMS.")

    def scope(self, location: Location, type_: str) -> Scope:
        """One account and type; the service is global, so requests that name different regions share their calls."""
        return Scope(self.name, self.api, location.account, None, None, type_)

    async def write(
        self,
        session: HuaweiSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - this API has no versions
    ) -> Answer:
        """Batch delete or batch create on one resource. Nothing is counted: 204 is for all of it."""
        reply = await call(
            session, "POST", f"{self._tags_url(scope, ids[0])}/{_OPERATIONS[action]}", {"tags": tag_bodies(tags)}
        )
        if isinstance(reply, Answer):
            return reply
        if reply.status == httpx.codes.NO_CONTENT:
            return Answer(Verdict.DONE, request_id=request_id(reply))
        return self.judged(reply, session)

    async def read(self, session: HuaweiSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """The tags of one resource."""
        reply = await call(session, "GET", self._tags_url(scope, ids[0]))
        if isinstance(reply, Answer):
            return reply
        ok = reply.status == httpx.codes.OK
        return resource_tags(reply, session, scope, ids[0]) if ok else self.judged(reply, session)

    async def names(self, session: HuaweiSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """`ListTagsForResourceType`: a page of the type's keys with their values."""
        page = Page.of(cursor, self.page)
        reply = await call(session, "GET", f"{self._type_url(scope)}/tags?limit={page.size}&offset={page.offset}")
        if isinstance(reply, Answer):
            return reply
        return name_page(reply, session, key, page) if reply.status == httpx.codes.OK else self.judged(reply, session)

    async def find(self, session: HuaweiSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """`ListResourcesByTag`: a page of resources."""
        page = Page.of(cursor, self.page)
        url = f"{self._type_url(scope)}/resource-instances/filter?limit={page.size}&offset={page.offset}"
        reply = await call(session, "POST", url, {"tags": search_tags(tag)})
        if isinstance(reply, Answer):
            return reply
        ok = reply.status == httpx.codes.OK
        return resource_page(reply, session, scope, page) if ok else self.judged(reply, session)

    def _type_url(self, scope: Scope) -> str:
        return f"{self._endpoint}/v1/resource-manager/{quote(scope.type, safe='')}"

    def _tags_url(self, scope: Scope, id_: str) -> str:
        return f"{self._type_url(scope)}/{quote(id_, safe='')}/tags"
