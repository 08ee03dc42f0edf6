"""The local token services, asked by the official clients whose a key is; and our question beside theirs."""

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest
import vendors  # noqa: F401 - no proxy stands between a client and its local cloud
import volcenginesdkcore
import volcenginesdksts
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sts.v20180813 import models
from tencentcloud.sts.v20180813.sts_client import StsClient

from local.providers import AlibabaStsServer, ProviderServer, TencentcloudStsServer, VolcengineStsServer
from untag.providers import Answer, Location, Session
from untag.providers.alibabacloud.tag import AlibabaTag
from untag.providers.tencentcloud.tag import TencentTag
from untag.providers.volcengine.tag import VolcengineTag

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alibabacloud_sts20150401.client import Client
    from alibabacloud_tea_openapi.utils_models import Config
    from darabonba.runtime import RuntimeOptions

Secret = dict[str, Any]


def alibaba(server: ProviderServer, secret: Secret) -> Any:
    key = {"access_key_id": secret["access_key"], "access_key_secret": secret["secret_key"]}
    place = {"endpoint": f"127.0.0.1:{server.port}", "protocol": "http", "region_id": "cn-hangzhou"}
    asked = Client(Config(security_token=secret.get("security_token"), **key, **place))
    return asked.get_caller_identity_with_options(RuntimeOptions(autoretry=False)).body.account_id


def tencent(server: ProviderServer, secret: Secret) -> Any:
    credential = Credential(secret["access_key"], secret["secret_key"], secret.get("security_token"))
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=server.url.removeprefix("http://")))
    asked = StsClient(credential, "ap-guangzhou", profile)
    return asked.GetCallerIdentity(models.GetCallerIdentityRequest()).AccountId


def volcengine(server: ProviderServer, secret: Secret) -> Any:
    configuration = volcenginesdkcore.Configuration()
    configuration.ak, configuration.sk = secret["access_key"], secret["secret_key"]
    configuration.session_token = secret.get("security_token")
    configuration.region, configuration.scheme = "cn-beijing", "http"
    configuration.host = server.url.removeprefix("http://")
    configuration.auto_retry = False
    configuration.proxy = None
    asked = volcenginesdksts.STSApi(volcenginesdkcore.ApiClient(configuration))
    return asked.get_caller_identity(volcenginesdksts.GetCallerIdentityRequest()).account_id


class Cloud(NamedTuple):
    """A cloud's token service, its official client, and the provider whose tags are read after it was asked."""

    server: type[ProviderServer]
    client: Callable[[ProviderServer, Secret], Any]
    number: object
    provider: Callable[..., Any]
    region: str
    type: str
    wrong_key: str
    throttled: str


CLOUDS = {
    "alibabacloud": Cloud(
        AlibabaStsServer,
        alibaba,
        "1234567890123456",
        AlibabaTag,
        "cn-hangzhou",
        "ecs:instance",
        "InvalidAccessKeyId.NotFound",
        "Throttling.User",
    ),
    "tencentcloud": Cloud(
        TencentcloudStsServer,
        tencent,
        "100000000001",
        TencentTag,
        "ap-guangzhou",
        "cvm:instance",
        "AuthFailure.SecretIdNotFound",
        "RequestLimitExceeded",
    ),
    "volcengine": Cloud(
        VolcengineStsServer,
        volcengine,
        2100000001,
        VolcengineTag,
        "cn-beijing",
        "ecs:instance",
        "InvalidAccessKey",
        "AccountFlowLimitExceeded",
    ),
}


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Cloud:
    return CLOUDS[request.param]


def test_the_client_learns_whose_the_key_is(cloud: Cloud) -> None:
    with cloud.server() as server:
        assert cloud.client(server, server.secrets["default"]) == cloud.number
        assert [(call.operation, call.status) for call in server.calls] == [("GetCallerIdentity", 200)]


def test_a_wrong_key_is_refused(cloud: Cloud) -> None:
    with cloud.server() as server:
        with pytest.raises(Exception, match=cloud.wrong_key):
            cloud.client(server, server.secrets["default"] | {"access_key": "WRONG"})
        assert server.calls[-1].code == cloud.wrong_key


def test_a_throttle_is_read_by_the_client(cloud: Cloud) -> None:
    with cloud.server() as server:
        server.faults.add("throttle")
        with pytest.raises(Exception, match=cloud.throttled):
            cloud.client(server, server.secrets["default"])


def test_our_question_is_what_the_clients_is(cloud: Cloud) -> None:
    seen: list[tuple[str, str, str, dict[str, str | None]]] = []

    class Listening(cloud.server):
        def match(self, request: Any) -> Any:
            names = ("x-acs-action", "x-acs-version", "x-tc-action", "x-tc-version", "x-tc-region")
            said = {name: request.header(name) for name in names}
            seen.append((request.method, request.path, request.query, said))
            return super().match(request)

    with Listening() as server:
        cloud.client(server, server.secrets["default"])
        asyncio.run(ours(cloud, server))
        # The tag API is not there: nothing else is answered.
        assert seen[0] == seen[1]
        assert [call.operation for call in server.calls][:2] == ["GetCallerIdentity"] * 2


async def ours(cloud: Cloud, server: ProviderServer) -> Answer:
    """What our provider makes of it, with the token service in the place of the tag API, which it is not."""
    provider = cloud.provider(server.url, server.url)
    key = provider.credentials.parse(server.secrets["default"])
    scope = provider.scope(Location("default", cloud.region, None), cloud.type)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer: Answer = await provider.read(Session(http, key, provider.auth(key, scope), 5.0), scope, ("i-1",))
    return answer
