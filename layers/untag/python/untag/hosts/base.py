"""What the functions ask of the host that they run on, and the values that cross that edge."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx

from untag.core import CredentialSource, Observer, Timing

if TYPE_CHECKING:
    from untag.contracts import Report

MANUAL = "manual"
"""The source of what somebody handed to the function."""


class Record(NamedTuple):
    """A message of a queue.

    `receives` says how often the queue has handed it over, and those of the messages before it where it was put back.
    `source` names the queue. `receipt` is the host's own way to name this receive.
    """

    id: str
    body: str
    receives: int
    receipt: str
    source: str
    traceparent: str | None = None
    """The trace that the sender's message belongs to (W3C Trace Context), from its attribute of this name."""
    first_id: str | None = None
    """The id of the first of its messages, where it was put back."""

    @property
    def own_id(self) -> str:
        """The id that names what has no id of its own."""
        return self.first_id or self.id


class Handed(NamedTuple):
    """What was handed straight to the function: a payload, or a notification, which is an envelope of one.

    `path` is where it stands in the event, where the event has several.
    """

    body: Any
    id: str
    source: str = MANUAL
    traceparent: str | None = None
    path: str = ""

    @property
    def own_id(self) -> str:
        """The id that names what has no id of its own."""
        return self.id


Arrival = Record | Handed
"""What can be worked at."""


class Message(NamedTuple):
    """One message for a queue or a topic. Attributes are texts; an empty one is left out. `delay` is in seconds.

    `why` says why a delayed message has to wait: a code, and a text. It is not sent.
    """

    body: str
    attributes: Mapping[str, str] = MappingProxyType({})
    delay: int = 0
    subject: str = ""
    why: tuple[str, str] = ("", "")


class DeliveryError(Exception):
    """A message was not taken. The message names the host's code."""


class Outbox(Protocol):
    """Where the results of one invocation go. Each method raises DeliveryError unless every message was taken."""

    async def publish(self, messages: Iterable[Message]) -> None:
        """Publish on the topic."""

    async def send_dead_letters(self, messages: Iterable[Message]) -> None:
        """Send to this function's dead-letter queue."""

    async def send_back(self, messages: Iterable[Message]) -> None:
        """Send to the work queue."""

    async def keep_until(self, messages: Iterable[Message], moment: float, name: str = "") -> None:
        """Keep messages for the work queue, or one with a name for this function's own, until seconds since the epoch.

        What was given before, or is kept under the name already, is kept once.
        """

    async def go_on(self, messages: Iterable[Message]) -> None:
        """Send to this function's own queue, so that it goes on later."""

    async def kept(self, prefix: str) -> list[str]:
        """The bodies of what is kept under names that begin so."""

    async def rules(self, source: str) -> dict[str, Any]:
        """A sweep's `rules` where they stand, with `dry_run`, and `read`, the version. Raises InvalidInputError."""

    def linger(self, *, more: bool) -> None:
        """Whether messages shall wait for others to share a call with: only while there are `more` to come."""


class Quarantine(Protocol):
    """Keeps records that may have killed the process apart from the others.

    What fails here makes the quarantine weaker, and nothing wrong.
    """

    async def hide(self, record: Record) -> None:
        """Hide a record for longer than its neighbours."""

    async def delete(self, record: Record) -> None:
        """Delete a record whose results are delivered."""

    async def put_back(self, records: Iterable[Record]) -> list[str]:
        """Put records that were not begun back on their queues as new messages, at no cost; the ids of those that are
        not taken, and come again as they are.
        """


class Telemetry(Observer, Protocol):
    """Log lines and metrics of one invocation."""

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong. The line names the error's type and place, and no value."""

    def rejected(self, record: str, reason: str, **names: str | None) -> None:
        """A body does not validate. `names` are the names in it that can be read."""

    def undelivered(self, record: str, reason: str) -> None:
        """A record's results could not be sent; it is returned."""

    def warned(self, request_id: str, warnings: Iterable[str]) -> None:
        """A request looks mistaken but may be right."""

    def finished(self, pages: "list[Report]", record: str, traceparent: str | None = None) -> None:
        """A request is done with for this attempt."""

    def noted(self, line: str, **facts: Any) -> None:
        """Anything else that is worth a line."""

    def flush(self) -> None:
        """Write all metrics out and start anew."""


def place_of(error: Exception) -> str:
    """Where an error was raised, as `module:line`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"


class Host(Protocol):
    """What the functions run on. Made once in a process."""

    environ: Mapping[str, str]
    timing: Timing
    client: httpx.AsyncClient
    telemetry: Telemetry
    quarantine: Quarantine
    message_bytes: int
    """A message of a queue with its attributes has this many bytes at most."""
    kept_bytes: int
    """A message that is kept until later has this many at most."""
    keeps: bool
    """Whether a function's own messages can be kept, too."""

    def credentials(self, source: str) -> CredentialSource:
        """The source of credentials that `UNTAG_CREDENTIALS` names."""

    def outbox(self, left: Callable[[], float]) -> Outbox:
        """The ways out of one invocation; `left` gives the seconds that are left for delivery."""


class Function(Protocol):
    """What one of the functions does, on whatever host."""

    continues: bool
    """Whether it goes on by messages to a queue of its own."""

    def batch(self, records: list[Record], left: Callable[[], float]) -> list[str]:
        """Work at a batch; the ids of the records that have to come again. `left` gives the remaining seconds."""

    def payload(self, handed: list[Handed], left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function; the answer. Raises InvocationError."""
