"""How Volcengine's answers are read: `ResponseMetadata`, with an Error whatever the HTTP status says, and `Result`.

Facts from the documents' list of common error codes, volcenginesdkcore 5.0.54, and the tag operations' pages. Codes
decide before the status: one code comes with different statuses (`InvalidResource.NotFound` with 400 and 404,
`AccountFlowLimitExceeded` with 200, 400 and 429).
"""

import re
from typing import Any

import httpx

from untag.providers.base import Answer, Verdict
from untag.providers.http import Reply, message_of, name_of, unexpected
from untag.providers.volcengine.credentials import VolcengineSession

_THROTTLE = re.compile(r"FlowLimit|Throttl|TooManyRequests|RateLimit|QpsLimit|RequestLimitExceeded", re.IGNORECASE)
_THROTTLED_NUMBER = 100027  # AccountFlowLimitExceeded
_UNAUTHORIZED = frozenset(
    {
        "InvalidAccessKey",
        "InvalidAuthorization",
        "InvalidCredential",
        "InvalidSecretToken",
        "InvalidTimestamp",
        "MissingAuthenticationToken",
        "MissingSignature",
        "SignatureDoesNotMatch",
    }
)
_FORBIDDEN = frozenset({"AccessDenied", "LackPolicy", "LackProjectPolicy", "Forbidden"})
_WRONG_ADDRESS = frozenset({"InvalidActionOrVersion", "MissingRequestInfo", "ServiceNotFound"})
"""Codes that speak of the address or the call, and of no resource."""
_PASSING = frozenset(
    {
        "InternalError",
        "InternalServiceError",
        "InternalServiceTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableTemporarily",
    }
)


def judged(reply: Reply | Answer, session: VolcengineSession, operation: str) -> Reply | Answer:
    """The reply if it is a success of that operation, else what it means."""
    if isinstance(reply, Answer):
        return reply
    metadata = _metadata(reply)
    error = metadata.get("Error")
    if not error and reply.status == httpx.codes.OK:
        named = metadata.get("Action") in (None, operation) and request_id(reply) is not None
        return reply if named else unexpected(reply, request_id(reply))
    if not error and httpx.codes.is_success(reply.status):
        return unexpected(reply, request_id(reply))
    told: dict[str, Any] = error if isinstance(error, dict) else {}
    code = name_of(told.get("Code")) or f"HTTP_{reply.status}"
    verdict = verdict_of_call(reply.status, code, told.get("CodeN"))
    message = message_of(told.get("Message"), session.credentials)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the credentials were not accepted"  # the text repeats the access key
    return Answer(verdict, code, message, request_id(reply), reply.retry_after())


def result_of(reply: Reply) -> Any:
    """What stands under `Result`, None where nothing does."""
    payload = reply.json()
    return payload.get("Result") if isinstance(payload, dict) else None


def operation_of(reply: Reply) -> object:
    """The operation that the answer says it is of."""
    return _metadata(reply).get("Action")


def request_id(reply: Reply) -> str | None:
    """Volcengine's id of the call."""
    return name_of(_metadata(reply).get("RequestId"))


def verdict_of_call(status: int, code: str, number: object = None) -> Verdict:
    """What an error means for a call."""
    if _THROTTLE.search(code) or number == _THROTTLED_NUMBER or status == httpx.codes.TOO_MANY_REQUESTS:
        return Verdict.THROTTLED
    if code in _UNAUTHORIZED or status == httpx.codes.UNAUTHORIZED:
        return Verdict.UNAUTHORIZED
    if code in _FORBIDDEN or status == httpx.codes.FORBIDDEN:
        return Verdict.FORBIDDEN
    if (known := _verdict_of_code(code)) is not None:
        return known
    if status == httpx.codes.REQUEST_TIMEOUT or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    # A 404 whose code names no resource speaks of the address.
    refused = httpx.codes.is_success(status) or (
        httpx.codes.is_client_error(status) and status != httpx.codes.NOT_FOUND
    )
    return Verdict.REFUSED if refused else Verdict.FAILED


def _verdict_of_code(code: str) -> Verdict | None:
    if code in _WRONG_ADDRESS:
        return Verdict.FAILED
    if code in _PASSING:
        return Verdict.UNAVAILABLE
    return Verdict.NOT_FOUND if is_not_found(code) else None


def verdict_of_item(code: str) -> Verdict:
    """What an entry of FailedResources means for its resource. Documented is InternalError alone, which passes."""
    if _THROTTLE.search(code):
        return Verdict.THROTTLED
    if code in _PASSING:
        return Verdict.UNAVAILABLE
    return Verdict.NOT_FOUND if is_not_found(code) else Verdict.FAILED


def is_not_found(code: str) -> bool:
    """Whether a code says that a resource does not exist."""
    return "NotFound" in code or "NotExist" in code


def _metadata(reply: Reply) -> dict[str, Any]:
    payload = reply.json()
    metadata = payload.get("ResponseMetadata") if isinstance(payload, dict) else None
    return metadata if isinstance(metadata, dict) else {}
