"""Results go out in an order that loses nothing and multiplies nothing."""

import pytest
from aws_model import DEAD_LETTERS, QUEUE, down
from bookkeeping import Json
from service_house import House, jd_request, operations, record

# The order of delivery.


@pytest.mark.parametrize("trouble", ["down", "entries", "unnamed", "reset", "stall"])
def test_if_a_report_is_not_taken_the_record_comes_again_and_nothing_else_is_sent(house: House, trouble: str) -> None:
    house.jd.faults.add("partial", ids=["i-1"])
    house.jd.faults.add("unavailable", ids=["i-2"])
    house.aws.trouble = lambda service, *_: (500 if trouble == "down" else trouble) if service == "sns" else None
    house.aws.refuse = lambda _: ("InvalidParameter", True)
    body = [jd_request("i-1", id_="a"), jd_request("i-2", id_="b", tags={"other": "tag"})]
    assert house.batch(record(body)) == ["m-1"]
    assert house.aws.queues == {QUEUE: [], DEAD_LETTERS: []}
    assert "SendMessageBatch" not in operations(house)


def test_a_topic_that_is_down_for_ten_receives_of_a_record_leaves_no_extra_message_on_the_work_queue(
    house: House,
) -> None:
    house.aws.trouble = down("sns")
    house.jd.faults.add("unavailable", ids=["i-2"])
    body = [jd_request("i-1", id_="a"), jd_request("i-2", id_="b", tags={"other": "tag"})]
    for receives in range(1, 11):
        assert house.batch(record(body, receives=receives)) == ["m-1"]
        house.clock.seconds += 800
    assert house.aws.queues == {QUEUE: [], DEAD_LETTERS: []}
    house.aws.trouble = lambda *_: None
    house.jd.faults.clear()
    assert house.batch(record(body, receives=11)) == []
    house.check(*body)


def test_if_a_dead_letter_is_not_taken_the_record_comes_again_without_a_remainder(house: House) -> None:
    house.jd.faults.add("partial", ids=["i-1"])
    house.jd.faults.add("unavailable", ids=["i-2"])

    def trouble(_: str, operation: str, body: Json) -> int | None:
        return 500 if operation == "SendMessageBatch" and body["QueueUrl"] == DEAD_LETTERS else None

    house.aws.trouble = trouble
    body = [jd_request("i-1", id_="a"), jd_request("i-2", id_="b", tags={"other": "tag"})]
    assert house.batch(record(body)) == ["m-1"]
    assert len(house.aws.reports) == 2
    assert house.aws.queues == {QUEUE: [], DEAD_LETTERS: []}


@pytest.mark.parametrize("trouble", ["down", "entries", "unnamed"])
def test_if_a_remainder_is_not_taken_the_record_comes_again(house: House, trouble: str) -> None:
    house.jd.faults.add("unavailable")
    house.aws.trouble = lambda service, *_: (500 if trouble == "down" else trouble) if service == "sqs" else None
    house.aws.refuse = lambda _: ("InvalidMessageContents", True)
    assert house.batch(record(jd_request("i-1"))) == ["m-1"]
    if trouble != "unnamed":
        assert house.aws.queues[QUEUE] == []


def test_one_entry_that_is_refused_inside_an_answer_of_success_brings_back_its_record_only(house: House) -> None:
    house.aws.trouble = lambda service, *_: "entries" if service == "sns" else None
    house.aws.refuse = lambda body: ("InvalidParameter", True) if '"chg-3"' in body else None
    raws = [jd_request(f"i-{n}", id_=f"chg-{n}") for n in range(12)]
    assert house.batch(*(record(raw, f"m-{n}") for n, raw in enumerate(raws))) == ["m-3"]
    house.check(*(raw for raw in raws if raw["id"] != "chg-3"))


def test_an_entry_that_is_refused_for_a_passing_reason_is_sent_again(house: House) -> None:
    times = iter(range(10))
    house.aws.trouble = lambda service, *_: "entries" if service == "sns" else None
    house.aws.refuse = lambda _: ("InternalError", False) if next(times) == 0 else None
    raw = jd_request("i-1")
    assert house.batch(record(raw)) == []
    house.check(raw)


def test_the_remainder_is_the_last_thing_sent_for_a_record(house: House) -> None:
    house.jd.faults.add("partial", ids=["i-1"])
    house.jd.faults.add("unavailable", ids=["i-2"])
    body = [jd_request("i-1", id_="a"), jd_request("i-2", id_="b", tags={"other": "tag"})]
    assert house.batch(record(body)) == []
    sent = [(name, call.get("QueueUrl")) for _, name, call in house.aws.calls]
    assert sent == [("PublishBatch", None), ("SendMessageBatch", DEAD_LETTERS), ("SendMessageBatch", QUEUE)]
    house.check(*body)
