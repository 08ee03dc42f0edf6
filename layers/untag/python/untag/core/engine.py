"""Runs steps: calls in flight within limits, within the time there is, until every pair has its result."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from untag.contracts import Action, Deferral, Outcome, Result, Tag
from untag.core.accounts import PATIENCE_SECONDS, Account, Accounts, Observer, Turn
from untag.core.jobs import Block, Job
from untag.core.plan import Group, group
from untag.core.policy import Policy
from untag.core.steps import AGAIN, Budget, Kind, Settled, Step, deferral, first_steps, judge, last_checks, released
from untag.core.timing import Timing
from untag.providers import Answer, Provider, Scope, Session, Verdict

CALL_SECONDS = 10.0
"""A call's own time-out, as in JD Cloud's SDK. Huawei Cloud's waits for two minutes, which is a function's whole
life."""

SHORTEST_CALL_SECONDS = 0.5
"""No call starts with less time than this: it could not finish, and a write cut off is a write unknown."""

RETRIES = 2
_RETRY_SECONDS = 0.2
_RETRY_CAP = 2.0

_NO_TIME = Deferral("deadline", "no time was left in this invocation", counted=False)


class Deadline(NamedTuple):
    """The time that an invocation has. `left` gives its remaining seconds; `reserve` of them are delivery's."""

    left: Callable[[], float]
    reserve: float

    def for_calls(self) -> float:
        """Seconds that provider calls still have."""
        return self.left() - self.reserve


@dataclass(slots=True, eq=False)
class _Lane:
    """One account's steps, and how many workers are at them: a slow account does not hold up another."""

    account: Account
    steps: deque[Step] = field(default_factory=deque)
    workers: int = 0


class Engine:
    """Works through jobs. One engine serves all invocations of a process."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        accounts: Accounts,
        policy: Policy,
        timing: Timing,
        observer: Observer,
        *,
        concurrency: int,
    ) -> None:
        self._client = client
        self._accounts = accounts
        self._policy = policy
        self._timing = timing
        self._observer = observer
        self.concurrency = concurrency
        self._calls = asyncio.Semaphore(concurrency)

    async def run(self, jobs: Iterable[Job], deadline: Deadline, done: Callable[[Job], None]) -> None:
        """Settle every pair of every job. `done` is told of each job once, as soon as its last pair is settled."""
        jobs = list(jobs)
        for job in jobs:
            if not job.open:
                done(job)
        run = _Run(self, deadline, done)
        async with asyncio.TaskGroup() as tasks:
            for made in group(jobs):
                run.add(first_steps(made))
            run.start(tasks)

    async def read(
        self, provider: Provider, scope: Scope, ids: tuple[str, ...], deadline: Deadline
    ) -> Answer | Deferral | Result:
        """Read the tags of resources within the account's limits; no more ids than `provider.limits.in_a_read`."""
        asking = Group(provider, scope, Action.REMOVE, dry_run=True, guarded=True)
        return await self.ask(self.lane(asking), Step(asking, Kind.GUARD, ids, (), Budget()), deadline)

    def lane(self, made: Group) -> Account:
        """The account that a group's calls are made for."""
        return self._accounts.of(made.provider, made.scope.account)

    async def ask(self, account: Account, step: Step, deadline: Deadline) -> Answer | Deferral | Result:
        """Make a step's call, more than once if that may help.

        A Deferral or a Result comes back where there is no answer to judge.
        """
        tries = 0
        refused: Deferral | None = None
        while True:
            answer = await self._try(account, step, deadline)
            if answer is None:
                continue  # the key has changed under way; the account sees to it that this ends
            if isinstance(answer, Deferral) and not answer.counted and refused is not None:
                # It was tried and refused: that nothing is left for another try does not make it our own doing.
                return refused._replace(delay=max(refused.delay, answer.delay))
            if not isinstance(answer, Answer) or answer.verdict not in AGAIN:
                return answer
            tries += 1
            refused = deferral(answer)
            pause = answer.retry_after or self._timing.jitter(_RETRY_SECONDS, tries, _RETRY_CAP)
            if tries > RETRIES or pause > min(PATIENCE_SECONDS, deadline.for_calls()):
                return answer
            self._observer.retried(step.group.provider.name)
            if answer.verdict is Verdict.UNAVAILABLE:  # after a throttle the account's pace holds everyone
                await self._timing.sleep(pause)

    async def _try(self, account: Account, step: Step, deadline: Deadline) -> Answer | Deferral | Result | None:
        """Make a step's call once; None if its key was refused and there is another by now."""
        if deadline.for_calls() < SHORTEST_CALL_SECONDS:
            return _NO_TIME
        async with account.turn(step.group.provider, step.group.scope, deadline.for_calls) as turn:
            if not isinstance(turn, Turn):
                return turn
            async with self._calls:
                timeout = min(CALL_SECONDS, deadline.for_calls())
                if timeout < SHORTEST_CALL_SECONDS:
                    return _NO_TIME
                answer = await self._call(step, Session(self._client, turn.credentials, turn.auth, timeout))
            rekeyed = await account.answered(turn.credentials, answer, deadline.for_calls)
        if rekeyed:
            return None
        if answer.verdict is Verdict.UNAUTHORIZED:
            return Deferral("account_closed", "the key was refused", counted=True, delay=account.closed_for())
        # Cut off by us it is no attempt; a write may have been applied all the same, and is asked for again.
        return _NO_TIME if answer.code == "timeout" and timeout < CALL_SECONDS else answer

    async def _call(self, step: Step, session: Session) -> Answer:
        provider, scope = step.group.provider, step.group.scope
        started = self._timing.monotonic()
        if step.kind is Kind.WRITE:
            answer = await provider.write(session, step.group.action, scope, step.ids, step.wire_tags())
        else:
            answer = await provider.read(session, scope, step.ids)
        self._observer.called(provider.name, self._timing.monotonic() - started, answer)
        return answer

    def failed(self, error: Exception) -> Deferral:
        """What becomes of a step in which the program itself went wrong."""
        self._observer.failed(error)
        return Deferral("internal_error", type(error).__name__, counted=True)

    def given_up(self, job: Job, result: Deferral) -> Result | None:
        """The result of a pair that would be deferred again, if its request was tried often and long enough."""
        request = job.request
        if not result.counted or not self._policy.exhausted(request, job.first_attempt_at, self._timing.now()):
            return None
        hours = (self._timing.now() - job.first_attempt_at) / 3600
        told = f"given up after {request.attempt} attempts in {hours:.0f} h; the last: {result.code} {result.message}"
        return Result(Outcome.FAILED, "exhausted", told[:160])


