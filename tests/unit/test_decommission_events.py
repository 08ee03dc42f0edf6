"""What each kind of event is taken to say: the vendors' samples, their variants, and everything that is none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import problems_of

from untag.contracts import InvalidInputError, Tag
from untag.decommission.events import Gone, Ignored, read

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "vectors" / "events"
VOLUME = "bc661a99-3088-4e86-899f-fb4f46c2bb71"
TRACE_ID = "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb"
DOMAIN = "7e0d78c85***d0b9b7cba"

Json = dict[str, Any]


def sample(name: str) -> Json:
    found: Json = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def changed(event: Json, **changes: Any) -> Json:
    """An event with other fields; `...` takes one away."""
    return {name: value for name, value in (event | changes).items() if value is not ...}


def trace(**changes: Any) -> Json:
    """The documents' sample of a trace, with other fields."""
    return changed(sample("cts_trace_deleteVolume"), **changes)


def notification(*, detail: Json | None = None, resource: Json | None = None, **changes: Any) -> Json:
    """Config's ResourceChanged, as its user guide describes it."""
    whole = {
        "id": "vol-1",
        "provider": "evs",
        "type": "volumes",
        "region_id": "cn-north-4",
        "project_id": "p-1",
        "tags": {"env": "prod"},
    }
    change = {
        "resource": changed(whole, **(resource or {})),
        "resource_id": "vol-1",
        "resource_type": "evs.volumes",
        "event_type": "DELETE",
        "capture_time": "2018-11-14T08:59:14Z",
    }
    return changed(
        {
            "detail": changed(change, **(detail or {})),
            "notification_type": "ResourceChanged",
            "notification_creation_time": "2018-11-14T08:59:14Z",
            "domain_id": "d-1",
        },
        **changes,
    )


def smn(*messages: Any) -> Json:
    """A FunctionGraph trigger of SMN with these messages."""
    event = sample("functiongraph_smn_trigger")
    (record,) = event["record"]
    records = [{**record, "smn": {**record["smn"], "message": message}} for message in messages]
    return {**event, "record": records}


def ours(**detail: Any) -> Json:
    """Our own event."""
    return {
        "source": "cmdb",
        "detail-type": "Resource Decommissioned",
        "id": "ev-1",
        "detail": changed(
            {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-1"]}]}, **detail
        ),
    }


def only(event: Any) -> Gone | Ignored:
    (said,) = read(event if isinstance(event, str) else json.dumps(event), "m-1")
    return said


def gone(event: Any) -> Gone:
    said = only(event)
    assert isinstance(said, Gone), said
    return said


def why(event: Any) -> tuple[str, str]:
    """The code and the reason for which an event leads to nothing."""
    said = only(event)
    assert isinstance(said, Ignored), said
    return said.code, said.reason


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


# Envelopes.


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(inner)},
        lambda inner: {"detail-type": "Anything", "id": "e-1", "source": "x", "detail": inner},
        lambda inner: {"detail-type": "Resource Decommissioned", "id": "e-1", "source": "x", "detail": inner},
        lambda inner: {
            "Type": "Notification",
            "Message": json.dumps({"detail-type": "Anything", "id": "e-1", "detail": {"cts": inner}}),
        },
        lambda inner: {"detail-type": "Any", "detail": {"Type": "Notification", "Message": json.dumps(inner)}},
    ],
)
def test_a_vendors_event_is_found_in_envelopes_of_sns_and_eventbridge_nested_either_way(wrap: Any):
    assert gone(wrap(trace())) == gone(trace())


def test_our_own_event_is_found_inside_sns_and_keeps_its_id():
    assert gone({"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(ours())}).event_id == "ev-1"


def test_an_event_without_an_id_has_its_envelopes():
    assert gone({"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(notification())}).event_id == "n-1"


def test_envelopes_within_each_other_come_to_an_end():
    event: Any = trace()
    for _ in range(6):
        event = {"detail-type": "x", "detail": event}
    with pytest.raises(InvalidInputError, match="envelopes"):
        read(event, "m-1")


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "null", "7", '"text"', "[]", "[{}]", "{}", "NaN", "[" * 100_000, '{"a":' * 100_000),
        '{"record": []}',
        '{"record": [1]}',
        '{"record": [{"smn": {}}]}',
        '{"trace_name": "deleteVolume"}',
        '{"cts": 7}',
        '{"provider": "jdcloud", "resources": []}',
        '{"detail-type": "Tag Removal Requested", "detail": {"provider": "jdcloud"}}',
        '{"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}',
        '{"trace_id": "a", "trace_id": "b"}',
    ],
)
def test_what_is_no_event_is_refused(body: str):
    with pytest.raises(InvalidInputError):
        read(body, "m-1")


MARKS = st.sampled_from(
    [
        *("detail-type", "detail", "id", "Type", "Message", "cts", "trace_id", "trace_name", "service_type", "code"),
        *("trace_rating", "resource_id", "request", "notification_type", "record", "smn", "message", "specversion"),
        *("data", "provider", "resources", "tags", "domain_id", "user", "topic_urn", "event_type", "resource_type"),
    ]
)
WORDS = st.sampled_from(
    ["Resource Decommissioned", "deleteVolume", "bulkDeleteVolume", "EVS", "normal", "ResourceChanged", "DELETE", "{}"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MARKS | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


def spoilt(event: Json) -> st.SearchStrategy[Json]:
    """An event with some of its fields replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(event)), JSON, max_size=3).map(lambda changes: event | changes)


NEARLY = st.one_of(
    spoilt(trace()),
    spoilt(notification()),
    spoilt(ours()["detail"]).map(lambda detail: {**ours(), "detail": detail}),
    spoilt(notification()["detail"]).map(lambda detail: notification() | {"detail": detail}),
    spoilt(sample("eventgrid_cloudevent_obs") | {"data": trace()}),
    JSON.map(lambda inner: smn(json.dumps(inner))),
    JSON,
)


@given(event=NEARLY)
def test_any_json_is_understood_or_refused_and_says_nothing_that_is_endless(event: Any):
    try:
        said = read(json.dumps(event), "m-1")
    except InvalidInputError:
        return
    assert said
    for one in said:
        assert 1 <= len(one.event_id) <= 250
        if isinstance(one, Gone):
            assert all(one.resources.values())


@given(text=st.text())
def test_any_text_is_understood_or_refused(text: str):
    try:
        assert read(text, "m-1")
    except InvalidInputError:
        return
