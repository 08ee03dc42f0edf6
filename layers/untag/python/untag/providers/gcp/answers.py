"""How Google Cloud's answers are read: errors in each of its envelopes, operations, and what a 404 speaks of.

`{"error": {"code", "message", "status", "errors": [{"reason"}], "details": [{"reason"}]}}`; Cloud Storage and BigQuery
leave out `status`, and most services one of the two lists. No request id can be relied on: Cloud Storage names an
upload's id, and what an operation is called says as much.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

from untag.providers.base import Answer, Failure, Session, Verdict
from untag.providers.gcp.names import same_path
from untag.providers.gcp.shapes import Resource
from untag.providers.http import Reply, message_of, name_of, unexpected
from untag.providers.tokens import Bearer, TokenAuth

_THROTTLES = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "RATE_LIMIT_EXCEEDED",
        "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED",
        "RESOURCE_EXHAUSTED",
    }
)
"""With 403 these pass: quotas are refilled by the minute."""

_SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED", "BILLING_DISABLED"})
"""With 403 these are the project's: neither halves nor time mend them."""

_NO_RESOURCE = frozenset({"notFound", "NOT_FOUND"})
_CHANGED = re.compile("fingerprint|etag", re.IGNORECASE)
_BUSY = re.compile(
    r"(another|concurrent|pending|incompatible|running) operation|operation.* in progress|try again|retry",
    re.IGNORECASE,
)
_NOT_READY = frozenset({"resourceNotReady", "RESOURCE_NOT_READY", "operationInProgress"})
_STALE = frozenset({"conditionNotMet", "CONDITION_NOT_MET", "ABORTED"})
_NAMED = re.compile(r"projects/[^'\"\s\])]+")
_OF_PROJECT = re.compile(r"(?<![\w-])project(?![\w-])", re.IGNORECASE)
"""The word, not a project that is called so."""

_BY_STATUS: Mapping[int, Verdict] = {
    httpx.codes.UNAUTHORIZED: Verdict.UNAUTHORIZED,
    httpx.codes.REQUEST_TIMEOUT: Verdict.UNAVAILABLE,
    httpx.codes.PRECONDITION_FAILED: Verdict.STALE,
    httpx.codes.TOO_MANY_REQUESTS: Verdict.THROTTLED,
}

_CODE_ABORTED = 10
_CODE_EXHAUSTED = 8
_CODE_UNAVAILABLE = 14
_OF_GRPC = {
    _CODE_ABORTED: Verdict.STALE,
    _CODE_EXHAUSTED: Verdict.THROTTLED,
    _CODE_UNAVAILABLE: Verdict.UNAVAILABLE,
}
"""Codes of google.rpc.Code in an operation's error. All others are final."""


class Error(NamedTuple):
    """What an error says: the most exact code, every code, and its text."""

    code: str
    codes: frozenset[str]
    message: str


def judged(reply: Reply | Answer, session: Session, asked: Resource | None = None) -> Reply | Answer:
    """The reply if it is a success, else what it means. `asked` is the resource that the call was for."""
    if isinstance(reply, Answer) or reply.status == httpx.codes.OK:
        return reply
    if httpx.codes.is_success(reply.status):
        return unexpected(reply, request_id(reply))
    error = _error(reply)
    verdict = _verdict(reply.status, error, asked)
    message = _masked(error.message, session)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the token was not accepted"
    return Answer(verdict, error.code, message, request_id(reply), reply.retry_after())


def _verdict(status: int, error: Error, asked: Resource | None) -> Verdict:
    """By the status and the codes. Writes are idempotent, so that what may pass is asked again."""
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    if status == httpx.codes.FORBIDDEN:
        return _of_forbidden(error)
    if status == httpx.codes.NOT_FOUND:
        return Verdict.NOT_FOUND if asked is not None and _is_gone(error, asked) else Verdict.FAILED
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.CONFLICT):
        return _of_conflict(status, error)
    return _BY_STATUS.get(status, Verdict.FAILED)


def _of_forbidden(error: Error) -> Verdict:
    if error.codes & _THROTTLES:
        return Verdict.THROTTLED
    return Verdict.FAILED if error.codes & _SWITCHED_OFF else Verdict.FORBIDDEN


