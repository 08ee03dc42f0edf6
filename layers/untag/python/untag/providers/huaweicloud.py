"""What Huawei Cloud's APIs have in common: the account's key, the signature, and how an error is told.

Facts from huaweicloudsdkcore 3.1.219 (exceptions/exception_handler.py), the API Gateway's error table and those of
Config and TMS. What they leave open:

- An error is `{"error_code", "error_msg"}`, and at some services the same under `error`. TMS's pages show both, so both
  are read at every service. The gateway adds a `request_id`.
- A code begins with the name of whoever speaks: `RMS.`, `TMS.`, `APIGW.` for the gateway. A 404 is the resource's if it
  is the service that speaks, and a wrong address if it is anybody else.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import httpx

from untag.contracts import Problem, RemovalRequest, Tag
from untag.providers.base import Answer, Failure, Listing, Scope, Session, Verdict
from untag.providers.http import Reply, message_of, name_of, tags_of, unexpected
from untag.signing import Credentials, HuaweiAuth

THROTTLES = frozenset({"APIGW.0308", "TMS.0006"})
"""Throttles by code: the gateway's is usually a 429, TMS's is a 403 ("The request is Too much, try again later")."""

_WHOLE_SCOPE = frozenset({"TMS.2011", "TMS.5027"})
"""Refusals of what every resource of a call has in common, its project or its type: no half of it would fare better."""

_KEY_MATTERS: Mapping[int, Verdict] = {401: Verdict.UNAUTHORIZED, 403: Verdict.FORBIDDEN}

# The id stands in the path of some calls. Dots alone would be another path.
_ID = re.compile(r"[A-Za-z0-9_.:-]*[A-Za-z0-9_:-][A-Za-z0-9_.:-]*")
_ID_LENGTH = 512


class HuaweiCloud(ABC):
    """What every provider of this cloud inherits; the rest of the Protocol is each API's own."""

    name = "huaweicloud"
    rate = 20.0  # the gateway allows 200 a second for an API; some services' writes are said to be far below
    removes_pairs = False
    reserved_prefixes: tuple[str, ...] = ("_sys_",)
    credential_variables: Mapping[str, str] = {
        "access_key": "HUAWEICLOUD_SDK_AK",
        "secret_key": "HUAWEICLOUD_SDK_SK",
        "domain_id": "HUAWEICLOUD_SDK_DOMAIN_ID",
        "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    }
    required_credentials: tuple[str, ...] = ("access_key", "secret_key", "domain_id")

    speaker: ClassVar[str]
    """What the service's own codes begin with."""

    @abstractmethod
    def accepts(self, type_: str) -> bool:
        """Whether resources of this type are this API's."""

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """Ids that could not be told from a part of a path."""
        for index, group in enumerate(request.resources):
            for number, id_ in enumerate(group.ids) if self.accepts(group.type) else ():
                if len(id_) > _ID_LENGTH or not _ID.fullmatch(id_):
                    yield Problem(f"resources.{index}.ids.{number}", f"String should match pattern '{_ID.pattern}'")

    def warnings(self, request: RemovalRequest) -> Iterator[str]:  # noqa: ARG002 - the Protocol's
        """Nothing looks like a mistake that is not one."""
        return iter(())

    def folded(self, key: str) -> str:
        """Keys are compared as they are."""
        return key

    def refusal(self, credentials: Credentials, scope: Scope) -> Failure | None:  # noqa: ARG002 - the Protocol's
        """Nothing but the API itself refuses."""
        return None

    def region_of(self, credentials: Credentials, scope: Scope) -> str | None:  # noqa: ARG002 - the Protocol's
        """The region of the scope; a global service has none."""
        return scope.region

    def auth(self, credentials: Credentials, scope: Scope) -> HuaweiAuth:  # noqa: ARG002 - signed without a scope
        """SDK-HMAC-SHA256 with the account's id."""
        return HuaweiAuth(credentials)

    def judged(self, reply: Reply, session: Session) -> Answer:
        """What an answer that is not the documented success means."""
        if httpx.codes.is_success(reply.status):
            return unexpected(reply, request_id(reply))
        code, message = told(reply.json(), session.credentials)
        code = code or f"HTTP_{reply.status}"
        verdict = _verdict(reply.status, code, self.speaker)
        if verdict is Verdict.UNAUTHORIZED:
            message = "the key was not accepted"  # the gateway echoes the canonical request, headers included
        return Answer(verdict, code, message, request_id(reply), reply.retry_after())


def _verdict(status: int, code: str, speaker: str) -> Verdict:
    """What may be retried is decided here: throttles (429, or by code alone), 408 and 5xx. The APIs are idempotent."""
    if status == httpx.codes.TOO_MANY_REQUESTS or code in THROTTLES:
        return Verdict.THROTTLED
    if status in _KEY_MATTERS:
        return _KEY_MATTERS[status]
    if status == httpx.codes.NOT_FOUND:
        return Verdict.NOT_FOUND if code.startswith(speaker) else Verdict.FAILED
    if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    refused = httpx.codes.is_client_error(status) and code not in _WHOLE_SCOPE
    return Verdict.REFUSED if refused else Verdict.FAILED


def told(error: Any, credentials: Credentials) -> tuple[str | None, str | None]:
    """Code and message of an error, flat or one level down."""
    found = error if isinstance(error, dict) else {}
    if isinstance(found.get("error"), dict):
        found = found["error"]
    return name_of(found.get("error_code")), message_of(found.get("error_msg"), credentials)


def wire(tags: tuple[Tag, ...]) -> list[dict[str, str]]:
    """Tags as every tag API of this cloud takes them: where no value is known the key stands alone."""
    return [{"key": key} if value is None else {"key": key, "value": value} for key, value in tags]


def request_id(reply: Reply) -> str | None:
    """The call's id: in a header, and in the body where it is the gateway that speaks."""
    if (in_header := name_of(reply.headers.get("x-request-id"))) is not None:
        return in_header
    payload = reply.json()
    return name_of(payload.get("request_id")) if isinstance(payload, dict) else None


def wanted(tag: Tag) -> list[dict[str, Any]]:
    """A tag as the searches of this cloud take it."""
    return [{"key": tag.key, "values": [] if tag.value is None else [tag.value]}]


def found(reply: Reply) -> Answer:
    """A page of resources with their tags, out of an answer of success."""
    try:
        payload = reply.json()
        rows = payload["resources"]
        tags = {str(row["resource_id"]): tags_of(row["tags"] or []) for row in rows}
        total = payload["total_count"]
    except (KeyError, TypeError, AttributeError):
        return unexpected(reply, request_id(reply))
    if len(tags) != len(rows) or type(total) is not int:
        return unexpected(reply, request_id(reply))
    return Listing(Verdict.DONE, request_id=request_id(reply), tags=tags, total=total)


def named(reply: Reply, key: str | None) -> Answer:
    """A page of keys, or the values of one key if the page has it, out of an answer of success."""
    try:
        payload = reply.json()
        rows = payload["tags"]
        names = [row["key"] for row in rows] if key is None else _values(rows, key)
        total = payload.get("total_count", len(rows))
    except (KeyError, TypeError, AttributeError):
        return unexpected(reply, request_id(reply))
    if not all(isinstance(name, str) for name in names) or type(total) is not int:
        return unexpected(reply, request_id(reply))
    return Listing(Verdict.DONE, request_id=request_id(reply), names=tuple(names), total=total)


def _values(rows: list[dict[str, Any]], key: str) -> list[Any]:
    return [value for row in rows if row["key"] == key for value in row["values"]]
