"""Records in, results out, each in one place: done, left over, or buried with the reason."""

import json
from collections import Counter
from typing import Any

import pytest
from aws_model import QUEUE, down
from bookkeeping import flat
from changed_providers import with_a_bug_in
from service_house import House, huawei_request, jd_request, put, record, taken_away
from support import errors_of

from untag.contracts import Deferral
from untag.contracts.rejections import InvocationError

# What one batch does.


def test_a_hundred_records_with_one_resource_each_make_two_reads_two_writes_and_a_hundred_reports(house: House) -> None:
    raws = [jd_request(f"i-{n}", id_=f"chg-{n}") for n in range(100)]
    assert house.batch(*(record(raw, f"m-{n}") for n, raw in enumerate(raws))) == []
    assert Counter((call.operation, len(call.ids)) for call in house.jd.calls) == {
        ("describeResources", 50): 2,
        ("unTagResources", 50): 2,
    }
    assert sorted(report["id"] for report in house.aws.reports) == sorted(raw["id"] for raw in raws)
    for n, raw in enumerate(raws):
        assert house.outcomes(raw["id"]) == {(f"i-{n}", "env"): "removed"}
    house.check(*raws)
    assert len(house.aws.made("PublishBatch")) == 10


def test_each_of_a_hundred_records_has_its_own_outcome(house: House) -> None:
    house.jd.faults.add("partial", ids=["i-13", "i-57"])
    house.jd.tags.remove("cn-north-1", "vm", "i-99")
    raws = [jd_request(f"i-{n}", id_=f"chg-{n}") for n in range(100)]
    assert house.batch(*(record(raw, f"m-{n}") for n, raw in enumerate(raws))) == []
    house.check(*raws)
    wrong = {raw["id"]: set(house.outcomes(raw["id"]).values()) for raw in raws}
    assert {id_: found for id_, found in wrong.items() if found != {"removed"}} == {
        "chg-13": {"failed"},
        "chg-57": {"failed"},
        "chg-99": {"absent"},
    }
    assert {attributes["request_id"] for _, attributes in house.aws.letters()} == {"chg-13", "chg-57"}
    # Two reads, two writes, and a read-back for the failed ones of each.
    assert len(house.jd.calls) == 6


def test_a_report_goes_out_with_its_attributes_and_its_summary_as_the_subject(house: House) -> None:
    house.batch(record(jd_request("i-1", action="restore", dry_run=True, reason="why")))
    assert house.aws.attributes == [
        {
            "kind": "removal",
            "action": "restore",
            "provider": "jdcloud",
            "account": "default",
            "status": "succeeded",
            "id": "chg-1",
            "Subject": "jdcloud/default cn-north-1: 1 of 1 tag would be restored",
        }
    ]


def test_results_are_delivered_as_they_complete(house: House) -> None:
    house.huawei.latency = 5.0
    house.batch(record(huawei_request("pa-1", id_="slow"), "m-1"), record(jd_request("i-1", id_="quick"), "m-2"))
    assert [report["id"] for report in house.aws.reports] == ["quick", "slow"]
    ended = {report["id"]: report["finished_at"] for report in house.aws.reports}
    assert ended["quick"] < ended["slow"]


def test_a_list_of_requests_is_one_record_with_a_report_for_each(house: House) -> None:
    body = [jd_request("i-1", id_=""), jd_request("i-2", id_="own"), huawei_request("pa-1", id_="")]
    for raw in body:
        if not raw["id"]:
            del raw["id"]
    assert house.batch(record(body, "m-7")) == []
    assert [report["id"] for report in house.aws.reports] == ["m-7-1", "own", "m-7-3"]
    house.check(*({**raw, "id": id_} for raw, id_ in zip(body, ["m-7-1", "own", "m-7-3"], strict=True)))


def test_a_request_of_several_types_is_one_report() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.jd.tags.put("cn-north-1", "disk", "d-1", "env", "prod")
        raw = jd_request("i-1", resources=[{"type": "vm", "ids": ["i-1"]}, {"type": "disk", "ids": ["d-1"]}])
        house.work_at(raw)
        assert len(house.aws.reports) == 1
        assert house.outcomes("chg-1") == {("i-1", "env"): "removed", ("d-1", "env"): "removed"}


def test_an_empty_batch_does_nothing(house: House) -> None:
    assert house.batch() == []
    assert house.aws.calls == []


# Remainders.


