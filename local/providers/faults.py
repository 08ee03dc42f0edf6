"""Misbehaviour on order: rules that make a local cloud throttle, fail, lie, stall or cut the line.

Rules are tried in the order they were added. Delays add up; the first matching rule that ends a call settles
how it ends. `partial`, `other_ids` and `count` add up where the call is answered properly or takes effect. Each rule
counts how often it struck.
"""

import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any

# Kinds that answer with a status in the cloud's own envelope, and the status where the rule names none.
STATUS_KINDS = {
    "status": 500,
    "throttle": 429,
    "unavailable": 503,
    "unauthorized": 401,
    "forbidden": 403,
    "refuse": 400,  # the whole call, because of the ids (or keys) that the rule names
}
# Kinds that spoil the way an answer travels, and whether the call takes effect where the rule does not say.
WIRE_KINDS = {
    "reset": False,
    "stall": False,
    "truncate": True,
    "not_json": False,
    "empty": False,
    "redirect": False,
    "huge": True,
}
# Kinds that make a proper answer say something wrong; the first two only the answer to a writing call.
CONTENT_KINDS = frozenset({"partial", "count", "other_ids"})
_WRITING_KINDS = CONTENT_KINDS - {"other_ids"}
KINDS = frozenset(STATUS_KINDS) | frozenset(WIRE_KINDS) | CONTENT_KINDS | {"delay"}

Tag = tuple[str, str | None]


