"""What each kind of event is taken to say: the vendors' samples and their variants."""

import json
from typing import Any

import pytest
from decommission_samples import (
    Json,
    changed,
    gone,
    only,
    ours,
    sample,
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
        ({"resources": [{"type": "vm", "ids": ["i\n1"]}]}, "detail.resources.0.ids.0"),
        ({"batch": "a batch"}, "detail.batch"),
        ({"tags": [{"key": "env", "value": None}]}, "detail.tags.0.value"),
        ({"tags": [{"key": "env", "value": "a", "was": "b"}]}, "detail.tags.0.was"),
        ({"resources": [{"type": "vm", "ids": []}]}, "detail.resources.0.ids"),
        ({"tags": []}, "detail.tags"),
        ({"tags": [{"key": ""}]}, "detail.tags.0.key"),
        ({"tags": [{"key": "k" * 513}]}, "detail.tags.0.key"),
        ({"reason": "x" * 1025}, "detail.reason"),
        ({"surprise": 1}, "detail.surprise"),
        ({"dry_run": True}, "detail.dry_run"),
    ],
)
def test_our_own_event_that_is_not_as_it_should_be_is_refused_with_the_field_named(detail: Json, path: str):
    with pytest.raises(InvalidInputError) as caught:
        read(json.dumps(ours(**detail)), "m-1")
    assert path in problems_of(caught)


@pytest.mark.parametrize("detail", [{}, [], "text", "[]", None, 7])
def test_our_own_event_without_a_proper_detail_is_refused(detail: Any):
    with pytest.raises(InvalidInputError, match="detail") as caught:
        read(json.dumps({**ours(), "detail": detail}), "m-1")
    assert "_" not in str(caught.value), "no class of ours is named"


def test_our_own_event_may_name_a_batch():
    assert gone(ours(batch="cleanup-2026-11")).batch == "cleanup-2026-11"
    assert gone(ours()).batch is None


# EventGrid.


def test_the_sample_of_a_cloud_event_is_skipped_since_an_object_that_is_put_is_not_gone():
    code, reason = why(sample("eventgrid_cloudevent_obs"))
    assert (code, "HC.OBS object:put" in reason) == ("no_deletion", True)


def test_a_cloud_event_with_a_trace_as_its_data_says_what_the_trace_says():
    event = {**sample("eventgrid_cloudevent_obs"), "source": "HC.EVS", "data": trace()}
    assert gone(event) == gone(trace())


@pytest.mark.parametrize("data", [None, {}, "{}", {"name": "test01"}, ...])
def test_a_cloud_event_without_an_event_that_is_known_is_skipped(data: Any):
    said = only(changed(sample("eventgrid_cloudevent_obs"), data=data))
    assert isinstance(said, Ignored)
    assert (said.code, said.event_id) == ("no_deletion", "4b26115b-778e-11ec-833e-cf74******")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"data": "text"}, "data"),
        ({"data": "[]"}, "data"),
        ({"data": []}, "data"),
        ({"data": 7}, "data"),
        ({"data": ..., "data_base64": "?"}, "data_base64"),
        ({"data": ..., "data_base64": "dGV4dA=="}, "data_base64"),
        ({"data_base64": "e30="}, "data_base64"),
        ({"data": ..., "type": "Resource Decommissioned"}, "data"),
        ({"data": {"resources": []}, "type": "Resource Decommissioned"}, "data.provider"),
        ({"data": {"provider": "jdcloud"}}, "data.resources"),
    ],
)
def test_a_cloud_event_that_cannot_be_read_is_refused_and_never_said_to_delete_nothing(changes: Json, path: str):
    with pytest.raises(InvalidInputError) as caught:
        read(changed(sample("eventgrid_cloudevent_obs"), **changes), "m-1")
    assert path in problems_of(caught)
