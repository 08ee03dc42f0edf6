"""Calls to STS, the Security Token Service: a role's keys, and whose account a key is.

Facts from botocore 1.44.8's model and the API's pages.
"""

import re
from dataclasses import replace
from datetime import datetime

from untag.providers.aws.answers import element, request_id, text
from untag.providers.aws.query import query
from untag.providers.base import Answer, Session, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.http import Reply, unexpected
from untag.providers.tokens import NEVER, Issued

DURATION_SECONDS = 3600
"""The longest for a role that a role assumes, as a function's own credentials are a role's session."""

_VERSION = "2011-06-15"


async def assume_role(
    session: Session, endpoint: str, role_arn: str, external_id: str | None, name: str
) -> Issued[AccessKey] | Answer:
    """The keys of a role; `name` is how the session is called in the other account's trail."""
    parameters = {"RoleArn": role_arn, "RoleSessionName": name, "DurationSeconds": str(DURATION_SECONDS)}
    if external_id is not None:
        parameters["ExternalId"] = external_id
    reply = await _call(session, endpoint, "AssumeRole", parameters)
    if isinstance(reply, Answer):
        return reply
    found = element(reply.body, "Credentials")
    if found is None:
        return unexpected(reply, request_id(reply))
    try:
        key = AccessKey(
            access_key=text(found, "AccessKeyId"),
            secret_key=text(found, "SecretAccessKey"),
            security_token=text(found, "SessionToken"),
        )
        return Issued(key, datetime.fromisoformat(text(found, "Expiration")).timestamp())
    except ValueError:
        return unexpected(reply, request_id(reply))


async def caller_account(session: Session, endpoint: str) -> Issued[str] | Answer:
    """The number of the account that the session's key belongs to. No permission is needed for it."""
    reply = await _call(session, endpoint, "GetCallerIdentity", {})
    if isinstance(reply, Answer):
        return reply
    found = element(reply.body, "GetCallerIdentityResult")
    number = "" if found is None else text(found, "Account")
    return Issued(number, NEVER) if re.fullmatch("[0-9]{12}", number) else unexpected(reply, request_id(reply))


async def _call(session: Session, endpoint: str, action: str, parameters: dict[str, str]) -> Reply | Answer:
    reply = await query(session, endpoint, action, _VERSION, parameters)
    if isinstance(reply, Reply) or reply.unsent:
        return reply
    verdict = reply.verdict
    if verdict in (Verdict.FORBIDDEN, Verdict.REFUSED):
        # The trust policy, the external id or the role is wrong: no half of the call will do better.
        verdict = Verdict.FAILED
    return replace(reply, verdict=verdict, message=f"sts {action}: {reply.message or 'no reason was given'}")
