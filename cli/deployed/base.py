"""What the commands ask of a stack, whatever it runs on, and the values that they are answered with."""

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from cli.ledger import Waiting
from cli.ledger.questions import Row, Totals
from local.reports import Report

Body = dict[str, Any]
Seen = Callable[[int], None]
"""Is told how many there are so far."""
Queue = Literal["work", "sweep"]
"""What takes requests, and what takes sweeps."""

CRASH = "(crash)"
"""The code of a dead letter without one: the platform moved it, after a crash or from a rule."""
NEVER = "invalid"
"""The code of those that cannot be carried out however often they are sent."""

_EXAMPLES = 3
_REASONS = 5
"""Reasons of one code that are told apart."""
_BEGINNING = 40
"""Characters of a body that stand for a dead letter that has no request's id."""


class Place(NamedTuple):
    """Which stack is meant: on AWS by its name and region, on FunctionGraph by its outputs, or the local one."""

    stack: str | None = None
    region: str | None = None
    local: bool = False
    functiongraph: Path | None = None

    def __bool__(self) -> bool:
        """Whether anything is said of a stack at all."""
        return self.local or any(one is not None for one in (self.stack, self.region, self.functiongraph))

    def options(self) -> str:
        """The options that mean this stack, to be pasted."""
        if self.local:
            return "--local"
        if self.functiongraph is not None:
            return f"--functiongraph {shlex.quote(str(self.functiongraph))}"
        return f"--stack {self.stack}" + (f" --stack-region {self.region}" if self.region else "")


class DeadLetter(NamedTuple):
    """A dead letter. `queue` is its queue as a person reads it, `place` the host's own name of where it lies."""

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, str]
    sent_at: str
    place: str

    @property
    def code(self) -> str:
        """Why it is here."""
        return self.attributes.get("code") or CRASH

    def row(self) -> dict[str, str]:
        """What a person is shown of it."""
        names = ("reason", "request_id", "batch", "source")
        texts = {name: self.attributes.get(name, "") for name in names}
        return {
            "queue": self.queue,
            "code": self.code,
            **texts,
            "sent_at": self.sent_at,
            "message_id": self.message_id,
            "body": self.body,
        }


class Chosen(NamedTuple):
    """Which dead letters are meant; an empty choice means all."""

    codes: Collection[str] = ()
    batch: str | None = None

    def __contains__(self, letter: object) -> bool:
        """Whether a dead letter is meant."""
        return (
            isinstance(letter, DeadLetter)
            and (not self.codes or letter.code in self.codes)
            and (self.batch is None or letter.attributes.get("batch", "") == self.batch)
        )


@dataclass(slots=True)
class Redriven:
    """What became of the dead letters that were to be sent back, while it happens."""

    sent: int = 0


@dataclass(slots=True)
class Sent:
    """What a queue took, by the ids of requests and sweeps, and why it did not take the rest."""

    taken: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    code: str | None = None


class Kept(NamedTuple):
    """A request that is kept until later. `due` is in UTC, such as `2026-12-01T03:00:00`."""

    name: str
    due: str
    body: str


class BatchLedger(Protocol):
    """Answers what batches have come to."""

    def totals(self, batch: str) -> Totals | None:
        """What a batch has come to; None where nothing is known of it."""

    def rows(self, batch: str, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair of a batch."""

    def reports(self, batch: str) -> list[Report]:
        """The reports of a batch, for undo."""

    def waiting(self, batch: str) -> list[Waiting]:
        """The messages of a batch that are still to be worked at, where the stack can say it."""


class Following(Protocol):
    """Reports on what is sent to a stack, while they come in."""

    def receive(self) -> bool:
        """Wait a few seconds for reports, and keep those of these batches; whether any came. Raises CommandError."""

    def totals(self) -> list[Totals]:
        """What each batch has come to so far; a batch of which nothing is known yet is not complete."""

    def rows(self, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair so far."""


class Stack(Protocol):
    """A stack, as the commands ask it. What cannot be done raises CommandError. Its text names it in an error."""

    @property
    def place(self) -> Place:
        """Which stack it is."""

    @property
    def max_pairs(self) -> int:
        """A request of more pairs is held back whole; 0 where that is not known."""

    @property
    def keeps_reports(self) -> bool:
        """Whether it can say afterwards what a batch has come to."""

    @property
    def look_seconds(self) -> float:
        """Seconds between two looks at its ledger."""

    def send(self, queue: Queue, bodies: Sequence[Body], seen: Seen) -> Sent:
        """Send bodies to a queue, and say what it took."""

    def keep_copy(self, requests: Sequence[Body]) -> None:
        """The ledger's own copy of requests, so that it misses what is lost before it is reported on."""

    def ledger(self, folder: Path) -> BatchLedger:
        """Its ledger; `folder` takes what has to be kept meanwhile."""

    def following(self, bodies: Iterable[Body], folder: Path) -> AbstractContextManager[Following]:
        """Follows what is sent while the context lasts; `folder` holds the reports."""

    def dead_letters(self, chosen: Chosen, seen: Seen) -> list[DeadLetter]:
        """The dead letters that are meant, the oldest first."""

    def redrive(self, meant: Iterable[DeadLetter], done: Redriven, seen: Seen) -> None:
        """Send dead letters back, each deleted once it is taken. `done` counts them as it goes."""

    def kept(self) -> list[Kept]:
        """What is kept until later, the next one first."""

    def cancel(self, kept_name: str) -> bool:
        """Keep a request no longer, by its name, and never send it; False if it is not kept (any more)."""


def by_code(letters: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    """Dead letters by queue, code and reason with examples, the most frequent first.

    Of one code are the most frequent reasons, and the rest together: a reason may name what only one of them has.
    """
    groups: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for letter in letters:
        row = letter.row()
        groups.setdefault((row["queue"], row["code"]), {}).setdefault(row["reason"], []).append(row)
    counted = []
    for (queue, code), by_reason in groups.items():
        several = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        if len(several) > _REASONS:
            rest = [row for _, rows in several[_REASONS - 1 :] for row in rows]
            several[_REASONS - 1 :] = [(f"{len(several) - _REASONS + 1} other reasons", rest)]
        counted += [
            {
                "queue": queue,
                "code": code,
                "dead_letters": len(rows),
                "reason": reason,
                "examples": [row["request_id"] or row["body"][:_BEGINNING] for row in rows[:_EXAMPLES]],
            }
            for reason, rows in several
        ]
    return sorted(counted, key=lambda group: -group["dead_letters"])
