"""Alibaba Cloud's Tag API, version 2018-08-28: `UntagResources`, `TagResources`, and `ListTagResources` to read back.

Facts from alibabacloud_tag20180828 1.1.2, alibabacloud_tea_openapi 0.4.6 and the API's pages. What they leave open:

- Parameters travel in the query of a POST without a body, as the SDK sends them. How long a query may be is not said:
  one that is too long (413, 414) is asked in halves.
- Whether the removal of a key that is not there is a success. Tags are read before, so that it is never asked for.
- `ListTagResources` says which tags resources bear. That it leaves out one without tags is not said in so many words. A
  resource that it leaves out counts as one without tags only where its type is documented or named by
  `ListSupportResourceTypes`, and its ARN is of the type's form and of the call's account. Otherwise nothing is known
  of it: what the API says to an ARN of another form is not documented.
- Whose account a number in an ARN is: STS says the key's own (`GetCallerIdentity`, alibabacloud_sts20150401 1.2.0). An
  ARN of another account is refused before it is sent. The API refuses it too (`InvalidResourceARN.Account`), together
  with the whole call, which is then asked in halves.
- Failures inside a success name the resource and no tag. Whether they repeat an ARN as it was sent, or with the
  account's number for `*`, is not said: both are understood.
- Whether `ListTagResources` with `Tags` answers with all tags of a resource is not said, and it cannot ask for a key
  without a value. So a search lists every tagged resource of a region, and chooses here.
- How a template in `ListSupportResourceTypes` marks the id is not said: `*`, `{…}`, `${…}`, `<…>` and `$…` are
  understood. Where the call is refused, the documented form is used.
- No pace is documented for this API: 10 calls a second is less than what others of the same console allow.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Self

from untag.contracts import ALL, Action, Problem, RemovalRequest, Tag
from untag.providers.alibabacloud.answers import request_id
from untag.providers.alibabacloud.arns import DOCUMENTED, Arn, problem_of, type_problem
from untag.providers.alibabacloud.client import STS_ENDPOINT, Api, Known
from untag.providers.alibabacloud.credentials import AlibabaCredentials, AlibabaSession
from untag.providers.alibabacloud.endpoints import REGIONS
from untag.providers.alibabacloud.listings import bears, failures, ids_of, listed, names_in, next_token, types_of
from untag.providers.alibabacloud.signing import AcsAuth
from untag.providers.base import (
    EVERY_TYPE,
    READ_BEFORE,
    TOO_LARGE,
    Answer,
    Asked,
    Facts,
    Limits,
    Listing,
    Location,
    Options,
    Scope,
    Seen,
    Verdict,
)
from untag.providers.http import end_of, unexpected, within
from untag.providers.owners import Owner, Owners
from untag.providers.plain import Plain

RESOURCES_PER_CALL = 50
KEYS_PER_CALL = 10
ENTRIES_ON_A_PAGE = 1000
MOST_PAGES = 4
"""Pages of one read. Fifty resources have at most a thousand tags, which fit on one."""

_VALUE_LENGTH = 128
_OPERATIONS = {Action.REMOVE: "UntagResources", Action.RESTORE: "TagResources"}


class AlibabaTag(Plain[AlibabaCredentials]):
    """The Tag API."""

    name = "alibabacloud"
    api = "tag"
    endpoints = ("sts",)
    limits = Limits(resources=RESOURCES_PER_CALL, keys=KEYS_PER_CALL)
    rate = 10.0
    reserved_prefixes: tuple[str, ...] = ("aliyun", "acs:")
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the resource, not the tag")
    credentials = AlibabaCredentials
    documented_regions = REGIONS
    documented_types = DOCUMENTED
    finds_any_key = True
    finds_any_type = True

    def __init__(
        self,
        endpoint: str | None = None,
        sts_endpoint: str = STS_ENDPOINT,
        *,
        read_first: bool = True,
        resources_per_call: int = RESOURCES_PER_CALL,
    ) -> None:
        """`endpoint` stands in place of the regions' own."""
        self.reads_first = read_first
        self.limits = self.limits._replace(resources=min(resources_per_call, RESOURCES_PER_CALL))
        self._api = Api(endpoint, sts_endpoint)
        self._known = Known(self._api)
        self._owners = Owners(self._api.identify)

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints and the number of resources that go into one call."""
        own = f"{cls.name}.{cls.api}"
        return cls(
            options.endpoints.get(own),
            options.endpoints.get(f"{cls.name}.sts", STS_ENDPOINT),
            read_first=options.read_first,
            resources_per_call=options.resources_per_call.get(own, RESOURCES_PER_CALL),
        )

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """What every cloud checks, and what a tag may be."""
        yield from super().problems(request)
        for index, tag in enumerate(request.named_tags() if request.action is Action.RESTORE else ()):
            if tag.value is not None and len(tag.value) > _VALUE_LENGTH:
                message = f"String should have at most {_VALUE_LENGTH} characters on alibabacloud"
                yield Problem(f"tags.{index}.value", message)

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """A region is needed, and a type of product and resource type."""
        if location.region is None:
            message = "Field required: alibabacloud has no call without a region (cn-hangzhou for central services)"
            yield Problem("region", message)
        if type_ != EVERY_TYPE and (problem := type_problem(type_)) is not None:
            yield Problem("type", problem)

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why a call at the location cannot reach the resource; None where it can."""
        return problem_of(type_, id_, location.region or "")

    def warnings(self, asked: Asked) -> Iterator[str]:
        """What looks like a mistake but may be right."""
        if asked.location.region is not None and asked.location.region not in REGIONS:
            yield f"region {asked.location.region} is not among those that Alibaba Cloud's SDK names"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region and type a call."""
        return Scope(self.name, self.api, location.account, location.region, None, type_)

    def auth(self, credentials: AlibabaCredentials, scope: Scope) -> AcsAuth:  # noqa: ARG002 - signed without a scope
        """ACS3-HMAC-SHA256."""
        return AcsAuth(credentials)

    async def write(
        self,
        session: AlibabaSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - this API has no versions
    ) -> Answer:
        """`UntagResources` by keys, or `TagResources`. Nothing is counted; failures are by resource."""
        until = end_of(session)
        answer = await self._named(session, scope, ids)
        if isinstance(answer, Answer):
            return answer
        owner, named = answer
        parameters = _arns(named)
        if action is Action.REMOVE:
            parameters += [(f"TagKey.{number}", tag.key) for number, tag in enumerate(tags, 1)]
        else:
            values = {tag.key: tag.value or "" for tag in tags}
            parameters.append(("Tags", json.dumps(values, ensure_ascii=False, separators=(",", ":"))))
        reply = await self._api.call(within(session, until), scope, _OPERATIONS[action], parameters)
        if isinstance(reply, Answer):
            return reply
        failed = failures(reply, named, scope.region or "", owner.number, session.credentials)
        if failed is None:
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply), failures=failed)

    async def read(self, session: AlibabaSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`ListTagResources` for these resources. What is left out has no tags where that is known, else no entry."""
        until = end_of(session)
        answer = await self._named(session, scope, ids)
        if isinstance(answer, Answer):
            return answer
        owner, named = answer
        tags: dict[str, dict[str, str]] = {}
        token, page = None, None
        for _ in range(MOST_PAGES):
            page = await self._page(within(session, until), scope, named, owner, token)
            if not isinstance(page, Listing):
                return page
            for id_, its in (page.tags or {}).items():
                tags.setdefault(id_, {}).update(its)
            if page.next is None:
                break
            token = page.next
        else:
            return Answer(Verdict.FAILED, TOO_LARGE, f"the answer does not end after {MOST_PAGES} pages")
        for id_ in named.keys() - tags.keys():
            bare = await self._known.is_bare(within(session, until), scope, named[id_], owner)
            if isinstance(bare, Answer):
                return bare
            if bare:
                tags[id_] = {}
        return Answer(Verdict.DONE, request_id=page.request_id, tags=tags)

    async def _named(
        self, session: AlibabaSession, scope: Scope, ids: tuple[str, ...]
    ) -> tuple[Owner, dict[str, Arn]] | Answer:
        """The key's owner, and each resource's ARN. An Answer: the call is not made."""
        until = end_of(session)
        owner = await self._owners.of(session)
        if isinstance(owner, Answer):
            return owner
        named = await self._known.arns(within(session, until), scope, ids, owner)
        return replace(named, unsent=True) if isinstance(named, Answer) else (owner, named)

    async def _page(
        self, session: AlibabaSession, scope: Scope, named: Mapping[str, Arn], owner: Owner, token: str | None
    ) -> Answer:
        """A page of what is listed of these resources, by the ids that were asked for."""
        reply = await self._api.call(session, scope, "ListTagResources", [*_arns(named), *_listing(token)])
        if isinstance(reply, Answer):
            return reply
        found = listed(reply)
        if found is None or (token is not None and next_token(reply) == token):
            return unexpected(reply, request_id(reply))
        tags: dict[str, dict[str, str]] = {}
        for arn, its in found:
            asked = ids_of(arn, named, scope.region or "", owner.number)
            if not asked:
                return unexpected(reply, request_id(reply))
            for id_ in asked:
                tags.setdefault(id_, {}).update(its)
        return Listing(Verdict.DONE, request_id=request_id(reply), tags=tags, next=next_token(reply))

    async def names(self, session: AlibabaSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """`ListTagKeys`, or `ListTagValues` of a key: of all types in the account and region."""
        parameters = [("PageSize", str(ENTRIES_ON_A_PAGE)), *_from(cursor)]
        if key is None:
            path = ("Keys", "Key")
            reply = await self._api.call(session, scope, "ListTagKeys", [*parameters, ("Category", "Custom")])
        else:
            path = ("Values", "Value")
            reply = await self._api.call(session, scope, "ListTagValues", [*parameters, ("Key", key)])
        if isinstance(reply, Answer):
            return reply
        names = names_in(reply, *path)
        if names is None:
            return unexpected(reply, request_id(reply))
        return Listing(Verdict.DONE, request_id=request_id(reply), names=names, next=next_token(reply))

    async def find(self, session: AlibabaSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """`ListTagResources` of the region, of which those of the type that bear the tag are chosen here.

        A page may be short, or empty, with more behind it.
        """
        reply = await self._api.call(session, scope, "ListTagResources", _listing(cursor))
        if isinstance(reply, Answer):
            return reply
        found = listed(reply)
        if found is None:
            return unexpected(reply, request_id(reply))
        chosen: dict[str, dict[str, str]] = {}
        arns = []
        for arn, tags in found:
            of_type = scope.type == EVERY_TYPE or arn.type.lower() == scope.type.lower()
            if of_type and tags and (tag == ALL or bears(tags, tag)):
                chosen.setdefault(str(arn), {}).update(tags)
                arns.append(arn)
        return Listing(
            Verdict.DONE,
            request_id=request_id(reply),
            tags=chosen,
            next=next_token(reply),
            types=types_of(arns) if scope.type == EVERY_TYPE else {},
        )


def _arns(named: Mapping[str, Arn]) -> list[tuple[str, str]]:
    """The ARNs as parameters, each once."""
    texts = dict.fromkeys(map(str, named.values()))
    return [(f"ResourceARN.{number}", text) for number, text in enumerate(texts, 1)]


def _listing(cursor: str | None) -> list[tuple[str, str]]:
    return [("Category", "Custom"), ("PageSize", str(ENTRIES_ON_A_PAGE)), *_from(cursor)]


def _from(cursor: str | None) -> list[tuple[str, str]]:
    return [] if cursor is None else [("NextToken", cursor)]
