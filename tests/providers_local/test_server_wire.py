"""The server under the clouds: connections, concurrency, stopping and starting."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.providers import SERVERS, HuaweicloudConfigServer, HuaweicloudTmsServer, JdcloudServer, environment
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth

Body = Callable[..., dict[str, Any]]
Call = Callable[..., httpx.Response]


def test_a_connection_is_kept_and_an_idle_one_is_cut_at_the_stop(jdcloud: JdcloudServer, jd: Call) -> None:
    ports = set()
    for _ in range(3):
        response = jd(jdcloud, "describeKeys", {})
        ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1
    jdcloud.stop()
    with pytest.raises(httpx.TransportError):
        jd(jdcloud, "describeKeys", {})


def test_a_server_comes_back_where_it_was_with_what_it_knew(jdcloud: JdcloudServer, jd: Call) -> None:
    url, before = jdcloud.url, jdcloud.tags.snapshot()
    jdcloud.stop()
    jdcloud.stop()
    jdcloud.start()
    jdcloud.start()
    assert (jdcloud.url, jdcloud.tags.snapshot()) == (url, before)
    assert jd(jdcloud, "describeKeys", {}).status_code == 200


def test_a_taken_port_is_told_at_once(jdcloud: JdcloudServer) -> None:
    with pytest.raises(OSError, match="in use"):
        JdcloudServer(port=jdcloud.port).start()


def test_a_hundred_callers_wait_together() -> None:
    async def run(server: JdcloudServer) -> float:
        auth = DerivedKeyAuth(
            JDCLOUD3, JDCloudCredentials(**server.secrets["default"]), region="cn-north-1", service="resourcetag"
        )
        url = f"{server.url}/v1/regions/cn-north-1/tags:describeKeys"
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(trust_env=False, timeout=10, limits=limits) as client:

            async def one() -> int:
                return (await client.post(url, json={"tagKeysVo": {}}, auth=auth)).status_code

            started = time.monotonic()
            statuses = await asyncio.gather(*(one() for _ in range(100)))
        assert set(statuses) == {200}
        return time.monotonic() - started

    with JdcloudServer(latency=1) as server:
        assert asyncio.run(run(server)) < 20, "one after the other it would be 100 seconds"
        assert max(call.concurrent for call in server.calls) > 50


@pytest.mark.parametrize("text", [b"wibble\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x02\r\n\r\n"])
def test_what_is_no_http_ends_the_connection_and_nothing_else(jdcloud: JdcloudServer, jd: Call, text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", jdcloud.port), timeout=5) as connection:
        connection.sendall(text)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1000) == b""
    assert jd(jdcloud, "describeKeys", {}).status_code == 200


def test_a_chunked_body_and_a_careful_client_are_understood(jdcloud: JdcloudServer) -> None:
    with socket.create_connection(("127.0.0.1", jdcloud.port), timeout=5) as connection:
        connection.sendall(
            b"PUT /_control/tags HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b'9\r\n{"resourc\r\n8\r\nes": []}\r\n0\r\n\r\n')
        assert connection.recv(1000).startswith(b"HTTP/1.1 204")


def test_the_environment_is_what_a_function_reads() -> None:
    huawei = {"huaweicloud-config", "huaweicloud-tms"}
    aws = {"aws", "aws-iam", "aws-sts"}
    azure = {"azure", "azure-login"}
    with_sts = {name for cloud in ("alibabacloud", "tencentcloud", "volcengine") for name in (cloud, f"{cloud}-sts")}
    assert set(SERVERS) == {*huawei, *aws, *azure, *with_sts, "gcp", "jdcloud"}
    with JdcloudServer() as jdcloud, HuaweicloudConfigServer() as huaweicloud, HuaweicloudTmsServer() as tms:
        assert jdcloud.environment == {
            "JDCLOUD_ACCESS_KEY": "FAKEJDAK0000000000000000000000AA",
            "JDCLOUD_SECRET_KEY": "FAKEJDSK0000000000000000000000SS",
        }
        assert huaweicloud.environment == {
            "HUAWEICLOUD_SDK_AK": "FAKEAKFAKEAKFAKEAK00",
            "HUAWEICLOUD_SDK_SK": "fake-secret-key-not-real-0123456789abcdefgh",
            "HUAWEICLOUD_SDK_DOMAIN_ID": "00000000000000000000000000d0ma1n",
            # The second is the domain in CTS's documented sample.
            "UNTAG_ACCOUNTS": "huaweicloud/00000000000000000000000000d0ma1n=default,"
            "huaweicloud/7e0d78c85***d0b9b7cba=default",
        }
        assert tms.environment == huaweicloud.environment, "one key for both"
        urls = f"jdcloud.resourcetag={jdcloud.url},huaweicloud.config={huaweicloud.url},huaweicloud.tms={tms.url}"
        assert environment((jdcloud, huaweicloud, tms)) == {
            **jdcloud.environment,
            **huaweicloud.environment,
            "UNTAG_ENDPOINTS": urls,
        }
        assert "FAKEJDSK" not in repr(jdcloud.credentials)
