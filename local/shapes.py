"""Values of a local stack: overrides, dead letters, notifications, the state of its queues; and a look at rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.errors import WAITING, LocalError


@dataclass(frozen=True)
class Overrides:
    """What is to be different here from what the template says. None leaves it as it is."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of every function, over the template's."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values of the template's parameters."""
    visibility_timeout: float | None = None
    """Seconds, for every queue: how soon a record that failed comes again. Longer than an invocation takes."""
    batching_window: float | None = None
    """Seconds, for every mapping: how long a batch may take to fill."""
    max_delay: float | None = None
    """Seconds: the longest that a delayed message is delayed."""
    timeout: float | None = None
    """Seconds, for every function."""


@dataclass(frozen=True)
class QueueState:
    """How many messages a queue holds."""

    name: str
    logical_id: str
    visible: int
    in_flight: int
    delayed: int
    dead_letters: bool
    """Whether it is a dead-letter queue."""

    @property
    def total(self) -> int:
        """All messages that it holds."""
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class DeadLetter:
    """A message on a dead-letter queue. Without an attribute `reason` it was redriven after crashes."""

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, str]
    receive_count: int


@dataclass(frozen=True)
class Notification:
    """A message that was published on a topic."""

    topic: str
    message_id: str
    subject: str | None
    attributes: Mapping[str, str]
    body: Any
    """The message, parsed where it is JSON."""
    number: int = 0
    """Which of its topic's it is, from 1."""


@dataclass(frozen=True)
class Sent:
    """Where an event went."""

    to: str
    """"queue", "bus" or "function"."""
    name: str
    ids: tuple[str, ...]
    note: str = ""
    """What the sender should know of it; empty if nothing is odd."""


class NotDrainedError(LocalError):
    """The queues did not become quiet in time; `queues` says what they still held."""

    def __init__(self, seconds: float, queues: list[QueueState]) -> None:
        held = ", ".join(
            f"{queue.name}: {queue.visible} visible, {queue.in_flight} in flight, {queue.delayed} delayed"
            for queue in queues
        )
        super().__init__(
            f"after {seconds:g} seconds there is still work: {held}",
            "what was refused comes again later; to see what becomes of it: `local watch`",
            status=WAITING,
        )
        self.queues = queues


def overridden(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """A stack's variables with a person's over them.

    Of `UNTAG_ENDPOINTS` only the APIs that are given are replaced: without the others' local addresses the functions
    would call the public ones.
    """
    name = "UNTAG_ENDPOINTS"
    pairs = [pair.split("=", 1) for text in (own.get(name), given.get(name)) if text for pair in text.split(",")]
    if any(len(pair) == 1 for pair in pairs):  # it is no list of addresses: the functions say so
        return {**own, **given}
    return {**own, **given} | ({name: ",".join(map("=".join, dict(pairs).items()))} if pairs else {})


def are_rules(content: Any) -> bool:
    """Whether it is a list of a sweep's rules: these have a `match`, and requests have `resources`."""
    listed = isinstance(content, list) and bool(content)
    return listed and all(isinstance(one, Mapping) and "match" in one and "resources" not in one for one in content)
