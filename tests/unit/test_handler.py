"""The handler: batches, payloads, and whatever else it may be sent."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from bookkeeping import Json
from hypothesis import given, settings
from hypothesis import strategies as st
from service_house import House, jd_request, put
from support import errors_of

from untag.contracts.rejections import InvocationError
from untag.hosts import aws
from untag.removal.service import MAX_ANSWER_BYTES

HANDLER = Path(__file__).parents[2] / "functions" / "remove_tags" / "app.py"


def load(monkeypatch: pytest.MonkeyPatch, house: House) -> ModuleType:
    """The handler's module, with a service in virtual time."""
    monkeypatch.setattr(aws, "LambdaFunction", lambda *_: house.remover)
    spec = importlib.util.spec_from_file_location("remove_tags_app", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(house: House, seconds: float = 120.0) -> SimpleNamespace:
    left = house.clock.left(seconds)
    return SimpleNamespace(
        function_name="remove_tags",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:remove_tags",
        aws_request_id="req-1",
        get_remaining_time_in_millis=lambda: int(left() * 1000),
    )


def sqs_event(*bodies: Any) -> Json:
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


# The handler.


def test_the_handler_answers_a_batch_with_the_records_that_have_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = load(monkeypatch, house).handler
    first, second = jd_request("i-1", id_="a"), jd_request("i-1", id_="b", action="restore")
    answer = handler(sqs_event(first, second, "poison"), context(house))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    house.check(first)


def test_the_handler_answers_a_payload_with_its_reports(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = jd_request("i-1")
    del raw["id"]
    answer = load(monkeypatch, house).handler(raw, context(house))
    assert [report["id"] for report in answer["reports"]] == ["req-1"]
    assert answer["reports"] == house.aws.reports


EVENTS = [
    file
    for file in sorted((HANDLER.parents[2] / "events").glob("*.json"))
    if not file.stem.startswith(("decommission", "sweep"))  # other functions'
]


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_every_event_that_lies_beside_the_code_runs_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with House() as house:
        house.jd.seed()
        house.huawei.seed()
        event = json.loads(file.read_text(encoding="utf-8"))
        handler = load(monkeypatch, house).handler
        if "invalid" in file.stem:
            with pytest.raises(InvocationError) as caught:
                handler(event, context(house))
            assert errors_of(caught)
            assert list(house.jd.calls) == list(house.huawei.calls) == []
            return
        answer = handler(event, context(house))
        if "sqs_batch" in file.stem:
            assert answer == {"batchItemFailures": []}
            assert house.aws.reports
        elif "eventbridge" in file.stem or "Records" not in event:
            assert answer["reports"]
            assert "errors" not in answer


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=6)
            | st.sampled_from(["provider", "resources", "tags", "Records", "detail", "detail-type", "Type"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)
FIELDS = ["id", "action", "provider", "account", "region", "project_id", "resources", "tags", "dry_run", "expect"]
FIELDS += ["not_after", "reason", "attempt", "first_attempt_at", "surprise"]
NEARLY = st.builds(lambda field, value: {**jd_request("i-1"), field: value}, st.sampled_from(FIELDS), JSON) | st.builds(
    lambda detail, id_: {"detail-type": "Tag Removal Requested", "id": id_, "source": "x", "detail": detail}, JSON, JSON
)


@pytest.fixture(scope="module")
def patient() -> Iterator[House]:
    """One house for thousands of events."""
    with House() as house:
        put(house.jd, "i-1")
        yield house


@settings(max_examples=150)
@given(event=JSON | NEARLY)
def test_any_json_event_is_answered_with_reports_or_fails_with_what_is_wrong(patient: House, event: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        handler = load(monkeypatch, patient).handler
        try:
            answer = handler(event, context(patient))
        except InvocationError as error:
            text = str(error)
            assert set(json.loads(text)) == {"errors"}
            assert len(text) < 200_000
            return
    assert set(answer) == {"reports"}
    assert answer["reports"]
    assert len(json.dumps(answer)) <= MAX_ANSWER_BYTES


@settings(max_examples=150)
@given(bodies=st.lists(st.text() | JSON.map(json.dumps) | NEARLY.map(json.dumps), min_size=1, max_size=3))
def test_the_handler_never_raises_on_any_body_and_loses_none(patient: House, bodies: list[str]) -> None:
    patient.aws.queues = {name: [] for name in patient.aws.queues}
    patient.aws.reports.clear()
    with pytest.MonkeyPatch.context() as monkeypatch:
        answer = load(monkeypatch, patient).handler(sqs_event(*bodies), context(patient))
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    invalid = [body for body, attributes in patient.aws.letters() if attributes.get("code") == "invalid"]
    told = [report["id"] for report in patient.aws.reports if report.get("page", {}).get("number") == 1]
    rejected = [report for report in patient.aws.reports if report["kind"] == "rejected"]
    assert len(rejected) == len(invalid)
    assert len(returned) == len(set(returned))
    assert set(invalid) <= set(bodies)
    assert len(returned) + len(invalid) + len(told) >= len(bodies), "each is returned, buried or reported"
