"""The decommission function in virtual time, with AWS's model and all local clouds, and what it is given to do."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Self

import service_house
from aws_model import AwsModel
from bookkeeping import Json, named
from decommission_samples import ours
from service_house import ENVIRON, CloudWire, registry
from virtual_time import Clock

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer, JdcloudServer, ProviderServer, environment
from untag.contracts import parse_requests
from untag.decommission.service import Decommissioner
from untag.hosts.aws import LambdaFunction
from untag.hosts.base import Record
from untag.providers import Provider

QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:untag-decommission"
PROJECT = "07066c6fc90025a02f6dc01e105b286e"
SECONDS = 120.0


class Desk:
    """The function with AWS's model, all local clouds and a clock of its own."""

    def __init__(self, environ: Mapping[str, str] = {}, *, changed: Iterable[type[Provider]] = ()) -> None:
        """`changed` are providers in place of those that they are made of."""
        self.clock = Clock()
        self.jd, self.config, self.tms = JdcloudServer(), HuaweicloudConfigServer(), HuaweicloudTmsServer()
        self.aws = AwsModel()
        servers = (self.jd, self.config, self.tms)
        clouds: dict[str, ProviderServer] = {f"{server.api}.example.com": server for server in servers}
        urls = {server.api.replace(".", "_"): f"https://{host}" for host, server in clouds.items()}
        variables = {**environment(servers, **urls), **ENVIRON, **environ}
        timing = self.clock.timing(random.Random(0).random)  # noqa: S311 - repeatable, not secret
        wire = CloudWire(self.aws, clouds)
        self.made = LambdaFunction(
            Decommissioner, variables, timing=timing, transport=wire, registry=registry(variables, changed)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.made.runtime.close()

    def batch(self, *records: Record) -> list[str]:
        answer = self.made.batch(list(records), self.clock.left(SECONDS))
        assert list(answer) == ["batchItemFailures"]
        assert not asyncio.all_tasks(self.made.runtime.loop), "nothing goes on behind an invocation's back"
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def work(self, event: Any, **fields: Any) -> list[str]:
        return self.batch(record(event, **fields))

    @property
    def requests(self) -> list[Json]:
        """What lies on the work queue; each is a request that is accepted as it lies."""
        for found in self.aws.messages():
            parse_requests(found, "none")
        return self.aws.messages()

    @property
    def notices(self) -> list[Json]:
        return self.aws.reports

    @property
    def letters(self) -> list[tuple[str, dict[str, str]]]:
        return self.aws.letters()

    def writes(self) -> list[Any]:
        return [change for server in (self.jd, self.config, self.tms) for change in server.tags.history]


record = partial(service_house.record, source=QUEUE_ARN)


def jd(desk: Desk, *ids: str, **tags: str) -> None:
    desk.jd.tags.load([{"region": "cn-north-1", "type": "vm", "id": id_, "tags": tags} for id_ in ids])


def tms(desk: Desk, *ids: str, type_: str = "disk", **tags: str) -> None:
    desk.tms.tags.load([{"region": PROJECT, "type": type_, "id": id_, "tags": tags} for id_ in ids])


def huawei(*ids: str, type_: str = "disk", **detail: Any) -> Json:
    resources = [{"type": type_, "ids": list(ids)}]
    return ours(**{"provider": "huaweicloud", "region": ..., "project_id": PROJECT, "resources": resources, **detail})


def vm(*ids: str, **detail: Any) -> Json:
    return ours(resources=[{"type": "vm", "ids": list(ids)}], **detail)


def pairs(requests: list[Json]) -> Counter[Any]:
    return Counter(named(requests))
