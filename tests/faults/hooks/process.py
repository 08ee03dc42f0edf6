"""What a campaign does to a function's process on either host: time in a hurry, and death in the middle."""

import asyncio
import os
import random
import selectors
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import untag.providers.http

KILLER = b"i-killer"
"""A process that sends a call about this resource dies, for as long as the flag `killers` stands."""


def hurry(speed: float) -> Callable[[], float]:
    """Let every loop's time pass `speed` times as fast, all of it by the same factor; gives the hurried clock."""

    def seconds() -> float:
        return time.monotonic() * speed

    class Hurried(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> Any:
            return super().select(timeout / speed if timeout and timeout > 0 else timeout)

    class Loop(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__(Hurried())

        def time(self) -> float:
            return seconds()

    asyncio.new_event_loop = Loop
    return seconds


class Reaper:
    """Ends the process, or makes it hang, between two of its steps: before or after a call that it makes.

    The flag `deaths` holds two shares of all invocations: of those that are killed, and of those that hang until the
    function's time is over. One that dies does so within its first `most_steps`.
    """

    def __init__(self, flags: Path, most_steps: int) -> None:
        self._flags = flags
        self._most_steps = most_steps
        self._random = random.Random()  # noqa: S311 - each process dies in its own way
        self._steps = 0
        self._hang = False

    def watch(self, host: Any) -> None:
        """Count steps from now on: calls to clouds, and those that `host`, the host's client, makes."""
        send, once = untag.providers.http._send, host._once

        async def sent(session: Any, request: Any, limit: int) -> Any:
            self._step()
            if KILLER in request.content and (self._flags / "killers").exists():
                die()
            reply = await send(session, request, limit)
            self._step()
            return reply

        async def called(client: Any, *arguments: Any) -> Any:
            self._step()
            answer = await once(client, *arguments)
            self._step()
            return answer

        untag.providers.http._send = sent
        host._once = called

    def draw(self) -> None:
        """An invocation begins: whether it is to die."""
        try:
            killed, hung = map(float, (self._flags / "deaths").read_text().split())
        except (OSError, ValueError):
            return
        chance = self._random.random()
        if self._steps == 0 and chance < killed + hung:
            self._steps = self._random.randint(1, self._most_steps)
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
            die()


def die() -> None:
    """At once, and without a word."""
    os.kill(os.getpid(), signal.SIGKILL)
