"""What the local JD Cloud answers, over real HTTP."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.providers import Account, JdcloudOptions, JdcloudServer, Pair
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth

Body = Callable[..., dict[str, Any]]
Call = Callable[..., httpx.Response]


def data(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    assert document["requestId"] == response.headers["x-jdcloud-request-id"]
    assert len(document["requestId"]) == 32
    found: dict[str, Any] = document["result"]["data"]
    return found


def error(response: httpx.Response) -> tuple[int, str, str]:
    document = response.json()
    assert document["error"]["code"] == response.status_code
    assert document["requestId"] == response.headers["x-jdcloud-request-id"]
    return response.status_code, document["error"]["status"], document["error"]["message"]


def test_untagging_counts_pairs_and_takes_only_what_was_named(jdcloud: JdcloudServer, jd: Call, untag: Body) -> None:
    answer = data(jd(jdcloud, "unTagResources", untag("i-1", "i-2", env="prod", a="b")))
    assert answer == {"pin": "default", "region": "cn-north-1", "failedResourcesMap": [], "successCount": 4}
    assert jdcloud.tags.snapshot()["default"]["cn-north-1"]["vm"] == {
        "i-1": {},
        "i-2": {},
        "i-3": {"env": "prod", "a": "b"},
    }


def test_the_history_says_who_asked_for_what(jdcloud: JdcloudServer, jd: Call, untag: Body) -> None:
    response = jd(jdcloud, "unTagResources", untag("i-1", env="prod"))
    jd(jdcloud, "tagResources", untag("i-1", env="test"))
    removed, added = jdcloud.tags.history
    assert (removed.account, removed.operation, removed.call) == ("default", "unTagResources", 1)
    assert removed.request_id == response.json()["requestId"] == jdcloud.calls[0].request_id
    assert (removed.region, removed.type, removed.id, removed.key) == ("cn-north-1", "vm", "i-1", "env")
    assert (removed.before, removed.after, added.before, added.after) == ("prod", None, None, "test")


def test_the_call_log_says_what_was_asked_and_what_came_of_it(jdcloud: JdcloudServer, jd: Call, untag: Body) -> None:
    jd(jdcloud, "unTagResources", untag("i-1", "i-nowhere", env="prod"))
    (call,) = jdcloud.calls
    assert (call.operation, call.account, call.writing, call.status) == (
        "unTagResources",
        "default",
        True,
        200,
    )
    assert (call.region, call.type, call.ids, call.tags) == (
        "cn-north-1",
        "vm",
        ("i-1", "i-nowhere"),
        (("env", "prod"),),
    )
    assert (call.pairs, call.applied, call.concurrent, call.finished) == (2, 1, 1, True)


@pytest.mark.parametrize(
    ("unbound", "count", "failed"), [("uncounted", 1, []), ("counted", 2, []), ("failed", 1, ["i-2"])]
)
def test_a_pair_that_is_not_bound(jd: Call, untag: Body, unbound: Any, count: int, failed: list[str]) -> None:
    with JdcloudServer(options=JdcloudOptions(unbound=unbound)) as server:
        server.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
        server.tags.put("cn-north-1", "vm", "i-2", "env", "another value")
        answer = data(jd(server, "unTagResources", untag("i-1", "i-2", env="prod")))
        assert answer["successCount"] == count
        assert [entry["resourceId"] for entry in answer["failedResourcesMap"]] == failed
        assert server.tags.pairs() == {Pair("default", "cn-north-1", "vm", "i-2", "env", "another value")}


def test_an_unknown_id_fails_alone_or_takes_the_call_along(jd: Call, untag: Body) -> None:
    with JdcloudServer() as lenient, JdcloudServer(options=JdcloudOptions(unknown_id="refused")) as strict:
        for server in (lenient, strict):
            server.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
        answer = data(jd(lenient, "unTagResources", untag("i-1", "i-0", env="prod", a="b")))
        assert answer["successCount"] == 1
        assert [entry["resourceId"] for entry in answer["failedResourcesMap"]] == ["i-0"]
        refused = error(jd(strict, "unTagResources", untag("i-1", "i-0", env="prod")))
        assert refused == (404, "NOT_FOUND", "resource i-0 not found")
        assert strict.tags.history == []


def test_failures_can_stand_once_per_pair_and_no_failures_can_be_null(jd: Call, untag: Body) -> None:
    options = JdcloudOptions(failures_per="pair", empty_failures="null")
    with JdcloudServer(options=options) as server:
        server.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
        failed = data(jd(server, "unTagResources", untag("i-0", env="prod", a="b")))["failedResourcesMap"]
        assert [entry["resourceId"] for entry in failed] == ["i-0", "i-0"]
        assert data(jd(server, "unTagResources", untag("i-1", env="prod")))["failedResourcesMap"] is None


def test_tagging_replaces_a_keys_value_and_stops_at_ten(jdcloud: JdcloudServer, jd: Call, untag: Body) -> None:
    assert data(jd(jdcloud, "tagResources", untag("i-1", env="test")))["successCount"] == 1
    many = {f"k{number}": "v" for number in range(9)}
    answer = data(jd(jdcloud, "tagResources", untag("i-1", **many)))
    assert answer["successCount"] == 8
    assert answer["failedResourcesMap"][0]["resourceId"] == "i-1"
    assert jdcloud.tags.get("default", "cn-north-1", "vm", "i-1")["env"] == "test"


def test_system_tags_cannot_be_touched_and_are_shown_on_request_only(
    jdcloud: JdcloudServer, jd: Call, untag: Body
) -> None:
    jdcloud.tags.put("cn-north-1", "vm", "i-1", "jrn:system", "x")
    body = untag("i-1") | {"tags": [{"key": "jrn:system", "value": "x"}]}
    assert data(jd(jdcloud, "unTagResources", body))["failedResourcesMap"]
    for status, shown in ((0, False), (1, True)):
        query = {"resourceIds": ["i-1"], "showTagStatus": status}
        (mapping,) = data(jd(jdcloud, "describeResources", query))["resourceTagMappingList"]
        assert ({"key": "jrn:system", "value": "x"} in mapping["tags"]) is shown


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resources": [], "tags": [{"key": "a", "value": "b"}]},
        {"resources": [{"serviceCode": "vm", "resourceId": []}], "tags": [{"key": "a", "value": "b"}]},
        {"resources": [{"serviceCode": "vm", "resourceId": "i-1"}], "tags": [{"key": "a", "value": "b"}]},
        {"resources": [{"serviceCode": "vm", "resourceId": ["i-1"]}], "tags": []},
        {"resources": [{"serviceCode": "vm", "resourceId": ["i-1"]}], "tags": [{"key": "a"}]},
        {"resources": [{"serviceCode": "vm", "resourceId": ["i-1"]}], "tags": [{"key": "a", "value": ""}]},
        {
            "resources": [{"serviceCode": "vm", "resourceId": ["i-1"]}],
            "tags": [{"key": "a" * 128, "value": "b"}],
        },
        {
            "resources": [{"serviceCode": "vm", "resourceId": ["i-1"]}],
            "tags": [{"key": "a", "value": "b" * 256}],
        },
        {"resources": [{"serviceCode": "cdn", "resourceId": ["i-1"]}], "tags": [{"key": "a", "value": "b"}]},
        {
            "resources": [
                {"serviceCode": "vm", "resourceId": ["i-1"]},
                {"serviceCode": "disk", "resourceId": ["vol-1"]},
            ],
            "tags": [{"key": "a", "value": "b"}],
        },
    ],
)
def test_a_malformed_call_is_refused_as_a_whole(jdcloud: JdcloudServer, jd: Call, body: dict[str, Any]) -> None:
    assert error(jd(jdcloud, "unTagResources", body))[:2] == (400, "INVALID_ARGUMENT")
    assert jdcloud.tags.history == []


@pytest.mark.parametrize(
    "content",
    [b"", b"wibble", b"\xff\xfe", b"[" * 100_000, b"[]", b'{"unTagResources": []}'],
    ids=["empty", "text", "bytes", "deep", "list", "wrong"],
)
def test_a_body_that_is_no_call_is_refused_and_breaks_nothing(
    jdcloud: JdcloudServer, client: httpx.Client, content: bytes
) -> None:
    auth = DerivedKeyAuth(
        JDCLOUD3, JDCloudCredentials(**jdcloud.secrets["default"]), region="cn-north-1", service="resourcetag"
    )
    url = f"{jdcloud.url}/v1/regions/cn-north-1/tags:unTagResources"
    assert error(client.post(url, content=content, auth=auth))[0] == 400


def test_half_a_character_in_an_id_is_answered_all_the_same(
    jdcloud: JdcloudServer, client: httpx.Client, untag: Body
) -> None:
    auth = DerivedKeyAuth(
        JDCLOUD3, JDCloudCredentials(**jdcloud.secrets["default"]), region="cn-north-1", service="resourcetag"
    )
    url = f"{jdcloud.url}/v1/regions/cn-north-1/tags:unTagResources"
    content = json.dumps({"unTagResources": untag("\ud800", env="prod")})
    assert len(data(client.post(url, content=content, auth=auth))["failedResourcesMap"]) == 1


def test_cdn_lives_in_cn_all(jdcloud: JdcloudServer, jd: Call, untag: Body) -> None:
    jdcloud.tags.put("cn-all", "cdn", "www.example.com", "env", "prod")
    body = untag("www.example.com", service_code="cdn", env="prod")
    assert data(jd(jdcloud, "unTagResources", body, "cn-all"))["successCount"] == 1


def test_reads_filter_and_answer_in_the_sdks_models(jdcloud: JdcloudServer, jd: Call) -> None:
    jdcloud.tags.put("cn-north-1", "disk", "vol-1", "env", "test")
    jdcloud.tags.put("cn-east-2", "vm", "i-9", "zone", "east")
    jdcloud.tags.put("cn-north-1", "vm", "i-bare")

    def resources(**query: Any) -> list[str]:
        found = data(jd(jdcloud, "describeResources", query))["resourceTagMappingList"]
        return [mapping["resourceId"] for mapping in found]

    assert sorted(resources()) == ["i-1", "i-2", "i-3", "vol-1"]
    assert resources(serviceCodes=["disk"]) == ["vol-1"]
    assert resources(resourceIds=["i-2", "i-bare", "i-0"]) == ["i-2"]
    assert resources(tagFilters=[{"key": "env", "values": ["test"]}]) == ["vol-1"]
    assert len(resources(tagFilters=[{"key": "env"}])) == 4
    assert len(resources(tagFilters=[{"key": "env"}, {"key": "a", "values": ["b"]}])) == 3
    assert data(jd(jdcloud, "describeKeys", {}))["tagKeys"] == ["a", "env"]
    assert data(jd(jdcloud, "describeValues", {"tagFilters": [{"key": "env"}]}))["tagValues"] == [
        "prod",
        "test",
    ]
    tags = data(jd(jdcloud, "describeTags", {}, "all-region"))["tags"]
    assert {"key": "zone", "value": "east"} in tags
    query = {"serviceCode": "disk", "tagFilters": [{"key": "env"}]}
    assert jd(jdcloud, "queryResource", query).json()["result"] == {"resourceIds": ["vol-1"]}


def test_accounts_do_not_see_each_others_tags(jd: Call, untag: Body) -> None:
    with JdcloudServer() as server:
        server.tags.put("cn-north-1", "vm", "i-1", "env", "prod", account="another")
        assert data(jd(server, "unTagResources", untag("i-1", env="prod")))["successCount"] == 0
        assert data(jd(server, "describeResources", {}))["resourceTagMappingList"] == []
        assert len(server.tags.pairs()) == 1


def test_a_rotated_key_opens_the_same_account(jdcloud: JdcloudServer, jd: Call) -> None:
    (old,) = jdcloud.credentials
    jdcloud.credentials["NEWKEY"] = Account("new secret")
    assert jdcloud.secrets["default"]["access_key"] == "NEWKEY"
    del jdcloud.credentials[old]
    assert data(jd(jdcloud, "describeKeys", {}))["tagKeys"] == ["a", "env"]


@pytest.mark.parametrize("path", ["/", "/v1/regions/cn-north-1/tags:dropResources", "/v2/regions/a/describeTags"])
def test_the_gateway_knows_no_other_path(jdcloud: JdcloudServer, client: httpx.Client, path: str) -> None:
    assert error(client.post(jdcloud.url + path)) == (
        404,
        "NOT_FOUND",
        "no route and no API found with those values [gw]",
    )


def test_an_unsigned_call_is_refused_and_logged(jdcloud: JdcloudServer, client: httpx.Client) -> None:
    response = client.post(f"{jdcloud.url}/v1/regions/cn-north-1/tags:unTagResources", json={})
    assert error(response) == (401, "ACCESS_ERROR", "lack of header authorization [gw]")
    assert (jdcloud.calls[0].status, jdcloud.calls[0].code, jdcloud.calls[0].account) == (
        401,
        "ACCESS_ERROR",
        "",
    )
