"""The outcomes of a (resource, tag) pair: a closed set, with what goes with each, and deferrals."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """The terminal outcomes; each pair that came in leaves with exactly one of them or is deferred."""

    REMOVED = "removed"
    RESTORED = "restored"
    WOULD_REMOVE = "would_remove"
    WOULD_RESTORE = "would_restore"
    ABSENT = "absent"
    NOT_FOUND = "not_found"
    PROTECTED = "protected"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


CHANGED = frozenset({Outcome.REMOVED, Outcome.RESTORED, Outcome.WOULD_REMOVE, Outcome.WOULD_RESTORE})
"""The outcomes of pairs that were changed, or would be."""

MISSING = frozenset({Outcome.ABSENT, Outcome.NOT_FOUND})
"""The outcomes of pairs that were not there."""

BAD = frozenset({Outcome.FAILED, Outcome.UNCONFIRMED})
"""The outcomes that go to the dead-letter queue."""


class Result(NamedTuple):
    """A terminal outcome with its evidence; one object serves every pair that a call settled alike.

    `was` is the value read just before (None: read, and not there) and counts only if `looked`. `was_key` is the key as
    it stood there, where that is not as it was asked for: some clouds compare keys without case.
    """

    outcome: Outcome
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    looked: bool = False
    was: str | None = None
    was_key: str | None = None

    def seen(self, was: str | None, was_key: str | None = None) -> "Result":
        """The same result for a pair whose value was read."""
        return self._replace(looked=True, was=was, was_key=was_key)


class Deferral(NamedTuple):
    """No outcome yet: the pair travels on in the remainder.

    `counted` says whether this was an attempt (the provider refused, or the account is closed) or our own doing (time,
    rate). `delay` is the least number of seconds that the next attempt has to wait. `lost` says that a write was made
    and its answer was lost: it may have been applied.
    """

    code: str
    message: str
    counted: bool
    delay: float = 0.0
    lost: bool = False
