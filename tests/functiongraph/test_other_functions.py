"""Decommission events, sweeps and calls of the API gateway on FunctionGraph."""

import base64
import json

import pytest
from platform_support import NOW, VECTORS, Platform, event, request, stored

from untag.contracts.rejections import InvocationError
from untag.hosts.functiongraph.queues import Key

SERVER = "4f1c0c4e-0d5d-4a4d-9d0e-6d6d5f0f0001"
DOMAIN = "9999aaaabbbbccccddddeeeeffff0000"
OWN_PROJECT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@pytest.fixture
def cloud(platform: Platform) -> Platform:
    """Huawei Cloud's account is the one that the functions run in; a machine of it has two tags."""
    platform.agency.trust(platform.tms.credentials, DOMAIN)
    platform.variables |= {"UNTAG_DOMAIN_ID": DOMAIN, "UNTAG_ACCOUNTS": f"huaweicloud/{DOMAIN}=default"}
    platform.new_process()
    platform.tms.tags.put(OWN_PROJECT, "ecs", SERVER, "owner", "ops")
    platform.tms.tags.put(OWN_PROJECT, "ecs", SERVER, "env", "prod")
    return platform


@pytest.mark.parametrize("name", ["cts", "smn", "eventgrid_cts"])
def test_a_deletion_at_huawei_cloud_leads_to_a_request_and_then_its_tags_are_gone(cloud: Platform, name: str) -> None:
    assert cloud.invoke("decommission", event(name)) == {"records": 1, "failures": 0}
    assert len(cloud.queued("work")) == 1
    assert cloud.queued("decommission") == []
    cloud.ring()
    assert cloud.bucket.keys() == []
    assert [report["counts"] for report in cloud.reports] == [{"removed": 2}]
    assert cloud.tms.tags.get("default", OWN_PROJECT, "ecs", SERVER) == {}


def test_an_event_of_an_unknown_account_is_a_dead_letter_that_can_be_redriven(cloud: Platform) -> None:
    cloud.variables["UNTAG_ACCOUNTS"] = "huaweicloud/0123=default"
    cloud.new_process()
    cloud.invoke("decommission", event("cts"))
    (letter,) = cloud.bucket.keys()
    assert letter.startswith("dead/decommission/unknown_account/")
    cloud.variables["UNTAG_ACCOUNTS"] = f"huaweicloud/{DOMAIN}=default"
    cloud.new_process()
    assert cloud.invoke("due", {"untag": 1, "redrive": "decommission"}) == {"redriven": 1, "left": 0}
    cloud.ring()
    cloud.ring()
    assert [report["counts"] for report in cloud.reports] == [{"removed": 2}]


def test_an_event_whose_tags_cannot_be_read_now_comes_again_from_its_own_queue(cloud: Platform) -> None:
    cloud.tms.stop()
    cloud.invoke("decommission", event("cts"))
    (key,) = cloud.queued("decommission")
    assert Key.read(key) == ("decommission", NOW + 750, 1, "6f0b1f2e-0000-11f0-8000-00000000c0de")
    cloud.tms.start()
    cloud.time += 750
    cloud.minute()
    cloud.ring()
    assert cloud.bucket.keys() == []
    assert [report["counts"] for report in cloud.reports] == [{"removed": 2}]


@pytest.mark.parametrize(
    ("sample", "whose"),
    [
        ("azure_events/eventgrid_delete_success", "azure/11111111-2222-3333-4444-555555555555"),
        ("azure_events/cloudevent_delete_success", "azure/11111111-2222-3333-4444-555555555555"),
        ("gcp_events/logentry_instance_delete_last", "gcp/demo-project"),
    ],
)
def test_another_clouds_event_that_a_forwarder_publishes_on_the_topic_is_understood(
    platform: Platform, sample: str, whose: str
) -> None:
    text = (VECTORS.parents[1] / f"{sample}.json").read_text(encoding="utf-8")
    platform.variables["UNTAG_ACCOUNTS"] = "huaweicloud/0123=default"
    platform.new_process()
    platform.send(text, handler="decommission")
    # It says whose the resource is; which account that is, nobody has said here.
    (key,) = platform.bucket.keys()
    assert key.startswith("dead/decommission/unknown_account/")
    letter = platform.bucket.get(key)
    assert letter is not None
    assert whose in letter.metadata["reason"]


