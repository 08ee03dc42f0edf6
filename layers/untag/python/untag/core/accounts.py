"""What is known of each account in this process: its key and whether it was accepted, its pace, and whether it is open.

Kept between invocations. Everything that makes a caller wait or turn back stands here:

- until a key has been accepted once, one call of the account is in flight (Huawei Cloud locks a key after five
  refusals);
- a 401 is answered by reading the key afresh once; the same key closes the account for `CLOSED_SECONDS`;
- calls are paced by the account's rate, and a throttle slows every caller;
- a row of calls without an answer opens the circuit for `CIRCUIT_SECONDS`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import httpx

from untag.contracts import Deferral, Outcome, Result
from untag.core.timing import Timing
from untag.providers import Answer, Provider, Scope, Verdict
from untag.signing import Credentials

CLOSED_SECONDS = 300.0
"""Huawei Cloud unlocks a key five minutes after the last refusal."""

CIRCUIT_FAILURES = 10
CIRCUIT_SECONDS = 30.0

PATIENCE_SECONDS = 5.0
"""A call that cannot start within this time is better made by the remainder: a function that waits is paid for."""

KEYLESS_SECONDS = 5.0
"""An account whose key cannot be had is looked up again after this time, and not for each of its calls."""

_SLOWEST = 1 / 32
"""A pace never falls below this share of its rate: half of half, five times."""
_RECOVERY = 1 / 20
"""The share of its rate that a pace regains with each call that is not throttled."""
_THROTTLE_SECONDS = 1.0
_THROTTLE_CAP = 20.0

_ACCEPTED = frozenset({Verdict.DONE, Verdict.REFUSED, Verdict.NOT_FOUND, Verdict.FORBIDDEN})
"""Answers that only a caller gets whose key was accepted."""


class CredentialsMissingError(Exception):
    """There is no key for the account: its requests fail, by name. The message names where it was looked for."""


class CredentialsUnavailableError(Exception):
    """The key could not be read now: its requests wait."""


class CredentialSource(Protocol):
    """Where keys come from."""

    async def get(self, provider: Provider, account: str, *, fresh: bool = False) -> Credentials:
        """The account's key; `fresh` reads past every cache.

        Raises CredentialsMissingError or CredentialsUnavailableError.
        """


class Observer(Protocol):
    """Who is told of what happens on the way, for metrics."""

    def called(self, provider: str, seconds: float, answer: Answer) -> None:
        """A call was answered, or was not."""

    def retried(self, provider: str) -> None:
        """A call is made once more in this invocation."""

    def closed(self, provider: str, account: str) -> None:
        """An account was closed because its key is refused."""

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong; the pairs concerned are deferred."""


class Rate(NamedTuple):
    """Calls a second for the whole stack, and how many environments share them. None leaves it to the provider."""

    total: float | None = None
    environments: int = 1

    def of(self, provider: Provider, credentials: Credentials) -> float:
        """The environment's share for an account; a rate that comes with the key goes before the stack's."""
        return (credentials.rate or self.total or provider.rate) / self.environments


class Turn(NamedTuple):
    """Leave to make one call."""

    credentials: Credentials
    auth: httpx.Auth


@dataclass(slots=True, eq=False)
class Pace:
    """When the next call may start: a bucket that holds a second's worth of calls, and narrows with each throttle."""

    base: float
    timing: Timing
    rate: float = 0.0
    free_at: float = 0.0
    hold_until: float = 0.0
    throttles: int = 0

    def __post_init__(self) -> None:
        """Start at the full rate."""
        self.rate = self.rate or self.base

    def wait(self) -> float:
        """Seconds until a call may start."""
        now = self.timing.monotonic()
        return max(0.0, self.hold_until - now, self.free_at - 1.0 - now)

    def take(self) -> None:
        """A call starts."""
        self.free_at = max(self.free_at, self.timing.monotonic()) + 1.0 / self.rate

    def throttled(self, retry_after: float) -> None:
        """Halve the rate and hold every caller for a while.

        Calls that were in flight together are throttled together: that is one throttle, and halves once.
        """
        if self.timing.monotonic() < self.hold_until:
            self.hold_until = max(self.hold_until, self.timing.monotonic() + retry_after)
            return
        self.rate = max(self.base * _SLOWEST, self.rate / 2)
        pause = retry_after or self.timing.jitter(_THROTTLE_SECONDS, self.throttles, _THROTTLE_CAP)
        self.throttles += 1
        self.hold_until = max(self.hold_until, self.timing.monotonic() + pause)

    def answered(self) -> None:
        """Regain a little of the rate."""
        self.throttles = 0
        self.rate = min(self.base, self.rate + self.base * _RECOVERY)


