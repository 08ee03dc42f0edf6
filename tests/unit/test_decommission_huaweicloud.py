"""What Huawei Cloud's events are taken to say: the samples of CTS, Config and SMN, and their variants."""

import json
from typing import Any

import pytest
from decommission_samples import (
    DOMAIN,
    TRACE_ID,
    VOLUME,
    Json,
    changed,
    gone,
    notification,
    only,
    sample,
    smn,
    trace,
    why,
)
from support import problems_of

from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored, Unreadable, read

# CTS.


def test_the_sample_trace_says_that_a_volume_is_gone():
    assert only(sample("cts_trace_deleteVolume")) == Gone(
        TRACE_ID,
        "huaweicloud",
        domain_id=DOMAIN,
        project_id="07066c6fc90025a02f6dc01e105b286e",
        resources={"disk": [VOLUME]},
        reason="CTS EVS deleteVolume",
    )


@pytest.mark.parametrize("name", ["deleteServer", "deleteServerV2", "deleteServerV21", "deleteVmByNative"])
def test_every_way_to_delete_a_server_is_known(name: str):
    assert gone(trace(service_type="ECS", trace_name=name)).resources == {"ecs": [VOLUME]}


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "204"},
        {"code": 204},
        {"code": ""},
        {"code": None},
        {"trace_rating": ..., "trace_status": "normal"},
        {"request": {}, "response": {}},
        {"request": "not JSON", "response": "not JSON"},
        {"request": "[1]"},
        {"request": None, "response": None},
        {"service_type": "evs"},
        {"trace_id": "other"},
        {"user": "somebody"},
    ],
)
def test_a_trace_of_a_deletion_that_went_well_is_one_however_its_service_writes_it(changes: Json):
    assert gone(trace(**changes)).resources == {"disk": [VOLUME]}


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"trace_rating": "warning"}, "not_normal", "warning"),
        ({"trace_rating": "incident"}, "not_normal", "incident"),
        ({"trace_rating": ..., "trace_status": "warning"}, "not_normal", "warning"),
        ({"trace_rating": "warning", "trace_status": "normal"}, "not_normal", "warning"),
        ({"trace_rating": ...}, "not_normal", "not at all"),
        ({"trace_rating": {"a": 1}}, "not_normal", "not at all"),
        ({"code": 400}, "not_done", "400"),
        ({"code": "403"}, "not_done", "403"),
        ({"code": 500.0}, "not_done", "500"),
        ({"code": 1e308 * 10}, "not_done", "inf"),
        ({"resource_id": ...}, "no_resource", "names no resource"),
        ({"resource_id": {}}, "no_resource", "names no resource"),
        ({"resource_id": "{}"}, "no_resource", "names no resource"),
        ({"resource_id": ""}, "no_resource", "names no resource"),
        ({"resource_id": "../../v1"}, "no_resource", "names no resource"),
        ({"trace_name": "createVolume"}, "no_deletion", "EVS createVolume"),
        ({"trace_name": "deleteSnapshot"}, "unmapped_type", "EVS deleteSnapshot"),
        ({"service_type": "OBS", "trace_name": "deleteBucket"}, "unmapped_type", "OBS deleteBucket"),
        ({"service_type": ...}, "unmapped_type", "deleteVolume"),
        ({"trace_name": None}, "no_deletion", "EVS"),
        ({"trace_name": "x" * 100_000}, "no_deletion", "…"),
    ],
)
def test_a_trace_that_is_no_deletion_done_is_skipped_with_its_reason(changes: Json, code: str, said: str):
    text = json.dumps(trace(**changes)).replace("Infinity", "1e999")
    found = why(text)
    assert found[0] == code
    assert said in found[1]
    assert len(found[1]) < 240


@pytest.mark.parametrize("name", ["deleteNic", "deleteMetadata", "deleteAutoRecovery", "deleteSgRule", "detachVolume"])
def test_what_is_deleted_from_a_server_that_lives_on_leaves_its_tags_alone(name: str):
    assert why(trace(service_type="ECS", trace_name=name))[0] in {"unmapped_type", "no_deletion"}


