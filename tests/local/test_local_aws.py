"""The local AWS refuses what AWS refuses, and delivers what AWS delivers; seen through AWS's own client."""

import json
import subprocess
import sys

import boto3
import pytest
from botocore.exceptions import ClientError
from throwaway import TEMPLATE, project

from local import ROOT
from local.errors import LocalError, TemplateError
from local.stack import Stack

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}
MEBIBYTE = 1024 * 1024
KIBIBYTE = 1024


@pytest.fixture
def queue(idle):
    yield idle.template.resolver.ref("Work")
    idle.purge("Work")


@pytest.fixture
def topic(idle):
    return idle.template.resolver.ref("Topic")


def refused(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"]


def entries(*bodies):
    return [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]


def attributes(count, length=1):
    return {f"a{number}": {"DataType": "String", "StringValue": "x" * length} for number in range(count)}


# In a process of its own: a hook cannot be taken away again, and under it two threads that begin together fail to be
# traced (for coverage), at any later time.
WATCHED = """
import json, sys
from pathlib import Path

import urllib3.util.connection  # binds once, to see whether the machine has IPv6

bound = []
sys.addaudithook(lambda event, values: bound.append(values[1]) if event == "socket.bind" else None)
from local.stack import Stack

with Stack(Path(sys.argv[1])) as stack:
    stack.invoke("Probe", {})
print(json.dumps([bound, len(stack.providers)]))
"""


def test_everything_listens_on_loopback_only(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", WATCHED, str(project(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    bound, providers = json.loads(done.stdout.splitlines()[-1])
    assert len(bound) > providers
    assert {host for host, *_ in bound} == {"127.0.0.1"}


def test_a_message_of_one_mebibyte_is_taken_and_a_byte_more_is_not(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x" * MEBIBYTE)
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody="x" * (MEBIBYTE + 1)) == "InvalidParameterValue"


def test_a_message_is_measured_in_bytes_and_with_its_attributes(sqs, queue):
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody="é" * (MEBIBYTE // 2 + 1)) == "InvalidParameterValue"
    code = refused(sqs.send_message, QueueUrl=queue, MessageBody="x" * (MEBIBYTE - 5), MessageAttributes=attributes(1))
    assert code == "InvalidParameterValue"


def test_a_batch_is_measured_as_a_whole(sqs, queue):
    bodies = ["x" * (MEBIBYTE // 2)] * 2
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries(*bodies))["Successful"]) == 2
    assert (
        refused(sqs.send_message_batch, QueueUrl=queue, Entries=entries(*bodies, "x"))
        == "AWS.SimpleQueueService.BatchRequestTooLong"
    )


def test_ten_attributes_are_taken_and_eleven_are_not(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes=attributes(10))
    code = refused(sqs.send_message, QueueUrl=queue, MessageBody="x", MessageAttributes=attributes(11))
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize("body", ["\x00", "a\x0bb", "\x1f", "\ufffe"])
def test_characters_that_xml_does_not_know_are_refused(sqs, queue, body):
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody=body) == "InvalidMessageContents"


@pytest.mark.parametrize("name", ["AWS.mine", ".x", "x.", "a..b", "with space", "n" * 257])
def test_attribute_names_that_sqs_refuses_are_refused(sqs, queue, name):
    attribute = {name: {"DataType": "String", "StringValue": "x"}}
    code = refused(sqs.send_message, QueueUrl=queue, MessageBody="x", MessageAttributes=attribute)
    assert code == "InvalidParameterValue"


def test_one_bad_entry_of_a_batch_fails_alone(sqs, queue):
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries("good", "bad \x00", "good too"))
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "2"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("1", "InvalidMessageContents")]


def test_a_delay_of_more_than_fifteen_minutes_is_refused(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=900)
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody="x", DelaySeconds=901) == "InvalidParameterValue"
    batch = [{**entry, "DelaySeconds": 900 + number} for number, entry in enumerate(entries("fine", "too long"))]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    assert [entry["Id"] for entry in answer["Successful"]] == ["0"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["1"]


def test_a_notification_is_measured_with_its_attributes(sns, topic):
    sns.publish(TopicArn=topic, Message="x" * 256 * KIBIBYTE)
    code = refused(sns.publish, TopicArn=topic, Message="x" * (256 * KIBIBYTE - 5), MessageAttributes=attributes(1))
    assert code == "InvalidParameter"


def test_a_batch_of_notifications_is_measured_as_a_whole(sns, topic):
    batch = [{"Id": str(number), "Message": "x" * 128 * KIBIBYTE} for number in range(2)]
    assert len(sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)["Successful"]) == 2
    batch[1]["MessageAttributes"] = attributes(1)
    code = refused(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=batch)
    assert code == "BatchRequestTooLong"


