"""Time and chance, as one value that tests replace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Timing(NamedTuple):
    """`now` is seconds since the epoch, `monotonic` seconds that never go back, `chance` a number from 0 to 1.

    Chance comes from the operating system: a generator's state would be part of a SnapStart snapshot, and all
    environments that start from it would wait for equally long.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.SystemRandom().random

    def jitter(self, base: float, number: int, cap: float) -> float:
        """Full jitter: anything from 0 to `base` doubled `number` times, at most `cap`."""
        return self.chance() * min(cap, base * 2.0 ** min(number, 60))
