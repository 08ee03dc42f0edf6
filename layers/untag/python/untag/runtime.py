"""What a function keeps for the life of its process: one event loop, one host, one engine."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from untag.core import Accounts, Deadline, Engine
from untag.hosts.base import Host, Outbox
from untag.providers import Registry
from untag.settings import Settings

RESERVE_SECONDS = 10.0
_RESERVE_SHARE = 0.25
"""What of an invocation's time is kept for delivery: ten seconds, or a quarter of a short one."""

MARGIN_SECONDS = 0.5
"""Delivery itself has ended this long before the invocation does."""

T = TypeVar("T")


class Window(NamedTuple):
    """The time and the ways out of one invocation."""

    deadline: Deadline
    outbox: Outbox


class Runtime:
    """Everything that the functions of a stack share; made once in a process, and kept between invocations.

    Under SnapStart a snapshot is taken of what is made here, and many environments start from it. So nothing made here
    holds a key, a socket, a time or anything by chance; such things come with the first invocation.
    """

    def __init__(self, host: Host, registry: Registry | None = None) -> None:
        """Read the environment; raises InvalidInputError that names the variable. `registry` is for tests."""
        self.host = host
        self.timing = host.timing
        self.telemetry = host.telemetry
        self.settings = settings = Settings.from_environment(host.environ)
        self.registry = registry or Registry(settings.providers)
        self.accounts = Accounts(host.credentials(settings.credentials), settings.rate, self.timing, self.telemetry)
        self.engine = Engine(
            host.client, self.accounts, settings.policy, self.timing, self.telemetry, concurrency=settings.concurrency
        )
        self._work: asyncio.Task[Any] | None = None

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of all work; made at the first invocation, since a loop holds sockets."""
        return self.timing.new_loop()

    def window(self, left: Callable[[], float]) -> Window:
        """What one invocation has; `left` gives its remaining seconds."""
        outbox = self.host.outbox(lambda: left() - MARGIN_SECONDS)
        return Window(Deadline(left, reserve=min(RESERVE_SECONDS, left() * _RESERVE_SHARE)), outbox)

    def close(self) -> None:
        """End the event loop and what still runs in it, where a process outlives its work."""
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.host.client.aclose()

    @property
    def at_work(self) -> bool:
        """Whether work is run."""
        return self._work is not None

    def cancel(self) -> None:
        """Cancel the work that is run, from a signal's handler; `run` raises CancelledError then."""
        if self._work is not None:
            self.loop.call_soon_threadsafe(self._work.cancel)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run an invocation's work to its end; metrics are written whatever happens."""
        task = self.loop.create_task(work)
        self._work = task
        try:
            return self.loop.run_until_complete(task)
        finally:
            self._work = None
            self.telemetry.flush()
