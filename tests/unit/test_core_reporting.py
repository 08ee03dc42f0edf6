"""What a finished job tells, and what it leaves to do."""

from collections import Counter
from typing import Any

import pytest
from bookkeeping import Json, asked, named
from engine_bench import Bench, request
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import NOW

from untag.contracts import Deferral, Outcome, Result, parse_requests
from untag.core import Job, failed_requests, remainder, report

COUNTED = Deferral("HTTP_503", "", counted=True)
UNCOUNTED = Deferral("deadline", "", counted=False)
FAILED = Result(Outcome.FAILED, "bad", "it is bad", "req-1")
RESULTS = [
    Result(Outcome.REMOVED),
    Result(Outcome.ABSENT),
    FAILED,
    Result(Outcome.FAILED, "other"),
    Result(Outcome.UNCONFIRMED, "wrong_count", "the count is wrong"),
    COUNTED,
    UNCOUNTED,
    Deferral("account_closed", "", counted=True, delay=300.0),
]
RAW = request(
    id="chg-1",
    resources=[{"type": "vm", "ids": ["i-1", "i-2", "i-3"]}, {"type": "disk", "ids": ["d-1"]}],
    tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}, {"key": "c"}],
    reason="decommissioned",
    expect=12,
)


def settled(results: list[Any], raw: Json = RAW) -> Job:
    (job,) = Bench().open(raw)
    waiting = list(results)
    for block in job.blocks:
        for at in range(len(block.results)):
            block.settle(at, waiting.pop(0))
    return job


@given(st.lists(st.sampled_from(RESULTS), min_size=12, max_size=12))
def test_rows_and_remainder_are_the_pairs_that_were_asked_for_and_letters_name_what_ended_badly(
    results: list[Any],
) -> None:
    job = settled(results)
    (page,) = report(job, NOW + 5)
    rows = Counter((row["type"], row["resource_id"], row["key"], row["value"]) for row in page.outcomes)
    left = remainder(job, lambda: 0.5)
    assert rows + Counter(named(left.bodies)) == Counter(asked(RAW))
    letters = [body for letter in failed_requests(job) for body in letter.bodies]
    bad = Counter(
        (row["type"], row["resource_id"], row["key"], row["value"])
        for row in page.outcomes
        if row["outcome"] in {"failed", "unconfirmed"}
    )
    assert Counter(named(letters)) == bad
    for body in [*left.bodies, *letters]:
        (parsed,) = parse_requests(body, "none")
        assert (parsed.id, parsed.provider, parsed.reason) == ("chg-1", "scripted", "decommissioned")
    assert sum(page.counts.values()) == 12
    assert page.counts.get("deferred", 0) == sum(isinstance(result, Deferral) for result in results)
    assert page.complete is not bool(left.bodies)


@given(st.lists(st.sampled_from([COUNTED, UNCOUNTED, FAILED]), min_size=12, max_size=12))
def test_what_was_refused_counts_as_an_attempt_and_what_we_had_no_time_for_does_not(results: list[Any]) -> None:
    raw = {**RAW, "attempt": 4, "first_attempt_at": "2026-01-02T03:04:05Z"}
    attempts: dict[int, set[Any]] = {}
    for body in remainder(settled(results, raw), lambda: 0.5).bodies:
        attempts.setdefault(body["attempt"], set()).update(asked(body))
        assert body["first_attempt_at"] == "2026-01-02T03:04:05.000Z"
        assert "expect" not in body
    pairs = [
        (group["type"], id_, tag["key"], tag.get("value"))
        for group in RAW["resources"]
        for id_ in group["ids"]
        for tag in RAW["tags"]
    ]
    by_result = {
        wanted: {pair for pair, result in zip(pairs, results, strict=True) if result is wanted}
        for wanted in (COUNTED, UNCOUNTED)
    }
    assert attempts.get(5, set()) == by_result[COUNTED]
    assert attempts.get(4, set()) == by_result[UNCOUNTED]


