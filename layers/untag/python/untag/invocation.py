"""One invocation: records in, results delivered as they complete, and the records that have to come again.

The order of delivery is what keeps results from being lost and messages from multiplying: reports first, then dead
letters, and the remainder as the last act before the record is acknowledged. If a send fails nothing further is sent
for that record, and it comes again: at least once, and removal is idempotent.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from untag.aws import Aws
from untag.contracts import InvalidInputError, Problem, Report
from untag.core import Deadline, Engine, Job, Timing, conflicting, failed_requests, remainder, report
from untag.delivery import (
    DeliveryError,
    Message,
    Outbox,
    dead_letters,
    invalid_letter,
    remainder_messages,
    report_message,
)
from untag.intake import Intake
from untag.isolation import SUSPECT_RECEIVES, Isolation
from untag.records import SqsRecord
from untag.settings import Settings
from untag.telemetry import Telemetry

_RESERVE_SECONDS = 10.0
_RESERVE_SHARE = 0.25
"""What of an invocation's time is kept for delivery: ten seconds, or a quarter of a short one."""

MARGIN_SECONDS = 0.5
"""Delivery itself has ended this long before the invocation does."""


@dataclass(slots=True, eq=False)
class _Work:
    """A record, or a payload sent by hand, with its jobs. `open` counts the jobs that are not settled."""

    id: str
    source: str
    jobs: list[Job]
    open: int = 0
    reports: list[Report] = field(default_factory=list)
    problem: str = "not finished"
    """Why its results are not delivered; empty once they are."""


class Invocation:
    """What one invocation of a function does. `left` gives its remaining seconds."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        engine: Engine,
        aws: Aws,
        isolation: Isolation,
        telemetry: Telemetry,
        timing: Timing,
        left: Callable[[], float],
    ) -> None:
        self._intake = intake
        self._engine = engine
        self._isolation = isolation
        self._telemetry = telemetry
        self._timing = timing
        self._deadline = Deadline(left, reserve=min(_RESERVE_SECONDS, left() * _RESERVE_SHARE))
        self._outbox = Outbox(
            aws,
            timing,
            topic_arn=settings.topic_arn,
            queue_url=settings.queue_url,
            dead_letter_queue_url=settings.dead_letter_queue_url,
        )

    async def batch(self, records: Iterable[SqsRecord]) -> list[str]:
        """Work at the records; the ids of those that have to come again."""
        records = list(records)
        failed = await self._together([record for record in records if record.receives < SUSPECT_RECEIVES])
        for record in records:
            if record.receives >= SUSPECT_RECEIVES:
                failed += await self._alone(record)
        return failed

    async def payload(self, payload: Any, own_id: str) -> tuple[list[Report], list[Problem]]:
        """Work at a payload sent by hand: its reports, and what is wrong with it or with their delivery."""
        try:
            work = self._open(payload, own_id, "manual")
        except InvalidInputError as error:
            self._telemetry.rejected(own_id, str(error))
            return [], list(error.problems)
        except Exception as error:  # noqa: BLE001 - nothing was called yet, and whoever sent it should be told so
            self._telemetry.failed(error)
            return [], [Problem("", f"internal error: {type(error).__name__}; nothing was called")]
        await self._work_at([work])
        if not work.problem:
            return work.reports, []
        told = f"not delivered ({work.problem}): send the payload again, it asks for nothing twice"
        return work.reports, [Problem("", told)]

    async def _alone(self, record: SqsRecord) -> list[str]:
        if self._deadline.for_calls() <= 0.0:
            return [record.id]
        await self._isolation.hide(record.receipt_handle)
        failed = await self._together([record])
        if not failed:
            await self._isolation.delete(record.receipt_handle)
        return failed

    async def _together(self, records: list[SqsRecord]) -> list[str]:
        """Work at records whose pairs may share calls; the ids of those that have to come again."""
        opened: list[_Work] = []
        rejected: list[tuple[SqsRecord, InvalidInputError]] = []
        failed = []
        for record in records:
            try:
                opened.append(self._open(record.body, record.id, record.source))
            except InvalidInputError as error:
                rejected.append((record, error))
            except Exception as error:  # noqa: BLE001 - one record must not take down the others
                self._telemetry.failed(error)
                failed.append(record.id)
        buried = await asyncio.gather(self._work_at(opened), *(self._bury(*pair) for pair in rejected))
        failed += [work.id for work in opened if work.problem]
        return failed + [record.id for (record, _), done in zip(rejected, buried[1:], strict=True) if not done]

    def _open(self, payload: Any, own_id: str, source: str) -> _Work:
        """The work that a body or a payload asks for. Raises InvalidInputError."""
        jobs = self._intake.open(payload, own_id, self._timing.now())
        for job in jobs:
            self._telemetry.warned(job.request.id, self._intake.warnings(job))
        return _Work(own_id, source, jobs)

    async def _work_at(self, works: list[_Work]) -> None:
        """Run the jobs of several records together and deliver each record as soon as its last pair is settled."""
        owner = {job: work for work in works for job in work.jobs}
        for work in works:
            work.open = len(work.jobs)
        for job in conflicting(owner):
            owner[job].problem = "contradicts an earlier record of the batch"
            owner[job].open = -1
        jobs = [job for job, work in owner.items() if work.open > 0]
        deliveries: list[asyncio.Task[None]] = []

        def done(job: Job) -> None:
            work = owner[job]
            work.open -= 1
            if work.open == 0:
                deliveries.append(asyncio.ensure_future(self._deliver(work)))

        try:
            await self._engine.run(jobs, self._deadline, done)
        except Exception as error:  # noqa: BLE001 - what is not settled comes again; what is, is delivered
            self._telemetry.failed(error)
        await asyncio.gather(*deliveries)

    async def _deliver(self, work: _Work) -> None:
        try:
            # Conservation is checked here: a job that does not add up raises, and its record comes again.
            for job in work.jobs:
                pages = report(job, self._timing.now())
                self._telemetry.finished(pages)
                work.reports += pages
            await self._outbox.publish(report_message(page) for page in work.reports)
            await self._outbox.bury(letter for job in work.jobs for letter in _letters(job, work.source))
            await self._outbox.send_back(remainder_messages(remainder(job, self._timing.chance) for job in work.jobs))
            work.problem = ""
        except DeliveryError as error:
            work.problem = str(error)
            self._telemetry.undelivered(work.id, work.problem)
        except Exception as error:  # noqa: BLE001 - one record must not take down the others
            work.problem = type(error).__name__
            self._telemetry.failed(error)

    async def _bury(self, record: SqsRecord, error: InvalidInputError) -> bool:
        """Put a body that does not validate on the dead-letter queue, verbatim."""
        self._telemetry.rejected(record.id, str(error))
        try:
            await self._outbox.bury(
                [invalid_letter(record.body, str(error), request_id=record.id, source=record.source)]
            )
        except DeliveryError as failure:
            self._telemetry.undelivered(record.id, str(failure))
            return False
        except Exception as failure:  # noqa: BLE001 - one record must not take down the others
            self._telemetry.failed(failure)
            return False
        return True


def _letters(job: Job, source: str) -> list[Message]:
    request = job.request
    return [
        letter
        for left in failed_requests(job)
        for letter in dead_letters(left, request_id=request.id, source=source, attempt=request.attempt)
    ]
