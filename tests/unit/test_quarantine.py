"""Records that may have killed the process: hidden for longer than their neighbours, deleted as soon as delivered."""

import json

import httpx
import pytest
from support import ACCESS_KEY, SleepingClock, Wire, run

from local.aws import Aws as LocalAws
from local.aws import free_region
from untag.hosts.aws.client import Aws
from untag.hosts.aws.quarantine import Quarantine
from untag.hosts.base import Record
from untag.worker import SUSPECT_RECEIVES

ENV = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "s"}
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"


def received(receipt, region="eu-west-1"):
    return Record("m-1", "body", 3, receipt, f"arn:aws:sqs:{region}:123456789012:work")


def isolating(client, work, environ=ENV):
    async def isolate():
        async with client() as open_client:
            timing = SleepingClock().timing
            await work(Quarantine(Aws(environ, open_client, timing)))

    run(isolate())


def visibility(seconds):
    return httpx.Response(200, json={"Attributes": {"VisibilityTimeout": str(seconds)}})


def calls(wire):
    return [(one.headers["x-amz-target"].partition(".")[2], json.loads(one.content)) for one in wire.requests]


def test_a_record_is_suspect_from_its_third_receive():
    assert SUSPECT_RECEIVES == 3


@pytest.mark.parametrize(("queues", "hidden"), [(720, 1081), (30, 46), (0, 1), (43_200, 43_200)])
def test_a_suspect_is_hidden_for_longer_than_its_neighbours_but_never_beyond_what_sqs_allows(queues, hidden):
    wire = Wire(visibility(queues), httpx.Response(200))
    isolating(wire.client, lambda quarantine: quarantine.hide(received("handle")))
    (_, asked), (operation, sent) = calls(wire)
    assert asked == {"QueueUrl": QUEUE, "AttributeNames": ["VisibilityTimeout"]}
    assert operation == "ChangeMessageVisibility"
    assert sent == {"QueueUrl": QUEUE, "ReceiptHandle": "handle", "VisibilityTimeout": hidden}


def test_the_queue_is_asked_once():
    wire = Wire(visibility(60), httpx.Response(200))

    async def twice(quarantine):
        await quarantine.hide(received("a"))
        await quarantine.hide(received("b"))

    isolating(wire.client, twice)
    assert [operation for operation, _ in calls(wire)] == ["GetQueueAttributes", *["ChangeMessageVisibility"] * 2]


def test_a_delivered_suspect_is_deleted():
    wire = Wire(httpx.Response(200))
    isolating(wire.client, lambda quarantine: quarantine.delete(received("handle")))
    assert calls(wire) == [("DeleteMessage", {"QueueUrl": QUEUE, "ReceiptHandle": "handle"})]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"__type": "AccessDenied"}),
        httpx.Response(500),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"Attributes": {}}),
        httpx.Response(200, json={"Attributes": {"VisibilityTimeout": "long"}}),
        httpx.ConnectError("down"),
    ],
    ids=range(6),
)
def test_what_fails_here_stops_nothing(answer):
    wire = Wire(answer)

    async def both(quarantine):
        await quarantine.hide(received("handle"))
        await quarantine.delete(received("handle"))

    isolating(wire.client, both)
    assert calls(wire)[-1][0] == "DeleteMessage"


def test_a_real_queue_takes_the_calls():
    aws = LocalAws(free_region())
    aws.reserve()
    aws.start()
    try:
        queue = aws.queues.create_queue("work", VisibilityTimeout=60)
        environ = ENV | {"AWS_ENDPOINT_URL": aws.url, "AWS_REGION": aws.region}
        for name in ("one", "two"):
            aws.queues.send_message("work", name)
        messages = {one.body: one for one in aws.queues.receive_message("work", 2, 0, 60)}
        before = {body: message.visible_at for body, message in messages.items()}

        async def work(quarantine):
            await quarantine.hide(received(messages["one"].receipt_handle, aws.region))
            await quarantine.delete(received(messages["two"].receipt_handle, aws.region))

        isolating(lambda: httpx.AsyncClient(trust_env=False), work, environ)
        (left,) = queue.pending_messages
        assert (left.body, queue.messages) == ("one", [])
        # Milliseconds: 60 s when it was received, 91 s from now.
        assert left.visible_at - before["one"] >= 30_000
    finally:
        aws.stop()
