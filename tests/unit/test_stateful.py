"""The service over a model of its queue and topic, in any order of things: send, receive, fail, crash, rotate, redrive.

Time is virtual, the clouds are the local providers' servers with their truth tables, and the process dies between any
two of its calls. After every step, every pair that was asked for is told of or still lies somewhere, and nothing is
told that the clouds' tables do not say.
"""

import asyncio
import contextlib
import json
import os
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import httpx
from aws_model import DEAD_LETTERS, QUEUE, down
from bookkeeping import Json, asked, flat
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from service_house import HUAWEI_HOST, JD_HOST, CloudWire, House, huawei_request, jd_request, put, record

from local.providers import JdcloudOptions, JdcloudServer
from local.providers.accounts import Account
from untag.hosts.aws import LambdaFunction
from untag.removal import Remover

VISIBILITY_SECONDS = 750.0
MAX_RECEIVES = 5
SECRETS = {"jdcloud": "keys/jdcloud/default", "huaweicloud": "keys/huaweicloud/default"}
IDS = [f"r-{n}" for n in range(5)]
KEYS = ["a", "b"]


class Crash(SystemExit):
    """The process is gone. A SystemExit, since asyncio lets that one out of its loop at once."""


class Mortal(httpx.AsyncBaseTransport):
    """A wire on which the process dies before or after a call, once its steps are counted down."""

    def __init__(self, wire: CloudWire) -> None:
        self._wire = wire
        self.steps: int | None = None
        self.dead = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._step(request)
        response = await self._wire.handle_async_request(request)
        self._step(request)
        return response

    def _step(self, request: httpx.Request) -> None:
        if self.dead:
            raise httpx.ReadError("nobody is there", request=request)
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                self.dead = True
                raise Crash


@dataclass
class Queued:
    """A message on the model's queue."""

    id: str
    body: str
    visible_at: float
    receives: int = 0


class World(House):
    """A house whose process can be replaced by a new one; its keys lie in Secrets Manager."""

    def __init__(self) -> None:
        super().__init__(
            jd=JdcloudServer(options=JdcloudOptions(unbound="failed")),
            environ={"UNTAG_CREDENTIALS": "secretsmanager:keys", "UNTAG_MAX_AGE": "1h", "UNTAG_MAX_ATTEMPTS": "3"},
        )
        self.publish_keys()
        self.random = random.Random(1)  # noqa: S311 - repeatable, not secret
        self.start()

    def publish_keys(self) -> None:
        for server in (self.jd, self.huawei):
            self.aws.secrets[SECRETS[server.provider]] = server.secrets["default"]

    def start(self) -> None:
        """A new process."""
        self.end()
        self.wire = Mortal(CloudWire(self.aws, {JD_HOST: self.jd, HUAWEI_HOST: self.huawei}))
        timing = self.clock.timing(self.random.random)
        self.remover = LambdaFunction(Remover, self.environ, timing=timing, transport=self.wire)

    def end(self) -> None:
        """What is left of the old process is swept away; nothing of it reaches anybody."""
        loop = self.remover.runtime.loop
        while tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Crash):  # each task that waited for the one that died lets it out once more
                loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(self.remover.runtime.host.client.aclose())
        loop.close()


