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
from service_house import ENVIRON, CloudWire, House, record
from trap import AWS, Open, Trap, forged

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
    "alibabacloud-sts": (r"sts\.aliyuncs\.com", "/"),
    "aws": (r"tagging\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", "/"),
    "aws-sts": (r"sts\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", "/"),
    "aws-iam": (r"iam\.amazonaws\.com", "/"),
    "azure": (
        r"management\.azure\.com",
        r"/subscriptions/[0-9A-Fa-f-]{36}(/[A-Za-z0-9_.()~%@:$&'!*+,;=-]+)*/providers/Microsoft\.Resources/tags/default\?api-version=[0-9-]+",
    ),
    "gcp": (
        r"(compute|storage|pubsub|secretmanager|sts|iamcredentials)\.googleapis\.com",
        r"/(compute/v1/projects|storage/v1/b|v1/projects)(/[A-Za-z0-9._~+:-]+)+(\?(fields=labels%2Cmetageneration|[A-Za-z]+=[A-Za-z0-9,.%_-]+)(&[A-Za-z]+=[A-Za-z0-9,.%_-]+)*)?",
    ),
    "azure-login": (r"login\.microsoftonline\.com", r"/[0-9a-f-]{36}/oauth2/v2\.0/token"),
    "tencentcloud": (r"tag\.tencentcloudapi\.com", "/"),
    "tencentcloud-sts": (r"sts\.tencentcloudapi\.com", "/"),
    "volcengine-sts": (r"open\.volcengineapi\.com", r"/\?Action=GetCallerIdentity&Version=2018-01-01"),
    "volcengine": (r"open\.volcengineapi\.com", r"/\?Action=[A-Za-z]+&Version=\d{4}-\d\d-\d\d"),
}
"""The hosts that each local server stands for, and the paths that may be called there; the first that fits answers."""


_LEADS_UP = re.compile(r"/\.{1,2}(/|$)|%2e|%2f|%5c", re.IGNORECASE)
"""What a server on the way may take for another path."""


class World(Open):
    """Leads the clouds' own hosts to the local clouds, and everything else out into the world."""

    def __init__(self, house: House, servers: dict[str, ProviderServer]) -> None:
        super().__init__(CloudWire(house.aws, {}), ())
        self._aws = house.aws
        self._servers = servers
        self.strange: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.raw_path.decode()
        at_host = [(name, paths) for name, (hosts, paths) in HOSTS.items() if re.fullmatch(hosts, host)]
        fitting = [name for name, paths in at_host if re.fullmatch(paths, path)]
        for name in fitting or [name for name, _ in at_host]:
            self.made.append((name, path))
            if request.url.scheme != "https" or not fitting or _LEADS_UP.search(path.partition("?")[0]):
                self.strange.append(str(request.url))
            return await CloudWire(self._aws, {host: self._servers[name]}).handle_async_request(request)
        if AWS.fullmatch(host):
            return await CloudWire(self._aws, {}).handle_async_request(request)
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
        self.remover.runtime.close()
        self.remover = LambdaFunction(Remover, environ, timing=self.clock.timing(), transport=self.world)

    def stand(self, cloud: Cloud, *ids: str, account: str = "default") -> None:
        """Make resources stand at a cloud, each with one tag."""
        region, type_ = cloud.regions[0], next(iter(cloud.types))
        names = (cloud.name(account, region, type_, id_) for id_ in ids)
        place = {"account": account, "region": region, "type": type_, "tags": {"env": "prod"}}
        self.servers[cloud.server].tags.load({**place, "id": name} for name in names)


