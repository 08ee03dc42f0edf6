"""What lies in the bucket, as the local stack shows it: queues, dead letters, and what is kept until later."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from local.functiongraph.bucket import Bucket, StoredObject
from local.shapes import DeadLetter, QueueState

DEAD = "dead"

_KEY = re.compile(r"(?P<queue>[a-z]+)/(?P<due>[0-9]{10})-(?P<receives>[0-9]+)-(?P<id>.+)")


class Waiting(NamedTuple):
    """A message on a queue."""

    queue: str
    due: int
    receives: int
    id: str
    key: str
    body: str


def waiting(bucket: Bucket, queues: Iterable[str]) -> list[Waiting]:
    """The messages of some queues, the one that is due first before the others."""
    found = []
    for queue in queues:
        for key, stored in bucket.objects(f"{queue}/").items():
            match = _KEY.fullmatch(key)
            if match is not None:
                body = stored.body.decode("utf-8", "replace")
                found.append(Waiting(queue, int(match["due"]), int(match["receives"]), match["id"], key, body))
    return sorted(found, key=lambda one: (one.due, one.key))


def queue_states(bucket: Bucket, queues: Iterable[str], now: float) -> dict[str, QueueState]:
    """Each queue's counts, and those of its dead letters. What is due later is in flight, once work was begun."""
    states = {}
    with bucket.lock:
        for queue in queues:
            messages = waiting(bucket, [queue])
            later = [one for one in messages if one.due > now]
            begun = sum(one.receives > 0 for one in later)
            visible = len(messages) - len(later)
            states[queue] = QueueState(queue, queue, visible, begun, len(later) - begun, dead_letters=False)
            name = f"{DEAD}/{queue}"
            states[name] = QueueState(name, name, len(bucket.keys(f"{name}/")), 0, 0, dead_letters=True)
    return states


def dead_letters(bucket: Bucket, queues: Iterable[str]) -> list[DeadLetter]:
    """Every dead letter, by its queue, the oldest first."""
    found = []
    for queue in queues:
        prefix = f"{DEAD}/{queue}/"
        rows = sorted(bucket.objects(prefix).items(), key=lambda one: (one[1].modified, one[0]))
        found += [_dead_letter(f"{DEAD}/{queue}", key.removeprefix(prefix), stored) for key, stored in rows]
    return found


def _dead_letter(queue: str, name: str, stored: StoredObject) -> DeadLetter:
    code, _, id_ = name.partition("/")
    attributes = {one.replace("-", "_"): unquote(value) for one, value in stored.metadata.items()}
    return DeadLetter(queue, id_, stored.body.decode("utf-8", "replace"), {"code": code, **attributes}, 0)
