"""An account's pace, and the circuit that opens when nobody answers."""

import asyncio

import pytest
from engine_bench import OLD, Bench, deferrals, many, tally
from scripted_provider import Made, done, refusing

from untag.core import Rate, Timing
from untag.core.accounts import Pace
from untag.core.limits import CIRCUIT_FAILURES, CIRCUIT_SECONDS, PATIENCE_SECONDS
from untag.providers import Answer, Verdict
from untag.providers.credentials import AccessKey

# Pace.


def test_calls_keep_to_the_accounts_rate_after_a_seconds_worth() -> None:
    bench = Bench(resources=1, rate=Rate(4.0))
    (job,) = bench.run(many(40))
    assert tally(job) == {"removed": 40}
    starts = [call.at for call in bench.provider.calls]
    assert bench.clock.seconds == pytest.approx((40 - 4) / 4.0, abs=0.5)
    for second in range(9):
        assert sum(second <= at < second + 1 for at in starts) <= 4 * (2 if second == 0 else 1) + 1


@pytest.mark.parametrize(
    ("rate", "key", "expected"),
    [
        (Rate(), OLD, 20.0),
        (Rate(None, 5), OLD, 4.0),
        (Rate(10.0, 5), OLD, 2.0),
        (Rate(10.0, 5), AccessKey(access_key="a", secret_key="b", rate=40.0), 8.0),
    ],
)
def test_an_environment_takes_its_share_of_the_rate(rate: Rate, key: AccessKey, expected: float) -> None:
    assert rate.of(Bench(rate=Rate()).provider.__class__(Bench().clock, done, rate=20.0), key) == expected


def test_a_share_that_leaves_no_time_for_a_call_defers_it_without_counting() -> None:
    bench = Bench(resources=1, rate=Rate(0.1), seconds=30.0)
    (job,) = bench.run(many(10))
    assert {(deferral.code, deferral.counted) for deferral in deferrals(job)} == {("rate", False)}
    assert min(deferral.delay for deferral in deferrals(job)) > PATIENCE_SECONDS
    assert tally(job)["removed"] >= 1


def test_a_throttle_holds_every_caller_of_the_account() -> None:
    async def answer(made: Made) -> Answer:
        await asyncio.sleep(0.1)
        if made.ids == ("i-6",) and not throttled:
            throttled.append(made.at)
            return Answer(Verdict.THROTTLED, retry_after=3.0)
        return done(made)

    throttled: list[float] = []
    bench = Bench(answer, resources=1, rate=Rate(5.0))
    (job,) = bench.run(many(30))
    assert tally(job) == {"removed": 30}
    told_at = throttled[0] + 0.1
    assert len([call for call in bench.provider.calls if call.at > told_at]) > 10
    assert not [call.at for call in bench.provider.calls if told_at < call.at < told_at + 3.0]


def test_another_account_is_not_held_by_it() -> None:
    def script(made: Made) -> Answer:
        return Answer(Verdict.THROTTLED, retry_after=4.0) if made.scope.account == "slow" else done(made)

    bench = Bench(script, resources=1)
    slow, quick = bench.run(many(5, account="slow"), many(5, account="quick"))
    assert tally(quick) == {"removed": 5}
    assert {call.at for call in bench.provider.calls if call.scope.account == "quick"} == {0.0}
    assert set(tally(slow)) <= {"deferred:throttled", "deferred:rate"}


