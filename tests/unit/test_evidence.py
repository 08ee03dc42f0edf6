"""A write whose answer was lost: what stood there before it travels on, so that it is neither claimed nor forgotten."""

import json

import pytest
from service_house import House, jd_request, put, record, resent, tms_request

from local.providers import HuaweicloudTmsOptions, HuaweicloudTmsServer
from untag.contracts import parse_requests


@pytest.mark.parametrize("do", ["reset", "stall", "empty", "truncate", "unavailable"])
def test_a_tag_removed_by_a_call_whose_answer_was_lost_is_absent_with_the_value_that_stood_there(do: str) -> None:
    with House() as house:
        put(house.jd, "i-1", "i-2")
        house.jd.faults.add(do, operation="writing", applied=True)
        raw = jd_request("i-1", "i-2")
        house.batch(record(raw))
        house.jd.faults.clear()
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
        assert house.batch(record(left)) == []
        rows = [(row["outcome"], row["was"]) for row in house.rows("chg-1")]
        assert rows == [("absent", "prod"), ("absent", "prod")]


def test_a_remainder_has_one_request_for_each_value_that_stood_there() -> None:
    raw = jd_request("i-1", "i-2", "i-3")
    raw["tags"] = [{"key": "env"}]
    with House() as house:
        put(house.jd, "i-1", "i-2")
        put(house.jd, "i-3", tags={"env": "test"})
        house.jd.faults.add("reset", operation="writing", applied=True)
        house.batch(record(raw))
        left = {tuple(one["resources"][0]["ids"]): one["tags"] for one in resent(house)}
        assert left == {
            ("i-1", "i-2"): [{"key": "env", "was": "prod"}],
            ("i-3",): [{"key": "env", "was": "test"}],
        }


def test_what_was_not_applied_after_all_is_removed_by_the_next_attempt() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("reset", operation="writing", applied=False)
        house.batch(record(jd_request("i-1")))
        house.jd.faults.clear()
        house.batch(record(resent(house)[0]))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("removed", "prod")


def test_evidence_outlasts_attempts_that_could_not_even_read() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("reset", operation="writing", applied=True)
        house.batch(record(jd_request("i-1")))
        house.jd.faults.clear()
        house.jd.faults.add("throttle")
        house.batch(record(resent(house)[0]))
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_throttled_write_was_not_carried_out_and_leaves_no_evidence() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("throttle", operation="writing")
        house.batch(record(jd_request("i-1")))
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod"}]


def test_a_retry_in_the_same_invocation_that_finds_nothing_left_to_remove_is_absent_with_the_value() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("reset", operation="writing", applied=True, times=2)
        house.batch(record(jd_request("i-1")))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_a_resource_that_the_cloud_does_not_know_without_tags_is_absent_once_we_took_the_last() -> None:
    """TMS answers 404 to a read of a resource that bears no tag any more."""
    with House() as house:
        put(house.tms, "i-1")
        house.tms.faults.add("reset", operation="writing", applied=True)
        house.batch(record(tms_request("i-1")))
        house.tms.faults.clear()
        house.tms.faults.add("status", operation="reading", status=404, code="TMS.0005")
        house.batch(record(resent(house)[0]))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_a_read_back_that_answers_404_after_our_own_write_is_absent() -> None:
    with House() as house:
        put(house.tms, "i-1")
        house.tms.faults.add("partial", ids=["i-1"], applied=True)
        house.tms.faults.add("status", operation="reading", status=404, code="TMS.0005", skip=1)
        house.batch(record(tms_request("i-1")))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_a_resource_that_is_not_known_before_anything_was_written_is_not_found() -> None:
    with House() as house:
        house.tms.faults.add("status", operation="reading", status=404, code="TMS.0005")
        house.batch(record(tms_request("i-1")))
        assert house.outcomes("chg-1") == {("i-1", "env"): "not_found"}


def test_what_is_given_up_keeps_its_evidence_in_the_dead_letter() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("reset", operation="writing", applied=False)
        old = {"attempt": 10, "first_attempt_at": "2020-01-01T00:00:00Z"}
        house.batch(record(jd_request("i-1", **old)))
        ((body, attributes),) = house.aws.letters()
        (request,) = parse_requests(json.loads(body), "x")
        assert attributes["code"] == "exhausted"
        assert [(tag.key, tag.value, tag.was) for tag in request.named_tags()] == [("env", "prod", "prod")]


def test_a_failure_whose_read_back_gets_no_answer_for_a_passing_reason_is_deferred_with_its_evidence() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("partial", ids=["i-1"], applied=True)
        house.jd.faults.add("unavailable", operation="reading", skip=1)
        house.batch(record(jd_request("i-1")))
        house.jd.faults.clear()
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
        house.batch(record(left))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "prod")
        assert house.aws.letters() == []


