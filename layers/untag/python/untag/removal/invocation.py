"""One invocation: records in, results delivered as they complete, and the records that have to come again.

The order of delivery is what keeps results from being lost and messages from multiplying: reports first, then dead
letters, what is kept until later, and the remainder as the last act before the record is acknowledged. If a send fails
nothing further is sent for that record, and it comes again: at least once, and removal is idempotent.
"""

import asyncio
from dataclasses import dataclass, field

from untag.contracts import InvalidInputError, Report
from untag.contracts.rejections import InvocationError
from untag.core import Job, conflicting, failed_requests, kept_requests, remainder, report, warnings_of
from untag.hosts.base import Arrival, DeliveryError, Handed, Message, Record
from untag.messages import dead_letters, kept_messages, remainder_messages, report_message, traced
from untag.removal.intake import open_jobs
from untag.runtime import Runtime, Window
from untag.worker import Worker, undelivered


@dataclass(slots=True, eq=False)
class _Work:
    """A record, or what was handed to the function, with its jobs. `open` counts the jobs that are not settled."""

    id: str
    source: str
    jobs: list[Job]
    open: int = 0
    reports: list[Report] = field(default_factory=list)
    problem: str = "not finished"
    """Why its results are not delivered; empty once they are."""


class Invocation(Worker):
    """What one invocation of the function does."""

    def __init__(self, runtime: Runtime, window: Window) -> None:
        super().__init__(runtime, window)
        self._registry = runtime.registry
        self._policy = runtime.settings.policy
        self._kept_bytes = runtime.host.kept_bytes

    async def by_hand(self, handed: list[Handed]) -> list[Report]:
        """Work at what was handed to the function: its reports. Raises InvocationError.

        All of it or nothing: what is invalid is reported before anything is called.
        """
        opened = []
        for one in handed:
            with self.failing(one, "; nothing was called"):
                opened.append(self._open(one))
        await self._work_at(opened)
        if problems := [
            undelivered(one, work.problem) for one, work in zip(handed, opened, strict=True) if work.problem
        ]:
            raise InvocationError(problems)
        return [report for work in opened for report in work.reports]

    async def together(self, records: list[Record]) -> list[str]:
        """Work at records whose pairs may share calls; the ids of those that have to come again."""
        opened: list[_Work] = []
        rejected: list[tuple[Record, InvalidInputError]] = []
        failed = []
        for record in records:
            try:
                opened.append(self._open(record))
            except InvalidInputError as error:
                rejected.append((record, error))
            except Exception as error:  # noqa: BLE001 - one record must not take down the others
                self._telemetry.failed(error)
                failed.append(record.id)
        _, *reported = await asyncio.gather(self._work_at(opened), *(self.reject(*pair) for pair in rejected))
        failed += [work.id for work in opened if work.problem]
        return failed + [record.id for (record, _), done in zip(rejected, reported, strict=True) if not done]

    def _open(self, arrival: Arrival) -> _Work:
        """The work that a body or a payload asks for. Raises InvalidInputError."""
        jobs = open_jobs(
            arrival.body,
            arrival.own_id,
            self._registry,
            self._policy,
            now=self._timing.now(),
            traceparent=arrival.traceparent,
        )
        for job in jobs:
            self._telemetry.warned(job.request.id, warnings_of(job))
        return _Work(arrival.id, arrival.source, jobs)

    async def _work_at(self, works: list[_Work]) -> None:
        """Run the jobs of several records together and deliver each record as soon as its last pair is settled."""
        owner = {job: work for work in works for job in work.jobs}
        for work in works:
            work.open = len(work.jobs)
        for job in conflicting(owner):
            owner[job].problem = "contradicts an earlier record of the batch"
            owner[job].open = -1
        jobs = [job for job, work in owner.items() if work.open > 0]
        unsettled = sum(work.open > 0 for work in works)
        self._outbox.linger(more=unsettled > 1)
        deliveries: list[asyncio.Task[None]] = []

        def done(job: Job) -> None:
            nonlocal unsettled
            work = owner[job]
            work.open -= 1
            if work.open == 0:
                unsettled -= 1
                self._outbox.linger(more=unsettled > 0)
                deliveries.append(asyncio.ensure_future(self._deliver(work)))

        try:
            await self._engine.run(jobs, self._deadline, done)
        except Exception as error:  # noqa: BLE001 - what is not settled comes again; what is, is delivered
            self._telemetry.failed(error)
        await self._finish(deliveries)

    async def _finish(self, deliveries: list[asyncio.Task[None]]) -> None:
        """Wait for deliveries until the invocation's end is near.

        One that takes longer is given up, and its record comes again. Were the invocation to be ended under way, the
        records that are delivered would not be acknowledged either.
        """
        if not deliveries:
            return
        _, late = await asyncio.wait(deliveries, timeout=max(self._deadline.for_delivery(), 0.0))
        for delivery in late:
            delivery.cancel()
        if late:
            await asyncio.wait(late)

    async def _deliver(self, work: _Work) -> None:
        if self._deadline.for_delivery() <= 0.0:
            work.problem = "no time was left to deliver it"
            self._telemetry.undelivered(work.id, work.problem)
            return
        try:
            # Conservation is checked here: a job that does not add up raises, and its record comes again.
            for job in work.jobs:
                pages = report(job, self._timing.now())
                self._telemetry.finished(pages, work.id, job.traceparent)
                work.reports += pages
            trace = work.jobs[0].traceparent  # one record's jobs have one sender
            dead = (one for job in work.jobs for one in _dead_letters(job, work.source))
            remainders = remainder_messages(remainder(job, self._timing.chance) for job in work.jobs)
            await self._outbox.publish(traced(map(report_message, work.reports), trace))
            await self._outbox.send_dead_letters(traced(dead, trace))
            for job in work.jobs:
                if job.kept_until is not None:
                    kept = kept_messages(kept_requests(job), self._kept_bytes)
                    await self._outbox.keep_until(kept, job.kept_until)
            await self._outbox.send_back(traced(remainders, trace))
            work.problem = ""
        except DeliveryError as error:
            work.problem = str(error)
            self._telemetry.undelivered(work.id, work.problem)
        except Exception as error:  # noqa: BLE001 - one record must not take down the others
            work.problem = type(error).__name__
            self._telemetry.failed(error)


def _dead_letters(job: Job, source: str) -> list[Message]:
    request = job.request
    return [
        message
        for follow_up in failed_requests(job)
        for message in dead_letters(
            follow_up, request_id=request.id, source=source, attempt=request.attempt, batch=request.batch
        )
    ]
