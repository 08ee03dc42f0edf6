"""How Huawei Cloud says that something went wrong, and what each code means.

Sources: huaweicloudsdkcore 3.1.219 (exceptions/exception_handler.py), the API Gateway's table of errors, and those of
Config, TMS and ECS. What they leave open:

- An error has many shapes: `error_code` with `error_msg`, `errorCode` with `errorMsg`, `code` with `message`, each at
  the top or in an object of any name, and plain text. Services pass on the errors of the services behind them, so every
  shape is read at every service.
- A code begins with the name of its service: `RMS.`, `TMS.`, `Ecs.`. The gateway's begin with `APIGW.`, at a dedicated
  gateway with `APIG.0`.
- Which codes stand inside an answer of success is not documented. There a code alone decides, and it decides only where
  its table gives it one meaning: `VPC.0504` is a 404 of one operation and a 500 of another.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from untag.providers.base import Answer, Verdict
from untag.providers.credentials import Credentials
from untag.providers.http import Reply, message_of, name_of

_CODES = ("error_code", "errorCode", "code")
_MESSAGES = ("error_msg", "errorMsg", "message")
_REQUEST_IDS = ("request_id", "requestId")

_TEXT_BYTES = 64 * 1024
"""A page in place of an error is looked at no further: a row has room for a few words of it."""

_NO_TEXT = frozenset({"", "null", "{}", "[]", '""'})

# The gateway repeats the request that it could not verify, headers and signature included.
_ECHO = re.compile(r"(canonicalRequest\s*:|SDK-HMAC-SHA256\s).*", re.DOTALL | re.IGNORECASE)

REFUSED_KEY = "the key was not accepted"

_SERVICE = re.compile(r"(?!APIGW\.|APIG\.0)[A-Za-z][A-Za-z0-9_-]*\.")

_WHOLE_SCOPE = frozenset({"TMS.2011", "TMS.5027"})
"""Refusals of what every resource of a call has in common, its project or its type: no half of it would fare better."""

_UNAUTHORIZED = frozenset({"401", "APIGW.0301", "APIGW.0303", "APIGW.0307", "TMS.0003"})

_BY_CODE: Mapping[str, Verdict] = {
    "429": Verdict.THROTTLED,
    "APIGW.0308": Verdict.THROTTLED,  # usually a 429
    "TMS.0006": Verdict.THROTTLED,  # a 403: "The request is Too much, try again later"
    "408": Verdict.UNAVAILABLE,
    "TMS.0001": Verdict.UNAVAILABLE,  # a 500: "System error"
    "APIGW.0605": Verdict.UNAVAILABLE,  # a 500
    "APIGW.0606": Verdict.UNAVAILABLE,  # a 500
    "403": Verdict.FORBIDDEN,
    "APIGW.0302": Verdict.FORBIDDEN,
    "TMS.0004": Verdict.FORBIDDEN,
    "TMS.2030": Verdict.FORBIDDEN,
    "TMS.0005": Verdict.NOT_FOUND,  # "The resources requested cannot be found"
    "Ecs.0114": Verdict.NOT_FOUND,  # "Instance[…] could not be found"
}
"""What a code means inside an answer of success. A status of HTTP stands there in a code's place at times."""

_SERVER_ERROR = re.compile(r"5[0-9]{2}")
"""The whole code: `Ecs.0500` is no status."""

_BY_STATUS: Mapping[int, Verdict] = {401: Verdict.UNAUTHORIZED, 403: Verdict.FORBIDDEN, 408: Verdict.UNAVAILABLE}


def names_service(code: str) -> bool:
    """Whether a code is that of a service behind the gateway, by the name that it begins with."""
    return _SERVICE.match(code) is not None


def is_throttle(code: str | None) -> bool:
    """Whether a code says "too many calls", whatever the status beside it."""
    return code is not None and _BY_CODE.get(code) is Verdict.THROTTLED


