"""What the local Huawei Cloud Config answers, over real HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.providers import HuaweicloudConfigOptions, HuaweicloudConfigServer

Call = Callable[..., httpx.Response]
POLICY = "config:policyAssignments"


def tags_of(server: HuaweicloudConfigServer, name: str = "pa-1") -> dict[str, str] | None:
    return server.tags.get("default", "", POLICY, name)


def refusal(response: httpx.Response) -> tuple[int, str]:
    document = response.json()
    assert set(document) - {"request_id"} == {"error_code", "error_msg"}
    assert ("request_id" in document) == document["error_code"].startswith("APIGW.")
    assert len(response.headers["X-Request-Id"]) == 32
    return response.status_code, document["error_code"]


@pytest.mark.parametrize("type_", [POLICY, POLICY.replace(":", "%3A")])
def test_deleting_is_by_key_and_answers_nothing(huaweicloud: HuaweicloudConfigServer, hw: Call, type_: str) -> None:
    body = {"tags": [{"key": "env", "value": "another value"}, {"key": "a"}, {"key": "nothing"}]}
    response = hw(huaweicloud, "POST", f"{type_}/pa-1/tags/delete", body)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["X-Request-Id"] == huaweicloud.calls[0].request_id
    assert (tags_of(huaweicloud), tags_of(huaweicloud, "pa-2")) == ({}, {"env": "prod", "a": "b"})
    assert [(change.key, change.before) for change in huaweicloud.tags.history] == [
        ("env", "prod"),
        ("a", "b"),
    ]
    assert (huaweicloud.calls[0].pairs, huaweicloud.calls[0].applied) == (3, 2)


def test_values_are_compared_where_told(hw: Call) -> None:
    with HuaweicloudConfigServer(options=HuaweicloudConfigOptions(compare_values=True)) as server:
        server.tags.load([{"type": POLICY, "id": "pa-1", "tags": {"env": "prod", "a": "b", "c": ""}}])
        tags = [{"key": "env", "value": "other"}, {"key": "a"}, {"key": "c", "value": ""}]
        assert hw(server, "POST", f"{POLICY}/pa-1/tags/delete", {"tags": tags}).status_code == 204
        assert tags_of(server) == {"env": "prod"}


def test_creating_replaces_values_and_stops_at_twenty(huaweicloud: HuaweicloudConfigServer, hw: Call) -> None:
    path = f"{POLICY}/pa-1/tags/create"
    assert hw(huaweicloud, "POST", path, {"tags": [{"key": "env", "value": ""}]}).status_code == 204
    assert tags_of(huaweicloud) == {"env": "", "a": "b"}
    many = [{"key": f"k{number}", "value": "v"} for number in range(19)]
    assert refusal(hw(huaweicloud, "POST", path, {"tags": many})) == (400, "RMS.00010004")
    assert tags_of(huaweicloud) == {"env": "", "a": "b"}, "all or nothing"
    assert hw(huaweicloud, "POST", path, {"tags": many[:18]}).status_code == 204


@pytest.mark.parametrize(
    ("tags", "creating", "good"),
    [
        ([], False, False),
        ([{"key": f"k{number}"} for number in range(21)], False, False),
        ([{"key": "a"}, {"key": "a"}], False, False),
        ([{"key": ""}], False, False),
        ([{"key": "k" * 129}], False, False),
        ([{"key": "k", "value": "v" * 256}], False, False),
        ([{"key": "k", "value": 1}], False, False),
        ([{"key": "_sys_k<>"}], False, True),
        ([{"key": "k"}], True, False),
        ([{"key": "_sys_k", "value": "v"}], True, False),
        ([{"key": " k", "value": "v"}], True, False),
        ([{"key": "k<", "value": "v"}], True, False),
        ([{"key": "k/", "value": "v"}], True, False),
        ([{"key": "环境 é_.:=+-@", "value": "生产/😀"}], True, False),
        ([{"key": "环境 é_.:=+-@", "value": "生产/"}], True, True),
    ],
)
def test_what_a_tag_may_be(
    huaweicloud: HuaweicloudConfigServer, hw: Call, tags: list[Any], creating: bool, good: bool
) -> None:
    operation = "create" if creating else "delete"
    response = hw(huaweicloud, "POST", f"{POLICY}/pa-1/tags/{operation}", {"tags": tags})
    assert (response.status_code == 204) is good, response.text
    if not good:
        assert refusal(response) == (400, "RMS.00010004")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{POLICY}/pa-nowhere/tags/delete", (404, "RMS.00010404")),
        ("ecs/pa-1/tags/delete", (400, "RMS.00010002")),
        (f"{POLICY}/pa$1/tags/delete", (400, "RMS.00010010")),
        (f"{POLICY}/{'p' * 513}/tags/delete", (400, "RMS.00010009")),
        (f"{POLICY}/pa%2F1/tags/delete", (404, "APIGW.0101")),
        (f"{POLICY}/pa-1/tags/drop", (404, "APIGW.0101")),
    ],
)
def test_which_resources_are_refused(
    huaweicloud: HuaweicloudConfigServer, hw: Call, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(hw(huaweicloud, "POST", path, {"tags": [{"key": "env"}]})) == expected
    assert huaweicloud.tags.history == []


def test_reads(huaweicloud: HuaweicloudConfigServer, hw: Call) -> None:
    huaweicloud.tags.put("", POLICY, "pa-2", "env", "test")
    huaweicloud.tags.put("", POLICY, "pa-bare")
    tags = hw(huaweicloud, "GET", f"{POLICY}/pa-1/tags").json()
    assert tags == {"tags": [{"key": "env", "value": "prod"}, {"key": "a", "value": "b"}]}
    assert hw(huaweicloud, "GET", f"{POLICY}/pa-bare/tags").json() == {"tags": []}
    assert refusal(hw(huaweicloud, "GET", f"{POLICY}/pa-nowhere/tags")) == (404, "RMS.00010404")
    of_type = hw(huaweicloud, "GET", f"{POLICY}/tags?limit=1&offset=1").json()
    assert of_type == {"tags": [{"key": "env", "values": ["prod", "test"]}], "total_count": 2}
    assert refusal(hw(huaweicloud, "GET", f"{POLICY}/tags?limit=1001")) == (400, "RMS.00010004")

    def search(**body: Any) -> list[str]:
        path = f"{POLICY}/resource-instances"
        found = hw(huaweicloud, "POST", f"{path}/filter?limit=10", body).json()
        assert hw(huaweicloud, "POST", f"{path}/count", body).json() == {"total_count": found["total_count"]}
        return [row["resource_id"] for row in found["resources"]]

    assert search() == ["pa-1", "pa-2", "pa-bare"]
    assert search(tags=[{"key": "env", "values": ["prod", "other"]}]) == ["pa-1"]
    assert search(tags=[{"key": "env", "values": []}, {"key": "a", "values": ["b"]}]) == ["pa-1", "pa-2"]
    assert search(without_any_tag=True) == ["pa-bare"]
    assert search(matches=[{"key": "resource_name", "value": "pa-2"}]) == ["pa-2"]


def test_a_wrong_secret_is_told_what_the_gateway_signed(huaweicloud: HuaweicloudConfigServer, hw: Call) -> None:
    (key,) = huaweicloud.credentials
    with HuaweicloudConfigServer() as wrong:
        wrong.verifier.credentials = {}
        assert refusal(hw(wrong, "GET", f"{POLICY}/pa-1/tags")) == (401, "APIGW.0301")
        assert wrong.calls[0].access_key == key
        assert wrong.calls[0].account == ""


def test_a_body_over_twelve_megabytes_is_refused(huaweicloud: HuaweicloudConfigServer, hw: Call) -> None:
    body = {"tags": [{"key": "k", "value": "v" * 13 * 1024 * 1024}]}
    assert refusal(hw(huaweicloud, "POST", f"{POLICY}/pa-1/tags/delete", body)) == (413, "APIGW.0201")


def test_errors_and_empty_lists_take_the_form_that_is_set(huaweicloud: HuaweicloudConfigServer, hw: Call) -> None:
    huaweicloud.tags.put("", POLICY, "pa-bare")
    huaweicloud.error_shape = "nested_short"
    missing = hw(huaweicloud, "GET", f"{POLICY}/pa-nowhere/tags")
    error = {"message": "The resource does not exist", "code": "RMS.00010404"}
    assert (missing.status_code, missing.json()) == (404, {"error": error})
    huaweicloud.error_shape = "text"
    assert hw(huaweicloud, "GET", f"{POLICY}/pa-nowhere/tags").text == "The resource does not exist"
    huaweicloud.empty_lists = "null"
    assert hw(huaweicloud, "GET", f"{POLICY}/pa-bare/tags").json() == {"tags": None}
    huaweicloud.empty_lists = "left_out"
    assert hw(huaweicloud, "GET", f"{POLICY}/pa-bare/tags").json() == {}