def test_a_first_attempt_writes_down_when_it_was() -> None:
    (body,) = remainder(settled([COUNTED] * 12), lambda: 0.5).bodies
    assert body["attempt"] == 2
    assert body["first_attempt_at"] == "2026-09-21T14:13:20.000Z"


@pytest.mark.parametrize(
    ("deferral", "attempt", "chance", "expected"),
    [
        (UNCOUNTED, 9, 0.0, 1),
        (UNCOUNTED, 9, 1.0, 1),
        (COUNTED, 1, 0.0, 1),
        (COUNTED, 1, 1.0, 15),
        (COUNTED, 4, 1.0, 120),
        (COUNTED, 4, 0.5, 60),
        (COUNTED, 1000, 1.0, 900),
        (Deferral("c", "", counted=True, delay=300.0), 1, 0.0, 300),
        (Deferral("c", "", counted=True, delay=299.2), 1, 0.0, 300),
        (Deferral("c", "", counted=False, delay=2.4), 1, 0.0, 3),
        (Deferral("c", "", counted=True, delay=5000.0), 1, 1.0, 900),
    ],
)
def test_a_remainder_waits_as_long_as_it_has_to_with_jitter_and_no_longer_than_sqs_can(
    deferral: Deferral, attempt: int, chance: float, expected: int
) -> None:
    left = remainder(settled([deferral] * 12, {**RAW, "attempt": attempt}), lambda: chance)
    assert left.delay == expected


def test_the_longest_wait_of_a_request_is_its_own() -> None:
    results = [COUNTED] * 6 + [Deferral("account_closed", "", counted=True, delay=300.0)] * 6
    assert 300 <= remainder(settled(results), lambda: 0.9).delay <= 315


def test_what_is_done_leaves_no_remainder() -> None:
    assert remainder(settled([Result(Outcome.REMOVED)] * 12), lambda: 0.5).bodies == []


def test_dead_letters_are_one_for_each_code_with_the_reason_and_start_anew() -> None:
    raw = {**RAW, "attempt": 7, "first_attempt_at": "2026-01-02T03:04:05Z"}
    results = [FAILED, Result(Outcome.FAILED, "other"), Result(Outcome.UNCONFIRMED, "wrong_count", "odd")] * 4
    letters = failed_requests(settled(results, raw))
    assert [(letter.code, letter.reason) for letter in letters] == [
        ("bad", "failed: it is bad"),
        ("other", "failed: other"),
        ("wrong_count", "unconfirmed: odd"),
    ]
    for letter in letters:
        for body in letter.bodies:
            assert body["attempt"] == 1
            assert "first_attempt_at" not in body


def test_a_failure_without_a_code_is_told_by_its_outcome() -> None:
    (letter,) = failed_requests(settled([Result(Outcome.FAILED)] * 12))
    assert (letter.code, letter.reason) == ("failed", "failed: None")


def test_a_job_that_does_not_add_up_is_not_told_of() -> None:
    job = settled([Result(Outcome.REMOVED)] * 12)
    job.blocks.pop()
    with pytest.raises(AssertionError, match="add up"):
        report(job, NOW)


def test_a_report_carries_what_the_request_said_and_when_it_was_worked_at() -> None:
    (page,) = report(settled([FAILED] * 12, {**RAW, "attempt": 3}), NOW + 7.5)
    told = page.body()
    assert {name: told[name] for name in ("kind", "id", "action", "provider", "account", "region")} == {
        "kind": "removal",
        "id": "chg-1",
        "action": "remove",
        "provider": "scripted",
        "account": "default",
        "region": "cn-north-1",
    }
    assert (told["attempt"], told["dry_run"], told["reason"], told["status"]) == (3, False, "decommissioned", "failed")
    assert (told["started_at"], told["finished_at"]) == ("2026-09-21T14:13:20.000Z", "2026-09-21T14:13:27.500Z")
    assert told["outcomes"][0] == {
        "type": "vm",
        "resource_id": "i-1",
        "key": "a",
        "value": "1",
        "outcome": "failed",
        "code": "bad",
        "message": "it is bad",
        "provider_request_id": "req-1",
    }
