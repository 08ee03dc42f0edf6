"""Time and chance, as one value that tests replace."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple


def _new_loop() -> asyncio.AbstractEventLoop:
    # The name is looked up when a loop is made: what replaces it in a process replaces it here too.
    return asyncio.new_event_loop()


class Timing(NamedTuple):
    """`now` is seconds since the epoch, `monotonic` seconds that never go back, `chance` a number from 0 to 1.

    `new_loop` makes the event loop, by whose time all waits go.

    Chance comes from the operating system: a generator's state would be part of a SnapStart snapshot, and all
    environments that start from it would wait for equally long.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.SystemRandom().random
    new_loop: Callable[[], asyncio.AbstractEventLoop] = _new_loop

    def jitter(self, base: float, number: int, cap: float) -> float:
        """Full jitter: anything from 0 to `base` doubled `number` times, at most `cap`."""
        return self.chance() * min(cap, base * 2.0 ** min(number, 60))
