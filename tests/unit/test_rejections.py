"""A body that is rejected is reported, under its own names where they can be read."""

import json
from typing import Any

import pytest
from aws_model import DEAD_LETTERS, down
from bookkeeping import Json
from hypothesis import given
from hypothesis import strategies as st
from service_house import House, jd_request, record, taken_away

from untag.contracts.problems import Problem
from untag.contracts.rejections import MAX_PROBLEMS, Names, Rejection, names_in
from untag.hosts.aws.outbox import SNS_BYTES, size_of
from untag.messages import rejection_message

SOURCE = "arn:aws:sqs:eu-west-1:123456789012:work"


def rejected(house: House, body: Any) -> tuple[Json, dict[str, str]]:
    """The report on a body, and the attributes of its dead letter."""
    assert house.batch(record(body)) == []
    (report,) = house.aws.reports
    ((_, attributes),) = house.aws.letters()
    return report, attributes


def test_a_rejected_body_is_reported_as_the_contract_says(house: House) -> None:
    body = jd_request("i-1", id_="chg-20418", batch="cleanup-2026-11", account="prod", region="..", expect=7)
    report, attributes = rejected(house, body)
    message = "String should match pattern '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'"
    assert report == {
        "kind": "rejected",
        "report_id": report["report_id"],
        "id": "chg-20418",
        "batch": "cleanup-2026-11",
        "provider": "jdcloud",
        "account": "prod",
        "status": "failed",
        "source": SOURCE,
        "errors": [{"path": "region", "message": message}],
        "started_at": "2026-09-21T14:13:20.000Z",
        "finished_at": "2026-09-21T14:13:20.000Z",
        "summary": f"jdcloud/prod: rejected: region: {message}",
    }
    assert house.aws.attributes == [
        {
            "kind": "rejected",
            "provider": "jdcloud",
            "account": "prod",
            "status": "failed",
            "id": "chg-20418",
            "batch": "cleanup-2026-11",
            "Subject": f"jdcloud/prod: rejected: region: {message}"[:99],
        }
    ]
    assert attributes == {
        "reason": f"region: {message}",
        "code": "invalid",
        "request_id": "chg-20418",
        "batch": "cleanup-2026-11",
        "source": SOURCE,
    }
    assert list(house.jd.calls) == []


INVALID = jd_request("i-1", id_="chg-7", batch="b-7", region="..")
WITHOUT_ID = {name: value for name, value in INVALID.items() if name != "id"}


@pytest.mark.parametrize(
    ("body", "id_", "batch"),
    [
        (INVALID, "chg-7", "b-7"),
        (WITHOUT_ID, "m-1", "b-7"),
        ({**INVALID, "batch": "no batch"}, "chg-7", None),
        ({**INVALID, "id": "i" * 257}, "m-1", "b-7"),
        ({**INVALID, "id": 7}, "m-1", "b-7"),
        ({**INVALID, "id": "a\nb"}, "m-1", "b-7"),
        ([{"provider": "jdcloud"}, 7, INVALID, {**INVALID, "id": "second"}], "chg-7", "b-7"),
        ([WITHOUT_ID, {}], "m-1", "b-7"),
        ([], "m-1", None),
        ({"detail-type": "Tag Removal Requested", "id": "ev-1", "detail": INVALID}, "chg-7", "b-7"),
        ({"detail-type": "Tag Removal Requested", "id": "ev-1", "detail": json.dumps([INVALID])}, "chg-7", "b-7"),
        ({"detail-type": "Tag Removal Requested", "id": "ev-1", "detail": WITHOUT_ID}, "ev-1", "b-7"),
        ({"detail-type": "Another", "id": "ev-1", "detail": INVALID}, "chg-7", "b-7"),
        ({"detail-type": "Tag Removal Requested", "id": "ev-1", "detail": "{"}, "m-1", None),
        ({"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(INVALID)}, "chg-7", "b-7"),
        ({"specversion": "1.0", "id": "ce-1", "data": json.dumps(INVALID)}, "chg-7", "b-7"),
        (f"\ufeff{json.dumps(INVALID)}", "chg-7", "b-7"),
        ('{"id": "chg-7", "batch": "b-7", "batch": "b-7"}', "chg-7", "b-7"),
        ('{"id": "chg-7", "expect": NaN}', "chg-7", None),
        ('{"id": "chg-7"', "m-1", None),
        ("[" * 100_000, "m-1", None),
    ],
)
def test_a_rejected_body_is_told_by_its_own_names_where_they_can_be_read(
    house: House, body: Any, id_: str, batch: str | None
) -> None:
    report, attributes = rejected(house, body)
    assert (report["id"], attributes["request_id"]) == (id_, id_)
    assert (report.get("batch"), attributes.get("batch")) == (batch, batch)
    assert house.aws.attributes[0].get("batch") == batch


def test_the_same_facts_have_the_same_id_and_other_facts_another(house: House) -> None:
    for number, body in enumerate((INVALID, INVALID, {**INVALID, "id": "other"}, {**INVALID, "expect": "x"})):
        assert house.batch(record(body, f"m-{number}")) == []
        house.clock.seconds += 60
    first, second, third, fourth = (report["report_id"] for report in house.aws.reports)
    assert first == second
    assert len({first, third, fourth}) == 3


@pytest.mark.parametrize("trouble", ["report", "letter"])
def test_a_rejected_body_that_cannot_be_told_or_buried_comes_again(house: House, trouble: str) -> None:
    if trouble == "report":
        house.aws.trouble = down("sns")
    else:
        house.aws.trouble = lambda *asked: 500 if asked[2].get("QueueUrl") == DEAD_LETTERS else None
    good = jd_request("i-2", id_="good")
    assert house.batch(record(INVALID, "bad")) == ["bad"]
    assert house.aws.letters() == []
    assert len(house.aws.reports) == (trouble == "letter"), "the report goes first"
    house.aws.trouble = lambda *_: None
    assert house.batch(record(INVALID, "bad"), record(good, "good")) == []
    assert len({report["report_id"] for report in house.aws.reports if report["kind"] == "rejected"}) == 1
    assert len(house.aws.letters()) == 1
    assert taken_away(house.jd) == {("i-2", "env", "prod")}


def test_a_report_of_a_hundred_thousand_mistakes_fits_a_message(house: House) -> None:
    long = "\\" * 400 + "é"
    names = {f"{number}{long}": "x" for number in range(900)}
    report, _ = rejected(house, [{**INVALID, **names}, *[{**INVALID, "tags": [7]}] * 200])
    assert len(report["errors"]) == MAX_PROBLEMS + 1
    assert report["errors"][-1]["message"].startswith("and ")


@given(st.lists(st.tuples(st.text(max_size=600), st.text(max_size=900)), min_size=1, max_size=150))
def test_any_report_fits_a_message_and_is_text_that_can_be_sent(problems: list[tuple[str, str]]) -> None:
    made = Rejection.of(
        Names("é" * 256, "b" * 64, "jdcloud", "a" * 64),
        [Problem(path, message) for path, message in problems],
        source=SOURCE,
        started_at="2026-06-01T02:00:00.000Z",
        finished_at="2026-06-01T02:00:00.000Z",
    )
    message = rejection_message(made)
    assert size_of(message) <= SNS_BYTES
    assert message.body.encode()
    assert 0 < len(message.subject) < 100


FIELDS = st.sampled_from(["id", "batch", "detail", "detail-type", "data", "specversion", "Type", "Message"])
ANY = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner))


@given(st.text() | ANY)
def test_the_names_in_any_body_can_be_asked_for(body: Any) -> None:
    assert 1 <= len(names_in(body, "m-1").id) <= 256
