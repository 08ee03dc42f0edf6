"""The whole service in virtual time, with AWS's model and the local providers' servers, and what it is given to do.

The clouds are the local providers' servers, signatures, truth tables, faults and all, reached without a socket.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Self

import httpx
from aws_model import DEAD_LETTERS, QUEUE, TOPIC, AwsModel
from bookkeeping import Json, asked, flat, named
from support import PROJECT
from virtual_time import Clock

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer, JdcloudServer, ProviderServer, environment
from local.providers import wire as local_wire
from untag.contracts import parse_requests
from untag.hosts.aws import LambdaFunction
from untag.hosts.aws.handling import Made
from untag.hosts.base import Record
from untag.providers import NAMES, Provider, Registry, apis_of
from untag.removal import Remover
from untag.settings import provider_options


class CloudWire(httpx.AsyncBaseTransport):
    """Leads calls to AWS's model and to the local clouds, without a socket."""

    def __init__(self, aws: AwsModel, clouds: Mapping[str, ProviderServer], *, keeps: bool = False) -> None:
        """`keeps`: after a proper answer the connection is kept for the next call. Else each call opens one."""
        self._aws = aws
        self.clouds = clouds
        self._keeps = keeps
        self._kept: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        cloud = self.clouds.get(request.url.host)
        if cloud is None:
            return await self._aws(request)
        host = request.url.host
        if "trace" in request.extensions and host not in self._kept:
            await request.extensions["trace"]("connection.connect_tcp.started", {})
        self._kept.discard(host)
        headers = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in request.headers.raw)
        asked = local_wire.Request(request.method, request.url.raw_path.decode(), headers, request.content)
        reply = await cloud.answer(asked)
        if isinstance(reply, local_wire.Hangup):
            await asyncio.sleep(1e9 if reply.seconds is None else reply.seconds)
            raise httpx.ReadError("reset", request=request)
        if reply.cut is not None:
            raise httpx.RemoteProtocolError("cut", request=request)
        if self._keeps:
            self._kept.add(host)
        found = [*reply.headers, ("content-type", reply.content_type)]
        return httpx.Response(reply.status, headers=found, content=reply.body, request=request)


JD_HOST, HUAWEI_HOST, TMS_HOST = "jd.example.com", "huawei.example.com", "tms.example.com"
ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "FAKEAWSKEY",
    "AWS_SECRET_ACCESS_KEY": "fake-aws-secret-not-real",
    "UNTAG_QUEUE_URL": QUEUE,
    "UNTAG_DEAD_LETTER_QUEUE_URL": DEAD_LETTERS,
    "UNTAG_TOPIC_ARN": TOPIC,
}


def registry(environ: Mapping[str, str], changed: Iterable[type[Provider]]) -> Registry | None:
    """Every provider as the variables want it, with some `changed`: each stands in for the class it is made of."""
    if not (changed := tuple(changed)):
        return None
    options = provider_options(environ)
    apis = [api for name in NAMES for api in apis_of(name)]
    assert all(any(issubclass(one, api) for api in apis) for one in changed)
    return Registry(made=tuple(next((one for one in changed if issubclass(one, api)), api).of(options) for api in apis))


