"""What each kind of event is taken to say: the vendors' samples and their variants."""

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
    ours,
    sample,
    smn,
    trace,
    why,
)
from support import problems_of

from untag.contracts import InvalidInputError, Tag
from untag.decommission.events import Gone, Ignored, read

# Our own.


def test_our_own_event_names_resources_and_leaves_the_tags_to_the_policy():
    assert only(ours(reason="sold")) == Gone(
        "ev-1", "jdcloud", "default", None, "cn-north-1", None, {"vm": ["i-1"]}, None, "sold"
    )


def test_our_own_event_may_name_the_tags_with_or_without_a_value():
    assert gone(ours(tags=[{"key": "env", "value": "prod"}, {"key": "owner"}])).tags == [
        Tag("env", "prod"),
        Tag("owner", None),
    ]


def test_groups_of_one_type_are_one():
    resources = [{"type": "vm", "ids": ["i-1"]}, {"type": "disk", "ids": ["v-1"]}, {"type": "vm", "ids": ["i-2"]}]
    assert gone(ours(resources=resources)).resources == {"vm": ["i-1", "i-2"], "disk": ["v-1"]}


@pytest.mark.parametrize("id_", ["", None, 7, "x" * 241, "a\nb", "\ud800"])
def test_an_id_that_can_name_no_request_gives_way_to_what_carried_it(id_: Any):
    assert gone({**ours(), "id": id_}).event_id == "m-1"
    assert gone(trace(trace_id=id_)).event_id == "m-1"


@pytest.mark.parametrize(
    ("detail", "path"),
    [
        ({"provider": "JD/../"}, "detail.provider"),
        ({"account": "../x"}, "detail.account"),
        ({"region": "cn-north-1/../x"}, "detail.region"),
        ({"project_id": "p/1"}, "detail.project_id"),
        ({"resources": []}, "detail.resources"),
        ({"resources": ...}, "detail.resources"),
        ({"resources": [{"type": "vm", "ids": ["../1"]}]}, "detail.resources.0.ids.0"),
        ({"resources": [{"type": "vm", "ids": []}]}, "detail.resources.0.ids"),
        ({"tags": []}, "detail.tags"),
        ({"tags": [{"key": ""}]}, "detail.tags.0.key"),
        ({"tags": [{"key": "k" * 129}]}, "detail.tags.0.key"),
        ({"reason": "x" * 1025}, "detail.reason"),
        ({"surprise": 1}, "detail.surprise"),
        ({"dry_run": True}, "detail.dry_run"),
    ],
)
def test_our_own_event_that_is_not_as_it_should_be_is_refused_with_the_field_named(detail: Json, path: str):
    with pytest.raises(InvalidInputError) as caught:
        read(json.dumps(ours(**detail)), "m-1")
    assert path in problems_of(caught)


@pytest.mark.parametrize("detail", [{}, [], "text", None, 7])
def test_our_own_event_without_a_proper_detail_is_refused(detail: Any):
    with pytest.raises(InvalidInputError, match="detail"):
        read(json.dumps({**ours(), "detail": detail}), "m-1")


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


# SMN.


def test_the_sample_of_an_smn_record_is_skipped_since_its_message_is_not_json():
    said = only(sample("functiongraph_smn_trigger"))
    assert said == Ignored(
        "a51671f77d4a479cacb09e2cd591a983", "huaweicloud", "not_json", "the SMN message is no JSON object"
    )


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
    found = read(json.dumps(smn(good, "{", "[1]", "7", '{"a": 1}', None, {"a": 1}, good)), "m-1")
    assert [one.code if isinstance(one, Ignored) else "gone" for one in found] == [
        *("gone", "not_json", "not_json", "not_json", "not_understood", "not_json", "not_json", "gone")
    ]


def test_records_without_ids_of_their_own_get_different_ones():
    message = json.dumps(notification())
    records = [{"smn": {"message": message}} for _ in range(3)]
    assert [one.event_id for one in read({"record": records}, "m-1")] == ["m-1-1", "m-1-2", "m-1-3"]


# EventGrid.


def test_the_sample_of_a_cloud_event_is_skipped_since_an_object_that_is_put_is_not_gone():
    code, reason = why(sample("eventgrid_cloudevent_obs"))
    assert (code, "HC.OBS object:put" in reason) == ("no_deletion", True)


def test_a_cloud_event_with_a_trace_as_its_data_says_what_the_trace_says():
    event = {**sample("eventgrid_cloudevent_obs"), "source": "HC.EVS", "data": trace()}
    assert gone(event) == gone(trace())


@pytest.mark.parametrize("data", [None, "text", [], 7, {}, ...])
def test_a_cloud_event_without_an_event_that_is_known_is_skipped(data: Any):
    assert why(changed(sample("eventgrid_cloudevent_obs"), data=data))[0] == "no_deletion"
