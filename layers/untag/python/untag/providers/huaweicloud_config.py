"""Huawei Cloud Config (RMS): tags of Config's own resources, in batches for one resource.

Facts from huaweicloudsdkconfig 3.1.219, the API's page and its OpenAPI file. What they leave open:

- A delete of a tag that is not there answers 204 as any other, and whether a value is compared is not said. So with
  `read_first` the tags are read before, and only what stands there with the value asked for is deleted.
- `value` is required by the schema and left out in the official example: the real value is sent where it is known.
- No code for "resource not found" is documented: a 404 with a code of Config's own (`RMS.`) speaks of the resource, any
  other of the address.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from untag import environment
from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.providers.base import Answer, Limits, Scope, Session, Verdict
from untag.providers.http import Reply, call, message_of, name_of, tags_of, unexpected
from untag.signing import Credentials, HuaweiAuth

DEFAULT_ENDPOINT = "https://rms.myhuaweicloud.com"

TYPES = ("config:policyAssignments", "config:aggregators", "config:aggregationAuthorizations")

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,512}")
_THROTTLE = "APIGW.0308"
_OPERATIONS = {Action.REMOVE: "delete", Action.RESTORE: "create"}


class HuaweiConfig:
    """Config's resource tag API, version 1. It is a global service: a region in a request is told, not used."""

    name = "huaweicloud"
    api = "config"
    limits = Limits(resources=1, keys=20)
    rate = 20.0  # the gateway allows 200 a second for an API; some of Config's writes are said to be far below
    reserved_prefixes: tuple[str, ...] = ("_sys_",)
    credential_variables: Mapping[str, str] = {
        "access_key": "HUAWEICLOUD_SDK_AK",
        "secret_key": "HUAWEICLOUD_SDK_SK",
        "domain_id": "HUAWEICLOUD_SDK_DOMAIN_ID",
        "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    }
    required_credentials: tuple[str, ...] = ("access_key", "secret_key", "domain_id")

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT, *, read_first: bool = True) -> None:
        self._endpoint = endpoint.rstrip("/")
        self.reads_first = read_first

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, read_first: bool) -> Self:
        """With its endpoint."""
        return cls(
            environment.endpoint(environ, "UNTAG_HUAWEICLOUD_CONFIG_ENDPOINT", DEFAULT_ENDPOINT),
            read_first=read_first,
        )

    def accepts(self, type_: str) -> bool:
        """Config's own three types."""
        return type_ in TYPES

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """Ids as the API's pattern has them."""
        for index, group in enumerate(request.resources):
            for number, id_ in enumerate(group.ids) if self.accepts(group.type) else ():
                if not _ID.fullmatch(id_):
                    yield Problem(f"resources.{index}.ids.{number}", f"String should match pattern '{_ID.pattern}'")

    def warnings(self, request: RemovalRequest) -> Iterator[str]:  # noqa: ARG002 - the Protocol's
        """Nothing looks like a mistake that is not one."""
        return iter(())

    def scope(self, request: RemovalRequest, type_: str) -> Scope:
        """One account and type; the service is global, so requests that name different regions share their calls."""
        return Scope(self.name, self.api, request.account, None, None, type_)

    def auth(self, credentials: Credentials, scope: Scope) -> HuaweiAuth:  # noqa: ARG002 - signed without a scope
        """SDK-HMAC-SHA256 with the account's id."""
        return HuaweiAuth(credentials)

    async def write(
        self, session: Session, action: Action, scope: Scope, ids: tuple[str, ...], tags: tuple[Tag, ...]
    ) -> Answer:
        """Batch delete or batch create on one resource. Nothing is counted: 204 is for all of it."""
        body = {"tags": [{"key": key} if value is None else {"key": key, "value": value} for key, value in tags]}
        reply = await call(session, "POST", f"{self._tags_url(scope, ids[0])}/{_OPERATIONS[action]}", body)
        if isinstance(reply, Answer):
            return reply
        if reply.status == httpx.codes.NO_CONTENT:
            return Answer(Verdict.DONE, request_id=_request_id(reply, None))
        return _judged(reply, session)

    async def read(self, session: Session, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """The tags of one resource."""
        reply = await call(session, "GET", self._tags_url(scope, ids[0]))
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return _judged(reply, session)
        payload = reply.json()
        try:
            tags = tags_of(payload["tags"])
        except (KeyError, TypeError, AttributeError):
            return unexpected(reply, _request_id(reply, payload))
        return Answer(Verdict.DONE, request_id=_request_id(reply, payload), tags={ids[0]: tags})

    def _tags_url(self, scope: Scope, id_: str) -> str:
        return f"{self._endpoint}/v1/resource-manager/{quote(scope.type, safe='')}/{quote(id_, safe='')}/tags"


def _judged(reply: Reply, session: Session) -> Answer:
    """What an answer that is not the documented success means. What may be retried is decided here and nowhere else."""
    payload = reply.json()
    found = payload if isinstance(payload, dict) else {}
    request_id = _request_id(reply, payload)
    if httpx.codes.is_success(reply.status):
        return unexpected(reply, request_id)
    name = name_of(found.get("error_code")) or f"HTTP_{reply.status}"
    verdict = _verdict(reply.status, name)
    message = message_of(found.get("error_msg"), session.credentials)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the key was not accepted"  # the gateway echoes the canonical request, headers included
    return Answer(verdict, name, message, request_id, reply.retry_after())


def _verdict(status: int, name: str) -> Verdict:
    """Retryable are 429 (APIGW.0308, which is also told by its code alone), 408 and 5xx; the API is idempotent."""
    if status == httpx.codes.TOO_MANY_REQUESTS or name == _THROTTLE:
        return Verdict.THROTTLED
    if status == httpx.codes.UNAUTHORIZED:
        return Verdict.UNAUTHORIZED
    if status == httpx.codes.FORBIDDEN:
        return Verdict.FORBIDDEN
    if status == httpx.codes.NOT_FOUND:
        return Verdict.NOT_FOUND if name.startswith("RMS.") else Verdict.FAILED
    if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    return Verdict.REFUSED if httpx.codes.is_client_error(status) else Verdict.FAILED


def _request_id(reply: Reply, payload: Any) -> str | None:
    found = payload.get("request_id") if isinstance(payload, dict) else None
    return name_of(reply.headers.get("x-request-id")) or name_of(found)
