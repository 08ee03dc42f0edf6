"""A clock that nobody waits for, a wire that answers what it is told, and the values that many tests begin with."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx
import virtual_time

from untag.contracts import InvalidInputError, RemovalRequest, parse_requests
from untag.core import Timing
from untag.providers import Registry, Session
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials

ACCESS_KEY = "AKFAKE-access-key-0001"
SECRET_KEY = "fake-secret-key-0001"
TOKEN = "fake-security-token-0001"
PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
KEY = HuaweiCloudCredentials(access_key=ACCESS_KEY, secret_key=SECRET_KEY, security_token=TOKEN, domain_id="d0ma1n")
"""It has every field that any of the clouds signs with."""

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class SleepingClock:
    """Time that passes when somebody sleeps, and only then."""

    def __init__(self, now: float = 1_780_000_000.0, chance: float = 0.5) -> None:
        self.time = now
        self.slept: list[float] = []
        self.timing = Timing(
            now=lambda: self.time, monotonic=lambda: self.time, sleep=self.sleep, chance=lambda: chance
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Wire:
    """Answers each request with the next of the answers, the last one for ever; keeps the requests.

    It stands where the network would: below httpx, the signature and the reading of streams. With `identity` it answers
    with that whoever asks whose its key is, and keeps these requests apart.
    """

    def __init__(self, *answers: Answer, identity: Answer | None = None) -> None:
        self._answers = list(answers)
        self._identity = identity
        self.requests: list[httpx.Request] = []
        self.identifying: list[httpx.Request] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer), trust_env=False)

    def answer(self, request: httpx.Request) -> httpx.Response:
        identifies = "GetCallerIdentity" in (*request.headers.values(), request.url.params.get("Action"))
        if identifies and self._identity is not None:
            self.identifying.append(request)
            answer = self._identity
        else:
            self.requests.append(request)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            # A response can be read once: each request gets one of its own.
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return answer(request)


def session(client: httpx.AsyncClient, auth: httpx.Auth | None = None, timeout: float = 5.0) -> Session:
    return Session(client, KEY, auth or httpx.Auth(), timeout)


def run(work: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await work

    return asyncio.run(main())


def run_hurried(work: Awaitable[Any]) -> Any:
    """Run what waits for time-outs without waiting; for work that touches no socket."""
    return virtual_time.run(virtual_time.Clock(), work)


def raising(*_: Any, **__: Any) -> Any:
    """Stands in for a function that has a bug."""
    raise ZeroDivisionError("secret text")


def body(**changes: Any) -> dict[str, Any]:
    """A request for JD Cloud that is valid; None takes a field away."""
    whole = {
        "id": "chg-1",
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1", "i-2"]}],
        "tags": [{"key": "env", "value": "prod"}],
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def request(**changes: Any) -> RemovalRequest:
    (made,) = parse_requests(body(**changes), "own")
    return made


class Asking:
    """Requests to a cloud, each for one type's resources, and what is wrong with them."""

    def __init__(self, provider: str, region: str, type_: str, id_: str) -> None:
        self._provider = provider
        self._region = region
        self._type = type_
        self._ids = (id_,)

    def request(self, type_: str | None = None, ids: Iterable[str] | None = None, **changes: Any) -> RemovalRequest:
        """A request for a type's resources; a change to None leaves a field out."""
        body = {
            "id": "chg-1",
            "provider": self._provider,
            "region": self._region,
            "resources": [{"type": type_ or self._type, "ids": list(self._ids if ids is None else ids)}],
            "tags": [{"key": "env", "value": "prod"}],
        } | changes
        (made,) = parse_requests({name: value for name, value in body.items() if value is not None}, "own")
        return made

    def problems(self, *args: Any, **changes: Any) -> list[tuple[str, str]]:
        """The rules that a request breaks, each as its path and a sentence."""
        try:
            Registry().checked((self.request(*args, **changes),), listed=False)
        except InvalidInputError as error:
            return [(problem.path, problem.message) for problem in error.problems]
        return []


def in_base64(content: Any, mark: bytes = b"") -> str:
    """JSON as a binary event carries it; `mark` is what its bytes begin with."""
    return base64.b64encode(mark + json.dumps(content, ensure_ascii=False).encode()).decode()


def body_of(sent: httpx.Request) -> Any:
    """The JSON that a request carries."""
    return json.loads(sent.content)


def problems_of(error: Any) -> dict[str, str]:
    """What pytest.raises caught, as messages by path."""
    return dict(error.value.problems)


def errors_of(error: Any) -> list[dict[str, str]]:
    """What the message of a failed invocation says: nothing but JSON, and nothing in it but the errors."""
    told = json.loads(str(error.value))
    assert list(told) == ["errors"]
    assert str(error.value) == json.dumps(told, ensure_ascii=False)
    found: list[dict[str, str]] = told["errors"]
    assert found
    assert all(list(one) == ["path", "message"] and one["message"] for one in found)
    return found


def pairs_of(bodies: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Every pair that request bodies name, read without the program's help."""
    return [
        (one["id"], group["type"], id_, tag["key"], tag.get("value"))
        for one in bodies
        for group in one["resources"]
        for id_ in group["ids"]
        for tag in one["tags"]
    ]


def stamp(text: str) -> float:
    """The time `20251015T101456Z` in seconds since the epoch."""
    import calendar

    return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
