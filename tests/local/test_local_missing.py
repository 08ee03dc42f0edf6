"""What the AWS side can lose while a stack is up: it goes on with the rest, and says what is missing."""

import json
import time
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from processes import at_terminal, run, up
from rich.console import Console
from throwaway import TEMPLATE, project

from local.aws.schedules import Clock, Schedule
from local.aws.timetable import Once
from local.errors import LocalError
from local.live import Observer
from local.live.picture import picture
from local.live.view import View
from local.live.watching import Lines
from local.session import control
from local.stack import Overrides, Stack

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}
# The rule's target has a queue for what cannot be delivered.
WITH_LETTERS = TEMPLATE.replace(
    "Targets: [{Id: Work, Arn: !GetAtt Work.Arn}]",
    "Targets: [{Id: Work, Arn: !GetAtt Work.Arn, DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}]",
).replace("Queues: [!Ref Work]", "Queues: [!Ref Work, !Ref Dead]")


@pytest.fixture
def stack(tmp_path):
    overrides = Overrides(visibility_timeout=0.5, batching_window=0)
    with Stack(project(tmp_path, WITH_LETTERS), overrides=overrides, providers=False) as started:
        yield started


@pytest.fixture
def aws(stack):
    """A client for each service, as anybody's script has them."""
    config = Config(retries={"max_attempts": 0})
    clients = {
        name: boto3.client(name, endpoint_url=stack.aws.url, config=config, **KEYS) for name in ("sqs", "sns", "events")
    }
    yield clients
    for client in clients.values():
        client.close()


def ref(stack, logical_id):
    return stack.template.resolver.ref(logical_id)


def delete_rule(stack, aws):
    name = stack.template.resolver.name("Rule")
    aws["events"].remove_targets(Rule=name, EventBusName="untag", Ids=["Work"])
    aws["events"].delete_rule(Name=name, EventBusName="untag")


def drawn(seen):
    console = Console(record=True, width=120, height=24)
    with console.capture() as caught:
        console.print(picture(seen, 120, 24, View()), height=24)
    return caught.get()


@pytest.mark.parametrize(
    ("name", "delete"),
    [
        ("topic Topic", lambda stack, aws: aws["sns"].delete_topic(TopicArn=ref(stack, "Topic"))),
        ("queue Work", lambda stack, aws: aws["sqs"].delete_queue(QueueUrl=ref(stack, "Work"))),
        ("queue Dead", lambda stack, aws: aws["sqs"].delete_queue(QueueUrl=ref(stack, "Dead"))),
        ("rule Rule", delete_rule),
    ],
)
def test_whatever_is_deleted_the_views_go_on_and_name_it(stack, aws, name, delete):
    observer, lines = Observer(stack), Lines()
    assert observer.look()["missing"] == []
    delete(stack, aws)
    seen = observer.look()
    assert seen["missing"] == [name]
    assert f"missing: {name}" in drawn(seen)
    (line,) = lines.news(seen)
    assert name in line
    assert lines.news(observer.look()) == []
    assert control.state(stack)["missing"] == [name]
    stack.drain()


def test_a_bus_that_is_deleted_takes_its_rules_along_and_is_named_to_who_sends(stack, aws):
    aws["events"].delete_event_bus(Name="untag")
    assert stack.missing() == ["bus Bus", "rule Rule"]
    with pytest.raises(LocalError, match="there is no bus untag any more") as raised:
        stack.send({"source": "tests", "detail-type": "Wanted", "detail": {}})
    assert "starting the stack again" in raised.value.hint


