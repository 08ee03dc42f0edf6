"""A function that reads a queue: what is common to all of them.

A body that does not validate is reported and goes to the dead-letter queue; a record that may have killed the process
runs last and alone; one record never takes down another. What was handed straight to the function has no queue to come
again from: what goes wrong with it fails the invocation.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from typing_extensions import override

from untag.contracts import InvalidInputError, Problem
from untag.contracts.rejections import InvocationError, Names, Rejection, names_in
from untag.contracts.requests import timestamp
from untag.hosts.base import Arrival, DeliveryError, Handed, Record
from untag.messages import INVALID, rejected_dead_letter, rejection_message, traced
from untag.runtime import Runtime, Window

SUSPECT_RECEIVES = 3
"""A record that was received so often was twice not acknowledged, most likely because the process died on it."""

MOST_SUSPECTS = 10
"""Suspect records that one invocation begins. One of them may kill the process, and then the others have paid a
receive."""

LAST_RECEIVE = 5
"""At this receive a record is the only one that its invocation begins: at the next one its queue buries it, and several
killers among the same neighbours would take these along."""


class Work(ABC):
    """What a function does. Made once in a process, and kept between invocations."""

    continues = False

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @abstractmethod
    def invocation(self, window: Window) -> "Worker":
        """One invocation's work."""

    def batch(self, records: list[Record], left: Callable[[], float]) -> list[str]:
        """Work at a batch; the ids of the records that have to come again. `left` gives the remaining seconds."""
        return self._runtime.run(self.invocation(self._runtime.window(left)).batch(records))


class Worker(ABC):
    """One invocation's work at a batch of records."""

    def __init__(self, runtime: Runtime, window: Window) -> None:
        self._telemetry = runtime.telemetry
        self._timing = runtime.timing
        self._engine = runtime.engine
        self._deadline = window.deadline
        self._outbox = window.outbox
        self._quarantine = runtime.host.quarantine

    @abstractmethod
    async def together(self, records: list[Record]) -> list[str]:
        """Work at records side by side; the ids of those that have to come again. Raises nothing."""

    async def batch(self, records: Iterable[Record]) -> list[str]:
        """Work at all records; the ids of those that have to come again."""
        records = list(records)
        failed = await self.together([record for record in records if record.receives < SUSPECT_RECEIVES])
        suspects = [record for record in records if record.receives >= SUSPECT_RECEIVES]
        suspects.sort(key=lambda record: record.receives == LAST_RECEIVE)
        most = min(sum(record.receives != LAST_RECEIVE for record in suspects), MOST_SUSPECTS) or 1
        # The rest before the first is begun: one that kills the process would make them pay for it.
        failed += await self._quarantine.put_back(suspects[most:])
        for number, record in enumerate(suspects[:most]):
            if self._deadline.for_calls() <= 0.0:
                return failed + await self._quarantine.put_back(suspects[number:most])
            failed += await self._alone(record)
        return failed

    async def _alone(self, record: Record) -> list[str]:
        await self._quarantine.hide(record)
        failed = await self.together([record])
        if not failed:
            await self._quarantine.delete(record)
        return failed

    async def reject(
        self, record: Record, error: InvalidInputError, code: str = INVALID, names: Names | None = None
    ) -> bool:
        """Put a body on the dead-letter queue, verbatim; False if that failed and the record has to come again.

        `names` is what is known of the body already.
        """
        try:
            await self._give_up(record, error, code, names)
        except DeliveryError as failure:
            self._telemetry.undelivered(record.id, str(failure))
            return False
        except Exception as failure:  # noqa: BLE001 - one record must not take down the others
            self._telemetry.failed(failure)
            return False
        return True

    async def _give_up(self, arrival: Arrival, error: InvalidInputError, code: str, names: Names | None) -> None:
        """Report a body that is invalid, then put it on the dead-letter queue. Raises DeliveryError.

        With any other code the body is valid and can be sent again: that is no rejection.
        """
        names = names or names_in(arrival.body, arrival.own_id)
        self._telemetry.rejected(arrival.id, str(error), id=names.id, batch=names.batch)
        text = arrival.body if isinstance(arrival.body, str) else json.dumps(arrival.body, ensure_ascii=False)
        dead_letter = rejected_dead_letter(
            text, str(error), code=code, request_id=names.id, batch=names.batch, source=arrival.source
        )
        if code == INVALID:
            now = timestamp(self._timing.now())
            rejection = Rejection.of(names, error.problems, source=arrival.source, started_at=now, finished_at=now)
            await self._outbox.publish(traced([rejection_message(rejection)], arrival.traceparent))
        await self._outbox.send_dead_letters(traced([dead_letter], arrival.traceparent))

    @contextmanager
    def failing(self, handed: Handed, note: str = "") -> Iterator[None]:
        """Whatever goes wrong with what was handed over becomes an InvocationError, so that the platform keeps it.

        `note` is what is known of an error in the program itself.
        """
        try:
            yield
        except InvocationError:
            raise
        except InvalidInputError as error:
            names = names_in(handed.body, handed.id)
            self._telemetry.rejected(handed.id, str(error), id=names.id, batch=names.batch)
            problems = error.under(handed.path).problems
        except DeliveryError as error:
            self._telemetry.undelivered(handed.id, str(error))
            problems = (undelivered(handed, str(error)),)
        except Exception as error:  # noqa: BLE001 - the invocation fails, and the message is safe to show
            self._telemetry.failed(error)
            problems = (Problem(handed.path, f"internal error: {type(error).__name__}{note}"),)
        else:
            return
        raise InvocationError(problems) from None


def undelivered(handed: Handed, reason: str) -> Problem:
    """What is wrong with something that was worked at and whose results were not all sent."""
    return Problem(handed.path, f"not delivered ({reason}): send the payload again, it asks for nothing twice")


class OneByOne(Worker):
    """Work at a batch of which each record is for itself; the accounts' pace holds them together."""

    @abstractmethod
    async def one(self, record: Record) -> bool:
        """Work at a record; False if it has to come again. What is invalid or not delivered may be raised."""

    @override
    async def together(self, records: list[Record]) -> list[str]:
        done = await asyncio.gather(*(self._done(record) for record in records))
        return [record.id for record, well in zip(records, done, strict=True) if not well]

    async def _done(self, record: Record) -> bool:
        try:
            return await self.one(record)
        except InvalidInputError as error:
            return await self.reject(record, error)
        except DeliveryError as error:
            self._telemetry.undelivered(record.id, str(error))
        except Exception as error:  # noqa: BLE001 - one record must not take down the others
            self._telemetry.failed(error)
        return False
