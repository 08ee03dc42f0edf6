"""A rule's grace: what is found is announced, kept with the host, and goes later if it still matches.

What is kept is a sweep with the tags that are `due`. It names where its rules stand, to be read again then; a sweep
that brought its rules with it keeps the rule itself. What is kept is read before anything is announced: each night's
sweep announces and keeps only what none before it has found.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from untag.core.requests import shortened
from untag.hosts.base import Message, Outbox
from untag.sweep.rules import Place, Rule
from untag.sweep.state import Due, Found, Progress, Sweep

_HOUR = 3600
"""What is kept goes at the first full hour after its grace: found together, tags go together."""
_SKEW = 60
"""Seconds that the clock of a schedule may be ahead."""
_LONGEST_ID = 100


class Grace:
    """What a rule keeps at one place. `size` is the most that a kept message may have, in bytes."""

    def __init__(self, rule: Rule, place: Place, sweep: Sweep, outbox: Outbox, size: int) -> None:
        self._rule = rule
        self._where = rule.where(place)
        self._sweep = sweep
        self._outbox = outbox
        self._size = size
        self._prefix = f"sweep-{_digest([rule.name, *self._where])}-"
        self._kept: dict[tuple[str, str, str | None], float] | None = None

    async def new(self, found: Iterable[Found], progress: Progress) -> list[Found]:
        """The tags that are not kept yet; those that are count as going when they go. Raises DeliveryError."""
        if self._kept is None:
            dues = [Due.model_validate(json.loads(body)["due"]) for body in await self._outbox.kept(self._prefix)]
            self._kept = {(id_, *tag): due.at for due in dues for id_, tags in due.tags.items() for tag in tags.items()}
        new: dict[str, list[Any]] = {}
        for id_, tags in found:
            for tag in tags:
                if (at := self._kept.get((id_, *tag))) is None:
                    new.setdefault(id_, []).append(tag)
                else:
                    progress.goes(at)
        return [(id_, tuple(tags)) for id_, tags in new.items()]

    def due(self, now: float) -> float:
        """When what is found now goes."""
        return (now + self._rule.grace_seconds() + _SKEW) // _HOUR * _HOUR + _HOUR

    async def keep(self, found: list[Found], now: float, progress: Progress) -> None:
        """Keep tags until their grace is over, in as few messages as their size allows. Raises DeliveryError."""
        named = {id_: {key: value or "" for key, value in tags} for id_, tags in found}
        due = Due(rule=self._rule.name, place=self._where, since=now, at=self.due(now), tags=named)
        digest = _digest(due.tags)
        body = json.dumps(
            {
                "id": f"{shortened(self._sweep.id, _LONGEST_ID)}.{digest[:8]}",
                "batch": self._sweep.batch,
                "rules": self._sweep.source or [self._rule.model_dump(by_alias=True, exclude_unset=True)],
                "due": due.model_dump(),
            },
            ensure_ascii=False,
        )
        if len(body.encode()) > self._size and len(found) > 1:
            middle = len(found) // 2
            await self.keep(found[:middle], now, progress)
            await self.keep(found[middle:], now, progress)
        elif found:
            # Under the same name for the same tags, whenever they are found.
            await self._outbox.keep_until([Message(body)], due.at, self._prefix + digest)
            progress.goes(due.at, due.pairs())


def narrowed(sweep: Sweep, due: Due, rules: list[Any], now: float) -> tuple[Sweep, list[Any]]:
    """What is due with its rule alone; without one if it is gone by now, looks elsewhere or has a longer grace."""
    kept = [
        (rule, raw)
        for rule, raw in zip(sweep.rules, rules, strict=True)
        if rule.name == due.rule and due.since + rule.grace_seconds() <= now
        if due.place in map(rule.where, rule.places())
    ]
    return sweep.model_copy(update={"rules": [rule for rule, _ in kept]}), [raw for _, raw in kept]


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
