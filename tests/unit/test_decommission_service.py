"""The decommission function: what it buries, what comes again, and what Lambda hands to it."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aws_model import DEAD_LETTERS, down
from bookkeeping import Json
from changed_providers import with_a_bug_in
from decommission_samples import NEARLY, SAMPLES, VOLUME, ours, smn, trace
from decommission_support import QUEUE_ARN, Desk, huawei, jd, pairs, record, tms, vm
from hypothesis import given, settings
from hypothesis import strategies as st
from lambda_support import context, sqs_event
from support import errors_of

from untag.contracts import Problem, RemovalRequest
from untag.contracts.rejections import InvocationError
from untag.hosts.aws.telemetry import logger
from untag.providers.jdcloud.resourcetag import JDCloud

# What does not validate.


@pytest.mark.parametrize(
    "event",
    [
        *("", "{", "[]", '"x"', '{"a": 1}', "[" * 100_000),
        ours(region="a/b"),
        ours(region=...),
        ours(provider="nocloud"),
        ours(resources=[{"type": "cdn", "ids": ["static.example.com"]}]),
        huawei("x" * 513),
        ours(surprise=True),
        json.dumps("x" * 1_000_000),
        json.dumps(ours(resources=[1] * 200_000)),
    ],
)
def test_a_body_that_does_not_validate_lies_verbatim_on_the_dead_letter_queue(desk: Desk, event: Any):
    text = event if isinstance(event, str) else json.dumps(event)
    jd(desk, "i-1", env="prod")
    assert desk.batch(record(text, "bad"), record(ours(), "good")) == []
    ((body, attributes),) = desk.letters
    names = "ev-1" if isinstance(event, dict) or '"ev-1"' in event else "bad"
    assert (body, attributes["code"], attributes["request_id"]) == (text, "invalid", names)
    assert attributes["reason"]
    assert len(desk.requests) == 1
    (report,) = desk.notices
    assert (report["kind"], report["status"], report["id"], report["source"]) == (
        *("rejected", "failed", names, QUEUE_ARN),
    )
    assert report["errors"]
    assert "_" + "Decommissioned" not in json.dumps([report, attributes])


def test_a_body_of_a_megabyte_is_worked_at(desk: Desk):
    ids = [f"i-{number:06}-{'x' * 20}" for number in range(30_000)]
    text = json.dumps(vm(*ids, tags=[{"key": "env", "value": "prod"}]))
    assert 900_000 < len(text) < 1_048_576
    assert desk.work(text) == []
    assert len(pairs(desk.requests)) == 30_000


def test_a_dead_letter_queue_that_is_down_brings_the_body_again(desk: Desk):
    desk.aws.trouble = lambda *asked: 500 if asked[2].get("QueueUrl") == DEAD_LETTERS else None
    assert desk.work("{") == ["m-1"]


class CursedById(JDCloud):
    """JD Cloud's provider with a bug that one resource brings out."""

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        assert "cursed" not in request.resources[0].ids
        return super().problems(request)


def test_a_bug_in_one_record_takes_down_no_other():
    with Desk(changed=[CursedById]) as desk:
        jd(desk, "cursed", "i-1", env="prod")
        assert desk.batch(record(vm("cursed"), "bad"), record(vm("i-1"), "good")) == ["bad"]
        assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
        assert desk.letters == []


def test_a_record_that_may_have_killed_the_process_runs_last_and_alone_on_its_own_queue(desk: Desk):
    jd(desk, "i-1", env="prod")
    assert desk.batch(record(ours(), "suspect", receives=3), record(ours(), "good")) == []
    assert [name for _, name, body in desk.aws.calls if "untag-decommission" in str(body.get("QueueUrl"))] == [
        *("GetQueueAttributes", "ChangeMessageVisibility", "DeleteMessage")
    ]


# What Lambda hands over, and everything at once.


def handled(desk: Desk, event: Any) -> Json:
    """What the function answers."""
    return desk.made(event, context("decommission", desk.clock))


