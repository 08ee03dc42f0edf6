"""The steps of the core, as values: a call for some resources x tags, and what can follow from its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from untag.contracts import Action, Deferral, Result, Tag
from untag.core.jobs import Block
from untag.core.limits import CALLS_PER_STEP
from untag.providers import Answer, Provider, Scope, Seen, stored_key

HALVES = 2

Write = tuple[Tag, str | None, str | None]
"""A tag to write, and key and value as they stand there; None where it is put back."""


class Kind(Enum):
    """What a step calls."""

    WRITE = "write"
    GUARD = "guard"
    """The precheck, a read before a write: only what stands there with the value asked for is removed, and only what
    does not stand there is put back."""
    CHECK = "check"
    """The read-back, a read after a write whose answer leaves a doubt."""


@dataclass(slots=True, eq=False)
class Budget:
    """Calls left for what follows from one planned call."""

    left: int = CALLS_PER_STEP


@dataclass(slots=True, eq=False)
class Halves:
    """The two halves of a call that was forbidden: if both are forbidden too, so is everything like it.

    `waiting` are the calls of the group that were forbidden meanwhile, with their answers.
    """

    open: int = HALVES
    forbidden: int = 0
    waiting: list[tuple["Step", Answer]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Group:
    """Pairs that may share calls: one scope, one action, dry or wet.

    `rows` maps each resource to the blocks that ask for it and its row in each, so that a pair that several requests
    ask for is called once, and settled in all of them.
    """

    provider: Provider
    scope: Scope
    action: Action
    dry_run: bool
    guarded: bool
    """Whether the resources' tags are read before anything is written."""
    overwrite: bool = False
    """Whether a tag is put back although its key has another value by now."""
    rows: dict[str, list[tuple[Block, int]]] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    """Each resource's id as it is asked for, by its comparable form."""
    prechecks: int = 0
    """Prechecks that have no answer yet."""
    to_write: dict[tuple[Write, ...], dict[str, Seen]] = field(default_factory=dict)
    """What prechecks have shown, by the tags to write and as they stand there: resources, and all that was read
    of them. It waits for others that may share its call."""
    forbidden: bool = False
    """Whether both halves of a forbidden call were forbidden too: then it is the permission that is missing."""
    halves: Halves | None = None
    """The halves of a forbidden call that are being tried: others forbidden meanwhile wait for their answers."""


class Doubt(NamedTuple):
    """What a read-back decides: the result if the pair is in the wanted state, if it is not, and if it cannot be read.

    `there` is by resource; None means that the pair is asked for once more, alone. `counted` is what the provider
    counted, where that is the doubt: it is believed if as many pairs are in the wanted state (`confirmed`). `accepted`
    says that the write is carried out later: a pair that is not in the wanted state is read back again.
    """

    settled: Result
    there: Mapping[str, Result] | None
    unread: Mapping[str, Result]
    counted: int | None = None
    confirmed: Result | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call to make for a rectangle of pairs.

    `seen` is what was read just before; `alone` marks a pair asked for once more after a wrong count, `last` the last
    read before a request is declared exhausted. `halves` marks one half of a forbidden call, `halved` it and
    everything that follows from it.
    """

    group: Group
    kind: Kind
    ids: tuple[str, ...]
    tags: tuple[Tag, ...]
    budget: Budget
    seen: Mapping[str, Seen] | None = None
    alone: bool = False
    halves: Halves | None = None
    halved: bool = False
    doubt: Doubt | None = None
    last: bool = False
    lost: bool = False
    """Whether an earlier write of these pairs may be applied, by now or later: its answer was lost, or reported a
    failure, or was a success that a read did not bear out.
    """
    rereads: int = 0
    """Times that the resources were read again, since a write was refused as stale."""
    confirmations: int = 0
    """Read-backs of an accepted write that have not confirmed it."""
    pause: float = 0.0
    """Seconds to wait before the call."""

    def sent_tags(self) -> tuple[Tag, ...]:
        """The tags as they are sent: each once; those to remove as they stand there, where that was read."""
        if self.seen is None or self.group.action is Action.RESTORE:
            return self.tags
        there = self.seen[self.ids[0]].tags
        stored = dict.fromkeys(self.tag_there(tag, there) for tag in self.tags)
        return tuple(tag for tag in stored if tag is not None)

    def tag_there(self, tag: Tag, there: Mapping[str, str]) -> Tag | None:
        """The tag of the same key among tags that were read, as it stands there; None where the key is not there."""
        key = stored_key(self.group.provider, tag.key, there)
        return None if key is None else Tag(key, there[key])


class Settled(NamedTuple):
    """Pairs that have their result. `seen` holds what was read of the resources.

    `lost` says that a write of ours may have been applied although the result does not say so.
    """

    ids: tuple[str, ...]
    tags: tuple[Tag, ...]
    result: Result | Deferral
    seen: Mapping[str, Seen] | None = None
    lost: bool = False


class Read(NamedTuple):
    """Resources whose tags are known now, where every tag is meant."""

    ids: tuple[str, ...]
    seen: Mapping[str, Seen]


Followed = Settled | Read | Step
