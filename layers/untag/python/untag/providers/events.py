"""Deletion events as values that no vendor's words are in, and what the providers' parsers share.

A provider that has events of its own names them as `EVENTS` in its module `events`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from untag.contracts import InvalidInputError, Tag
from untag.contracts.envelopes import parse_json
from untag.contracts.reports import clip

SHOWN_BYTES = 60
"""What a message shows of a text out of an event, in UTF-8."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Resources that are gone. `domain_id` is the vendor's number of the account, where the event names none of ours.

    `wider_id` is a number that stands for more than this account (a tenant's); it counts where `domain_id` is unknown.
    `tags` None leaves it to the stack's policy which tags are meant.
    """

    event_id: str
    provider: str
    account: str | None = None
    domain_id: str | None = None
    region: str | None = None
    project_id: str | None = None
    resources: Mapping[str, list[str]] = field(default_factory=dict)
    tags: list[Tag] | None = None
    reason: str | None = None
    batch: str | None = None
    event: Any = field(default=None, compare=False)
    """An event that says this alone, where the body says more."""
    wider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that leads to nothing, and why."""

    event_id: str
    provider: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be read, in an event that holds no other, and why."""

    event_id: str
    event: Any
    error: InvalidInputError = field(compare=False)


Said = Gone | Ignored | Unreadable


class Message(NamedTuple):
    """One of several messages in an event: its id, the text that it holds, and an event that holds it alone."""

    id: str
    text: Any
    event: Mapping[str, Any]


Translator = Callable[[Mapping[str, Any], str], Gone | Ignored | None]
"""Takes an event and the id of what carried it; None if the event is not of its kind.

It raises InvalidInputError, which names the field, for what it has to read and cannot: that is never said to delete
nothing.
"""


class Events(NamedTuple):
    """How a provider's events are understood."""

    translators: tuple[Translator, ...]
    messages: Callable[[Mapping[str, Any], str], list[Message] | None] | None = None
    """The messages in an envelope of the provider's own; None if an event is no such envelope."""
    sources: tuple[str, ...] = ()
    """How the `source` of its CloudEvents begins."""
    listed: Callable[[Sequence[Any], str], list[Message] | None] | None = None
    """The messages in a list of the provider's own; None if a list is no such list."""


def text_in(event: Mapping[str, Any], name: str) -> str | None:
    """The text in a field, if one stands there."""
    text = event.get(name)
    return text if isinstance(text, str) and text else None


def shown_in(event: Mapping[str, Any], name: str) -> str:
    """A field for a person to read, whatever stands there."""
    return clip(text_in(event, name) or f"of no {name}", SHOWN_BYTES)


def object_in(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in a field, where some services write it as a JSON text; empty where nothing stands there.

    Raises InvalidInputError, which names the field, where something else stands there.
    """
    value = event.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = parse_json(value)
        except InvalidInputError as error:
            raise error.under(name) from None
    if isinstance(value, Mapping):
        return value
    if value is None or isinstance(value, str):
        return {}
    raise InvalidInputError.of("Input should be an object", name)