@pytest.mark.parametrize(
    "request_",
    [
        json.dumps({"volume_ids": ["v-1", "v-2"]}),
        {"volume_ids": ["v-1", "v-2"]},
        json.dumps({"volumes": [{"id": "v-1"}, {"id": "v-2"}]}),
        json.dumps({"ids": ["v-1", "v-2", "v-2"], "force": True}),
        json.dumps({"volume_ids": ["v-1", "v-2", "../3", 7, None, {}, {"id": 8}, []]}),
    ],
)
def test_the_ids_of_a_bulk_deletion_come_out_of_its_request(request_: Any):
    said = gone(trace(trace_name="bulkDeleteVolume", request=request_, resource_id="v-1"))
    assert said.resources == {"disk": ["v-1", "v-2"]}
    said = gone(trace(trace_name="bulkDeleteVolume", request=request_, resource_id=...))
    assert said.resources == {"disk": ["v-1", "v-2"]}


def test_a_servers_deletion_takes_no_volume_for_a_server():
    request = json.dumps({"servers": [{"id": "s-1"}], "volumes": [{"id": "v-1"}], "volume_ids": ["v-2"]})
    said = gone(trace(service_type="ECS", trace_name="deleteServer", request=request, resource_id=...))
    assert said.resources == {"ecs": ["s-1"]}


def test_a_trace_without_a_domain_of_its_own_belongs_to_its_users():
    assert gone(trace(domain_id=...)).domain_id == DOMAIN
    assert gone(trace(domain_id=..., user={})).domain_id is None


@pytest.mark.parametrize(
    "user",
    [
        json.dumps({"domain": {"id": "d-7"}}),
        f"\ufeff{json.dumps({'domain': {'id': 'd-7'}})}",
        {"domain": json.dumps({"id": "d-7"})},
    ],
)
def test_a_user_that_is_written_as_text_names_the_domain(user: Any):
    assert gone(trace(domain_id=..., user=user)).domain_id == "d-7"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"domain_id": ..., "user": "somebody"}, "user"),
        ({"domain_id": ..., "user": "[1]"}, "user"),
        ({"domain_id": ..., "user": {"domain": "{"}}, "user.domain"),
        ({"resource_id": ..., "request": "not JSON"}, "request"),
        ({"resource_id": ..., "request": "[1]"}, "request"),
        ({"resource_id": ..., "response": "{"}, "response"),
        ({"trace_name": "bulkDeleteVolume", "request": "{"}, "request"),
        ({"trace_name": "bulkDeleteVolume", "request": '["v-1"]'}, "request"),
    ],
)
def test_a_trace_of_a_deletion_that_cannot_be_read_is_refused_and_never_said_to_delete_nothing(
    changes: Json, path: str
):
    with pytest.raises(InvalidInputError) as caught:
        read(trace(**changes), "m-1")
    assert set(problems_of(caught)) == {path}


@pytest.mark.parametrize("content", [7, "{", "[]", "7"])
def test_a_trigger_of_cts_that_cannot_be_read_is_refused(content: Any):
    with pytest.raises(InvalidInputError) as caught:
        read({"cts": content}, "m-1")
    assert set(problems_of(caught)) == {"cts"}


def test_a_trigger_may_hold_its_trace_as_text():
    assert gone({"cts": json.dumps(trace())}) == gone(trace())


def test_the_sample_of_a_trigger_is_skipped_since_no_tag_api_knows_the_type():
    said = only(sample("functiongraph_cts_trigger"))
    assert isinstance(said, Ignored)
    assert (said.event_id, said.code) == ("69be64a7-0233-11e8-82e4-e5d37911193e", "unmapped_type")
    assert "FunctionGraph deleteGraph" in said.reason


# Config.


def test_a_notification_of_a_deletion_says_that_the_resource_is_gone():
    assert only(notification()) == Gone(
        "m-1",
        "huaweicloud",
        domain_id="d-1",
        region="cn-north-4",
        project_id="p-1",
        resources={"disk": ["vol-1"]},
        reason="Config evs.volumes deleted",
    )


