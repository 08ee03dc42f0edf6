"""A request that says `not_before` is kept until then, and carried out when it comes back."""

import json
import re

import pytest
from aws_model import QUEUE
from service_house import House, jd_request, record
from support import problems_of
from virtual_time import NOW

from cli.deployed.aws.kept import cancel, list_kept
from untag.contracts import InvalidInputError, parse_requests
from untag.contracts.requests import timestamp

SCHEDULER = {
    "UNTAG_SCHEDULE_GROUP": "untag-kept",
    "UNTAG_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/untag-kept",
}
DAY = 86400.0


@pytest.fixture
def house():
    with House(environ=SCHEDULER) as made:
        place = {"region": "cn-north-1", "type": "vm"}
        made.jd.tags.load({**place, "id": f"i-{n}", "tags": {"env": "prod"}} for n in (1, 2))
        yield made


def in_(seconds):
    return timestamp(NOW + seconds)


def test_a_request_before_its_time_is_kept_as_a_schedule_and_nothing_is_called(house):
    assert house.batch(record(jd_request("i-1", "i-2", not_before=in_(DAY), batch="b-1"))) == []
    assert len(house.jd.calls) == 0
    ((_, schedule),) = house.aws.schedules.items()
    assert schedule["ScheduleExpression"] == "at(2026-09-22T14:13:20)"
    assert (schedule["ActionAfterCompletion"], schedule["GroupName"]) == ("DELETE", "untag-kept")
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["Arn"] == "arn:aws:sqs:eu-west-1:123456789012:work"
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "arn:aws:sqs:eu-west-1:123456789012:dead"}
    assert house.aws.queues[QUEUE] == []
    (report,) = house.aws.reports
    assert (report["status"], report["complete"], report["counts"]) == ("deferred", False, {"deferred": 2})
    assert report["summary"].endswith("kept until 2026-09-22T14:13:20.000Z")


def test_when_its_time_has_come_it_is_carried_out(house):
    house.batch(record(jd_request("i-1", not_before=in_(DAY), batch="b-1")))
    ((_, schedule),) = house.aws.schedules.items()
    house.clock.seconds += DAY
    assert house.batch(record(schedule["Target"]["Input"], "m-2")) == []
    report = house.aws.reports[-1]
    assert (report["id"], report["batch"], report["status"], report["attempt"]) == ("chg-1", "b-1", "succeeded", 1)
    assert report["counts"] == {"removed": 1}


def test_a_record_that_comes_twice_makes_one_schedule_and_tells_the_same(house):
    body = jd_request("i-1", not_before=in_(DAY))
    assert house.batch(record(body)) == house.batch(record(body, receives=2)) == []
    assert len(house.aws.schedules) == 1
    assert len({report["report_id"] for report in house.aws.reports}) == 1


def test_a_schedule_that_is_not_taken_brings_the_record_again(house):
    house.aws.trouble = lambda service, *_: 500 if service == "scheduler" else None
    assert house.batch(record(jd_request("i-1", not_before=in_(DAY)))) == ["m-1"]


def test_a_time_that_is_near_is_the_queues_own_delay(house):
    assert house.batch(record(jd_request("i-1", not_before=in_(600)))) == []
    (message,) = house.aws.queues[QUEUE]
    assert message["DelaySeconds"] == 600
    assert house.aws.schedules == {}


def test_without_a_schedule_group_a_request_goes_round_the_queue_until_its_time():
    with House() as house:
        assert house.batch(record(jd_request("i-1", not_before=in_(DAY)))) == []
        (message,) = house.aws.queues[QUEUE]
        assert message["DelaySeconds"] == 900
        (again,) = parse_requests(json.loads(message["MessageBody"]), "none")
        assert timestamp(again.not_before.timestamp()) == in_(DAY)


