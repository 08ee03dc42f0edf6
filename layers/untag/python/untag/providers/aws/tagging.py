"""AWS's Resource Groups Tagging API: `UntagResources`, `TagResources`, and `GetResources` to read back and to find.

Facts from botocore 1.44.5 (the model of 2017-01-26) and the API's pages. What they leave open, and what follows:

- A call is within one account and one region; the types of its resources do not matter. So ARNs of several types share
  a call; bare ids of one type do, since their ARNs are built by the type.
- A removal names keys. To remove a key that is not there is a success, by the documents.
- `GetResources` for ARNs leaves out what never bore a tag, what does not exist, what is in another account or region,
  and resources of types that it does not list. So a resource that is left out has no tags only if its type is known
  to be listed, and its ARN names the region and the account of the call (`_is_bare`). Of all others nothing is known:
  a bucket's ARN names neither. Auto Scaling groups are listed without their tags: they are refused by name, since
  nothing could confirm a removal. IAM's roles and users are left out: IAM itself reads and changes their tags
  (`iam.py`).
- An ARN with another account's number would be left out as well, so it is refused before a call is made. The account's
  number is the role's, else `GetCallerIdentity` says it.
- `FailedResourcesMap` lies inside a success, by ARN, with codes of the services that own the resources. It names no
  key. An empty or cut body is no success, though AWS's own SDKs take it for one.
- Keys are case-sensitive; those that begin with `aws:`, in any case, are AWS's own.
- 5 writing calls a second for an account and region are said to be allowed, 15 reading ones: one pace holds for both.
- `TagResources` on a stack set's resources starts an update of the stack set.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import httpx

from untag.contracts import ALL, Action, Problem, Tag
from untag.providers.aws.answers import judged, request_id
from untag.providers.aws.arns import (
    BY_IAM,
    GLOBAL_REGION,
    LISTED,
    NOT_LISTED,
    RESERVED,
    arn_of,
    comparable,
    needs_account,
    not_listed,
    parse_arn,
    partition_of,
    problem_of,
    role_problem,
)
from untag.providers.aws.credentials import AwsCredentials, AwsSession
from untag.providers.aws.errors import verdict_of_item
from untag.providers.aws.keys import Keys
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
from untag.providers.http import Reply, call, message_of, name_of, tags_of, unexpected
from untag.providers.owners import another_account
from untag.providers.plain import Plain

RESOURCES_PER_CALL = 20
RESOURCES_IN_A_READ = 100
KEYS_PER_CALL = 50

_TARGET = "ResourceGroupsTaggingAPI_20170126"
_CONTENT_TYPE = "application/x-amz-json-1.1"
_OPERATIONS = {Action.REMOVE: "UntagResources", Action.RESTORE: "TagResources"}


class TypeScope(Scope):
    """A scope of one type."""

    __slots__ = ()

    def of_ids(self, ids: Sequence[str]) -> Scope:
        """ARNs say their type, so that those of several types share a call."""
        return NamedScope(*self) if all(id_.startswith("arn:") for id_ in ids) else self


class AwsTagging(Plain[AwsCredentials]):
    """The Resource Groups Tagging API."""

    name = "aws"
    api = "tagging"
    endpoints: tuple[str, ...] = ("sts",)
    limits = Limits(resources=RESOURCES_PER_CALL, keys=KEYS_PER_CALL, read_resources=RESOURCES_IN_A_READ)
    rate = 5.0
    reserved_prefixes: tuple[str, ...] = RESERVED
    longest_value = 256
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the resource, not the tag")
    documented_types = LISTED
    credentials = AwsCredentials
    finds_any_key = True
    finds_any_type = True

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """`environ` holds the host's own keys, or says where they are given out."""
        own = f"{self.name}.{self.api}"
        size = min(options.resources_per_call.get(own, RESOURCES_PER_CALL), RESOURCES_PER_CALL)
        self.limits = self.limits._replace(resources=size)
        self.reads_first = options.read_first
        self._endpoint = options.endpoints.get(own)
        self._keys = Keys(environ, options.endpoints.get(f"{self.name}.sts"))

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints, and the role that this process itself has."""
        return cls(options, os.environ)

    def accepts(self, type_: str) -> bool:
        """Every type but those that IAM reads."""
        return type_ not in BY_IAM

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """A region is needed, and a type whose tags can be read."""
        if location.region is None:
            message = f"Field required: aws has no call without a region ({GLOBAL_REGION} for global services)"
            yield Problem("region", message)
        if type_ in NOT_LISTED:
            yield Problem("type", not_listed(type_))

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why a call at the location cannot reach the resource; None where it can."""
        return problem_of(type_, id_, location.region or "")

    def warnings(self, asked: Asked) -> Iterator[str]:
        """What looks like a mistake but may be right."""
        for type_ in asked.types:
            if ":" in type_ and self.accepts(type_) and type_ not in LISTED:
                yield f"type {type_} is not among those whose tags are known to be listed in full"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region and type a call."""
        return TypeScope(self.name, self.api, location.account, location.region, None, type_)

    def comparable_id(self, id_: str) -> str:
        """One resource's ARN may be written in several ways."""
        return comparable(id_)

    def refusal(self, credentials: AwsCredentials, scope: Scope) -> Failure | None:
        """A role of another partition than the region's cannot be assumed."""
        return role_problem(credentials.role_arn, scope.region or "")

    def auth(self, credentials: AwsCredentials, scope: Scope) -> httpx.Auth:
        """The signature of an account's key, or of a role's keys, which expire."""
        return self._keys.auth(credentials, "tagging", scope.region or "")

    async def write(
        self,
        session: AwsSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],  # noqa: ARG002 - a removal names keys, and compares no version
    ) -> Answer:
        """`UntagResources` or `TagResources`. Nothing is counted; failures are by resource."""
        arns = await self._arns(session, scope, ids)
        if isinstance(arns, Answer):
            return arns
        body: dict[str, Any] = {"ResourceARNList": list(dict.fromkeys(arns.values()))}
        if action is Action.REMOVE:
            body["TagKeys"] = [tag.key for tag in tags]
        else:
            body["Tags"] = {tag.key: tag.value or "" for tag in tags}
        reply = await self._call(session, scope, _OPERATIONS[action], body)
        if isinstance(reply, Answer):
            return reply
        payload = reply.json()
        failed = payload.get("FailedResourcesMap") if isinstance(payload, dict) else None
        if not isinstance(failed, dict):
            return unexpected(reply, request_id(reply))
        asked: dict[str, list[str]] = {}
        for id_, arn in arns.items():
            asked.setdefault(comparable(arn), []).append(id_)
        failures: dict[str, Failure] = {}
        for arn, entry in failed.items():
            if comparable(arn) not in asked or not isinstance(entry, dict):
                return unexpected(reply, request_id(reply))
            code = name_of(entry.get("ErrorCode")) or "resource_failed"
            told = message_of(entry.get("ErrorMessage"), session.credentials) or "no reason was given"
            failure = Failure(code, told, verdict_of_item(entry.get("StatusCode"), code))
            failures |= dict.fromkeys(asked[comparable(arn)], failure)
        return Answer(Verdict.DONE, request_id=request_id(reply), failures=failures)

    async def read(self, session: AwsSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`GetResources` for these resources. What is left out has no tags where that is known, else no entry."""
        arns = await self._arns(session, scope, ids)
        if isinstance(arns, Answer):
            return arns
        body = {"ResourceARNList": list(dict.fromkeys(arns.values()))}
        reply = await self._call(session, scope, "GetResources", body)
        if isinstance(reply, Answer):
            return reply
        listed = _listed(reply, comparable)
        asked = {comparable(arn) for arn in arns.values()}
        if listed is None or not listed.keys() <= asked:
            return unexpected(reply, request_id(reply))
        whole = not _next(reply)
        tags = {}
        for id_, arn in arns.items():
            if (found := listed.get(comparable(arn))) is not None:
                tags[id_] = found
            elif whole and _is_bare(arn, scope):
                tags[id_] = {}
        return Answer(Verdict.DONE, request_id=request_id(reply), tags=tags)

    async def names(self, session: AwsSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """`GetTagKeys`, or `GetTagValues` of a key: of all types in the account and region."""
        operation, field = ("GetTagKeys", "TagKeys") if key is None else ("GetTagValues", "TagValues")
        body = {} if key is None else {"Key": key}
        reply = await self._call(session, scope, operation, body | _from(cursor))
        if isinstance(reply, Answer):
            return reply
        payload = reply.json()
        names = payload.get(field) if isinstance(payload, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return unexpected(reply, request_id(reply))
        return Listing(Verdict.DONE, request_id=request_id(reply), names=tuple(names), next=_next(reply))

    async def find(self, session: AwsSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """`GetResources` by the type and the tag. A page may be short, or empty, with more behind it."""
        filters = {"Key": tag.key} if tag.value is None else {"Key": tag.key, "Values": [tag.value]}
        body: dict[str, Any] = {"ResourcesPerPage": RESOURCES_IN_A_READ, **_from(cursor)}
        if tag != ALL:
            body["TagFilters"] = [filters]
        if scope.type != EVERY_TYPE:
            body["ResourceTypeFilters"] = [scope.type]
        reply = await self._call(session, scope, "GetResources", body)
        if isinstance(reply, Answer):
            return reply
        listed = _listed(reply)
        if listed is None:
            return unexpected(reply, request_id(reply))
        types = _types(listed) if scope.type == EVERY_TYPE else {}
        if types is None:
            return unexpected(reply, request_id(reply))
        return Listing(Verdict.DONE, request_id=request_id(reply), tags=listed, next=_next(reply), types=types)

    async def _arns(self, session: AwsSession, scope: Scope, ids: tuple[str, ...]) -> dict[str, str] | Answer:
        """Each resource's ARN. An Answer where the account is not known, or is not that of one of them."""
        region, number = scope.region or "", ""
        if any(needs_account(scope.type, id_) for id_ in ids):
            account = await self._keys.account(session, region)
            if isinstance(account, Answer):
                return replace(account, unsent=True)
            number = account
        arns = {id_: arn_of(scope.type, id_, region, number) for id_ in ids}
        for arn in arns.values():
            parsed = parse_arn(arn)
            if parsed is not None and parsed.account not in ("", number):
                return another_account(arn, number)
        return arns

    async def _call(self, session: AwsSession, scope: Scope, operation: str, body: Mapping[str, Any]) -> Reply | Answer:
        """The reply if it is a success, else what it means."""
        region = scope.region or ""
        url = f"{self._endpoint or f'https://tagging.{region}.{partition_of(region).suffix}'}/"
        headers = {"x-amz-target": f"{_TARGET}.{operation}"}
        reply = await call(session, "POST", url, body, content_type=_CONTENT_TYPE, headers=headers)
        return judged(reply, session)


def _from(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"PaginationToken": cursor}


def _listed(reply: Reply, name: Callable[[str], str] = str) -> dict[str, dict[str, str]] | None:
    """The tags of each resource that an answer lists, by ARN; None if it is not the documented answer."""
    payload = reply.json()
    rows = payload.get("ResourceTagMappingList") if isinstance(payload, dict) else None
    if not isinstance(rows, list):
        return None
    listed: dict[str, dict[str, str]] = {}
    try:
        for row in rows:
            tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in row["Tags"]]
            if not isinstance(row["ResourceARN"], str):
                return None
            listed.setdefault(name(row["ResourceARN"]), {}).update(tags_of(tags))
    except (KeyError, TypeError, AttributeError):
        return None
    return listed


def _types(arns: Iterable[str]) -> dict[str, str] | None:
    """The type of each resource; None if one of them is not named by an ARN."""
    types = {}
    for arn in arns:
        if (parsed := parse_arn(arn)) is None:
            return None
        types[arn] = parsed.type
    return types


def _next(reply: Reply) -> str | None:
    """The token at which a listing goes on; an empty one is none."""
    token = reply.json().get("PaginationToken")
    return token if isinstance(token, str) and token else None


def _is_bare(arn: str, scope: Scope) -> bool:
    """Whether a resource that GetResources leaves out has no tags.

    Its account is that of the call already, where its ARN names one.
    """
    parsed = parse_arn(arn)
    if parsed is None or parsed.type not in LISTED:
        return False
    if parsed.account == "":
        # An image's id, or that of an API, belongs to one region; whether it is the account's own is not said.
        return False
    return parsed.region == scope.region or (parsed.region == "" and scope.region == GLOBAL_REGION)
