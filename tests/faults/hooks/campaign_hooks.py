"""The hooks: time in a hurry, a process that dies in the middle, and planted bugs (`mutants`)."""

import asyncio
import os
import random
import selectors
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import untag.hosts.aws.client
import untag.hosts.aws.host
import untag.providers.http
import untag.runtime
from untag.core import Timing

AWS_CALL_SECONDS = 3.0
"""A call to moto has so long, in real time."""
KILLER = b"i-killer"
"""A process that sends a call about this resource dies, for as long as the flag `killers` stands."""


def install(environ: Mapping[str, str]) -> None:
    """Everything that the environment asks for."""
    _hurry(float(environ["CAMPAIGN_SPEED"]), float(environ["CAMPAIGN_SLACK"]))
    _Reaper(Path(environ["CAMPAIGN_FLAGS"])).watch()
    if environ.get("CAMPAIGN_MUTANT"):
        import mutants

        mutants.MUTANTS[environ["CAMPAIGN_MUTANT"]]()


# Time.


class _Hurried(selectors.DefaultSelector):
    speed = 1.0

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout / self.speed if timeout and timeout > 0 else timeout)


def _hurry(speed: float, slack: float) -> None:
    """Every time-out, pause and deadline of the function passes `speed` times as fast, all by the same factor.

    Dates stay as they are, since signatures bear them. A function's end comes `slack` real seconds later than it knows.
    """

    def seconds() -> float:
        return time.monotonic() * speed

    class Loop(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            selector = _Hurried()
            selector.speed = speed
            super().__init__(selector)

        def time(self) -> float:
            return seconds()

    # moto runs on this machine, and no fault makes it slow: a send that is given up and carried out all the same would
    # be this machine's own fault, and it doubles the message.
    untag.hosts.aws.client._CALL_SECONDS = AWS_CALL_SECONDS * speed

    plain = untag.runtime.Runtime.window

    def window(self: Any, left: Callable[[], float]) -> Any:
        return plain(self, lambda: (left() - slack) * speed)

    asyncio.new_event_loop = Loop
    untag.hosts.aws.host.Timing = lambda: Timing(monotonic=seconds)
    untag.runtime.Runtime.window = window


# Death.


class _Reaper:
    """Ends the process, or makes it hang, between two of its steps: before or after a call that it makes.

    The flag `deaths` holds two shares of all invocations: of those that are killed, and of those that hang until the
    function's time is over.
    """

    def __init__(self, flags: Path) -> None:
        self._flags = flags
        self._random = random.Random()  # noqa: S311 - each process dies in its own way
        self._steps = 0
        self._hang = False

    def watch(self) -> None:
        """Count steps from now on."""
        window = untag.runtime.Runtime.window
        send, once = untag.providers.http._send, untag.hosts.aws.client.Aws._once

        def opened(runtime: Any, left: Callable[[], float]) -> Any:
            self._draw()
            return window(runtime, left)

        async def sent(session: Any, request: Any, limit: int) -> Any:
            self._step()
            if KILLER in request.content and (self._flags / "killers").exists():
                _die()
            reply = await send(session, request, limit)
            self._step()
            return reply

        async def called(aws: Any, *arguments: Any) -> Any:
            self._step()
            answer = await once(aws, *arguments)
            self._step()
            return answer

        untag.runtime.Runtime.window = opened
        untag.providers.http._send = sent
        untag.hosts.aws.client.Aws._once = called

    def _draw(self) -> None:
        try:
            killed, hung = map(float, (self._flags / "deaths").read_text().split())
        except (OSError, ValueError):
            return
        chance = self._random.random()
        if self._steps == 0 and chance < killed + hung:
            self._steps = self._random.randint(1, 40)
            self._hang = chance >= killed

    def _step(self) -> None:
        if self._steps == 0:
            return
        self._steps -= 1
        if self._steps == 0 and (self._flags / "deaths").exists():
            if self._hang:
                with (self._flags / "hung").open("ab") as hung:  # so that this time-out is known to be on order
                    hung.write(b".")
                time.sleep(3600)
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
