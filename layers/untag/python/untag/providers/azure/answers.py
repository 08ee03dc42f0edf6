"""What the Resource Manager's answers mean, by status and code.

Sources: azure-core 1.41.0, and the pages "Resolve common errors" and "Understand how Azure Resource Manager throttles
requests". What they leave open, and what follows:

- An error is `{"error": {"code", "message"}}`, at some services without the `error` around it: both are read.
- The code for a type that has no tags is not documented: it is a failure, as is every code that is not known.
- A subscription that is not found (404) may be another cloud's, or misspelt: that a resource of it is gone does not
  follow. It is a failure.
- A subscription of another tenant is refused with a 401, `InvalidAuthenticationTokenTenant`. It refuses the resource,
  not the token: others of the call's account go on.
"""

import re
from typing import Any

import httpx

from untag.providers.azure.credentials import AzureSession
from untag.providers.base import Answer, Verdict
from untag.providers.http import Reply, message_of, name_of
from untag.providers.http import unexpected as not_documented
from untag.providers.tokens import TokenAuth

_OTHER_TENANT = "InvalidAuthenticationTokenTenant"
_NOT_FOUND = (httpx.codes.NOT_FOUND, Verdict.NOT_FOUND)
_BUSY = (httpx.codes.CONFLICT, Verdict.UNAVAILABLE)
"""Another change is under way."""

_BY_CODE = {
    "TooManyRequests": Verdict.THROTTLED,
    "SubscriptionRequestsThrottled": Verdict.THROTTLED,
    "RateLimiting": Verdict.THROTTLED,
    _OTHER_TENANT: Verdict.FORBIDDEN,
    "ScopeLocked": Verdict.FORBIDDEN,
    # A policy may demand one of several tags: it is worth asking for the others without it.
    "RequestDisallowedByPolicy": Verdict.REFUSED,
}
_BY_CODE_AND_STATUS = {
    "ResourceNotFound": _NOT_FOUND,
    "ResourceGroupNotFound": _NOT_FOUND,
    "ParentResourceNotFound": _NOT_FOUND,
    "Conflict": _BUSY,
    "AnotherOperationInProgress": _BUSY,
    "RetryableError": _BUSY,
}
_BY_STATUS: dict[int, Verdict] = {
    401: Verdict.UNAUTHORIZED,
    403: Verdict.FORBIDDEN,
    408: Verdict.UNAVAILABLE,
    429: Verdict.THROTTLED,
}
_QUOTA = re.compile(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?")


def request_id(reply: Reply) -> str | None:
    """Azure's id of the call."""
    return name_of(reply.headers.get("x-ms-request-id") or reply.headers.get("x-ms-correlation-request-id"))


def unexpected(reply: Reply) -> Answer:
    """An answer of success that is not the documented one."""
    return not_documented(reply, request_id(reply))


def judged(reply: Reply, session: AzureSession) -> Answer:
    """What an answer that is no documented success means."""
    if httpx.codes.is_success(reply.status):
        return unexpected(reply)
    error = _error(reply)
    code = name_of(error.get("code")) or f"HTTP_{reply.status}"
    verdict = verdict_of(reply.status, code)
    said, token = error.get("message"), session.auth.token if isinstance(session.auth, TokenAuth) else None
    if isinstance(said, str) and isinstance(token, str):
        said = said.replace(token, "***")  # before it is cut
    message = message_of(said, session.credentials)
    if reply.status == httpx.codes.UNAUTHORIZED:
        other = "the subscription is in another tenant than the credentials"
        message = other if code == _OTHER_TENANT else "the token was not accepted"
    return Answer(verdict, code, message, request_id(reply), reply.retry_after() or _quota_seconds(reply))


def verdict_of(status: int, code: str) -> Verdict:
    """What an error means for a call, which is for one resource. Nothing but a policy is worth asking in halves."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    needed, verdict = _BY_CODE_AND_STATUS.get(code, (None, Verdict.FAILED))
    if status == needed:
        return verdict
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    return _BY_STATUS.get(status, Verdict.FAILED)


def refuses_token(reply: Reply) -> bool:
    """Whether an answer refuses the token that the call bore."""
    return reply.status == httpx.codes.UNAUTHORIZED and _error(reply).get("code") != _OTHER_TENANT


def _error(reply: Reply) -> dict[str, Any]:
    payload = reply.json()
    outer = payload if isinstance(payload, dict) else {}
    inner = outer.get("error")
    return inner if isinstance(inner, dict) else outer


def _quota_seconds(reply: Reply) -> float:
    """Resource Graph says when its quota is whole again as `hh:mm:ss`."""
    found = _QUOTA.fullmatch(reply.headers.get("x-ms-user-quota-resets-after", ""))
    if found is None or reply.status != httpx.codes.TOO_MANY_REQUESTS:
        return 0.0
    hours, minutes, seconds = map(int, found.groups()[:3])
    return min(900.0, hours * 3600.0 + minutes * 60.0 + seconds)
