"""Ids at Huawei Cloud: they stand in a path, so what could change the path is refused before anything is called."""

import pytest
from service_house import HUAWEI_HOST, House, huawei_request, record

from local.providers import HuaweicloudTmsServer

TYPES = ("config:policyAssignments", "config:aggregators", "ecs", "cdn")
every_type = pytest.mark.parametrize("type_", TYPES)
every_action = pytest.mark.parametrize("action", ["remove", "restore"])


@pytest.fixture
def house():
    environ = {"UNTAG_HUAWEICLOUD_TMS_ENDPOINT": f"https://{HUAWEI_HOST}"}
    with House(huawei=HuaweicloudTmsServer(), environ=environ) as house:
        yield house


def asking(*ids, type_, **fields):
    return huawei_request() | {"project_id": "p1", "resources": [{"type": type_, "ids": list(ids)}], **fields}


@pytest.mark.parametrize(
    "id_",
    [
        *(".", "..", "...", "a/b", "/", "../x", "a/../b", "a\\b", "%2e%2e", "a%2Fb", "%", "a?b", "a#b", "a@b", "@"),
        *("a b", " ", " a", "a ", "a;b", "a&b", "a=b", "a+b", "*.example.com", "é", "资源", "\u0430", "a\u200bb", "😀"),
        *("a{b}", "{resource_id}", "a'b", 'a"b', "a,b", "a~b", "[::1]", "//evil.example.com", "a\u00a0b"),
    ],
)
@every_type
@every_action
def test_an_id_that_could_change_a_path_is_refused_and_no_request_leaves(house, id_, type_, action):
    house.batch(record(asking("good", id_, type_=type_, action=action)))
    assert list(house.huawei.calls) == []
    ((_, attributes),) = house.aws.letters()
    assert attributes["code"] == "invalid"
    assert "resources.0.ids.1" in attributes["reason"]


@pytest.mark.parametrize("id_", ["i-1", "static.example.com", "a:b_c-D.9", "_", "..a", "a..", "-", ":"])
@every_type
def test_an_id_of_letters_digits_dots_dashes_and_colons_is_asked_for(house, id_, type_):
    house.batch(record(asking(id_, type_=type_)))
    path = house.huawei.calls[0].path
    assert path.split("/")[-2:] == [id_.replace(":", "%3A"), "tags"]