def _of_conflict(status: int, error: Error) -> Verdict:
    """A version that is not the latest, another operation that has the resource, or something wrong in the call."""
    conflict = status == httpx.codes.CONFLICT
    precondition = "FAILED_PRECONDITION" in error.codes
    if (conflict and error.codes & _STALE) or (precondition and _CHANGED.search(error.message)):
        return Verdict.STALE
    if error.codes & _NOT_READY or ((conflict or precondition) and _BUSY.search(error.message)):
        return Verdict.UNAVAILABLE
    return Verdict.FAILED if conflict else Verdict.REFUSED


def _is_gone(error: Error, asked: Resource) -> bool:
    """Whether a 404 speaks of the resource. One of the project, or of a wrong address, says nothing of the resource."""
    if not error.codes & _NO_RESOURCE:
        return False
    if named := _NAMED.findall(error.message):
        return any(same_path(name.rstrip("."), asked.path) for name in named)
    return asked.path.count("/") == 1 or not _OF_PROJECT.search(error.message)


def _error(reply: Reply) -> Error:
    payload = reply.json()
    found = payload.get("error") if isinstance(payload, dict) else None
    error: Mapping[str, Any] = found if isinstance(found, dict) else {}
    codes = [
        code
        for code in (*_reasons(error.get("details")), *_reasons(error.get("errors")), name_of(error.get("status")))
        if code
    ]
    message = error.get("message")
    first = codes[0] if codes else f"HTTP_{reply.status}"
    return Error(first, frozenset(codes), message if isinstance(message, str) else "")


def _reasons(entries: object) -> Iterator[str | None]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("reason"), str):
            yield name_of(entry["reason"])


def of_operation(reply: Reply, resource: Resource, session: Session) -> Answer:
    """What an operation means: carried out, failed, or taken for later.

    A long-running operation says `done`, and carries the resource; others have a `status`, and name what they change.
    """
    payload = reply.json()
    if not _is_operation(payload, resource):
        return unexpected(reply, request_id(reply))
    id_ = name_of(payload.get("name")) or request_id(reply)
    if (failure := _failure(payload, session)) is not None:
        return Answer(Verdict.DONE, request_id=id_, failures={resource.id: failure})
    if "status" in payload:
        done = payload["status"] == "DONE"
    else:
        # What it carries may be empty: then a read says whether it was carried out.
        response = payload.get("response")
        done = payload.get("done") is True and isinstance(response, dict)
        done = done and resource.shape.is_of(response, resource.path)
    return Answer(Verdict.DONE if done else Verdict.ACCEPTED, request_id=id_)


def _is_operation(payload: Any, resource: Resource) -> bool:
    """Whether an answer is an operation of this very resource. A long-running one does not name it."""
    if not isinstance(payload, dict):
        return False
    if "status" in payload:
        return resource.shape.is_target(payload, resource.path)
    return isinstance(payload.get("done"), bool) or bool(name_of(payload.get("name")))


def _failure(operation: Mapping[str, Any], session: Session) -> Failure | None:
    """The error inside an answer of success, None where there is none."""
    error, status = operation.get("error"), operation.get("httpErrorStatusCode")
    if not error and not status:
        return None
    rows = error.get("errors") if isinstance(error, dict) else None
    row = rows[0] if isinstance(rows, list) and rows else error
    first = row if isinstance(row, dict) else {"code": f"HTTP_{status}" if status else None}
    code, message = first.get("code"), _masked(first.get("message"), session) or "no reason was given"
    if isinstance(code, int):
        return Failure(f"code_{code}", message, _OF_GRPC.get(code, Verdict.FAILED))
    name = name_of(code) or "operation_failed"
    passing = {**dict.fromkeys(_STALE, Verdict.STALE), **dict.fromkeys(_THROTTLES, Verdict.THROTTLED)}
    passing |= dict.fromkeys(_NOT_READY, Verdict.UNAVAILABLE)
    return Failure(name, message, passing.get(name, Verdict.FAILED))


def request_id(reply: Reply) -> str | None:
    """Cloud Storage's id of a call; others have none that can be relied on."""
    return name_of(reply.headers.get("x-guploader-uploadid"))


def _masked(text: object, session: Session) -> str | None:
    """A text of the cloud's without the token that it may repeat."""
    token = session.auth.token if isinstance(session.auth, TokenAuth | Bearer) else None
    if isinstance(text, str) and isinstance(token, str):
        text = text.replace(token, "***")  # before it is cut
    return message_of(text, session.credentials)
