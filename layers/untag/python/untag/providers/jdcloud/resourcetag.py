"""JD Cloud resource tags: `unTagResources`, `tagResources`, and `describeResources` to read back.

Facts from jdcloud_sdk 1.6.354, the API's page and the OpenAPI gateway's error table. What they leave open:

- The API's page names the host `resource-tag.jdcloud-api.com`, every SDK `resourcetag.jdcloud-api.com`. The SDKs' is
  used by real callers, so it is the default; the other works by way of the endpoint variable.
- No limit for ids in a call is documented: `resources_per_call` is a setting. A resource has at most 10 tags.
- An untag names exact pairs: for a tag without a value the resource's tags are read before. What a pair that is not
  bound answers is not documented: with `read_first` none is asked for, and a failed entry and a count that is too small
  are both settled by reading back.
- `describeResources` lists resources that bear a tag: one of the ids asked for that it leaves out bears none.
- An answer that names other resources than those asked for, as in `img.example.com` for `Img.Example.com`, says nothing
  of those.
- A failed entry names the resource, not the tag.
- Nothing pages ("paging not supported at present"): a listing is one answer, up to `listing_bytes`.
- Every field of a listing may be left out: it is then one of every service code, or of every tag.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx

from untag.contracts import ALL, Action, Problem, RemovalRequest, Tag
from untag.providers.base import (
    EVERY_TYPE,
    Answer,
    Asked,
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
from untag.providers.http import MAX_BODY_BYTES, Reply, call, message_of, name_of, tags_of, unexpected
from untag.providers.jdcloud.credentials import JDCloudCredentials, JDSession
from untag.providers.plain import Plain
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth

DEFAULT_ENDPOINT = "https://resourcetag.jdcloud-api.com"

# fmt: off
SERVICE_CODES = frozenset({
    "vm", "disk", "sqlserver", "es", "mongodb", "ip", "memcached", "redis", "drds", "rds", "database", "db_ro",
    "percona", "percona_ro", "mariadb", "mariadb_ro", "pg", "cdn", "nativecontainer", "pod", "zfs", "jqs",
    "kubernetesNodegroup", "jcq",
})
# fmt: on
"""The codes that the API's page lists. More are live than are listed, so an unknown one is a warning, not an error."""

REGIONS = frozenset({"cn-north-1", "cn-east-1", "cn-east-2", "cn-south-1", "cn-all"})
"""The regions that the API documents list, with cdn's own. An unknown one is a warning, too."""

MOST_RESOURCES_PER_CALL = 500

_CDN, _CDN_REGION = "cdn", "cn-all"
_THROTTLES = frozenset({"RATE_LIMIT", "HTTP_RATE_LIMIT_EXCEEDED"})
_QUOTA = "QUOTA"
"""Part of a code that says 429 of a quota: no pace and no patience mends that."""
_OPERATIONS = {Action.REMOVE: "unTagResources", Action.RESTORE: "tagResources"}


