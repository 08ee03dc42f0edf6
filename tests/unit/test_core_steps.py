"""What follows from an answer: nothing is lost, and no neighbour is taken down."""

from collections import Counter
from typing import Any

import pytest
from engine_bench import Bench, request, tally, told
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_provider import Cloud, Made, Script, done, refusing

from untag.contracts import Outcome, Result, Tag
from untag.core import Policy
from untag.core.plan import group
from untag.core.steps import CALLS_PER_STEP, Budget, Doubt, Kind, Settled, Step, judge, released
from untag.providers import Answer, Failure, Verdict


def ids(number: int) -> dict[str, Any]:
    return {"resources": [{"type": "vm", "ids": [f"i-{n}" for n in range(number)]}]}


def tags(*keys: str) -> dict[str, Any]:
    return {"tags": [{"key": key, "value": "v"} for key in keys]}


def having(number: int, *keys: str) -> Cloud:
    return Cloud({f"i-{n}": dict.fromkeys(keys, "v") for n in range(number)})


# Nothing is lost.

ANSWERS = st.builds(
    Answer,
    st.sampled_from(Verdict),
    code=st.none() | st.just("c"),
    message=st.none() | st.just("m"),
    request_id=st.none() | st.just("r"),
    retry_after=st.sampled_from([0.0, 7.0]),
    failures=st.dictionaries(
        st.sampled_from(["i-0", "i-1", "i-2", "stranger"]),
        st.builds(Failure, st.just("f"), st.just("m"), st.booleans()),
    ),
    confirmed=st.none() | st.integers(-1, 12),
    tags=st.none()
    | st.dictionaries(
        st.sampled_from(["i-0", "i-1", "stranger"]),
        st.dictionaries(st.sampled_from("abz"), st.sampled_from(["v", "w"])),
    ),
)


@settings(max_examples=400)
@given(
    ANSWERS,
    st.sampled_from(Kind),
    st.integers(1, 3),
    st.integers(1, 2),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
)
def test_every_pair_of_a_call_is_in_exactly_one_thing_that_follows_from_its_answer(
    answer: Answer, kind: Kind, resources: int, keys: int, alone: bool, budget: int, dry_run: bool
) -> None:
    (made,) = group(
        Bench(reads_first=True, tags=1).open(request(**ids(resources), **tags(*"ab"[:keys]), dry_run=dry_run))
    )
    names = tuple(f"i-{n}" for n in range(resources))
    wanted = tuple(Tag(key, "v") for key in "ab"[:keys])
    unsure = dict.fromkeys(names, Result(Outcome.FAILED))
    doubt = Doubt(Result(Outcome.ABSENT), None if alone else unsure, unsure) if kind is Kind.CHECK else None
    step = Step(made, kind, names, wanted, Budget(budget), alone=alone, doubt=doubt)
    followed = list(judge(step, answer))
    pairs = Counter((id_, tag) for one in followed for id_ in one.ids for tag in one.tags)
    assert pairs == Counter((id_, tag) for id_ in names for tag in wanted)
    for one in followed:
        if isinstance(one, Settled) and isinstance(one.result, Result):
            confirmed = answer.verdict is Verdict.DONE and kind is Kind.WRITE
            assert confirmed or one.result.outcome not in {Outcome.REMOVED, Outcome.RESTORED}, "nobody confirmed it"


def test_a_check_that_nobody_doubted_is_a_bug() -> None:
    (made,) = group(Bench().open(request()))
    step = Step(made, Kind.CHECK, ("i-1",), (Tag("env", "prod"),), Budget())
    with pytest.raises(AssertionError, match="without a doubt"):
        list(judge(step, Answer(Verdict.DONE, tags={})))


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
    assert tally(job) == {"removed": 7, "unconfirmed": 1}
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


# Failures inside an answer of success.