def test_an_event_by_hand_is_answered_with_what_it_led_to(cloud: Platform) -> None:
    ours = {
        "source": "cmdb",
        "detail-type": "Resource Decommissioned",
        "id": "gone-1",
        "detail": {
            "provider": "jdcloud",
            "region": "cn-north-1",
            "resources": [{"type": "vm", "ids": ["i-1"]}],
            "tags": [{"key": "env"}],
        },
    }
    answer = cloud.invoke("decommission", ours)
    assert answer["counts"] == {"requests": 1}
    assert len(cloud.functions.bells) == 1
    with pytest.raises(InvocationError):
        cloud.invoke("decommission", {"detail-type": "Resource Decommissioned", "detail": {}})


def test_a_request_of_eventgrid_is_worked_at(platform: Platform) -> None:
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
    carried = event("eventgrid_custom") | {"data": request()}
    assert platform.invoke("remove", carried) == {"records": 1, "failures": 0}
    assert [(report["id"], report["counts"]) for report in platform.reports] == [("req-1", {"removed": 1})]


def test_a_sweep_of_the_timer_asks_for_what_matches_and_says_what_it_came_to(platform: Platform) -> None:
    for number in range(1, 4):
        platform.jdcloud.tags.put("cn-north-1", "vm", f"i-{number}", "tmp", "yes")
    rule = {
        "name": "old",
        "provider": "jdcloud",
        "regions": ["cn-north-1"],
        "types": ["vm"],
        "match": {"key": "tmp"},
    }
    firing = event("timer") | {"user_event": json.dumps({"rules": [rule]})}
    assert platform.invoke("sweep", firing) == {"records": 1, "failures": 0}
    assert [report["kind"] for report in platform.reports] == ["sweep"]
    platform.ring()
    assert platform.bucket.keys() == []
    assert sum(report["counts"].get("removed", 0) for report in platform.reports if report["kind"] == "removal") == 3


def test_a_firing_has_one_id_however_often_it_comes(platform: Platform) -> None:
    firing = event("timer") | {"user_event": "{}"}
    platform.invoke("sweep", firing)
    platform.invoke("sweep", firing)
    assert len({report["id"] for report in platform.reports}) == 1


def test_rules_may_stand_in_an_object_of_the_bucket(platform: Platform) -> None:
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "tmp", "yes")
    rule = {"name": "old", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "tmp"}}
    platform.bucket.put("rules/nightly.json", stored([rule]))
    platform.invoke("sweep", event("timer") | {"user_event": '{"rules": "obs://untag/rules/nightly.json"}'})
    (summary,) = platform.reports
    assert (summary["kind"], summary["status"]) == ("sweep", "succeeded")
    platform.invoke("sweep", event("timer") | {"user_event": '{"rules": "obs://untag/rules/none.json"}'})
    assert platform.reports[-1]["kind"] == "rejected"


def test_what_a_grace_keeps_goes_when_it_is_over(platform: Platform) -> None:
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "tmp", "yes")
    rule = {
        "name": "old",
        "provider": "jdcloud",
        "regions": ["cn-north-1"],
        "types": ["vm"],
        "match": {"key": "tmp"},
        "grace": "2h",
    }
    sweep = {"rules": [rule]}
    for night in ("1", "2"):
        platform.invoke("sweep", {**sweep, "id": f"night-{night}"})
    platform.ring()
    (kept,) = platform.bucket.keys()
    assert kept.startswith("kept/sweep-")
    assert platform.jdcloud.tags.get("default", "cn-north-1", "vm", "i-1") == {"tmp": "yes"}
    platform.time += 3 * 3600 + 120
    for _ in range(4):
        platform.minute()
    assert platform.bucket.keys() == []
    assert platform.jdcloud.tags.get("default", "cn-north-1", "vm", "i-1") == {}


def test_a_call_of_the_gateway_is_answered_as_the_gateway_takes_it(platform: Platform) -> None:
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
    body = base64.b64encode(json.dumps(request()).encode()).decode()
    answer = platform.invoke("remove", event("apig") | {"body": body})
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert [report["counts"] for report in json.loads(answer["body"])["reports"]] == [{"removed": 1}]
    refused = platform.invoke("remove", event("apig") | {"body": "not Base64!"})
    assert refused["statusCode"] == 400
    assert json.loads(refused["body"])["errors"][0]["path"] == "body"
