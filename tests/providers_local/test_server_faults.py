"""Every misbehaviour does what it says, and is counted."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.providers import HuaweicloudConfigServer, JdcloudServer

Body = Callable[..., dict[str, Any]]
Call = Callable[..., httpx.Response]
POLICY = "config:policyAssignments"


@pytest.fixture
def ask(jdcloud: JdcloudServer, jd: Call, untag: Body) -> Callable[..., httpx.Response]:
    """Untag `env=prod` from resources at the local JD Cloud."""

    def call(*ids: str, **tags: str) -> httpx.Response:
        return jd(jdcloud, "unTagResources", untag(*(ids or ("i-1",)), **(tags or {"env": "prod"})))

    return call


def changes(server: JdcloudServer) -> list[tuple[str, str]]:
    return [(change.id, change.key) for change in server.tags.history]


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"do": "throttle"}, 429, "HTTP_RATE_LIMIT_EXCEEDED"),
        ({"do": "throttle", "code": "RATE_LIMIT"}, 429, "RATE_LIMIT"),
        ({"do": "status"}, 500, "HTTP_INTERNAL_SERVER_ERROR"),
        ({"do": "status", "status": 502}, 502, "HTTP_BAD_GATEWAY"),
        ({"do": "unavailable"}, 503, "HTTP_SERVICE_UNAVAILABLE"),
        ({"do": "status", "status": 504}, 504, "HTTP_SERVER_TIMING_OUT"),
        ({"do": "unauthorized"}, 401, "ACCESS_ERROR"),
        ({"do": "forbidden"}, 403, "HTTP_FORBIDDEN"),
        ({"do": "refuse"}, 400, "HTTP_BAD_REQUEST"),
        ({"do": "refuse", "status": 413}, 413, "HTTP_REQUEST_ENTITY_TOO_LARGE"),
    ],
)
def test_jdclouds_refusals(jdcloud: JdcloudServer, ask: Call, rule: dict[str, Any], status: int, code: str) -> None:
    fault = jdcloud.faults.add(**rule)
    response = ask()
    assert (response.status_code, response.json()["error"]["status"]) == (status, code)
    assert "Retry-After" not in response.headers
    assert (fault.injected, changes(jdcloud)) == (1, [])
    assert (jdcloud.calls[0].fault, jdcloud.calls[0].code, jdcloud.calls[0].status) == (
        rule["do"],
        code,
        status,
    )


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"do": "throttle"}, 429, "APIGW.0308"),
        ({"do": "status"}, 500, "APIGW.0606"),
        ({"do": "status", "status": 500, "code": "RMS.00010001"}, 500, "RMS.00010001"),
        ({"do": "forbidden"}, 403, "APIGW.0302"),
        ({"do": "unauthorized"}, 401, "APIGW.0301"),
    ],
)
def test_huaweiclouds_refusals(
    huaweicloud: HuaweicloudConfigServer, hw: Call, rule: dict[str, Any], status: int, code: str
) -> None:
    huaweicloud.faults.add(**rule)
    response = hw(huaweicloud, "POST", f"{POLICY}/pa-1/tags/delete", {"tags": [{"key": "env"}]})
    assert (response.status_code, response.json()["error_code"]) == (status, code)
    assert ("request_id" in response.json()) is code.startswith("APIGW.")
    assert huaweicloud.tags.history == []


def test_a_throttle_can_say_when_to_come_back(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("throttle", retry_after="7")
    assert ask().headers["Retry-After"] == "7"


def test_a_failure_can_hide_a_call_that_took_effect(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("status", status=502, applied=True)
    assert ask().status_code == 502
    assert changes(jdcloud) == [("i-1", "env")]


@pytest.mark.parametrize("applied", [False, True])
def test_a_reset_cuts_the_line_before_or_after(jdcloud: JdcloudServer, ask: Call, applied: bool) -> None:
    jdcloud.faults.add("reset", applied=applied, times=1)
    with pytest.raises(httpx.ReadError):
        ask()
    assert changes(jdcloud) == ([("i-1", "env")] if applied else [])
    assert jdcloud.calls[0].status == 0
    assert ask("i-2").status_code == 200


@pytest.mark.parametrize("applied", [False, True])
def test_a_stall_lasts_until_the_client_gives_up(
    jdcloud: JdcloudServer, ask: Call, client: httpx.Client, applied: bool
) -> None:
    jdcloud.faults.add("stall", applied=applied)
    client.timeout = httpx.Timeout(5, read=0.3)
    with pytest.raises(httpx.ReadTimeout):
        ask()
    for _ in range(500):
        if jdcloud.calls[0].finished:
            break
        time.sleep(0.01)
    assert jdcloud.calls[0].seconds >= 0.25, "in flight for as long as the client waited"
    assert changes(jdcloud) == ([("i-1", "env")] if applied else [])


def test_a_stall_can_end_by_itself(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("stall", seconds=0.1)
    started = time.monotonic()
    with pytest.raises(httpx.ReadError):
        ask()
    assert 0.1 <= time.monotonic() - started < 2


@pytest.mark.parametrize("applied", [False, True])
def test_a_delay_holds_the_answer_up_before_or_after(jdcloud: JdcloudServer, ask: Call, applied: bool) -> None:
    jdcloud.faults.add("delay", seconds=0.2, applied=applied)
    assert ask().status_code == 200
    (call,), (change,) = jdcloud.calls, jdcloud.tags.history
    before, after = change.time - call.time, call.time + call.seconds - change.time
    assert (after if applied else before) >= 0.19


def test_answers_that_are_no_answers(jdcloud: JdcloudServer, ask: Call) -> None:
    for kind in ("truncate", "not_json", "empty", "redirect", "huge"):
        jdcloud.faults.add(kind, times=1, amount=1000)
    with pytest.raises(httpx.RemoteProtocolError):
        ask()
    assert changes(jdcloud) == [("i-1", "env")], "a truncated answer is one to a call that took effect"
    page, empty, redirect, huge = (ask("i-2") for _ in range(4))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert (empty.status_code, empty.content) == (200, b"")
    assert (redirect.status_code, redirect.headers["location"]) == (302, "http://127.0.0.1:9/elsewhere")
    assert len(huge.content) > 1000
    assert huge.json()["result"]["data"]["successCount"] == 1
    assert [fault.injected for fault in jdcloud.faults] == [1, 1, 1, 1, 1]


def test_a_partial_failure_spares_the_neighbours(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("partial", ids=["i-2"], message="migrating")
    found = ask("i-1", "i-2", "i-3").json()["result"]["data"]
    assert found["failedResourcesMap"] == [{"resourceId": "i-2", "msg": "migrating"}]
    assert found["successCount"] == 2
    assert changes(jdcloud) == [("i-1", "env"), ("i-3", "env")]


def test_a_partial_failure_can_concern_one_key(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("partial", ids=["i-*"], keys=["a"])
    found = ask("i-1", "i-2", env="prod", a="b").json()["result"]["data"]
    assert [entry["resourceId"] for entry in found["failedResourcesMap"]] == ["i-1", "i-2"]
    assert changes(jdcloud) == [("i-1", "env"), ("i-2", "env")]


def test_a_partial_failure_can_lie(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("partial", ids=["i-1"], applied=True)
    found = ask("i-1").json()["result"]["data"]
    assert (found["successCount"], len(found["failedResourcesMap"])) == (0, 1)
    assert changes(jdcloud) == [("i-1", "env")]


def test_one_bad_id_can_take_the_whole_call_along(jdcloud: JdcloudServer, ask: Call) -> None:
    jdcloud.faults.add("refuse", ids=["i-2"])
    assert ask("i-1", "i-2", "i-3").status_code == 400
    assert ask("i-1", "i-3").status_code == 200


@pytest.mark.parametrize(("amount", "told"), [(1, 3), (-1, 1), (-5, 0)])
def test_the_count_can_be_wrong(jdcloud: JdcloudServer, ask: Call, amount: int, told: int) -> None:
    jdcloud.faults.add("count", amount=amount)
    assert ask("i-1", "i-2").json()["result"]["data"]["successCount"] == told
    assert len(changes(jdcloud)) == 2


def test_a_read_can_speak_of_other_ids(jdcloud: JdcloudServer, jd: Call) -> None:
    fault = jdcloud.faults.add("other_ids", ids=["i-2", "i-9"])
    body: dict[str, Any] = {"serviceCodes": ["vm"], "resourceIds": ["i-1", "i-2", "i-9"]}
    listed = jd(jdcloud, "describeResources", body).json()["result"]["data"]["resourceTagMappingList"]
    assert [(row["resourceId"], row["serviceCode"], len(row["tags"])) for row in listed] == [
        ("i-1", "vm", 2),
        ("I-2", "vm", 2),
        ("I-9", "vm", 0),
    ]
    body = {"serviceCode": "vm", "resourceIds": ["i-1", "i-2"]}
    assert jd(jdcloud, "queryResource", body).json()["result"]["resourceIds"] == ["i-1", "I-2"]
    jd(jdcloud, "describeResources", {"serviceCodes": ["vm"]})
    jd(jdcloud, "describeResources", {"resourceIds": ["i-1"]})
    assert fault.injected == 2, "it strikes only where such an id is asked for"


@pytest.mark.parametrize("applied", [False, True])
def test_a_write_can_tell_of_a_failure_of_other_ids(jdcloud: JdcloudServer, ask: Call, applied: bool) -> None:
    jdcloud.tags.put("cn-north-1", "vm", "Img.Example.com", "env", "prod")
    jdcloud.faults.add("other_ids", ids=["Img*"], message="busy", applied=applied)
    found = ask("i-1", "Img.Example.com").json()["result"]["data"]
    assert found["failedResourcesMap"] == [{"resourceId": "img.example.com", "msg": "busy"}]
    assert found["successCount"] == 1
    assert (("Img.Example.com", "env") in changes(jdcloud)) is applied


def test_rules_can_wait_count_and_end(jdcloud: JdcloudServer, ask: Call) -> None:
    fault = jdcloud.faults.add("throttle", skip=1, every=2, times=2)
    assert [ask().status_code for _ in range(8)] == [200, 200, 429, 200, 429, 200, 200, 200]
    assert (fault.matched, fault.injected) == (8, 2)


def test_rules_speak_of_operations_accounts_and_kinds_of_calls(jdcloud: JdcloudServer, jd: Call, ask: Call) -> None:
    rules = [
        jdcloud.faults.add("throttle", operation="reading"),
        jdcloud.faults.add("throttle", operation="tagResources"),
        jdcloud.faults.add("throttle", account="another"),
    ]
    assert ask().status_code == 200
    assert jd(jdcloud, "describeResources", {}).status_code == 429
    assert [rule.injected for rule in rules] == [1, 0, 0]


def test_chance_is_the_same_for_the_same_seed(jd: Call, untag: Body) -> None:
    def run(seed: int) -> list[int]:
        with JdcloudServer(seed=seed) as server:
            server.faults.add("throttle", probability=0.5)
            return [jd(server, "unTagResources", untag("i-1", env="prod")).status_code for _ in range(20)]

    assert run(1) == run(1) != run(2)
    assert set(run(1)) == {200, 429}


def test_a_rule_that_means_nothing_is_refused(huaweicloud: HuaweicloudConfigServer) -> None:
    for rule in (
        {"do": "partial"},
        {"do": "count"},
        {"do": "other_ids"},
        {"do": "explode"},
        {"do": "reset", "every": 0},
    ):
        with pytest.raises(ValueError, match=rule["do"] if rule["do"] != "reset" else "every"):
            huaweicloud.faults.add(**rule)


def test_faults_tags_and_calls_can_be_steered_over_http(
    jdcloud: JdcloudServer, ask: Call, client: httpx.Client
) -> None:
    control = f"{jdcloud.url}/_control"
    assert client.post(f"{control}/faults", json={"do": "throttle", "times": 1}).status_code == 204
    assert client.post(f"{control}/faults", json={"faults": [{"do": "count"}]}).status_code == 204
    assert [ask().status_code for _ in range(2)] == [429, 200]
    assert [rule["injected"] for rule in client.get(f"{control}/faults").json()["faults"]] == [1, 1]
    assert [call["status"] for call in client.get(f"{control}/calls").json()["calls"]] == [429, 200]
    assert [row["key"] for row in client.get(f"{control}/history").json()["history"]] == ["env"]
    rows = [{"region": "cn-north-1", "type": "vm", "id": "i-9", "tags": {"env": "prod"}}]
    assert client.put(f"{control}/tags", json={"resources": rows}).status_code == 204
    shown = client.get(f"{control}/tags").json()["tags"]
    assert shown == jdcloud.tags.snapshot()
    assert shown["default"]["cn-north-1"]["vm"]["i-9"] == {"env": "prod"}
    assert client.delete(f"{control}/calls").status_code == client.delete(f"{control}/faults").status_code == 204
    assert (len(jdcloud.calls), len(jdcloud.faults)) == (0, 0)
    for bad in ({"do": "explode"}, {"do": "reset", "wibble": 1}, {}, []):
        assert client.post(f"{control}/faults", json=bad).status_code == 400
    assert client.put(f"{control}/tags", json={"resources": [{"id": "i-1"}]}).status_code == 400
    assert client.get(f"{control}/wibble").status_code == 404