def asked(cloud: Cloud, *ids: str, **changes: Any) -> dict[str, Any]:
    """A request for resources of a cloud."""
    type_ = next(iter(cloud.types))
    named = ids if cloud.bare else [cloud.name("default", cloud.regions[0], type_, id_) for id_ in ids]
    body = {
        "id": "chg-1",
        "provider": cloud.provider,
        "account": "default",
        "resources": [{"type": type_, "ids": list(named)}],
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
    yield asked(cloud, resources=[{"type": type_, "ids": [value]}])
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


NUMBERED = [cloud for cloud in ALL if f"{cloud.server}-sts" in SERVERS and cloud.digits]
"""The clouds whose names have an account's number, and whose token service says which is a key's own."""
WRITTEN = [cloud for cloud in NUMBERED if "account_id" in apis_of(cloud.provider)[0].credentials.model_fields]
"""Those of them at which somebody may write the number into the credentials."""
each = pytest.mark.parametrize("cloud", NUMBERED, ids=lambda cloud: cloud.server)


def with_number(house: Everywhere, cloud: Cloud, number: str | None) -> None:
    """Write another number into the account's secret, or none."""
    secret = house.aws.secrets[f"keys/{cloud.provider}/default"]
    secret.pop("account_id", None)
    if number is not None:
        secret["account_id"] = number


def identified(house: Everywhere, cloud: Cloud) -> list[str]:
    return [call.operation for call in house.servers[f"{cloud.server}-sts"].calls]


@pytest.mark.parametrize("cloud", WRITTEN, ids=lambda cloud: cloud.server)
@pytest.mark.parametrize("whole", [False, True], ids=["bare", "whole"])
@pytest.mark.parametrize("changes", [{}, {"dry_run": True}, {"tags": "all"}, {"action": "restore"}], ids=str)
def test_a_wrong_account_number_in_the_credentials_fails_and_is_never_an_absence(
    cloud: Cloud, whole: bool, changes: dict[str, Any]
) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    with Everywhere() as house:
        house.stand(cloud, "r-1")
        own = cloud.name("default", region, type_, "r-1")
        right = house.aws.secrets[f"keys/{cloud.provider}/default"]["account_id"]
        wrong = "9" * cloud.digits
        with_number(house, cloud, wrong)
        ids = [own, cloud.name("blue", region, type_, "r-2")] if whole else ["r-1", "r-2"]
        rows = house.payload(asked(cloud, *ids, **changes))["reports"][0]["outcomes"]
        assert {row["resource_id"]: (row["outcome"], row["code"]) for row in rows} == dict.fromkeys(
            ids, ("failed", "account_mismatch")
        )
        for row in rows:
            assert wrong in row["message"]
            assert right in row["message"]
        assert list(house.servers[cloud.server].calls) == []
        assert house.servers[cloud.server].tags.get("default", region, type_, own) == {"env": "prod"}


@each
def test_a_bare_id_needs_no_account_number_in_the_credentials(cloud: Cloud) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    with Everywhere() as house:
        house.stand(cloud, "r-1")
        with_number(house, cloud, None)
        whole = cloud.name("default", region, type_, "r-3")
        rows = house.payload(asked(cloud, "r-1", "r-2", whole))["reports"][0]["outcomes"]
        assert {row["resource_id"]: row["outcome"] for row in rows} == {
            "r-1": "removed",
            "r-2": "absent",
            whole: "absent",
        }


@each
def test_an_account_whose_resources_bear_no_tag_at_all_has_every_tag_absent(cloud: Cloud) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    with Everywhere() as house:
        whole = cloud.name("default", region, type_, "r-1")
        (row,) = house.payload(asked(cloud, whole))["reports"][0]["outcomes"]
        assert row["outcome"] == "absent"


@each
def test_whose_a_key_is_is_asked_once_for_a_thousand_resources(cloud: Cloud) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    with Everywhere() as house:
        house.seconds = 900.0
        names = [cloud.name("default", region, type_, f"r-{number}") for number in range(500)]
        names += [f"b-{number}" for number in range(500)]
        for number in range(4):
            part = names[number::4]
            assert house.batch(record(asked(cloud, *part, id=f"chg-{number}"), f"m-{number}")) == []
            assert len(house.rows(f"chg-{number}")) == 250
        assert identified(house, cloud) == ["GetCallerIdentity"]
        assert house.batch(record(asked(cloud, "r-1", id="blue", account="blue"), "m-blue")) == []
        assert identified(house, cloud) == ["GetCallerIdentity"] * 2


# At AWS an account's number comes from nowhere else, so that its whole request fails.
@pytest.mark.parametrize("cloud", [cloud for cloud in NUMBERED if cloud.provider != "aws"], ids=lambda one: one.server)
def test_where_it_is_not_said_whose_a_key_is_nothing_that_is_left_out_counts_as_absent(cloud: Cloud) -> None:
    region, type_ = cloud.regions[0], next(iter(cloud.types))
    one, two = (cloud.name("default", region, type_, id_) for id_ in ("r-1", "r-2"))
    with Everywhere() as house:
        house.stand(cloud, "r-1")
        house.servers[f"{cloud.server}-sts"].faults.add("forbidden")
        rows = house.payload(asked(cloud, one, two))["reports"][0]["outcomes"]
        assert {row["resource_id"]: (row["outcome"], row.get("code")) for row in rows} == {
            one: ("removed", None),
            two: ("failed", "not_listed"),
        }
        assert identified(house, cloud) == ["GetCallerIdentity"], "a lasting refusal is not asked for with every call"


@each
@pytest.mark.parametrize("fault", ["throttle", "unavailable", "reset", "truncate", "not_json", "empty"])
def test_a_token_service_that_does_not_answer_now_lets_the_pairs_wait(cloud: Cloud, fault: str) -> None:
    with Everywhere() as house:
        house.stand(cloud, "r-1")
        house.servers[f"{cloud.server}-sts"].faults.add(fault)
        assert house.batch(record(asked(cloud, "r-1"))) == []
        assert house.outcomes("chg-1") == {}
        assert len(house.aws.messages()) == 1
        assert list(house.servers[cloud.server].calls) == []
        house.servers[f"{cloud.server}-sts"].faults.clear()
        assert house.batch(record(asked(cloud, "r-1", id="chg-2"), "m-2")) == []
        assert house.outcomes("chg-2") == {("r-1", "env"): "removed"}


def test_a_cloud_that_calls_a_resource_invalid_leaves_a_letter_that_can_be_sent_again(everywhere: Everywhere) -> None:
    cloud = BY_SERVER["gcp"]
    everywhere.stand(cloud, "r-5")
    rule = everywhere.servers["gcp"].faults.add("refuse", operation="writing")
    assert everywhere.batch(record(asked(cloud, "r-5", id="invalid-there"))) == []
    (row,) = everywhere.rows("invalid-there")
    assert (row["outcome"], row["code"]) == ("failed", "invalid")
    attributes = next(told for _, told in everywhere.aws.letters() if told["request_id"] == "invalid-there")
    assert attributes["code"] == "cloud_invalid", "`invalid` is the code of what is never redriven"
    everywhere.servers["gcp"].faults.remove(rule)
