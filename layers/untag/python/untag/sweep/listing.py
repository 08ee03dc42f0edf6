"""A sweep's listing calls, at their account's pace, with failures told apart from "there is nothing"."""

from collections.abc import Awaitable, Callable
from functools import partial

from untag.contracts import Deferral, Tag
from untag.core import Deadline, Engine
from untag.providers import Answer, Finder, Listing, Scope, Session, Verdict

_PASSING = frozenset({Verdict.THROTTLED, Verdict.UNAVAILABLE})
RESTARTS = 3
"""Times that a listing begins anew, since its cursor is not taken any more."""
TOO_MUCH = frozenset({"too_large", "timeout"})
"""What a listing answers that does not page and is too long: by value it may be short enough."""


class _CodedError(Exception):
    def __init__(self, code: str, message: str, *, counted: bool = True, delay: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.message, self.counted, self.delay = code, message, counted, delay


class ListingError(_CodedError):
    """A listing that will not do better later."""


class NotNowError(_CodedError):
    """The rule cannot go on now. `counted` is False where only our own time or pace is short."""


class ExpiredError(Exception):
    """The cursor at which a listing was to go on is not taken any more."""


class Lister:
    """Listings within one scope."""

    def __init__(self, engine: Engine, finder: Finder, scope: Scope, deadline: Deadline) -> None:
        self._engine = engine
        self._finder = finder
        self._scope = scope
        self._deadline = deadline
        self.pages = finder.pages

    async def find(self, key: str, value: str | None, cursor: str | None = None) -> Listing:
        """The resources that bear a tag, one page of them; with an empty key (`ALL`) those that bear any.

        Raises ListingError, NotNowError or ExpiredError.
        """
        return await self._ask(lambda session: self._finder.find(session, self._scope, Tag(key, value), cursor), cursor)

    async def names(self, key: str | None = None) -> list[str]:
        """Every key in use, or every value of a key, in order. Raises ListingError or NotNowError."""
        names: set[str] = set()
        cursor = None
        restarts = 0
        while True:
            try:
                ask = partial(self._finder.names, scope=self._scope, key=key, cursor=cursor)
                page = await self._ask(ask, cursor)
            except ExpiredError:
                cursor, restarts = None, restarts + 1
                if restarts > RESTARTS:
                    raise ListingError("expired_marker", "the listing cannot be gone on with") from None
                continue
            names.update(page.names)
            cursor = page.next
            if cursor is None:
                return sorted(names)

    async def _ask(self, make: Callable[[Session], Awaitable[Answer]], cursor: str | None) -> Listing:
        answer = await self._engine.call(self._finder, self._scope, make, self._deadline)
        if isinstance(answer, Listing) and answer.verdict is Verdict.DONE:
            if answer.next is not None and answer.next == cursor:
                raise ListingError("endless", "the listing goes on where it began")
            return answer
        code, message = answer.code or "not_listed", answer.message or "the listing failed"
        if isinstance(answer, Deferral):
            raise NotNowError(code, message, counted=answer.counted, delay=answer.delay)
        if isinstance(answer, Answer) and answer.verdict in _PASSING:
            raise NotNowError(code, message, counted=True, delay=answer.retry_after)
        if isinstance(answer, Answer) and answer.verdict is Verdict.REFUSED and cursor is not None:
            raise ExpiredError
        raise ListingError(code, message)
