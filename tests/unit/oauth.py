"""A token endpoint's client (OAuth 2.0, RFC 6749), as a cloud with bearer tokens would have it in its own folder."""

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from untag.providers.base import Answer, Session, Verdict
from untag.providers.http import call, name_of, unexpected
from untag.providers.tokens import Issued

FORM = "application/x-www-form-urlencoded"

_FINAL = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_PASSING_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


class Bearer(httpx.Auth):
    """A bearer token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to the request, then let it go."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def form(fields: Mapping[str, str]) -> bytes:
    """Fields as the body of a form."""
    return urlencode(fields).encode()


async def ask_for_token(
    session: Session,
    url: str,
    fields: Mapping[str, str],
    *,
    passes: Callable[[Mapping[str, Any]], bool] = lambda _: False,
    clock: Callable[[], float] = time.time,
) -> Issued[str] | Answer:
    """One call to an OAuth 2.0 token endpoint (RFC 6749). `passes` says of an error's body that it is not final.

    No text of an error is passed on: it may name what was sent.
    """
    reply = await call(session, "POST", url, form(fields), content_type=FORM)
    if isinstance(reply, Answer):
        return reply
    payload = reply.json()
    payload = payload if isinstance(payload, dict) else {}
    if reply.status == httpx.codes.OK:
        return _issued(payload, clock()) or unexpected(reply, None)
    error = name_of(payload.get("error")) if isinstance(payload.get("error"), str) else None
    code = error or f"HTTP_{reply.status}"
    message = f"no token was issued: {code}"
    if reply.status == httpx.codes.TOO_MANY_REQUESTS:
        return Answer(Verdict.THROTTLED, code, message, retry_after=reply.retry_after())
    if error is not None and reply.status in _FINAL and error not in _PASSING_ERRORS and not passes(payload):
        return Answer(Verdict.UNAUTHORIZED, code, message)
    # Without the documented body a refusal is a proxy's, or the endpoint's own trouble.
    return Answer(Verdict.UNAVAILABLE, code, message, retry_after=reply.retry_after())


def _issued(payload: Mapping[str, Any], now: float) -> Issued[str] | None:
    """The token in an answer of success; None where there is none that can be sent."""
    token, seconds = payload.get("access_token"), payload.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return None
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds[:9])
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return Issued(token, now + seconds)
