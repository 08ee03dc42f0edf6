"""What an event says, in words that are no vendor's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from untag.contracts import InvalidInputError, Tag


@dataclass(frozen=True, slots=True)
class Gone:
    """Resources that are gone. `domain_id` is the vendor's number of the account, where the event names none of ours.

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
