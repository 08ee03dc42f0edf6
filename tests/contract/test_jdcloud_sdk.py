"""The local JD Cloud, driven by the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jdcloud_sdk.core import const
from jdcloud_sdk.services.resourcetag.apis.DescribeKeysRequest import DescribeKeysRequest
from jdcloud_sdk.services.resourcetag.apis.DescribeResourcesRequest import DescribeResourcesRequest
from jdcloud_sdk.services.resourcetag.apis.DescribeTagsRequest import DescribeTagsRequest
from jdcloud_sdk.services.resourcetag.apis.DescribeValuesRequest import DescribeValuesRequest
from jdcloud_sdk.services.resourcetag.apis.QueryResourceRequest import QueryResourceRequest
from jdcloud_sdk.services.resourcetag.apis.TagResourcesRequest import TagResourcesRequest
from jdcloud_sdk.services.resourcetag.apis.UnTagResourcesRequest import UnTagResourcesRequest
from vendors import jdcloud_client

from local.providers import Account, JdcloudServer

REGION = "cn-north-1"


@pytest.fixture
def server() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        for name in ("i-1", "i-2"):
            server.tags.load([{"region": REGION, "type": "vm", "id": name, "tags": {"env": "prod", "部门": "研发 é"}}])
        yield server


def body(*ids: str, **tags: str) -> dict[str, Any]:
    return {
        "resources": [{"serviceCode": "vm", "resourceId": list(ids)}],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


def send(server: JdcloudServer, kind: type, region: str = REGION, **parameters: Any) -> Any:
    response = jdcloud_client(server).send(kind({"regionId": region, **parameters}))
    assert response.error is None, vars(response.error)
    assert response.request_id == server.calls[-1].request_id
    return response.result


def test_untag_removes_what_it_names(server: JdcloudServer) -> None:
    result = send(server, UnTagResourcesRequest, unTagResources=body("i-1", "i-2", 部门="研发 é"))
    assert result["data"] == {"pin": "default", "region": REGION, "failedResourcesMap": [], "successCount": 2}
    assert server.tags.snapshot()["default"][REGION]["vm"] == {"i-1": {"env": "prod"}, "i-2": {"env": "prod"}}
    assert (server.calls[0].operation, server.calls[0].region, server.calls[0].applied) == ("unTagResources", REGION, 2)


def test_tag_binds(server: JdcloudServer) -> None:
    assert send(server, TagResourcesRequest, tagResources=body("i-1", owner="x"))["data"]["successCount"] == 1
    assert server.tags.get("default", REGION, "vm", "i-1")["owner"] == "x"


def test_a_partial_failure_arrives_as_a_success_with_a_list(server: JdcloudServer) -> None:
    server.faults.add("partial", ids=["i-2"], message="migrating")
    data = send(server, UnTagResourcesRequest, unTagResources=body("i-0", "i-1", "i-2", env="prod"))["data"]
    assert data["successCount"] == 1
    assert {entry["resourceId"]: entry["msg"] for entry in data["failedResourcesMap"]} == {
        "i-0": "resource i-0 not found",
        "i-2": "migrating",
    }


def test_describe_resources_tags_keys_values(server: JdcloudServer) -> None:
    query = {"serviceCodes": ["vm"], "resourceIds": ["i-2"], "tagFilters": [{"key": "env", "values": ["prod"]}]}
    (mapping,) = send(server, DescribeResourcesRequest, resourceVo=query)["data"]["resourceTagMappingList"]
    assert (mapping["serviceCode"], mapping["resourceId"], len(mapping["tags"])) == ("vm", "i-2", 2)
    tags = send(server, DescribeTagsRequest, "all-region", tagKeysVo={"kind": "all"})["data"]["tags"]
    assert {"key": "部门", "value": "研发 é"} in tags
    assert send(server, DescribeKeysRequest, tagKeysVo={})["data"]["tagKeys"] == ["env", "部门"]
    values = send(server, DescribeValuesRequest, tagValuesVo={"tagFilters": [{"key": "env"}]})
    assert values["data"]["tagValues"] == ["prod"]
    found = send(server, QueryResourceRequest, queryResource={"serviceCode": "vm", "tagFilters": [{"key": "env"}]})
    assert found == {"resourceIds": ["i-1", "i-2"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret_key": "wrong"}, "sign result is not same [gw]"),
        ({"access_key": "WRONG"}, "Invalid accessKey [gw]"),
    ],
)
def test_a_wrong_key_is_an_access_error(server: JdcloudServer, changes: dict[str, str], words: str) -> None:
    parameters = {"regionId": REGION, "unTagResources": body("i-1", env="prod")}
    response = jdcloud_client(server, **changes).send(UnTagResourcesRequest(parameters))
    assert (response.error.code, response.error.status, response.error.message) == (401, "ACCESS_ERROR", words)
    assert response.request_id
    assert response.result is None
    assert server.tags.history == []


def test_a_security_token_is_checked() -> None:
    accounts = {"FAKEJDAK": Account("secret", security_token="token é")}
    parameters = {"regionId": REGION, "tagKeysVo": {}}
    with JdcloudServer(accounts) as server:
        client = jdcloud_client(server)
        refused = client.send(DescribeKeysRequest(parameters))
        assert refused.error.code == 401
        accepted = client.send(DescribeKeysRequest(parameters, {"x-jdcloud-security-token": "token é"}))
        assert accepted.error is None


@pytest.mark.parametrize(
    ("rule", "code", "status"),
    [
        ({"do": "throttle"}, 429, "HTTP_RATE_LIMIT_EXCEEDED"),
        ({"do": "unavailable"}, 503, "HTTP_SERVICE_UNAVAILABLE"),
        ({"do": "forbidden"}, 403, "HTTP_FORBIDDEN"),
        ({"do": "refuse", "ids": ["i-2"]}, 400, "HTTP_BAD_REQUEST"),
    ],
)
def test_failures_are_read_by_the_client(server: JdcloudServer, rule: dict[str, Any], code: int, status: str) -> None:
    server.faults.add(**rule)
    parameters = {"regionId": REGION, "unTagResources": body("i-1", "i-2", env="prod")}
    response = jdcloud_client(server).send(UnTagResourcesRequest(parameters))
    assert (response.error.code, response.error.status) == (code, status)


def test_a_malformed_call_and_a_broken_answer(server: JdcloudServer) -> None:
    client = jdcloud_client(server)
    refused = client.send(UnTagResourcesRequest({"regionId": REGION, "unTagResources": body("i-1")}))
    assert (refused.error.code, refused.error.status) == (400, "INVALID_ARGUMENT")
    parameters = {"regionId": REGION, "unTagResources": body("i-1", env="prod")}
    server.faults.add("not_json", times=1)
    with pytest.raises(ValueError, match="Expecting value"):
        client.send(UnTagResourcesRequest(parameters))
    server.faults.add("reset", times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.send(UnTagResourcesRequest(parameters))


def test_the_older_signature_is_accepted_too(server: JdcloudServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """JDCLOUD2, which the documents describe and the Go SDK sends, is the same signer under other names."""
    monkeypatch.setattr(const, "JDCLOUD3", "JDCLOUD2")
    monkeypatch.setattr(const, "JDCLOUD3_ALGORITHM", "JDCLOUD2-HMAC-SHA256")
    monkeypatch.setattr(const, "JDCLOUD3_REQUEST", "jdcloud2_request")
    sent: list[str] = []
    real = requests.request

    def spy(*args: Any, **kwargs: Any) -> Any:
        sent.append(kwargs["headers"]["Authorization"])
        return real(*args, **kwargs)

    monkeypatch.setattr(requests, "request", spy)
    result = send(server, UnTagResourcesRequest, unTagResources=body("i-1", env="prod"))
    assert result["data"]["successCount"] == 1
    assert sent[0].startswith("JDCLOUD2-HMAC-SHA256 Credential=")
    refused = jdcloud_client(server, secret_key="wrong").send(
        DescribeKeysRequest({"regionId": REGION, "tagKeysVo": {}})
    )
    assert refused.error.message == "sign result is not same [gw]"
