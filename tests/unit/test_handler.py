"""What Lambda hands to remove_tags: batches, payloads, and whatever else it may be sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bookkeeping import Json
from hypothesis import given, settings
from hypothesis import strategies as st
from lambda_support import FUNCTIONS, context, sqs_event
from service_house import House, jd_request, put
from support import errors_of

from untag.contracts.rejections import InvocationError
from untag.removal.service import MAX_ANSWER_BYTES


def handled(house: House, event: Any) -> Json:
    """What the function answers."""
    return house.remover(event, context("remove_tags", house.clock))


def test_a_batch_is_answered_with_the_records_that_have_to_come_again(house: House) -> None:
    first, second = jd_request("i-1", id_="a"), jd_request("i-1", id_="b", action="restore")
    answer = handled(house, sqs_event(first, second, "poison"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    house.check(first)


def test_a_payload_is_answered_with_its_reports(house: House) -> None:
    raw = jd_request("i-1")
    del raw["id"]
    answer = handled(house, raw)
    assert [report["id"] for report in answer["reports"]] == ["req-1"]
    assert answer["reports"] == house.aws.reports


EVENTS = [
    file
    for file in sorted((FUNCTIONS.parent / "events").glob("*.json"))
    if not file.stem.startswith(("decommission", "sweep"))  # other functions'
]


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_every_event_that_lies_beside_the_code_runs_as_it_is(file: Path) -> None:
    with House() as house:
        house.jd.seed()
        house.huawei.seed()
        event = json.loads(file.read_text(encoding="utf-8"))
        if "invalid" in file.stem:
            with pytest.raises(InvocationError) as caught:
                handled(house, event)
            assert errors_of(caught)
            assert list(house.jd.calls) == list(house.huawei.calls) == []
            return
        answer = handled(house, event)
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
    try:
        answer = handled(patient, event)
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
def test_no_body_raises_or_is_lost(patient: House, bodies: list[str]) -> None:
    patient.aws.queues = {name: [] for name in patient.aws.queues}
    patient.aws.reports.clear()
    answer = handled(patient, sqs_event(*bodies))
    returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    invalid = [body for body, attributes in patient.aws.letters() if attributes.get("code") == "invalid"]
    told = [report["id"] for report in patient.aws.reports if report.get("page", {}).get("number") == 1]
    rejected = [report for report in patient.aws.reports if report["kind"] == "rejected"]
    assert len(rejected) == len(invalid)
    assert len(returned) == len(set(returned))
    assert set(invalid) <= set(bodies)
    assert len(returned) + len(invalid) + len(told) >= len(bodies), "each is returned, buried or reported"
