"""Dead letters are redriven as SQS redrives them; seen through AWS's own client.

The words are AWS's own, as recorded by LocalStack's tests against it.
"""

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}


@pytest.fixture
def dead(idle):
    """The dead-letter queue's ARN; both queues are empty before and after."""
    yield idle.template.resolver.attribute("Dead", "Arn")
    idle.purge("Work")
    idle.purge("Dead")


def url(idle, queue):
    return idle.template.resolver.ref(queue)


def bodies(idle, queue):
    return sorted(message.body for message in idle.messages(queue))


def refused(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def crash(idle, sqs, body):
    """A message that nobody deletes until it is a dead letter."""
    sqs.send_message(QueueUrl=url(idle, "Work"), MessageBody=body)
    for _ in range(3):
        sqs.receive_message(QueueUrl=url(idle, "Work"), VisibilityTimeout=0, MaxNumberOfMessages=10)


def test_letters_go_to_the_destination_with_their_attributes_and_under_new_ids(idle, sqs, dead):
    attributes = {"code": {"DataType": "String", "StringValue": "no_credentials"}}
    sent = [
        sqs.send_message(QueueUrl=url(idle, "Dead"), MessageBody=body, MessageAttributes=attributes)["MessageId"]
        for body in ("one", "two")
    ]
    work = idle.template.resolver.attribute("Work", "Arn")
    assert sqs.start_message_move_task(SourceArn=dead, DestinationArn=work)["TaskHandle"]
    assert (bodies(idle, "Dead"), bodies(idle, "Work")) == ([], ["one", "two"])
    for message in idle.messages("Work"):
        assert message.message_attributes["code"]["StringValue"] == "no_credentials"
        assert message.id not in sent
        assert message.approximate_receive_count == 0
    (task,) = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
    assert task.pop("StartedTimestamp") > 1.7e12
    assert task == {
        "Status": "COMPLETED",
        "SourceArn": dead,
        "DestinationArn": work,
        "ApproximateNumberOfMessagesMoved": 2,
        "ApproximateNumberOfMessagesToMove": 2,
    }


def test_without_a_destination_a_letter_goes_back_to_the_queue_that_it_came_from(idle, sqs, dead):
    crash(idle, sqs, "crashed")
    assert bodies(idle, "Dead") == ["crashed"]
    sqs.start_message_move_task(SourceArn=dead)
    assert (bodies(idle, "Dead"), bodies(idle, "Work")) == ([], ["crashed"])


def test_a_letter_that_was_sent_to_the_queue_for_letters_needs_a_destination(idle, sqs, dead):
    sqs.send_message(QueueUrl=url(idle, "Dead"), MessageBody="sent")
    sqs.start_message_move_task(SourceArn=dead)
    (task,) = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert bodies(idle, "Dead") == ["sent"]


def test_a_task_with_a_rate_takes_its_time_and_can_be_cancelled(idle, sqs, dead):
    for number in range(20):
        sqs.send_message(QueueUrl=url(idle, "Dead"), MessageBody=f"{number}")
    work = idle.template.resolver.attribute("Work", "Arn")
    handle = sqs.start_message_move_task(SourceArn=dead, DestinationArn=work, MaxNumberOfMessagesPerSecond=5)[
        "TaskHandle"
    ]
    (task,) = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 5)
    assert refused(sqs.start_message_move_task, SourceArn=dead, DestinationArn=work) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert moved < 20
    time.sleep(0.3)
    assert len(bodies(idle, "Work")) == moved
    assert len(bodies(idle, "Dead")) == 20 - moved
    (task,) = sqs.list_message_move_tasks(SourceArn=dead)["Results"]
    assert task["Status"] == "CANCELLED"
    assert "TaskHandle" not in task
    assert len(sqs.list_message_move_tasks(SourceArn=dead, MaxResults=10)["Results"]) > 1


def test_a_queue_that_is_nobodys_queue_for_letters_cannot_be_moved(idle, sqs):
    work = idle.template.resolver.attribute("Work", "Arn")
    assert refused(sqs.start_message_move_task, SourceArn=work) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )


@pytest.mark.parametrize("parameter", ["SourceArn", "DestinationArn"])
def test_a_queue_that_is_not_there_is_named(sqs, dead, parameter):
    arguments = {"SourceArn": dead, "DestinationArn": dead, parameter: "arn:aws:sqs:eu-west-1:123456789012:none"}
    assert refused(sqs.start_message_move_task, **arguments) == (
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
    )


def test_a_handle_that_is_none_is_refused(sqs, dead):
    assert refused(sqs.cancel_message_move_task, TaskHandle="x") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )
    sqs.start_message_move_task(SourceArn=dead, DestinationArn=dead)
    other = base64.b64encode(json.dumps({"taskId": "none", "sourceArn": dead}).encode()).decode()
    assert refused(sqs.cancel_message_move_task, TaskHandle=other) == (
        "ResourceNotFoundException",
        "Task does not exist.",
    )