class House:
    """The service with AWS's model, local clouds and a clock of its own: the first two clouds', and `others`."""

    def __init__(
        self,
        *,
        jd: JdcloudServer | None = None,
        huawei: HuaweicloudConfigServer | None = None,
        tms: HuaweicloudTmsServer | None = None,
        others: Iterable[ProviderServer] = (),
        seconds: float = 120.0,
        seed: int = 0,
        environ: Mapping[str, str] = {},
        changed: Iterable[type[Provider]] = (),
        work: Made = Remover,
        keeps_connections: bool = False,
    ) -> None:
        """`changed` are providers in place of those that they are made of, `work` is what the function does."""
        self.clock = Clock()
        self.jd = jd or JdcloudServer()
        self.huawei = huawei or HuaweicloudConfigServer()
        self.tms = tms or HuaweicloudTmsServer()
        self.aws = AwsModel()
        self.clouds = {JD_HOST: self.jd, HUAWEI_HOST: self.huawei, TMS_HOST: self.tms}
        self.clouds |= {f"{server.name}.example.com": server for server in others}
        endpoints = {server.api.replace(".", "_"): f"https://{host}" for host, server in self.clouds.items()}
        self.environ = {
            **environment(self.clouds.values(), **endpoints),
            **ENVIRON,
            **environ,
        }
        self.seconds = seconds
        timing = self.clock.timing(random.Random(seed).random)  # noqa: S311 - repeatable, not secret
        self.wire = CloudWire(self.aws, self.clouds, keeps=keeps_connections)
        providers = registry(self.environ, changed)
        self.made = partial(LambdaFunction, work, self.environ, timing=timing, transport=self.wire, registry=providers)
        self.remover = self.made()
        self.took = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remover.runtime.close()

    def another_environment(self) -> None:
        """Go on in another process, which knows nothing of what this one has met."""
        self.remover.runtime.close()
        self.remover = self.made()

    def batch(self, *records: Record) -> list[str]:
        """Work at records: the ids of those that have to come again."""
        started = self.clock.seconds
        answer = self.remover.batch(list(records), self.clock.left(self.seconds))
        self.took = self.clock.seconds - started
        assert list(answer) == ["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def work_at(self, raw: Json) -> None:
        """Work at a request's record, and hold the request against all that came of it."""
        self.batch(record(raw))
        self.check(raw)

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
            deferred = {"deferred": len(left)} if left else {}
            for number, page in enumerate(pages, 1):
                own = Counter(row["outcome"] for row in page["outcomes"])
                assert page["counts"] == {**own, **(deferred if number == 1 else {})}
                assert page["request_counts"] == {**counts, **deferred}
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


def operations(house: House) -> list[str]:
    """What was asked of AWS, in order; the reading of secrets apart."""
    return [operation for service, operation, _ in house.aws.calls if service != "secretsmanager"]


WORK_ARN = "arn:aws:sqs:eu-west-1:123456789012:work"


def record(body: Any, id_: str = "m-1", *, receives: int = 1, source: str = WORK_ARN) -> Record:
    """A message as the mapping hands it over."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Record(id_, text, receives, f"receipt-{id_}", source)


def tag_list(tags: Mapping[str, str] | str) -> list[Json] | str:
    """Tags as a request names them, or `all`."""
    return tags if isinstance(tags, str) else [{"key": key, "value": value} for key, value in tags.items()]


def jd_request(*ids: str, id_: str = "chg-1", tags: Mapping[str, str] = {"env": "prod"}, **fields: Any) -> Json:
    return {
        "id": id_,
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": list(ids)}],
        "tags": tag_list(tags),
        **fields,
    }


POLICY_TYPE = "config:policyAssignments"


def huawei_request(*ids: str, id_: str = "chg-1", tags: Mapping[str, str] = {"env": "prod"}, **fields: Any) -> Json:
    return {
        "id": id_,
        "provider": "huaweicloud",
        "resources": [{"type": POLICY_TYPE, "ids": list(ids)}],
        "tags": tag_list(tags),
        **fields,
    }


def tms_request(*ids: str, id_: str = "chg-1", tags: Mapping[str, str] = {"env": "prod"}, **fields: Any) -> Json:
    return {
        "id": id_,
        "provider": "huaweicloud",
        "project_id": PROJECT,
        "resources": [{"type": "ecs", "ids": list(ids)}],
        "tags": tag_list(tags),
        **fields,
    }


def put(server: ProviderServer, *ids: str, tags: Mapping[str, str] = {"env": "prod"}, account: str = "default") -> None:
    """Make resources with these tags stand at a local cloud."""
    region, type_ = "", POLICY_TYPE
    if isinstance(server, JdcloudServer):
        region, type_ = "cn-north-1", "vm"
    elif isinstance(server, HuaweicloudTmsServer):
        region, type_ = PROJECT, "ecs"
    server.tags.load({"account": account, "region": region, "type": type_, "id": id_, "tags": tags} for id_ in ids)


def resent(house: House) -> list[Json]:
    """The remainders, taken off the work queue when their time has come."""
    left = house.aws.messages()
    for queue in house.aws.queues.values():
        queue.clear()
    house.clock.seconds += 900
    return left


def taken_away(server: ProviderServer) -> set[tuple[str, str, str]]:
    """What calls removed, by the cloud's own truth table: id, key and the value that stood there."""
    return {
        (change.id, change.key, change.before)
        for change in server.tags.history
        if change.after is None and change.before is not None
    }
