"""The local Tencent Cloud, driven by the official client; and our signature beside the official one."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import requests_made as made
import vendors  # noqa: F401 - no proxy stands between a client and its local cloud
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tag.v20180813 import models
from tencentcloud.tag.v20180813.tag_client import TagClient

from local.providers import Account, TencentcloudOptions, TencentcloudServer, TencentcloudStsServer
from local.providers.tencentcloud_signature import SignatureError, TencentcloudVerifier
from untag.contracts import Action, Tag
from untag.providers import Location, Session, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.tencentcloud.credentials import TencentCredentials
from untag.providers.tencentcloud.signing import Tc3Auth
from untag.providers.tencentcloud.tag import TencentTag

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tencentcloud.json").read_text(encoding="utf-8"))
INSTANCE = "qcs::cvm:ap-guangzhou:uin/100000000001:instance/ins-1"
DATABASE = "qcs::cdb:ap-guangzhou:uin/100000000001:instanceId/cdb-1"


@pytest.fixture
def server() -> Iterator[TencentcloudServer]:
    with TencentcloudServer() as server:
        fill(server)
        yield server


def fill(server: TencentcloudServer) -> None:
    for type_, name in (("cvm:instance", INSTANCE), ("cdb:instanceId", DATABASE)):
        tags = {"env": "prod", "部门": "研发 é"}
        server.tags.load([{"region": "ap-guangzhou", "type": type_, "id": name, "tags": tags}])


def client(url: str, **secret: str) -> TagClient:
    own = TencentcloudServer().secrets["default"] | secret
    credential = Credential(own["access_key"], own["secret_key"], own.get("security_token"))
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=url.removeprefix("http://")))
    return TagClient(credential, "", profile)


def send(server: TencentcloudServer, operation: str, *, secret: Mapping[str, str] = {}, **fields: Any) -> Any:
    """What the client makes of the server's answer, as plain JSON."""
    request = getattr(models, f"{operation}Request")()
    request.from_json_string(json.dumps(fields))
    answer = json.loads(getattr(client(server.url, **secret), operation)(request).to_json_string())
    assert answer.pop("RequestId") == server.calls[-1].request_id
    return answer


def test_untag_removes_keys_from_resources_of_several_types(server: TencentcloudServer) -> None:
    assert send(server, "UnTagResources", ResourceList=[INSTANCE, DATABASE], TagKeys=["部门"]) == {
        "FailedResources": []
    }
    assert {pair.key for pair in server.tags.pairs()} == {"env"}


def test_no_failures_may_be_null_to_the_client() -> None:
    with TencentcloudServer(options=TencentcloudOptions(no_failures="null")) as server:
        fill(server)
        send(server, "UnTagResources", ResourceList=[INSTANCE], TagKeys=["env"])
        assert server.tags.get("default", "ap-guangzhou", "cvm:instance", INSTANCE) == {"部门": "研发 é"}


def test_tag_and_the_reads(server: TencentcloudServer) -> None:
    tags = [{"TagKey": "owner", "TagValue": "x"}, {"TagKey": "env", "TagValue": "dev"}]
    assert send(server, "TagResources", ResourceList=[INSTANCE], Tags=tags) == {"FailedResources": []}
    (row,) = send(server, "GetResources", ResourceList=[INSTANCE, f"{INSTANCE}0"])["ResourceTagMappingList"]
    assert row["Resource"] == INSTANCE
    assert {tag["TagKey"]: tag["TagValue"] for tag in row["Tags"]} == {"env": "dev", "部门": "研发 é", "owner": "x"}
    found = send(server, "GetResources", TagFilters=[{"TagKey": "env", "TagValue": ["prod", "x"]}])
    assert [row["Resource"] for row in found["ResourceTagMappingList"]] == [DATABASE]
    assert send(server, "GetTagKeys")["TagKeys"] == ["env", "owner", "部门"]
    values = send(server, "GetTagValues", TagKeys=["env"])["Tags"]
    assert [tag["TagValue"] for tag in values] == ["dev", "prod"]


def test_a_search_pages_by_token(server: TencentcloudServer) -> None:
    first = send(server, "GetResources", TagFilters=[{"TagKey": "env"}], MaxResults=1)
    second = send(server, "GetResources", TagFilters=[{"TagKey": "env"}], PaginationToken=first["PaginationToken"])
    assert [page["ResourceTagMappingList"][0]["Resource"] for page in (first, second)] == [DATABASE, INSTANCE]
    assert second["PaginationToken"] == ""


