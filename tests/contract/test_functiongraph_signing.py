"""What the functions on FunctionGraph sign, against the vendor's own signers."""

import itertools

import functiongraph_vendors  # noqa: F401 - it prepares the environment that the SDKs are imported in
import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from obs.auth import Authentication
from obs.convertor import Adapter

from untag.core import Timing
from untag.hosts.functiongraph.client import Huawei
from untag.hosts.functiongraph.obs import ObsAuth
from untag.hosts.functiongraph.settings import Places
from untag.providers.credentials import AccessKey

NOW = 1_780_000_000.0
KEY = AccessKey(access_key="HSTFAKE0000000000001", secret_key="fake-secret-key", security_token="fake-token")


@pytest.mark.parametrize(
    ("method", "key", "query", "headers"),
    [
        ("PUT", "work/1780000120-0-m1", {}, {"content-type": "text/plain", "x-obs-meta-source": "smn, %C3%BC"}),
        ("PUT", "work/1780000300-1-m1", {}, {"x-obs-copy-source": "/untag/work/1780000120-0-m1"}),
        ("GET", "work/1780000300-1-m1", {}, {}),
        ("DELETE", "locks/work/1780000120-0-m1", {}, {}),
        ("POST", "locks/work/1780000120-0-m1", {"append": None, "position": "0"}, {}),
        ("GET", "", {"prefix": "work/", "marker": "work/1", "max-keys": "1000"}, {}),
    ],
)
def test_obs_takes_the_signature_for_that_of_its_own_sdk(
    method: str, key: str, query: dict[str, str | None], headers: dict[str, str]
) -> None:
    written = "&".join(name if value is None else f"{name}={value}" for name, value in query.items())
    request = httpx.Request(method, f"https://untag.obs.cn-north-4.myhuaweicloud.com/{key}?{written}", headers=headers)
    resource = f"/untag/{key}{'?' + written if 'append' in query else ''}"
    next(ObsAuth(KEY, resource, clock=lambda: NOW).auth_flow(request))
    sent = {name: value for name, value in request.headers.items() if name not in ("authorization", "host")}
    sdk = Authentication(KEY.access_key, KEY.secret_key, path_style=False, ha=Adapter("obs"), server="", is_cname=False)
    assert request.headers["authorization"] == sdk.doAuth(method, "untag", key, query, sent)["Authorization"]


URN = "urn:fss:cn-north-4:0a1b2c3d4e5f60718293a4b5c6d7e8f9:function:default:untag-remove"
TOPIC = "urn:smn:cn-north-4:0a1b2c3d4e5f60718293a4b5c6d7e8f9:untag-reports"
CALLS = [
    ("POST", f"/v2/0a1b2c3d/fgs/functions/{URN}/invocations-async", b'{"untag": 1, "keys": ["work/1780000120-0-m1"]}'),
    ("POST", f"/v2/0a1b2c3d/notifications/topics/{TOPIC}/publish", '{"message": "ü"}'.encode()),
    ("GET", "/v1/0a1b2c3d/secrets/untag-jdcloud-default/versions/latest", b""),
]


@pytest.mark.parametrize(("method", "path", "content"), CALLS)
def test_other_services_take_it_for_that_of_the_core_sdk(method: str, path: str, content: bytes) -> None:
    class Context:
        def getSecurityAccessKey(self) -> str:  # noqa: N802
            return KEY.access_key

        def getSecuritySecretKey(self) -> str:  # noqa: N802
            return KEY.secret_key

        def getSecurityToken(self) -> str | None:  # noqa: N802
            return KEY.security_token

    places = Places("cn-north-4", "0a1b2c3d", "untag", TOPIC, {}, {}, "")
    huawei = Huawei(places, httpx.AsyncClient(), Timing(now=lambda: NOW))
    huawei.begin(Context(), itertools.repeat(1.0).__next__)
    url = f"https://smn.cn-north-4.myhuaweicloud.com{path}"
    request = httpx.Request(method, url, headers={"content-type": "application/json"}, content=content)
    next(huawei.auth().auth_flow(request))
    credentials = BasicCredentials(KEY.access_key, KEY.secret_key, "0a1b2c3d")
    theirs = SdkRequest(
        method=method,
        schema="https",
        host=request.headers["host"],
        resource_path=path,
        uri=path,
        query_params=[],
        header_params={
            "Content-Type": "application/json",
            "X-Sdk-Date": request.headers["x-sdk-date"],
            "X-Security-Token": request.headers["x-security-token"],
        },
        body=content.decode(),
    )
    signed = Signer(credentials).sign(theirs)
    assert "x-domain-id" not in request.headers
    assert request.headers["authorization"] == signed.header_params["Authorization"]