class JDCloud(Plain[JDCloudCredentials]):
    """The resourcetag API, version 1."""

    name = "jdcloud"
    api = "resourcetag"
    rate = 15.0  # the gateway's limit is 1000 a minute for most product lines
    reserved_prefixes: tuple[str, ...] = ("jrn:",)
    longest_key = 127
    removes_pairs = True
    facts = Facts(guard="the call names key and value", failures="the resource, not the tag")
    credentials = JDCloudCredentials
    documented_regions = REGIONS
    documented_types = SERVICE_CODES

    pages = False
    finds_any_key = True
    finds_any_type = True

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        read_first: bool = True,
        resources_per_call: int = 50,
        listing_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._listing_bytes = listing_bytes
        self.reads_first = read_first
        self.limits = Limits(resources=resources_per_call, keys=10)

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoint and the number of ids that go into one call."""
        api = f"{cls.name}.{cls.api}"
        return cls(
            options.endpoints.get(api, DEFAULT_ENDPOINT),
            read_first=options.read_first,
            resources_per_call=min(options.resources_per_call.get(api, 50), MOST_RESOURCES_PER_CALL),
        )

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """A region is needed, no value is empty, and cdn is at home in `cn-all` only."""
        yield from super().problems(request)
        for index, tag in enumerate(request.named_tags()):
            if tag.value == "":
                yield Problem(f"tags.{index}.value", "String should have at least 1 character on jdcloud")

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """A region is needed, and cdn is at home in `cn-all` only."""
        if location.region is None:
            yield Problem("region", "Field required: jdcloud has no call without a region")
        elif type_ == _CDN and location.region != _CDN_REGION:
            yield Problem("type", f"cdn resources are in region {_CDN_REGION}")

    def warnings(self, asked: Asked) -> Iterator[str]:
        """What looks like a mistake but may be right."""
        if asked.location.region is not None and asked.location.region not in REGIONS:
            yield f"region {asked.location.region} is not among those that JD Cloud documents"
        for type_ in asked.types:
            if type_ not in SERVICE_CODES:
                yield f"service code {type_} is not among those that JD Cloud documents"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account, region and service code a call."""
        return Scope(self.name, self.api, location.account, location.region, None, type_)

    def auth(self, credentials: JDCloudCredentials, scope: Scope) -> DerivedKeyAuth:
        """JDCLOUD3, derived for the region."""
        return DerivedKeyAuth(JDCLOUD3, credentials, region=scope.region or "jdcloud-api", service="resourcetag")

    async def write(
        self,
        session: JDSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002 - this API has no versions
    ) -> Answer:
        """`unTagResources` or `tagResources`; `confirmed` counts pairs, failures are by resource."""
        operation = _OPERATIONS[action]
        vo = {
            "resources": [{"serviceCode": scope.type, "resourceId": ids}],
            "tags": [{"key": key, "value": value} for key, value in tags],
        }
        reply = await self._call(session, scope, operation, {operation: vo})
        if isinstance(reply, Answer):
            return reply
        data, request_id = _data(reply)
        failed = data.get("failedResourcesMap") if data is not None else None
        if data is None or not isinstance(failed, list | None):
            return unexpected(reply, request_id)
        failures = {}
        for entry in failed or ():
            if not isinstance(entry, dict) or entry.get("resourceId") not in ids:
                return unexpected(reply, request_id)
            message = message_of(entry.get("msg"), session.credentials) or "no reason was given"
            failures[entry["resourceId"]] = Failure("resource_failed", message)
        count = data.get("successCount")
        return Answer(
            Verdict.DONE,
            request_id=request_id,
            failures=failures,
            confirmed=count if type(count) is int else -1,
        )

    async def read(self, session: JDSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`describeResources` for these ids. A resource that the answer does not list has no tags."""
        filters = {"serviceCodes": [scope.type], "resourceIds": ids}
        reply = await self._call(session, scope, "describeResources", {"resourceVo": filters})
        if isinstance(reply, Answer):
            return reply
        listed, request_id = _listed(reply, scope, ids)
        if listed is None:
            return unexpected(reply, request_id)
        tags = {id_: listed.get(id_, {}) for id_ in ids}
        return Answer(Verdict.DONE, request_id=request_id, tags=tags)

    async def names(self, session: JDSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:  # noqa: ARG002
        """`describeKeys` of the service code, or `describeValues` of the key, which knows no service code."""
        body: dict[str, Any]
        if key is None:
            operation, field, body = "describeKeys", "tagKeys", {"tagKeysVo": _codes(scope)}
        else:
            operation, field, body = "describeValues", "tagValues", {"tagValuesVo": {"tagFilters": [{"key": key}]}}
        reply = await self._call(session, scope, operation, body, self._listing_bytes)
        if isinstance(reply, Answer):
            return reply
        data, request_id = _data(reply)
        names = data.get(field, False) if data is not None else False
        if not isinstance(names, list | None) or not all(isinstance(name, str) for name in names or ()):
            return unexpected(reply, request_id)
        return Listing(Verdict.DONE, request_id=request_id, names=tuple(names or ()))

    async def find(self, session: JDSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:  # noqa: ARG002
        """`describeResources` of the service code and the tag, all of them in one answer."""
        tag_filter = {"key": tag.key} if tag.value is None else {"key": tag.key, "values": [tag.value]}
        filters = {} if tag == ALL else {"tagFilters": [tag_filter]}
        body = {"resourceVo": {**_codes(scope), **filters}}
        reply = await self._call(session, scope, "describeResources", body, self._listing_bytes)
        if isinstance(reply, Answer):
            return reply
        listed, request_id = _listed(reply, scope)
        if listed is None:
            return unexpected(reply, request_id)
        types = _types(reply) if scope.type == EVERY_TYPE else {}
        if types is None:
            message = "resources of two types have the same id: write the types as a list"
            return Answer(Verdict.FAILED, "ambiguous_ids", message, request_id)
        return Listing(Verdict.DONE, request_id=request_id, tags=listed, types=types)

    async def _call(
        self,
        session: JDSession,
        scope: Scope,
        operation: str,
        body: Mapping[str, Any],
        limit: int = MAX_BODY_BYTES,
    ) -> Reply | Answer:
        url = f"{self._endpoint}/v1/regions/{scope.region}/tags:{operation}"
        # The SDKs repeat the region in the body.
        reply = await call(session, "POST", url, {"regionId": scope.region, **body}, limit=limit)
        return reply if isinstance(reply, Answer) else self._judged(reply, session)

    def _judged(self, reply: Reply, session: JDSession) -> Reply | Answer:
        """The reply if it is a success, else what it means. What may be retried is decided here and nowhere else."""
        payload = reply.json()
        error = payload.get("error") if isinstance(payload, dict) else None
        if isinstance(error, dict) and error.get("code") == 0:
            error = None  # "no error", beside a success
        if httpx.codes.is_success(reply.status) and not error:
            return reply if reply.status == httpx.codes.OK else unexpected(reply, _request_id(reply, payload))
        error = error if isinstance(error, dict) else {}
        code = error.get("code")
        status = code if reply.status == httpx.codes.OK and type(code) is int else reply.status
        name = name_of(error.get("status")) or f"HTTP_{status}"
        text = error.get("message") if isinstance(payload, dict) else reply.body.decode(errors="replace")
        message = message_of(text, session.credentials)
        verdict = _verdict(status, name, str(error.get("message") or ""))
        if verdict is Verdict.UNAUTHORIZED:
            message = "the key was not accepted"  # the gateway's text may repeat what was signed
        return Answer(verdict, name, message, _request_id(reply, payload), reply.retry_after())


def _verdict(status: int, name: str, message: str) -> Verdict:
    """Retryable are 429 under either of its names, 408 and the gateway's 5xx; the error table says so of 500 to 504."""
    if status == httpx.codes.TOO_MANY_REQUESTS or name in _THROTTLES:
        return Verdict.FAILED if _QUOTA in name else Verdict.THROTTLED
    if status == httpx.codes.UNAUTHORIZED:
        return Verdict.UNAUTHORIZED
    if status == httpx.codes.FORBIDDEN:
        return Verdict.FORBIDDEN
    if status == httpx.codes.NOT_FOUND:
        # The gateway's own 404 speaks of the address ("no route and no API found with those values [gw]").
        return Verdict.FAILED if "[gw]" in message or not message else Verdict.NOT_FOUND
    if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    return Verdict.REFUSED if httpx.codes.is_client_error(status) else Verdict.FAILED


def _data(reply: Reply) -> tuple[dict[str, Any] | None, str | None]:
    payload = reply.json()
    result = payload.get("result") if isinstance(payload, dict) else None
    data = result.get("data") if isinstance(result, dict) else None
    return data if isinstance(data, dict) and data else None, _request_id(reply, payload)


def _listed(
    reply: Reply, scope: Scope, ids: tuple[str, ...] | None = None
) -> tuple[dict[str, dict[str, str]] | None, str | None]:
    """The tags of each resource that an answer lists.

    None if it is not the documented one, or speaks of others than `ids` where these were asked for.
    """
    data, request_id = _data(reply)
    listed = data.get("resourceTagMappingList", False) if data is not None else False
    if not isinstance(listed, list | None):
        return None, request_id
    tags: dict[str, dict[str, str]] = {}
    try:
        for mapping in listed or ():
            ours = scope.type in (mapping["serviceCode"], EVERY_TYPE) and (ids is None or mapping["resourceId"] in ids)
            if ours:
                tags.setdefault(mapping["resourceId"], {}).update(tags_of(mapping["tags"] or []))
            elif ids is not None:
                return None, request_id
    except (KeyError, TypeError, AttributeError):
        return None, request_id
    return tags, request_id


def _types(reply: Reply) -> dict[str, str] | None:
    """The service code of each resource in the documented answer; None if two of them have the same id."""
    types: dict[str, str] = {}
    for mapping in (_data(reply)[0] or {}).get("resourceTagMappingList") or ():
        code = mapping["serviceCode"]
        if types.setdefault(mapping["resourceId"], code) != code:
            return None
    return types


def _codes(scope: Scope) -> dict[str, list[str]]:
    """The service codes that a listing is limited to."""
    return {} if scope.type == EVERY_TYPE else {"serviceCodes": [scope.type]}


def _request_id(reply: Reply, payload: Any) -> str | None:
    id_ = payload.get("requestId") if isinstance(payload, dict) else None
    return name_of(id_) or name_of(reply.headers.get("x-jdcloud-request-id"))
