"""What the tests of the core stand on: a clock that nobody waits for, clouds and an AWS in this process, and an account
kept outside the program.

Time is virtual: the loop's clock jumps to the next timer as soon as nothing else is left to do, so that time-outs,
stalls and pauses of minutes cost nothing and always come in the same order. The clouds are the local providers'
servers, signatures, truth tables, faults and all, reached without a socket.
"""

import asyncio
import json
import random
import selectors
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import httpx

from local.providers import HuaweicloudConfigServer, JdcloudServer, ProviderServer
from local.providers import wire as local_wire
from untag.contracts import Action, Tag, parse_requests
from untag.core import Accounts, Deadline, Engine, Job, Policy, Rate, Timing, open_job
from untag.providers import Answer, Limits, Registry, Scope, Session, Verdict
from untag.records import SqsRecord
from untag.service import Remover
from untag.signing import Credentials

Json = dict[str, Any]
Pair = tuple[str, str, str, str | None]
"""type, id, key and value, as a request asks for them."""

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
DEAD_LETTERS = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:reports"
NOW = 1_790_000_000.0
"""Where every clock starts: some day in 2026."""


# Time.


class Clock:
    """Seconds that pass when nobody has anything to do."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timing(self, chance: Callable[[], float] = lambda: 0.5) -> Timing:
        return Timing(now=lambda: NOW + self.seconds, monotonic=lambda: self.seconds, sleep=_sleep, chance=chance)

    def left(self, seconds: float) -> Callable[[], float]:
        """A countdown that starts now."""
        end = self.seconds + seconds
        return lambda: end - self.seconds


async def _sleep(seconds: float) -> None:
    # A real clock goes on by itself; this one would stand still for a pause that is lost in rounding.
    await asyncio.sleep(max(seconds, 1e-6))


class _Jumping(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        if not ready and timeout > 0:
            self._clock.seconds += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Jumping(clock))
        self._virtual = clock

    def time(self) -> float:
        return self._virtual.seconds


def run(clock: Clock, work: Awaitable[Any]) -> Any:
    """asyncio.run in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:

        async def main() -> Any:
            return await work

        return runner.run(main())


# A provider that says what it is told to say.


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


Script = Callable[[Made], "Answer | Awaitable[Answer]"]


class ScriptedProvider:
    """Implements the Protocol; `script` answers each call, or raises."""

    required_credentials: tuple[str, ...] = ("access_key", "secret_key")
    credential_variables: Mapping[str, str] = {}
    reserved_prefixes: tuple[str, ...] = ("sys:",)
    api = "tags"

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
    ) -> None:
        self.name = name
        self.limits = Limits(resources, tags)
        self.reads_first = reads_first
        self.removes_pairs = removes_pairs
        self.rate = rate
        self.script = script
        self.calls: list[Made] = []
        self.flying = Counter[str]()
        self.most_flying = Counter[str]()
        self.auths = 0
        self._clock = clock

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, read_first: bool) -> Self:
        raise NotImplementedError

    def accepts(self, type_: str) -> bool:  # noqa: ARG002 - the Protocol's, here and below
        return True

    def problems(self, request: Any) -> Iterator[Any]:  # noqa: ARG002
        return iter(())

    def warnings(self, request: Any) -> Iterator[str]:  # noqa: ARG002
        return iter(())

    def scope(self, request: Any, type_: str) -> Scope:
        return Scope(self.name, self.api, request.account, request.region, request.project_id, type_)

    def auth(self, credentials: Credentials, scope: Scope) -> httpx.Auth:  # noqa: ARG002
        self.auths += 1
        return httpx.Auth()

    async def write(
        self, session: Session, action: Action, scope: Scope, ids: tuple[str, ...], tags: tuple[Tag, ...]
    ) -> Answer:
        assert len(ids) <= self.limits.resources
        assert len(tags) <= self.limits.keys
        assert len({tag.key for tag in tags}) == len(tags), "a key stands twice in one call"
        assert ids
        assert tags
        return await self._answer("write", session, action, scope, ids, tags)

    async def read(self, session: Session, scope: Scope, ids: tuple[str, ...]) -> Answer:
        assert 0 < len(ids) <= self.limits.resources
        return await self._answer("read", session, None, scope, ids, ())

    async def _answer(
        self,
        kind: str,
        session: Session,
        action: Action | None,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
    ) -> Answer:
        key = session.credentials.access_key
        made = Made(kind, scope, action, ids, tags, self._clock.seconds, session.timeout, key)
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


# The engine by itself.


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

    def closed(self, provider: str, account: str) -> None:
        self.closings.append((provider, account))

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


