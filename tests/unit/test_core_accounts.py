"""An account's key: proved by one call, used once when it is refused, and read afresh."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from engine_bench import NEW, OLD, Bench, KeyRing, deferrals, many, tally
from scripted_provider import Made, Script, done, refusing

from untag.contracts import Result
from untag.core import CredentialsMissingError, CredentialsUnavailableError, Rate
from untag.core.limits import CLOSED_SECONDS, FRESH_SECONDS, UNREAD_SECONDS
from untag.providers import Answer, Verdict
from untag.providers.credentials import AccessKey


def accepting(*keys: str, seconds: float = 0.1) -> Script:
    """Takes only these keys, and takes its time."""

    async def answer(made: Made) -> Answer:
        await asyncio.sleep(seconds)
        return done(made) if made.key in keys else Answer(Verdict.UNAUTHORIZED, code="401")

    return answer


def test_until_a_key_has_been_accepted_one_call_of_the_account_is_in_flight() -> None:
    seen: list[int] = []

    async def answer(made: Made) -> Answer:
        seen.append(bench.provider.flying[made.key])
        await asyncio.sleep(0.1)
        return Answer(Verdict.UNAVAILABLE) if len(seen) < 4 else done(made)

    bench = Bench(answer, resources=1)
    bench.run(many(30))
    assert seen[:4] == [1, 1, 1, 1]
    assert max(seen[4:]) > 10


@pytest.mark.parametrize("verdict", [Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.FAILED])
def test_an_answer_that_anybody_gets_does_not_prove_a_key(verdict: Verdict) -> None:
    bench = Bench(refusing(verdict), resources=1)
    bench.run(many(10))
    assert bench.provider.most_flying == {"AK-1": 1}


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.NOT_FOUND, Verdict.FORBIDDEN])
def test_an_answer_that_only_a_known_caller_gets_proves_a_key(verdict: Verdict) -> None:
    async def answer(_: Made) -> Answer:
        await asyncio.sleep(0.1)
        return Answer(verdict)

    bench = Bench(answer, resources=1)
    bench.run(many(20))
    assert bench.provider.most_flying["AK-1"] > 5


def test_two_accounts_are_proved_apart() -> None:
    bench = Bench(accepting("AK-1"), resources=1)
    bench.run(many(5, account="one"), many(5, account="two"))
    first = [(call.scope.account, call.at) for call in bench.provider.calls if call.at == 0.0]
    assert sorted(first) == [("one", 0.0), ("two", 0.0)]


@pytest.mark.parametrize("number", [1, 200])
def test_a_refused_key_is_used_once_however_much_there_is_to_do(number: int) -> None:
    bench = Bench(accepting(), resources=1)
    (job,) = bench.run(many(number))
    assert len(bench.provider.calls) == 1
    assert tally(job) == {"deferred:account_closed": number}
    assert bench.seen.closings == [("scripted", "default")]
    assert bench.keys.reads == 2, "read once more"


def test_pairs_of_a_closed_account_wait_at_least_as_long_as_it_is_closed() -> None:
    bench = Bench(accepting(), resources=1)
    (job,) = bench.run(many(50))
    assert {deferral.counted for deferral in deferrals(job)} == {True}
    assert min(deferral.delay for deferral in deferrals(job)) == CLOSED_SECONDS
    bench.clock.seconds += 100
    (again,) = bench.run(many(3))
    assert len(bench.provider.calls) == 1
    assert {round(deferral.delay) for deferral in deferrals(again)} == {200}


def test_after_five_minutes_a_closed_account_is_tried_again_with_a_key_read_afresh() -> None:
    bench = Bench(accepting("AK-new"), resources=1, keys=KeyRing(OLD))
    bench.run(many(3))
    bench.keys.keys = [OLD, NEW]
    bench.clock.seconds += CLOSED_SECONDS
    (job,) = bench.run(many(3))
    assert tally(job) == {"removed": 3}
    assert Counter(call.key for call in bench.provider.calls) == {"AK-old": 1, "AK-new": 3}
    assert bench.keys.reads == 3


def test_a_key_that_has_changed_goes_on_in_the_same_invocation() -> None:
    bench = Bench(accepting("AK-new"), resources=1, keys=KeyRing(OLD, NEW))
    (job,) = bench.run(many(40))
    assert tally(job) == {"removed": 40}
    assert Counter(call.key for call in bench.provider.calls) == {"AK-old": 1, "AK-new": 40}
    assert bench.seen.closings == []


def test_a_second_key_that_is_refused_too_closes_the_account() -> None:
    bench = Bench(accepting(), resources=1, keys=KeyRing(OLD, NEW))
    (job,) = bench.run(many(40))
    assert Counter(call.key for call in bench.provider.calls) == {"AK-old": 1, "AK-new": 1}
    assert tally(job) == {"deferred:account_closed": 40}


@pytest.mark.parametrize("reading", [0.0, 0.5])
@pytest.mark.parametrize("good", [True, False])
def test_a_key_that_changes_while_many_calls_wait_is_proved_by_one_call_before_the_others_use_it(
    good: bool, reading: float
) -> None:
    """The old key is refused from one moment on, with calls in flight and others waiting for their pace."""

    async def answer(made: Made) -> Answer:
        await asyncio.sleep(1.0)
        if made.key == "AK-old":
            return done(made) if made.at < 3.0 else Answer(Verdict.UNAUTHORIZED)
        assert made.key == "AK-new"
        proved.append(bench.provider.flying["AK-new"])
        return done(made) if good else Answer(Verdict.UNAUTHORIZED)

    proved: list[int] = []
    bench = Bench(answer, resources=1, keys=KeyRing(OLD, NEW, seconds=reading), rate=Rate(5.0))
    (job,) = bench.run(many(60))
    refused_at = min(call.at for call in bench.provider.calls if call.key == "AK-old" and call.at >= 3.0) + 1.0
    assert all(call.at <= refused_at for call in bench.provider.calls if call.key == "AK-old"), "never again"
    if good:
        assert tally(job) == {"removed": 60}
        assert proved[0] == 1
        assert max(proved) > 1
    else:
        assert len(proved) == 1
        assert set(tally(job)) == {"removed", "deferred:account_closed"}


def test_calls_in_flight_with_a_key_that_is_refused_meanwhile_do_not_close_the_account_twice() -> None:
    async def answer(made: Made) -> Answer:
        await asyncio.sleep(1.0)
        return done(made) if made.at < 1.0 else Answer(Verdict.UNAUTHORIZED)

    bench = Bench(answer, resources=1)
    (job,) = bench.run(many(20))
    assert bench.seen.closings == [("scripted", "default")]
    assert tally(job) == {"removed": 1, "deferred:account_closed": 19}
    assert bench.keys.reads == 2


@pytest.mark.parametrize("error", [CredentialsMissingError("gone"), CredentialsUnavailableError("later")])
def test_a_key_that_is_refused_and_cannot_be_read_afresh_closes_the_account(error: Exception) -> None:
    bench = Bench(accepting(), resources=1, keys=KeyRing(OLD, error))
    (job,) = bench.run(many(5))
    assert tally(job) == {"deferred:account_closed": 5}
    assert len(bench.provider.calls) == 1


def test_without_a_key_the_requests_of_an_account_fail_by_name_and_nothing_is_called() -> None:
    bench = Bench(keys=KeyRing(CredentialsMissingError("secret untag/x/default: not there")))
    (job,) = bench.run(many(5))
    results = {result for *_, result in job.rows()}
    assert {(result.code, result.message) for result in results} == {
        ("no_credentials", "secret untag/x/default: not there")
    }
    assert bench.provider.calls == []


def test_a_key_that_cannot_be_read_now_defers_its_requests_and_counts() -> None:
    bench = Bench(keys=KeyRing(CredentialsUnavailableError("secret: throttled")))
    (job,) = bench.run(many(5))
    assert {(deferral.code, deferral.counted) for deferral in deferrals(job)} == {("credentials_unavailable", True)}
    assert bench.provider.calls == []


@pytest.mark.parametrize("error", [CredentialsMissingError("gone"), CredentialsUnavailableError("later")])
def test_a_key_that_cannot_be_had_is_looked_up_once_for_all_calls_and_again_a_little_later(error: Exception) -> None:
    bench = Bench(keys=KeyRing(error), resources=1)
    bench.run(many(300))
    assert bench.keys.reads == 1
    bench.keys.keys = [NEW]
    bench.clock.seconds += UNREAD_SECONDS
    (job,) = bench.run(many(3))
    assert tally(job) == {"removed": 3}


def test_a_key_that_takes_longer_to_read_than_there_is_time_leaves_delivery_its_time() -> None:
    bench = Bench(keys=KeyRing(OLD, seconds=1e6), seconds=30.0, reserve=10.0)
    (job,) = bench.run(many(5))
    assert {(deferral.code, deferral.counted) for deferral in deferrals(job)} == {("deadline", False)}
    assert bench.clock.seconds <= 20.0 + 0.1


def test_a_key_that_is_refused_and_takes_too_long_to_read_afresh_is_not_used_again() -> None:
    class SlowLater(KeyRing):
        async def get(self, provider: Any, account: str) -> AccessKey:
            self.seconds = 1e6 if self.reads else 0.0
            return await super().get(provider, account)

    bench = Bench(accepting(), keys=SlowLater(OLD), resources=1, seconds=30.0, reserve=10.0)
    (job,) = bench.run(many(5))
    assert bench.clock.seconds <= 20.0 + 0.1
    assert tally(job) == {"deferred:account_closed": 5}
    assert len(bench.provider.calls) == 1


def test_a_signer_is_made_once_for_each_scope_and_anew_for_each_key() -> None:
    bench = Bench(accepting("AK-new"), resources=1, keys=KeyRing(OLD, NEW))
    bench.run(many(10))
    bench.run(many(10), many(2, region="cn-south-1"))
    assert bench.provider.auths == 3


def test_the_accounts_key_is_read_once_for_all_invocations() -> None:
    bench = Bench(resources=1)
    for _ in range(3):
        bench.run(many(10))
    assert bench.keys.reads == 1


def test_a_source_of_keys_that_breaks_defers_and_is_told() -> None:
    bench = Bench(keys=KeyRing(ZeroDivisionError()))
    (job,) = bench.run(many(3))
    assert tally(job) == {"deferred:internal_error": 3}
    assert [type(error) for error in bench.seen.errors] == [ZeroDivisionError]


def test_results_without_a_key_are_results_and_not_deferrals() -> None:
    bench = Bench(keys=KeyRing(CredentialsMissingError("x")))
    (job,) = bench.run(many(1))
    assert all(isinstance(result, Result) for *_, result in job.rows())


def test_a_refresh_that_changes_only_the_rate_makes_nobody_ask_again_with_the_refused_key() -> None:
    slow, fast = (OLD.model_copy(update={"rate": rate}) for rate in (1000.0, 2000.0))

    async def answer(made: Made) -> Answer:
        if bench.clock.seconds < FRESH_SECONDS - 1.0:
            return done(made)
        await asyncio.sleep(3.0)
        return Answer(Verdict.UNAUTHORIZED)

    bench = Bench(answer, resources=1, keys=KeyRing(slow, fast), concurrency=5)
    bench.run(many(1))
    bench.clock.seconds = FRESH_SECONDS - 0.5
    before = len(bench.provider.calls)
    (job,) = bench.run(many(5))
    bench.run(many(1, account="default"))
    assert len(bench.provider.calls) - before == 5
    assert tally(job) == {"deferred:account_closed": 5}
