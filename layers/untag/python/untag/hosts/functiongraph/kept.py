"""What a sweep keeps until a grace is over: objects `kept/<name>~<due, 10 digits>`, which the timer puts on a queue."""

import math
import re
from collections.abc import AsyncIterator

from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import Key

_PREFIX = "kept/"
_NAME = re.compile(r"kept/(?P<name>[A-Za-z0-9_.-]{1,128})~(?P<due>[0-9]{10})")


class Kept:
    """The messages that are kept under a name. Each method raises HuaweiError."""

    def __init__(self, obs: Obs) -> None:
        self._obs = obs

    async def keep(self, name: str, text: str, moment: float) -> None:
        """Keep a message, unless one is kept under its name already."""
        async for _ in self._obs.listed(f"{_PREFIX}{name}~"):
            return
        await self._obs.put(f"{_PREFIX}{name}~{math.ceil(moment):010}", text)

    async def bodies(self, prefix: str) -> list[str]:
        """What is kept under names that begin so."""
        stored = [await self._obs.get(one.key) async for one in self._obs.listed(f"{_PREFIX}{prefix}")]
        return [one.text for one in stored if one is not None]

    async def release(self, now: float) -> int:
        """Put what is due on the sweep's queue; how many those are."""
        due = [one async for one in self._due(now)]
        for key, to in due:
            # Twice under one key is once.
            if await self._obs.copy(key, str(to)):
                await self._obs.delete(key)
        return len(due)

    async def _due(self, now: float) -> AsyncIterator[tuple[str, Key]]:
        async for one in self._obs.listed(_PREFIX):
            match = _NAME.fullmatch(one.key)
            if match is not None and int(match["due"]) <= now:
                yield one.key, Key("sweep", int(match["due"]), 0, match["name"])