@dataclass(slots=True)
class Fault:
    """One rule: the fields up to `times` say what it strikes, the others what it does.

    do             one of KINDS
    operation      the cloud's word ("unTagResources", "tags/delete"), or "writing", "reading", "any"
    account        only calls of this account
    ids, keys      globs: only calls that carry such an id, such a tag key; for `partial` and `other_ids` also which
                   resources it concerns
    skip           let this many matching calls pass first
    every          strike each n-th matching call
    probability    strike with this probability (a Random seeded by the server)
    times          strike at most so often
    applied        whether the call takes effect although it is spoilt; None: as is usual for the kind. For `partial`
                   and `other_ids`: whether it does for the resources concerned.
                   For `delay`: wait after the call took effect rather than before
    status, code, message, retry_after    what a status kind answers (None: what the cloud would say)
    seconds        how long to delay; how long to stall (None: until the client gives up)
    share          `partial`, `other_ids`: concern each matching resource with this probability
    amount         `count`: how far successCount is off (1); `huge`: bytes of padding (16 MiB)
    location       `redirect`: where to
    """

    do: str
    operation: str = "any"
    account: str | None = None
    ids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    skip: int = 0
    every: int = 1
    probability: float = 1.0
    times: int | None = None
    applied: bool | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: str | None = None
    seconds: float | None = None
    share: float = 1.0
    amount: int | None = None
    location: str = "http://127.0.0.1:9/elsewhere"
    matched: int = 0
    injected: int = 0

    def __post_init__(self) -> None:
        if self.do not in KINDS:
            raise ValueError(f"{self.do!r} is no kind of fault; there are {', '.join(sorted(KINDS))}")
        if self.every < 1:
            raise ValueError("every must be at least 1")
        self.ids, self.keys = _globs(self.ids), _globs(self.keys)
        if self.retry_after is not None:
            self.retry_after = str(self.retry_after)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Fault":
        """A rule from JSON; ValueError names a field that is none."""
        unknown = set(raw) - {known.name for known in fields(cls)} - {"matched", "injected"}
        if unknown or "do" not in raw:
            raise ValueError(f"not a fault: {sorted(unknown) or 'do is missing'}")
        return cls(**{name: value for name, value in raw.items() if name not in {"matched", "injected"}})

    @property
    def over(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self.times is not None and self.injected >= self.times

    @property
    def is_outage(self) -> bool:
        """Whether every call is answered with 503 now."""
        words = replace(self, matched=0, injected=0, times=None, code=None, message=None, retry_after=None)
        return not self.over and words == Fault("unavailable")

    def as_dict(self) -> dict[str, Any]:
        """The rule and its counts as JSON carries them."""
        return asdict(self)

    @property
    def takes_effect(self) -> bool:
        """Whether a call that this rule spoils changes tags all the same."""
        return WIRE_KINDS.get(self.do, False) if self.applied is None else self.applied

    def names_id(self, name: str) -> bool:
        """Whether an id is among those the rule speaks of."""
        return not self.ids or _any_glob(name, self.ids)

    def names_key(self, name: str) -> bool:
        """Whether a tag key is among those the rule speaks of."""
        return not self.keys or _any_glob(name, self.keys)

    def matches(self, ask: "Asked") -> bool:
        """Whether the rule speaks of such a call at all (skip, every, times and chance come after)."""
        if self.do in _WRITING_KINDS and not ask.writing:
            return False
        if self.do == "other_ids" and not ask.ids:
            return False  # no id was asked for, so none can be another
        if self.operation not in {"any", ask.operation, "writing" if ask.writing else "reading"}:
            return False
        if self.account is not None and self.account != ask.account:
            return False
        if self.ids and not any(_any_glob(name, self.ids) for name in ask.ids):
            return False
        return not self.keys or any(_any_glob(key, self.keys) for key, _ in ask.tags)


def other_id(name: str) -> str:
    """An id that a cloud might answer with where it was asked for this one: the same in other letters."""
    return next((other for other in (name.lower(), name.upper()) if other != name), f"{name}-other")


def _globs(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _any_glob(name: str, globs: tuple[str, ...]) -> bool:
    return any(name == glob or fnmatchcase(name, glob) for glob in globs)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for, as far as a rule can see it."""

    operation: str
    writing: bool
    account: str
    ids: tuple[str, ...]
    tags: tuple[Tag, ...]


@dataclass(slots=True)
class Verdict:
    """What the rules decided for one call."""

    delay_before: float = 0.0
    delay_after: float = 0.0
    failing: dict[str, Fault] = field(default_factory=dict)
    mistaken: dict[str, Fault] = field(default_factory=dict)
    off: int = 0
    ending: Fault | None = None
    names: list[str] = field(default_factory=list)

    def strike(self, rule: Fault, names: Iterable[str] = ()) -> None:
        """Let a rule have its way; `names` are the resources that it concerns, if it is of a kind that asks for any."""
        if rule.do == "delay" and rule.applied:
            self.delay_after += rule.seconds or 0.0
        elif rule.do == "delay":
            self.delay_before += rule.seconds or 0.0
        elif rule.do == "count":
            self.off += 1 if rule.amount is None else rule.amount
        elif rule.do in {"partial", "other_ids"}:
            concerned = self.failing if rule.do == "partial" else self.mistaken
            new = {name: rule for name in names if name not in self.failing and name not in self.mistaken}
            if not new:
                return
            concerned |= new
        else:
            self.ending = rule
        rule.injected += 1
        self.names.append(rule.do)

    def fails(self, resource_id: str, key: str) -> Fault | None:
        """The rule that says that a pair must be reported as failed, under whatever id."""
        rule = self.failing.get(resource_id) or self.mistaken.get(resource_id)
        return rule if rule is not None and rule.names_key(key) else None

    def name_of(self, resource_id: str) -> str:
        """The id under which an answer speaks of a resource."""
        return other_id(resource_id) if resource_id in self.mistaken else resource_id


class Faults:
    """The rules of one server; safe to use from any thread."""

    def __init__(self, seed: int = 0, kinds: frozenset[str] = KINDS) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._rules: list[Fault] = []

    def add(self, do: str | Fault, **how: Any) -> Fault:
        """Add a rule: a Fault, or a kind and the Fault's fields. Gives the live rule: read its `injected`."""
        rule = do if isinstance(do, Fault) else Fault(do, **how)
        if rule.do not in self._kinds:
            raise ValueError(f"this cloud's answers have no room for {rule.do!r}")
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Fault) -> None:
        """Take one rule away again."""
        with self._lock:
            self._rules = [other for other in self._rules if other is not rule]

    def clear(self) -> None:
        """Take every rule away."""
        with self._lock:
            self._rules.clear()

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(list(self._rules))

    def __len__(self) -> int:
        return len(self._rules)

    def snapshot(self) -> list[dict[str, Any]]:
        """The rules with their counts."""
        with self._lock:
            return [replace(rule).as_dict() for rule in self._rules]

    def judge(self, ask: Asked) -> Verdict:
        """Decide what becomes of a call, counting what strikes."""
        verdict = Verdict()
        with self._lock:
            for rule in self._rules:
                if rule.do in CONTENT_KINDS or (rule.do != "delay" and verdict.ending is not None):
                    continue
                if rule.matches(ask) and self._due(rule):
                    verdict.strike(rule)
            # What an answer says can only be wrong where the call takes effect, or is a proper read.
            if verdict.ending is None or verdict.ending.takes_effect:
                for rule in self._rules:
                    if rule.do in CONTENT_KINDS and rule.matches(ask) and self._due(rule):
                        verdict.strike(rule, [name for name in ask.ids if self._fails(rule, name)])
        return verdict

    def _fails(self, rule: Fault, name: str) -> bool:
        return rule.names_id(name) and (rule.share >= 1 or self._random.random() < rule.share)

    def _due(self, rule: Fault) -> bool:
        """Count a match, and say whether it is this one's turn."""
        rule.matched += 1
        turn = rule.matched - rule.skip
        if turn < 1 or turn % rule.every or rule.over:
            return False
        return rule.probability >= 1 or self._random.random() < rule.probability