class KeyRing:
    """A source of keys: gives the first of `keys`, and with each fresh read the next, until the last."""

    def __init__(self, *keys: Credentials | Exception, seconds: float = 0.0) -> None:
        self.keys = list(keys) or [Credentials("AK-1", "SK-1")]
        self.reads: list[bool] = []
        self.seconds = seconds

    async def get(self, provider: Any, account: str, *, fresh: bool = False) -> Credentials:  # noqa: ARG002
        self.reads.append(fresh)
        await asyncio.sleep(self.seconds)
        if fresh and len(self.keys) > 1:
            self.keys.pop(0)
        found = self.keys[0]
        if isinstance(found, Exception):
            raise found
        return found


def request(**fields: Any) -> Json:
    """A removal request for the scripted provider."""
    return {
        "provider": "scripted",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1"]}],
        "tags": [{"key": "env", "value": "prod"}],
        **fields,
    }


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
        self.registry = Registry((self.provider,))
        self.policy = policy
        self.seen = Seen()
        self.keys = keys or KeyRing()
        self.accounts = Accounts(self.keys, rate, self.timing, self.seen)
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


# The account kept outside the program.


def asked(raw: Json) -> set[Pair]:
    """The pairs that a raw request asks for, worked out without the program's help."""
    return {
        (group["type"], id_, tag["key"], tag.get("value"))
        for group in raw["resources"]
        for id_ in group["ids"]
        for tag in raw["tags"]
    }


def named(bodies: Iterable[Json]) -> list[Pair]:
    """The pairs that several requests name together, with repetitions."""
    return [pair for body in bodies for pair in sorted(asked(body), key=repr)]


def flat(body: str) -> list[Json]:
    """The requests in a message body."""
    found = json.loads(body)
    return found if isinstance(found, list) else [found]


# AWS in this process.