def test_a_resource_that_failed_in_a_call_with_several_tags_is_asked_tag_by_tag() -> None:
    cloud = having(3, "a", "b", "c")

    def script(made: Made) -> Answer:
        if made.kind == "write" and Tag("b", "v") in made.tags:
            return cloud.apply(made, failing=["i-1"])
        return cloud.answer(made)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(3), **tags("a", "b", "c")))
    assert tally(job) == {"removed": 8, "failed": 1}
    assert told(job)["i-1", "b"] == "failed"
    writes = [(call.ids, "".join(tag.key for tag in call.tags)) for call in bench.provider.made("write")]
    assert writes[0] == (("i-0", "i-1", "i-2"), "abc")
    assert sorted(writes[1:]) == [(("i-1",), "a"), (("i-1",), "b"), (("i-1",), "c")]
    assert cloud.tags["i-1"] == {"b": "v"}


def test_what_failed_but_is_gone_when_it_is_read_back_is_absent() -> None:
    cloud = having(2, "a")
    del cloud.tags["i-1"]["a"]
    bench = Bench(cloud.answer)
    (job,) = bench.run(request(**ids(2), **tags("a")))
    assert told(job) == {("i-0", "a"): "removed", ("i-1", "a"): "absent"}
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]
    (row,) = [result for _, id_, _, result in job.rows() if id_ == "i-1"]
    assert isinstance(row, Result)
    assert (row.looked, row.was) == (True, None)


def test_what_failed_and_has_another_value_when_it_is_read_back_is_absent_and_tells_the_value() -> None:
    cloud = Cloud({"i-0": {"a": "other"}})
    (job,) = Bench(cloud.answer).run(request(**ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.was) == (Outcome.ABSENT, "other")


def test_what_failed_and_still_stands_when_it_is_read_back_once_has_failed() -> None:
    cloud = having(1, "a")
    bench = Bench(lambda made: cloud.apply(made, ["i-0"]) if made.kind == "write" else cloud.answer(made))
    (job,) = bench.run(request(**ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.code, result.message, result.was) == (
        Outcome.FAILED,
        "resource_failed",
        "told to",
        "v",
    )
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]


def test_a_failure_that_the_provider_module_knows_as_retryable_is_deferred_and_its_neighbours_are_not() -> None:
    def script(made: Made) -> Answer:
        failures = {"i-1": Failure("busy", "later", retryable=True)}
        return Answer(Verdict.DONE, failures=failures, confirmed=2)

    (job,) = Bench(script).run(request(**ids(3), **tags("a")))
    assert told(job) == {("i-0", "a"): "removed", ("i-1", "a"): "deferred:busy", ("i-2", "a"): "removed"}


def test_a_failure_of_a_resource_that_nobody_asked_for_makes_the_count_wrong_and_nothing_else() -> None:
    cloud = having(2, "a")

    def script(made: Made) -> Answer:
        if made.kind == "read":
            return cloud.answer(made)
        cloud.apply(made)
        return Answer(Verdict.DONE, failures={"stranger": Failure("f", "m")}, confirmed=1)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(2), **tags("a")))
    assert tally(job) == {"removed": 2}
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]


# Counts that do not add up.


def lying(cloud: Cloud, lies: int, *, reads: Verdict = Verdict.DONE, confirmed: int = 0) -> Script:
    """Says success `lies` times without doing anything."""
    left = [lies]

    def script(made: Made) -> Answer:
        if made.kind == "read":
            return cloud.answer(made) if reads is Verdict.DONE else Answer(reads, code="unread")
        if left[0]:
            left[0] -= 1
            return Answer(Verdict.DONE, request_id="w", confirmed=confirmed)
        return cloud.answer(made)

    return script


@pytest.mark.parametrize(
    "confirmed", [0, 1, 3, 99, -1], ids=["none", "too small", "off by one", "too large", "missing"]
)
def test_a_wrong_count_is_read_back_and_what_is_gone_was_removed(confirmed: int) -> None:
    cloud = having(2, "a", "b")

    def script(made: Made) -> Answer:
        answer = cloud.answer(made)
        return answer if made.kind == "read" else Answer(Verdict.DONE, request_id="w", confirmed=confirmed)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(2), **tags("a", "b")))
    assert tally(job) == {"removed": 4}
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]