class Account:
    """One account of one provider."""

    def __init__(
        self,
        provider: Provider,
        name: str,
        source: CredentialSource,
        timing: Timing,
        observer: Observer,
        rate: Rate,
    ) -> None:
        self._provider = provider
        self.name = name
        self._source = source
        self._timing = timing
        self._observer = observer
        self._rate = rate
        self._credentials: Credentials | None = None
        self._refuted = False
        self._keyless: tuple[float, Deferral | Result] | None = None
        self._auths: dict[Scope, httpx.Auth] = {}
        self._reading = asyncio.Lock()
        self._proving = asyncio.Lock()
        self._proved = False
        self._pace: Pace | None = None
        self._closed_until = 0.0
        self._unanswered = 0
        self._circuit_until = 0.0

    @asynccontextmanager
    async def turn(
        self, provider: Provider, scope: Scope, left: Callable[[], float]
    ) -> AsyncIterator[Turn | Deferral | Result]:
        """Wait for leave to make one call, or learn why there is none. `left` gives the seconds that calls still
        have.
        """
        while True:
            if self._proved and (leave := await self._leave(provider, scope, left, proving=False)) is not None:
                yield leave
                return
            async with self._proving:
                if not self._proved and (leave := await self._leave(provider, scope, left, proving=True)) is not None:
                    yield leave
                    return

    async def _leave(
        self, provider: Provider, scope: Scope, left: Callable[[], float], *, proving: bool
    ) -> Turn | Deferral | Result | None:
        """Leave to make one call; None if the key has changed since the caller came, and has to be proved first."""
        while True:
            credentials = await self._key(left)
            if not isinstance(credentials, Credentials):
                return credentials
            if not (proving or self._proved):
                return None
            if (delay := self._circuit_until - self._timing.monotonic()) > 0.0:
                return Deferral("circuit_open", "the provider does not answer", counted=True, delay=delay)
            if self._pace is None:
                self._pace = Pace(self._rate.of(provider, credentials), self._timing)
            wait = self._pace.wait()
            if wait <= 0.0:
                self._pace.take()
                if scope not in self._auths:
                    self._auths[scope] = provider.auth(credentials, scope)
                return Turn(credentials, self._auths[scope])
            if wait > min(PATIENCE_SECONDS, left()):
                return Deferral("rate", "the account's pace leaves no time for it", counted=False, delay=wait)
            await self._timing.sleep(wait)

    async def answered(self, credentials: Credentials, answer: Answer, left: Callable[[], float]) -> bool:
        """Learn from an answer. True if the call is worth making again because the key has changed since."""
        if answer.verdict is Verdict.UNAUTHORIZED:
            return await self._refused(credentials, left)
        if answer.verdict in _ACCEPTED:
            self._proved = self._proved or credentials is self._credentials
        if answer.verdict is Verdict.UNAVAILABLE:
            self._unanswered += 1
            if self._unanswered >= CIRCUIT_FAILURES:
                self._circuit_until = self._timing.monotonic() + CIRCUIT_SECONDS
                self._unanswered = CIRCUIT_FAILURES - 1  # one more failure after the pause opens it again
            return False
        self._unanswered = 0
        if self._pace is not None:
            if answer.verdict is Verdict.THROTTLED:
                self._pace.throttled(answer.retry_after)
            else:
                self._pace.answered()
        return False

    def closed_for(self) -> float:
        """Seconds for which the account stays closed, 0.0 if it is open."""
        return max(0.0, self._closed_until - self._timing.monotonic())

    async def _key(self, left: Callable[[], float]) -> Credentials | Deferral | Result:
        if self._credentials is None:
            async with self._reading:
                if self._credentials is None and not self.closed_for():
                    if self._keyless is not None and self._timing.monotonic() < self._keyless[0]:
                        return self._keyless[1]
                    try:
                        self._use(await self._read(left, fresh=self._refuted))
                    except CredentialsMissingError as error:
                        return self._without_key(Result(Outcome.FAILED, "no_credentials", str(error)))
                    except CredentialsUnavailableError as error:
                        return self._without_key(Deferral("credentials_unavailable", str(error), counted=True))
                    except TimeoutError:
                        return Deferral("deadline", "no time was left to read the key", counted=False)
        if self._credentials is None:
            return Deferral("account_closed", "the key was refused", counted=True, delay=self.closed_for())
        return self._credentials

    async def _read(self, left: Callable[[], float], *, fresh: bool) -> Credentials:
        """The key from its source. Raises TimeoutError rather than take the time that delivery needs."""
        async with asyncio.timeout(left()):
            return await self._source.get(self._provider, self.name, fresh=fresh)

    async def _refused(self, refused: Credentials, left: Callable[[], float]) -> bool:
        async with self._reading:
            if self._credentials is not refused:
                return True
            # Nobody may use it while it is read afresh, nor be the second to try another before that is proved.
            self._credentials, self._proved, self._refuted = None, False, True
            fresh = refused
            with suppress(CredentialsMissingError, CredentialsUnavailableError, TimeoutError):
                fresh = await self._read(left, fresh=True)
            if fresh == refused:
                self._closed_until = self._timing.monotonic() + CLOSED_SECONDS
                self._observer.closed(self._provider.name, self.name)
                return False
            self._use(fresh)
            return True

    def _without_key(self, told: Deferral | Result) -> Deferral | Result:
        self._keyless = (self._timing.monotonic() + KEYLESS_SECONDS, told)
        return told

    def _use(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._refuted = False
        self._auths.clear()
        self._proved = False
        self._pace = None


class Accounts:
    """Every account met in this process."""

    def __init__(self, source: CredentialSource, rate: Rate, timing: Timing, observer: Observer) -> None:
        self._source = source
        self._rate = rate
        self._timing = timing
        self._observer = observer
        self._known: dict[tuple[str, str], Account] = {}

    def of(self, provider: Provider, name: str) -> Account:
        """The account of that name at a provider; all APIs of one provider share it."""
        key = (provider.name, name)
        if key not in self._known:
            self._known[key] = Account(provider, name, self._source, self._timing, self._observer, self._rate)
        return self._known[key]
