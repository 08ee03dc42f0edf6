"""Dead letters looked at where they lie in the bucket, and put back one by one."""

from collections.abc import Iterable

from cli.deployed.base import CRASH, Chosen, DeadLetter, Redriven, Seen
from cli.deployed.functiongraph.calls import Services
from untag.hosts.functiongraph.dead_letters import DEAD
from untag.hosts.functiongraph.dead_letters import DeadLetter as Listed
from untag.hosts.functiongraph.settings import QUEUES
from untag.hosts.functiongraph.timer import CRASH as BURIED


async def listed(services: Services, chosen: Chosen, seen: Seen) -> list[DeadLetter]:
    """The dead letters that are meant, the oldest first. Raises HuaweiError."""
    letters: list[DeadLetter] = []
    for queue in QUEUES:
        async for one in services.dead_letters.listed(queue):
            if chosen.codes and _shown(one.code) not in chosen.codes:
                continue
            stored = await services.obs.get(one.key)
            if stored is None:
                continue
            attributes = {**stored.metadata, "code": _shown(one.code)}
            letter = DeadLetter(f"{DEAD}/{queue}", one.id, stored.text, attributes, _moment(one.since), one.key)
            if letter in chosen:
                letters.append(letter)
                seen(len(letters))
    return sorted(letters, key=lambda letter: (letter.sent_at, letter.message_id))


async def redrive(services: Services, letters: Iterable[DeadLetter], done: Redriven, seen: Seen) -> None:
    """Put dead letters back unchanged, each deleted once it is on its queue. `done` counts them as it goes.

    Killed at any moment, one of them at most is on its queue and not deleted: it comes twice. Raises HuaweiError.
    """
    for letter in letters:
        _, queue, code, id_ = letter.place.split("/", 3)
        if await services.dead_letters.put_back(Listed(queue, code, id_, len(letter.body), letter.sent_at)):
            done.sent += 1
            seen(done.sent)
    await services.bells.ring_all()


def _shown(code: str) -> str:
    """The code as every host's dead letters have it."""
    return CRASH if code == BURIED else code


def _moment(text: str) -> str:
    """A time of OBS as the others are written."""
    return text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text
