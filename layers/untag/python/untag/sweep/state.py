"""How far a sweep is: what an event says, and what travels in a message from one invocation to the next."""

import base64
import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from untag.contracts import InvalidInputError, Problem, Tag, unwrap
from untag.contracts.problems import problems_of
from untag.contracts.requests import Batch, timestamp
from untag.core.requests import batch_name
from untag.sweep.rules import CHOICES, MAX_RULES, Rule

MOST_SEEN = 60_000
"""Fingerprints of 8 bytes that a message carries: 640 KB of the mebibyte that it may have."""

MOST_ERRORS = 20
MOST_SAMPLES = 50

Found = tuple[str, tuple[Tag, ...]]
"""A resource's id, and the tags of it that are to go."""

Position = tuple[object, ...]


def fingerprint(found: Found) -> int:
    """A resource and its tags as 64 bits."""
    return int.from_bytes(hashlib.blake2b(json.dumps(found).encode(), digest_size=8).digest())


class Progress(BaseModel):
    """How far one rule is, and what it has come to so far.

    `place` is the number of the place, `key` the key that is listed there, empty for all at once. An API that does not
    page goes on behind the resource `after` (of the value `value`, where the key alone is too much for one answer), one
    that pages at `cursor`, in its `round`-th pass. `offset` is the cursor in older messages.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    place: Annotated[int, Field(ge=0)] = 0
    key: str | None = None
    by_value: bool = False
    value: str | None = None
    after: str | None = None
    cursor: str | None = None
    offset: Annotated[int, Field(ge=0)] | None = None
    round: Annotated[int, Field(ge=1)] = 1
    fresh: bool = False
    """Whether this pass has found something that no pass before it found."""
    restarts: int = 0
    tries: int = 0
    """Invocations in a row that did not get further."""
    done: bool = False
    failed_places: int = 0
    counts: dict[str, int] = {}
    errors: list[dict[str, str | None]] = []
    sample: list[dict[str, str]] = []
    going: dict[str, int] = {}
    """When tags go that a grace keeps, and how many."""
    seen: str = ""

    @model_validator(mode="after")
    def _offset_is_a_cursor(self) -> Self:
        if self.offset is not None:
            self.cursor, self.offset = str(self.offset), None
        return self

    def position(self) -> Position:
        """What changes when a rule gets further."""
        return (self.place, self.key, self.value, self.after, self.cursor, self.round, self.by_value)

    def enter(self, key: str) -> None:
        """Begin with another key."""
        self.key, self.by_value, self.value, self.after = key, False, None, None
        self.cursor, self.round, self.fresh, self.restarts, self.seen = None, 1, False, 0, ""

    def leave(self) -> None:
        """Go on to the next place."""
        self.enter("")
        self.key = None
        self.place += 1

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of the counts."""
        if number:
            self.counts[name] = self.counts.get(name, 0) + number

    def goes(self, at: float, pairs: int = 1) -> None:
        """Count tags that are kept until a time."""
        self.count("kept", pairs)
        time = timestamp(at)
        self.going[time] = self.going.get(time, 0) + pairs

    def error(self, **told: str | None) -> None:
        """Keep what went wrong, the first few of them in full."""
        self.count("errors")
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(told)

    def remember(self, seen: Iterable[int]) -> None:
        """Keep the fingerprints for the next invocation, unless they are too many for a message.

        Without them a resource that is still there is asked for once more, under the same id.
        """
        seen = sorted(seen)
        packed = struct.pack(f">{len(seen)}Q", *seen) if len(seen) <= MOST_SEEN else b""
        self.seen = base64.b64encode(packed).decode()

    def remembered(self) -> set[int]:
        """The fingerprints that were kept."""
        packed = base64.b64decode(self.seen)
        return set(struct.unpack(f">{len(packed) // 8}Q", packed))


class Due(BaseModel):
    """Tags that a rule with a grace found at a place `since` when, and that go `at` a time if they still match."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rule: str
    place: list[str | None]
    since: float
    at: float
    tags: dict[str, dict[str, str]]

    def pairs(self) -> int:
        """How many tags of resources these are."""
        return sum(map(len, self.tags.values()))


class Sweep(BaseModel):
    """A sweep as an event asks for it, or as the message of the invocation before says it goes on.

    All of its requests carry its batch, by default its id. `source` is where the rules stand, to be read again when
    kept tags are `due`; `read` is the version that was read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=128)] = ""
    batch: Batch | None = None
    dry_run: bool = False
    # Without a rule there is nothing to do, as in a stack whose parameter SweepRules has not been set: no mistake.
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)]
    source: Annotated[str, StringConstraints(max_length=2048)] | None = None
    read: str | None = None
    due: Due | None = None
    progress: list[Progress] | None = None
    started_at: float | None = None
    invocation: Annotated[int, Field(ge=1)] = 1


_SWEEP = TypeAdapter(Sweep)


def read_sweep(payload: Any, own_id: str) -> tuple[Sweep, list[Any]]:
    """The sweep that a body or a payload asks for, and its rules as they were given. `own_id` names one without an id.

    Raises InvalidInputError.
    """
    unwrapped = unwrap(payload, own_id, None)
    try:
        sweep = _SWEEP.validate_python(unwrapped.payload)
    except ValidationError as error:
        raise InvalidInputError(_problems(error)) from None
    twice = [name for name, times in Counter(rule.name for rule in sweep.rules).items() if times > 1]
    if twice:
        raise InvalidInputError.of(f"two rules are called {twice[0]}", "rules")
    if sweep.progress is not None and len(sweep.progress) != len(sweep.rules):
        raise InvalidInputError.of("says nothing of some rule, or too much", "progress")
    id_ = sweep.id or unwrapped.id
    return sweep.model_copy(update={"id": id_, "batch": sweep.batch or batch_name(id_)}), unwrapped.payload["rules"]


def _problems(error: ValidationError) -> Iterator[Problem]:
    for path, message in problems_of(error):
        yield Problem(".".join(part for part in path.split(".") if part not in CHOICES), message)


def continuation(sweep: Sweep, rules: list[Any], progress: list[Progress], started_at: float) -> str:
    """The message by which a sweep goes on."""
    body = {
        "id": sweep.id,
        "batch": sweep.batch,
        "dry_run": sweep.dry_run,
        "rules": rules,
        "source": sweep.source,
        "read": sweep.read,
        "due": sweep.due and sweep.due.model_dump(),
        "progress": [one.model_dump(exclude_defaults=True) for one in progress],
        "started_at": started_at,
        "invocation": sweep.invocation + 1,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