def test_a_queue_that_is_deleted_is_named_to_who_sends_and_read_again_once_it_is_back(stack, aws):
    aws["sqs"].delete_queue(QueueUrl=ref(stack, "Work"))
    with pytest.raises(LocalError, match="there is no queue untag-Work any more"):
        stack.send("{}")
    mapping = next(iter(stack.mappings.values()))
    wait_for(lambda: mapping.failures)
    assert "there is no queue untag-Work any more" in mapping.failures[-1]
    assert len(mapping.failures) <= mapping.spec.concurrency
    aws["sqs"].create_queue(QueueName="untag-Work")
    assert stack.missing() == []
    stack.send("{}")
    stack.drain()
    assert mapping.batches == [1]


def test_reports_of_a_topic_that_was_created_anew_are_seen(stack, aws):
    observer = Observer(stack)
    for number in range(3):
        aws["sns"].publish(TopicArn=ref(stack, "Topic"), Message=json.dumps({"id": f"r-{number}"}))
    assert observer.look()["reports"]["count"] == 3
    aws["sns"].delete_topic(TopicArn=ref(stack, "Topic"))
    assert observer.look()["reports"]["count"] == 3
    aws["sns"].create_topic(Name="untag-Topic")
    aws["sns"].publish(TopicArn=ref(stack, "Topic"), Message=json.dumps({"id": "r-new"}))
    for _ in range(2):
        seen = observer.look()
        assert (seen["reports"]["count"], seen["reports"]["recent"][-1]["id"]) == (4, "r-new")


def test_what_a_rule_cannot_deliver_lies_on_its_queue_for_dead_letters(stack, aws):
    aws["sqs"].delete_queue(QueueUrl=ref(stack, "Work"))
    stack.send({"source": "tests", "detail-type": "Wanted", "detail": {"a": 1}})
    (letter,) = stack.dead_letters()
    assert json.loads(letter.body)["detail"] == {"a": 1}
    assert letter.attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert letter.attributes["TARGET_ARN"].endswith(":untag-Work")


def test_a_subscriber_that_is_gone_keeps_nothing_from_the_others(stack, aws):
    arns = []
    for name in ("gone", "there"):
        url = aws["sqs"].create_queue(QueueName=name)["QueueUrl"]
        arn = aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        aws["sns"].subscribe(TopicArn=ref(stack, "Topic"), Protocol="sqs", Endpoint=arn)
        arns.append(url)
    aws["sqs"].delete_queue(QueueUrl=arns[0])
    aws["sns"].publish(TopicArn=ref(stack, "Topic"), Message="told")
    assert len(stack.aws.queues.messages("there")) == 1
    assert stack.reports() == ["told"]


def test_the_clock_goes_on_after_a_schedule_whose_queue_is_gone():
    fired = []

    def fire(logical_id, _):
        fired.append(logical_id)
        if logical_id == "First":
            raise LocalError("there is no queue untag-Work any more")

    moment = datetime(2026, 12, 1, tzinfo=UTC)
    schedules = {
        name: Schedule(name, name, f"arn:{name}", True, Once(moment), "arn:aws:sqs:x", "{}")
        for name in ("First", "Second")
    }
    times = iter([moment.timestamp() - 1, moment.timestamp()])
    clock = Clock(schedules, fire, lambda: next(times))
    clock.look()
    assert fired == ["First", "Second"]
    assert clock.failures == {"First": ["could not be fired: there is no queue untag-Work any more"]}


def test_a_stack_in_another_process_survives_its_topic_and_shows_so(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    session = tmp_path / "session.json"
    with up(session, "--template", project(folder), "--no-seed") as described:
        sns = boto3.client("sns", endpoint_url=described["aws"], **KEYS)
        (topic,) = sns.list_topics()["Topics"]
        with at_terminal("watch", "--session", session) as terminal:
            terminal.see("Queues")
            sns.delete_topic(TopicArn=topic["TopicArn"])
            terminal.see("missing: topic Topic")
            terminal.press("q")
            assert terminal.end() == 0
            assert "Traceback" not in terminal.text
        sns.close()
        shown = run("state", "--session", session)
        assert shown.returncode == 0
        assert "missing: topic Topic was deleted while the stack is up" in shown.stdout


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
