"""An invocation with what may have killed the last one, with what stalls, and with bugs."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from aws_model import DEAD_LETTERS, QUEUE, down
from changed_providers import with_a_bug_in
from service_house import House, huawei_request, jd_request, operations, put, record

from untag.core import Deadline, Engine, Job
from untag.hosts.aws.records import sqs_records
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.removal import Remover
from untag.runtime import Runtime

# Suspects.


def test_records_received_three_times_run_last_and_alone_hidden_longer_and_deleted_after_delivery(
    house: House,
) -> None:
    raws = [jd_request(f"i-{n}", id_=f"chg-{n}") for n in range(4)]
    records = [record(raw, f"m-{n}", receives=3 if n in {0, 2} else 2) for n, raw in enumerate(raws)]
    assert house.batch(*records) == []
    writes = [call.ids for call in house.jd.calls if call.writing]
    assert writes == [("i-1", "i-3"), ("i-0",), ("i-2",)]
    house.check(*raws)
    wanted = ["GetQueueAttributes", "ChangeMessageVisibility", "PublishBatch", "DeleteMessage"]
    assert operations(house) == ["PublishBatch", *wanted, *wanted[1:]]
    hidden = house.aws.made("ChangeMessageVisibility")
    assert [(body["ReceiptHandle"], body["VisibilityTimeout"]) for body in hidden] == [
        ("receipt-m-0", 1201),
        ("receipt-m-2", 1201),
    ]
    assert [body["ReceiptHandle"] for body in house.aws.made("DeleteMessage")] == ["receipt-m-0", "receipt-m-2"]


def test_suspects_that_are_not_begun_go_back_to_their_queue_and_pay_no_receive(house: House) -> None:
    records = [record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=3) for n in range(14)]
    assert house.batch(*records) == []
    begun = {report["id"] for report in house.aws.reports}
    assert begun == {f"chg-{n}" for n in range(10)}
    back = [message for message in house.aws.queues[QUEUE] if "untag_receives" in message["MessageAttributes"]]
    assert [json.loads(message["MessageBody"])["id"] for message in back] == [f"chg-{n}" for n in range(10, 14)]
    again = sqs_records({"Records": [as_lambda_hands_it(message, f"n-{n}") for n, message in enumerate(back)]})
    assert again is not None
    assert [(one.receives, one.own_id) for one in again] == [(3, f"m-{n}") for n in range(10, 14)]
    (deleted,) = house.aws.made("DeleteMessageBatch")
    assert [entry["ReceiptHandle"] for entry in deleted["Entries"]] == [f"receipt-m-{n}" for n in range(10, 14)]


def test_a_record_at_its_last_receive_is_the_only_one_that_is_begun(house: House) -> None:
    records = [record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=5) for n in range(3)]
    assert house.batch(*records) == []
    assert [report["id"] for report in house.aws.reports] == ["chg-0"]
    back = [message for message in house.aws.queues[QUEUE] if "untag_receives" in message["MessageAttributes"]]
    assert [json.loads(message["MessageBody"])["id"] for message in back] == ["chg-1", "chg-2"]


def test_a_record_at_its_last_receive_waits_for_an_invocation_without_other_suspects(house: House) -> None:
    receives = (5, 3, 5, 4)
    records = [
        record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=count) for n, count in enumerate(receives)
    ]
    assert house.batch(*records) == []
    assert [report["id"] for report in house.aws.reports] == ["chg-1", "chg-3"]


def test_a_record_is_put_back_by_one_call_even_if_its_answer_is_lost(house: House) -> None:
    house.aws.trouble = lambda _, operation, __: 503 if operation == "SendMessageBatch" else None
    records = [record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=5) for n in range(2)]
    assert house.batch(*records) == ["m-1"]
    assert operations(house).count("SendMessageBatch") == 1


def test_suspects_for_which_no_time_is_left_go_back_too_and_come_again_where_the_queue_takes_nothing(
    house: House,
) -> None:
    records = [record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=3) for n in range(3)]
    house.seconds = 0.1
    house.aws.trouble = down("sqs")
    assert house.batch(*records) == ["m-0", "m-1", "m-2"]
    assert house.aws.reports == []


def as_lambda_hands_it(message: dict[str, Any], id_: str) -> dict[str, Any]:
    """A sent message as the event source mapping hands it over when it is received for the first time."""
    return {
        "messageId": id_,
        "receiptHandle": f"receipt-{id_}",
        "body": message["MessageBody"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": "String"}
            for name, value in message["MessageAttributes"].items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
    }


def test_a_delivery_that_does_not_end_is_given_up_in_time_and_the_others_are_acknowledged(house: House) -> None:
    stalled = []

    def stall(service: str, operation: str, body: dict[str, Any]) -> str | None:
        if service == "sns" and "chg-1" in str(body) and "chg-0" not in str(body):
            stalled.append(operation)
            return "stall"
        return None

    house.aws.trouble = stall
    house.huawei.latency = 5.0
    put(house.huawei, "pa-1")
    first, late = jd_request("i-1", id_="chg-0"), huawei_request("pa-1", id_="chg-1")
    assert house.batch(record(first, "m-0"), record(late, "m-1")) == ["m-1"]
    assert stalled
    assert house.took <= house.seconds - 2.0 + 0.1


def test_a_suspect_that_is_not_delivered_is_not_deleted(house: House) -> None:
    house.aws.trouble = down("sns")
    assert house.batch(record(jd_request("i-1"), receives=3)) == ["m-1"]
    assert house.aws.made("DeleteMessage") == []


def test_a_suspect_is_worked_at_even_if_it_cannot_be_hidden_or_deleted(house: House) -> None:
    house.aws.trouble = lambda _, operation, __: 400 if operation in {"GetQueueAttributes", "DeleteMessage"} else None
    raw = jd_request("i-1")
    assert house.batch(record(raw, receives=5)) == []
    house.check(raw)


def test_a_suspect_for_which_there_is_no_time_goes_back_to_its_queue_untouched() -> None:
    with House(seconds=30.0) as house:
        put(house.jd, "i-1", "i-2", "i-3")
        house.jd.latency = 9.0
        records = [record(jd_request(f"i-{n}", id_=f"chg-{n}"), f"m-{n}", receives=3) for n in range(1, 6)]
        assert house.batch(*records) == []
        back = [
            json.loads(message["MessageBody"])["id"]
            for message in house.aws.queues[QUEUE]
            if "untag_receives" in message["MessageAttributes"]
        ]
        assert back[-2:] == ["chg-4", "chg-5"]
        assert len(house.aws.made("ChangeMessageVisibility")) == 5 - len(back)
        assert house.took < 30.0


def test_a_suspect_that_is_poison_is_buried_and_deleted(house: House) -> None:
    assert house.batch(record("not json", receives=4)) == []
    assert len(house.aws.letters()) == 1
    assert len(house.aws.made("DeleteMessage")) == 1


# Time.


@pytest.mark.parametrize("seconds", [3.0, 10.0, 30.0, 120.0])
@pytest.mark.parametrize("stalled", [["jd"], ["sns"], ["sqs"], ["jd", "sns"], ["jd", "sqs"], ["jd", "sns", "sqs"]])
@pytest.mark.parametrize("receives", [1, 3])
def test_an_invocation_ends_before_its_time_out_whatever_stalls(
    seconds: float, stalled: list[str], receives: int
) -> None:
    with House(seconds=seconds) as house:
        put(house.jd, "i-1", "i-2")
        if "jd" in stalled:
            house.jd.faults.add("stall", applied=True)
        house.aws.trouble = lambda service, *_: "stall" if service in stalled else None
        raws = [jd_request(f"i-{n}", id_=f"chg-{n}") for n in (1, 2)]
        records = [record(raw, raw["id"], receives=receives) for raw in raws]
        failed = house.batch(*records, record("poison", "m-9"))
        assert house.took < seconds
        for raw in raws:
            if raw["id"] not in failed:
                house.check(raw)
            else:
                assert not [body for body in house.aws.messages() if body["id"] == raw["id"]]


def test_a_stalled_cloud_leaves_delivery_the_time_it_needs() -> None:
    with House(seconds=20.0) as house:
        put(house.jd, "i-1")
        house.jd.faults.add("stall")
        raw = jd_request("i-1")
        assert house.batch(record(raw)) == []
        house.check(raw)
        assert house.took <= 15.1


def test_secrets_that_stall_leave_delivery_the_time_it_needs() -> None:
    with House(seconds=20.0, environ={"UNTAG_CREDENTIALS": "secretsmanager:untag"}) as house:
        house.aws.trouble = lambda service, *_: "stall" if service == "secretsmanager" else None
        raws = [jd_request("i-1", id_=f"chg-{n}", account=f"a{n}") for n in range(5)]
        assert house.batch(*(record(raw, raw["id"]) for raw in raws)) == []
        house.check(*raws)
        assert house.took <= 15.1


# Bugs.


def test_a_bug_in_one_provider_module_defers_only_its_own_pairs() -> None:
    ours, theirs = huawei_request("pa-1", id_="a"), jd_request("i-1", id_="b")
    with House(changed=[with_a_bug_in("write")]) as house:
        put(house.jd, "i-1")
        put(house.huawei, "pa-1")
        assert house.batch(record(ours, "m-1"), record(theirs, "m-2")) == []
        house.check(ours, theirs)
        assert house.outcomes("a") == {("pa-1", "env"): "removed"}
        assert [body["id"] for body in house.aws.messages()] == ["b"]


@pytest.mark.parametrize("method", ["problems", "warnings", "scope"])
def test_a_bug_while_a_record_is_opened_brings_back_that_record_only(method: str) -> None:
    ours, theirs = huawei_request("pa-1", id_="a"), jd_request("i-1", id_="b")
    with House(changed=[with_a_bug_in(method)]) as house:
        put(house.jd, "i-1")
        put(house.huawei, "pa-1")
        assert house.batch(record(ours, "m-1"), record(theirs, "m-2")) == ["m-2"]
        house.check(ours)
        assert house.rows("b") == []


class CursedByKey(JDCloud):
    """JD Cloud's provider with a bug that shows when a resource has been read."""

    def comparable_key(self, key: str) -> str:
        if key == "cursed":
            raise ZeroDivisionError
        return key


