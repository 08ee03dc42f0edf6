"""Calls within limits and within time, until every pair has its result."""

import asyncio
from collections import Counter

import pytest
from engine_bench import Bench, deferrals, many, request, tally, told
from scripted_provider import Cloud, Made, Script, done, refusing, stall
from virtual_time import run

from untag.contracts import Deferral
from untag.core import Deadline, Rate
from untag.core.limits import CALL_SECONDS, RETRIES, SHORTEST_CALL_SECONDS
from untag.providers import Answer, Verdict

# Trying again.


@pytest.mark.parametrize("verdict", [Verdict.UNAVAILABLE, Verdict.THROTTLED])
def test_what_may_do_better_a_little_later_is_tried_again_and_goes_through(verdict: Verdict) -> None:
    answers = iter([Answer(verdict)] * RETRIES)
    bench = Bench(lambda made: next(answers, None) or done(made))
    (job,) = bench.run(request())
    assert tally(job) == {"removed": 1}
    assert len(bench.provider.calls) == 1 + RETRIES
    assert bench.seen.retries == RETRIES
    assert len({call.at for call in bench.provider.calls}) == 1 + RETRIES, "not at once"


@pytest.mark.parametrize("verdict", [Verdict.UNAVAILABLE, Verdict.THROTTLED])
def test_what_does_no_better_is_deferred_and_counts_as_an_attempt(verdict: Verdict) -> None:
    bench = Bench(refusing(verdict, message="busy"))
    (job,) = bench.run(request())
    lost = verdict is Verdict.UNAVAILABLE  # what is throttled was not carried out
    assert deferrals(job) == [Deferral("scripted", "busy", counted=True, lost=lost)]
    assert len(bench.provider.calls) == 1 + RETRIES


@pytest.mark.parametrize("verdict", [Verdict.UNAVAILABLE, Verdict.THROTTLED])
def test_a_cloud_that_wants_a_long_pause_is_not_asked_again_in_this_invocation(verdict: Verdict) -> None:
    bench = Bench(refusing(verdict, retry_after=90.0))
    (job,) = bench.run(request())
    assert len(bench.provider.calls) == 1
    assert [deferral.delay for deferral in deferrals(job)] == [90.0]


def test_a_cloud_that_wants_a_short_pause_gets_it() -> None:
    bench = Bench(refusing(Verdict.UNAVAILABLE, retry_after=4.0))
    bench.run(request())
    assert [call.at for call in bench.provider.calls] == [0.0, 4.0, 8.0]


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.NOT_FOUND, Verdict.FORBIDDEN, Verdict.FAILED])
def test_what_is_permanent_is_not_written_again(verdict: Verdict) -> None:
    bench = Bench(refusing(verdict))
    bench.run(request())
    assert len(bench.provider.made("write")) == 1


# Time.


@pytest.mark.parametrize("reads_first", [False, True])
@pytest.mark.parametrize("proved", [False, True])
def test_a_cloud_that_stalls_costs_no_more_than_the_time_for_calls(proved: bool, reads_first: bool) -> None:
    bench = Bench(seconds=60.0, reserve=10.0, resources=1, reads_first=reads_first)
    if proved:
        bench.run(request())
    bench.provider.script, bench.provider.calls = stall, []
    started = bench.clock.seconds
    (job,) = bench.run(many(100))
    took = bench.clock.seconds - started
    assert took <= 50.0 + 0.01
    assert set(tally(job)) <= {"deferred:timeout", "deferred:deadline", "deferred:circuit_open"}
    for call in bench.provider.calls:
        assert call.timeout <= CALL_SECONDS
        assert call.timeout >= SHORTEST_CALL_SECONDS
        assert call.at - started + call.timeout <= 50.0 + 1e-6, "a call was started that could not finish"


