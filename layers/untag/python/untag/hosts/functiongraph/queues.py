"""The queues: objects of one bucket, whose keys say when they are due and how often work at them was begun.

A message is the object `work/<due, 10 digits>-<receives>-<id>`; its text is the message's body. It is hidden until it
is due, as SQS hides what it has handed over: who begins work at it moves it to a later time first, and deletes it in
the end. What is not deleted is due again.

To move is to copy and then to delete, and OBS does not join the two. So that two bells for one message do not both
begin it, whoever moves an object first makes a lock, by the one call of OBS that fails where another was first (an
append at position 0). A lock that a killed instance has left is passed over once its message is late by a minute. What
is left: two instances that move a message which is late by a minute, at the same moment, both begin it; so they would
if OBS let two first appends through at once, which its documents exclude and which was not tried on the platform. Then
a request is carried out twice. That costs calls, and changes nothing: its removals are idempotent. The second report
may say `absent` of what the first has removed.
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from untag.core import Timing
from untag.hosts.base import Record
from untag.hosts.functiongraph.client import HuaweiError
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.settings import QUEUES

PATIENCE_SECONDS = 120
"""A message whose bell was rung is not rung for again within this time."""

HIDDEN_SECONDS = 60.0
"""A message is hidden for the rest of the invocation that works at it, and so much longer."""

LONGEST_HIDDEN: Mapping[str, float] = {"decommission": 750.0}
"""A queue whose messages are hidden for at least so long: `GIVE_UP_RECEIVES` of decommission counts on it."""

_SINCE = "since"
"""The metadata that says when a message was due for the first time. It goes along when the message moves."""
_LOCK_SECONDS = 60
_LAST_DUE = 9_999_999_999
_CALLS = 16
"""Messages that are moved or deleted side by side."""

_KEY = re.compile(
    r"(?P<queue>[a-z]+)/(?P<due>[0-9]{10})-(?P<receives>[0-9]{1,4})-(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
)
# Not `.` or `..`, which would be no segment of a path where the id stands alone, as it does among the dead letters.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Key(NamedTuple):
    """What a message's key says. `due` is in seconds since the epoch; `receives` counts the times work was begun."""

    queue: str
    due: int
    receives: int
    id: str

    def __str__(self) -> str:
        return f"{self.queue}/{self.due:010}-{self.receives}-{self.id}"

    @classmethod
    def read(cls, text: object) -> "Key | None":
        """A key as it is written; None for anything else."""
        match = _KEY.fullmatch(text) if isinstance(text, str) else None
        if match is None or match["queue"] not in QUEUES:
            return None
        return cls(match["queue"], int(match["due"]), int(match["receives"]), match["id"])

    def later(self, seconds: float, *, receives: int | None = None) -> "Key":
        """The same message, due at another time, and with as many receives, if they change."""
        due = min(max(round(seconds), 0), _LAST_DUE)
        return self._replace(due=due, receives=self.receives if receives is None else receives)


class Waiting(NamedTuple):
    """A message in a listing, with the bytes of its body."""

    key: Key
    size: int


class Queues:
    """The queues of a bucket."""

    def __init__(self, obs: Obs, timing: Timing) -> None:
        self._obs = obs
        self._timing = timing
        self._calls = asyncio.Semaphore(_CALLS)

    async def put(self, queue: str, text: str, due: float, *, id_: str = "", metadata: Mapping[str, str] = {}) -> Key:
        """A new message. Raises HuaweiError."""
        key = Key(queue, 0, 0, id_ or uuid.uuid4().hex).later(due)
        async with self._calls:
            await self._obs.put(str(key), text, {**metadata, _SINCE: str(key.due)})
        return key

    async def begin(self, queue: str, text: str, seconds: float, *, id_: str, metadata: Mapping[str, str]) -> Record:
        """A new message that is worked at already, hidden for so long. Raises HuaweiError."""
        now = self._timing.now()
        key = Key(queue, 0, 1, id_).later(now + seconds)
        async with self._calls:
            await self._obs.put(str(key), text, {**metadata, _SINCE: str(round(now))})
        return self._record(key, text, metadata)

    async def claim(self, key: Key, seconds: float) -> Record | None:
        """The message to work at, hidden from others for so long; None if it is another's. Raises HuaweiError."""
        async with self._calls:
            to = key.later(self._timing.now() + seconds, receives=key.receives + 1)
            if not await self._moved(key, to):
                return None
            stored = await self._obs.get(str(to))
            return None if stored is None else self._record(to, stored.text, stored.metadata)

    async def move(self, key: Key, to: Key) -> bool:
        """Move a message; False if it is not there, or another one moves it. Raises HuaweiError."""
        async with self._calls:
            return await self._moved(key, to)

    async def bury(self, key: Key, to: str) -> bool:
        """Move a message out of its queue. Raises HuaweiError."""
        async with self._calls:
            return await self._moved(key, to)

    async def delete(self, receipt: str) -> None:
        """Delete a message that is done with. Raises HuaweiError."""
        async with self._calls:
            await self._obs.delete(receipt)

    async def due(self, queue: str) -> AsyncIterator[Waiting]:
        """The messages that are due, the oldest first. Raises HuaweiError."""
        now = self._timing.now()
        async for one in self._obs.listed(f"{queue}/"):
            key = Key.read(one.key)
            if key is None:
                continue  # not ours
            if key.due > now:
                return
            yield Waiting(key, one.size)

    async def since(self, key: Key) -> float:
        """When a message was due for the first time, in seconds since the epoch. Raises HuaweiError."""
        text = (await self._obs.metadata(str(key))).get(_SINCE, "")
        return float(text) if text.isdecimal() else key.due

    async def _moved(self, key: Key, to: Key | str) -> bool:
        lock = f"locks/{key}"
        if not await self._obs.create(lock) and self._timing.now() < key.due + _LOCK_SECONDS:
            return False
        try:
            if not await self._obs.copy(str(key), str(to)):
                return False
            with suppress(HuaweiError):  # due once more, with what is done twice then
                await self._obs.delete(str(key))
        finally:
            with suppress(HuaweiError):
                await self._obs.delete(lock)
        return True

    def _record(self, key: Key, text: str, metadata: Mapping[str, str]) -> Record:
        return Record(
            id=key.id,
            body=text,
            receives=key.receives,
            receipt=str(key),
            source=metadata.get("source") or f"obs://{self._obs.bucket}/{key.queue}",
            traceparent=metadata.get("traceparent") or None,
        )


def id_for(text: str) -> str:
    """A text as a message's id: itself, where a key can hold it."""
    return text if _ID.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