def test_a_pace_halves_with_each_throttle_down_to_a_floor_and_recovers_slowly() -> None:
    now = [0.0]
    pace = Pace(16.0, Timing(monotonic=lambda: now[0], chance=lambda: 0.5))
    rates = []
    for _ in range(8):
        pace.throttled(0.0)
        rates.append(pace.rate)
        now[0] += 60.0
    assert rates == [8.0, 4.0, 2.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    for _ in range(19):
        pace.answered()
    assert 0.5 < pace.rate < 16.0
    pace.answered()
    pace.answered()
    assert pace.rate == 16.0


def test_calls_that_are_throttled_together_halve_the_pace_once_and_wait_for_the_longest_pause() -> None:
    pace = Pace(16.0, Timing(monotonic=lambda: 0.0, chance=lambda: 1.0))
    for retry_after in (2.0, 0.0, 9.0, 4.0):
        pace.throttled(retry_after)
    assert pace.rate == 8.0
    assert pace.wait() == 9.0


def test_the_pause_after_a_throttle_is_the_clouds_own_or_else_grows() -> None:
    pace = Pace(16.0, Timing(monotonic=lambda: 0.0, chance=lambda: 1.0))
    pace.throttled(7.0)
    assert pace.wait() == 7.0
    now = [0.0]
    fresh = Pace(16.0, Timing(monotonic=lambda: now[0], chance=lambda: 1.0))
    waits = []
    for _ in range(7):
        fresh.throttled(0.0)
        waits.append(fresh.wait())
        now[0] += 60.0
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


def test_a_hold_longer_than_patience_defers_the_others_by_as_long_and_waits_for_nobody() -> None:
    bench = Bench(refusing(Verdict.THROTTLED, retry_after=60.0), resources=1)
    (job,) = bench.run(many(20))
    assert bench.clock.seconds < 1.0
    assert len(bench.provider.calls) == 1
    assert {(d.code, d.counted, d.delay) for d in deferrals(job)} == {("scripted", True, 60.0), ("rate", False, 60.0)}


# The circuit.


def test_in_a_total_outage_an_unproved_account_makes_ten_calls() -> None:
    bench = Bench(refusing(Verdict.UNAVAILABLE), resources=1)
    (job,) = bench.run(many(500))
    assert len(bench.provider.calls) == CIRCUIT_FAILURES
    assert tally(job)["deferred:circuit_open"] > 400
    assert {deferral.counted for deferral in deferrals(job)} == {True}


def test_what_an_open_circuit_turns_back_says_what_the_cloud_answered_last() -> None:
    bench = Bench(lambda _: Answer(Verdict.UNAVAILABLE, code="HTTP_503", message="out of order"), resources=1)
    (job,) = bench.run(many(100))
    messages = {deferral.message for deferral in deferrals(job) if deferral.code == "circuit_open"}
    assert messages == {"the provider is not available: HTTP_503 out of order"}


def test_in_an_outage_after_success_the_calls_are_bounded_by_what_was_in_flight() -> None:
    async def answer(made: Made) -> Answer:
        await asyncio.sleep(0.3)
        return done(made) if made.at < 0.5 else Answer(Verdict.UNAVAILABLE)

    bench = Bench(answer, resources=1, concurrency=16)
    (job,) = bench.run(many(800))
    failed = [call for call in bench.provider.calls if call.at >= 0.5]
    assert CIRCUIT_FAILURES <= len(failed) <= CIRCUIT_FAILURES + 16
    assert tally(job)["deferred:circuit_open"] > 700


def test_after_the_pause_an_open_circuit_lets_calls_through_and_one_more_failure_opens_it_again() -> None:
    bench = Bench(refusing(Verdict.UNAVAILABLE), resources=1)
    (job,) = bench.run(many(100))
    waits = [deferral.delay for deferral in deferrals(job) if deferral.code == "circuit_open"]
    assert max(waits) <= CIRCUIT_SECONDS
    before = len(bench.provider.calls)
    bench.clock.seconds += CIRCUIT_SECONDS + 1
    bench.run(many(100))
    assert len(bench.provider.calls) == before + 1
    bench.provider.script = done
    bench.clock.seconds += CIRCUIT_SECONDS + 1
    (job,) = bench.run(many(100))
    assert tally(job) == {"removed": 100}


@pytest.mark.parametrize("verdict", [Verdict.DONE, Verdict.REFUSED, Verdict.THROTTLED])
def test_any_answer_breaks_the_row_of_unanswered_calls(verdict: Verdict) -> None:
    calls = iter(range(10**6))

    def script(made: Made) -> Answer:
        return Answer(verdict, confirmed=1, tags={}) if next(calls) % 5 == 4 else Answer(Verdict.UNAVAILABLE)

    bench = Bench(script, resources=1, concurrency=1)
    (job,) = bench.run(many(100))
    assert "deferred:circuit_open" not in tally(job)