def test_a_write_that_the_deadline_cuts_off_is_deferred_and_is_no_attempt() -> None:
    bench = Bench(stall, seconds=14.0, reserve=10.0)
    (job,) = bench.run(request())
    assert [call.timeout for call in bench.provider.calls] == [4.0]
    assert [(deferral.code, deferral.counted) for deferral in deferrals(job)] == [("deadline", False)]


def test_a_write_that_takes_a_calls_whole_time_is_an_attempt() -> None:
    bench = Bench(stall)
    (job,) = bench.run(request())
    assert {call.timeout for call in bench.provider.calls} == {CALL_SECONDS}
    assert [(deferral.code, deferral.counted) for deferral in deferrals(job)] == [("timeout", True)]


@pytest.mark.parametrize("seconds", [10.0, 10.4, 5.0, -1.0])
def test_no_call_starts_that_cannot_finish(seconds: float) -> None:
    bench = Bench(seconds=seconds, reserve=10.0)
    (job,) = bench.run(many(60))
    assert bench.provider.calls == []
    assert bench.keys.reads == 0, "nor is a key read for it"
    assert {(deferral.code, deferral.counted) for deferral in deferrals(job)} == {("deadline", False)}


def test_a_call_that_got_its_turn_too_late_is_not_made() -> None:
    async def slow(made: Made) -> Answer:
        await asyncio.sleep(1.7)
        return done(made)

    bench = Bench(slow, seconds=12.0, reserve=10.0, concurrency=1, resources=1)
    (job,) = bench.run(many(3), many(3, account="other"))[:1]
    assert len(bench.provider.calls) == 1
    assert tally(job)["deferred:deadline"] >= 2


@pytest.mark.parametrize(("verdict", "seconds"), [(Verdict.UNAVAILABLE, 10.6), (Verdict.THROTTLED, 12.0)])
def test_what_was_refused_counts_even_if_there_is_no_time_left_to_try_it_again(
    verdict: Verdict, seconds: float
) -> None:
    bench = Bench(refusing(verdict), seconds=seconds, reserve=10.0, chance=lambda: 1.0)
    (job,) = bench.run(request())
    assert len(bench.provider.calls) <= RETRIES
    assert [(deferral.code, deferral.counted) for deferral in deferrals(job)] == [("scripted", True)]


def test_what_is_settled_when_the_time_is_up_stays_settled() -> None:
    async def slow(made: Made) -> Answer:
        await asyncio.sleep(3.0)
        return done(made)

    bench = Bench(slow, seconds=20.0, reserve=10.0, resources=1, concurrency=2)
    (job,) = bench.run(many(20))
    found = tally(job)
    assert found["removed"] == len([call for call in bench.provider.calls if call.at + 3.0 <= 10.0])
    assert 3 <= found["removed"] < 20
    assert found["removed"] + found["deferred:deadline"] == 20


# Many at once.


def test_no_more_calls_are_in_flight_than_allowed_over_all_accounts() -> None:
    flying = Counter[str]()
    most = []

    async def slow(made: Made) -> Answer:
        flying["all"] += 1
        most.append(flying["all"])
        await asyncio.sleep(1.0)
        flying["all"] -= 1
        return done(made)

    bench = Bench(slow, resources=1, concurrency=7)
    jobs = bench.run(*(many(30, account=f"a{n}") for n in range(3)))
    assert [tally(job) for job in jobs] == [{"removed": 30}] * 3
    assert max(most) == 7


def test_a_slow_account_does_not_hold_up_another() -> None:
    bench = Bench(resources=1, rate=Rate(1000.0))

    async def answer(made: Made) -> Answer:
        await asyncio.sleep(4.0 if made.scope.account == "slow" else 0.1)
        return done(made)

    bench.provider.script = answer
    bench.run(many(40, account="slow"), many(40, account="quick"))
    ended = {job.request.account: at for job, at in bench.finished}
    assert ended["quick"] < 8.0 < ended["slow"]


