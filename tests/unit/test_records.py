"""The records of an SQS event, and what is none."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import body, errors_of

from untag.contracts.rejections import InvocationError
from untag.hosts.aws.records import handed_over, sqs_records
from untag.hosts.base import Handed

EVENTS = Path(__file__).parents[2] / "events"


def record(**changes):
    # As Lambda's documentation shows an SQS record.
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        "body": "Test message.",
        "attributes": {
            "ApproximateReceiveCount": "3",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
        "awsRegion": "us-east-2",
    } | changes


def test_a_record_is_read_as_lambda_documents_it():
    (read,) = sqs_records({"Records": [record()]})
    assert (read.id, read.body, read.receives) == ("059f36b4-87a3-44ab-83d2-661975830a7d", "Test message.", 3)
    assert read.receipt == "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a..."
    assert read.source == "arn:aws:sqs:us-east-2:123456789012:my-queue"


def test_records_keep_their_order():
    events = {"Records": [record(messageId=str(number)) for number in range(5)]}
    assert [one.id for one in sqs_records(events)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "event",
    [
        None, [], "text", 1, {}, [1], [[record()]], [{"id": "chg-1"}], {"records": [record()]},
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "x"}}]},
    ],
)  # fmt: skip
def test_what_is_no_sqs_event_is_a_payload(event):
    assert sqs_records(event) is None


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"Records": None}, "Records"), ({"Records": []}, "Records"), ({"Records": 1}, "Records"),
        ({"Records": {}}, "Records"), ({"Records": ["x"]}, "Records.0"), ({"Records": [{}]}, "Records.0"),
        ({"Records": [record(eventSource="aws:s3")]}, "Records.0"),
        ({"Records": [record(eventSource=7)]}, "Records.0"),
        ({"Records": [record(), record(eventSource="aws:kinesis")]}, "Records.1"),
        ({"Records": [record(), {"EventSource": "aws:sns", "Sns": {"Message": "x"}}]}, "Records"),
        ({"Records": [record(), record(attributes=None)]}, "Records.1.attributes.ApproximateReceiveCount"),
        ({"Records": [record(attributes={"ApproximateReceiveCount": "many"})]},
         "Records.0.attributes.ApproximateReceiveCount"),
        ({"Records": [record(body={"id": "chg-1"})]}, "Records.0.body"),
        ({"Records": [record(eventSourceARN="my-queue")]}, "Records.0.eventSourceARN"),
        ([record(), {"id": "chg-1"}], "1"), ([record(messageId=None)], "0.messageId"),
    ],
)  # fmt: skip
def test_records_that_cannot_be_worked_at_fail_the_invocation_and_are_never_answered(event, path):
    with pytest.raises(InvocationError) as caught:
        sqs_records(event)
    assert [error["path"] for error in errors_of(caught)] == [path]


def test_a_bare_array_of_records_is_a_batch_as_pipes_hands_it_over():
    assert sqs_records([record(), record(messageId="m-2")]) == sqs_records(
        {"Records": [record(), record(messageId="m-2")]}
    )


def test_a_notification_is_handed_over_in_its_envelope_with_the_topic_as_its_source():
    sns = {
        "Type": "Notification",
        "MessageId": "n-1",
        "TopicArn": "arn:aws:sns:us-east-2:123456789012:t",
        "Message": "x",
    }
    event = {"Records": [{"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": sns}]}
    assert handed_over(event, "req-1") == [Handed(sns, "req-1", "arn:aws:sns:us-east-2:123456789012:t")]


@pytest.mark.parametrize("sns", [None, "x", {}, {"Message": None}, {"Message": {"id": "chg-1"}}])
def test_a_notification_that_is_none_fails_the_invocation(sns):
    with pytest.raises(InvocationError) as caught:
        handed_over({"Records": [{"EventSource": "aws:sns", "Sns": sns}]}, "req-1")
    assert [error["path"] for error in errors_of(caught)] == ["Records.0.Sns.Message"]


def test_anything_else_is_a_payload_and_bears_the_invocations_id():
    for payload in ({"id": "chg-1"}, [], None, "x"):
        assert handed_over(payload, "req-1") == [Handed(payload, "req-1", "manual")]


def test_a_request_is_a_payload():
    assert sqs_records(body()) is None
    assert sqs_records([body()]) is None


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*record(), "Records"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_event_makes_another_error(event):
    try:
        assert sqs_records(event) is None
        assert handed_over(event, "req-1")
    except InvocationError as error:
        assert json.loads(str(error))["errors"]  # noqa: PT017 - most events are payloads, and need no check


@pytest.mark.parametrize("name", ["jdcloud_sqs_batch", "huaweicloud_sqs_batch"])
def test_the_event_files_are_batches(name):
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    assert len(sqs_records(event)) == len(event["Records"])
