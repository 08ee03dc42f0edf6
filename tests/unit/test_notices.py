"""Notices: the same facts have the same id, and what is published can be filtered by."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from untag.contracts.notices import Notice
from untag.messages import notice_message

FACTS: dict[str, Any] = {
    "kind": "decommission",
    "id": "ev-1",
    "provider": "jdcloud",
    "account": "default",
    "region": "cn-north-1",
    "status": "skipped",
    "code": "no_tags",
    "reason": "no tag stands there",
    "dry_run": False,
    "counts": {"no_tags": 1},
    "details": [],
    "started_at": "2026-06-01T02:00:00.000Z",
    "finished_at": "2026-06-01T02:00:01.000Z",
    "summary": "jdcloud/default: nothing to request: no tag stands there",
}


def notice(**changes: Any) -> Notice:
    return Notice.of(**(FACTS | changes))


@pytest.mark.parametrize("name", ["reason", "summary", "started_at", "finished_at"])
def test_times_and_texts_do_not_change_the_id(name: str):
    assert notice(**{name: "another"}).report_id == notice().report_id


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "sweep"),
        ("id", "ev-2"),
        ("provider", None),
        ("account", "prod"),
        ("region", None),
        ("status", "partial"),
        ("code", "not_found"),
        ("counts", {"no_tags": 2}),
    ],
)
def test_every_other_fact_does(name: str, value: Any):
    assert notice(**{name: value}).report_id != notice().report_id


@pytest.mark.parametrize(("name", "value"), [("kind", "removal"), ("status", "odd"), ("surprise", 1)])
def test_a_notice_says_nothing_that_readers_do_not_know(name: str, value: Any):
    with pytest.raises(ValidationError):
        notice(**{name: value})


def test_a_notice_is_published_with_what_subscribers_filter_by():
    message = notice_message(notice())
    assert json.loads(message.body) == notice().model_dump(mode="json")
    assert message.attributes == {
        "kind": "decommission",
        "provider": "jdcloud",
        "account": "default",
        "status": "skipped",
        "id": "ev-1",
    }
    assert message.subject == "jdcloud/default: nothing to request: no tag stands there"


def test_what_is_not_known_is_no_attribute_since_aws_refuses_an_empty_one():
    assert set(notice_message(notice(provider=None, account=None)).attributes) == {"kind", "status", "id"}


def test_a_subject_is_ascii_and_short_whatever_the_summary_says():
    message = notice_message(notice(summary=f"部门 {'x' * 500}\n"))
    assert message.subject.isascii()
    assert message.subject.isprintable()
    assert len(message.subject) < 100
