"""How the tag API's answers are read, and what its codes mean: one table for calls, one for resources inside a call.

Sources: alibabacloud_tea_openapi 0.4.6 (client.py) and the API's pages. Codes decide, not the status: a throttle is a
400 with `Throttling…` at most products, a wrong key is a 400, a 403 or a 404.

- A request that comes too late (`InvalidTimeStamp.…`) or with a nonce that was seen (`SignatureNonceUsed`) is right
  once it is signed afresh, so it counts as one that passes.
- The pages list no error inside a success but for resources. A 200 with a code of its own is none.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import httpx

from untag.providers.base import Answer, Session, Verdict
from untag.providers.http import Reply, message_of, name_of, unexpected

_THROTTLES = "Throttling"
_PASSING = ("InternalError", "ServiceUnavailable", "SignatureNonceUsed", "InvalidTimeStamp")
_BY_CODE: Mapping[str | tuple[str, ...], Verdict] = {
    _THROTTLES: Verdict.THROTTLED,
    (
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidSecurityToken",
        "MissingSecurityToken",
    ): Verdict.UNAUTHORIZED,
    ("Forbidden", "NoPermission", "AccessDenied"): Verdict.FORBIDDEN,
    _PASSING: Verdict.UNAVAILABLE,
    # These speak of the call's address, and of no resource in it.
    ("InvalidAction", "InvalidApi", "InvalidProduct", "InvalidRegion", "InvalidVersion"): Verdict.FAILED,
}
"""By how codes begin."""
_BY_STATUS = {
    401: Verdict.UNAUTHORIZED,
    403: Verdict.FORBIDDEN,
    408: Verdict.UNAVAILABLE,
    429: Verdict.THROTTLED,
}
_OF_SOMETHING_IN_IT = frozenset({400, 413, 414})
_LONGEST_WAIT = 900.0
_XML_BYTES = 64 * 1024


def judged(reply: Reply | Answer, session: Session) -> Reply | Answer:
    """The reply if it is a success, else what it means."""
    if isinstance(reply, Answer):
        return reply
    if not httpx.codes.is_success(reply.status) or _error(reply)[0] is not None:
        return _answer(reply, session)
    payload = reply.json()
    told = payload.get("RequestId") if isinstance(payload, dict) else None
    # Every documented answer has it in its body: one without it is cut, empty, or somebody else's.
    whole = reply.status == httpx.codes.OK and isinstance(told, str) and told != ""
    return reply if whole else unexpected(reply, request_id(reply))


def _answer(reply: Reply, session: Session) -> Answer:
    told, text = _error(reply)
    code = told or f"HTTP_{reply.status}"
    verdict = verdict_of_call(reply.status, code)
    message = message_of(text, session.credentials)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the key was not accepted"  # the cloud's text may repeat what was signed, the token included
    return Answer(verdict, code, message, request_id(reply), _retry_after(reply))


def verdict_of_call(status: int, code: str) -> Verdict:
    """What an error means for a call."""
    for codes, verdict in _BY_CODE.items():
        if code.startswith(codes):
            return verdict
    if (by_status := _BY_STATUS.get(status)) is not None:
        return by_status
    if httpx.codes.is_success(status) or httpx.codes.is_server_error(status):
        return Verdict.UNAVAILABLE
    if is_not_found(code):
        return Verdict.NOT_FOUND
    # One bad ARN refuses the whole call, and a query may be too long. An address that there is not is no resource's
    # fault.
    return Verdict.REFUSED if status in _OF_SOMETHING_IN_IT else Verdict.FAILED


def verdict_of_item(code: str) -> Verdict:
    """What an entry of FailedResources means for its resource; the code is the owning product's own."""
    if code.startswith(_THROTTLES):
        return Verdict.THROTTLED
    if code.startswith(_PASSING):
        return Verdict.UNAVAILABLE
    return Verdict.NOT_FOUND if is_not_found(code) else Verdict.FAILED


def is_not_found(code: str) -> bool:
    """Whether a code says that a resource does not exist."""
    return code.endswith((".NotFound", ".NotExist", ".NotExists"))


def request_id(reply: Reply) -> str | None:
    """Alibaba Cloud's id of the call."""
    payload = reply.json()
    told = payload if isinstance(payload, dict) else {}
    found = name_of(told.get("RequestId")) or name_of(told.get("requestId")) or name_of(_in_xml(reply, "RequestId"))
    return found or name_of(reply.headers.get("x-acs-request-id"))


def _error(reply: Reply) -> tuple[str | None, Any]:
    """The code and the message of an error, None where the answer has no code."""
    payload = reply.json()
    if isinstance(payload, dict):
        code = name_of(payload.get("Code")) or name_of(payload.get("code"))
        return code, payload.get("Message") or payload.get("message")
    return name_of(_in_xml(reply, "Code")), _in_xml(reply, "Message")


def _in_xml(reply: Reply, name: str) -> str | None:
    """The text of an element in an error that comes as XML; it has no attributes, and nothing is nested in it."""
    if not reply.body.lstrip().startswith(b"<") or len(reply.body) > _XML_BYTES:
        return None
    found = re.search(f"<{name}>([^<]*)</{name}>", reply.body.decode(errors="replace"))
    return unescape(found[1]) if found else None


def _retry_after(reply: Reply) -> float:
    """The seconds to wait: `x-acs-retry-after` is in milliseconds, `Retry-After` in seconds."""
    text = reply.headers.get("x-acs-retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]) / 1000, _LONGEST_WAIT)
    return reply.retry_after()
