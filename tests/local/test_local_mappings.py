"""Messages reach functions, and leave the queue, as Lambda's event-source mappings have it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from throwaway import project

from local.aws.mappings import item_failures, record
from local.stack import NotDrainedError, Overrides, Stack


@pytest.fixture(autouse=True)
def nothing_left(stack):
    """Each test finds and leaves the queues empty."""
    yield
    stack.drain()
    stack.purge("Dead")


def at_its_beginning(mapping):
    mapping.batches.clear()
    mapping.failures.clear()
    return mapping


@pytest.fixture
def mapping(stack):
    return at_its_beginning(stack.mappings["ProbeWork"])


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """The throw-away project, where no record comes again while a test lasts, however busy the machine is."""
    overrides = Overrides(visibility_timeout=60, batching_window=0.1)
    with Stack(project(tmp_path_factory.mktemp("patient")), overrides=overrides, providers=False) as started:
        yield started


@pytest.fixture
def unhurried(patient):
    """That stack and its mapping; the test leaves the queue empty."""
    yield patient, at_its_beginning(patient.mappings["ProbeWork"])
    patient.drain()


def eventually(condition, seconds=60):
    """Waits for a condition to hold, by looking."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_hundred_messages_arrive_as_one_invocation(unhurried):
    stack, mapping = unhurried
    with stack.paused():
        for number in range(100):
            stack.send(f"message {number}")
    stack.drain()
    assert mapping.batches == [100]


def test_a_batch_waits_no_longer_than_its_window(unhurried):
    stack, mapping = unhurried
    began = time.monotonic()
    stack.send("alone")
    stack.drain()
    assert mapping.batches == [1]
    assert time.monotonic() - began < 15


def test_a_batch_is_no_heavier_than_an_invocation_may_be(unhurried):
    stack, mapping = unhurried
    with stack.paused():
        for _ in range(8):
            stack.send("x" * 1_000_000)
    stack.drain()
    assert sorted(mapping.batches) == [2, 6]


def test_exactly_the_records_that_a_function_names_stay(unhurried):
    stack, mapping = unhurried
    with stack.paused():
        for body in ("fine", "fail", "fine too"):
            stack.send(body)
    eventually(lambda: len(stack.messages("Work")) == 1)
    assert [message.body for message in stack.messages("Work")] == ["fail"]
    assert stack.queues()["Work"].in_flight == 1
    assert mapping.batches == [3]
    stack.purge("Work")


def test_a_record_that_fails_too_often_lies_on_the_dead_letter_queue(stack, mapping):
    stack.send("fail")
    stack.drain()
    (letter,) = stack.dead_letters()
    assert (letter.body, letter.receive_count, letter.attributes) == ("fail", 2, {})
    assert mapping.batches == [1, 1]


def test_a_crash_leaves_the_whole_batch_until_it_is_visible_again(stack, mapping):
    with stack.paused():
        for body in ("crash", "neighbour"):
            stack.send(body)
    stack.drain()
    assert {letter.body for letter in stack.dead_letters()} == {"crash", "neighbour"}
    assert set(mapping.failures) == {"Runtime.ExitError"}


@pytest.mark.parametrize(
    "answer",
    [
        "a text",
        [1],
        {"batchItemFailures": [{"itemIdentifier": "of no record"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "a wrong key"}]},
        {"batchItemFailures": "no list"},
    ],
    ids=json.dumps,
)
def test_an_answer_that_cannot_be_right_fails_the_whole_batch(unhurried, answer):
    stack, mapping = unhurried
    with stack.paused():
        stack.send("answer " + json.dumps(answer))
        stack.send("neighbour")
    eventually(lambda: mapping.failures)
    assert len(stack.messages("Work")) == 2
    stack.purge("Work")


@pytest.mark.parametrize(
    "payload", [b"", b"null", b'""', b"{}", b'{"batchItemFailures": null}', b'{"batchItemFailures": []}']
)
def test_an_answer_that_names_no_record_means_that_all_succeeded(payload):
    assert item_failures(payload) == set()


def test_an_answer_that_is_not_json_is_no_answer():
    assert item_failures(b"{") is None


def test_a_record_has_the_shape_that_lambda_gives_it(stack):
    text = {"DataType": "String", "StringValue": "because"}
    stack.aws.queues.send_message("untag-Work", "shape me", {"reason": text})
    (message,) = stack.messages("Work")
    stack.drain()
    found = record(message, "untag-Work", "eu-west-1")
    assert found["messageId"] == message.id
    assert found["body"] == "shape me"
    assert found["md5OfBody"] == message.body_md5
    assert found["eventSource"] == "aws:sqs"
    assert found["eventSourceARN"] == "arn:aws:sqs:eu-west-1:123456789012:untag-Work"
    assert found["awsRegion"] == "eu-west-1"
    assert set(found["attributes"]) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert found["messageAttributes"]["reason"] == {
        "stringValue": "because",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }


def test_a_drain_that_is_too_short_says_what_is_left(stack):
    stack.send("fail")
    with pytest.raises(NotDrainedError, match=r"untag-Work: \d visible, \d in flight") as raised:
        stack.drain(0.3)
    assert [queue.logical_id for queue in raised.value.queues] == ["Work"]


def test_a_delayed_message_counts_as_work_that_is_left(stack):
    stack.aws.queues.send_message("untag-Work", "later", delay_seconds=1)
    with pytest.raises(NotDrainedError, match="1 delayed"):
        stack.drain(0.2)


def test_no_message_is_lost_while_many_are_sent_and_deleted_at_once(unhurried):
    stack, mapping = unhurried
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stack.send, [f"message {number}" for number in range(400)]))
    stack.drain()
    assert sum(mapping.batches) == 400
