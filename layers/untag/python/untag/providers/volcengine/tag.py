"""Volcengine's central tag service: `UntagResources`, `TagResources`, and `GetResources` to read back and to find.

Facts from volcenginesdk-tag and volcenginesdk-core 5.0.54 and the operations' pages, version 2022-06-01. What they
leave open, and what follows:

- How many resources and keys a call takes: 20 of each, the smallest numbers that any product's own tag API has.
- How many resources a page of a listing has: 50. A call that is refused for it is asked again with fewer.
- Which region a call is signed for: `cn-beijing`, as in all examples, wherever the resources are. The service is a
  global one.
- Whether `GetResources` lists every resource. It is taken to be complete for resources of the types that
  `ListResourceTypes` names, of the key's account, and of the request's region. So one of these that is left out has no
  tags. Of any other that is left out nothing is known.
- Whose a key is: STS says it (`GetCallerIdentity` 2018-01-01, volcenginesdk-sts 5.0.54). Where STS refuses to, the
  credentials' `account_id` is good for names alone.
- Whether a success without failures has an empty list, or nothing at all, in its `Result`. Only the list is believed at
  once; without one the tags are read back.
- What the codes of `FailedResources` are: `InternalError` is documented, which passes. Throttles and missing resources
  are known by their names, and all others are final. An entry names no key.
- Whether the removal of a key that is not there is a success. Tags are read before, so that it is not asked for.
- Which types the service knows: `ListResourceTypes` is asked. For others a product's own tag operations are used where
  they are known (`products.py`); else they are refused by name.
- Whether `ResourceTypeFilters` takes `instance` alone, as in the example, for the types of every service: what it lists
  is compared with the type that was asked for.

A removal names keys. Keys that begin with `volc:` and `sys:`, in any case, are Volcengine's own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

from untag.contracts import ALL, Action, Problem, Tag
from untag.providers.base import (
    EVERY_TYPE,
    READ_BEFORE,
    Answer,
    Facts,
    Failure,
    Limits,
    Listing,
    Location,
    Options,
    Scope,
    Seen,
    Verdict,
)
from untag.providers.http import Reply, call, end_of, message_of, name_of, tags_of, unexpected, within
from untag.providers.owners import Owner, Owners, another_account, number_in
from untag.providers.plain import Plain
from untag.providers.tokens import FORM
from untag.providers.volcengine.answers import judged, request_id, result_of, verdict_of_item
from untag.providers.volcengine.credentials import VolcengineCredentials, VolcengineSession
from untag.providers.volcengine.products import Product, product_of
from untag.providers.volcengine.signing import HMAC_SHA256, VolcengineAuth
from untag.providers.volcengine.trns import (
    GLOBAL_REGION,
    RESERVED,
    is_at_home,
    is_trn,
    parse_trn,
    problem_of,
    trn_of,
    type_problem,
)
from untag.providers.volcengine.types import KnownTypes, Types

DEFAULT_ENDPOINT = "https://open.volcengineapi.com"
VERSION = "2022-06-01"

RESOURCES_PER_CALL = 20
MOST_RESOURCES_PER_CALL = 50
KEYS_PER_CALL = 20
PAGE = 50

_SERVICE = "tag"
_STS_VERSION = "2018-01-01"
_UNKNOWN_TYPE = "type_not_supported"
_CONTENT_TYPE = "application/json; charset=UTF-8"
_OPERATIONS = {Action.REMOVE: "UntagResources", Action.RESTORE: "TagResources"}


class VolcengineTag(Plain[VolcengineCredentials]):
    """The tag service, version 2022-06-01."""

    name = "volcengine"
    api = "tag"
    endpoints = ("sts",)
    rate = 5.0  # the least that a product documents for its own tag API
    reserved_prefixes: tuple[str, ...] = RESERVED
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the resource, not the tag; at a product's own operations nothing fails alone")
    credentials = VolcengineCredentials
    finds_any_key = True
    finds_any_type = True

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        sts_endpoint: str | None = None,
        *,
        read_first: bool = True,
        resources_per_call: int = RESOURCES_PER_CALL,
    ) -> None:
        """STS is at the same endpoint, unless it has one of its own."""
        self._endpoint = endpoint.rstrip("/")
        self._sts = (sts_endpoint or endpoint).rstrip("/")
        self._owners = Owners(self._identify)
        self._types = KnownTypes(lambda session: self._call(session, "ListResourceTypes", {}))
        self.reads_first = read_first
        self.limits = Limits(resources=resources_per_call, keys=KEYS_PER_CALL)

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints and the number of resources that go into one call."""
        api = f"{cls.name}.{cls.api}"
        return cls(
            options.endpoints.get(api, DEFAULT_ENDPOINT),
            options.endpoints.get(f"{cls.name}.sts"),
            read_first=options.read_first,
            resources_per_call=min(options.resources_per_call.get(api, RESOURCES_PER_CALL), MOST_RESOURCES_PER_CALL),
        )

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """A region is needed, and a type of two words."""
        if location.region is None:
            message = f"Field required: volcengine needs a region ({GLOBAL_REGION} for resources without one)"
            yield Problem("region", message)
        if type_ != EVERY_TYPE and (problem := type_problem(type_)) is not None:
            yield Problem("type", problem)

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why a call at the location cannot reach the resource; None where it can."""
        return problem_of(type_, id_, location.region or "")

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region and type a call."""
        return Scope(self.name, self.api, location.account, location.region, None, type_)

    def auth(self, credentials: VolcengineCredentials, scope: Scope) -> VolcengineAuth:  # noqa: ARG002 - one service
        """HMAC-SHA256, derived for the tag service, which is a global one."""
        return VolcengineAuth(HMAC_SHA256, credentials, region=GLOBAL_REGION, service=_SERVICE)

    async def write(
        self,
        session: VolcengineSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - a removal names keys, and compares no version
    ) -> Answer:
        """`UntagResources` or `TagResources`. Nothing is counted; failures are by resource."""
        until = end_of(session)
        routed = await self._route(session, scope, ids)
        if isinstance(routed, Answer):
            return routed
        _, route = routed
        if isinstance(route, Product):
            return await route.write(within(session, until), action, scope, ids, tags)
        body: dict[str, Any] = {"ResourceTrnList": list(dict.fromkeys(route.values()))}
        if action is Action.REMOVE:
            body["TagKeys"] = [tag.key for tag in tags]
        else:
            body["Tags"] = [{"Key": tag.key, "Value": tag.value or ""} for tag in tags]
        reply = await self._call(within(session, until), _OPERATIONS[action], body)
        if isinstance(reply, Answer):
            return reply
        result = result_of(reply)
        rows = result.get("FailedResources", ()) if isinstance(result, dict) else ()
        if not isinstance(result, dict | None) or not isinstance(rows, list | tuple | None):
            return unexpected(reply, request_id(reply))
        asked: dict[str, list[str]] = {}
        for id_, trn in route.items():
            asked.setdefault(trn, []).append(id_)
        failures: dict[str, Failure] = {}
        for row in rows or ():
            if not isinstance(row, dict) or row.get("ResourceTrn") not in asked:
                return unexpected(reply, request_id(reply))
            code = name_of(row.get("Code")) or "resource_failed"
            told = message_of(row.get("Message"), session.credentials) or "no reason was given"
            failures |= dict.fromkeys(asked[row["ResourceTrn"]], Failure(code, told, verdict_of_item(code)))
        # Without the list of failures the answer is a success that says nothing: what became of the tags is read.
        counted = None if isinstance(result, dict) and isinstance(rows, list | None) else -1
        return Answer(Verdict.DONE, request_id=request_id(reply), failures=failures, confirmed=counted)

    async def read(self, session: VolcengineSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`GetResources` for these resources. What is left out has no tags where that is known, else no entry."""
        until = end_of(session)
        routed = await self._route(session, scope, ids)
        if isinstance(routed, Answer):
            return routed
        owner, route = routed
        if isinstance(route, Product):
            return await route.read(within(session, until), scope, ids)
        asked = list(dict.fromkeys(route.values()))
        body: dict[str, Any] = {"ResourceTrnList": asked, "MaxResults": len(asked)}
        listed: dict[str, dict[str, str]] = {}
        while True:
            reply = await self._call(within(session, until), "GetResources", body)
            if isinstance(reply, Answer):
                return reply
            page = _listed(reply)
            if page is None or not page.keys() <= set(asked):
                return unexpected(reply, request_id(reply))
            cursor = _next(reply)
            more = page.keys() - listed.keys()
            listed |= {trn: tags for trn, (_, tags) in page.items() if trn in more}
            if cursor is None or not more:
                break
            body["NextToken"] = cursor
        tags = {}
        for id_, trn in route.items():
            if trn in listed:
                tags[id_] = listed[trn]
            elif cursor is None and _is_bare(trn, scope, owner):
                tags[id_] = {}
        return Answer(Verdict.DONE, request_id=request_id(reply), tags=tags)

    async def names(self, session: VolcengineSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """The keys that a page of `GetResources` shows, or the values of one. `GetTagKeys` lists preset ones, too."""
        answer = await self.find(session, scope, ALL if key is None else Tag(key, None), cursor)
        if not isinstance(answer, Listing) or answer.tags is None:
            return answer
        found = answer.tags.values()
        names = (
            {name for tags in found for name in tags} if key is None else {tags[key] for tags in found if key in tags}
        )
        return replace(answer, names=tuple(sorted(names)), tags=None)

    async def find(self, session: VolcengineSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """`GetResources` by the type's second word and the tag. What is of another type or region is left out."""
        until = end_of(session)
        body: dict[str, Any] = {"MaxResults": PAGE}
        if cursor is not None:
            body["NextToken"] = cursor
        if tag != ALL:
            body["TagFilters"] = [{"Key": tag.key} if tag.value is None else {"Key": tag.key, "Values": [tag.value]}]
        if scope.type != EVERY_TYPE:
            if (problem := await self._unknown(session, scope)) is not None:
                return problem
            body["ResourceTypeFilters"] = [scope.type.partition(":")[2]]
        reply = await self._call(within(session, until), "GetResources", body)
        if isinstance(reply, Answer):
            return reply
        page = _listed(reply)
        if page is None:
            return unexpected(reply, request_id(reply))
        ours = {
            name: (type_, tags)
            for name, (type_, tags) in page.items()
            if (trn := parse_trn(name)) is not None
            and is_at_home(trn, scope.region or "")
            and scope.type in (type_, EVERY_TYPE)
            and tags
        }
        return Listing(
            Verdict.DONE,
            request_id=request_id(reply),
            tags={name: tags for name, (_, tags) in ours.items()},
            next=_next(reply),
            types={name: type_ for name, (type_, _) in ours.items()} if scope.type == EVERY_TYPE else {},
        )

    async def _route(
        self, session: VolcengineSession, scope: Scope, ids: tuple[str, ...]
    ) -> tuple[Owner, dict[str, str] | Product] | Answer:
        """The owner, and each resource's TRN where the tag service knows the type, else the product.

        An Answer: no call is made.
        """
        until = end_of(session)
        owner = await self._owners.of(session, written=session.credentials.account_id)
        if isinstance(owner, Answer):
            return owner
        for name in ids:
            trn = parse_trn(name)
            if trn is not None and owner.number is not None and trn.account not in ("", owner.number):
                return another_account(name, owner.number)
        if (unknown := await self._unknown(within(session, until), scope)) is not None:
            product = product_of(self._endpoint, scope.type) if unknown.code == _UNKNOWN_TYPE else None
            return unknown if product is None else (owner, product)
        if owner.number is None and not all(map(is_trn, ids)):
            message = "STS does not say whose the key is: name it by a TRN, or put account_id into the credentials"
            return Answer(Verdict.REFUSED, "account_unknown", message, unsent=True)
        return owner, {id_: trn_of(scope.type, id_, scope.region or "", owner.number or "") for id_ in ids}

    async def _unknown(self, session: VolcengineSession, scope: Scope) -> Answer | None:
        """Why the tag service is not asked about a type: it does not name it."""
        types: Types | Answer = await self._types.get(session)
        if isinstance(types, Answer):
            return replace(types, unsent=True)
        if scope.type in types:
            return None
        message = f"the tag service does not name type {scope.type} among those that it knows"
        return Answer(Verdict.FAILED, _UNKNOWN_TYPE, message, unsent=True)

    async def _identify(self, session: VolcengineSession, _: str) -> str | Answer:
        """The number of the account that the key belongs to. No permission is needed for it."""
        operation = "GetCallerIdentity"
        auth = VolcengineAuth(HMAC_SHA256, session.credentials, region=GLOBAL_REGION, service="sts")
        url = f"{self._sts}/?Action={operation}&Version={_STS_VERSION}"
        reply = await call(session._replace(auth=auth), "POST", url, b"", content_type=FORM)
        told = judged(reply, session, operation)
        if isinstance(told, Answer):
            return told
        result = result_of(told)
        number = number_in(result.get("AccountId")) if isinstance(result, dict) else None
        return number or unexpected(told, request_id(told))

    async def _call(self, session: VolcengineSession, operation: str, body: Mapping[str, Any]) -> Reply | Answer:
        """The reply if it is a success, else what it means."""
        url = f"{self._endpoint}/?Action={operation}&Version={VERSION}"
        reply = await call(session, "POST", url, body, content_type=_CONTENT_TYPE)
        return judged(reply, session, operation)


def _listed(reply: Reply) -> dict[str, tuple[str, dict[str, str]]] | None:
    """The type and the tags of each resource that an answer lists, by TRN; None if it is not the documented answer."""
    result = result_of(reply)
    rows = result.get("ResourceTagMappingList", ()) if isinstance(result, dict) else ()
    if not isinstance(rows, list | None) or (rows is None and _next(reply) is not None):
        return None
    listed: dict[str, tuple[str, dict[str, str]]] = {}
    try:
        for row in rows or ():
            tags = tags_of([{"key": tag["Key"], "value": tag["Value"]} for tag in row["Tags"] or ()])
            name = row["ResourceTrn"]
            if not isinstance(name, str):
                return None
            listed.setdefault(name, (_type_of(name, row), {}))[1].update(tags)
    except (KeyError, TypeError, AttributeError):
        return None
    return listed


def _type_of(name: str, row: Mapping[str, Any]) -> str:
    if (trn := parse_trn(name)) is None:
        raise TypeError("a resource should be named by a TRN")
    if trn.kind is None:
        return f"{row['ServiceName']}:{row['ResourceType']}"
    return f"{trn.service}:{trn.kind}"


def _next(reply: Reply) -> str | None:
    """The token at which a listing goes on; an empty one is none."""
    token = (result_of(reply) or {}).get("NextToken")
    return token if isinstance(token, str) and token else None


def _is_bare(name: str, scope: Scope, owner: Owner) -> bool:
    """Whether a resource that GetResources leaves out has no tags: it is of the account, the type and the region."""
    trn = parse_trn(name)
    return (
        trn is not None
        and owner.is_account(trn.account)
        and f"{trn.service}:{trn.kind}" == scope.type
        and is_at_home(trn, scope.region or "")
    )