def test_failures_of_resources_stand_inside_a_success(server: TencentcloudServer) -> None:
    server.faults.add("partial", ids=[DATABASE])
    failed = send(server, "UnTagResources", ResourceList=[INSTANCE, DATABASE, f"{INSTANCE}0"], TagKeys=["env"])
    assert {entry["Resource"]: entry["Code"] for entry in failed["FailedResources"]} == {
        DATABASE: "FailedOperation.ResourceTagProcessing",
        f"{INSTANCE}0": "ResourceNotFound.AttachedTagKeyNotFound",
    }


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"do": "throttle"}, "RequestLimitExceeded"),
        ({"do": "forbidden"}, "AuthFailure.UnauthorizedOperation"),
        ({"do": "unauthorized"}, "AuthFailure.SignatureFailure"),
        ({"do": "refuse"}, "InvalidParameter"),
        ({"do": "refuse", "code": "OperationDenied"}, "OperationDenied"),
        ({"do": "status"}, "InternalError"),
        ({"do": "unavailable"}, "InternalError"),
    ],
)
def test_failures_of_a_call_come_with_200_and_are_read_by_the_client(
    server: TencentcloudServer, rule: dict[str, Any], code: str
) -> None:
    server.faults.add(**rule)
    with pytest.raises(TencentCloudSDKException) as caught:
        send(server, "UnTagResources", ResourceList=[INSTANCE], TagKeys=["env"])
    assert (caught.value.code, caught.value.requestId) == (code, server.calls[-1].request_id)
    assert server.calls[-1].status == 200


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"access_key": "AKIDWRONG"}, "AuthFailure.SecretIdNotFound"),
        ({"security_token": "wrong"}, "AuthFailure.TokenFailure"),
    ],
)
def test_a_wrong_key_is_refused(server: TencentcloudServer, secret: dict[str, str], code: str) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        send(server, "UnTagResources", secret=secret, ResourceList=[INSTANCE], TagKeys=["env"])
    assert caught.value.code == code
    assert server.tags.history == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"TagKeys": ["env"]}, "MissingParameter"),
        ({"ResourceList": [INSTANCE]}, "MissingParameter"),
        ({"ResourceList": [INSTANCE] * 11, "TagKeys": ["env"]}, "LimitExceeded.ResourceNumPerRequest"),
        ({"ResourceList": [INSTANCE], "TagKeys": list("abcdefghijk")}, "LimitExceeded.TagNumPerRequest"),
        ({"ResourceList": ["ins-1"], "TagKeys": ["env"]}, "InvalidParameterValue.ResourceDescriptionError"),
        ({"ResourceList": [INSTANCE], "TagKeys": ["project"]}, "InvalidParameter.ReservedTagKey"),
        (
            {"ResourceList": [INSTANCE.replace("0001", "0002")], "TagKeys": ["env"]},
            "FailedOperation.ResourceAppIdNotSame",
        ),
    ],
)
def test_a_call_that_breaks_the_model_is_refused(server: TencentcloudServer, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        send(server, "UnTagResources", **fields)
    assert caught.value.code == code
    assert server.tags.history == []


def test_our_call_asks_for_what_the_clients_does(server: TencentcloudServer) -> None:
    async def ours(sts: str) -> Verdict:
        provider = TencentTag(server.url, sts)
        key = TencentCredentials(**server.secrets["default"])
        scope = provider.scope(Location("default", "ap-guangzhou", None), "cvm:instance").of_ids((INSTANCE,))
        async with httpx.AsyncClient(trust_env=False) as http:
            session = Session(http, key, provider.auth(key, scope), 5.0)
            return (await provider.write(session, Action.REMOVE, scope, (INSTANCE,), (Tag("env", None),))).verdict

    with TencentcloudStsServer() as sts:
        assert asyncio.run(ours(sts.url)) is Verdict.DONE
    fill(server)
    send(server, "UnTagResources", ResourceList=[INSTANCE], TagKeys=["env"])
    first, second = ((call.operation, call.ids, call.tags, call.applied) for call in server.calls)
    assert first == second


@given(
    fields=st.dictionaries(made.PIECES, made.PIECES, max_size=4),
    host=st.sampled_from(["tag.tencentcloudapi.com", "tag.intl.tencentcloudapi.com", "127.0.0.1:18080"]),
    key=made.ACCESS_KEYS,
    secret=made.SECRETS,
    token=made.TOKENS,
    clock=made.CLOCK,
)
def test_tencentcloud_signs_as_its_sdk_does(
    fields: dict[str, str], host: str, key: str, secret: str, token: str | None, clock: int
) -> None:
    sdk = TagClient(Credential("placeholder", "placeholder"), "", ClientProfile(httpProfile=HttpProfile(endpoint=host)))
    sdk.credential.get_credential_info = lambda: (key, secret, token)
    theirs = RequestInternal(host, "POST", "/", {}, "")
    with patch("tencentcloud.common.abstract_client.time.time", return_value=clock):
        sdk._build_req_with_tc3_signature("UnTagResources", fields, theirs)
    credentials = AccessKey.model_construct(access_key=key, secret_key=secret, security_token=token)
    request = httpx.Request(
        "POST", f"https://{host}/", content=theirs.data.encode(), headers={"content-type": "application/json"}
    )
    ours = made.signed(Tc3Auth(credentials, clock=lambda: clock), request)
    assert ours["authorization"] == theirs.header["Authorization"]
    assert ours["x-tc-timestamp"] == theirs.header["X-TC-Timestamp"]
    assert ours.get("x-tc-token") == theirs.header.get("X-TC-Token")
    account = Account(secret, security_token=token)
    assert TencentcloudVerifier({key: account}, lambda: clock).verify(made.received(request)) is account


@pytest.mark.parametrize("vector", VECTORS, ids=[one["name"] for one in VECTORS])
def test_the_local_server_takes_every_recorded_signature_and_no_other(vector: Any) -> None:
    service = vector["authorization"].split("/")[2]
    headers = {**vector["headers"], "Authorization": vector["authorization"]}
    account, moment = Account(vector["secret"]), int(vector["date"])
    verifier = TencentcloudVerifier({vector["access_key"]: account}, lambda: moment, service)

    def received(**changes: str) -> Any:
        request = httpx.Request("POST", vector["url"], content=vector["body"].encode(), headers={**headers, **changes})
        return made.received(request)

    assert verifier.verify(received()) is account
    for changes in ({"Host": "evil.example.com"}, {"X-TC-Timestamp": str(moment + 1)}, {"Content-Type": "text/plain"}):
        with pytest.raises(SignatureError, match="could not be validated"):
            verifier.verify(received(**changes))
    late = TencentcloudVerifier({vector["access_key"]: account}, lambda: moment + 301, service)
    with pytest.raises(SignatureError, match="expired"):
        late.verify(received())
