"""The local Huawei Cloud Config, driven by the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkconfig import v1 as sdk
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException, ServerResponseException
from vendors import huaweicloud_client, plain

from local.providers import Account, HuaweicloudConfigServer

POLICY = "config:policyAssignments"


@pytest.fixture
def server() -> Iterator[HuaweicloudConfigServer]:
    with HuaweicloudConfigServer() as server:
        for name in ("pa-1", "pa.2:x"):
            server.tags.load([{"type": POLICY, "id": name, "tags": {"env": "prod", "部门": "研发 é"}}])
        yield server


def untag(*tags: tuple[str, str | None], name: str = "pa-1", type_: str = POLICY) -> Any:
    body = sdk.UnTagsReq(tags=[sdk.ResourceUnTag(key=key, value=value) for key, value in tags])
    return sdk.UnTagResourceRequest(type_, name, body)


def test_untag_removes_what_it_names(server: HuaweicloudConfigServer) -> None:
    client = huaweicloud_client(server)
    response = client.un_tag_resource(untag(("部门", "研发 é"), ("nothing", "there"), name="pa.2:x"))
    assert response.status_code == 204
    assert response.raw_content == b""
    client.un_tag_resource(untag(("env", None)))
    assert server.tags.snapshot()["default"][""][POLICY] == {"pa-1": {"部门": "研发 é"}, "pa.2:x": {"env": "prod"}}
    assert [call.tags for call in server.calls] == [(("部门", "研发 é"), ("nothing", "there")), (("env", None),)]


def test_tag_binds(server: HuaweicloudConfigServer) -> None:
    body = sdk.TagsReq(tags=[sdk.ResourceTag(key="owner", value=""), sdk.ResourceTag(key="env", value="test")])
    assert huaweicloud_client(server).tag_resource(sdk.TagResourceRequest(POLICY, "pa-1", body)).status_code == 204
    assert server.tags.get("default", "", POLICY, "pa-1") == {"env": "test", "部门": "研发 é", "owner": ""}


def test_lists_are_read_by_the_client(server: HuaweicloudConfigServer) -> None:
    client = huaweicloud_client(server)
    tags = client.list_tags_for_resource(sdk.ListTagsForResourceRequest(POLICY, "pa-1"))
    assert plain(tags)["tags"] == [{"key": "env", "value": "prod"}, {"key": "部门", "value": "研发 é"}]
    request = sdk.ListTagsForResourceTypeRequest(resource_type=POLICY, limit=1, offset=1)
    of_type = plain(client.list_tags_for_resource_type(request))
    assert of_type == {"tags": [{"key": "部门", "values": ["研发 é"]}], "total_count": 2}
    body = sdk.ResourceInstancesReq(
        tags=[sdk.Tag(key="env", values=["prod"])], matches=[sdk.Match(key="resource_name", value="pa-1")]
    )
    found = plain(client.list_resources_by_tag(sdk.ListResourcesByTagRequest(POLICY, 10, 0, body)))
    assert [(row["resource_id"], len(row["tags"])) for row in found["resources"]] == [("pa-1", 2)]
    count = client.count_resources_by_tag(sdk.CountResourcesByTagRequest(POLICY, body))
    assert count.total_count == found["total_count"] == 1


def failure(server: HuaweicloudConfigServer, request: Any, **changes: str) -> tuple[int, str, SdkException]:
    with pytest.raises((ClientRequestException, ServerResponseException)) as caught:
        huaweicloud_client(server, **changes).un_tag_resource(request)
    assert caught.value.request_id == server.calls[-1].request_id
    assert server.tags.history == []
    return caught.value.status_code, caught.value.error_code, caught.value


def test_refusals_are_read_by_the_client(server: HuaweicloudConfigServer) -> None:
    some = ("env", "prod")
    assert failure(server, untag(some, name="pa-nowhere"))[:2] == (404, "RMS.00010404")
    assert failure(server, untag(some, type_="config:wibble"))[:2] == (400, "RMS.00010002")
    assert failure(server, untag())[:2] == (400, "RMS.00010004")
    assert failure(server, untag(*((f"k{number}", "v") for number in range(21))))[:2] == (400, "RMS.00010004")


def test_a_wrong_secret_is_told_by_the_gateway_until_the_key_is_locked(server: HuaweicloudConfigServer) -> None:
    for _ in range(6):
        status, code, error = failure(server, untag(("env", "prod")), secret_key="wrong")
        assert (status, code) == (401, "APIGW.0301")
        assert "canonicalRequest:POST|/v1/resource-manager/config%3ApolicyAssignments/pa-1/" in error.error_msg
    status, code, error = failure(server, untag(("env", "prod")))
    assert (status, code) == (401, "APIGW.0301")
    assert error.error_msg.endswith("AK access failed to reach the limit, forbidden")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"access_key": "WRONG"}, "Get secretKey failed"),
        ({"domain_id": "another"}, "X-Domain-Id"),
        ({"security_token": "uninvited"}, "decrypt token fail"),
    ],
)
def test_another_identity_is_refused(server: HuaweicloudConfigServer, changes: dict[str, str], words: str) -> None:
    status, code, error = failure(server, untag(("env", "prod")), **changes)
    assert (status, code) == (401, "APIGW.0301")
    assert words in error.error_msg


def test_temporary_credentials_are_accepted() -> None:
    account = Account("secret", security_token="dG9rZW4=/+x", domain_id="d0ma1n")
    with HuaweicloudConfigServer({"TEMPORARYKEY": account}) as server:
        server.tags.put("", POLICY, "pa-1", "env", "prod")
        assert huaweicloud_client(server).un_tag_resource(untag(("env", "prod"))).status_code == 204


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"do": "throttle"}, 429, "APIGW.0308"),
        ({"do": "forbidden"}, 403, "APIGW.0302"),
        ({"do": "status", "status": 500, "code": "RMS.00010001"}, 500, "RMS.00010001"),
        ({"do": "status", "status": 502}, 502, "APIGW.0201"),
    ],
)
def test_failures_are_read_by_the_client(
    server: HuaweicloudConfigServer, rule: dict[str, Any], status: int, code: str
) -> None:
    server.faults.add(**rule)
    assert failure(server, untag(("env", "prod")))[:2] == (status, code)
