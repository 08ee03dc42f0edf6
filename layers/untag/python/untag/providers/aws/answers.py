"""How AWS's answers are read, in both of its protocols: JSON, and Query, which is a form in and XML out."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from untag.providers.aws.errors import verdict_of_call
from untag.providers.base import Answer, Session, Verdict
from untag.providers.http import Reply, message_of, name_of, unexpected
from untag.providers.tokens import TokenAuth

_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def judged(reply: Reply | Answer, session: Session) -> Reply | Answer:
    """The reply if it is a success, else what it means."""
    if isinstance(reply, Answer) or reply.status == httpx.codes.OK:
        return reply
    if httpx.codes.is_success(reply.status):
        return unexpected(reply, request_id(reply))
    code, message = _error(reply)
    verdict = verdict_of_call(reply.status, code)
    if verdict is Verdict.UNAUTHORIZED:
        message = "the credentials were not accepted"  # AWS's text may repeat what was signed, the token included
    secrets = (session.auth.token if isinstance(session.auth, TokenAuth) else None) or session.credentials
    return Answer(verdict, code, message_of(message, secrets), request_id(reply), reply.retry_after())


def refuses_key(reply: Reply) -> bool:
    """Whether an answer refuses the key that the call was signed with."""
    error = httpx.codes.is_error(reply.status)
    return error and verdict_of_call(reply.status, _error(reply)[0]) is Verdict.UNAUTHORIZED


def request_id(reply: Reply) -> str | None:
    """AWS's id of the call."""
    return name_of(reply.headers.get("x-amzn-requestid"))


def element(body: bytes, name: str) -> ET.Element | None:
    """The first element of that name, whatever its namespace; None where the body is no such XML.

    A document that declares entities or a type of its own is not read at all. The caller bounds its length.
    """
    if _DECLARATION.search(body):
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 - bounded, and without declarations
    except (ET.ParseError, ValueError, LookupError):
        return None
    return root if root.tag.rpartition("}")[2] == name else root.find(f".//{{*}}{name}")


def text(parent: ET.Element, name: str) -> str:
    """What stands in an element's child; empty where there is none."""
    return parent.findtext(f"{{*}}{name}") or ""


def _error(reply: Reply) -> tuple[str, Any]:
    """The code of an error, the HTTP status where there is none, and its message."""
    if (found := element(reply.body, "Error") if reply.body.lstrip().startswith(b"<") else None) is not None:
        return name_of(text(found, "Code")) or f"HTTP_{reply.status}", text(found, "Message")
    payload = reply.json()
    error: dict[str, Any] = payload if isinstance(payload, dict) else {}
    code = _code(error.get("__type")) or _code(reply.headers.get("x-amzn-errortype"))
    return code or f"HTTP_{reply.status}", error.get("message") or error.get("Message")


def _code(told: object) -> str | None:
    """The code in `namespace#Code` or `Code:http://…`."""
    return name_of(told.rpartition("#")[2].partition(":")[0]) if isinstance(told, str) else None
