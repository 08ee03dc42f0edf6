"""A function that reads a queue: what is common to all of them.

A body that does not validate goes to the dead-letter queue; a record that may have killed the process runs last and
alone; one record never takes down another.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from untag.contracts import InvalidInputError
from untag.delivery import DeliveryError, rejected_letter, traced
from untag.isolation import SUSPECT_RECEIVES, Isolation
from untag.records import SqsRecord
from untag.runtime import Runtime, Window


class Worker(ABC):
    """One invocation's work at a batch of records."""

    def __init__(self, runtime: Runtime, window: Window, isolation: Isolation) -> None:
        self._telemetry = runtime.telemetry
        self._timing = runtime.timing
        self._engine = runtime.engine
        self._deadline = window.deadline
        self._outbox = window.outbox
        self._isolation = isolation

    @abstractmethod
    async def together(self, records: list[SqsRecord]) -> list[str]:
        """Work at records side by side; the ids of those that have to come again. Raises nothing."""

    async def batch(self, records: Iterable[SqsRecord]) -> list[str]:
        """Work at all records; the ids of those that have to come again."""
        records = list(records)
        failed = await self.together([record for record in records if record.receives < SUSPECT_RECEIVES])
        for record in records:
            if record.receives >= SUSPECT_RECEIVES:
                failed += await self._alone(record)
        return failed

    async def _alone(self, record: SqsRecord) -> list[str]:
        if self._deadline.for_calls() <= 0.0:
            return [record.id]
        await self._isolation.hide(record.receipt_handle)
        failed = await self.together([record])
        if not failed:
            await self._isolation.delete(record.receipt_handle)
        return failed

    async def reject(self, record: SqsRecord, error: InvalidInputError, code: str = "invalid") -> bool:
        """Put a body on the dead-letter queue, verbatim; False if that failed and the record has to come again."""
        self._telemetry.rejected(record.id, str(error))
        try:
            letter = rejected_letter(record.body, str(error), code=code, request_id=record.id, source=record.source)
            await self._outbox.bury(traced([letter], record.traceparent))
        except DeliveryError as failure:
            self._telemetry.undelivered(record.id, str(failure))
            return False
        except Exception as failure:  # noqa: BLE001 - one record must not take down the others
            self._telemetry.failed(failure)
            return False
        return True
