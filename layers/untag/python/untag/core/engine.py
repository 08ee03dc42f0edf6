"""Runs steps: calls in flight within limits, within the time there is, until every pair has its result."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeVar

import httpx

from untag.contracts import ALL, Action, Deferral, Outcome, Result, Tag
from untag.core import limits
from untag.core.accounts import Account, Accounts, Observer, Turn
from untag.core.confirming import not_confirmed
from untag.core.jobs import Block, Job
from untag.core.judging import deferred, judge, last_checks, released
from untag.core.plan import expand, first_steps, group
from untag.core.policy import Policy
from untag.core.steps import Followed, Kind, Read, Settled, Step
from untag.core.timing import Timing
from untag.providers import AGAIN, Answer, Provider, Scope, Session, Trail, Verdict
from untag.providers.credentials import Credentials

T = TypeVar("T")

Make = Callable[[Session], Awaitable[Answer]]
"""Makes a call with what it is given."""

_NO_TIME = Deferral("deadline", "no time was left in this invocation", counted=False)


class Deadline(NamedTuple):
    """The time that an invocation has. `left` gives its remaining seconds; `reserve` of them are delivery's."""

    left: Callable[[], float]
    reserve: float

    def for_calls(self) -> float:
        """Seconds that provider calls still have."""
        return self.left() - self.reserve

    def for_delivery(self) -> float:
        """Seconds that deliveries still have: what is left after them is for the invocation's own end."""
        return self.left() - min(limits.END_SECONDS, self.reserve / 4)


@dataclass(slots=True, eq=False)
class _Lane:
    """One account's steps, and how many workers are at them: a slow account does not hold up another."""

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
        self.policy = policy
        self._timing = timing
        self._observer = observer
        self.concurrency = concurrency
        self._calls = asyncio.Semaphore(concurrency)

    async def run(self, jobs: Iterable[Job], deadline: Deadline, done: Callable[[Job], None]) -> None:
        """Settle every pair of every job. `done` is called with each job once, as soon as its last pair is settled."""
        jobs = list(jobs)
        for job in jobs:
            if not job.open:
                done(job)
        run = _Run(self, deadline, done)
        async with asyncio.TaskGroup() as tasks:
            run.add(jobs)
            run.start(tasks)

    async def call(
        self, provider: Provider, scope: Scope, make: Make, deadline: Deadline, *, writes: bool = False
    ) -> Answer | Deferral | Result:
        """Make one call within its account's rules (pace, proof, circuit) and the time left; more than once if that may
        help.

        A Deferral or a Result comes back where there is no answer to judge. `writes` says that the call may change
        something, so that it may have been carried out although its answer was lost.
        """
        account = self.account(provider, scope)
        tries = 0
        refused: Deferral | None = None
        while True:
            answer = await self._try(account, provider, scope, make, deadline, writes=writes)
            if answer is None:
                continue  # the credentials have changed under way; the account sees to it that this ends
            if isinstance(answer, Deferral) and refused is not None:
                lost = refused.lost or answer.lost
                if answer.counted:
                    return answer._replace(lost=lost)
                # It was tried and refused: that nothing is left for another try does not make it our own doing.
                return refused._replace(delay=max(refused.delay, answer.delay), lost=lost)
            if not isinstance(answer, Answer):
                return answer
            if refused is not None and refused.lost:
                answer = replace(answer, lost=True)
            if answer.verdict not in AGAIN:
                return answer
            tries += 1
            refused = deferred(answer, lost=answer.lost, writes=writes)
            pause = answer.retry_after or self._timing.jitter(limits.RETRY_SECONDS, tries, limits.RETRY_CAP)
            if tries > limits.RETRIES or pause > min(limits.PATIENCE_SECONDS, deadline.for_calls()):
                return answer
            self._observer.retried(provider.name)
            if answer.verdict is Verdict.UNAVAILABLE:  # after a throttle the account's pace holds everyone
                await self._timing.sleep(pause)

    async def read(
        self, provider: Provider, scope: Scope, ids: tuple[str, ...], deadline: Deadline
    ) -> Answer | Deferral | Result:
        """Read the tags of resources; no more ids than `provider.limits.in_a_read`."""

        async def make(session: Session) -> Answer:
            return _by_asked_ids(await provider.read(session, scope, ids), provider, ids)

        return await self.call(provider, scope, make, deadline)

    async def ask(self, step: Step, deadline: Deadline) -> Answer | Deferral | Result:
        """Make a step's call."""
        provider, scope = step.group.provider, step.group.scope
        if step.kind is not Kind.WRITE:
            return await self.read(provider, scope, step.ids, deadline)
        action, tags, seen = step.group.action, step.sent_tags(), step.seen or {}

        async def make(session: Session) -> Answer:
            if seen and action is Action.REMOVE:
                self._observer.removing(scope, step.ids, tags, seen)
            return _by_asked_ids(await provider.write(session, action, scope, step.ids, tags, seen), provider, step.ids)

        return await self.call(provider, scope, make, deadline, writes=True)

    def account(self, provider: Provider, scope: Scope) -> Account:
        """The account that calls in this scope are made for."""
        return self._accounts.of(provider, scope.account)

    async def sleep(self, seconds: float) -> None:
        """Let other calls go on for a while."""
        await self._timing.sleep(seconds)

    async def _try(
        self, account: Account, provider: Provider, scope: Scope, make: Make, deadline: Deadline, *, writes: bool
    ) -> Answer | Deferral | Result | None:
        """Make a call once; None if its credentials were refused and there are others by now."""

        def refuse(credentials: Credentials) -> Result | None:
            return self._refused(provider, scope, credentials)

        if deadline.for_calls() < limits.SHORTEST_CALL_SECONDS:
            return _NO_TIME
        async with account.turn(provider, scope, deadline.for_calls, refuse) as turn:
            if not isinstance(turn, Turn):
                return turn
            async with self._calls:
                timeout = min(limits.CALL_SECONDS, deadline.for_calls())
                if timeout < limits.SHORTEST_CALL_SECONDS:
                    return _NO_TIME
                trail = Trail()
                started = self._timing.monotonic()
                answer = await make(Session(self._client, turn.credentials, turn.auth, timeout, trail))
                self._observer.called(provider.name, self._timing.monotonic() - started, answer)
                if writes and trail.sent_anew:
                    answer = replace(answer, lost=True)
            if await account.answered(turn.credentials, answer, deadline.for_calls):
                return None
        return self._taken(account, answer, cut_off=timeout < limits.CALL_SECONDS, writes=writes)

    def _taken(self, account: Account, answer: Answer, *, cut_off: bool, writes: bool) -> Answer | Deferral:
        """An answer, or what it means where it is not the call that was refused or failed."""
        if answer.verdict is Verdict.UNAUTHORIZED:
            delay = account.closed_for()
            return Deferral(
                "account_closed", "the credentials are refused", counted=True, delay=delay, lost=answer.lost
            )
        if answer.code == "timeout" and cut_off:
            # Cut off by us it is no attempt. A write may have been applied all the same, and is asked for again.
            return _NO_TIME._replace(lost=writes and not answer.unsent)
        return answer

    def _refused(self, provider: Provider, scope: Scope, credentials: Credentials) -> Result | None:
        """The result of pairs for which no call is made with these credentials."""
        if (failure := provider.refusal(credentials, scope)) is not None:
            return Result(Outcome.FAILED, failure.code, failure.message)
        return self.policy.misplaced(provider, credentials, scope)

    def failed(self, error: Exception) -> Deferral:
        """What becomes of a step in which the program itself went wrong."""
        self._observer.failed(error)
        return Deferral("internal_error", type(error).__name__, counted=True)

    def given_up(self, job: Job, result: Deferral) -> Result | None:
        """The result of a pair that would be deferred again, if its request was tried often and long enough."""
        request = job.request
        if not result.counted or not self.policy.exhausted(request, job.first_attempt_at, self._timing.now()):
            return None
        took = _in_words(self._timing.now() - job.first_attempt_at)
        attempts = f"{request.attempt} attempt{'' if request.attempt == 1 else 's'}"
        message = f"given up after {attempts} in {took}; the last: {result.code} {result.message}"
        return Result(Outcome.FAILED, "exhausted", message[:160])