def test_a_batch_is_answered_with_the_records_that_have_to_come_again(desk: Desk):
    jd(desk, "i-1", env="prod")
    desk.tms.faults.add("throttle")
    answer = handled(desk, sqs_event(ours(), huawei("v-1"), "{", queue="untag-decommission"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({}, ""),
        ([], ""),
        (None, ""),
        ("x", ""),
        ({"Records": []}, "Records"),
        (ours(region="a/b"), "detail.region"),
        (ours(account="nobodys"), ""),
        (trace(domain_id="somebody-elses"), ""),
        (smn("no JSON"), "message"),
    ],
)
def test_what_is_no_event_or_cannot_be_served_fails_the_invocation(desk: Desk, event: Any, path: str):
    with pytest.raises(InvocationError) as caught:
        handled(desk, event)
    assert [error["path"] for error in errors_of(caught)] == [path]
    assert desk.requests == desk.notices == desk.letters == [], "whoever handed it over is told, and nobody else"


def test_an_event_by_hand_of_which_nothing_can_be_read_fails_the_invocation(desk: Desk):
    with pytest.raises(InvocationError) as caught:
        handled(desk, smn("no JSON", "{"))
    assert [error["path"] for error in errors_of(caught)] == ["message", "message"]
    assert desk.notices == desk.letters == []


def test_an_event_by_hand_is_carried_out_and_answered_with_what_it_led_to(desk: Desk):
    jd(desk, "i-1", env="prod")
    answer = handled(desk, vm("i-1", "i-2", batch="b-1"))
    assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
    assert answer == {"counts": {"requests": 1}, "requests": ["ev-1"], "notices": desk.notices}
    assert [(notice["code"], notice["batch"]) for notice in desk.notices] == [("no_tags", "b-1")]


@pytest.mark.parametrize("service_", ["sqs", "sns"])
def test_an_event_by_hand_whose_results_are_not_delivered_fails_the_invocation(desk: Desk, service_: str):
    jd(desk, "i-1", env="prod")
    desk.aws.trouble = down(service_)
    with pytest.raises(InvocationError) as caught:
        handled(desk, vm("i-1", "i-2"))
    assert "not delivered (InternalError)" in errors_of(caught)[0]["message"]


def test_an_event_by_hand_whose_tags_cannot_be_read_now_fails_the_invocation(desk: Desk):
    desk.tms.faults.add("throttle")
    with pytest.raises(InvocationError) as caught:
        handled(desk, huawei("v-1"))
    assert "not now" in errors_of(caught)[0]["message"]
    assert desk.requests == desk.notices == desk.letters == []


def test_a_bug_while_an_event_by_hand_is_worked_at_fails_without_its_own_words():
    with Desk(changed=[with_a_bug_in("scope")]) as desk, pytest.raises(InvocationError) as caught:
        handled(desk, ours())
    assert errors_of(caught) == [{"path": "", "message": "internal error: ZeroDivisionError"}]


@pytest.fixture(scope="module")
def patient() -> Iterator[Desk]:
    """One desk for thousands of events."""
    with Desk() as desk:
        jd(desk, "i-1", env="prod")
        tms(desk, VOLUME, env="prod")
        yield desk


@settings(max_examples=150)
@given(bodies=st.lists(st.text() | NEARLY.map(json.dumps), min_size=1, max_size=3))
def test_no_body_raises_or_is_lost(patient: Desk, bodies: list[str]):
    patient.aws.queues = {name: [] for name in patient.aws.queues}
    patient.aws.reports.clear()
    answer = handled(patient, sqs_event(*bodies, queue="untag-decommission"))
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert returned == [], "there is nothing here that another time would mend"
    assert len(patient.letters) + len(patient.notices) + len(patient.requests) >= len(bodies)


def test_no_key_of_an_account_is_in_a_message_or_a_log_line(desk: Desk):
    (handler,) = logger.handlers
    text = io.StringIO()
    before = handler.setStream(text)  # type: ignore[attr-defined]
    try:
        tms(desk, "v-1", env="prod")
        secrets = [secret[name] for secret in desk.tms.secrets.values() for name in ("access_key", "secret_key")]
        desk.tms.faults.add("forbidden", ids=("v-2",), message=f"Authorization {' '.join(secrets)}")
        desk.work(huawei("v-1", "v-2", "v-3"))
        desk.work("{")
        for file in SAMPLES.glob("*.json"):
            desk.work(file.read_text())
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]
    said = text.getvalue() + json.dumps([desk.requests, desk.notices, desk.letters])
    assert desk.letters
    assert desk.notices
    assert [line for line in text.getvalue().splitlines() if "ev-1" in line]
    assert not [secret for secret in secrets if secret in said]
