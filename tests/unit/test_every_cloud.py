"""What holds at each of the clouds: how few calls a removal takes, and that no name in a request leads a call to
another host, another operation or another account.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from clouds import ALL, BY_SERVER, Cloud, open_accounts
from service_house import ENVIRON, House, _Wire, record
from trap import AWS, Open, Trap, forged
from virtual_time import VirtualLoop

from local.providers import SERVERS, ProviderServer
from untag.contracts.rejections import InvocationError
from untag.hosts.aws import LambdaFunction
from untag.providers import Options, apis_of
from untag.removal import Remover

_TEXT = r"[A-Za-z0-9_.~%-]*"
HOSTS: dict[str, tuple[str, str]] = {
    "jdcloud": (
        r"resourcetag\.jdcloud-api\.com",
        r"/v1/regions/[a-z0-9-]+/tags:(unTagResources|tagResources|describeResources)",
    ),
    "huaweicloud-config": (
        r"rms\.myhuaweicloud\.com",
        r"/v1/resource-manager/config(:|%3A)[A-Za-z]+/[A-Za-z0-9_.:%-]+/tags(/delete|/create)?",
    ),
    "huaweicloud-tms": (
        r"tms\.myhuaweicloud\.com",
        r"/v1\.0/resource-tags/batch-(delete|create)|/v2\.0/resources/[A-Za-z0-9_.:%-]+/tags\?[A-Za-z0-9_.:%=&-]+",
    ),
    "alibabacloud": (
        r"tag\.[a-z0-9-]+\.aliyuncs\.com",
        rf"/\?((RegionId|TagKey\.\d+|ResourceARN\.\d+|Category|PageSize|ProductCode|ResourceTye|MaxResult)={_TEXT}(&|$))+",
    ),
    "aws": (r"tagging\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", "/"),
    "aws-sts": (r"sts\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", "/"),
    "aws-iam": (r"iam\.amazonaws\.com", "/"),
    "tencentcloud": (r"tag\.tencentcloudapi\.com", "/"),
    "volcengine": (r"open\.volcengineapi\.com", r"/\?Action=[A-Za-z]+&Version=\d{4}-\d\d-\d\d"),
}
"""The hosts that each local server stands for, and the paths that may be called there."""


class World(Open):
    """Leads the clouds' own hosts to the local clouds, and everything else out into the world."""

    def __init__(self, house: House, servers: dict[str, ProviderServer]) -> None:
        super().__init__(_Wire(house.aws, {}), ())
        self._aws = house.aws
        self._servers = servers
        self.strange: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.raw_path.decode()
        for name, (hosts, paths) in HOSTS.items():
            if re.fullmatch(hosts, host):
                self.made.append((name, path))
                if request.url.scheme != "https" or not re.fullmatch(paths, path):
                    self.strange.append(str(request.url))
                return await _Wire(self._aws, {host: self._servers[name]}).handle_async_request(request)
        if AWS.fullmatch(host):
            return await _Wire(self._aws, {}).handle_async_request(request)
        self.strange.append(str(request.url))
        return await super().handle_async_request(request)


class Everywhere(House):
    """The service, with a key in each account of each cloud, and no endpoint but the clouds' own."""

    def __init__(self) -> None:
        super().__init__(environ={"UNTAG_RATE": "100000", "UNTAG_CREDENTIALS": "secretsmanager:keys"})
        self.servers = {name: server() for name, server in SERVERS.items()}
        for provider, account, secret in open_accounts(self.servers):
            self.aws.secrets[f"keys/{provider}/{account}"] = dict(secret)
        self.world = World(self, self.servers)
        environ = {**ENVIRON, "UNTAG_RATE": "100000", "UNTAG_CREDENTIALS": "secretsmanager:keys"}
        runtime = self.remover._runtime
        runtime._loop.run_until_complete(runtime.host.aws._client.aclose())
        runtime._loop.close()
        self.remover = LambdaFunction(Remover, environ, timing=self.clock.timing(), transport=self.world)
        self.remover._runtime._loop.close()
        self.remover._runtime._loop = VirtualLoop(self.clock)

    def stand(self, cloud: Cloud, *ids: str, account: str = "default") -> None:
        """Make resources stand at a cloud, each with one tag."""
        region, type_ = cloud.regions[0], next(iter(cloud.types))
        names = (cloud.name(account, region, type_, id_) for id_ in ids)
        place = {"account": account, "region": region, "type": type_, "tags": {"env": "prod"}}
        self.servers[cloud.server].tags.load({**place, "id": name} for name in names)