class _Run:
    """One invocation's lanes and workers."""

    def __init__(self, engine: Engine, deadline: Deadline, done: Callable[[Job], None]) -> None:
        self._engine = engine
        self._deadline = deadline
        self._done = done
        self._lanes: dict[Account, _Lane] = {}

    def add(self, jobs: Iterable[Job]) -> None:
        """Put the first steps of jobs into their accounts' lanes."""
        for made in group(jobs):
            account = self._engine.account(made.provider, made.scope)
            if account not in self._lanes:
                self._lanes[account] = _Lane()
            self._lanes[account].steps.extend(first_steps(made))

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
                for one in await self._outcome(step):
                    if isinstance(one, Step) and one.pause:
                        self._later(lane, one, tasks)
                    elif isinstance(one, Step):
                        lane.steps.appendleft(one)  # what is begun is finished first, so that its job can be delivered
                    elif isinstance(one, Read):
                        self._read(step, one)
                    else:
                        self._settle(lane, step, one)
                if len(lane.steps) > 1:
                    self._staff(lane, tasks)
        finally:
            lane.workers -= 1

    def _later(self, lane: _Lane, step: Step, tasks: asyncio.TaskGroup) -> None:
        """Make a step's call after its pause, if there is time for both: no worker waits for it."""
        if step.pause > min(limits.LONGEST_PAUSE_SECONDS, self._deadline.for_calls() - limits.SHORTEST_CALL_SECONDS):
            self._settle(lane, step, not_confirmed(step))
            return

        async def wait() -> None:
            await self._engine.sleep(step.pause)
            lane.steps.appendleft(replace(step, pause=0.0))
            self._staff(lane, tasks)

        tasks.create_task(wait())

    async def _outcome(self, step: Step) -> list[Followed]:
        try:
            answer = await self._engine.ask(step, self._deadline)
            followed = list(judge(step, answer)) if isinstance(answer, Answer) else _unanswered(step, answer)
        except Exception as error:  # noqa: BLE001 - a bug in one step must not lose the other steps' outcomes
            answer = self._engine.failed(error)
            followed = _unanswered(step, answer)
        return [*followed, *released(step, answer)]

    def _read(self, step: Step, read: Read) -> None:
        """Keep a resource's tags for every job that means them all."""
        for id_ in read.ids:
            for block, row in step.group.rows[id_]:
                if ALL in block.index and block.results[row] is None:
                    block.job.read[block.scope.type, block.ids[row]] = read.seen[id_]
                    block.job.bears_tags = block.job.bears_tags or bool(read.seen[id_].tags)
                    block.job.open -= 1
                    self._closed(block.job)

    def _settle(self, lane: _Lane, step: Step, settled: Settled) -> None:
        """Give the pairs their result in every request that asked for them."""
        given_up: dict[tuple[Tag, Result], list[str]] = {}
        as_seen: dict[tuple[str | None, str | None], Result] = {}  # one for all pairs that were found alike
        for id_ in settled.ids:
            there = settled.seen[id_].tags if settled.seen is not None else None
            for tag in settled.tags:
                result = settled.result
                stood = None if there is None else step.tag_there(tag, there)
                was = None if stood is None else stood.value
                if there is not None and isinstance(result, Result):
                    found = was, None if stood is None or stood.key == tag.key else stood.key
                    if found not in as_seen:
                        as_seen[found] = result.seen(*found)
                    result = as_seen[found]
                for block, row in step.group.rows[id_]:
                    if there:
                        block.job.bears_tags = True
                    if was is not None and (settled.lost or _may_be_applied(result)):
                        block.keep_evidence(row, tag, was)
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
            if given_up is not None and tag is not ALL:  # what every tag means cannot be read back
                return given_up
            result = given_up or result
        block.settle(at, _with_evidence(block, at, result))
        self._closed(block.job)
        return None

    def _closed(self, job: Job) -> None:
        """Go on with a job that has no open pair: with the pairs that its reads came to, or to its delivery."""
        if job.open == 0 and job.read:
            expand(job, self._engine.policy)
            self.add([job])
        if job.open == 0:
            self._done(job)


