"""Calls to STS, the Security Token Service: a role's keys, and whose account a key is.

The Query protocol: a form in, XML out. Facts from botocore 1.44.8's model and the API's pages.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import httpx

from untag.providers.aws.errors import verdict_of_call
from untag.providers.base import Answer, Session, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.http import Reply, call, message_of, name_of, unexpected

DURATION_SECONDS = 3600
"""The longest for a role that a role assumes, as a function's own credentials are a role's session."""

_VERSION = "2011-06-15"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_MAX_BYTES = 64 * 1024
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class Assumed(NamedTuple):
    """A role's keys, and the moment at which they expire."""

    key: AccessKey
    expires: float


async def assume_role(
    session: Session, endpoint: str, role_arn: str, external_id: str | None, name: str
) -> Assumed | Answer:
    """The keys of a role; `name` is how the session is called in the other account's trail."""
    parameters = {"RoleArn": role_arn, "RoleSessionName": name, "DurationSeconds": str(DURATION_SECONDS)}
    if external_id is not None:
        parameters["ExternalId"] = external_id
    reply = await _call(session, endpoint, "AssumeRole", parameters)
    if isinstance(reply, Answer):
        return reply
    found = _element(reply.body, "Credentials")
    if found is None:
        return unexpected(reply, None)
    try:
        key = AccessKey(
            access_key=_text(found, "AccessKeyId"),
            secret_key=_text(found, "SecretAccessKey"),
            security_token=_text(found, "SessionToken"),
        )
        return Assumed(key, datetime.fromisoformat(_text(found, "Expiration")).timestamp())
    except ValueError:
        return unexpected(reply, None)


async def caller_account(session: Session, endpoint: str) -> str | Answer:
    """The number of the account that the session's signer belongs to. No permission is needed for it."""
    reply = await _call(session, endpoint, "GetCallerIdentity", {})
    if isinstance(reply, Answer):
        return reply
    found = _element(reply.body, "GetCallerIdentityResult")
    number = "" if found is None else _text(found, "Account")
    return number if re.fullmatch("[0-9]{12}", number) else unexpected(reply, None)


async def _call(session: Session, endpoint: str, action: str, parameters: Mapping[str, str]) -> Reply | Answer:
    form = urlencode({"Action": action, "Version": _VERSION, **parameters}, quote_via=quote, safe="")
    reply = await call(
        session,
        "POST",
        f"{endpoint}/",
        form.encode(),
        content_type=_FORM,
        headers={"accept": "text/xml"},
        limit=_MAX_BYTES,
    )
    if isinstance(reply, Answer):
        # Whatever cannot be read says nothing of the role.
        return Answer(Verdict.UNAVAILABLE, reply.code, f"sts {action}: {reply.message}")
    if reply.status == httpx.codes.OK:
        return reply
    error = _element(reply.body, "Error")
    code = name_of(_text(error, "Code")) if error is not None else None
    told = message_of(_text(error, "Message"), session.credentials) if error is not None else None
    verdict = verdict_of_call(reply.status, code or "")
    if verdict is Verdict.UNAUTHORIZED:
        told = "the credentials were not accepted"  # the text may repeat what was signed
    elif verdict in (Verdict.FORBIDDEN, Verdict.REFUSED):
        # The trust policy, the external id or the role is wrong: no half of the call will do better.
        verdict = Verdict.FAILED
    return Answer(
        verdict,
        code or f"HTTP_{reply.status}",
        f"sts {action}: {told or 'no reason was given'}",
        name_of(reply.headers.get("x-amzn-requestid")),
        reply.retry_after(),
    )


def _element(body: bytes, name: str) -> ET.Element | None:
    """The first element of that name, whatever its namespace; None where the body is no such XML.

    A document that declares entities or a type of its own is not read at all.
    """
    if len(body) > _MAX_BYTES or _DECLARATION.search(body):
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 - bounded, and without declarations
    except (ET.ParseError, ValueError, LookupError):
        return None
    return root if root.tag.rpartition("}")[2] == name else root.find(f".//{{*}}{name}")


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
