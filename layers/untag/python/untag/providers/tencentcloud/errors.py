"""What Tencent Cloud's answers mean. Errors come with HTTP 200, on two levels: of the call, and of a resource in it.

Sources: tencentcloud-sdk-python-tag 3.1.109 (errorcodes.py) and the documentation's common error codes (651/33024).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from untag.providers.base import Answer, Verdict
from untag.providers.http import Reply, message_of, name_of, unexpected
from untag.providers.tencentcloud.credentials import TencentSession

_THROTTLE = "RequestLimitExceeded"
"""With or without one of its sub-codes (`.IPLimitExceeded`, `.UinLimitExceeded`, …)."""

_UNAUTHORIZED = "AuthFailure"
"""A signature, a key or a token that was not accepted, but for these two, which are said of accepted ones."""
_FORBIDDEN = frozenset({"AuthFailure.UnauthorizedOperation", "AuthFailure.MFAFailure"})
_FORBIDDEN_FAMILY = "UnauthorizedOperation"

_INTERNAL = "InternalError"
_BUSY = frozenset({"FailedOperation.ResourceTagProcessing"})
"""Another change of the resource's tags is under way. A bare `FailedOperation` names no cause: it is asked again in
halves, and read back."""

_NOT_FOUND = "ResourceNotFound"
"""Bare. Its sub-codes speak of tags (`.AttachedTagKeyNotFound`): a read-back shows what stands there."""

_WRONG_ADDRESS = frozenset(
    {"ActionOffline", "InvalidAction", "NoSuchProduct", "NoSuchVersion", "UnsupportedProtocol", "UnsupportedRegion"}
)
_UNAVAILABLE_STATUS = frozenset({408, 500, 502, 503, 504})
_REFUSED_STATUS = frozenset({httpx.codes.OK, httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE})


class Success(NamedTuple):
    """An answer that says of no error: what stands in its `Response`."""

    reply: Reply
    fields: Mapping[str, Any]

    @property
    def request_id(self) -> str | None:
        """Tencent Cloud's id of the call."""
        return name_of(self.fields.get("RequestId"))

    def unexpected(self) -> Answer:
        """It is not the documented answer."""
        return unexpected(self.reply, self.request_id)


def judged(reply: Reply, session: TencentSession) -> Success | Answer:
    """The answer if it is a success, else what it means. The body alone decides, whatever its content type says."""
    payload = reply.json()
    response = payload.get("Response") if isinstance(payload, dict) else None
    success = Success(reply, response if isinstance(response, dict) else {})
    error = success.fields.get("Error")
    told = error if isinstance(error, dict) else {}
    code = name_of(told.get("Code"))
    if code is None and httpx.codes.is_success(reply.status):
        whole = reply.status == httpx.codes.OK and error is None and success.request_id is not None
        return success if whole else success.unexpected()
    code = code or f"HTTP_{reply.status}"
    verdict = verdict_of_call(reply.status, code)
    message = message_of(told.get("Message"), session.credentials)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the credentials were not accepted"  # its text may repeat what was signed
    return Answer(verdict, code, message, success.request_id, reply.retry_after())


def verdict_of_call(status: int, code: str) -> Verdict:
    """What an error means for a call."""
    family = code.partition(".")[0]
    if family == _THROTTLE or status == httpx.codes.TOO_MANY_REQUESTS:
        return Verdict.THROTTLED
    if code in _FORBIDDEN or family == _FORBIDDEN_FAMILY or status == httpx.codes.FORBIDDEN:
        return Verdict.FORBIDDEN
    if family == _UNAUTHORIZED or status == httpx.codes.UNAUTHORIZED:
        return Verdict.UNAUTHORIZED
    if family == _INTERNAL or code in _BUSY or status in _UNAVAILABLE_STATUS:
        return Verdict.UNAVAILABLE
    if code == _NOT_FOUND:
        return Verdict.NOT_FOUND
    # An address or an operation that there is not is no resource's fault.
    return Verdict.FAILED if code in _WRONG_ADDRESS or status not in _REFUSED_STATUS else Verdict.REFUSED


def verdict_of_resource(code: str) -> Verdict:
    """What an entry of FailedResources means for its resource. What is not known to pass is final.

    A key that is not attached (`ResourceNotFound.AttachedTagKeyNotFound`) is final too: the read-back that comes before
    a failure is believed shows it as absent.
    """
    family = code.partition(".")[0]
    if family == _THROTTLE:
        return Verdict.THROTTLED
    if family == _INTERNAL or code in _BUSY:
        return Verdict.UNAVAILABLE
    return Verdict.NOT_FOUND if code == _NOT_FOUND else Verdict.FAILED