def _by_asked_ids(answer: Answer, provider: Provider, ids: tuple[str, ...]) -> Answer:
    """The answer with every id as it was asked for, where the cloud writes it otherwise."""
    if not ids or (answer.tags or {}).keys() | answer.failures.keys() <= set(ids):
        return answer
    by_id = partial(_by_asked_id, provider=provider, ids=ids)
    tags = None if answer.tags is None else by_id(answer.tags)
    return replace(answer, tags=tags, failures=by_id(answer.failures), versions=by_id(answer.versions))


def _by_asked_id(answered: Mapping[str, T], *, provider: Provider, ids: tuple[str, ...]) -> dict[str, T]:
    comparable = {provider.comparable_id(id_): value for id_, value in answered.items()}
    return {id_: comparable[same] for id_ in ids if (same := provider.comparable_id(id_)) in comparable}


def _may_be_applied(result: Result | Deferral) -> bool:
    """Whether our own write may have been applied although nothing says so."""
    return result.lost if isinstance(result, Deferral) else result.outcome is Outcome.UNCONFIRMED


def _with_evidence(block: Block, at: int, result: Result | Deferral) -> Result | Deferral:
    """The result of a pair that an earlier write of ours may have changed, with the value that stood there before it.

    Gone now, it is `absent` with that value. So is a pair on a resource that the provider does not know any more: some
    know no resource without tags.
    """
    was = block.evidence.get(at)
    if not isinstance(result, Result):
        return result
    if block.job.request.action is Action.RESTORE and result.outcome is Outcome.RESTORED:
        if was is not None:
            return result.seen(was)
        # In a remainder an earlier attempt may have put it there. What stood before that is not known.
        unknown = block.job.request.first_attempt_at is not None and result.was is not None
        return result._replace(looked=False, was=None, was_key=None) if unknown else result
    if was is None or block.job.request.action is Action.RESTORE:
        return result
    if result.outcome is Outcome.NOT_FOUND or (result.outcome is Outcome.ABSENT and result.was is None):
        return result._replace(outcome=Outcome.ABSENT, looked=True, was=was)
    return result


def _unanswered(step: Step, result: Deferral | Result) -> list[Followed]:
    if step.last and isinstance(result, Deferral) and result.counted and step.doubt is not None:
        return [Settled((id_,), step.tags, step.doubt.unread[id_]) for id_ in step.ids]
    if step.kind is Kind.CHECK and isinstance(result, Deferral):
        result = result._replace(lost=True)  # a read-back follows a write that may have been applied
    return [Settled(step.ids, step.tags, result, step.seen, step.lost)]


def _in_words(seconds: float) -> str:
    """A time in the largest unit of which there are at least two."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
