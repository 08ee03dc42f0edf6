"""Reports: what their ids depend on, how they are cut into pages, and what a person reads first."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untag.contracts import Action, Outcome, Result, Tag, report_pages
from untag.contracts.reports import clip, row, status_of
from untag.contracts.reports import subject as subject_of
from untag.contracts.requests import timestamp
from untag.hosts.aws.outbox import SNS_BYTES, size_of
from untag.messages import report_message

FACTS = {
    "kind": "removal",
    "id": "chg-1",
    "action": Action.REMOVE,
    "provider": "jdcloud",
    "account": "default",
    "region": "cn-north-1",
    "attempt": 1,
    "dry_run": False,
    "reason": None,
    "started_at": "2026-11-23T10:00:00.000Z",
    "finished_at": "2026-11-23T10:00:01.000Z",
}
DONE = Result(Outcome.REMOVED, request_id="r-1")
ROW = row("vm", "i-1", Tag("env", "prod"), DONE)


def report_id(rows=(ROW,), **facts):
    (page,) = report_pages(FACTS | facts, list(rows), 0)
    return page.report_id


def test_the_report_of_the_documents_example():
    failed = Result(Outcome.FAILED, "no_right", "not yours", "r-2")
    rows = [ROW, row("vm", "i-2", Tag("env", "prod"), failed)]
    (page,) = report_pages(FACTS | {"reason": "decommissioned"}, rows, 0)
    told = json.loads(json.dumps(page.body()))
    assert re.fullmatch("[0-9a-f]{64}", told.pop("report_id"))
    assert told == {
        "kind": "removal", "id": "chg-1", "action": "remove",
        "provider": "jdcloud", "account": "default", "region": "cn-north-1",
        "status": "partial", "complete": True, "attempt": 1, "dry_run": False, "reason": "decommissioned",
        "counts": {"removed": 1, "failed": 1}, "request_counts": {"removed": 1, "failed": 1},
        "outcomes": [
            {"type": "vm", "resource_id": "i-1", "key": "env", "value": "prod", "outcome": "removed",
             "provider_request_id": "r-1"},
            {"type": "vm", "resource_id": "i-2", "key": "env", "value": "prod", "outcome": "failed",
             "code": "no_right", "message": "not yours", "provider_request_id": "r-2"},
        ],
        "page": {"number": 1, "of": 1},
        "started_at": "2026-11-23T10:00:00.000Z", "finished_at": "2026-11-23T10:00:01.000Z",
        "summary": "jdcloud/default cn-north-1: 1 of 2 tags removed, 1 failed",
    }  # fmt: skip


def test_the_report_id_is_the_hash_of_the_documented_canonical_json():
    # Written out here from the document: anyone can compute it again.
    import hashlib

    canonical = (
        '{"account":"default","action":"remove","attempt":1,"dry_run":false,"id":"chg-1","kind":"removal",'
        '"page":{"number":1,"of":1},"provider":"jdcloud","region":"cn-north-1",'
        '"rows":[["vm","i-1","env","prod","removed",null]]}'
    )
    assert report_id() == hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize(
    "facts",
    [
        {"action": Action.RESTORE},
        {"id": "chg-2"},
        {"provider": "huaweicloud"},
        {"account": "other"},
        {"region": None},
        {"region": "cn-east-1"},
        {"attempt": 2},
        {"dry_run": True},
    ],
)
def test_another_fact_makes_another_report_id(facts):
    assert report_id(**facts) != report_id()


@pytest.mark.parametrize(
    "other",
    [
        row("disk", "i-1", Tag("env", "prod"), DONE),
        row("vm", "i-2", Tag("env", "prod"), DONE),
        row("vm", "i-1", Tag("team", "prod"), DONE),
        row("vm", "i-1", Tag("env", "test"), DONE),
        row("vm", "i-1", Tag("env", None), DONE),
        row("vm", "i-1", Tag("env", "prod"), Result(Outcome.ABSENT)),
        row("vm", "i-1", Tag("env", "prod"), Result(Outcome.REMOVED, "code")),
    ],
)
def test_another_fact_of_a_row_makes_another_report_id(other):
    assert report_id([other]) != report_id()


def test_a_value_that_is_missing_is_not_an_empty_one():
    assert report_id([row("t", "i", Tag("k", None), DONE)]) != report_id([row("t", "i", Tag("k", ""), DONE)])


def test_times_texts_and_request_ids_do_not_change_the_report_id():
    told = Result(Outcome.REMOVED, None, "a text", "another-request", looked=True, was="prod")
    later = {"started_at": "x", "finished_at": "y", "reason": "why"}
    assert report_id([row("vm", "i-1", Tag("env", "prod"), told)], **later) == report_id()


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
RESULTS = st.builds(
    Result,
    st.sampled_from(Outcome),
    st.none() | st.text(st.characters(), max_size=300),
    st.none() | st.text(st.characters(), max_size=300),
    st.none() | st.text(st.characters(), max_size=300),
    looked=st.booleans(),
    was=st.none() | NAMES,
)
ROWS = st.builds(
    row, st.sampled_from(["vm", "disk"]), st.text("ab-1", min_size=1), st.builds(Tag, NAMES, st.none() | NAMES), RESULTS
)


@given(st.lists(ROWS, max_size=6), st.randoms())
def test_the_order_of_rows_does_not_change_the_report_id(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert report_id(rows) == report_id(shuffled)


@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(1, 800), st.integers(0, 3))
def test_every_row_stands_on_exactly_one_page_and_every_page_fits(sample, times, deferred):
    rows = sample * times
    facts = FACTS | {"id": "😀" * 256, "reason": "\x01" * 1024}
    pages = report_pages(facts, rows, deferred)
    assert [one for page in pages for one in page.outcomes] == rows
    assert [page.page for page in pages] == [{"number": n + 1, "of": len(pages)} for n in range(len(pages))]
    assert all(size_of(report_message(page)) <= SNS_BYTES for page in pages)
    assert [page.report_id for page in report_pages(facts, rows, deferred)] == [page.report_id for page in pages]
    assert len({page.report_id for page in pages}) == len(pages)
    assert [page.counts.get("deferred", 0) for page in pages] == [deferred] + [0] * (len(pages) - 1)
    assert sum(sum(page.counts.values()) for page in pages) == len(rows) + deferred
    assert {sum(page.request_counts.values()) for page in pages} == {len(rows) + deferred}


def test_the_longest_names_of_the_worst_characters_fit_their_pages():
    worst = Result(Outcome.WOULD_RESTORE, '"' * 999, '"' * 999, '"' * 999, looked=True, was="\x01" * 255)
    rows = [row("t" * 64, "i" * 512, Tag("\x01" * 128, "\x7f\x01" * 127), worst)] * 400
    sizes = [size_of(report_message(page)) for page in report_pages(FACTS, rows, 0)]
    assert max(sizes) <= SNS_BYTES


def test_texts_of_the_provider_do_not_move_rows_to_other_pages():
    def pages(message):
        result = Result(Outcome.FAILED, "c", message)
        return report_pages(FACTS, [row("vm", f"i-{n}", Tag("k", "v"), result) for n in range(2000)], 0)

    short, long = pages(None), pages("错误" * 500)
    assert [page.report_id for page in short] == [page.report_id for page in long]
    assert len(short) > 1


def test_a_small_report_is_one_page():
    assert len(report_pages(FACTS, [ROW] * 200, 0)) == 1


def test_a_report_without_rows_has_a_page_to_say_so():
    (page,) = report_pages(FACTS, [], 3)
    assert (page.status, page.complete, page.outcomes, page.counts) == ("deferred", False, [], {"deferred": 3})


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (
            {"removed": 1, "restored": 1, "would_remove": 1, "would_restore": 1, "absent": 1, "not_found": 1},
            "succeeded",
        ),
        ({"absent": 1, "removed": 0}, "unchanged"),
        ({"absent": 1, "not_found": 1, "protected": 1}, "unchanged"),
        ({}, "unchanged"),
        ({"absent": 1, "deferred": 1}, "partial"),
        ({"absent": 1, "failed": 1}, "failed"),
        ({"removed": 1, "failed": 1}, "partial"),
        ({"not_found": 1, "unconfirmed": 1}, "failed"),
        ({"removed": 1, "deferred": 1}, "partial"),
        ({"removed": 1, "protected": 1}, "partial"),
        ({"protected": 1}, "unchanged"),
        ({"failed": 1}, "failed"),
        ({"unconfirmed": 1, "protected": 1, "deferred": 1}, "failed"),
        ({"deferred": 2}, "deferred"),
        ({"removed": 0, "deferred": 2}, "deferred"),
    ],
)
def test_the_status_follows_from_the_counts(counts, status):
    assert status_of(counts) == status


@pytest.mark.parametrize(
    ("facts", "outcomes", "deferred", "summary"),
    [
        ({}, ["removed"], 0, "jdcloud/default cn-north-1: 1 of 1 tag removed"),
        ({"region": None}, ["removed", "removed"], 0, "jdcloud/default: 2 of 2 tags removed"),
        ({}, ["would_remove", "protected"], 0, "jdcloud/default cn-north-1: 1 of 2 tags would be removed, 1 protected"),
        ({}, ["not_found"], 2, "jdcloud/default cn-north-1: 1 of 3 tags on resources not found, 2 deferred"),
        ({}, [], 0, "jdcloud/default cn-north-1: no tags there that may be removed"),
    ],
)
def test_the_summary_counts_what_was_asked(facts, outcomes, deferred, summary):
    rows = [row("vm", f"i-{n}", Tag("k", "v"), Result(Outcome(name))) for n, name in enumerate(outcomes)]
    assert report_pages(FACTS | facts, rows, deferred)[0].summary == summary


@given(st.text(st.characters(), max_size=200))
def test_a_subject_is_printable_ascii_under_a_hundred_and_begins_with_no_space(summary):
    subject = subject_of(summary)
    assert re.fullmatch(r"[!-~][ -~]{0,98}", subject)


def test_a_value_that_was_looked_for_and_not_there_is_null_and_one_not_looked_for_is_left_out():
    assert "was" not in row("vm", "i", Tag("k", "v"), Result(Outcome.ABSENT))
    assert row("vm", "i", Tag("k", "v"), Result(Outcome.ABSENT).seen(None))["was"] is None
    seen = Result(Outcome.FAILED, "c", "m", "r").seen("old")
    assert row("vm", "i", Tag("k", "v"), seen) == {
        "type": "vm", "resource_id": "i", "key": "k", "value": "v", "outcome": "failed",
        "code": "c", "message": "m", "provider_request_id": "r", "was": "old",
    }  # fmt: skip


@given(st.text(st.characters(), max_size=300), st.integers(3, 300))
def test_a_clipped_text_is_one_line_that_fits_and_a_short_one_is_kept(text, size):
    clipped = clip(text, size)
    assert clipped.isprintable()
    assert len(clipped.encode()) <= size
    if text.isprintable() and len(text.encode()) <= size:
        assert clipped == text


# Hypothesis wants its bounds without a time zone.
@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31, 23, 59, 58)))  # noqa: DTZ001
def test_a_time_written_and_read_any_number_of_times_stays_what_it_was(moment):
    first = timestamp(moment.replace(tzinfo=UTC).timestamp())
    again = first
    for _ in range(5):
        again = timestamp(datetime.fromisoformat(again).timestamp())
    assert again == first
    assert abs(datetime.fromisoformat(first).replace(tzinfo=None) - moment).total_seconds() < 0.00051
