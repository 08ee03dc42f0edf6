"""What is refused or forbidden for one of its resources takes down no neighbour, and costs few calls."""

from collections import Counter

import pytest
from engine_bench import Bench, request, tally, told
from scripted_provider import Made, Script, done, refusing
from steps_support import having, ids, tags

from untag.contracts import Tag
from untag.core import Policy
from untag.core.judging import judge, released
from untag.core.limits import CALLS_PER_STEP
from untag.core.plan import group
from untag.core.steps import Budget, Kind, Step
from untag.providers import Answer, Verdict

# One bad id does not take down its neighbours.


def refusing_ids(verdict: Verdict, *bad: str) -> Script:
    def script(made: Made) -> Answer:
        if made.kind == "write" and set(bad) & set(made.ids):
            return Answer(verdict, code="bad", message="no", request_id="w")
        if made.kind == "read":
            return Answer(Verdict.DONE, request_id="r", tags={id_: {"a": "v", "b": "v"} for id_ in made.ids})
        return done(made)

    return script


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [(Verdict.REFUSED, "failed"), (Verdict.NOT_FOUND, "not_found")],
    ids=str,
)
def test_a_call_refused_for_one_bad_id_is_bisected_until_only_that_one_is_left(verdict: Verdict, outcome: str) -> None:
    bench = Bench(refusing_ids(verdict, "i-17"))
    (job,) = bench.run(request(**ids(50), **tags("a", "b")))
    assert tally(job) == {"removed": 98, outcome: 2}
    assert told(job)["i-17", "a"] == outcome
    assert len(bench.provider.calls) <= 2 * 6 + 2 + 4


def test_a_call_refused_for_one_bad_tag_is_bisected_by_its_tags() -> None:
    def script(made: Made) -> Answer:
        if made.kind == "read":
            return Answer(Verdict.DONE, tags={"i-0": {"k3": "v"}})
        return Answer(Verdict.REFUSED, code="bad") if Tag("k3", "v") in made.tags else done(made)

    (job,) = Bench(script).run(request(**ids(1), **tags(*(f"k{n}" for n in range(8)))))
    assert tally(job) == {"removed": 7, "failed": 1}
    assert told(job)["i-0", "k3"] == "failed"


def test_five_bad_ids_among_fifty_are_all_found() -> None:
    bad = [f"i-{n}" for n in (3, 14, 15, 26, 48)]
    (job,) = Bench(refusing_ids(Verdict.REFUSED, *bad)).run(request(**ids(50), **tags("a")))
    assert {id_ for (id_, _), outcome in told(job).items() if outcome == "failed"} == set(bad)
    assert tally(job) == {"removed": 45, "failed": 5}


def test_what_the_bound_on_further_calls_leaves_is_deferred_and_something_was_settled() -> None:
    bench = Bench(refusing_ids(Verdict.REFUSED, *(f"i-{n}" for n in range(50))))
    (job,) = bench.run(request(**ids(50), **tags("a")))
    assert len(bench.provider.calls) == 1 + CALLS_PER_STEP
    found = tally(job)
    assert set(found) == {"failed", "deferred:call_bound"}
    assert found["failed"] > 10


def test_a_read_back_that_is_refused_for_one_bad_id_leaves_no_neighbour_in_doubt() -> None:
    cloud = having(8, "a")

    def script(made: Made) -> Answer:
        if made.kind == "read" and "i-3" in made.ids:
            return Answer(Verdict.REFUSED, code="bad")
        answer = cloud.answer(made)
        return answer if made.kind == "read" else Answer(Verdict.DONE, request_id="w", confirmed=-1)

    (job,) = Bench(script).run(request(**ids(8), **tags("a")))
    assert tally(job) == {"absent": 7, "unconfirmed": 1}
    assert told(job)["i-3", "a"] == "unconfirmed"


def test_a_404_for_a_single_resource_is_not_halved_by_its_tags() -> None:
    bench = Bench(refusing(Verdict.NOT_FOUND))
    (job,) = bench.run(request(**ids(1), **tags("a", "b")))
    assert tally(job) == {"not_found": 2}
    assert len(bench.provider.calls) == 1


def test_an_answer_that_neither_halves_nor_time_will_mend_fails_after_one_read_back() -> None:
    bench = Bench(refusing(Verdict.FAILED))
    (job,) = bench.run(request(**ids(40), **tags("a")))
    assert tally(job) == {"failed": 40}
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]