def test_what_a_schedule_would_fill_in_is_sent_as_it_is(house):
    value = "<aws.scheduler.execution-id>"
    house.batch(record(jd_request("i-1", tags={"env": value}, not_before=in_(DAY))))
    ((_, schedule),) = house.aws.schedules.items()
    assert "<" not in schedule["Target"]["Input"]
    assert json.loads(schedule["Target"]["Input"])["tags"] == [{"key": "env", "value": value}]


def test_a_request_that_is_too_long_for_one_schedule_is_kept_in_parts():
    with House(environ={**SCHEDULER, "UNTAG_MAX_PAIRS": "100000"}) as house:
        ids = [f"i-{n:05d}-{'x' * 80}" for n in range(6000)]
        assert house.batch(record(jd_request(*ids, not_before=in_(DAY)))) == []
        inputs = [schedule["Target"]["Input"] for schedule in house.aws.schedules.values()]
        assert len(inputs) > 2
        assert max(len(text.encode()) for text in inputs) <= 256_000
        kept = [id_ for text in inputs for group in json.loads(text)["resources"] for id_ in group["ids"]]
        assert sorted(kept) == sorted(ids)


def test_a_guardrail_is_told_at_once_and_nothing_is_kept():
    with House(environ={**SCHEDULER, "UNTAG_MAX_PAIRS": "1"}) as house:
        house.batch(record(jd_request("i-1", "i-2", not_before=in_(DAY))))
        assert house.aws.schedules == {}
        assert house.aws.reports[0]["held_back"]["code"] == "too_many_pairs"


def test_protected_keys_are_told_at_once_and_only_the_others_are_kept():
    with House(environ={**SCHEDULER, "UNTAG_PROTECTED_KEYS": "owner"}) as house:
        house.batch(record(jd_request("i-1", tags={"env": "prod", "owner": "li"}, not_before=in_(DAY))))
        assert house.aws.reports[0]["counts"] == {"protected": 1, "deferred": 1}
        ((_, schedule),) = house.aws.schedules.items()
        assert [tag["key"] for tag in json.loads(schedule["Target"]["Input"])["tags"]] == ["env"]


def test_every_tag_may_be_kept_for_later(house):
    house.batch(record({**jd_request("i-1", not_before=in_(DAY)), "tags": "all"}))
    ((_, schedule),) = house.aws.schedules.items()
    assert json.loads(schedule["Target"]["Input"])["tags"] == "all"


def test_a_dry_run_of_the_stack_stays_one_when_the_time_has_come():
    with House(environ={**SCHEDULER, "UNTAG_DRY_RUN": "on"}) as house:
        house.batch(record(jd_request("i-1", not_before=in_(DAY))))
        ((_, schedule),) = house.aws.schedules.items()
        assert json.loads(schedule["Target"]["Input"])["dry_run"] is True


def test_a_request_that_could_never_be_called_is_refused():
    with pytest.raises(InvalidInputError) as caught:
        parse_requests(jd_request("i-1", not_before=in_(DAY), not_after=in_(60)), "own")
    assert problems_of(caught) == {"not_before": "should not be later than not_after: nothing could ever be called"}


def test_what_is_kept_is_listed_in_the_order_of_its_time_and_can_be_cancelled(house):
    for day in (3, 1, 2):
        house.batch(record(jd_request("i-1", id_=f"chg-{day}", not_before=in_(day * DAY))))
    run, aws = house.remover.runtime.loop.run_until_complete, house.remover.runtime.host.aws
    kept = run(list_kept(aws, "untag-kept"))
    assert [json.loads(one.body)["id"] for one in kept] == ["chg-1", "chg-2", "chg-3"]
    assert kept[0].due == "2026-09-22T14:13:20"
    assert run(cancel(aws, "untag-kept", kept[0].name)) is True
    assert run(cancel(aws, "untag-kept", kept[0].name)) is False
    assert [json.loads(one.body)["id"] for one in run(list_kept(aws, "untag-kept"))] == ["chg-2", "chg-3"]
    assert all(re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", one.name) for one in kept)
