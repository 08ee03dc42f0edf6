"""The hooks of the campaign on FunctionGraph: time in a hurry, a process that dies in the middle, and planted bugs.

The campaign's own `index.py` imports this before the handlers. What it is to do stands in its environment.
"""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from process import Reaper, die, hurry

import untag.hosts.functiongraph.client
import untag.hosts.functiongraph.entry
import untag.hosts.functiongraph.host
import untag.hosts.functiongraph.queues
from untag.core import Timing

HOST_CALL_SECONDS = 3.0
"""A call to one of the host's services has so long, in real time."""
_UNLUCKY = 0.2
"""How often a process with the second planted bug dies where it must not."""
MOST_STEPS = 30
"""Steps within which a process dies that is to die."""


def install(environ: Mapping[str, str]) -> None:
    """Everything that the environment asks for."""
    _hurry(float(environ["CAMPAIGN_SPEED"]), float(environ["CAMPAIGN_SLACK"]))
    _watch(Path(environ["CAMPAIGN_FLAGS"]))
    if environ.get("CAMPAIGN_MUTANT"):
        MUTANTS[environ["CAMPAIGN_MUTANT"]]()


def _hurry(speed: float, slack: float) -> None:
    """Every time-out, pause and deadline passes `speed` times as fast, as the shared clock does.

    A function's end comes `slack` real seconds later than it knows.
    """
    seconds = hurry(speed)

    def seconds_left(context: Any) -> Callable[[], float]:
        return lambda: (context.getRemainingTimeInMilliSeconds() / 1000 - slack) * speed

    untag.hosts.functiongraph.client._CALL_SECONDS = HOST_CALL_SECONDS * speed
    untag.hosts.functiongraph.host.Timing = lambda: Timing(monotonic=seconds)
    untag.hosts.functiongraph.entry.seconds_left = seconds_left


def _watch(flags: Path) -> None:
    """Each invocation may be one that dies."""
    reaper = Reaper(flags, MOST_STEPS)
    begin = untag.hosts.functiongraph.host.FunctionGraph.begin

    def begun(host: Any, *arguments: Any) -> None:
        reaper.draw()
        begin(host, *arguments)

    untag.hosts.functiongraph.host.FunctionGraph.begin = begun
    reaper.watch(untag.hosts.functiongraph.client.Huawei)


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
            die()
        await self._obs.put(str(to), stored.text, stored.metadata)
        return True

    queues._moved = moved


MUTANTS: Mapping[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "acknowledges what failed": _acknowledges_what_failed,
    "deletes before it copies": _deletes_before_it_copies,
}
