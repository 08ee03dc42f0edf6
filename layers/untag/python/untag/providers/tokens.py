"""Credentials that expire: tokens and the keys of an assumed role, issued by a call of their own.

One renewal at a time for everybody, ahead of the expiry. What a refusal means is in the answer's verdict: UNAUTHORIZED
says that the account's credentials are wrong, THROTTLED and UNAVAILABLE pass. A token that an API refuses is replaced
once before the account's credentials count as refused.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import httpx

from untag.providers.base import AGAIN, Answer, RenewedAuth, Session, Verdict
from untag.providers.http import Reply, call, end_of, name_of, unexpected, within

T = TypeVar("T")

EARLY_SECONDS = 300.0
"""A token is renewed so long before it expires, as Azure's client does; one that lives shorter at half of its life."""

AGAIN_SECONDS = 30.0
"""After a renewal ahead of time has failed, the next is tried so much later: the old token is still good. So is what
was refused for a lasting reason other than the credentials, such as a role that may not be assumed."""

MOST_ACCOUNTS = 256
"""Accounts whose tokens are kept. Replaced credentials leave an entry behind: the oldest goes."""

FORM = "application/x-www-form-urlencoded"

_FINAL = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_PASSING_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


NEVER = float("inf")


class Issued(NamedTuple, Generic[T]):
    """What was issued, and when it expires in seconds since the epoch: `NEVER` for what is fixed."""

    value: T
    expires_at: float


Issue = Callable[[Session], Awaitable[Issued[T] | Answer]]
"""Makes the calls that lead to a token. The session has no authentication; an Answer says why there is no token."""


class Tokens(Generic[T]):
    """One account's token, renewed when it has to be."""

    def __init__(self, issue: Issue[T], clock: Callable[[], float] = time.time) -> None:
        self._issue = issue
        self._clock = clock
        self._issued: Issued[T] | None = None
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()
        self._renewals = 0
        self._refusal: Answer | None = None
        self._refused_until = 0.0

    async def get(self, session: Session) -> T | Answer:
        """The token, or why there is none now."""
        if (kept := self._kept(due=self._renewing.locked())) is not None:
            return kept
        renewals = self._renewals
        until = end_of(session)
        try:
            async with asyncio.timeout_at(until):
                await self._renewing.acquire()
        except TimeoutError:
            return Answer(Verdict.UNAVAILABLE, code="timeout", message=f"no token within {session.timeout:.1f} s")
        try:
            if (kept := self._kept()) is not None:
                return kept
            if self._refusal is not None and (self._renewals != renewals or self._clock() < self._refused_until):
                return self._refusal  # what was refused while we waited is not asked for by each that waited
            return await self._renewed(within(session, until))
        finally:
            self._renewing.release()

    def drop(self, value: T) -> bool:
        """Use a token no more, if it has not been replaced already; whether another one can be had in its place."""
        if self._issued is not None and self._issued.value is value:
            if self._issued.expires_at == NEVER:
                return False
            self._issued = None
        return True

    def _kept(self, *, due: bool = False) -> T | None:
        """The token that is kept, if it is good; with `due` also one that is to be renewed, while somebody does it."""
        now = self._clock()
        if self._issued is None or now >= self._issued.expires_at:
            return None
        return self._issued.value if due or now < self._renew_at else None

    async def _renewed(self, session: Session) -> T | Answer:
        issued = await self._issue(session)
        self._renewals += 1
        now = self._clock()
        if isinstance(issued, Answer):
            self._refusal = issued
            self._refused_until = now + AGAIN_SECONDS if issued.verdict is Verdict.FAILED else 0.0
            if issued.verdict in AGAIN and self._issued is not None and now < self._issued.expires_at:
                self._renew_at = now + AGAIN_SECONDS
                return self._issued.value
            self._issued = None
            return issued
        self._issued, self._refusal = issued, None
        self._renew_at = issued.expires_at - min(EARLY_SECONDS, (issued.expires_at - now) / 2)
        return issued.value


class TokenStore(Generic[T]):
    """The tokens of a provider's accounts."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[Hashable, Tokens[T]] = {}

    def of(self, key: Hashable, issue: Issue[T]) -> Tokens[T]:
        """The tokens of the account whose credentials `key` holds: all that decides which token is issued."""
        if key not in self._tokens:
            if len(self._tokens) >= MOST_ACCOUNTS:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[key] = Tokens(issue, self._clock)
        return self._tokens[key]


class TokenAuth(RenewedAuth, Generic[T]):
    """Authentication by what is issued: `signer` makes it of a token, a signature of an assumed role's keys for one.

    `refuses` says whether an API's answer refuses the token, where that is more than a 401.
    """

    def __init__(
        self,
        tokens: Tokens[T],
        signer: Callable[[T], httpx.Auth],
        refuses: Callable[[Reply], bool] = lambda reply: reply.status == httpx.codes.UNAUTHORIZED,
    ) -> None:
        self._tokens = tokens
        self._signer = signer
        self._refuses = refuses
        self._made: tuple[T, httpx.Auth] | None = None

    @property
    def token(self) -> T | None:
        """What the last call was authenticated with, None before the first."""
        return None if self._made is None else self._made[0]

    async def current(self, session: Session) -> httpx.Auth | Answer:
        """The authentication of the next call. A signer is kept with its token, since it caches what it derives."""
        token = await self._tokens.get(session)
        if isinstance(token, Answer):
            return token
        if self._made is None or self._made[0] is not token:
            self._made = (token, self._signer(token))
        return self._made[1]

    def refused(self, auth: httpx.Auth, reply: Reply) -> bool:
        """Whether the answer refuses the token, and another one can be had; it is not used again then."""
        if not self._refuses(reply):
            return False
        return self._made is None or self._made[1] is not auth or self._tokens.drop(self._made[0])


class Bearer(httpx.Auth):
    """A bearer token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to the request, then let it go."""
        request.headers["authorization"] = f"Bearer {self.token}"
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
