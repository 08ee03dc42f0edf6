"""What cannot be read is a dead letter that says why, and is never said to delete nothing."""

import json
from collections import Counter
from typing import Any

import pytest
from bookkeeping import Json
from decommission_samples import VOLUME, changed, notification, ours, sample, smn, trace
from decommission_support import PROJECT, QUEUE_ARN, Desk, huawei, jd, pairs, tms
from support import in_base64


def cloud_event(**changes: Any) -> Json:
    return changed(sample("eventgrid_cloudevent_obs"), source="HC.EVS", type="EVS:CloudTrace:ApiCall", **changes)


def from_config(**changes: Any) -> Json:
    """Config's notification of a volume in the default account."""
    whole = notification(resource={"project_id": PROJECT, "id": VOLUME}, detail={"resource_id": VOLUME}, **changes)
    return {**whole, "domain_id": "7e0d78c85***d0b9b7cba"}


READABLE = {
    "a CloudEvent in Base64": cloud_event(data=..., data_base64=in_base64(trace())),
    "a CloudEvent with a text": cloud_event(data=json.dumps(trace())),
    "a CloudEvent of Config": cloud_event(data=from_config()),
    "an event of a bus with a text": {"detail-type": "CTS", "source": "hc", "id": "e", "detail": json.dumps(trace())},
    "Config with a text": {**from_config(), "detail": json.dumps(from_config()["detail"])},
    "a trace whose user is a text": trace(domain_id=..., user=json.dumps(trace()["user"])),
    "a trace whose request is a text": trace(
        resource_id=..., trace_name="bulkDeleteVolume", request=json.dumps({"volume_ids": [VOLUME]})
    ),
    "a byte order mark": f"\ufeff{json.dumps(trace())}",
}


@pytest.mark.parametrize("event", READABLE.values(), ids=list(READABLE))
def test_what_can_be_decoded_is_carried_out(desk: Desk, event: Any) -> None:
    tms(desk, VOLUME, env="prod")
    assert desk.work(event) == []
    assert pairs(desk.requests) == Counter([("disk", VOLUME, "env", "prod")])
    assert desk.notices == desk.letters == []


UNREADABLE = {
    "a CloudEvent in no Base64": (cloud_event(data=..., data_base64="%"), "data_base64"),
    "a CloudEvent with a text": (cloud_event(data="deleteVolume"), "data"),
    "a CloudEvent with a list": (cloud_event(data=[trace()]), "data"),
    "an event of a bus with a text": ({"detail-type": "CTS", "source": "hc", "detail": "deleteVolume"}, "detail"),
    "Config with a text": ({**from_config(), "detail": "deleted"}, "detail"),
    "a trace whose user is a text": (trace(domain_id=..., user="IAMUserA"), "user"),
    "a bulk deletion's request": (trace(trace_name="bulkDeleteVolume", request="{"), "request"),
    "a message of SMN": (smn("deleted"), "message"),
    "a message of SMN of no known kind": (smn('{"a": 1}'), "message"),
    "our own": (ours(resources="i-1"), "detail.resources"),
}


@pytest.mark.parametrize(("event", "path"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_what_cannot_be_read_is_a_dead_letter_and_a_report_that_name_the_field(
    desk: Desk, event: Json, path: str
) -> None:
    tms(desk, VOLUME, env="prod")
    assert desk.work(event) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (event, "invalid")
    assert attributes["reason"].startswith(f"{path}: ")
    (report,) = desk.notices
    assert (report["kind"], report["status"]) == ("rejected", "failed")
    assert [error["path"] for error in report["errors"]] == [path]
    assert desk.requests == []


def test_of_several_messages_those_that_can_be_read_are_carried_out_and_the_others_buried_alone(desk: Desk) -> None:
    tms(desk, VOLUME, env="prod")
    event = smn(json.dumps(trace()), "deleted", json.dumps(trace(trace_name="createVolume")), '{"a": 1}')
    assert desk.work(event) == []
    assert pairs(desk.requests) == Counter([("disk", VOLUME, "env", "prod")])
    assert [json.loads(body)["record"] for body, _ in desk.letters] == [[event["record"][1]], [event["record"][3]]]
    assert {attributes["code"] for _, attributes in desk.letters} == {"invalid"}
    assert [attributes["source"] for _, attributes in desk.letters] == [QUEUE_ARN] * 2
    assert Counter((notice["kind"], notice["status"]) for notice in desk.notices) == {
        ("rejected", "failed"): 2,
        ("decommission", "skipped"): 1,
    }
    first, second = [attributes["request_id"] for _, attributes in desk.letters]
    assert first == second == "a51671f77d4a479cacb09e2cd591a983", "the messages' own ids"


def test_a_message_of_smn_is_told_by_its_own_id(desk: Desk) -> None:
    assert desk.work(sample("functiongraph_smn_trigger")) == []
    ((_, attributes),) = desk.letters
    (report,) = desk.notices
    assert attributes["request_id"] == report["id"] == "a51671f77d4a479cacb09e2cd591a983"


def test_a_dead_letter_of_one_of_several_messages_is_refused_again_until_it_is_mended(desk: Desk) -> None:
    jd(desk, "i-1", env="prod")
    assert desk.work(smn(json.dumps(ours()), "deleted")) == []
    ((body, _),) = desk.letters
    desk.aws.queues = {name: [] for name in desk.aws.queues}
    assert desk.work(body) == []
    ((again, attributes),) = desk.letters
    assert (json.loads(again), attributes["code"]) == (json.loads(body), "invalid")
    assert desk.requests == []


@pytest.mark.parametrize("gone", [("v-1",), ("v-1", "v-2")])
def test_a_cloud_that_calls_a_read_invalid_leaves_a_letter_that_can_be_sent_again(gone: tuple[str, ...]) -> None:
    with Desk() as desk:
        tms(desk, "v-2", env="prod")
        desk.tms.faults.add("refuse", ids=["v-1"], code="invalid")
        desk.work(huawei(*gone))
        ((_, attributes),) = desk.letters
        assert attributes["code"] == "cloud_invalid", "`invalid` is the code of what is never redriven"
