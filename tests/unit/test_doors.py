"""No request that comes in makes a call leave for anywhere but the configured endpoints, held against a trap that
listens.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from service_house import HUAWEI_HOST, JD_HOST, TMS_HOST, CloudWire, House, huawei_request, jd_request, put, record
from trap import AWS, Open, Trap, forged

from untag.contracts.rejections import InvocationError
from untag.hosts.aws import LambdaFunction
from untag.removal import Remover

PATHS = {
    JD_HOST: re.compile(r"/v1/regions/[a-z0-9-]+/tags:(unTagResources|tagResources|describeResources)"),
    HUAWEI_HOST: re.compile(
        r"/v1/resource-manager/config(:|%3A)[A-Za-z]+/[A-Za-z0-9_.:%-]+/tags(/delete|/create)?"
        r"|/v1\.0/resource-tags/batch-(delete|create)|/v2\.0/resources/[A-Za-z0-9_.:%-]+/tags\?[A-Za-z0-9_.:%=&-]+"
    ),
}
KEY = ("access_key", "secret_key")
SECRET = re.compile(r"keys/(jdcloud|huaweicloud)/[A-Za-z0-9_-]{1,64}")


def opened(house: House, *, secrets: bool = False) -> Open:
    """The house with its door open."""
    environ = {**house.environ, "UNTAG_ENDPOINTS": house.environ["UNTAG_ENDPOINTS"].replace(TMS_HOST, HUAWEI_HOST)}
    if secrets:
        environ["UNTAG_CREDENTIALS"] = "secretsmanager:keys"
    house.remover.runtime.close()
    door = Open(CloudWire(house.aws, {JD_HOST: house.jd, HUAWEI_HOST: house.huawei}), PATHS)
    house.remover = LambdaFunction(Remover, environ, timing=house.clock.timing(), transport=door)
    return door


def payloads(value: str) -> Iterator[dict[str, Any]]:
    """A request of each API with the value in each place that goes into a call."""
    tms = {
        **huawei_request("r-1"),
        "resources": [{"type": "ecs", "ids": ["r-1"]}],
        "project_id": "project-1",
    }
    for base in (jd_request("r-1"), huawei_request("r-1"), tms):
        yield {**base, "region": value}
        yield {**base, "account": value}
        yield {**base, "project_id": value}
        yield {**base, "provider": value}
        yield {**base, "resources": [{"type": base["resources"][0]["type"], "ids": [value]}]}
        yield {**base, "resources": [{"type": value, "ids": ["r-1"]}]}
        yield {**base, "id": value}
        yield {**base, "tags": [{"key": value, "value": value}]}
        yield {**base, "reason": value}


@pytest.mark.parametrize("secrets", [False, True])
def test_nothing_that_a_request_says_leads_a_call_elsewhere(trap: Trap, secrets: bool) -> None:
    with House() as house:
        door = opened(house, secrets=secrets)
        for server in (house.jd, house.huawei):
            put(server, "r-1", "r-2")
            house.aws.secrets[f"keys/{server.provider}/default"] = server.secrets["default"]
        bodies = [payload for value in forged(trap.address) for payload in payloads(value)]
        for number, body in enumerate(bodies):
            assert house.batch(record(body, f"m-{number}")) == []
            with suppress(InvocationError):
                house.payload(body)
        assert trap.hits == []
        clouds = [(host, path) for host, path in door.made if not AWS.fullmatch(host)]
        assert clouds, "those that are harmless are carried out"
        for host, path in clouds:
            assert PATHS[host].fullmatch(path), f"{host}{path}"
        assert {path for host, path in door.made if AWS.fullmatch(host)} == {"/"}
        names = {body["SecretId"] for body in house.aws.made("GetSecretValue")}
        assert bool(names) is secrets
        assert not [name for name in names if not SECRET.fullmatch(name)]
        stands = house.jd.tags.get("default", "cn-north-1", "vm", "r-2")
        assert stands == {"env": "prod"}, "nobody asked for it"


def test_a_redirect_of_a_provider_is_not_followed(trap: Trap) -> None:
    with House() as house:
        door = opened(house)
        for server in (house.jd, house.huawei):
            put(server, "r-1")
            for status in (301, 302, 307, 308):
                server.faults.add("redirect", status=status, location=f"http://{trap.address}/", times=2)
        for number in range(10):
            raws = [jd_request("r-1", id_=f"jd-{number}"), huawei_request("r-1", id_=f"hw-{number}")]
            house.batch(*(record(raw, raw["id"]) for raw in raws))
        assert trap.hits == []
        assert {host for host, _ in door.made if not AWS.fullmatch(host)} == set(PATHS)


def test_no_key_is_told_though_a_cloud_echoes_it_in_whatever_it_says(caplog: Any, capsys: Any) -> None:
    with House() as house:
        # Each cloud knows the keys of its own accounts only.
        own = {server: [server.secrets["default"][name] for name in KEY] for server in (house.jd, house.huawei)}
        keys = [key for some in own.values() for key in some] + [house.environ["AWS_SECRET_ACCESS_KEY"]]
        said = []
        caplog.set_level("DEBUG")
        for status in (400, 401, 403, 404, 413, 429, 500, 503):
            for server in (house.jd, house.huawei):
                server.faults.clear()
                put(server, "r-1", "r-2")
                echo = f"canonical request: Authorization: {' '.join(own[server])} {json.dumps(own[server])}"
                server.faults.add("status", status=status, message=echo)
            raws = [jd_request("r-1", "r-2", id_=f"jd-{status}"), huawei_request("r-1", id_=f"hw-{status}")]
            house.batch(*(record(raw, raw["id"]) for raw in raws))
            said.append(json.dumps(house.payload(jd_request("r-2"))))
            house.clock.seconds += 400
        said += [json.dumps(house.aws.reports), json.dumps(house.aws.queues), caplog.text, *capsys.readouterr()]
        said += [str(vars(entry)) for entry in caplog.records]
        assert len(house.aws.reports) > 16
        assert [key for key in keys if any(key in text for text in said)] == []
