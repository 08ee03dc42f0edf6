"""A provider that says what it is told to say, and a truthful cloud for it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from virtual_time import Clock

from untag.contracts import Action, Tag
from untag.providers import Answer, Failure, Limits, Location, Options, Scope, Seen, Session, Verdict
from untag.providers.base import READ_BEFORE, Facts
from untag.providers.credentials import AccessKey


@dataclass(frozen=True)
class Made:
    """A call as the scripted provider saw it."""

    kind: str
    scope: Scope
    action: Action | None
    ids: tuple[str, ...]
    tags: tuple[Tag, ...]
    at: float
    timeout: float
    key: str
    seen: Mapping[str, Seen] = field(default_factory=dict)


Script = Callable[[Made], "Answer | Awaitable[Answer]"]


class ScriptedProvider:
    """Implements the Protocol; `script` answers each call, or raises.

    `caseless`: keys and ids are the same in any case.
    """

    credentials = AccessKey
    reserved_prefixes: tuple[str, ...] = ("sys:",)
    api = "tags"
    facts = Facts(READ_BEFORE, failures="the resource")

    def __init__(
        self,
        clock: Clock,
        script: Script,
        *,
        name: str = "scripted",
        resources: int = 50,
        tags: int = 10,
        reads_first: bool = False,
        removes_pairs: bool = False,
        rate: float = 1000.0,
        caseless: bool = False,
    ) -> None:
        self.name = name
        self.limits = Limits(resources, tags)
        self.reads_first = reads_first
        self.removes_pairs = removes_pairs
        self.rate = rate
        self.caseless = caseless
        self.script = script
        self.calls: list[Made] = []
        self.flying = Counter[str]()
        self.most_flying = Counter[str]()
        self.auths = 0
        self._clock = clock

    @classmethod
    def of(cls, options: Options) -> Self:
        raise NotImplementedError

    def accepts(self, type_: str) -> bool:  # noqa: ARG002 - the Protocol's, here and below
        return True

    def problems(self, request: Any) -> Iterator[Any]:  # noqa: ARG002
        return iter(())

    def warnings(self, asked: Any) -> Iterator[str]:  # noqa: ARG002
        return iter(())

    def location_problems(self, location: Location, type_: str) -> Iterator[Any]:  # noqa: ARG002
        return iter(())

    def scope(self, location: Location, type_: str) -> Scope:
        return Scope(self.name, self.api, location.account, location.region, location.project_id, type_)

    def comparable_key(self, key: str) -> str:
        return key.lower() if self.caseless else key

    def comparable_id(self, id_: str) -> str:
        return id_.lower() if self.caseless else id_

    def refusal(self, credentials: AccessKey, scope: Scope) -> Failure | None:  # noqa: ARG002
        return None

    def region_of(self, credentials: AccessKey, scope: Scope) -> str | None:  # noqa: ARG002
        return scope.region

    def auth(self, credentials: AccessKey, scope: Scope) -> httpx.Auth:  # noqa: ARG002
        self.auths += 1
        return httpx.Auth()

    async def write(
        self,
        session: Session[AccessKey],
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],
    ) -> Answer:
        assert len(ids) <= self.limits.resources
        assert len(tags) <= self.limits.keys
        assert len({tag.key for tag in tags}) == len(tags), "a key stands twice in one call"
        assert ids
        assert tags
        return await self._answer("write", session, action, scope, ids, tags, seen)

    async def read(self, session: Session[AccessKey], scope: Scope, ids: tuple[str, ...]) -> Answer:
        assert 0 < len(ids) <= self.limits.resources
        return await self._answer("read", session, None, scope, ids, ())

    async def _answer(
        self,
        kind: str,
        session: Session[AccessKey],
        action: Action | None,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},
    ) -> Answer:
        key = session.credentials.access_key
        made = Made(kind, scope, action, ids, tags, self._clock.seconds, session.timeout, key, seen)
        self.calls.append(made)
        self.flying[key] += 1
        self.most_flying[key] = max(self.most_flying[key], self.flying[key])
        try:
            async with asyncio.timeout(session.timeout):
                answer = self.script(made)
                return answer if isinstance(answer, Answer) else await answer
        except TimeoutError:
            return Answer(Verdict.UNAVAILABLE, code="timeout", message="no answer")
        finally:
            self.flying[key] -= 1

    def made(self, kind: str) -> list[Made]:
        return [call for call in self.calls if call.kind == kind]


def done(made: Made) -> Answer:
    """Every pair confirmed."""
    if made.kind == "read":
        return Answer(Verdict.DONE, request_id="r", tags={id_: {} for id_ in made.ids})
    return Answer(Verdict.DONE, request_id="w", confirmed=len(made.ids) * len(made.tags))


def stall(_: Made) -> Awaitable[Answer]:
    """No answer, ever."""
    return asyncio.sleep(1e9, Answer(Verdict.DONE))


def refusing(*verdicts: Verdict, **more: Any) -> Script:
    """These verdicts one after the other, the last one for ever."""
    waiting = list(verdicts)
    return lambda _: Answer(waiting.pop(0) if len(waiting) > 1 else waiting[0], **{"code": "scripted", **more})


@dataclass
class Cloud:
    """A truthful cloud for the scripted provider: what stands there, and what was removed or put by our calls.

    `unbound` says what a pair that does not stand there is: `failed`, or left out of the count.
    """

    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    removed: set[tuple[str, str]] = field(default_factory=set)
    counts: bool = True
    unbound: str = "failed"

    def answer(self, made: Made) -> Answer:
        if made.kind == "read":
            return Answer(Verdict.DONE, request_id="r", tags={id_: dict(self.tags.get(id_, {})) for id_ in made.ids})
        return self.apply(made)

    def apply(self, made: Made, failing: Iterable[str] = ()) -> Answer:
        from untag.providers import Failure

        failures = {id_: Failure("resource_failed", "told to") for id_ in made.ids if id_ in set(failing)}
        count = 0
        for id_ in made.ids:
            if id_ in failures and id_ in set(failing):
                continue
            there = self.tags.setdefault(id_, {})
            for key, value in made.tags:
                if made.action is Action.RESTORE:
                    there[key] = value or ""
                    count += 1
                elif key in there and value in (None, there[key]):
                    self.removed.add((id_, key))
                    del there[key]
                    count += 1
                elif self.counts and self.unbound == "failed":
                    failures[id_] = Failure("resource_failed", "not bound")
        return Answer(Verdict.DONE, request_id="w", failures=failures, confirmed=count if self.counts else None)
