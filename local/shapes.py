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


def are_rules(content: Any) -> bool:
    """Whether it is a list of a sweep's rules: one of them has a `match`, and none the `resources` of a request."""
    listed = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    return any("match" in one for one in listed) and not any("resources" in one for one in listed)