@dataclass
class AwsModel:
    """SQS, SNS and Secrets Manager, as far as they are used here; fails on command.

    `trouble` is asked before each call with service and operation, and says what happens: None for nothing, an HTTP
    status, `reset`, `stall`; or, for the batch calls, `entries` (each is failed inside an answer of success by
    `refuse`), `unnamed` (an answer of success that names no entry).
    """

    trouble: Callable[[str, str, Json], int | str | None] = lambda *_: None
    refuse: Callable[[str], tuple[str, bool] | None] = lambda _: None
    """By an entry's body: its code and whether it is the sender's fault; None takes the entry."""
    secrets: dict[str, Json] = field(default_factory=dict)
    reports: list[Json] = field(default_factory=list)
    attributes: list[dict[str, str]] = field(default_factory=list)
    queues: dict[str, list[Json]] = field(default_factory=lambda: {QUEUE: [], DEAD_LETTERS: []})
    calls: list[tuple[str, str, Json]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host.split(".")[0]
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=FAKEAWSKEY/")
        if service == "sns":
            body: Json = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
            operation = body["Action"]
        else:
            body = json.loads(request.content)
            operation = request.headers["x-amz-target"].split(".")[1]
        self.calls.append((service, operation, body))
        trouble = self.trouble(service, operation, body)
        if trouble == "reset":
            raise httpx.ReadError("reset", request=request)
        if trouble == "stall":
            await asyncio.sleep(1e9)
        if isinstance(trouble, int):
            return httpx.Response(trouble, json={"__type": "com.amazonaws#InternalError"})
        if service == "sns":
            return self._publish(body, trouble)
        return getattr(self, f"_{operation}")(body, trouble)

    def made(self, operation: str) -> list[Json]:
        return [body for _, name, body in self.calls if name == operation]

    def messages(self, queue: str = QUEUE) -> list[Json]:
        """The requests that lie in a queue."""
        return [found for message in self.queues[queue] for found in flat(message["MessageBody"])]

    def letters(self) -> list[tuple[str, dict[str, str]]]:
        """The dead letters: body and attributes."""
        return [
            (letter["MessageBody"], {k: v["StringValue"] for k, v in letter.get("MessageAttributes", {}).items()})
            for letter in self.queues[DEAD_LETTERS]
        ]

    def _SendMessageBatch(self, body: Json, trouble: Any) -> httpx.Response:  # noqa: N802 - AWS's name
        entries = body["Entries"]
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        failed, taken = [], []
        for entry in entries:
            assert len(entry.get("MessageAttributes", {})) <= 10
            assert 0 <= entry.get("DelaySeconds", 0) <= 900
            if trouble == "entries" and (refused := self.refuse(entry["MessageBody"])) is not None:
                failed.append({"Id": entry["Id"], "Code": refused[0], "SenderFault": refused[1]})
                continue
            self.queues[body["QueueUrl"]].append(entry)
            taken.append({"Id": entry["Id"], "MessageId": "m"})
        if trouble == "unnamed":
            failed, taken = [], []
        return httpx.Response(200, json={"Successful": taken, "Failed": failed})

    def _publish(self, body: Json, trouble: Any) -> httpx.Response:
        taken, failed = "", ""
        prefix = "PublishBatchRequestEntries.member."
        for number in range(1, 11):
            if (message := body.get(f"{prefix}{number}.Message")) is None:
                break
            id_ = escape(body[f"{prefix}{number}.Id"])
            if trouble == "entries" and (refused := self.refuse(message)) is not None:
                fault = str(refused[1]).lower()
                failed += f"<member><Id>{id_}</Id><Code>{refused[0]}</Code><SenderFault>{fault}</SenderFault></member>"
                continue
            self.reports.append(json.loads(message))
            names = f"{prefix}{number}.MessageAttributes.entry."
            self.attributes.append(
                {
                    body[f"{names}{place}.Name"]: body[f"{names}{place}.Value.StringValue"]
                    for place in range(1, 11)
                    if f"{names}{place}.Name" in body
                }
                | {"Subject": body[f"{prefix}{number}.Subject"]}
            )
            taken += f"<member><Id>{id_}</Id><MessageId>m</MessageId></member>"
        if trouble == "unnamed":
            taken = failed = ""
        content = f"<Successful>{taken}</Successful><Failed>{failed}</Failed>"
        return httpx.Response(
            200,
            text=f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
            f"{content}</PublishBatchResult></PublishBatchResponse>",
        )

    def _GetSecretValue(self, body: Json, _: Any) -> httpx.Response:  # noqa: N802
        if body["SecretId"] not in self.secrets:
            return httpx.Response(400, json={"__type": "ResourceNotFoundException"})
        return httpx.Response(200, json={"SecretString": json.dumps(self.secrets[body["SecretId"]])})

    def _GetQueueAttributes(self, body: Json, _: Any) -> httpx.Response:  # noqa: N802
        assert body["AttributeNames"] == ["VisibilityTimeout"]
        return httpx.Response(200, json={"Attributes": {"VisibilityTimeout": "800"}})

    def _ChangeMessageVisibility(self, body: Json, _: Any) -> httpx.Response:  # noqa: ARG002, N802
        return httpx.Response(200, json={})

    def _DeleteMessage(self, body: Json, _: Any) -> httpx.Response:  # noqa: ARG002, N802
        return httpx.Response(200, json={})


def down(*services: str) -> Callable[[str, str, Json], int | None]:
    """Trouble: these services answer 500, whatever is asked."""
    return lambda service, *_: 500 if service in services else None


# The whole service.


class _Wire(httpx.AsyncBaseTransport):
    """Leads calls to AWS's model and to the local clouds, without a socket."""

    def __init__(self, aws: AwsModel, clouds: Mapping[str, ProviderServer]) -> None:
        self._aws = aws
        self._clouds = clouds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        cloud = self._clouds.get(request.url.host)
        if cloud is None:
            return await self._aws(request)
        if "trace" in request.extensions:
            await request.extensions["trace"]("connection.connect_tcp.started", {})
        headers = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in request.headers.raw)
        asked = local_wire.Request(request.method, request.url.raw_path.decode(), headers, request.content)
        reply = await cloud._answer(asked)
        if isinstance(reply, local_wire.Hangup):
            await asyncio.sleep(1e9 if reply.seconds is None else reply.seconds)
            raise httpx.ReadError("reset", request=request)
        if reply.cut is not None:
            raise httpx.RemoteProtocolError("cut", request=request)
        found = [*reply.headers, ("content-type", reply.content_type)]
        return httpx.Response(reply.status, headers=found, content=reply.body, request=request)


JD_HOST, HUAWEI_HOST = "jd.example.com", "huawei.example.com"
ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "FAKEAWSKEY",
    "AWS_SECRET_ACCESS_KEY": "fake-aws-secret-not-real",
    "UNTAG_QUEUE_URL": QUEUE,
    "UNTAG_DEAD_LETTER_QUEUE_URL": DEAD_LETTERS,
    "UNTAG_TOPIC_ARN": TOPIC,
}