@pytest.mark.parametrize("subject", ["x" * 101, "two\nlines"])
def test_a_bad_subject_is_refused_and_in_a_batch_it_fails_alone(sns, topic, subject):
    assert refused(sns.publish, TopicArn=topic, Message="x", Subject=subject) == "InvalidParameter"
    batch = [{"Id": "good", "Message": "x"}, {"Id": "bad", "Message": "x", "Subject": subject}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["bad"]


def test_what_was_published_can_be_read_with_subject_and_attributes(idle, sns, topic):
    sns.publish(
        TopicArn=topic,
        Message='{"kind": "removal"}',
        Subject="a subject",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "removal"}},
    )
    last = idle.notifications()[-1]
    assert (last.subject, last.attributes, last.body) == ("a subject", {"kind": "removal"}, {"kind": "removal"})
    assert idle.reports()[-1] == {"kind": "removal"}


def test_an_event_that_matches_the_rule_reaches_the_queue_as_it_is(idle, queue):
    detail = {"tags": ["<id>", "<account>", '"quoted"'], "empty": {}}
    (sent,) = idle.send({"source": "tests", "detail-type": "Wanted", "detail": detail})
    (message,) = idle.messages("Work")
    envelope = json.loads(message.body)
    assert envelope["detail"] == detail
    assert (envelope["id"],) == sent.ids
    assert envelope["account"] == "123456789012"
    assert envelope["detail-type"] == "Wanted"
    assert envelope["resources"] == []
    assert set(envelope) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"
    }  # fmt: skip


def test_an_event_that_is_too_large_for_the_bus_is_refused(idle):
    event = {"source": "tests", "detail-type": "Wanted", "detail": {"long": "x" * 256 * KIBIBYTE}}
    with pytest.raises(LocalError, match="over the limit"):
        idle.send(event)


def test_an_event_that_does_not_match_reaches_nobody(idle, queue):
    idle.send({"source": "tests", "detail-type": "Unwanted", "detail": {}})
    assert idle.messages("Work") == []


def test_a_batch_event_is_sent_record_by_record_to_the_queue_it_names(idle, queue):
    def record(body, arn):
        return {"eventSource": "aws:sqs", "body": body, "eventSourceARN": arn}

    idle.send({"Records": [record("a", "arn:aws:sqs:x:1:other-Dead"), record("b", "arn:aws:sqs:x:1:unknown")]})
    assert [message.body for message in idle.messages("Dead")] == ["a"]
    assert [message.body for message in idle.messages("Work")] == ["b"]
    idle.purge("Dead")


@pytest.mark.parametrize("text", ["not json", '{"a":  1}', "[1]"])
def test_anything_else_goes_on_the_work_queue_verbatim(idle, queue, text):
    idle.send(text)
    assert [message.body for message in idle.messages("Work")] == [text]


def test_an_outage_takes_one_service_down_and_ends(idle, sqs, sns, queue, topic):
    with idle.outage("sns"):
        assert refused(sns.publish, TopicArn=topic, Message="x") == "ServiceUnavailable"
        sqs.send_message(QueueUrl=queue, MessageBody="x")
    sns.publish(TopicArn=topic, Message="x")


def test_a_delay_can_be_cut_short(idle, sqs, queue):
    idle.aws.queues.max_delay = 0
    try:
        sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=900)
    finally:
        idle.aws.queues.max_delay = None
    assert idle.queues()["Work"].visible == 1


def test_a_secret_is_found_where_functions_look_for_it(idle):
    idle.put_secret("untag/jdcloud/default", {"access_key": "a"})
    client = boto3.client("secretsmanager", endpoint_url=idle.aws.url, **KEYS)
    assert client.get_secret_value(SecretId="untag/jdcloud/default")["SecretString"] == '{"access_key": "a"}'
    client.close()


def test_a_rule_that_the_queue_does_not_allow_is_refused(tmp_path):
    template = TEMPLATE.replace("Action: sqs:SendMessage", "Action: sqs:ReceiveMessage")
    with pytest.raises(TemplateError, match="Rule may not send"), Stack(project(tmp_path, template), providers=False):
        pass


def test_a_dead_letter_queue_that_does_not_allow_its_source_is_refused(tmp_path):
    dead = "Dead: {Type: AWS::SQS::Queue, Properties: {RedriveAllowPolicy: {redrivePermission: denyAll}}}"
    template = TEMPLATE.replace("Dead: {Type: AWS::SQS::Queue}", dead)
    with pytest.raises(TemplateError, match="does not allow"), Stack(project(tmp_path, template), providers=False):
        pass
