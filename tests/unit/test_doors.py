"""No request that comes in makes a call leave for anywhere but the configured endpoints, held against a trap that
listens.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from service_house import HUAWEI_HOST, JD_HOST, TMS_HOST, House, _Wire, huawei_request, jd_request, put, record
from virtual_time import VirtualLoop

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
AWS = re.compile(r"(sqs|sns|secretsmanager)\.eu-west-1\.amazonaws\.com")
KEY = ("access_key", "secret_key")
SECRET = re.compile(r"keys/(jdcloud|huaweicloud)/[A-Za-z0-9_-]{1,64}")


class Trap:
    """A server that nobody has any business with."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        hits = self.hits

        class Handler(BaseHTTPRequestHandler):
            def _hit(self) -> None:
                hits.append(f"{self.command} {self.path}")
                self.send_response(204)
                self.end_headers()

            do_GET = do_POST = do_PUT = do_DELETE = _hit  # noqa: N815 - the names are the base class's

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Open(httpx.AsyncBaseTransport):
    """Leads the configured endpoints to the house, and everything else out into the world."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._world = httpx.AsyncHTTPTransport()
        self.made: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.made.append((request.url.host, request.url.raw_path.decode()))
        if request.url.host in PATHS or AWS.fullmatch(request.url.host):
            return await self._wire.handle_async_request(request)
        return await self._world.handle_async_request(request)

    async def aclose(self) -> None:
        await self._world.aclose()


@pytest.fixture
def trap() -> Iterator[Trap]:
    found = Trap()
    yield found
    found.close()


def opened(house: House, *, secrets: bool = False) -> Open:
    """The house with its door open."""
    environ = {**house.environ, "UNTAG_ENDPOINTS": house.environ["UNTAG_ENDPOINTS"].replace(TMS_HOST, HUAWEI_HOST)}
    if secrets:
        environ["UNTAG_CREDENTIALS"] = "secretsmanager:keys"
    house.remover._runtime._loop.run_until_complete(house.remover._runtime.host.aws._client.aclose())
    house.remover._runtime._loop.close()
    door = Open(_Wire(house.aws, {JD_HOST: house.jd, HUAWEI_HOST: house.huawei}))
    house.remover = LambdaFunction(Remover, environ, timing=house.clock.timing(), transport=door)
    house.remover._runtime._loop.close()
    house.remover._runtime._loop = VirtualLoop(house.clock)
    return door


def forged(trap: str) -> list[str]:
    """Values that would lead elsewhere, if anything could."""
    return [
        f"@{trap}/",
        f"x@{trap}",
        f"//{trap}/",
        f"http://{trap}/",
        f"..%2f..%2f{trap}",
        f"%2e%2e%2f{trap}",
        "..",
        ".",
        "a/../../b",
        "a\\..\\b",
        "a%2Fb",
        "a%00b",
        "a?b=c",
        "a#b",
        "a&project_id=other",
        f"a\r\nHost: {trap}",
        f"a\nX-Forwarded-Host: {trap}",
        f"a\u2028{trap}",
        "\uff0e\uff0e\uff0fa",
        "a\u2215b",
        "\uff20elsewhere",
        "аdmin",  # noqa: RUF001 - a Cyrillic letter is the point
        "default/../other",
        "default\x00",
        "cn-north-1.evil.example.com",
        f"cn-north-1:{trap.rpartition(':')[2]}",
        "a b",
        "$",
        "a\n",
    ]


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
