"""The engine by itself: one scripted provider, keys on a ring, and an observer that remembers."""

import asyncio
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from bookkeeping import Json
from scripted_provider import Script, ScriptedProvider, done
from virtual_time import Clock, VirtualLoop

from untag.contracts import Deferral, parse_requests
from untag.core import Accounts, Deadline, Engine, Job, Policy, Rate, open_job
from untag.providers import Answer, Registry
from untag.providers.credentials import AccessKey


@dataclass
class Seen:
    """An Observer that remembers."""

    calls: int = 0
    retries: int = 0
    closings: list[tuple[str, str]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def called(self, provider: str, seconds: float, answer: Answer) -> None:  # noqa: ARG002 - the Protocol's
        assert seconds >= 0.0
        self.calls += 1

    def retried(self, provider: str) -> None:  # noqa: ARG002
        self.retries += 1

    def removing(self, *_: object) -> None:
        pass

    def closed(self, provider: str, account: str) -> None:
        self.closings.append((provider, account))

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


class KeyRing:
    """A source of credentials: gives the first of `keys`, and with each further read the next, until the last."""

    def __init__(self, *keys: AccessKey | Exception, seconds: float = 0.0) -> None:
        self.keys = list(keys) or [AccessKey(access_key="AK-1", secret_key="SK-1")]
        self.reads = 0
        self.seconds = seconds

    async def get(self, provider: Any, account: str) -> AccessKey:  # noqa: ARG002
        self.reads += 1
        await asyncio.sleep(self.seconds)
        if self.reads > 1 and len(self.keys) > 1:
            self.keys.pop(0)
        found = self.keys[0]
        if isinstance(found, Exception):
            raise found
        return found


OLD, NEW = (AccessKey(access_key=f"AK-{age}", secret_key=f"s-{age}") for age in ("old", "new"))
"""An account's key before and after it was changed."""


def request(**fields: Any) -> Json:
    """A removal request for the scripted provider."""
    return {
        "provider": "scripted",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1"]}],
        "tags": [{"key": "env", "value": "prod"}],
        **fields,
    }


def many(number: int, **fields: Any) -> Json:
    """A request for resources that need one call each, at a provider that takes one in a call."""
    return request(resources=[{"type": "vm", "ids": [f"i-{n}" for n in range(number)]}], **fields)


_NO_LIMITS = Policy()
_ANY_RATE = Rate()


class Bench:
    """An engine with one scripted provider, in virtual time."""

    def __init__(
        self,
        script: Script = done,
        *,
        keys: KeyRing | None = None,
        policy: Policy = _NO_LIMITS,
        rate: Rate = _ANY_RATE,
        concurrency: int = 32,
        seconds: float = 120.0,
        reserve: float = 10.0,
        chance: Callable[[], float] = lambda: 0.5,
        **provider: Any,
    ) -> None:
        self.clock = Clock()
        self.timing = self.clock.timing(chance)
        self.provider = ScriptedProvider(self.clock, script, **provider)
        self.registry = Registry(made=(self.provider,))
        self.policy = policy
        self.seen = Seen()
        self.keys = keys or KeyRing()
        self.accounts = Accounts(self.keys.get, rate, self.timing, self.seen)
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(_nobody), trust_env=False)
        self.engine = Engine(self.client, self.accounts, policy, self.timing, self.seen, concurrency=concurrency)
        self.seconds, self.reserve = seconds, reserve
        self._loop = VirtualLoop(self.clock)  # one for all its invocations, as in a process
        weakref.finalize(self, self._loop.close)
        self.finished: list[tuple[Job, float]] = []

    def open(self, *requests: Json) -> list[Job]:
        now = self.timing.now()
        return [
            open_job(parsed, self.registry, self.policy, now=now)
            for number, raw in enumerate(requests)
            for parsed in parse_requests(raw, f"r{number}")
        ]

    def run(self, *requests: Json) -> list[Job]:
        """One invocation: its jobs, every pair settled."""
        jobs = self.open(*requests)
        self.work(jobs)
        return jobs

    def work(self, jobs: list[Job]) -> None:
        deadline = Deadline(self.clock.left(self.seconds), self.reserve)
        ended = self.finished
        work = self.engine.run(jobs, deadline, lambda job: ended.append((job, self.clock.seconds)))
        self._loop.run_until_complete(work)
        for job in jobs:
            list(job.rows())  # raises where a pair has no result


def _nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nobody asked for {request.url}")


def told(job: Job) -> dict[tuple[str, str], str]:
    """What became of each (id, key) of a job that asks for no key twice: an outcome, or `deferred:CODE`."""
    found = {}
    for _, id_, tag, result in job.rows():
        word = getattr(result, "outcome", None)
        found[id_, tag.key] = word.value if word is not None else f"deferred:{result.code}"
    return found


def tally(job: Job) -> Counter[str]:
    return Counter(told(job).values())


def deferrals(job: Job) -> list[Deferral]:
    return [result for *_, result in job.rows() if isinstance(result, Deferral)]
