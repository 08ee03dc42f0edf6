"""One HTTP call as every provider makes it: signed, within its time, its answer bounded, its errors as answers."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from untag import __version__
from untag.contracts.reports import MESSAGE_BYTES, NAME_BYTES, clip
from untag.providers.base import TOO_LARGE, Answer, RenewedAuth, Session, Verdict
from untag.providers.credentials import Credentials

MAX_BODY_BYTES = 64 * 1024 * 1024
"""A listing may be long, and JD Cloud does not page; past this an answer is cut off with an error."""

CONNECT_SECONDS = 5.0
_LONGEST_WAIT = 900.0
"""A Retry-After beyond the longest delay of a remainder changes nothing."""


class Reply(NamedTuple):
    """An HTTP answer that was read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def retry_after(self) -> float:
        """The seconds to wait that the answer names, 0.0 where it names none."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:6]), _LONGEST_WAIT)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)


async def call(
    session: Session,
    method: str,
    url: str,
    body: Any = None,
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] = {},
    limit: int = MAX_BODY_BYTES,
) -> Reply | Answer:
    """Make one call; an `Answer` comes back where there is no reply to read.

    `body` is sent as JSON; bytes are sent as they are. A connection that was kept and turns out to be closed is
    replaced once, and the request signed anew. So is authentication that expires, where it is refused.
    """
    content = _content(body)
    sent = {
        "user-agent": f"untag/{__version__}",
        "accept": "application/json",
        "accept-encoding": "identity",
        **headers,
    }
    if body is not None:
        sent["content-type"] = content_type
    renewed = session.auth
    if not isinstance(renewed, RenewedAuth):
        return await _call(session, method, url, content, sent, limit)
    until = end_of(session)
    for last in (False, True):
        # What is sent anew for a token says nothing of the call itself.
        without = within(session, until)._replace(auth=httpx.Auth(), trail=None)
        auth = await renewed.current(without)
        if isinstance(auth, Answer):
            return replace(auth, unsent=True)
        ready = within(session, until)._replace(auth=auth)
        reply = await _call(ready, method, url, content, sent, limit)
        if isinstance(reply, Answer) or not renewed.refused(auth, reply) or last:
            break
    return reply


def end_of(session: Session) -> float:
    """The moment at which all calls of one step have to be over."""
    return asyncio.get_running_loop().time() + session.timeout


def within(session: Session, until: float) -> Session:
    """The session for what time is left."""
    return session._replace(timeout=max(until - asyncio.get_running_loop().time(), 0.001))


def _content(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


async def _call(
    session: Session, method: str, url: str, content: bytes, headers: Mapping[str, str], limit: int
) -> Reply | Answer:
    """One call with authentication that is ready."""
    try:
        async with asyncio.timeout(session.timeout):
            opened = False

            async def trace(event: str, _: Any) -> None:
                nonlocal opened
                opened = opened or event.endswith("connect_tcp.started")

            # The whole call has its time; only a connection that does not come is given up sooner.
            extensions = {"timeout": {"connect": min(CONNECT_SECONDS, session.timeout)}, "trace": trace}

            def request() -> httpx.Request:
                return httpx.Request(method, url, content=content, headers=headers, extensions=extensions)

            try:
                return await _send(session, request(), limit)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if opened:
                    raise
                if session.trail is not None:
                    session.trail.sent_anew = True
                return await _send(session, request(), limit)
    except (TimeoutError, httpx.TimeoutException):
        return Answer(Verdict.UNAVAILABLE, code="timeout", message=f"no answer within {session.timeout:.1f} s")
    except (httpx.RequestError, ssl.SSLError, OSError) as error:
        return Answer(Verdict.UNAVAILABLE, code="connection", message=type(error).__name__)


async def _send(session: Session, request: httpx.Request, limit: int) -> Reply | Answer:
    response = await session.client.send(request, auth=session.auth, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                return Answer(Verdict.FAILED, code=TOO_LARGE, message=f"the answer is longer than {limit} bytes")
    finally:
        await response.aclose()
    return Reply(response.status_code, response.headers, bytes(body))


def name_of(text: object) -> str | None:
    """A code or a request id out of an answer, if it is a text or a number, no longer than a row allows."""
    return clip(str(text), NAME_BYTES) if isinstance(text, str | int) and text != "" else None


def message_of(text: object, credentials: Credentials) -> str | None:
    """A message out of an answer, shortened, and without the key that it may repeat."""
    if not isinstance(text, str) or not text:
        return None
    return clip(credentials.masked(text), MESSAGE_BYTES)


def tags_of(listed: Any) -> dict[str, str]:
    """A list of `{"key", "value"}` as tags by key; no value is an empty one.

    What is left of a character that a cloud cut in two can be in no request, and in no report: it is shown as "?".
    KeyError, TypeError or AttributeError if it is no such list.
    """
    if not isinstance(listed, list):
        raise TypeError("tags should be a list")
    tags: dict[str, str] = {}
    for tag in listed:
        key, value = tag["key"], tag.get("value") or ""
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError("a tag's key and value should be texts")
        tags[key.encode(errors="replace").decode()] = value.encode(errors="replace").decode()
    return tags


def unexpected(reply: Reply, request_id: str | None) -> Answer:
    """An answer of success that is not the documented one, so that nothing can be concluded from it."""
    return Answer(
        Verdict.UNAVAILABLE,
        code="unexpected_answer",
        message=f"HTTP {reply.status} without the documented body",
        request_id=request_id,
    )
