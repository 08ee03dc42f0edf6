"""The records of an SQS event, and what is none."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import body

from untag.records import SqsRecord

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
    (read,) = SqsRecord.batch({"Records": [record()]})
    assert (read.id, read.body, read.receives) == ("059f36b4-87a3-44ab-83d2-661975830a7d", "Test message.", 3)
    assert read.receipt_handle == "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a..."
    assert read.source == "arn:aws:sqs:us-east-2:123456789012:my-queue"


def test_records_keep_their_order():
    events = {"Records": [record(messageId=str(number)) for number in range(5)]}
    assert [one.id for one in SqsRecord.batch(events)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "event",
    [
        None, [], "text", 1, {}, {"Records": None}, {"Records": []}, {"Records": 1}, {"Records": {}},
        {"Records": ["x"]},
        {"Records": [record(eventSource="aws:s3")]}, {"Records": [record(attributes=None)]},
        {"Records": [record(attributes={"ApproximateReceiveCount": "many"})]}, {"Records": [{}]},
    ],
)  # fmt: skip
def test_what_is_no_sqs_event_is_a_payload(event):
    assert SqsRecord.batch(event) is None


def test_a_request_is_a_payload():
    assert SqsRecord.batch(body()) is None
    assert SqsRecord.batch([body()]) is None


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*record(), "Records"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_event_makes_an_error(event):
    assert SqsRecord.batch(event) is None


@pytest.mark.parametrize("name", ["jdcloud_sqs_batch", "huaweicloud_sqs_batch"])
def test_the_event_files_are_batches(name):
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    assert len(SqsRecord.batch(event)) == len(event["Records"])