def verdict_of_answer(status: int, code: str | None, *, of_resource: bool) -> Verdict:
    """What an error means for the whole call. `of_resource` says that a 404 would speak of the resource.

    What may be retried is decided here: throttles (429, or by code alone), 408 and 5xx. The APIs are idempotent.
    """
    if status == httpx.codes.TOO_MANY_REQUESTS or is_throttle(code):
        return Verdict.THROTTLED
    if (verdict := _BY_STATUS.get(status)) is not None:
        return verdict
    if status == httpx.codes.NOT_FOUND:
        return Verdict.NOT_FOUND if of_resource else Verdict.FAILED
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Verdict.UNAVAILABLE
    refused = httpx.codes.is_client_error(status) and code not in _WHOLE_SCOPE
    return Verdict.REFUSED if refused else Verdict.FAILED


def verdict_of_code(code: str | None) -> Verdict:
    """What a code inside an answer of success means; FAILED where that is not known."""
    if code is None:
        return Verdict.FAILED
    return _BY_CODE.get(code, Verdict.UNAVAILABLE if _SERVER_ERROR.fullmatch(code) else Verdict.FAILED)


def error_texts(document: Any, credentials: Credentials) -> tuple[str | None, str | None]:
    """Code and message of an error in any shape, from the outside in: the first object that has both, else the first
    of each.

    What the gateway repeats of the request is cut off, and a refusal of the credentials has our own words.
    """
    code = message = None
    for one in _objects(document):
        own_code, own_message = _code(one, credentials), _message(one, credentials)
        if own_code and own_message:
            code, message = own_code, own_message
            break
        code, message = code or own_code, message or own_message
    return code, REFUSED_KEY if code in _UNAUTHORIZED else message


def error_of(reply: Reply, credentials: Credentials) -> tuple[str | None, str | None]:
    """Code and message of an answer that is an error. The body itself is the message where none is named in it."""
    document = reply.json()
    code, message = error_texts(document, credentials)
    if reply.status == httpx.codes.UNAUTHORIZED:
        return code, REFUSED_KEY
    return code, message or _masked(_text(reply, document), credentials)


def request_id(reply: Reply) -> str | None:
    """The call's id: in a header, else in the body, and at any depth in an error's."""
    if (in_header := name_of(reply.headers.get("x-request-id"))) is not None:
        return in_header
    document = reply.json()
    within = _objects(document) if reply.status >= httpx.codes.BAD_REQUEST else filter(_is_object, [document])
    return next((name for one in within for field in _REQUEST_IDS if (name := name_of(one.get(field)))), None)


def unbelieved(reply: Reply, credentials: Credentials) -> Answer:
    """An answer of success that is not the documented one: nothing can be concluded from it.

    An error that it names is in the message. A throttle stays a throttle.
    """
    code, message = error_texts(reply.json(), credentials)
    text = f"HTTP {reply.status} without the documented body"
    if code or message:
        text = f"{text}: {' '.join(filter(None, (code, message)))}"
    if is_throttle(code):
        return Answer(Verdict.THROTTLED, code, text, request_id(reply), reply.retry_after())
    return Answer(Verdict.UNAVAILABLE, "unexpected_answer", text, request_id(reply))


def _is_object(document: Any) -> bool:
    return isinstance(document, dict)


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    """The objects in a JSON document, from the outside in."""
    level = [document]
    while level:
        yield from filter(_is_object, level)
        level = [inner for one in level for inner in _within(one)]


def _within(one: Any) -> list[Any]:
    if isinstance(one, dict):
        return list(one.values())
    return one if isinstance(one, list) else []


def _code(one: Mapping[str, Any], credentials: Credentials) -> str | None:
    """The code in an object: a text or a number, without a key that it may repeat."""
    for field in _CODES:
        value = one.get(field)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return name_of(message_of(str(value), credentials))
    return None


def _message(one: Mapping[str, Any], credentials: Credentials) -> str | None:
    return next((text for field in _MESSAGES if (text := _masked(one.get(field), credentials))), None)


def _masked(text: Any, credentials: Credentials) -> str | None:
    return message_of(_ECHO.sub("***", text), credentials) if isinstance(text, str) else None


def _text(reply: Reply, document: Any) -> str | None:
    """A body without a message, as text on one line. JSON is written anew: what it escapes could hide a key."""
    text = reply.body[:_TEXT_BYTES].decode(errors="replace") if document is None else document
    if not isinstance(text, str):
        try:
            text = json.dumps(text, ensure_ascii=False)
        except RecursionError:
            return None
    text = " ".join(text.split())
    return None if text in _NO_TEXT else text
