"""The hooks of the campaign on FunctionGraph: time in a hurry, a process that dies in the middle, and planted bugs.

The campaign's own `index.py` imports this before the handlers. What it is to do stands in its environment.
"""

import asyncio
import os
import random
import selectors
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import untag.hosts.functiongraph.client
import untag.hosts.functiongraph.entry
import untag.hosts.functiongraph.host
import untag.hosts.functiongraph.queues
import untag.providers.http
import untag.runtime
from untag.core import Timing

HOST_CALL_SECONDS = 3.0
"""A call to one of the host's services has so long, in real time."""
_UNLUCKY = 0.2
"""How often a process with the second planted bug dies where it must not."""
KILLER = b"i-killer"
"""A process that sends a call about this resource dies, for as long as the flag `killers` stands."""


def install(environ: Mapping[str, str]) -> None:
    """Everything that the environment asks for."""
    _hurry(float(environ["CAMPAIGN_SPEED"]), float(environ["CAMPAIGN_SLACK"]))
    _Reaper(Path(environ["CAMPAIGN_FLAGS"])).watch()
    if environ.get("CAMPAIGN_MUTANT"):
        MUTANTS[environ["CAMPAIGN_MUTANT"]]()


def _hurry(speed: float, slack: float) -> None:
    """Every time-out, pause and deadline passes `speed` times as fast, as the shared clock does.

    A function's end comes `slack` real seconds later than it knows.
    """

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

    def seconds_left(context: Any) -> Callable[[], float]:
        return lambda: (context.getRemainingTimeInMilliSeconds() / 1000 - slack) * speed

    asyncio.new_event_loop = Loop
    untag.hosts.functiongraph.client._CALL_SECONDS = HOST_CALL_SECONDS * speed
    untag.hosts.functiongraph.host.Timing = lambda: Timing(monotonic=seconds)
    untag.hosts.functiongraph.entry.seconds_left = seconds_left


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
        begin, once = untag.hosts.functiongraph.host.FunctionGraph.begin, untag.hosts.functiongraph.client.Huawei._once
        send = untag.providers.http._send

        def begun(host: Any, *arguments: Any) -> None:
            self._draw()
            begin(host, *arguments)

        async def sent(session: Any, request: Any, limit: int) -> Any:
            self._step()
            if KILLER in request.content and (self._flags / "killers").exists():
                _die()
            reply = await send(session, request, limit)
            self._step()
            return reply

        async def called(huawei: Any, *arguments: Any) -> Any:
            self._step()
            answer = await once(huawei, *arguments)
            self._step()
            return answer

        untag.hosts.functiongraph.host.FunctionGraph.begin = begun
        untag.hosts.functiongraph.client.Huawei._once = called
        untag.providers.http._send = sent

    def _draw(self) -> None:
        try:
            killed, hung = map(float, (self._flags / "deaths").read_text().split())
        except (OSError, ValueError):
            return
        chance = self._random.random()
        if self._steps == 0 and chance < killed + hung:
            self._steps = self._random.randint(1, 30)
            self._hang = chance >= killed

    def _step(self) -> None:
        if self._steps == 0:
            return
        self._steps -= 1
        if self._steps == 0 and (self._flags / "deaths").exists():
            if self._hang:
                time.sleep(3600)
            _die()


def _acknowledges_what_failed() -> None:
    """A message is deleted whatever became of it."""

    class Deaf(set[str]):
        def __contains__(self, _: object) -> bool:
            return False

    untag.hosts.functiongraph.entry.set = Deaf


def _deletes_before_it_copies() -> None:
    """A message that is moved is nowhere for a moment."""
    queues = untag.hosts.functiongraph.queues.Queues

    async def moved(self: Any, key: Any, to: Any) -> bool:
        stored = await self._obs.get(str(key))
        if stored is None:
            return False
        await self._obs.delete(str(key))
        if random.random() < _UNLUCKY:  # noqa: S311 - no secret
            _die()
        await self._obs.put(str(to), stored.text, stored.metadata)
        return True

    queues._moved = moved


MUTANTS: Mapping[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "acknowledges what failed": _acknowledges_what_failed,
    "deletes before it copies": _deletes_before_it_copies,
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