def test_if_the_engine_breaks_down_what_is_not_settled_comes_again() -> None:
    good, every_tag = huawei_request("pa-1", id_="a"), {**jd_request("i-1", id_="b"), "tags": "all"}
    with House(changed=[CursedByKey]) as house:
        put(house.huawei, "pa-1")
        put(house.jd, "i-1", tags={"cursed": "x"})
        house.jd.latency = 5.0
        assert house.batch(record(good, "m-1"), record(every_tag, "m-2")) == ["m-2"]
        house.check(good)
        assert house.outcomes("a") == {("pa-1", "env"): "removed"}
        assert house.rows("b") == []


class Forgetful(Engine):
    """Says that a request is done, and has forgotten what became of one of its pairs."""

    async def run(self, jobs: Iterable[Job], deadline: Deadline, done: Callable[[Job], None]) -> None:
        def forgetting(job: Job) -> None:
            if job.request.id == "b":
                job.blocks[0].results[0] = None
            done(job)

        await super().run(jobs, deadline, forgetting)


class ForgetfulRemover(Remover):
    """Works with such an engine."""

    def __init__(self, runtime: Runtime) -> None:
        policy, concurrency = runtime.settings.policy, runtime.settings.concurrency
        between = (policy, runtime.timing, runtime.telemetry)
        runtime.engine = Forgetful(runtime.host.client, runtime.accounts, *between, concurrency=concurrency)
        super().__init__(runtime)


def test_a_request_that_does_not_add_up_is_not_delivered_and_comes_again() -> None:
    good = jd_request("i-1", id_="a")
    with House(work=ForgetfulRemover) as house:
        put(house.jd, "i-1", "i-2")
        assert house.batch(record(good, "m-1"), record(jd_request("i-2", id_="b"), "m-2")) == ["m-2"]
        house.check(good)
        assert house.rows("b") == []


def test_a_letter_that_cannot_be_written_brings_back_its_record_only(house: House) -> None:
    def trouble(_: str, __: str, body: dict[str, Any]) -> None:
        if body.get("QueueUrl") == DEAD_LETTERS:
            raise ZeroDivisionError

    house.aws.trouble = trouble
    good = jd_request("i-1")
    assert house.batch(record("poison", "m-1"), record(good, "m-2")) == ["m-1"]
    house.check(good)
