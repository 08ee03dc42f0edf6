"""Dead letters: the objects `dead/<queue>/<code>/<id>`, with the reason and the rest as metadata."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from untag.core import Timing
from untag.hosts.functiongraph.bells import Bells
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Queues, Waiting

DEAD = "dead"


class DeadLetter(NamedTuple):
    """A dead letter in a listing. `since` is when it was written, as OBS says it."""

    queue: str
    code: str
    id: str
    size: int
    since: str

    @property
    def key(self) -> str:
        """Where it lies."""
        return dead_key(self.queue, self.code, self.id)


class DeadLetters:
    """The dead letters of a bucket. Each method raises HuaweiError."""

    def __init__(self, obs: Obs, queues: Queues, bells: Bells, timing: Timing) -> None:
        self._obs = obs
        self._queues = queues
        self._bells = bells
        self._timing = timing

    async def listed(self, queue: str) -> AsyncIterator[DeadLetter]:
        """Those of a queue, by their codes."""
        prefix = f"{DEAD}/{queue}/"
        async for one in self._obs.listed(prefix):
            code, _, id_ = one.key.removeprefix(prefix).partition("/")
            yield DeadLetter(queue, code, id_, one.size, one.modified)

    async def put_back(self, letter: DeadLetter) -> bool:
        """Put one back on its queue, to be rung for with the others; False if it is not there any more."""
        stored = await self._obs.get(letter.key)
        if stored is None:
            return False
        due = self._timing.now() + PATIENCE_SECONDS
        key = await self._queues.put(letter.queue, stored.text, due, id_=letter.id, metadata=stored.metadata)
        await self._obs.delete(letter.key)
        await self._bells.add(Waiting(key, letter.size))
        return True


def dead_key(queue: str, code: str, id_: str) -> str:
    """Where a dead letter lies."""
    return f"{DEAD}/{queue}/{code}/{id_}"