# 403.


def forbidding(*bad: str, seconds: float = 0.2) -> Script:
    import asyncio

    async def answer(made: Made) -> Answer:
        await asyncio.sleep(seconds)
        return Answer(Verdict.FORBIDDEN, code="no_permission") if not bad or set(bad) & set(made.ids) else done(made)

    return answer


@pytest.mark.parametrize("seconds", [0.0, 0.2, 5.0])
def test_a_missing_permission_costs_two_calls_more_however_many_are_in_flight(seconds: float) -> None:
    bench = Bench(forbidding(seconds=seconds), policy=Policy(max_pairs=5000))
    (job,) = bench.run(request(**ids(1000), **tags("a", "b")), request(**ids(10), tags=[{"key": "c", "value": "v"}]))[
        :1
    ]
    assert tally(job) == {"failed": 2000}
    assert len(bench.provider.calls) <= 21 + 2 + 2


def test_one_forbidden_resource_takes_down_at_most_its_half_of_one_call() -> None:
    bench = Bench(forbidding("i-77"))
    (job,) = bench.run(request(**ids(200), **tags("a")))
    failed = {id_ for (id_, _), outcome in told(job).items() if outcome == "failed"}
    assert "i-77" in failed
    assert len(failed) == 25
    assert len(bench.provider.calls) == 4 + 2


def test_calls_that_were_forbidden_at_the_same_time_are_each_halved_once() -> None:
    bench = Bench(forbidding("i-10", "i-60", "i-110", "i-160"))
    (job,) = bench.run(request(**ids(200), **tags("a")))
    assert tally(job) == {"failed": 100, "removed": 100}
    assert Counter(len(call.ids) for call in bench.provider.calls) == {50: 4, 25: 8}


def test_calls_that_wait_for_the_halves_of_a_forbidden_one_are_settled_even_if_a_half_is_never_answered() -> None:
    def script(made: Made) -> Answer:
        if len(made.ids) < 50:
            raise ZeroDivisionError
        return Answer(Verdict.FORBIDDEN, code="no_permission")

    (job,) = Bench(forbidding_then(script)).run(request(**ids(150), **tags("a")))
    assert tally(job) == {"deferred:internal_error": 150}


def forbidding_then(script: Script) -> Script:
    import asyncio

    async def answer(made: Made) -> Answer:
        await asyncio.sleep(0.2)
        found = script(made)
        assert isinstance(found, Answer)
        return found

    return answer


def test_a_forbidden_half_of_a_half_that_was_refused_is_not_halved_again() -> None:
    def script(made: Made) -> Answer:
        if len(made.ids) == 8:
            return Answer(Verdict.FORBIDDEN)
        if len(made.ids) == 4 and "i-0" in made.ids:
            return Answer(Verdict.REFUSED)
        return Answer(Verdict.FORBIDDEN) if "i-0" in made.ids else done(made)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(8), **tags("a")))
    assert told(job)["i-0", "a"] == told(job)["i-1", "a"] == "failed"
    assert tally(job) == {"failed": 2, "removed": 6}
    assert len(bench.provider.calls) == 1 + 2 + 2


def test_what_follows_from_a_half_is_no_half_and_sets_nothing_free() -> None:
    (made,) = group(Bench().open(request(**ids(4), **tags("a"))))
    names = tuple(f"i-{n}" for n in range(4))
    whole = Step(made, Kind.WRITE, names, (Tag("a", "v"),), Budget())
    first, second = judge(whole, Answer(Verdict.FORBIDDEN))
    assert isinstance(first, Step)
    assert isinstance(second, Step)
    assert first.halves is second.halves is not None
    quarters = [one for one in judge(first, Answer(Verdict.REFUSED)) if isinstance(one, Step)]
    assert [(one.ids, one.halves, one.halved) for one in quarters] == [(("i-0",), None, True), (("i-1",), None, True)]
    assert list(released(quarters[0], Answer(Verdict.FORBIDDEN))) == []
    assert first.halves.open == 2


def test_a_403_on_a_single_pair_is_not_asked_again_nor_read_back() -> None:
    bench = Bench(forbidding())
    (job,) = bench.run(request(**ids(1), **tags("a")))
    assert tally(job) == {"failed": 1}
    assert len(bench.provider.calls) == 1
