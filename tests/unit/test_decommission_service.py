"""The decommission function: what it buries, what comes again, and its handler."""

import importlib.util
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_model import DEAD_LETTERS, down
from bookkeeping import Json
from decommission_samples import NEARLY, SAMPLES, VOLUME, ours, smn, trace
from decommission_support import QUEUE_ARN, SECONDS, Desk, huawei, jd, pairs, record, tms, vm
from hypothesis import given, settings
from hypothesis import strategies as st
from support import errors_of, raising

from untag.contracts.rejections import InvocationError
from untag.decommission import service
from untag.hosts import aws
from untag.hosts.aws.telemetry import logger

HANDLER = Path(__file__).parents[2] / "functions" / "decommission" / "app.py"

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


def test_a_bug_in_one_record_takes_down_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    jd(desk, "i-1", env="prod")
    real = service.read

    def read(body: Any, own_id: str) -> Any:
        if own_id == "cursed":
            raise ZeroDivisionError
        return real(body, own_id)

    monkeypatch.setattr(service, "read", read)
    assert desk.batch(record(ours(), "cursed"), record(ours(), "good")) == ["cursed"]
    assert len(desk.requests) == 1


def test_a_record_that_may_have_killed_the_process_runs_last_and_alone_on_its_own_queue(desk: Desk):
    jd(desk, "i-1", env="prod")
    assert desk.batch(record(ours(), "suspect", receives=3), record(ours(), "good")) == []
    assert [name for _, name, body in desk.aws.calls if "untag-decommission" in str(body.get("QueueUrl"))] == [
        *("GetQueueAttributes", "ChangeMessageVisibility", "DeleteMessage")
    ]


# The handler, and everything at once.


def load(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> ModuleType:
    """The handler's module, with a function in virtual time."""
    monkeypatch.setattr(aws, "LambdaFunction", lambda *_: desk.made)
    spec = importlib.util.spec_from_file_location("decommission_app", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(desk: Desk) -> SimpleNamespace:
    left = desk.clock.left(SECONDS)
    return SimpleNamespace(
        function_name="decommission",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:decommission",
        aws_request_id="req-1",
        get_remaining_time_in_millis=lambda: int(left() * 1000),
    )


def sqs_event(*bodies: str) -> Json:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": QUEUE_ARN,
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def test_the_handler_answers_with_the_records_that_have_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    jd(desk, "i-1", env="prod")
    desk.tms.faults.add("throttle")
    handler = load(monkeypatch, desk).handler
    answer = handler(sqs_event(json.dumps(ours()), json.dumps(huawei("v-1")), "{"), context(desk))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


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
def test_what_is_no_event_or_cannot_be_served_fails_the_invocation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, event: Any, path: str
):
    with pytest.raises(InvocationError) as caught:
        load(monkeypatch, desk).handler(event, context(desk))
    assert [error["path"] for error in errors_of(caught)] == [path]
    assert desk.requests == desk.notices == desk.letters == [], "whoever handed it over is told, and nobody else"


def test_an_event_by_hand_of_which_nothing_can_be_read_fails_the_invocation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(InvocationError) as caught:
        load(monkeypatch, desk).handler(smn("no JSON", "{"), context(desk))
    assert [error["path"] for error in errors_of(caught)] == ["message", "message"]
    assert desk.notices == desk.letters == []


def test_an_event_by_hand_is_carried_out_and_answered_with_what_it_led_to(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    jd(desk, "i-1", env="prod")
    answer = load(monkeypatch, desk).handler(vm("i-1", "i-2", batch="b-1"), context(desk))
    assert pairs(desk.requests) == Counter([("vm", "i-1", "env", "prod")])
    assert answer == {"counts": {"requests": 1}, "requests": ["ev-1"], "notices": desk.notices}
    assert [(notice["code"], notice["batch"]) for notice in desk.notices] == [("no_tags", "b-1")]


@pytest.mark.parametrize("service_", ["sqs", "sns"])
def test_an_event_by_hand_whose_results_are_not_delivered_fails_the_invocation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, service_: str
):
    jd(desk, "i-1", env="prod")
    desk.aws.trouble = down(service_)
    with pytest.raises(InvocationError) as caught:
        load(monkeypatch, desk).handler(vm("i-1", "i-2"), context(desk))
    assert "not delivered (InternalError)" in errors_of(caught)[0]["message"]


def test_an_event_by_hand_whose_tags_cannot_be_read_now_fails_the_invocation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    desk.tms.faults.add("throttle")
    with pytest.raises(InvocationError) as caught:
        load(monkeypatch, desk).handler(huawei("v-1"), context(desk))
    assert "not now" in errors_of(caught)[0]["message"]
    assert desk.requests == desk.notices == desk.letters == []


def test_a_bug_while_an_event_by_hand_is_worked_at_fails_without_its_own_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "read", raising)
    with pytest.raises(InvocationError) as caught:
        load(monkeypatch, desk).handler(ours(), context(desk))
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
    with pytest.MonkeyPatch.context() as monkeypatch:
        answer = load(monkeypatch, patient).handler(sqs_event(*bodies), context(patient))
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
