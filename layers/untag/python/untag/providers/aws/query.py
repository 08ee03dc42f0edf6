"""One call in AWS's Query protocol, as STS and IAM speak it: a form in, XML out."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from untag.providers.aws.answers import judged
from untag.providers.base import TOO_LARGE, Answer, Session, Verdict
from untag.providers.http import Reply, call

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_MAX_BYTES = 256 * 1024
"""Fifty tags of the longest keys and values, each character escaped, are shorter."""


async def query(
    session: Session, endpoint: str, action: str, version: str, parameters: Mapping[str, str]
) -> Reply | Answer:
    """The reply if it is a success, else what it means."""
    form = urlencode({"Action": action, "Version": version, **parameters}, quote_via=quote, safe="")
    headers = {"accept": "text/xml"}
    url = f"{endpoint}/"
    reply = await call(session, "POST", url, form.encode(), content_type=_FORM, headers=headers, limit=_MAX_BYTES)
    if isinstance(reply, Answer) and reply.code == TOO_LARGE:
        # No documented answer is as long: it says nothing of what was asked.
        return Answer(Verdict.UNAVAILABLE, reply.code, reply.message)
    return judged(reply, session)
