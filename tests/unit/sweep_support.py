"""A sweep with AWS's model and three local clouds in this process, in virtual time, over as many invocations as it
takes.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from aws_model import QUEUE, AwsModel
from bookkeeping import Json, flat
from service_house import ENVIRON, HUAWEI_HOST, JD_HOST, CloudWire, record, registry
from virtual_time import NOW, Clock

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer, JdcloudServer, ProviderServer, environment
from untag.hosts.aws import LambdaFunction
from untag.providers import Provider
from untag.removal import Remover
from untag.sweep.service import Sweeper

SWEEPS = "https://sqs.eu-west-1.amazonaws.com/123456789012/sweep"
SWEEP_ARN = "arn:aws:sqs:eu-west-1:123456789012:sweep"
TMS_HOST = "tms.example.com"
PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
CONFIG = "config:policyAssignments"
TODAY = NOW  # 2026-09-21T13:33:20Z

JD: Json = {"name": "jd", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "tmp"}}
TMS: Json = {"name": "tms", "provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"], "match": {"key": "tmp"}}
RMS: Json = {"name": "rms", "provider": "huaweicloud", "types": [CONFIG], "match": {"key": "tmp"}}
EXPIRED = {"key": "expires-on", "value": {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}}


class Broom:
    """The sweep function, its queue, and the clouds."""

    def __init__(
        self,
        *,
        seconds: float = 900.0,
        environ: Mapping[str, str] = {},
        jd: JdcloudServer | None = None,
        config: HuaweicloudConfigServer | None = None,
        tms: HuaweicloudTmsServer | None = None,
        changed: Iterable[type[Provider]] = (),
    ) -> None:
        """`changed` are providers in place of those that they are made of."""
        self.clock = Clock()
        self.jd = jd or JdcloudServer()
        self.config = config or HuaweicloudConfigServer()
        self.tms = tms or HuaweicloudTmsServer()
        self.aws = AwsModel()
        self.aws.queues[SWEEPS] = []
        self.environ = {
            **environment(
                (self.jd, self.config, self.tms),
                jdcloud_resourcetag=f"https://{JD_HOST}",
                huaweicloud_config=f"https://{HUAWEI_HOST}",
                huaweicloud_tms=f"https://{TMS_HOST}",
            ),
            **ENVIRON,
            "UNTAG_SWEEP_QUEUE_URL": SWEEPS,
            **environ,
        }
        self.seconds = seconds
        timing = self.clock.timing(random.Random(0).random)  # noqa: S311 - repeatable, not secret
        wire = CloudWire(self.aws, {JD_HOST: self.jd, HUAWEI_HOST: self.config, TMS_HOST: self.tms})
        providers = registry(self.environ, changed)
        self.sweeper, self.remover = (
            LambdaFunction(work, self.environ, timing=timing, transport=wire, registry=providers)
            for work in (Sweeper, Remover)
        )
        self.invocations = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for kept in (self.sweeper, self.remover):
            kept.runtime.close()

    def put(self, server: ProviderServer, tags: Mapping[str, Mapping[str, str]], type_: str | None = None) -> None:
        """Make resources with these tags stand at a cloud."""
        usual = {
            "jdcloud": ("cn-north-1", "vm"),
            "huaweicloud-tms": (PROJECT, "ecs"),
            "huaweicloud-config": ("", CONFIG),
        }
        region, usual_type = usual[server.name]
        server.tags.load(
            {"region": region, "type": type_ or usual_type, "id": id_, "tags": dict(found)}
            for id_, found in tags.items()
        )

    def invoke(self, body: Any) -> list[str]:
        """One invocation with one message: the ids of those that have to come again."""
        self.invocations += 1
        answer = self.sweeper.batch([record(body, source=SWEEP_ARN)], self.clock.left(self.seconds))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def sweep(self, *rules: Json, between: Callable[[], None] = lambda: None, most: int = 200, **fields: Any) -> Json:
        """A sweep to its end, with whatever happens between its invocations: its summary."""
        body: Any = {"id": "sweep-1", "rules": list(rules), **fields}
        while True:
            assert self.invoke(body) == []
            if not self.aws.queues[SWEEPS]:
                break
            (message,) = self.aws.queues[SWEEPS]
            self.aws.queues[SWEEPS].clear()
            self.clock.seconds += message.get("DelaySeconds", 0)
            body = message["MessageBody"]
            assert len(body.encode()) <= 1_048_576
            between()
            most -= 1
            assert most, "the sweep does not end"
        (notice,) = [report for report in self.aws.reports if report["kind"] == "sweep"]
        return notice

    def requests(self) -> list[Json]:
        """The removal requests on the work queue."""
        return self.aws.messages(QUEUE)

    def asked(self) -> set[tuple[str, str, str | None]]:
        """The pairs that they name: id, key and value."""
        return {
            (id_, tag["key"], tag.get("value"))
            for body in self.requests()
            for group in body["resources"]
            for id_ in group["ids"]
            for tag in body["tags"]
        }

    def remove(self) -> None:
        """Carry out what lies on the work queue, as the other function would."""
        while messages := self.aws.queues[QUEUE]:
            bodies = [message["MessageBody"] for message in messages]
            messages.clear()
            records = [record(body, f"m-{number}") for number, body in enumerate(bodies)]
            assert self.remover.batch(records, self.clock.left(900.0)) == {"batchItemFailures": []}


def reports(broom: Broom) -> list[Json]:
    """The published reports of removals."""
    return [report for report in broom.aws.reports if report["kind"] != "sweep"]


def swept_to_its_end(sweeper: LambdaFunction, model: AwsModel, rule: Json) -> tuple[list[Json], Json]:
    """What a sweep by the rule asks for, and its one report."""
    body: Any = {"id": "sweep-1", "rules": [rule]}
    for _ in range(200):
        assert sweeper.batch([record(body)], lambda: 600.0) == {"batchItemFailures": []}
        if not model.queues[SWEEPS]:
            break
        body = model.queues[SWEEPS].pop()["MessageBody"]
    (report,) = model.reports
    return model.messages(), report


def sweep_at(clouds: Mapping[str, ProviderServer], settings: Mapping[str, str], rule: Json) -> tuple[list[Json], Json]:
    """What a sweep by the rule asks for at these clouds, by their hosts; and its one report."""
    model = AwsModel()
    model.queues[SWEEPS] = []
    variables = {**ENVIRON, "UNTAG_SWEEP_QUEUE_URL": SWEEPS, **settings}
    sweeper = LambdaFunction(Sweeper, variables, transport=CloudWire(model, clouds))
    try:
        return swept_to_its_end(sweeper, model, rule)
    finally:
        sweeper.runtime.close()


def asked_of(server: ProviderServer) -> list[str]:
    """The operations that a cloud was asked for, in order."""
    return [call.operation for call in server.calls]


def many(number: int, **tags: str) -> dict[str, dict[str, str]]:
    """So many resources that are tagged alike."""
    return {f"r-{one:06d}": dict(tags) for one in range(number)}


__all__ = [
    "CONFIG",
    "EXPIRED",
    "JD",
    "PROJECT",
    "RMS",
    "SWEEPS",
    "TMS",
    "TODAY",
    "Broom",
    "asked_of",
    "flat",
    "json",
    "many",
    "reports",
    "sweep_at",
    "swept_to_its_end",
]