@pytest.mark.parametrize(
    ("changes", "type_"),
    [
        ({"detail": {"resource_type": "ecs.cloudservers"}}, "ecs"),
        ({"detail": {"resource_type": ...}}, "disk"),
        ({"detail": {"resource_type": "volumes"}}, "disk"),
        ({"detail": {"resource_type": "vpc.publicips", "resource_id": ...}}, "eip"),
        ({"resource": {"id": ..., "region_id": "global!", "project_id": ""}}, "disk"),
        ({"detail": {"resource": "gone"}}, "disk"),
    ],
)
def test_a_notifications_type_and_id_are_found_in_either_place(changes: Json, type_: str):
    assert gone(notification(**changes)).resources == {type_: ["vol-1"]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"detail": {"event_type": "CREATE"}}, "no_deletion"),
        ({"detail": {"event_type": "UPDATE"}}, "no_deletion"),
        ({"detail": {"event_type": ["DELETE"]}}, "no_deletion"),
        ({"detail": ...}, "no_deletion"),
        ({"notification_type": "ResourceRelationChanged"}, "no_deletion"),
        ({"notification_type": "NotificationArchiveCompleted"}, "no_deletion"),
        ({"notification_type": {}}, "no_deletion"),
        ({"detail": {"resource_type": "rds.instances", "resource": {}}}, "unmapped_type"),
        ({"detail": {"resource_type": 7, "resource": {}}}, "unmapped_type"),
        ({"detail": {"resource_id": {}, "resource": {}}}, "no_resource"),
        ({"detail": {"resource_id": "a/b", "resource": {"id": None}}}, "no_resource"),
    ],
)
def test_a_notification_of_anything_else_is_skipped_with_its_reason(changes: Json, code: str):
    found = notification(**changes) if changes != {"detail": ...} else changed(notification(), detail=...)
    assert why(found)[0] == code


def test_a_notifications_parts_may_be_texts():
    whole = notification()
    text = json.dumps(whole["detail"] | {"resource": json.dumps(whole["detail"]["resource"])})
    assert gone({**whole, "detail": text}) == gone(whole)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"detail": "{"}, "detail"),
        ({"detail": "[]"}, "detail"),
        ({"detail": ["DELETE"]}, "detail"),
        ({"detail": {**notification()["detail"], "resource": "{", "resource_type": "volumes"}}, "detail.resource"),
        ({"detail": {**notification()["detail"], "resource": "gone", "resource_id": None}}, "detail.resource"),
    ],
)
def test_a_notification_that_cannot_be_read_is_refused_and_never_said_to_delete_nothing(changes: Json, path: str):
    with pytest.raises(InvalidInputError) as caught:
        read(notification() | changes, "m-1")
    assert set(problems_of(caught)) == {path}


# SMN.


def test_the_sample_of_an_smn_record_is_refused_since_its_message_is_not_json():
    said = only(sample("functiongraph_smn_trigger"))
    assert isinstance(said, Unreadable)
    assert said.event_id == "a51671f77d4a479cacb09e2cd591a983"
    assert str(said.error) == "message: not JSON: Expecting value at character 0"


def test_an_event_inside_an_smn_record_says_what_it_says_by_itself():
    said = gone(smn(json.dumps(notification())))
    assert said.event_id == "a51671f77d4a479cacb09e2cd591a983"
    assert said.resources == {"disk": ["vol-1"]}
    assert gone(smn(json.dumps(trace()))).event_id == TRACE_ID


@pytest.mark.parametrize(
    "make",
    [
        lambda message: smn(message)["record"][0],
        lambda message: smn(message)["record"][0]["smn"],
        lambda message: {"record": [{"smn": {"message": message}}]},
    ],
    ids=["one record", "the message by itself", "without an id"],
)
def test_smn_may_come_as_less_than_a_whole_trigger(make: Any):
    assert gone(make(json.dumps(notification()))).resources == {"disk": ["vol-1"]}


def test_every_record_is_read_and_one_that_is_nothing_takes_down_none_of_the_others():
    good = json.dumps(notification())
    skipped = json.dumps(trace(trace_name="createVolume"))
    found = read(json.dumps(smn(good, "{", "[1]", "7", '{"a": 1}', None, {"a": 1}, skipped, good)), "m-1")
    assert [type(one) for one in found] == [Gone, *[Unreadable] * 6, Ignored, Gone]
    for number, one in enumerate(found):
        if isinstance(one, Unreadable):
            (record,) = one.event["record"]
            assert record["smn"]["message"] == (good, "{", "[1]", "7", '{"a": 1}', None, {"a": 1})[number]
            assert only(one.event) == one


def test_records_without_ids_of_their_own_get_different_ones():
    message = json.dumps(notification())
    records = [{"smn": {"message": message}} for _ in range(3)]
    assert [one.event_id for one in read({"record": records}, "m-1")] == ["m-1-1", "m-1-2", "m-1-3"]
