"""Reads the tags of resources that are gone, within their account's limits."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from untag.contracts import Deferral, InvalidInputError, Outcome, Result
from untag.core import Deadline, Engine, Timing
from untag.core.chunks import chunks
from untag.providers import Answer, Provider, Scope, Verdict

MOST_READS = 1000
"""Reading calls for one event: what an environment's share of Huawei Cloud's pace, 10 a second, makes in an
invocation. More would begin anew each time."""

_LATER = frozenset({Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.UNAUTHORIZED})
_SPLIT = frozenset({Verdict.NOT_FOUND, Verdict.REFUSED})
"""Answers that may be one resource's: the others of its call are asked for without it."""


class Why(NamedTuple):
    """Why no request names a resource, or one of its tags. `held` says that a guardrail keeps it from being asked."""

    code: str
    message: str
    held: bool = False


_NOT_LISTED = Why("not_listed", "the cloud's answer leaves the resource out, so that its tags are not known")


TagsRead = dict[str, dict[str, str] | Why | None]
"""By id: the tags, or why they cannot be read, now or the next time; None for a resource that the cloud does not
know."""


class TryAgainError(Exception):
    """Tags could not be read now; a later invocation may be luckier. The message names the code."""


class TagReader:
    """One invocation's reads."""

    def __init__(self, engine: Engine, timing: Timing, deadline: Deadline) -> None:
        self._engine = engine
        self._timing = timing
        self._deadline = deadline
        # As many as the engine lets through: more would only contend for the account's pace.
        self._turns = asyncio.Semaphore(engine.concurrency)

    async def read(self, provider: Provider, scope: Scope, ids: Sequence[str]) -> TagsRead:
        """The tags of each resource. Raises TryAgainError, or InvalidInputError for more than can ever be read."""
        parts = list(chunks(ids, provider.limits.in_a_read))
        if len(parts) > MOST_READS:
            raise InvalidInputError.of(f"needs more than {MOST_READS} reads: name the tags, or send it in parts")
        stopped: list[str] = []
        answers = await asyncio.gather(
            *(self._part(provider, scope, part, stopped) for part in parts), return_exceptions=True
        )
        tags: TagsRead = {}
        for answer in answers:  # all of them have ended: none goes on by itself
            if isinstance(answer, BaseException):
                raise answer
            tags |= answer
        if stopped:
            raise TryAgainError(f"reading tags: {stopped[0]}")
        return tags

    async def _part(self, provider: Provider, scope: Scope, ids: tuple[str, ...], stopped: list[str]) -> TagsRead:
        """What one call reads, and what is asked again one by one; after a first failure nothing more is asked."""
        async with self._turns:
            answer = Deferral("stopped", "", counted=False) if stopped else await self._patient(provider, scope, ids)
        if isinstance(answer, Deferral) or (isinstance(answer, Answer) and answer.verdict in _LATER):
            stopped.append(answer.code or "unavailable")
            return {}
        if isinstance(answer, Result):
            held = answer.outcome is Outcome.PROTECTED
            return dict.fromkeys(ids, Why(answer.code or "not_read", answer.message or "no call can be made", held))
        if answer.verdict is Verdict.DONE and answer.tags is not None:
            return {id_: dict(answer.tags[id_]) if id_ in answer.tags else _NOT_LISTED for id_ in ids}
        if answer.verdict in _SPLIT and len(ids) > 1:
            tags: TagsRead = {}
            for id_ in ids:
                tags |= await self._part(provider, scope, (id_,), stopped)
            return tags
        if answer.verdict is Verdict.NOT_FOUND:
            return dict.fromkeys(ids)
        return dict.fromkeys(ids, Why(answer.code or "not_read", answer.message or "the cloud refused to tell"))

    async def _patient(self, provider: Provider, scope: Scope, ids: tuple[str, ...]) -> Answer | Deferral | Result:
        """A read that waits for the account as long as the invocation has time: to come again costs far longer."""
        while True:
            answer = await self._engine.read(provider, scope, ids, self._deadline)
            if not isinstance(answer, Deferral) or answer.code != "rate":
                return answer
            if not 0.0 < answer.delay < self._deadline.for_calls():
                return answer
            await self._timing.sleep(answer.delay)