class _Run:
    """One invocation's lanes and workers."""

    def __init__(self, engine: Engine, deadline: Deadline, done: Callable[[Job], None]) -> None:
        self._engine = engine
        self._deadline = deadline
        self._done = done
        self._lanes: dict[Account, _Lane] = {}

    def add(self, steps: Iterable[Step]) -> None:
        """Put steps into their account's lane."""
        for step in steps:
            account = self._engine.lane(step.group)
            if account not in self._lanes:
                self._lanes[account] = _Lane(account)
            self._lanes[account].steps.append(step)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Set workers to every lane."""
        for lane in self._lanes.values():
            self._staff(lane, tasks)

    def _staff(self, lane: _Lane, tasks: asyncio.TaskGroup) -> None:
        for _ in range(min(self._engine.concurrency - lane.workers, len(lane.steps))):
            lane.workers += 1
            tasks.create_task(self._work(lane, tasks))

    async def _work(self, lane: _Lane, tasks: asyncio.TaskGroup) -> None:
        try:
            while lane.steps:
                step = lane.steps.popleft()
                for one in await self._outcome(lane, step):
                    if isinstance(one, Step):
                        lane.steps.appendleft(one)  # what is begun is finished first, so that its job can be delivered
                    else:
                        self._settle(lane, step, one)
                if len(lane.steps) > 1:
                    self._staff(lane, tasks)
        finally:
            lane.workers -= 1

    async def _outcome(self, lane: _Lane, step: Step) -> list[Settled | Step]:
        try:
            answer = await self._engine.ask(lane.account, step, self._deadline)
            found = list(judge(step, answer)) if isinstance(answer, Answer) else _unanswered(step, answer)
        except Exception as error:  # noqa: BLE001 - a bug in one step must not lose the other steps' outcomes
            answer = self._engine.failed(error)
            found = _unanswered(step, answer)
        return [*found, *released(step, answer)]

    def _settle(self, lane: _Lane, step: Step, settled: Settled) -> None:
        """Give the pairs their result in every request that asked for them."""
        given_up: dict[tuple[Tag, Result], list[str]] = {}
        for id_ in settled.ids:
            there = settled.seen[id_] if settled.seen is not None else None
            for tag in settled.tags:
                result = settled.result
                if there is not None and isinstance(result, Result):
                    result = result.seen(there.get(tag.key))
                for block, row in step.group.rows[id_]:
                    final = self._settle_in(block, row, tag, result, last=step.last)
                    if final is not None:
                        given_up.setdefault((tag, final), []).append(id_)
        for (tag, final), ids in given_up.items():
            lane.steps.extendleft(last_checks(step.group, tuple(dict.fromkeys(ids)), (tag,), final))

    def _settle_in(self, block: Block, row: int, tag: Tag, result: Result | Deferral, *, last: bool) -> Result | None:
        """Settle a pair in one block that asked for it; the result to give up with, if it has to be read back first."""
        column = block.index.get(tag)
        if column is None or block.results[at := row * len(block.tags) + column] is not None:
            return None
        if isinstance(result, Deferral) and not last:
            given_up = self._engine.given_up(block.job, result)
            if given_up is not None:
                return given_up
        block.settle(at, result)
        if not block.job.open:
            self._done(block.job)
        return None


def _unanswered(step: Step, result: Deferral | Result) -> list[Settled | Step]:
    if step.last and isinstance(result, Deferral) and result.counted and step.doubt is not None:
        return [Settled((id_,), step.tags, step.doubt.unread[id_]) for id_ in step.ids]
    return [Settled(step.ids, step.tags, result, step.seen)]