def test_what_is_deferred_goes_back_to_the_work_queue_as_one_message_with_its_delay(house: House) -> None:
    house.jd.faults.add("throttle", retry_after="42")
    raw = jd_request("i-1", "i-2", tags={"env": "prod", "a": "b"}, reason="why")
    assert house.batch(record(raw)) == []
    house.check(raw)
    (message,) = house.aws.queues[QUEUE]
    assert 42 <= message["DelaySeconds"] <= 57
    (body,) = flat(message["MessageBody"])
    assert (body["attempt"], body["reason"], body["first_attempt_at"]) == (2, "why", "2026-09-21T14:13:20.000Z")
    assert house.aws.letters() == []
    (report,) = house.aws.reports
    assert (report["status"], report["complete"], report["counts"]) == ("deferred", False, {"deferred": 4})


def test_a_remainder_names_exactly_what_is_left_even_if_that_is_no_rectangle(house: House) -> None:
    house.huawei.faults.add("unavailable", operation="writing", ids=["pa-2"])
    house.huawei.tags.put("", "config:policyAssignments", "pa-2", "a", "b")
    house.huawei.tags.put("", "config:policyAssignments", "pa-3", "a", "other")
    raw = huawei_request("pa-1", "pa-2", "pa-3", tags={"env": "prod", "a": "b"})
    house.work_at(raw)
    assert house.outcomes("chg-1") == {
        ("pa-1", "env"): "removed",
        ("pa-1", "a"): "absent",
        ("pa-3", "env"): "removed",
        ("pa-3", "a"): "absent",
    }
    (left,) = house.aws.messages()
    assert [group["ids"] for group in left["resources"]] == [["pa-2"]]


def test_remainders_carry_on_until_all_is_done(house: House) -> None:
    house.jd.faults.add("unavailable", times=7)
    raw = jd_request(*(f"i-{n}" for n in range(60)))
    bodies = [json.dumps(raw)]
    for _ in range(20):
        if not bodies:
            break
        house.batch(record(bodies.pop(0)))
        bodies += [message["MessageBody"] for message in house.aws.queues[QUEUE]]
        house.aws.queues[QUEUE].clear()
        house.clock.seconds += 900
    rows = house.rows("chg-1")
    assert sorted(row["resource_id"] for row in rows) == sorted(f"i-{n}" for n in range(60))
    assert {row["outcome"] for row in rows} == {"removed"}
    assert max(report["attempt"] for report in house.aws.reports) > 1


# Bad input.

POISON = [
    "not json",
    "[]",
    "{}",
    "null",
    "17",
    '"text"',
    '{"provider": "nobody", "resources": [{"type": "vm", "ids": ["i"]}], "tags": [{"key": "a", "value": "b"}]}',
    json.dumps(jd_request("i-1", region="../etc")),
    json.dumps(jd_request("a\nb")),
    json.dumps(jd_request("i-1", tags={"k" * 129: "v"})),
    json.dumps(jd_request("i-1", surprise=1)),
    json.dumps(jd_request("i-1", expect=2)),
    json.dumps([jd_request("i-1"), {"provider": "jdcloud"}]),
    json.dumps([jd_request("i-1"), jd_request("i-1", action="restore")]),
    "\ud800",
    "x" * 1_000_000,
    "[" * 100_000,
]


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_a_poison_record_goes_to_the_dead_letters_verbatim_and_its_neighbours_go_through(
    house: House, poison: str
) -> None:
    # The one that is no text SQS could hold is returned, and its neighbours do not notice.
    expected = ["m-2"] if poison == "\ud800" else []
    good = [jd_request("i-1", id_="a"), jd_request("i-2", id_="b")]
    found = house.batch(record(good[0], "m-1"), record(poison, "m-2"), record(good[1], "m-3"))
    assert found == expected
    house_letters = house.aws.letters()
    for raw in good:
        assert set(house.outcomes(raw["id"]).values()) == {"removed"}
    assert taken_away(house.jd) == {("i-1", "env", "prod"), ("i-2", "env", "prod")}
    if not expected:
        ((body, attributes),) = house_letters
        assert body == poison
        assert attributes["code"] == "invalid"
        assert attributes["request_id"] == ("chg-1" if '"id": "chg-1"' in poison else "m-2")
        assert attributes["source"].endswith(":work")
        assert attributes["reason"]


def test_a_reason_names_the_field_and_the_rule(house: House) -> None:
    house.batch(record([jd_request("i-1"), jd_request("i-2", region="..")]))
    ((_, attributes),) = house.aws.letters()
    assert attributes["reason"].startswith("1.region: ")


