"""Messages on their way: few calls, every failure noticed, and no message given up for a passing one."""

import asyncio
import json
import logging
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import httpx
import pytest
from support import ACCESS_KEY, SleepingClock, Wire, run

from local.aws import Aws as LocalAws
from local.aws import free_region
from untag.hosts.aws.client import Aws
from untag.hosts.aws.outbox import SNS_BYTES, SQS_BYTES, Outbox
from untag.hosts.aws.settings import Places
from untag.hosts.base import DeliveryError, Message

ENV = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "s"}
PLACES = {
    "topic_arn": "arn:aws:sns:eu-west-1:123456789012:reports",
    "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
    "dead_letter_queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
}
DOWN = httpx.Response(503)


def sending(wire, work, *, clock=None, environ=ENV, **places):
    """What `work` gives when it is called with an outbox on that wire."""
    clock = clock or SleepingClock()

    async def send():
        async with wire.client() if isinstance(wire, Wire) else wire() as client:
            aws = Aws(environ, client, clock.timing)
            return await work(Outbox(aws, clock.timing, Places(**(PLACES | places))))

    return run(send())


def entries(request):
    return json.loads(request.content)["Entries"]


def sqs(refuse=lambda _: None, forget=()):
    """SQS. `refuse` gives code and sender fault for a body, None to take it; `forget` bodies go unanswered."""

    def answer(request):
        told = {"Successful": [], "Failed": []}
        for entry in entries(request):
            refusal = refuse(entry["MessageBody"])
            if refusal:
                told["Failed"].append(
                    {"Id": entry["Id"], "Code": refusal[0], "SenderFault": refusal[1], "Message": "m"}
                )
            elif entry["MessageBody"] not in forget:
                told["Successful"].append({"Id": entry["Id"], "MessageId": "m"})
        return httpx.Response(200, json=told)

    return answer


def published(request):
    fields = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    found = []
    while (entry := f"PublishBatchRequestEntries.member.{len(found) + 1}") + ".Id" in fields:
        attributes = {}
        while (attribute := f"{entry}.MessageAttributes.entry.{len(attributes) + 1}") + ".Name" in fields:
            assert fields[f"{attribute}.Value.DataType"] == "String"
            attributes[fields[f"{attribute}.Name"]] = fields[f"{attribute}.Value.StringValue"]
        subject = fields.get(f"{entry}.Subject", "")
        found.append((fields[f"{entry}.Id"], fields[f"{entry}.Message"], subject, attributes))
    return fields, found


def sns(refuse=lambda _: None, forget=()):
    """SNS, in its namespace and its envelope."""

    def answer(request):
        taken, failed = [], []
        for id_, message, *_ in published(request)[1]:
            refusal = refuse(message)
            if refusal:
                code, fault = refusal
                failed.append(
                    f"<member><Id>{id_}</Id><Code>{escape(code)}</Code><SenderFault>{str(fault).lower()}</SenderFault></member>"
                )
            elif message not in forget:
                taken.append(f"<member><Id>{id_}</Id><MessageId>m</MessageId></member>")
        text = (
            '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
            f"<Failed>{''.join(failed)}</Failed><Successful>{''.join(taken)}</Successful>"
            "</PublishBatchResult></PublishBatchResponse>"
        )
        return httpx.Response(200, text=text)

    return answer


KINDS = pytest.mark.parametrize(
    ("cloud", "method"),
    [(sqs, "send_dead_letters"), (sqs, "send_back"), (sns, "publish")],
    ids=["send_dead_letters", "send_back", "publish"],
)


def bodies(request):
    if "amz-json" in request.headers["content-type"]:
        return [entry["MessageBody"] for entry in entries(request)]
    return [message for _, message, *_ in published(request)[1]]


def test_a_message_reaches_sqs_with_attributes_and_delay():
    wire = Wire(sqs())
    sending(wire, lambda outbox: outbox.send_back([Message("body", {"code": "é"}, delay=30), Message("bare")]))
    sent = json.loads(wire.requests[0].content)
    assert sent["QueueUrl"] == PLACES["queue_url"]
    first, second = sent["Entries"]
    assert first["MessageBody"] == "body"
    assert first["MessageAttributes"] == {"code": {"DataType": "String", "StringValue": "é"}}
    assert first["DelaySeconds"] == 30
    assert "DelaySeconds" not in second
    assert first["Id"] != second["Id"]


def test_dead_letters_go_to_the_dead_letter_queue():
    wire = Wire(sqs())
    sending(wire, lambda outbox: outbox.send_dead_letters([Message("x")]))
    assert json.loads(wire.requests[0].content)["QueueUrl"] == PLACES["dead_letter_queue_url"]


def test_a_report_reaches_sns_with_subject_and_attributes():
    wire = Wire(sns())
    sending(wire, lambda outbox: outbox.publish([Message("a&b", {"kind": "removal", "id": "é"}, subject="s")]))
    fields, (entry,) = published(wire.requests[0])
    assert (fields["Action"], fields["TopicArn"]) == ("PublishBatch", PLACES["topic_arn"])
    assert entry[1:] == ("a&b", "s", {"kind": "removal", "id": "é"})