def test_a_lost_answer_is_not_forgotten_when_the_retry_is_throttled_for_one_resource() -> None:
    with House() as house:
        put(house.tms, "s-1", "s-2")
        house.tms.faults.add("reset", operation="writing", applied=True, times=1)
        house.tms.faults.add("partial", ids=["s-1"], code="TMS.0006", skip=1, times=1)
        house.batch(record(tms_request("s-1", "s-2")))
        (left,) = resent(house)
        assert (left["resources"][0]["ids"], left["tags"]) == (
            ["s-1"],
            [{"key": "env", "value": "prod", "was": "prod"}],
        )
        house.batch(record(left))
        rows = {row["resource_id"]: (row["outcome"], row["was"]) for row in house.rows("chg-1")}
        assert rows["s-1"] == ("absent", "prod")


def test_a_lost_answer_is_not_forgotten_when_the_retry_is_refused_and_its_halves_are_throttled() -> None:
    with House() as house:
        put(house.jd, "i-1", "i-2")
        house.jd.faults.add("reset", operation="writing", applied=True, times=1)
        house.jd.faults.add("refuse", operation="writing", times=1)
        house.jd.faults.add("throttle", operation="writing")
        house.batch(record(jd_request("i-1", "i-2")))
        house.jd.faults.clear()
        for left in resent(house):
            assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
            house.batch(record(left))
        assert {(row["outcome"], row["was"]) for row in house.rows("chg-1")} == {("absent", "prod")}


@pytest.mark.parametrize("do", ["throttle", "unauthorized"])
def test_a_tag_asked_for_alone_after_its_resource_failed_keeps_its_evidence_whatever_stops_it(do: str) -> None:
    """The resource was told to have failed, with all its tags: some may be gone all the same."""
    with House() as house:
        put(house.jd, "i-1", tags={"env": "prod", "team": "a"})
        house.jd.faults.add("partial", ids=["i-1"], applied=True, times=1)
        house.jd.faults.add(do, operation="writing", skip=1)
        house.batch(record(jd_request("i-1", tags={"env": "prod", "team": "a"})))
        assert sorted((tag["key"], tag["was"]) for left in resent(house) for tag in left["tags"]) == [
            ("env", "prod"),
            ("team", "a"),
        ]


def test_a_lost_answer_is_not_forgotten_when_the_retry_is_throttled_twice_over() -> None:
    with House() as house:
        put(house.tms, "s-1", "s-2")
        house.tms.faults.add("reset", operation="writing", applied=True, times=1)
        house.tms.faults.add("throttle", operation="writing", times=1)
        house.tms.faults.add("partial", ids=["s-1"], code="TMS.0006", skip=1, times=1)
        house.batch(record(tms_request("s-1", "s-2")))
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_lost_answer_is_not_forgotten_when_the_retry_is_refused_and_its_halves_are_not_made() -> None:
    with House() as house:
        put(house.jd, "i-1", "i-2")
        house.jd.faults.add("reset", operation="writing", applied=True, times=1)
        house.jd.faults.add("refuse", operation="writing", times=1)
        house.jd.faults.add("unauthorized", operation="writing")
        house.batch(record(jd_request("i-1", "i-2")))
        assert [left["tags"] for left in resent(house)] == [[{"key": "env", "value": "prod", "was": "prod"}]]


def test_a_call_that_is_sent_anew_since_its_connection_was_closed_may_have_been_carried_out() -> None:
    with House(keeps_connections=True) as house:
        put(house.tms, "s-1", "s-2")
        house.tms.faults.add("reset", operation="writing", applied=True, times=1)
        house.tms.faults.add("partial", ids=["s-1"], code="TMS.0006", skip=1, times=1)
        house.batch(record(tms_request("s-1", "s-2")))
        assert [call.fault for call in house.tms.calls if call.writing] == ["reset", "partial"]
        (left,) = resent(house)
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_lost_answer_is_not_forgotten_by_a_dead_letter() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.faults.add("reset", operation="writing", applied=True, times=1)
        house.jd.faults.add("forbidden", operation="writing")
        house.batch(record(jd_request("i-1")))
        ((body, _),) = house.aws.letters()
        assert json.loads(body)["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_restore_found_done_by_a_later_attempt_does_not_claim_to_know_what_stood_before() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"team": "a"})
        house.jd.faults.add("reset", operation="writing", applied=True)
        house.batch(record(jd_request("i-1", action="restore")))
        house.jd.faults.clear()
        house.batch(record(resent(house)[0]))
        (row,) = house.rows("chg-1")
        assert row["outcome"] == "restored"
        assert "was" not in row


def test_the_last_tag_of_a_resource_can_be_put_back_where_the_cloud_knows_no_resource_without_tags() -> None:
    with House(tms=HuaweicloudTmsServer(options=HuaweicloudTmsOptions(read_untagged="refused"))) as house:
        put(house.tms, "i-1")
        house.batch(record(tms_request("i-1", id_="a")))
        house.batch(record(tms_request("i-1", id_="b", action="restore")))
        assert house.outcomes("a") == {("i-1", "env"): "removed"}
        assert house.outcomes("b") == {("i-1", "env"): "restored"}
