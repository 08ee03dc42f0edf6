"""Keeps records that may have killed the process away from others.

The timer rings for a message alone once work at it was begun twice, so that it has no neighbours to take down. What is
left to do is to delete it as soon as it is delivered, and to put back what was not begun.
"""

from collections.abc import Iterable
from contextlib import suppress

from untag.core import Timing
from untag.hosts.base import Record
from untag.hosts.functiongraph.client import HuaweiError
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Key, Queues


class Quarantine:
    """Keeps suspect records apart."""

    def __init__(self, queues: Queues, timing: Timing) -> None:
        self._queues = queues
        self._timing = timing

    async def hide(self, record: Record) -> None:
        """Nothing: a suspect record is alone."""

    async def delete(self, record: Record) -> None:
        """Delete a record whose results are delivered."""
        with suppress(HuaweiError):
            await self._queues.delete(record.receipt)

    async def put_back(self, records: Iterable[Record]) -> list[str]:
        """Put records that were not begun back on their queues, with the receives that they had before; the ids of
        those that are not taken.
        """
        return [record.id for record in records if not await self._taken(record)]

    async def _taken(self, record: Record) -> bool:
        key = Key.read(record.receipt)
        if key is None:
            return False
        to = key.later(self._timing.now() + PATIENCE_SECONDS, receives=record.receives - 1)
        try:
            return await self._queues.move(key, to)
        except HuaweiError:
            return False
