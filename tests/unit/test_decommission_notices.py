"""What the decommission function tells where no request is made."""

import json
from collections import Counter

import pytest
from aws_model import down
from bookkeeping import Json
from decommission_samples import ours, sample
from decommission_support import Desk, huawei, jd, pairs, record, tms, vm

# What is told.


@pytest.mark.parametrize("name", ["functiongraph_cts_trigger", "eventgrid_cloudevent_obs"])
def test_an_event_that_leads_to_no_request_publishes_a_notice_that_says_why(desk: Desk, name: str):
    assert desk.work(sample(name)) == []
    (notice,) = desk.notices
    assert (notice["kind"], notice["status"], notice["provider"]) == ("decommission", "skipped", "huaweicloud")
    assert notice["code"]
    assert notice["reason"] in notice["summary"]
    assert desk.aws.attributes[0]["kind"] == "decommission"
    assert desk.aws.attributes[0]["Subject"]
    assert desk.requests == desk.letters == []


def test_a_resource_that_the_cloud_does_not_know_any_more_leads_to_a_notice(desk: Desk):
    assert desk.work(huawei("v-1")) == []
    (notice,) = desk.notices
    assert (notice["id"], notice["account"], notice["status"], notice["code"]) == (
        *("ev-1", "default", "skipped", "not_found"),
    )
    assert notice["details"] == [{"type": "disk", "resource_id": "v-1", "code": "not_found"}]


def test_a_resource_without_tags_leads_to_a_notice(desk: Desk):
    jd(desk, "i-1")
    assert desk.work(ours()) == []
    assert [(notice["code"], notice["region"]) for notice in desk.notices] == [("no_tags", "cn-north-1")]


def test_resources_that_no_request_names_are_told_beside_those_that_one_does(desk: Desk):
    tms(desk, "v-1", env="prod")
    tms(desk, "v-2")
    assert desk.work(huawei("v-1", "v-2", "v-3")) == []
    (notice,) = desk.notices
    assert (notice["status"], notice["code"]) == ("partial", "several")
    assert notice["counts"] == {"requests": 1, "no_tags": 1, "not_found": 1}
    assert {row["resource_id"] for row in notice["details"]} == {"v-2", "v-3"}
    assert pairs(desk.requests) == Counter([("disk", "v-1", "env", "prod")])


def test_a_notice_of_thousands_of_resources_counts_them_all_and_fits_a_message(desk: Desk):
    ids = [f"{'x' * 500}-{number}" for number in range(1500)]
    assert desk.work(vm(*ids)) == []
    (notice,) = desk.notices
    assert notice["counts"] == {"no_tags": 1500}
    assert len(json.dumps(notice)) < 100_000


def test_the_same_facts_have_the_same_report_id_and_other_facts_another(desk: Desk):
    for id_ in ("m-1", "m-2"):
        assert desk.batch(record(sample("eventgrid_cloudevent_obs"), id_)) == []
    assert desk.work({**sample("eventgrid_cloudevent_obs"), "id": "other"}) == []
    first, second, third = [notice["report_id"] for notice in desk.notices]
    assert first == second != third


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"UNTAG_ALLOWED_ACCOUNTS": "prod"}, "account_not_allowed"),
        ({"UNTAG_ALLOWED_REGIONS": "cn-east-2"}, "region_not_allowed"),
        ({"UNTAG_ALLOWED_TYPES": "disk"}, "type_not_allowed"),
    ],
)
def test_what_a_guardrail_holds_back_is_not_even_read(environ: Json, code: str):
    with Desk(environ) as desk:
        jd(desk, "i-1", env="prod")
        assert desk.work(vm("i-1", "i-2")) == []
        assert [(notice["code"], notice["counts"]) for notice in desk.notices] == [(code, {code: 2})]
        assert desk.requests == list(desk.jd.calls) == []


def test_requests_are_sent_before_notices_and_a_notice_that_fails_brings_the_event_again(desk: Desk):
    tms(desk, "v-1", env="prod")
    desk.aws.trouble = down("sns")
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert len(desk.requests) == 1
    desk.aws.trouble = lambda *_: None
    assert desk.work(huawei("v-1", "v-2")) == []
    assert len(desk.notices) == 1


def test_without_the_work_queue_nothing_is_told(desk: Desk):
    tms(desk, "v-1", env="prod")
    desk.aws.trouble = down("sqs")
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert desk.notices == []