def test_what_still_stands_after_a_count_too_small_is_asked_for_once_more_alone() -> None:
    cloud = having(3, "a")
    bench = Bench(lying(cloud, 1))
    (job,) = bench.run(request(**ids(3), **tags("a")))
    assert tally(job) == {"removed": 3}
    assert [(call.kind, len(call.ids)) for call in bench.provider.calls] == [
        ("write", 3),
        ("read", 3),
        *[("write", 1)] * 3,
    ]
    assert cloud.removed == {("i-0", "a"), ("i-1", "a"), ("i-2", "a")}


def test_what_still_stands_after_two_answers_of_success_has_failed() -> None:
    cloud = having(1, "a")
    bench = Bench(lying(cloud, 99))
    (job,) = bench.run(request(**ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.code, result.was) == (Outcome.FAILED, "not_applied", "v")
    assert [call.kind for call in bench.provider.calls] == ["write", "read", "write", "read"]


@pytest.mark.parametrize("reads", [Verdict.FAILED, Verdict.FORBIDDEN, Verdict.UNAVAILABLE, Verdict.THROTTLED])
def test_a_wrong_count_that_cannot_be_read_back_is_unconfirmed(reads: Verdict) -> None:
    bench = Bench(lying(having(2, "a"), 1, reads=reads))
    (job,) = bench.run(request(**ids(2), **tags("a")))
    assert tally(job) == {"unconfirmed": 2}
    assert len(bench.provider.made("write")) == 1


def test_a_resource_that_is_not_there_when_it_is_read_back_is_not_found() -> None:
    (job,) = Bench(lying(having(1, "a"), 1, reads=Verdict.NOT_FOUND)).run(request(**ids(1), **tags("a")))
    assert tally(job) == {"not_found": 1}


def test_a_count_is_held_against_the_resources_that_did_not_fail() -> None:
    cloud = having(3, "a")
    script: Script = lambda made: (  # noqa: E731 - a script is a function of one expression
        Answer(Verdict.DONE, failures={"i-2": Failure("f", "m")}, confirmed=1)
        if made.kind == "write" and len(made.ids) == 3
        else cloud.answer(made)
    )
    (job,) = Bench(script).run(request(**ids(3), **tags("a")))
    # Two that did not fail, one counted: both are read back, still stand, and are asked for again.
    assert told(job) == {("i-0", "a"): "removed", ("i-1", "a"): "removed", ("i-2", "a"): "failed"}
    assert cloud.removed == {("i-0", "a"), ("i-1", "a")}


# Putting tags back.


def test_a_tag_is_put_back() -> None:
    cloud = Cloud({"i-0": {}})
    (job,) = Bench(cloud.answer, reads_first=True).run(request(action="restore", **ids(1), **tags("a")))
    assert tally(job) == {"restored": 1}
    assert cloud.tags == {"i-0": {"a": "v"}}


def test_a_restoration_that_failed_but_stands_when_it_is_read_back_is_restored() -> None:
    cloud = having(1, "a")
    bench = Bench(lambda made: cloud.answer(made) if made.kind == "read" else Answer(Verdict.REFUSED))
    (job,) = bench.run(request(action="restore", **ids(1), **tags("a")))
    assert tally(job) == {"restored": 1}


def test_a_restoration_that_is_not_there_when_it_is_read_back_has_failed() -> None:
    cloud = Cloud({"i-0": {"a": "another"}})
    bench = Bench(lambda made: cloud.answer(made) if made.kind == "read" else Answer(Verdict.REFUSED, code="no"))
    (job,) = bench.run(request(action="restore", **ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.code, result.was) == (Outcome.FAILED, "no", "another")


# Reading first.


def guarded(cloud: Cloud, **fields: Any) -> Bench:
    cloud.counts = False
    return Bench(fields.pop("script", cloud.answer), reads_first=True, resources=1, **{"tags": 20, **fields})


def test_only_what_stands_there_with_the_value_asked_for_is_deleted_and_each_row_tells_what_stood_there() -> None:
    cloud = Cloud({"i-0": {"same": "v", "other": "w"}})
    bench = guarded(cloud)
    (job,) = bench.run(request(**ids(1), **tags("same", "other", "gone")))
    found = {tag.key: (result.outcome.value, result.was) for *_, tag, result in job.rows()}
    assert found == {"same": ("removed", "v"), "other": ("absent", "w"), "gone": ("absent", None)}
    assert [call.tags for call in bench.provider.made("write")] == [(Tag("same", "v"),)]
    assert cloud.tags == {"i-0": {"other": "w"}}


def test_where_nothing_stands_no_delete_is_made() -> None:
    bench = guarded(Cloud({}))
    (job,) = bench.run(request(**ids(1), **tags("a", "b")))
    assert tally(job) == {"absent": 2}
    assert [call.kind for call in bench.provider.calls] == ["read"]


def test_a_tag_named_by_its_key_alone_is_removed_whatever_its_value_and_sent_with_it() -> None:
    bench = guarded(Cloud({"i-0": {"env": "whatever"}}))
    (job,) = bench.run(request(**ids(1), tags=[{"key": "env"}]))
    assert tally(job) == {"removed": 1}
    assert [call.tags for call in bench.provider.made("write")] == [(Tag("env", "whatever"),)]


def test_a_key_named_three_ways_is_sent_once_and_each_pair_has_its_own_outcome() -> None:
    bench = guarded(Cloud({"i-0": {"env": "v"}}))
    (job,) = bench.run(
        request(**ids(1), tags=[{"key": "env"}, {"key": "env", "value": "v"}, {"key": "env", "value": "w"}])
    )
    assert [(tag.value, result.outcome.value) for *_, tag, result in job.rows()] == [
        (None, "removed"),
        ("v", "removed"),
        ("w", "absent"),
    ]
    assert [call.tags for call in bench.provider.made("write")] == [(Tag("env", "v"),)]


def test_more_tags_than_a_call_takes_are_read_once_and_deleted_in_chunks() -> None:
    keys = [f"k{n}" for n in range(45)]
    bench = guarded(Cloud({"i-0": dict.fromkeys(keys, "v")}))
    (job,) = bench.run(request(**ids(1), **tags(*keys)))
    assert tally(job) == {"removed": 45}
    assert [(call.kind, len(call.tags)) for call in bench.provider.calls].count(("read", 0)) == 1
    assert sorted(len(call.tags) for call in bench.provider.made("write")) == [5, 20, 20]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.NOT_FOUND, "not_found"),
        (Verdict.FAILED, "failed"),
        (Verdict.REFUSED, "failed"),
        (Verdict.FORBIDDEN, "failed"),
        (Verdict.THROTTLED, "deferred:no"),
        (Verdict.UNAVAILABLE, "deferred:no"),
        (Verdict.UNAUTHORIZED, "deferred:account_closed"),
        (Verdict.DONE, "failed"),  # of success, but without the tags
    ],
)
def test_a_read_that_does_not_tell_what_stands_there_is_followed_by_no_delete(verdict: Verdict, expected: str) -> None:
    bench = guarded(Cloud({}), script=lambda _: Answer(verdict, code="no"))
    (job,) = bench.run(request(**ids(1), **tags("a")))
    assert tally(job) == {expected: 1}
    assert bench.provider.made("write") == []


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.NOT_FOUND])
def test_a_read_of_several_resources_that_is_refused_is_bisected(verdict: Verdict) -> None:
    cloud = having(4, "a")

    def script(made: Made) -> Answer:
        bad = made.kind == "read" and "i-2" in made.ids
        return Answer(verdict, code="bad") if bad else cloud.answer(made)

    (job,) = Bench(script, reads_first=True).run(request(**ids(4), **tags("a")))
    assert tally(job) == {"removed": 3, "failed" if verdict is Verdict.REFUSED else "not_found": 1}


