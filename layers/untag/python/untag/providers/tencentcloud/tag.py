"""Tencent Cloud's Tag API: `UnTagResources`, `TagResources`, and `GetResources` to read back and to find.

Facts from tencentcloud-sdk-python-tag 3.1.109 (version 2018-08-13) and the API's pages. What they leave open, and what
follows:

- Every answer has HTTP 200, and an error stands in it. The vendor's SDK looks for it only under two content types, and
  takes it for a success under any other; here the body alone counts (`errors.py`).
- What the removal of a key that is not there answers is not documented; a code for it exists. Tags are read before, so
  that it is hardly asked for, and the code is never a failure by itself: a read-back says what stands there.
- `FailedResources` names resources, not keys. It is "empty" on success: a list without entries, or null, which is how
  the SDK's model has it; an answer without the field, or without a request id, is no success.
- `GetResources` for names gives "all matching resources" that are associated with tags. One that is left out has no
  tags only if nothing else can be the reason: its type is documented, and its name has the uin that STS has
  said (`_is_bare`). Of all others nothing is known.
- A name has the owner's uin. STS says it for a key (`GetCallerIdentity`, tencentcloud-sdk-python-sts 3.0.1459), in a
  region, as its page requires. Where STS refuses to, the credentials' `account_id` is good for names alone. A name
  with another uin is refused before a call is made.
- `GetResources` filters by tags alone: types and regions are picked out of its answers here. Whether it lists every
  tagged resource without a filter is not documented, so that it is never asked for.
- Keys are case-sensitive. `project` is a live attribute of resources behind a tag: it is never touched, nor are keys
  that begin with what is or was reserved.
- 20 calls a second of each operation are allowed; one pace holds for all of them.
- No region is signed, or sent to the Tag API: a call reaches resources of every region, by their names.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.providers.base import (
    EVERY_TYPE,
    READ_BEFORE,
    Answer,
    Asked,
    Facts,
    Failure,
    Limits,
    Listing,
    Location,
    NamedScope,
    Options,
    Scope,
    Seen,
    Verdict,
)
from untag.providers.http import call, end_of, message_of, name_of, tags_of, within
from untag.providers.owners import Owner, Owners, another_account, number_in
from untag.providers.plain import Plain
from untag.providers.tencentcloud.credentials import TencentCredentials, TencentSession
from untag.providers.tencentcloud.errors import Success, judged, verdict_of_resource
from untag.providers.tencentcloud.names import (
    LISTED,
    REGIONAL,
    TYPE,
    is_name,
    name_of_id,
    parse_name,
    place_of,
    problem_of,
)
from untag.providers.tencentcloud.signing import Tc3Auth

DEFAULT_ENDPOINT = "https://tag.tencentcloudapi.com"
STS_ENDPOINT = "https://sts.tencentcloudapi.com"
VERSION = "2018-08-13"

RESOURCES_PER_CALL = 10
KEYS_PER_CALL = 10
FOUND_IN_A_PAGE = 200
NAMES_IN_A_PAGE = 1000

_OPERATIONS = {Action.REMOVE: "UnTagResources", Action.RESTORE: "TagResources"}


class TypeScope(Scope):
    """A scope of one type."""

    __slots__ = ()

    def of_ids(self, ids: Sequence[str]) -> Scope:
        """Names say their type, so that those of several types share a call."""
        return NamedScope(*self) if all(map(is_name, ids)) else self


class TencentTag(Plain[TencentCredentials]):
    """The Tag API, version 2018-08-13."""

    name = "tencentcloud"
    api = "tag"
    endpoints = ("sts",)
    rate = 15.0
    reserved_prefixes: tuple[str, ...] = ("qcs:", "project", "项目", "qcloud", "tencent")
    longest_key = 127
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the resource, not the tag")
    credentials = TencentCredentials
    documented_types = LISTED
    finds_any_type = True

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        sts_endpoint: str = STS_ENDPOINT,
        *,
        read_first: bool = True,
        resources_per_call: int = RESOURCES_PER_CALL,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._sts = sts_endpoint.rstrip("/")
        self._owners = Owners(self._identify)
        self.reads_first = read_first
        self.limits = Limits(resources=resources_per_call, keys=KEYS_PER_CALL, read_resources=RESOURCES_PER_CALL)

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints and the number of resources that go into one call."""
        own = f"{cls.name}.{cls.api}"
        return cls(
            options.endpoints.get(own, DEFAULT_ENDPOINT),
            options.endpoints.get(f"{cls.name}.sts", STS_ENDPOINT),
            read_first=options.read_first,
            resources_per_call=min(options.resources_per_call.get(own, RESOURCES_PER_CALL), RESOURCES_PER_CALL),
        )

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """What every cloud checks, and what a tag may be."""
        yield from super().problems(request)
        for index, tag in enumerate(request.named_tags() if request.action is Action.RESTORE else ()):
            if tag.value == "":
                yield Problem(f"tags.{index}.value", "String should have at least 1 character on tencentcloud")

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """A region is needed, and a type of a service and a prefix."""
        if location.region is None:
            yield Problem("region", "Field required: tencentcloud has no call without a region")
        if type_ != EVERY_TYPE and not TYPE.fullmatch(type_):
            yield Problem("type", "should be service:prefix, as in cvm:instance")

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why a call at the location cannot reach the resource; None where it can."""
        return problem_of(type_, id_, location.region or "")

    def warnings(self, asked: Asked) -> Iterator[str]:
        """What looks like a mistake but may be right."""
        for type_ in asked.types:
            if type_ not in LISTED:
                yield f"type {type_} is not among those whose names are known from Tencent Cloud's documents"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region and type a call."""
        return TypeScope(self.name, self.api, location.account, location.region, None, type_)

    def auth(self, credentials: TencentCredentials, scope: Scope) -> Tc3Auth:  # noqa: ARG002 - signed without a scope
        """TC3."""
        return Tc3Auth(credentials)

    async def write(
        self,
        session: TencentSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - this API has no versions
    ) -> Answer:
        """`UnTagResources` or `TagResources`. Nothing is counted; failures are by resource."""
        until = end_of(session)
        named = await self._named(session, scope, ids)
        if isinstance(named, Answer):
            return named
        _, names = named
        body: dict[str, Any] = {"ResourceList": list(dict.fromkeys(names.values()))}
        if action is Action.REMOVE:
            body["TagKeys"] = [tag.key for tag in tags]
        else:
            body["Tags"] = [{"TagKey": tag.key, "TagValue": tag.value or ""} for tag in tags]
        success = await self._call(within(session, until), _OPERATIONS[action], body)
        if isinstance(success, Answer):
            return success
        failed = success.fields.get("FailedResources", False)
        if not isinstance(failed, list | None):
            return success.unexpected()
        asked: dict[str, list[str]] = {}
        for id_, name in names.items():
            asked.setdefault(name, []).append(id_)
        failures: dict[str, Failure] = {}
        for entry in failed or ():
            blamed = entry.get("Resource") if isinstance(entry, dict) else None
            if not isinstance(blamed, str) or blamed not in asked:
                return success.unexpected()
            code = name_of(entry.get("Code")) or "resource_failed"
            told = message_of(entry.get("Message"), session.credentials) or "no reason was given"
            failures |= dict.fromkeys(asked[blamed], Failure(code, told, verdict_of_resource(code)))
        return Answer(Verdict.DONE, request_id=success.request_id, failures=failures)

    async def read(self, session: TencentSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`GetResources` for these resources. What is left out has no tags where that is known, else no entry."""
        until = end_of(session)
        named = await self._named(session, scope, ids)
        if isinstance(named, Answer):
            return named
        owner, names = named
        body = {"ResourceList": list(dict.fromkeys(names.values()))}
        success = await self._call(within(session, until), "GetResources", body)
        if isinstance(success, Answer):
            return success
        listed = _listed(success)
        if listed is None or not listed.keys() <= set(names.values()):
            return success.unexpected()
        whole = _next(success) is None
        tags = {}
        for id_, name in names.items():
            if name in listed:
                tags[id_] = listed[name]
            elif whole and _is_bare(name, owner):
                tags[id_] = {}
        return Answer(Verdict.DONE, request_id=success.request_id, tags=tags)

    async def names(self, session: TencentSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:  # noqa: ARG002
        """`GetTagKeys`, or `GetTagValues` of a key: all that the account has, in use or not."""
        body: dict[str, Any] = {"PaginationToken": cursor or "", "MaxResults": NAMES_IN_A_PAGE}
        if key is None:
            operation, field = "GetTagKeys", "TagKeys"
        else:
            operation, field = "GetTagValues", "Tags"
            body["TagKeys"] = [key]
        success = await self._call(session, operation, body)
        if isinstance(success, Answer):
            return success
        rows = success.fields.get(field)
        if not isinstance(rows, list):
            return success.unexpected()
        found = rows if key is None else [row.get("TagValue") if isinstance(row, dict) else None for row in rows]
        names = tuple(name for name in found if isinstance(name, str))
        if len(names) != len(rows):
            return success.unexpected()
        return Listing(Verdict.DONE, request_id=success.request_id, names=names, next=_next(success))

    async def find(self, session: TencentSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """`GetResources` by the tag; of its resources those of the type and the region, or of no region.

        A page may be short, or empty, with more behind it.
        """
        tag_filter: dict[str, Any] = {"TagKey": tag.key}
        if tag.value is not None:
            tag_filter["TagValue"] = [tag.value]
        body = {"TagFilters": [tag_filter], "PaginationToken": cursor or "", "MaxResults": FOUND_IN_A_PAGE}
        success = await self._call(session, "GetResources", body)
        if isinstance(success, Answer):
            return success
        listed = _listed(success)
        if listed is None:
            return success.unexpected()
        tags: dict[str, dict[str, str]] = {}
        types: dict[str, str] = {}
        for name, its in listed.items():
            if (place := place_of(name)) is None:
                return success.unexpected()
            if scope.type in (place[0], EVERY_TYPE) and place[1] in ("", scope.region):
                tags[name] = its
                types[name] = place[0]
        if scope.type != EVERY_TYPE:
            types = {}
        return Listing(Verdict.DONE, request_id=success.request_id, tags=tags, next=_next(success), types=types)

    async def _named(
        self, session: TencentSession, scope: Scope, ids: tuple[str, ...]
    ) -> tuple[Owner, dict[str, str]] | Answer:
        """The key's owner, and each resource's name. An Answer: no call is made."""
        region = scope.region or ""
        owner = await self._owners.of(session, region, session.credentials.account_id)
        if isinstance(owner, Answer):
            return owner
        if owner.number is None and not all(map(is_name, ids)):
            message = (
                "STS does not say whose the key is: name it by six segments, or put account_id into the credentials"
            )
            return Answer(Verdict.REFUSED, "no_account_id", message, unsent=True)
        names = {id_: name_of_id(scope.type, id_, region, owner.number or "") for id_ in ids}
        for name in names.values():
            parsed = parse_name(name)
            of_other = parsed is not None and parsed.kind == "uin" and parsed.owner != owner.number
            if of_other and owner.number is not None:
                return another_account(name, owner.number)
        return owner, names

    async def _identify(self, session: TencentSession, region: str) -> str | Answer:
        """The uin of the account that the key belongs to. No permission is needed for it."""
        signed = session._replace(auth=Tc3Auth(session.credentials, service="sts"))
        success = await self._call(signed, "GetCallerIdentity", {}, self._sts, {"x-tc-region": region})
        if isinstance(success, Answer):
            return success
        return number_in(success.fields.get("AccountId")) or success.unexpected()

    async def _call(
        self,
        session: TencentSession,
        operation: str,
        body: Mapping[str, Any],
        endpoint: str | None = None,
        more: Mapping[str, str] = {},
    ) -> Success | Answer:
        """The answer if it is a success, else what it means. STS has the same version as the Tag API."""
        headers = {"x-tc-action": operation, "x-tc-version": VERSION, "x-tc-language": "en-US", **more}
        reply = await call(session, "POST", f"{endpoint or self._endpoint}/", body, headers=headers)
        return reply if isinstance(reply, Answer) else judged(reply, session)


def _listed(success: Success) -> dict[str, dict[str, str]] | None:
    """The tags of each resource that an answer lists, by name; None if it is not the documented answer."""
    rows = success.fields.get("ResourceTagMappingList")
    token = success.fields.get("PaginationToken", "")
    if not isinstance(rows, list) or not isinstance(token, str | None):
        return None
    listed: dict[str, dict[str, str]] = {}
    try:
        for row in rows:
            tags = tags_of([{"key": tag["TagKey"], "value": tag["TagValue"]} for tag in row["Tags"]])
            if not isinstance(row["Resource"], str):
                return None
            listed.setdefault(row["Resource"], {}).update(tags)
    except (KeyError, TypeError, AttributeError):
        return None
    return listed


def _next(success: Success) -> str | None:
    """The token at which a listing goes on; an empty one is none."""
    token = success.fields.get("PaginationToken")
    return token if isinstance(token, str) and token else None


def _is_bare(name: str, owner: Owner) -> bool:
    """Whether a resource that GetResources leaves out has no tags: no part of its name can be wrong but the id."""
    parsed = parse_name(name)
    if parsed is None or parsed.type not in LISTED or parsed.kind != "uin":
        return False
    return owner.is_account(parsed.owner) and (parsed.region != "") is (parsed.type in REGIONAL)
