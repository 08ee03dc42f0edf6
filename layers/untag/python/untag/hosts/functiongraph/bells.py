"""Bells: asynchronous invocations of our own functions that say which messages on a queue to work at.

A bell carries no message. One that is lost or discarded costs time and nothing else, since its messages are due again:
so a bell that fails is no error.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.hosts.functiongraph.queues import Key, Waiting

MOST_KEYS = 100
MOST_BYTES = 16 * 1024 * 1024
"""What the messages of one bell have together: a function holds them all."""

_VERSION = 1


class Notes(Protocol):
    """Takes what is worth a line."""

    def noted(self, line: str, **facts: Any) -> None:
        """A line with its facts."""


class Bells:
    """Rings for messages that were just sent: once there are many of them, and at the invocation's end."""

    def __init__(self, huawei: Huawei, telemetry: Notes) -> None:
        self._huawei = huawei
        self._telemetry = telemetry
        self._waiting: dict[str, list[Waiting]] = {}

    def can_ring(self, queue: str) -> bool:
        """Whether the queue's function is known."""
        return queue in self._huawei.places.functions

    async def add(self, message: Waiting) -> None:
        """Ring for a message, now or later."""
        waiting = self._waiting.setdefault(message.key.queue, [])
        if waiting and (len(waiting) == MOST_KEYS or sum(one.size for one in waiting) + message.size > MOST_BYTES):
            self._waiting[message.key.queue] = [message]
            await self.ring(message.key.queue, [one.key for one in waiting])
        else:
            waiting.append(message)

    async def ring_all(self) -> None:
        """Ring for everything that waits."""
        waiting, self._waiting = self._waiting, {}
        for queue, messages in waiting.items():
            await self.ring(queue, [one.key for one in messages])

    async def ring(self, queue: str, keys: Iterable[Key]) -> bool:
        """Ring for messages of one queue; whether the bell was taken."""
        urn = self._huawei.places.functions.get(queue)
        if urn is None:
            return False
        path = f"/v2/{self._huawei.places.project}/fgs/functions/{urn}/invocations-async"
        try:
            await self._huawei.json("functiongraph", "POST", path, {"untag": _VERSION, "keys": [str(k) for k in keys]})
        except HuaweiError as error:
            self._telemetry.noted("a bell was not taken", queue=queue, code=error.code)
            return False
        return True


def is_bell(event: Any) -> bool:
    """Whether an event is a bell, or another of our own."""
    return isinstance(event, dict) and event.get("untag") == _VERSION
