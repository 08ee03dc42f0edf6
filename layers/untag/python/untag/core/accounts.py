"""Per-account state of a process: credentials, pace, circuit, and whether the account is closed.

Kept between invocations. Everything that makes a caller wait or turn back stands here:

- until credentials have been accepted once, one call of the account is in flight (Huawei Cloud locks an access key
  after five refusals);
- credentials are read again after `FRESH_SECONDS`, whatever happened;
- a 401 is answered by reading them once more; the same ones close the account for `CLOSED_SECONDS`;
- calls are paced by the account's rate, and a throttle slows every caller;
- a row of calls without an answer opens the circuit for `CIRCUIT_SECONDS`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import httpx

from untag.contracts import Deferral, Outcome, Result, Tag
from untag.core import limits
from untag.core.timing import Timing
from untag.providers import Answer, Provider, Scope, Seen, Verdict
from untag.providers.credentials import Credentials

_PROVES = frozenset(
    {Verdict.DONE, Verdict.REFUSED, Verdict.NOT_FOUND, Verdict.FORBIDDEN, Verdict.STALE, Verdict.ACCEPTED}
)
"""Answers that only a caller gets whose credentials were accepted."""

CredentialSource = Callable[[Provider, str], Awaitable[Credentials]]
"""Reads the credentials of a provider's account, now. The account keeps what was read: a source need not.

It raises CredentialsMissingError or CredentialsUnavailableError.
"""

Refuse = Callable[[Credentials], Result | None]
"""Why no call is made with these credentials, before any is."""


class CredentialsMissingError(Exception):
    """There are none for the account: its requests fail, by name. The message names where they were looked for."""


class CredentialsUnavailableError(Exception):
    """They could not be read now: the account's requests wait."""