def test_each_job_is_told_of_once_and_as_soon_as_its_last_pair_is_settled() -> None:
    async def answer(made: Made) -> Answer:
        await asyncio.sleep(1.0 if made.scope.type == "vm" else 20.0)
        return done(made)

    bench = Bench(answer)
    quick, slow = bench.run(request(), request(resources=[{"type": "disk", "ids": ["d-1"]}]))
    nothing = bench.run(request(dry_run=True))
    assert [job for job, _ in bench.finished] == [quick, slow, *nothing]
    assert bench.finished[0][1] < 5.0 <= bench.finished[1][1]


def test_no_jobs_are_no_work() -> None:
    bench = Bench()
    assert bench.run() == []
    assert bench.provider.calls == []


# Bugs.


def broken(where: str) -> Script:
    def script(made: Made) -> Answer:
        if made.kind == where and "i-3" in made.ids:
            raise ZeroDivisionError("secret text")
        return (
            done(made)
            if made.kind == "write"
            else Answer(Verdict.DONE, tags={id_: {"env": "prod"} for id_ in made.ids})
        )

    return script


@pytest.mark.parametrize("where", ["write", "read"])
def test_a_bug_in_a_provider_module_defers_only_its_own_pairs(where: str) -> None:
    bench = Bench(broken(where), resources=1, reads_first=True)
    (job,) = bench.run(many(6))
    assert told(job) == {(f"i-{n}", "env"): "deferred:internal_error" if n == 3 else "removed" for n in range(6)}
    assert [type(error) for error in bench.seen.errors] == [ZeroDivisionError]
    assert [(d.counted, d.message) for d in deferrals(job)] == [(True, "ZeroDivisionError")]


def test_a_bug_does_not_leave_the_account_locked() -> None:
    bench = Bench(broken("write"), resources=1)
    bench.run(request(resources=[{"type": "vm", "ids": ["i-3"]}]))
    (job,) = bench.run(many(3))
    assert tally(job) == {"removed": 3}


def test_an_answer_that_cannot_be_judged_defers_its_pairs() -> None:
    bench = Bench(lambda _: Answer(Verdict.DONE, failures={"i-1": None}, confirmed=0))  # type: ignore[dict-item]
    (job,) = bench.run(request())
    assert tally(job) == {"deferred:internal_error": 1}


def test_the_engine_serves_one_run_after_the_other() -> None:
    bench = Bench()
    for _ in range(3):
        (job,) = bench.run(request())
        assert tally(job) == {"removed": 1}
    assert len(bench.finished) == 3


def test_a_deadline_leaves_delivery_its_time() -> None:
    assert Deadline(lambda: 30.0, reserve=12.0).for_calls() == 18.0


def test_what_is_given_up_is_read_back_in_calls_no_larger_than_a_read_takes() -> None:
    cloud = Cloud({f"i-{n}": {"env": "prod"} for n in range(7)})
    bench = Bench(lambda m: cloud.answer(m) if m.kind == "read" else Answer(Verdict.UNAVAILABLE), resources=3)
    (job,) = bench.run(many(7, attempt=10, first_attempt_at="2020-01-01T00:00:00Z"))
    assert tally(job) == {"failed": 7}
    assert [len(call.ids) for call in bench.provider.made("read")] == [3, 3, 1]
    assert len(bench.provider.made("write")) == 3 * (1 + RETRIES)


def test_what_is_given_up_with_no_time_left_for_its_last_read_is_deferred() -> None:
    async def answer(made: Made) -> Answer:
        await asyncio.sleep(0.9)
        return Answer(Verdict.UNAVAILABLE, retry_after=60.0)

    bench = Bench(answer, seconds=11.2, reserve=10.0)
    (job,) = bench.run(request(attempt=10, first_attempt_at="2020-01-01T00:00:00Z"))
    assert [(deferral.code, deferral.counted) for deferral in deferrals(job)] == [("deadline", False)]


def test_a_stalled_run_in_virtual_time_would_be_noticed() -> None:
    """The harness itself: a wait for nothing is an error, not a test that never ends."""
    bench = Bench()
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run(bench.clock, asyncio.Event().wait())
