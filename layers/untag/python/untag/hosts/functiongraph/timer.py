"""The timer's work each minute: starts what is due, dead-letters what was begun too often, counts the queues.

It also takes back what FunctionGraph gave up.

It makes up for every bell that was lost and every instance that was killed. What it misses is only late: the next
minute finds the same keys, since what is due stays due until it is deleted.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from untag.hosts.functiongraph.bells import MOST_BYTES, MOST_KEYS, Bells
from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.hosts.functiongraph.dead_letters import DeadLetters, dead_key
from untag.hosts.functiongraph.given_up import GivenUp
from untag.hosts.functiongraph.kept import Kept
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Key, Queues, Waiting
from untag.hosts.functiongraph.settings import QUEUES
from untag.messages import INVALID

MOST_RECEIVES: Mapping[str, int] = {"work": 5, "decommission": 100, "sweep": 5}
"""Starts of work after which a message is a dead letter, as the queues of AWS have them."""

_TOGETHER = (MOST_KEYS, 10)
"""Messages that one bell names, by their receives; with more, each has a bell of its own, and takes down nobody."""

MOST_BELLS = 60
"""Bells of one queue in a minute, each for one message. What is left over stays due."""
SHARED_BELL = 4
"""A bell for many messages counts as so many: its instance is at work for longer."""

_MOST_COUNTED = MOST_KEYS * MOST_BELLS // SHARED_BELL
CRASH = "crash"
"""The code of what was begun too often and never ended."""


class Rounds:
    """One round over the queues."""

    def __init__(self, huawei: Huawei, obs: Obs, queues: Queues, bells: Bells) -> None:
        self._queues = queues
        self._bells = bells
        self._timing = huawei.timing
        self._kept = Kept(obs)
        self._given_up = GivenUp(huawei, obs, queues, bells)
        self._dead = DeadLetters(obs, queues, bells, huawei.timing)

    async def go(self) -> dict[str, Any]:
        """Ring for what is due; what was done, and what lies there. Raises HuaweiError."""
        answer: dict[str, Any] = {"released": await self._kept.release(self._timing.now())}
        for queue in QUEUES:
            answer[queue] = await self._round(queue)
        return answer | {"taken_back": await self._given_up.take()}

    async def redrive(self, queue: str) -> dict[str, Any]:
        """Put a queue's dead letters back, all but what is invalid; how many. Raises HuaweiError."""
        counts: Counter[str] = Counter()
        async for one in self._dead.listed(queue):
            if one.code == INVALID:
                counts["left"] += 1
            elif await self._dead.put_back(one):
                counts["redriven"] += 1
        await self._bells.ring_all()
        return {"redriven": counts["redriven"], "left": counts["left"]}

    async def _round(self, queue: str) -> dict[str, Any]:
        now = self._timing.now()
        waiting: list[Waiting] = []
        buried = 0
        async for one in self._queues.due(queue):
            if one.key.receives >= MOST_RECEIVES[queue]:
                buried += await self._bury(one.key)
                continue
            waiting.append(one)
            if len(waiting) == _MOST_COUNTED:
                break
        age = round(now - await self._since(waiting[0].key)) if waiting else 0
        bells = _grouped(waiting) if self._bells.can_ring(queue) else []
        rung = sum([await self._ring(queue, bell) for bell in bells])
        return {
            "Waiting": len(waiting),
            "OldestAge": age,
            "DeadLetters": await self._dead_letters(queue),
            "bells": rung,
            "buried": buried,
        }

    async def _since(self, key: Key) -> float:
        """When a message was due for the first time: a bell that is not heard puts it off again and again."""
        try:
            return await self._queues.since(key)
        except HuaweiError:
            return key.due

    async def _ring(self, queue: str, bell: list[Waiting]) -> bool:
        """Put messages off for the time that a bell may take, and ring for them."""
        keys = await asyncio.gather(*(self._put_off(one.key) for one in bell))
        moved = [key for key in keys if key is not None]
        return bool(moved) and await self._bells.ring(queue, moved)

    async def _put_off(self, key: Key) -> Key | None:
        to = key.later(self._timing.now() + PATIENCE_SECONDS)
        try:
            return to if await self._queues.move(key, to) else None
        except HuaweiError:
            return None  # still due in the next minute

    async def _bury(self, key: Key) -> bool:
        try:
            return await self._queues.bury(key, dead_key(key.queue, CRASH, key.id))
        except HuaweiError:
            return False

    async def _dead_letters(self, queue: str) -> int:
        count = 0
        async for _ in self._dead.listed(queue):
            count += 1
            if count == _MOST_COUNTED:
                break
        return count


def _grouped(waiting: list[Waiting]) -> list[list[Waiting]]:
    """Messages as bells, the oldest first, as many as may be rung in a minute."""
    bells: list[list[Waiting]] = []
    filling: dict[int, list[Waiting]] = {}
    cost = 0
    for one in waiting:
        receives = one.key.receives
        most = _TOGETHER[receives] if receives < len(_TOGETHER) else 1
        bell = filling.get(receives)
        if bell is None or len(bell) == most or sum(other.size for other in bell) + one.size > MOST_BYTES:
            cost += SHARED_BELL if most > 1 else 1
            if cost > MOST_BELLS:
                break
            bell = filling[receives] = []
            bells.append(bell)
        bell.append(one)
    return bells