class Service(RuleBasedStateMachine):
    """What may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.queue: list[Queued] = []
        self.dead: list[tuple[str, dict[str, str]]] = []
        self.asked: dict[str, Json] = {}
        self.number = 0
        for server in (self.world.jd, self.world.huawei):
            put(server, *IDS, tags=dict.fromkeys(KEYS, "1"))
        self.began = {server.provider: server.tags.pairs() for server in (self.world.jd, self.world.huawei)}

    def teardown(self) -> None:
        self.world.end()

    # What comes in

    @rule(
        make=st.sampled_from([jd_request, huawei_request]),
        ids=st.sets(st.sampled_from([*IDS, "r-gone"]), min_size=1),
        keys=st.sets(st.sampled_from(KEYS), min_size=1),
        value=st.sampled_from(["1", "1", "2"]),
        dry_run=st.sampled_from([False, False, True]),
    )
    def send(self, make: Any, ids: set[str], keys: set[str], value: str, dry_run: bool) -> None:
        self.number += 1
        tags = dict.fromkeys(sorted(keys), value)
        raw = make(*sorted(ids), id_=f"chg-{self.number}", tags=tags, dry_run=dry_run)
        self.asked[raw["id"]] = raw
        self.queue.append(Queued(f"m-{self.number}", json.dumps(raw), self.world.clock.seconds))

    @precondition(lambda self: self.queue)
    @rule(pick=st.randoms(use_true_random=False))
    def deliver_twice(self, pick: random.Random) -> None:
        message = pick.choice(self.queue)
        self.queue.append(Queued(message.id, message.body, self.world.clock.seconds))

    # What is done with it

    @rule(count=st.sampled_from([1, 2, 10]), crash=st.sampled_from([None, None, None, 0, 1, 2, 3, 5, 8]))
    def receive(self, count: int, crash: int | None) -> None:
        now = self.world.clock.seconds
        batch: dict[str, Queued] = {}
        for message in [message for message in self.queue if message.visible_at <= now]:
            if len(batch) < count and message.id not in batch:
                message.receives += 1
                message.visible_at = now + VISIBILITY_SECONDS
                if message.receives > MAX_RECEIVES:
                    self.queue.remove(message)
                    self.dead.append((message.body, {}))
                else:
                    batch[message.id] = message
        if not batch:
            return
        self.world.wire.steps = crash
        try:
            failed = self.world.batch(*(record(m.body, m.id, receives=m.receives) for m in batch.values()))
            assert self.world.took < self.world.seconds
        except Crash:
            self.world.start()
            failed = list(batch)
        self.world.wire.steps = None
        for message in batch.values():
            if message.id not in failed:
                self.queue.remove(message)
        self._collect()

    def _collect(self) -> None:
        """What the process sent goes to the model's queues."""
        queues = self.world.aws.queues
        for entry in queues[QUEUE]:
            self.number += 1
            due = self.world.clock.seconds + entry.get("DelaySeconds", 0)
            self.queue.append(Queued(f"m-{self.number}", entry["MessageBody"], due))
        self.dead += self.world.aws.letters()
        queues[QUEUE].clear()
        queues[DEAD_LETTERS].clear()

    @rule(seconds=st.sampled_from([1.0, 20.0, 400.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    @precondition(lambda self: self.dead)
    @rule()
    def redrive(self) -> None:
        for body, _ in self.dead:
            self.number += 1
            self.queue.append(Queued(f"m-{self.number}", body, self.world.clock.seconds))
        self.dead.clear()

    # What goes wrong

    @rule(
        do=st.sampled_from(
            [
                "throttle",
                "unavailable",
                "forbidden",
                "refuse",
                "reset",
                "stall",
                "truncate",
                "not_json",
                "empty",
                "partial",
            ]
        ),
        operation=st.sampled_from(["writing", "reading", "any"]),
        ids=st.sampled_from([[], ["r-1"], ["r-2", "r-3"]]),
        times=st.sampled_from([1, 3, None]),
        applied=st.booleans(),
    )
    def cloud_trouble(self, do: str, operation: str, ids: list[str], times: int | None, applied: bool) -> None:
        for server in (self.world.jd, self.world.huawei):
            if do in server.fault_kinds:
                server.faults.add(do, operation=operation, ids=ids, times=times, applied=applied)

    @rule()
    def clouds_mended(self) -> None:
        for server in (self.world.jd, self.world.huawei):
            server.faults.clear()

    @rule(service=st.sampled_from(["", "sns", "sqs", "secretsmanager", "entries", "unnamed"]))
    def aws_trouble(self, service: str) -> None:
        self.world.aws.trouble = down(service)
        if service in {"entries", "unnamed"}:
            self.world.aws.trouble = lambda called, *_: service if called in {"sqs", "sns"} else None
            self.world.aws.refuse = lambda body: ("InternalError", len(body) % 2 == 0) if len(body) % 3 == 0 else None

    @rule(provider=st.sampled_from(["jdcloud", "huaweicloud"]), late=st.booleans())
    def rotate(self, provider: str, late: bool) -> None:
        server = self.world.jd if provider == "jdcloud" else self.world.huawei
        self.number += 1
        (old,) = server.credentials.values()
        server.credentials.clear()
        server.credentials[f"NEWKEY{self.number}"] = Account(f"new-secret-{self.number}", domain_id=old.domain_id)
        if not late:
            self.world.publish_keys()

    @rule()
    def secrets_follow(self) -> None:
        self.world.publish_keys()

    # What holds

    @invariant()
    def every_pair_is_told_of_or_lies_somewhere(self) -> None:
        told: dict[str, set[Any]] = defaultdict(set)
        for report in self.world.aws.reports:
            for row in report["outcomes"]:
                told[report["id"]].add((row["type"], row["resource_id"], row["key"], row["value"]))
        for body in [*(message.body for message in self.queue), *(body for body, _ in self.dead)]:
            for request in flat(body):
                told[request["id"]] |= asked(request)
        for id_, raw in self.asked.items():
            assert told[id_] == asked(raw), f"{id_}: lost or made up"
        assert set(told) <= set(self.asked)

    @invariant()
    def nothing_is_told_that_the_clouds_do_not_say(self) -> None:
        for server in (self.world.jd, self.world.huawei):
            gone = {(change.id, change.key, change.before) for change in server.tags.history if change.after is None}
            stands = {(pair.id, pair.key, pair.value) for pair in server.tags.pairs()}
            ours = [raw for raw in self.asked.values() if raw["provider"] == server.provider]
            wet = {(id_, key, value) for raw in ours if not raw["dry_run"] for _, id_, key, value in asked(raw)}
            assert gone <= wet, "touched, though nobody asked for it"
            assert len(gone) == len(server.tags.history)
            for report in self.world.aws.reports:
                for row in report["outcomes"] if report["provider"] == server.provider else ():
                    pair = (row["resource_id"], row["key"], row["value"])
                    assert row["outcome"] != "removed" or pair in gone
                    assert row["outcome"] not in {"removed", "absent", "not_found"} or pair not in stands
                    assert not report["dry_run"] or row["outcome"] != "removed"

    @invariant()
    def the_same_facts_have_the_same_report_id(self) -> None:
        known: dict[str, str] = {}
        for report in self.world.aws.reports:
            names = ("id", "action", "attempt", "dry_run", "page", "provider")
            rows = sorted(
                json.dumps([row.get(name) for name in ("resource_id", "key", "value", "outcome", "code")])
                for row in report["outcomes"]
            )
            facts = json.dumps([*(report[name] for name in names), rows])
            assert known.setdefault(facts, report["report_id"]) == report["report_id"]


TestService = Service.TestCase
TestService.settings = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "3000")) // 50, stateful_step_count=40, deadline=None
)