class House:
    """The service with AWS's model, both local clouds and a clock of its own."""

    def __init__(
        self,
        *,
        jd: JdcloudServer | None = None,
        huawei: HuaweicloudConfigServer | None = None,
        seconds: float = 120.0,
        seed: int = 0,
        environ: Mapping[str, str] = {},
    ) -> None:
        self.clock = Clock()
        self.jd = jd or JdcloudServer()
        self.huawei = huawei or HuaweicloudConfigServer()
        self.aws = AwsModel()
        self.environ = {
            **self.jd.environment,
            **self.huawei.environment,
            **ENVIRON,
            "UNTAG_JDCLOUD_ENDPOINT": f"https://{JD_HOST}",
            "UNTAG_HUAWEICLOUD_CONFIG_ENDPOINT": f"https://{HUAWEI_HOST}",
            **environ,
        }
        self.seconds = seconds
        timing = self.clock.timing(random.Random(seed).random)  # noqa: S311 - repeatable, not secret
        clouds = {JD_HOST: self.jd, HUAWEI_HOST: self.huawei}
        self.remover = Remover(self.environ, timing=timing, transport=_Wire(self.aws, clouds))
        self.remover._runtime._loop.close()
        self.remover._runtime._loop = VirtualLoop(self.clock)
        self.accounts = self.remover._runtime.engine._accounts
        self.took = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remover._runtime._loop.run_until_complete(self.remover._runtime.aws._client.aclose())
        self.remover._runtime._loop.close()

    def batch(self, *records: SqsRecord) -> list[str]:
        """Work at records: the ids of those that have to come again."""
        started = self.clock.seconds
        answer = self.remover.batch(list(records), self.clock.left(self.seconds))
        self.took = self.clock.seconds - started
        assert list(answer) == ["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def payload(self, payload: Any) -> Json:
        started = self.clock.seconds
        answer = self.remover.payload(payload, "manual-1", self.clock.left(self.seconds))
        self.took = self.clock.seconds - started
        return answer

    def rows(self, id_: str) -> list[Json]:
        """The published rows of one request."""
        return [row for report in self.aws.reports if report["id"] == id_ for row in report["outcomes"]]

    def outcomes(self, id_: str) -> dict[tuple[str, str], str]:
        """The published outcome of each (id, key) of one request."""
        return {(row["resource_id"], row["key"]): row["outcome"] for row in self.rows(id_)}

    def check(self, *raws: Json) -> None:
        """Hold each request, given with its id, against all that was published and sent: nothing lost, nothing made
        up.
        """
        for raw in raws:
            pages = [report for report in self.aws.reports if report["id"] == raw["id"]]
            rows = self.rows(raw["id"])
            settled = [(row["type"], row["resource_id"], row["key"], row["value"]) for row in rows]
            left = named(body for body in self.aws.messages() if body["id"] == raw["id"])
            assert Counter(settled) + Counter(left) == Counter(asked(raw)), "a pair was lost, doubled or made up"
            counts = Counter(row["outcome"] for row in rows)
            for number, page in enumerate(pages, 1):
                assert page["counts"] == {**counts, **({"deferred": len(left)} if left else {})}
                assert page["complete"] is not bool(left)
                assert page["page"] == {"number": number, "of": len(pages)}
            bad = Counter(
                pair for pair, row in zip(settled, rows, strict=True) if row["outcome"] in {"failed", "unconfirmed"}
            )
            buried = [
                found
                for body, attributes in self.aws.letters()
                if attributes["request_id"] == raw["id"]
                for found in flat(body)
            ]
            assert Counter(named(buried)) == bad, "dead letters name exactly what failed"
            for body in [*buried, *(found for found in self.aws.messages() if found["id"] == raw["id"])]:
                parse_requests(body, "none")  # each can be sent again as it lies
                assert body["id"] == raw["id"]


def record(body: Any, id_: str = "m-1", *, receives: int = 1) -> SqsRecord:
    """A message as the mapping hands it over."""
    text = body if isinstance(body, str) else json.dumps(body)
    return SqsRecord(id_, text, receives, f"receipt-{id_}", "arn:aws:sqs:eu-west-1:123456789012:work")


def jd_request(*ids: str, id_: str = "chg-1", tags: Mapping[str, str] = {"env": "prod"}, **fields: Any) -> Json:
    return {
        "id": id_,
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": list(ids)}],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        **fields,
    }


POLICY_TYPE = "config:policyAssignments"


def huawei_request(*ids: str, id_: str = "chg-1", tags: Mapping[str, str] = {"env": "prod"}, **fields: Any) -> Json:
    return {
        "id": id_,
        "provider": "huaweicloud",
        "resources": [{"type": POLICY_TYPE, "ids": list(ids)}],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        **fields,
    }


def put(server: ProviderServer, *ids: str, tags: Mapping[str, str] = {"env": "prod"}, account: str = "default") -> None:
    """Make resources with these tags stand at a local cloud."""
    region, type_ = ("cn-north-1", "vm") if isinstance(server, JdcloudServer) else ("", POLICY_TYPE)
    server.tags.load({"account": account, "region": region, "type": type_, "id": id_, "tags": tags} for id_ in ids)


def taken_away(server: ProviderServer) -> set[tuple[str, str, str]]:
    """What calls removed, by the cloud's own truth table: id, key and the value that stood there."""
    return {
        (change.id, change.key, change.before)
        for change in server.tags.history
        if change.after is None and change.before is not None
    }


def seconds_of(function: Callable[[], Any]) -> float:
    """How long something takes by a real clock."""
    started = time.monotonic()
    function()
    return time.monotonic() - started
