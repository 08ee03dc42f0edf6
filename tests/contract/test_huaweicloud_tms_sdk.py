"""The local Tag Management Service, driven by the official client."""

from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from vendors import plain, sdk_tms, tms_client

from local.providers import Account, HuaweicloudTmsServer

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"


@pytest.fixture
def server() -> Iterator[HuaweicloudTmsServer]:
    with HuaweicloudTmsServer() as server:
        for name in ("i-1", "i.2:x"):
            tags = {"env": "prod", "部门": "研发 é"}
            server.tags.load([{"region": PROJECT, "type": "ecs", "id": name, "tags": tags}])
        server.tags.load([{"type": "cdn", "id": "static.example.com", "tags": {"env": "prod"}}])
        yield server


def resources(*ids: str, type_: str = "ecs") -> list[Any]:
    return [sdk_tms.ResourceTagBody(resource_id=id_, resource_type=type_) for id_ in ids]


def untag(*ids: str, type_: str = "ecs", project: str | None = PROJECT, **tags: str | None) -> Any:
    named = [sdk_tms.DeleteTagRequest(key=key, value=value) for key, value in tags.items()]
    body = sdk_tms.ReqDeleteTag(project_id=project, resources=resources(*ids, type_=type_), tags=named)
    return sdk_tms.DeleteResourceTagRequest(body)


def test_untag_removes_what_it_names(server: HuaweicloudTmsServer) -> None:
    client = tms_client(server)
    answer = client.delete_resource_tag(untag("i-1", "i.2:x", 部门="研发 é", nothing="there"))
    assert plain(answer) == {"failed_resources": []}
    client.delete_resource_tag(untag("i-1", env=None))
    assert server.tags.snapshot()["default"][PROJECT]["ecs"] == {"i-1": {}, "i.2:x": {"env": "prod"}}
    assert [call.tags for call in server.calls] == [(("部门", "研发 é"), ("nothing", "there")), (("env", None),)]


def test_a_global_resource_is_named_without_a_project(server: HuaweicloudTmsServer) -> None:
    tms_client(server).delete_resource_tag(untag("static.example.com", type_="cdn", project=None, env="prod"))
    assert server.tags.get("default", "", "cdn", "static.example.com") == {}


def test_a_partial_failure_arrives_as_a_success_with_a_list(server: HuaweicloudTmsServer) -> None:
    server.faults.add("partial", ids=["i-1"], code="TMS.0006")
    answer = tms_client(server).delete_resource_tag(untag("i-0", "i-1", "i.2:x", env="prod"))
    assert answer.status_code == 200
    assert {item.resource_id: (item.resource_type, item.error_code) for item in answer.failed_resources} == {
        "i-0": ("ecs", "TMS.0005"),
        "i-1": ("ecs", "TMS.0006"),
    }
    assert all(item.error_msg for item in answer.failed_resources)


def test_tag_binds(server: HuaweicloudTmsServer) -> None:
    tags = [sdk_tms.CreateTagRequest(key="owner", value=""), sdk_tms.CreateTagRequest(key="env", value="test")]
    body = sdk_tms.ReqCreateTag(project_id=PROJECT, resources=resources("i-1"), tags=tags)
    answer = tms_client(server).create_resource_tag(sdk_tms.CreateResourceTagRequest(body))
    assert answer.failed_resources == []
    assert server.tags.get("default", PROJECT, "ecs", "i-1") == {"env": "test", "部门": "研发 é", "owner": ""}


def test_reads_are_read_by_the_client(server: HuaweicloudTmsServer) -> None:
    client = tms_client(server)
    tags = client.show_resource_tag(sdk_tms.ShowResourceTagRequest("i.2:x", PROJECT, "ecs"))
    assert plain(tags)["tags"] == [{"key": "env", "value": "prod"}, {"key": "部门", "value": "研发 é"}]
    body = sdk_tms.ResqTagResource(
        project_id=PROJECT, resource_types=["ecs"], tags=[sdk_tms.Tag(key="env", values=["prod"])], limit=1, offset=1
    )
    found = client.list_resource(sdk_tms.ListResourceRequest(body))
    assert (found.total_count, found.errors) == (2, [])
    (row,) = found.resources
    assert (row.project_id, row.resource_id, row.resource_type, len(row.tags)) == (PROJECT, "i.2:x", "ecs", 2)
    keys = client.list_tag_keys(sdk_tms.ListTagKeysRequest(limit=1))
    assert (keys.keys, keys.page_info.next_marker, keys.page_info.current_count) == (["env"], "1", 1)
    values = client.list_tag_values(sdk_tms.ListTagValuesRequest(key="env"))
    assert (values.values, values.page_info.next_marker) == (["prod"], "")
    listed = client.list_tags(sdk_tms.ListTagsRequest(resource_types="ecs", project_id=PROJECT))
    assert plain(listed)["tags"][0] == {"key": "env", "values": ["prod"]}
    services = client.list_providers(sdk_tms.ListProvidersRequest(limit=200))
    types = {type_.resource_type: type_._global for service in services.providers for type_ in service.resource_types}
    assert (types["ecs"], types["cdn"], services.total_count) == (False, True, len(services.providers))


def failure(server: HuaweicloudTmsServer, request: Any, **changes: str) -> tuple[int, str]:
    with pytest.raises((ClientRequestException, ServerResponseException)) as caught:
        tms_client(server, **changes).delete_resource_tag(request)
    assert caught.value.request_id == server.calls[-1].request_id
    assert caught.value.error_msg
    assert server.tags.history == []
    return caught.value.status_code, caught.value.error_code


def test_refusals_are_read_by_the_client_out_of_the_nested_envelope(server: HuaweicloudTmsServer) -> None:
    assert failure(server, untag("i-1", project=None, env="prod")) == (400, "TMS.2011")
    assert failure(server, untag("i-1", type_="ECS", env="prod")) == (400, "TMS.5027")
    assert failure(server, untag("i-1")) == (400, "TMS.0012")
    assert failure(server, untag(*map(str, range(51)), env="prod")) == (400, "TMS.0002")


@pytest.mark.parametrize(
    "changes", [{"secret_key": "wrong"}, {"access_key": "WRONG"}, {"domain_id": "another"}, {"security_token": "x"}]
)
def test_another_identity_is_refused(server: HuaweicloudTmsServer, changes: dict[str, str]) -> None:
    assert failure(server, untag("i-1", env="prod"), **changes) == (401, "APIGW.0301")


def test_temporary_credentials_are_accepted() -> None:
    account = Account("secret", security_token="dG9rZW4=/+x", domain_id="d0ma1n")
    with HuaweicloudTmsServer({"TEMPORARYKEY": account}) as server:
        server.tags.put(PROJECT, "ecs", "i-1", "env", "prod")
        assert tms_client(server).delete_resource_tag(untag("i-1", env="prod")).failed_resources == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"do": "throttle"}, (429, "APIGW.0308")),
        ({"do": "forbidden", "code": "TMS.0006"}, (403, "TMS.0006")),
        ({"do": "status", "code": "TMS.0001"}, (500, "TMS.0001")),
        ({"do": "status", "status": 502}, (502, "APIGW.0201")),
    ],
)
def test_failures_are_read_by_the_client(
    server: HuaweicloudTmsServer, rule: dict[str, Any], expected: tuple[int, str]
) -> None:
    server.faults.add(**rule)
    assert failure(server, untag("i-1", env="prod")) == expected
