"""A clock that nobody waits for, and the event loop that goes by it.

The loop's clock jumps to the next timer as soon as nothing else is left to do, so that time-outs, stalls and pauses of
minutes cost nothing and always come in the same order.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

from untag.core import Timing

NOW = 1_790_000_000.0
"""Where every clock starts: some day in 2026."""


class Clock:
    """Seconds that pass when nobody has anything to do."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timing(self, chance: Callable[[], float] = lambda: 0.5) -> Timing:
        return Timing(
            now=lambda: NOW + self.seconds,
            monotonic=lambda: self.seconds,
            sleep=_sleep,
            chance=chance,
            new_loop=lambda: VirtualLoop(self),
        )

    def left(self, seconds: float) -> Callable[[], float]:
        """A countdown that starts now."""
        end = self.seconds + seconds
        return lambda: end - self.seconds


async def _sleep(seconds: float) -> None:
    # A real clock goes on by itself; this one would stand still for a pause that is lost in rounding.
    await asyncio.sleep(max(seconds, 1e-6))


class _Jumping(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        if not ready and timeout > 0:
            self._clock.seconds += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Jumping(clock))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.seconds


def run(clock: Clock, work: Awaitable[Any]) -> Any:
    """asyncio.run in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:

        async def main() -> Any:
            return await work

        return runner.run(main())
