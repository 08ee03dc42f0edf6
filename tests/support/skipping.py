"""The machine's time, less what anybody only waits for: a pause is over at once, and as much later for everybody."""

import asyncio
import time

from untag.core import Timing


class Skipping:
    """A clock for work at real sockets, where made-up time would end the calls in flight."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def timing(self) -> Timing:
        """Without chance: a pause of full jitter is none."""
        return Timing(now=self._now, monotonic=self._monotonic, sleep=self._sleep, chance=lambda: 0.0)

    def _now(self) -> float:
        return time.time() + self._ahead

    def _monotonic(self) -> float:
        return time.monotonic() + self._ahead

    async def _sleep(self, seconds: float) -> None:
        end = self._monotonic() + seconds
        await asyncio.sleep(0)
        # Who has slept beside this one may have brought the clock there already.
        self._ahead += max(0.0, end - self._monotonic())
