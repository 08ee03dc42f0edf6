"""A pair has one slot, and one result."""

import pytest
from engine_bench import Bench, request
from virtual_time import NOW

from untag.contracts import Deferral, Outcome, Result, Tag

REMOVED = Result(Outcome.REMOVED)
LATER = Deferral("later", "", counted=True)


def test_a_pair_that_is_settled_twice_is_a_bug_and_is_refused() -> None:
    (job,) = Bench().open(request())
    job.blocks[0].settle(0, REMOVED)
    with pytest.raises(AssertionError, match="twice"):
        job.blocks[0].settle(0, LATER)
    assert job.blocks[0].results == [REMOVED]
    assert job.open == 0


def test_a_job_with_a_pair_that_has_no_result_cannot_be_told_of() -> None:
    (job,) = Bench().open(request(resources=[{"type": "vm", "ids": ["i-1", "i-2"]}]))
    job.blocks[0].settle(0, REMOVED)
    with pytest.raises(AssertionError, match="no result"):
        list(job.rows())


def test_rows_come_in_the_order_in_which_they_were_asked_for() -> None:
    (job,) = Bench().open(
        request(
            resources=[{"type": "vm", "ids": ["i-2", "i-1"]}, {"type": "disk", "ids": ["d-1"]}],
            tags=[{"key": "z", "value": "1"}, {"key": "a", "value": "2"}],
        )
    )
    vm, disk = job.blocks
    vm.settle_tag(Tag("a", "2"), LATER)
    vm.settle_rest(REMOVED)
    assert job.open == 2
    disk.settle_rest(LATER)
    assert job.open == 0
    assert [(type_, id_, tag.key, result) for type_, id_, tag, result in job.rows()] == [
        ("vm", "i-2", "z", REMOVED),
        ("vm", "i-2", "a", LATER),
        ("vm", "i-1", "z", REMOVED),
        ("vm", "i-1", "a", LATER),
        ("disk", "d-1", "z", LATER),
        ("disk", "d-1", "a", LATER),
    ]


def test_the_age_of_a_request_counts_from_its_first_attempt() -> None:
    first, again = Bench().open(request(), request(attempt=3, first_attempt_at="2026-01-02T03:04:05Z"))
    assert first.first_attempt_at == NOW
    assert again.first_attempt_at == 1_767_323_045.0