@KINDS
def test_what_is_sent_at_about_the_same_time_shares_calls_of_ten(cloud, method):
    wire = Wire(cloud())

    async def send(outbox):
        await asyncio.gather(*(getattr(outbox, method)([Message(f"{n}-{m}") for m in range(3)]) for n in range(25)))

    sending(wire, send)
    assert sorted(len(bodies(request)) for request in wire.requests) == [5, *[10] * 7]
    sent = [one for request in wire.requests for one in bodies(request)]
    assert sorted(sent) == sorted(f"{n}-{m}" for n in range(25) for m in range(3))


def test_nothing_to_send_makes_no_call():
    wire = Wire(DOWN)
    sending(wire, lambda outbox: outbox.publish([]))
    assert wire.requests == []


@pytest.mark.parametrize(("method", "limit"), [("send_dead_letters", SQS_BYTES), ("publish", SNS_BYTES)])
def test_a_batch_is_never_larger_than_aws_takes_in_total(method, limit):
    wire = Wire(sqs() if method == "send_dead_letters" else sns())
    messages = [Message(f"{n}" + "é" * (limit // 7), {"a": "x" * 99}) for n in range(10)]
    sending(wire, lambda outbox: getattr(outbox, method)(messages))
    assert [len(bodies(request)) for request in wire.requests] == [3, 3, 3, 1]


def test_a_message_that_fills_the_limit_goes_alone_and_its_reason_is_logged_before_it_is_lost(caplog):
    wire = Wire(sqs())
    large = Message("x" * SQS_BYTES, {"reason": "the reason", "code": "invalid"})
    with caplog.at_level(logging.WARNING, "untag"):
        sending(wire, lambda outbox: outbox.send_dead_letters([large, Message("small", {"code": "c"})]))
    by_body = {entry["MessageBody"]: entry for request in wire.requests for entry in entries(request)}
    assert by_body[large.body]["MessageAttributes"] == {}
    assert by_body["small"]["MessageAttributes"]["code"]["StringValue"] == "c"
    assert [len(bodies(request)) for request in wire.requests] == [1, 1]
    (line,) = caplog.records
    assert line.attributes == {"reason": "the reason", "code": "invalid"}


@KINDS
def test_a_failure_inside_an_answer_of_success_is_a_failure(cloud, method):
    wire = Wire(cloud(refuse=lambda text: ("InvalidMessageContents", True) if text == "bad" else None))

    async def send(outbox):
        put = getattr(outbox, method)
        return await asyncio.gather(put([Message("good")]), put([Message("bad")]), return_exceptions=True)

    good, bad = sending(wire, send)
    assert good is None
    assert isinstance(bad, DeliveryError)
    assert str(bad) == "InvalidMessageContents"
    assert len(wire.requests) == 1


@KINDS
@pytest.mark.parametrize("refusal", [("InternalError", False), ("RequestThrottled", True), ("Throttled", True)])
def test_only_what_was_refused_for_a_passing_reason_is_sent_again(cloud, method, refusal):
    first = []

    def once(text):
        if text == "late" and not first:
            first.append(text)
            return refusal
        return None

    wire = Wire(cloud(refuse=once))
    sending(wire, lambda outbox: getattr(outbox, method)([Message("good"), Message("late")]))
    assert [bodies(request) for request in wire.requests] == [["good", "late"], ["late"]]


@KINDS
def test_what_is_refused_again_and_again_fails_in_the_end(cloud, method):
    clock = SleepingClock()
    wire = Wire(cloud(refuse=lambda _: ("InternalError", False)))
    with pytest.raises(DeliveryError, match="InternalError"):
        sending(wire, lambda outbox: getattr(outbox, method)([Message("x")]), clock=clock)
    assert len(wire.requests) == 3
    assert sum(clock.slept) < 1


@KINDS
def test_an_entry_that_the_answer_does_not_name_was_not_taken(cloud, method):
    wire = Wire(cloud(forget={"lost"}))
    with pytest.raises(DeliveryError, match="not_answered"):
        sending(wire, lambda outbox: getattr(outbox, method)([Message("good"), Message("lost")]))
    assert [bodies(request) for request in wire.requests] == [["good", "lost"], ["lost"], ["lost"]]


@KINDS
def test_a_refusal_without_a_code_is_a_refusal(cloud, method):
    wire = Wire(cloud(refuse=lambda _: ("", True)))
    with pytest.raises(DeliveryError, match="unknown"):
        sending(wire, lambda outbox: getattr(outbox, method)([Message("x")]))


@pytest.mark.parametrize("method", ["send_dead_letters", "publish"])
@pytest.mark.parametrize(
    ("trouble", "code"),
    [(DOWN, "HTTP_503"), (httpx.ConnectError("down"), "connection"), (httpx.Response(403), "HTTP_403")],
)
def test_a_call_that_fails_as_a_whole_fails_every_message_in_it(method, trouble, code):
    async def send(outbox):
        put = getattr(outbox, method)
        return await asyncio.gather(*(put([Message("x")]) for _ in range(12)), return_exceptions=True)

    results = sending(Wire(trouble), send)
    assert [str(result) for result in results] == [code] * 12
    assert all(isinstance(result, DeliveryError) for result in results)


def test_an_answer_of_another_shape_fails_and_nobody_waits_for_ever():
    with pytest.raises(DeliveryError, match="Error"):
        sending(
            Wire(httpx.Response(200, json={"Successful": [1]})), lambda outbox: outbox.send_dead_letters([Message("x")])
        )


def test_every_message_is_tried_though_another_fails():
    wire = Wire(sqs(refuse=lambda text: ("InvalidMessageContents", True) if text == "0" else None))
    with pytest.raises(DeliveryError):
        sending(wire, lambda outbox: outbox.send_dead_letters([Message(str(n)) for n in range(15)]))
    assert sum(len(bodies(request)) for request in wire.requests) == 15


def test_an_outage_of_the_topic_does_not_keep_letters_from_their_queue():
    def either(request):
        return DOWN if request.url.host.startswith("sns") else sqs()(request)

    async def send(outbox):
        letters = [Message("letter")]
        return await asyncio.gather(
            outbox.publish([Message("r")]), outbox.send_dead_letters(letters), return_exceptions=True
        )

    report, letter = sending(Wire(either), send)
    assert isinstance(report, DeliveryError)
    assert letter is None


# The real wire: a queue and a topic that refuse what AWS refuses.


@pytest.fixture(scope="module")
def cloud():
    aws = LocalAws(free_region())
    aws.reserve()
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def places(cloud):
    work, dead = (cloud.queues.create_queue(name) for name in ("work", "dead"))
    topic = cloud.topics.create_topic("reports")
    yield (
        {
            "queue_url": f"{cloud.url}/123456789012/work",
            "dead_letter_queue_url": f"{cloud.url}/123456789012/dead",
            "topic_arn": topic.arn,
        },
        {"work": work, "dead": dead, "topic": topic},
    )
    for queue in ("work", "dead"):
        cloud.queues.delete_queue(queue)
    cloud.topics.delete_topic(topic.arn)


def real(cloud):
    environ = ENV | {"AWS_ENDPOINT_URL": cloud.url, "AWS_REGION": cloud.region}
    return {"environ": environ, "wire": lambda: httpx.AsyncClient(trust_env=False)}


def test_queues_that_are_as_strict_as_sqs_take_every_message(cloud, places):
    urls, made = places
    texts = ["é" * 10, "\x7f", "x" * (SQS_BYTES - 20), '{"a": "\\u0000"}', "y" * SQS_BYTES]
    letters = [Message(text, {"reason": "a b  ", "code": "c"}) for text in texts]
    how = real(cloud)
    sending(how["wire"], lambda outbox: outbox.send_dead_letters(letters), environ=how["environ"], **urls)
    stored = {message.body: message.message_attributes for message in made["dead"].messages}
    assert set(stored) == set(texts)
    assert stored["é" * 10]["reason"]["StringValue"] == "a b  "


def test_a_topic_that_is_as_strict_as_sns_takes_every_report(cloud, places):
    urls, made = places
    messages = [Message("r" * 200_000, {"kind": "removal"}, subject="s" * 99) for _ in range(3)]
    how = real(cloud)
    sending(how["wire"], lambda outbox: outbox.publish(messages), environ=how["environ"], **urls)
    assert len(made["topic"].sent_notifications) == 3


def test_a_body_that_sqs_refuses_fails_alone(cloud, places):
    urls, made = places

    async def send(outbox):
        return await asyncio.gather(
            *(outbox.send_dead_letters([Message(text)]) for text in ("good", "bad \x00", "fine")),
            return_exceptions=True,
        )

    how = real(cloud)
    good, bad, fine = sending(how["wire"], send, environ=how["environ"], **urls)
    assert (good, fine) == (None, None)
    assert str(bad) == "InvalidMessageContents"
    assert {message.body for message in made["dead"].messages} == {"good", "fine"}


def test_a_queue_that_is_not_there_is_a_failure(cloud, places):
    urls, _ = places
    how = real(cloud)
    urls = urls | {"queue_url": f"{cloud.url}/123456789012/gone"}
    with pytest.raises(DeliveryError, match=r"QueueDoesNotExist|NonExistentQueue"):
        sending(how["wire"], lambda outbox: outbox.send_back([Message("x")]), environ=how["environ"], **urls)


def test_a_service_that_is_down_is_a_failure_and_not_an_exception_of_another_kind(cloud, places):
    urls, _ = places
    how = real(cloud)
    with cloud.outage("sns"), pytest.raises(DeliveryError, match="ServiceUnavailable"):
        sending(how["wire"], lambda outbox: outbox.publish([Message("x")]), environ=how["environ"], **urls)