def asked(cloud: Cloud, *ids: str, **changes: Any) -> dict[str, Any]:
    """A request for resources of a cloud."""
    body = {
        "id": "chg-1",
        "provider": cloud.provider,
        "account": "default",
        "resources": [{"type": next(iter(cloud.types)), "ids": list(ids)}],
        "tags": [{"key": "env", "value": "prod"}],
    }
    return body | ({cloud.region_field: cloud.regions[0]} if cloud.region_field else {}) | changes


@pytest.fixture(scope="module")
def everywhere() -> Iterator[Everywhere]:
    with Everywhere() as house:
        yield house


@pytest.mark.parametrize("name", BY_SERVER)
def test_a_thousand_resources_with_equal_tags_take_as_few_writes_as_calls_carry(name: str) -> None:
    cloud = BY_SERVER[name]
    names = [f"i-{number:04}" for number in range(1000)]
    with Everywhere() as house:
        house.stand(cloud, *names)
        house.seconds = 900.0
        assert house.batch(record(asked(cloud, *names))) == []
        server = house.servers[name]
        (api,) = (api for api in apis_of(cloud.provider) if server.api == f"{api.name}.{api.api}")
        writes = [call for call in server.calls if call.writing]
        assert len(writes) == math.ceil(1000 / api.of(Options()).limits.resources)
        assert sum(call.applied for call in writes) == 1000


def requests_with(cloud: Cloud, value: str) -> Iterator[dict[str, Any]]:
    """A request with the value in each place that goes into a call, and inside of the cloud's own names."""
    type_, region = next(iter(cloud.types)), cloud.regions[0]
    for field in ("region", "account", "project_id", "provider", "id", "reason"):
        yield asked(cloud, "r-1", **{field: value})
    yield asked(cloud, value)
    yield asked(cloud, "r-1", resources=[{"type": value, "ids": ["r-1"]}])
    yield asked(cloud, "r-1", tags=[{"key": value, "value": value}])
    if cloud.digits:
        whole = cloud.name("default", region, type_, "r-1")
        parts = re.split(r"([:/])", whole)
        for number in range(0, len(parts), 2):
            yield asked(cloud, "".join([*parts[:number], value, *parts[number + 1 :]]))
        yield asked(cloud, whole + value)


@pytest.mark.parametrize("name", BY_SERVER)
def test_no_name_in_a_request_leads_a_call_elsewhere(name: str, everywhere: Everywhere, trap: Trap) -> None:
    cloud, world = BY_SERVER[name], everywhere.world
    everywhere.stand(cloud, "r-1", "r-2")
    everywhere.stand(cloud, "r-1", "r-2", account="blue")
    before = len(world.made)
    for number, value in enumerate(forged(trap.address)):
        for body in requests_with(cloud, value):
            assert everywhere.batch(record(body, f"m-{number}")) == []
            with suppress(InvocationError):
                everywhere.payload(body)
    assert trap.hits == []
    assert world.strange == []
    assert len(world.made) > before, "those that are harmless are carried out"
    assert {name for name, _ in world.made[before:]} <= {one.name for one in SERVERS.values() if _of(one, cloud)}


def _of(server: type[ProviderServer], cloud: Cloud) -> bool:
    return server.provider == cloud.provider


@pytest.mark.parametrize("cloud", [cloud for cloud in ALL if cloud.digits], ids=lambda cloud: cloud.server)
def test_another_accounts_resource_is_not_touched_by_its_whole_name(cloud: Cloud, everywhere: Everywhere) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    everywhere.stand(cloud, "r-9", account="blue")
    name = cloud.name("blue", region, type_, "r-9")
    answer = everywhere.payload(asked(cloud, name, id="foreign"))
    (row,) = answer["reports"][0]["outcomes"]
    assert row["outcome"] == "failed"
    tags = everywhere.servers[cloud.server].tags
    assert tags.get("blue", region, type_, name) == {"env": "prod"}
