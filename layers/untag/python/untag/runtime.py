"""What a function keeps for the life of its process: one event loop, one host, one engine."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from untag.core import Accounts, Deadline, Engine
from untag.hosts.base import Host, Outbox
from untag.providers import Registry
from untag.settings import Settings

_RESERVE_SECONDS = 10.0
_RESERVE_SHARE = 0.25
"""What of an invocation's time is kept for delivery: ten seconds, or a quarter of a short one."""

_MARGIN_SECONDS = 0.5
"""Delivery itself has ended this long before the invocation does."""

T = TypeVar("T")


class Window(NamedTuple):
    """The time and the ways out of one invocation."""

    deadline: Deadline
    outbox: Outbox


class Runtime:
    """Everything that the functions of a stack share; made once in a process, and kept between invocations.

    Under SnapStart many environments start from a snapshot of what is made here. So nothing made here holds a key, a
    socket, a time or anything by chance; such things come with the first invocation.
    """

    def __init__(self, host: Host) -> None:
        """Read the environment; raises InvalidInputError that names the variable."""
        self.host = host
        self.timing = host.timing
        self.telemetry = host.telemetry
        self.settings = settings = Settings.from_environment(host.environ)
        self.registry = Registry(settings.providers)
        accounts = Accounts(host.credentials(settings.credentials), settings.rate, self.timing, self.telemetry)
        self.engine = Engine(
            host.client, accounts, settings.policy, self.timing, self.telemetry, concurrency=settings.concurrency
        )

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # At the first invocation: a loop holds sockets.
        return asyncio.new_event_loop()

    def window(self, left: Callable[[], float]) -> Window:
        """What one invocation has; `left` gives its remaining seconds."""
        outbox = self.host.outbox(lambda: left() - _MARGIN_SECONDS)
        return Window(Deadline(left, reserve=min(_RESERVE_SECONDS, left() * _RESERVE_SHARE)), outbox)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run an invocation's work to its end; metrics are written whatever happens."""
        try:
            return self._loop.run_until_complete(work)
        finally:
            self.telemetry.flush()
