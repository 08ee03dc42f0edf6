"""What a function keeps for the life of its process: one event loop, one HTTP client, one engine."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import httpx

from untag.aws import Aws, Keys
from untag.core import Accounts, Deadline, Engine, Timing
from untag.credentials import source_of
from untag.delivery import Outbox
from untag.providers import Registry
from untag.settings import Settings
from untag.telemetry import Telemetry
from untag.transport import Client, Transport

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

    Under SnapStart a snapshot is taken of what is made here, and many environments start from it. So nothing made here
    holds a key, a socket, a time or anything by chance; such things come with the first invocation.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the environment; raises InvalidInputError that names the variable. `transport` is for tests."""
        self.environ = environ
        self.timing = timing or Timing()
        self.settings = settings = Settings.from_environment(environ)
        self.telemetry = Telemetry()
        # No proxies out of the environment, and one transport with one TLS context for all calls.
        client = Client(transport or Transport())
        self.aws = Aws(environ, client, Keys(environ, client, self.timing), self.timing)
        self.registry = Registry.from_environment(environ, read_first=settings.read_first)
        source = source_of(settings.credentials, environ, self.aws)
        accounts = Accounts(source, settings.rate, self.timing, self.telemetry)
        self.engine = Engine(
            client, accounts, settings.policy, self.timing, self.telemetry, concurrency=settings.concurrency
        )

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # At the first invocation: a loop holds sockets.
        return asyncio.new_event_loop()

    def window(self, left: Callable[[], float]) -> Window:
        """What one invocation has; `left` gives its remaining seconds."""
        self.aws.left = lambda: left() - _MARGIN_SECONDS
        outbox = Outbox(
            self.aws,
            self.timing,
            topic_arn=self.settings.topic_arn,
            queue_url=self.settings.queue_url,
            dead_letter_queue_url=self.settings.dead_letter_queue_url,
        )
        return Window(Deadline(left, reserve=min(_RESERVE_SECONDS, left() * _RESERVE_SHARE)), outbox)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run an invocation's work to its end; metrics are written whatever happens."""
        try:
            return self._loop.run_until_complete(work)
        finally:
            self.telemetry.flush()