def test_a_write_that_failed_after_its_read_is_read_back_and_keeps_what_stood_there() -> None:
    cloud = having(1, "a")
    bench = guarded(cloud, script=lambda m: cloud.answer(m) if m.kind == "read" else Answer(Verdict.REFUSED, code="no"))
    (job,) = bench.run(request(**ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.was) == (Outcome.FAILED, "v")
    assert [call.kind for call in bench.provider.calls] == ["read", "write", "read"]


# Dry runs.


def test_a_dry_run_makes_the_same_reads_as_a_real_run_and_no_writing_call() -> None:
    stood = {"i-0": {"a": "v", "b": "w"}, "i-1": {}}
    dry, wet = (
        guarded(Cloud({k: dict(v) for k, v in stood.items()})),
        guarded(Cloud({k: dict(v) for k, v in stood.items()})),
    )
    (told_dry,) = dry.run(request(**ids(2), **tags("a", "b"), dry_run=True))
    (told_wet,) = wet.run(request(**ids(2), **tags("a", "b")))
    assert dry.provider.made("write") == []
    assert [call.ids for call in dry.provider.made("read")] == [call.ids for call in wet.provider.made("read")]
    assert {pair: outcome.removeprefix("would_").rstrip("d") for pair, outcome in told(told_dry).items()} == {
        pair: outcome.rstrip("d") for pair, outcome in told(told_wet).items()
    }
    assert tally(told_dry) == {"would_remove": 1, "absent": 3}


def test_a_dry_run_of_a_cloud_that_is_not_read_first_makes_no_call() -> None:
    bench = Bench()
    removal, restoration = bench.run(request(dry_run=True), request(dry_run=True, action="restore"))
    assert (tally(removal), tally(restoration)) == ({"would_remove": 1}, {"would_restore": 1})
    assert bench.provider.calls == []


def test_a_dry_restoration_makes_no_call_even_where_removals_are_read_first() -> None:
    bench = guarded(Cloud({}))
    (job,) = bench.run(request(dry_run=True, action="restore"))
    assert tally(job) == {"would_restore": 1}
    assert bench.provider.calls == []


# Giving up.


def giving_up(script: Script, **fields: Any) -> tuple[Bench, Any]:
    bench = Bench(script, policy=Policy(max_attempts=3, max_age=3600.0))
    (job,) = bench.run(request(attempt=3, first_attempt_at="2026-01-01T00:00:00Z", **fields))
    return bench, job


def test_an_exhausted_request_is_read_back_once_before_it_fails() -> None:
    cloud = having(3, "a")
    del cloud.tags["i-1"]["a"]
    bench, job = giving_up(
        lambda made: cloud.answer(made) if made.kind == "read" else Answer(Verdict.UNAVAILABLE, code="HTTP_503"),
        **ids(3),
        **tags("a"),
    )
    assert told(job) == {("i-0", "a"): "failed", ("i-1", "a"): "absent", ("i-2", "a"): "failed"}
    assert len(bench.provider.made("read")) == 1
    codes = {result.code for *_, result in job.rows() if result.outcome is Outcome.FAILED}
    assert codes == {"exhausted"}


def test_an_exhausted_request_that_cannot_be_read_back_fails() -> None:
    _, job = giving_up(refusing(Verdict.UNAVAILABLE), **ids(3), **tags("a"))
    assert tally(job) == {"failed": 3}


@pytest.mark.parametrize("fields", [{"attempt": 2}, {"first_attempt_at": "2026-09-21T14:00:00Z"}])
def test_neither_attempts_nor_age_alone_give_a_request_up(fields: dict[str, Any]) -> None:
    raw = {**request(attempt=3, first_attempt_at="2026-01-01T00:00:00Z", **ids(1), **tags("a")), **fields}
    bench = Bench(refusing(Verdict.UNAVAILABLE), policy=Policy(max_attempts=3, max_age=3600.0))
    (job,) = bench.run(raw)
    assert tally(job) == {"deferred:scripted": 1}


def test_what_one_request_gives_up_another_that_asks_for_the_same_goes_on_with() -> None:
    bench = Bench(refusing(Verdict.UNAVAILABLE), policy=Policy(max_attempts=3, max_age=3600.0))
    old, young = bench.run(request(attempt=3, first_attempt_at="2026-01-01T00:00:00Z"), request())
    assert (tally(old), tally(young)) == ({"failed": 1}, {"deferred:scripted": 1})
