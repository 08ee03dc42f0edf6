"""What becomes of an event whose tags cannot be read: it comes again, or is buried with the reason."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from bookkeeping import Json
from decommission_samples import ours
from decommission_support import PROJECT, SECONDS, Desk, huawei, jd, pairs, record, tms, vm

from untag.decommission.reading import MOST_READS
from untag.decommission.service import GIVE_UP_RECEIVES
from untag.providers import Answer, Scope
from untag.providers.huaweicloud.credentials import HuaweiSession
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.credentials import JDSession
from untag.providers.jdcloud.resourcetag import JDCloud

# What cannot be read.


@pytest.mark.parametrize("do", ["throttle", "unavailable", "not_json"])
def test_an_event_whose_tags_cannot_be_read_now_comes_again_and_leaves_nothing_behind(desk: Desk, do: str):
    tms(desk, "v-1", "v-2", env="prod")
    fault = desk.tms.faults.add(do, ids=("v-2",))
    assert desk.work(huawei("v-1", "v-2")) == ["m-1"]
    assert desk.requests == desk.notices == desk.letters == []
    desk.tms.faults.remove(fault)
    assert desk.work(huawei("v-1", "v-2")) == []
    assert len(pairs(desk.requests)) == 2


def test_after_a_first_failure_the_other_resources_are_not_asked_for(desk: Desk):
    ids = [f"v-{number}" for number in range(400)]
    tms(desk, *ids, env="prod")
    desk.tms.faults.add("unavailable", ids=("v-0",))
    assert desk.work(huawei(*ids)) == ["m-1"]
    assert len(desk.tms.calls) < 100


def test_an_event_waits_for_an_account_that_another_one_has_seen_throttled(desk: Desk):
    tms(desk, "v-0", "v-1", "v-2", env="prod")
    assert desk.work(huawei("v-0")) == []
    desk.tms.faults.add("throttle", ids=("v-1",), retry_after="30")
    assert desk.batch(record(huawei("v-1"), "throttled")) == ["throttled"]
    assert desk.batch(record(huawei("v-2"), "patient")) == []
    assert 30.0 <= desk.clock.seconds < SECONDS
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == {"v-0", "v-2"}


def test_an_event_does_not_wait_for_longer_than_the_invocation_has(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    desk.tms.faults.add("throttle", ids=("v-1",), retry_after="300")
    assert desk.batch(record(huawei("v-1"), "throttled"), record(huawei("v-2"), "patient")) == ["throttled", "patient"]
    assert desk.clock.seconds < 10.0


def test_an_event_that_can_never_be_read_is_given_up_with_a_letter_that_says_why(desk: Desk):
    desk.tms.faults.add("unavailable")
    assert desk.work(huawei("v-1"), receives=GIVE_UP_RECEIVES - 1) == ["m-1"]
    assert desk.letters == []
    assert desk.work(huawei("v-1"), receives=GIVE_UP_RECEIVES) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (huawei("v-1"), "exhausted")
    assert f"{GIVE_UP_RECEIVES} receives" in attributes["reason"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"do": "forbidden", "code": "TMS.0004"}, "TMS.0004"),
        ({"do": "refuse", "code": "TMS.0002"}, "TMS.0002"),
        ({"do": "status", "status": 404, "code": "APIGW.0101"}, "APIGW.0101"),
    ],
)
def test_a_read_that_is_refused_makes_a_dead_letter_with_the_clouds_code(desk: Desk, fault: Json, code: str):
    tms(desk, "v-1", env="prod")
    rule = desk.tms.faults.add(**fault)
    assert desk.work(huawei("v-1")) == []
    ((body, attributes),) = desk.letters
    assert attributes["code"] == code
    assert attributes["reason"]
    assert desk.requests == desk.notices == []
    desk.tms.faults.remove(rule)
    assert desk.work(body) == []
    assert len(desk.requests) == 1


def test_without_a_key_for_the_account_the_event_is_a_dead_letter_that_can_be_sent_again(desk: Desk):
    assert desk.work(vm("i-1", account="nobodys")) == []
    ((body, attributes),) = desk.letters
    assert (json.loads(body), attributes["code"]) == (vm("i-1", account="nobodys"), "no_credentials")


def test_without_a_project_the_event_is_a_dead_letter(desk: Desk):
    assert desk.work(huawei("v-1", project_id=..., region="cn-north-4")) == []
    assert [attributes["code"] for _, attributes in desk.letters] == ["no_project"]


def test_a_resource_that_an_answer_leaves_out_is_not_taken_for_one_without_tags():
    left_out = {"i-2"}

    class Short(JDCloud):
        async def read(self, session: JDSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
            answer = await super().read(session, scope, ids)
            return replace(answer, tags={id_: tags for id_, tags in (answer.tags or {}).items() if id_ not in left_out})

    with Desk(changed=[Short]) as desk:
        jd(desk, "i-1", "i-2", env="prod")
        assert desk.work(vm("i-1", "i-2", "i-3")) == []
        assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
        ((body, attributes),) = desk.letters
        assert (attributes["code"], attributes["request_id"]) == ("not_listed", "ev-1")
        assert json.loads(body)["detail"]["resources"] == [{"type": "vm", "ids": ["i-2"]}]
        assert [notice["counts"] for notice in desk.notices] == [{"requests": 1, "no_tags": 1, "not_listed": 1}]
        left_out.clear()
        assert desk.work(body) == []
        assert pairs(desk.requests[1:]) == Counter([("vm", "i-2", "env", "prod")])


def test_what_a_guardrail_holds_back_only_when_it_is_read_is_told_and_not_buried():
    with Desk({"UNTAG_ALLOWED_REGIONS": "cn-north-4", "UNTAG_CREDENTIALS": "secretsmanager:untag"}) as desk:
        secret = {**desk.tms.secrets["default"], "projects": {"eu-west-101": PROJECT}}
        desk.aws.secrets["untag/huaweicloud/default"] = secret
        tms(desk, "v-1", env="prod")
        assert desk.work(huawei("v-1")) == []
        assert [(notice["status"], notice["code"]) for notice in desk.notices] == [("skipped", "region_not_allowed")]
        assert desk.requests == desk.letters == list(desk.tms.calls) == []


def test_what_may_not_be_read_is_buried_by_itself_and_its_neighbours_are_served(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    rule = desk.tms.faults.add("forbidden", ids=("v-2",), code="TMS.0004")
    assert desk.work(huawei("v-1", "v-2", reason="sold", batch="b-1")) == []
    assert pairs(desk.requests) == Counter([("disk", "v-1", "env", "prod")])
    ((body, attributes),) = desk.letters
    assert (attributes["code"], attributes["request_id"], attributes["batch"]) == ("TMS.0004", "ev-1", "b-1")
    assert [(notice["status"], notice["counts"]) for notice in desk.notices] == [
        ("partial", {"requests": 1, "TMS.0004": 1})
    ]
    desk.tms.faults.remove(rule)
    assert desk.work(body) == []
    assert pairs(desk.requests[1:]) == Counter([("disk", "v-2", "env", "prod")])
    assert desk.requests[1]["id"] == "ev-1-rest"
    assert desk.requests[1]["reason"] == "sold"
    assert desk.requests[1]["batch"] == "b-1"


def test_the_rest_of_an_event_with_a_long_id_has_an_id_of_its_own(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    rule = desk.tms.faults.add("forbidden", ids=("v-2",), code="TMS.0004")
    assert desk.work({**huawei("v-1", "v-2"), "id": "e" * 240}) == []
    ((body, _),) = desk.letters
    desk.tms.faults.remove(rule)
    assert desk.work(body) == []
    first, second = (request["id"] for request in desk.requests)
    assert first == "e" * 240
    assert second == json.loads(body)["id"] != first


def test_a_call_that_is_refused_for_one_of_its_ids_is_made_for_each_by_itself(desk: Desk):
    jd(desk, *(f"i-{number}" for number in range(5)), env="prod")
    desk.jd.faults.add("refuse", ids=("i-3",))
    assert desk.work(vm(*(f"i-{number}" for number in range(5)))) == []
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == {"i-0", "i-1", "i-2", "i-4"}
    assert len(desk.letters) == 1
    assert json.loads(desk.letters[0][0])["detail"]["resources"] == [{"type": "vm", "ids": ["i-3"]}]


def test_hundreds_of_reads_keep_the_accounts_pace_and_are_all_made_in_one_invocation(desk: Desk):
    ids = [f"v-{number}" for number in range(600)]
    tms(desk, *ids, env="prod")
    assert desk.work(huawei(*ids)) == []
    assert len(desk.tms.calls) == 600
    assert desk.clock.seconds > 25.0, "20 calls a second are Huawei Cloud's pace"
    assert {id_ for _, id_, _, _ in pairs(desk.requests)} == set(ids)


def test_an_account_that_is_slow_is_waited_for_while_there_is_time():
    with Desk({"UNTAG_RATE": "1"}) as desk:
        ids = [f"v-{number}" for number in range(60)]
        tms(desk, *ids, env="prod")
        assert desk.work(huawei(*ids)) == []
        assert desk.clock.seconds > 50.0
        assert {id_ for _, id_, _, _ in pairs(desk.requests)} == set(ids)
        tms(desk, *(f"w-{number}" for number in range(200)), env="prod")
        assert desk.work(huawei(*(f"w-{number}" for number in range(200)))) == ["m-1"]
        assert len(desk.requests) == 1


class CursedRead(HuaweiTms):
    """TMS's provider with a bug that one resource brings out."""

    async def read(self, session: HuaweiSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        assert "v-1" not in ids
        return await super().read(session, scope, ids)


def test_a_bug_in_one_read_ends_the_others_and_brings_the_event_again(caplog: pytest.LogCaptureFixture):
    with Desk(changed=[CursedRead]) as desk:
        tms(desk, "v-0", "v-1", "v-2", env="prod")
        assert desk.work(huawei("v-0", "v-1", "v-2")) == ["m-1"]
        assert desk.requests == []
    assert "internal error" in caplog.text


def test_more_reads_than_an_invocation_has_time_for_are_refused_before_the_first(desk: Desk):
    ids = [f"v-{number}" for number in range(MOST_READS + 1)]
    assert desk.work(huawei(*ids)) == []
    ((_, attributes),) = desk.letters
    assert attributes["code"] == "invalid"
    assert "name the tags" in attributes["reason"]
    assert list(desk.tms.calls) == []
    assert desk.work(huawei(*ids, tags=[{"key": "env"}])) == []
    assert len(pairs(desk.requests)) == MOST_READS + 1


def test_an_event_that_is_not_finished_in_time_comes_again_and_its_neighbour_is_served(desk: Desk):
    tms(desk, "v-1", "v-2", env="prod")
    jd(desk, "i-1", env="prod")
    desk.tms.faults.add("stall", ids=("v-1",))
    assert desk.batch(record(huawei("v-1"), "slow"), record(ours(), "quick")) == ["slow"]
    assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
    assert desk.clock.seconds < SECONDS