def test_a_poison_record_whose_letter_is_not_taken_comes_again(house: House) -> None:
    house.aws.trouble = down("sqs")
    assert house.batch(record("not json", "m-1"), record(jd_request("i-1"), "m-2")) == ["m-1"]
    assert house.outcomes("chg-1") == {("i-1", "env"): "removed"}


# Contradictions.


def test_of_records_that_contradict_each_other_the_later_one_comes_again_and_nothing_of_it_is_done(
    house: House,
) -> None:
    first, later = jd_request("i-1", id_="a"), jd_request("i-1", id_="b", action="restore", tags={"env": "new"})
    third = jd_request("i-2", id_="c")
    assert house.batch(record(first, "m-1"), record([later], "m-2"), record(third, "m-3")) == ["m-2"]
    house.check(first, third)
    assert house.rows("b") == []
    assert [call.operation for call in house.jd.calls] == ["describeResources", "unTagResources"]
    assert house.batch(record([later], "m-2", receives=2)) == []
    house.check(later)
    assert house.jd.tags.get("default", "cn-north-1", "vm", "i-1") == {"env": "new"}


def test_a_list_that_contradicts_itself_is_rejected_and_nothing_of_it_is_called(house: House) -> None:
    body = [jd_request("i-1", id_="a"), jd_request("i-1", id_="b", action="restore")]
    assert house.batch(record(body)) == []
    ((_, attributes),) = house.aws.letters()
    assert attributes["reason"] == "1: contradicts an earlier request of the list"
    assert list(house.jd.calls) == []


# By hand.


def test_a_payload_sent_by_hand_is_delivered_like_any_other(house: House) -> None:
    house.jd.faults.add("partial", ids=["i-1"])
    raw = jd_request("i-1", "i-2")
    answer = house.payload(raw)
    assert list(answer) == ["reports"]
    assert answer["reports"] == house.aws.reports
    house.check(raw)


def test_a_payload_without_an_id_bears_the_invocations(house: House) -> None:
    raw = jd_request("i-1")
    del raw["id"]
    assert house.payload(raw)["reports"][0]["id"] == "manual-1"


@pytest.mark.parametrize(
    ("payload", "errors"),
    [
        (jd_request("i-1", region=".."), ["region"]),
        ([jd_request("i-1"), jd_request("a\nb", surprise=1)], ["1.resources.0.ids.0", "1.surprise"]),
        ([], [""]),
        (None, [""]),
        ({"provider": "nobody"}, ["resources", "tags"]),
    ],
)
def test_a_payload_that_does_not_validate_fails_with_its_errors_and_nothing_is_called(
    house: House, payload: Any, errors: list[str]
) -> None:
    with pytest.raises(InvocationError) as caught:
        house.payload(payload)
    assert [error["path"] for error in errors_of(caught)] == errors
    assert house.aws.calls == []
    assert list(house.jd.calls) == []


@pytest.mark.parametrize("service", ["sns", "sqs"])
def test_a_payload_whose_results_are_not_delivered_fails_and_carries_on_when_it_comes_again(
    house: House, service: str
) -> None:
    house.aws.trouble = down(service)
    house.jd.faults.add("partial", ids=["i-2"])
    raw = jd_request("i-1", "i-2")
    with pytest.raises(InvocationError) as caught:
        house.payload(raw)
    assert [error["path"] for error in errors_of(caught)] == [""]
    assert "not delivered (InternalError)" in str(caught.value)
    house.aws.trouble = lambda *_: None
    (report,) = house.payload(raw)["reports"]
    assert report in house.aws.reports
    assert taken_away(house.jd) == {("i-1", "env", "prod")}
    assert [attributes["request_id"] for _, attributes in house.aws.letters()] == ["chg-1"]


def test_a_bug_while_a_payload_is_opened_fails_without_its_own_words() -> None:
    with House(changed=[with_a_bug_in("scope")]) as house, pytest.raises(InvocationError) as caught:
        house.payload(jd_request("i-1"))
    assert errors_of(caught) == [{"path": "", "message": "internal error: ZeroDivisionError; nothing was called"}]
    assert caught.value.__suppress_context__, "a traceback would show the bug's own words"


def test_what_a_deferral_is_stays_out_of_the_rows(house: House) -> None:
    house.jd.faults.add("unavailable")
    answer = house.payload(jd_request("i-1"))
    assert answer["reports"][0]["outcomes"] == []
    assert Deferral.__name__ not in json.dumps(answer)
