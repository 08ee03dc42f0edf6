from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.providers import HuaweicloudConfigServer, JdcloudServer, ProviderServer
from untag.providers import apis_of
from untag.providers.huaweicloud.signing import HuaweiAuth
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth

Call = Callable[..., httpx.Response]


@pytest.fixture
def jdcloud() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        for name in ("i-1", "i-2", "i-3"):
            server.tags.load([{"region": "cn-north-1", "type": "vm", "id": name, "tags": {"env": "prod", "a": "b"}}])
        yield server


@pytest.fixture
def huaweicloud() -> Iterator[HuaweicloudConfigServer]:
    with HuaweicloudConfigServer() as server:
        for name in ("pa-1", "pa-2"):
            server.tags.load([{"type": "config:policyAssignments", "id": name, "tags": {"env": "prod", "a": "b"}}])
        yield server


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client


def credentials_of(server: ProviderServer, account: str = "default") -> Any:
    (api, *_) = apis_of(server.provider)
    return api.credentials(**server.secrets[account])


@pytest.fixture
def jd(client: httpx.Client) -> Call:
    """Calls a JD Cloud operation, signed: server, operation, body, region."""
    parameters = {
        "unTagResources": ("tags:unTagResources", "unTagResources"),
        "tagResources": ("tags:tagResources", "tagResources"),
        "describeResources": ("tags:describeResources", "resourceVo"),
        "describeTags": ("describeTags", "tagKeysVo"),
        "describeKeys": ("tags:describeKeys", "tagKeysVo"),
        "describeValues": ("tags:describeValues", "tagValuesVo"),
        "queryResource": ("queryResource", "queryResource"),
    }

    def call(server: ProviderServer, operation: str, body: Any, region: str = "cn-north-1") -> httpx.Response:
        path, parameter = parameters[operation]
        auth = DerivedKeyAuth(JDCLOUD3, credentials_of(server), region=region, service="resourcetag")
        url = f"{server.url}/v1/regions/{region}/{path}"
        return client.post(url, json={"regionId": region, parameter: body}, auth=auth)

    return call


@pytest.fixture
def hw(client: httpx.Client) -> Call:
    """Calls a Config path, signed: server, method, path after /v1/resource-manager/, body."""

    def call(server: ProviderServer, method: str, path: str, body: Any = None) -> httpx.Response:
        auth = HuaweiAuth(credentials_of(server))
        content = {} if body is None else {"json": body}
        return client.request(method, f"{server.url}/v1/resource-manager/{path}", auth=auth, **content)

    return call


def untag(*ids: str, service_code: str = "vm", **tags: str) -> dict[str, Any]:
    """The body of unTagResources and tagResources."""
    return {
        "resources": [{"serviceCode": service_code, "resourceId": list(ids)}],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


@pytest.fixture(name="untag")
def _untag() -> Callable[..., dict[str, Any]]:
    return untag