class Observer(Protocol):
    """Takes note of what happens on the way, for metrics."""

    def called(self, provider: str, seconds: float, answer: Answer) -> None:
        """A call was answered, or was not."""

    def retried(self, provider: str) -> None:
        """A call is made once more in this invocation."""

    def removing(self, scope: Scope, ids: Sequence[str], tags: Sequence[Tag], seen: Mapping[str, Seen]) -> None:
        """A call is about to remove tags; `seen` is what was read of the resources before."""

    def closed(self, provider: str, account: str) -> None:
        """An account was closed because its credentials are refused."""

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong; the pairs concerned are deferred."""


class Rate(NamedTuple):
    """Calls a second for the whole stack, and how many environments share them. None leaves it to the provider."""

    total: float | None = None
    environments: int = 1

    def of(self, provider: Provider, credentials: Credentials) -> float:
        """The environment's share for an account; a rate that comes with the credentials goes before the stack's."""
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
        self.rate = max(self.base * limits.SLOWEST, self.rate / 2)
        pause = retry_after or self.timing.jitter(limits.THROTTLE_SECONDS, self.throttles, limits.THROTTLE_CAP)
        self.throttles += 1
        self.hold_until = max(self.hold_until, self.timing.monotonic() + pause)

    def rebase(self, base: float) -> None:
        """Go on with another full rate. A higher one is regained call by call."""
        self.base = base
        self.rate = min(self.rate, base)

    def answered(self) -> None:
        """Regain a little of the rate."""
        self.throttles = 0
        self.rate = min(self.base, self.rate + self.base * limits.RECOVERY)


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
        self._fresh_until = 0.0
        self._unread: tuple[float, Deferral | Result] | None = None
        self._auths: dict[Scope, httpx.Auth] = {}
        self._reading = asyncio.Lock()
        self._proving = asyncio.Lock()
        self._proved = False
        self._pace: Pace | None = None
        self._closed_until = 0.0
        self._unanswered = 0
        self._unanswered_with = ""
        self._circuit_until = 0.0

    @asynccontextmanager
    async def turn(
        self, provider: Provider, scope: Scope, left: Callable[[], float], refuse: Refuse = lambda _: None
    ) -> AsyncIterator[Turn | Deferral | Result]:
        """Wait for leave to make one call, or learn why there is none. `left` gives the seconds that calls still
        have. What `refuse` refuses waits for no pace.
        """
        while True:
            if (leave := await self._leave(provider, scope, left, refuse, proving=False)) is not None:
                yield leave
                return
            async with self._proving:
                if self._proved:
                    continue
                if (leave := await self._leave(provider, scope, left, refuse, proving=True)) is not None:
                    yield leave
                    return

    async def _leave(
        self, provider: Provider, scope: Scope, left: Callable[[], float], refuse: Refuse, *, proving: bool
    ) -> Turn | Deferral | Result | None:
        """Leave to make one call; None if the credentials have to be proved first, by one call alone."""
        while True:
            credentials = await self._current(left)
            if not isinstance(credentials, Credentials):
                return credentials
            if (refused := refuse(credentials)) is not None:
                return refused
            if not (proving or self._proved):
                return None
            if (delay := self._circuit_until - self._timing.monotonic()) > 0.0:
                return Deferral("circuit_open", self._unanswered_with, counted=True, delay=delay)
            if self._pace is None:
                self._pace = Pace(self._rate.of(provider, credentials), self._timing)
            wait = self._pace.wait()
            if wait <= 0.0:
                self._pace.take()
                if scope not in self._auths:
                    self._auths[scope] = provider.auth(credentials, scope)
                return Turn(credentials, self._auths[scope])
            if wait > min(limits.PATIENCE_SECONDS, left()):
                return Deferral("rate", "the account's pace leaves no time for it", counted=False, delay=wait)
            await self._timing.sleep(wait)

    async def answered(self, credentials: Credentials, answer: Answer, left: Callable[[], float]) -> bool:
        """Learn from an answer. True if the call is worth making again because the credentials have changed since."""
        if answer.verdict is Verdict.UNAUTHORIZED:
            return await self._refused(credentials, left)
        if answer.verdict in _PROVES:
            current = self._credentials
            self._proved = self._proved or (current is not None and credentials.signs_like(current))
        if answer.verdict is Verdict.UNAVAILABLE:
            self._unanswered += 1
            # Why calls are paused: for the message of what is put off or given up.
            why = " ".join(filter(None, (answer.code, answer.message)))
            self._unanswered_with = f"the provider is not available{f': {why}' if why else ''}"
            if self._unanswered >= limits.CIRCUIT_FAILURES:
                self._circuit_until = self._timing.monotonic() + limits.CIRCUIT_SECONDS
                self._unanswered = limits.CIRCUIT_FAILURES - 1  # one more failure after the pause opens it again
            return False
        self._unanswered = 0
        if self._pace is not None:
            if _throttled(answer):
                self._pace.throttled(answer.retry_after)
            else:
                self._pace.answered()
        return False

    def closed_for(self) -> float:
        """Seconds for which the account stays closed, 0.0 if it is open."""
        return max(0.0, self._closed_until - self._timing.monotonic())

    async def _current(self, left: Callable[[], float]) -> Credentials | Deferral | Result:
        """The account's credentials, no older than `FRESH_SECONDS`; or why there are none."""
        if not self._fresh():
            async with self._reading:
                if not self._fresh() and not self.closed_for():
                    if self._unread is not None and self._timing.monotonic() < self._unread[0]:
                        return self._unread[1]
                    try:
                        self._use(await self._read(left))
                    except CredentialsMissingError as error:
                        return self._without(Result(Outcome.FAILED, "no_credentials", str(error)))
                    except CredentialsUnavailableError as error:
                        return self._without(Deferral("credentials_unavailable", str(error), counted=True))
                    except TimeoutError:
                        return Deferral("deadline", "no time was left to read the credentials", counted=False)
        if self._credentials is None or not self._fresh():
            return Deferral("account_closed", "the credentials are refused", counted=True, delay=self.closed_for())
        return self._credentials

    def _fresh(self) -> bool:
        return self._credentials is not None and self._timing.monotonic() < self._fresh_until

    async def _read(self, left: Callable[[], float]) -> Credentials:
        """The credentials from their source. Raises TimeoutError rather than take the time that delivery needs."""
        async with asyncio.timeout(left()):
            return await self._source(self._provider, self.name)

    async def _refused(self, refused: Credentials, left: Callable[[], float]) -> bool:
        async with self._reading:
            if self._credentials is None or not self._credentials.signs_like(refused):
                return True
            # Nothing may use them while they are read again, nor be the second to try others before those are proved.
            self._credentials, self._proved = None, False
            read = refused
            with suppress(CredentialsMissingError, CredentialsUnavailableError, TimeoutError):
                read = await self._read(left)
            if read.signs_like(refused):
                self._closed_until = self._timing.monotonic() + limits.CLOSED_SECONDS
                self._observer.closed(self._provider.name, self.name)
                return False
            self._use(read)
            return True

    def _without(self, why: Deferral | Result) -> Deferral | Result:
        self._unread = (self._timing.monotonic() + limits.UNREAD_SECONDS, why)
        return why

    def _use(self, read: Credentials) -> None:
        """Go on with what was read. The same credentials stay proved, and the account keeps its pace."""
        self._fresh_until = self._timing.monotonic() + limits.FRESH_SECONDS
        kept = self._credentials
        if read == kept:
            return
        self._credentials = read
        if kept is None or not read.signs_like(kept):
            self._auths.clear()
            self._proved = False
        if self._pace is not None:
            self._pace.rebase(self._rate.of(self._provider, read))


def _throttled(answer: Answer) -> bool:
    """Whether an answer reports a throttle, for the call or for a single resource inside a success."""
    return answer.verdict is Verdict.THROTTLED or any(
        failure.verdict is Verdict.THROTTLED for failure in answer.failures.values()
    )


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
