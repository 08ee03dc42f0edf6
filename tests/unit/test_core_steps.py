"""What follows from an answer: nothing is lost, and what is in doubt is read back."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from engine_bench import Bench, request, tally, told
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_provider import Cloud, Made, Script, refusing
from steps_support import having, ids, tags
from virtual_time import NOW

from untag.contracts import Outcome, Result, Tag
from untag.core import Policy
from untag.core.judging import judge
from untag.core.plan import group
from untag.core.steps import Budget, Doubt, Kind, Settled, Step
from untag.providers import Answer, Failure, Verdict

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
        failures = {"i-1": Failure("busy", "later", Verdict.UNAVAILABLE)}
        return Answer(Verdict.DONE, failures=failures, confirmed=2)

    (job,) = Bench(script).run(request(**ids(3), **tags("a")))
    assert told(job) == {("i-0", "a"): "removed", ("i-1", "a"): "deferred:busy", ("i-2", "a"): "removed"}


def test_a_failure_of_another_resource_makes_the_count_wrong_and_nothing_is_believed_removed() -> None:
    cloud = having(2, "a")

    def script(made: Made) -> Answer:
        if made.kind == "read":
            return cloud.answer(made)
        cloud.apply(made)
        return Answer(Verdict.DONE, failures={"stranger": Failure("f", "m")}, confirmed=1)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(2), **tags("a")))
    assert tally(job) == {"absent": 2}
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
def test_a_wrong_count_is_read_back_and_what_is_gone_without_a_count_for_it_is_absent(confirmed: int) -> None:
    cloud = having(2, "a", "b")

    def script(made: Made) -> Answer:
        answer = cloud.answer(made)
        return answer if made.kind == "read" else Answer(Verdict.DONE, request_id="w", confirmed=confirmed)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(2), **tags("a", "b")))
    assert tally(job) == {"absent": 4}
    counted = "no count" if confirmed < 0 else f"a count of {confirmed}"
    for *_, result in job.rows():
        assert isinstance(result, Result)
        assert result.message == f"already in the wanted state: the provider answered with {counted} for 4 pairs"
    assert [call.kind for call in bench.provider.calls] == ["write", "read"]


def test_a_count_that_is_the_number_of_those_that_are_gone_is_believed() -> None:
    cloud = having(3, "a")

    def script(made: Made) -> Answer:
        if made.kind == "read" or len(made.ids) == 1:
            return cloud.answer(made)
        del cloud.tags["i-0"]["a"]
        return Answer(Verdict.DONE, request_id="w", confirmed=1)

    bench = Bench(script)
    (job,) = bench.run(request(**ids(3), **tags("a")))
    assert tally(job) == {"removed": 3}
    calls = [(call.kind, call.ids) for call in bench.provider.calls]
    assert calls[:2] == [("write", ("i-0", "i-1", "i-2")), ("read", ("i-0", "i-1", "i-2"))]
    assert sorted(calls[2:]) == [("write", ("i-1",)), ("write", ("i-2",))]


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
    (job,) = bench.run(request(action="restore", overwrite=True, **ids(1), **tags("a")))
    ((*_, result),) = job.rows()
    assert isinstance(result, Result)
    assert (result.outcome, result.code, result.was) == (Outcome.FAILED, "no", "another")


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


@pytest.mark.parametrize(
    ("seconds", "said"),
    # This attempt, with its calls, takes another second.
    [(0, "1 s"), (100, "101 s"), (120, "2 min"), (7000, "117 min"), (7200, "2 h"), (100_000, "28 h")],
)
def test_what_is_given_up_says_how_often_and_how_long_it_was_tried_and_what_the_cloud_said_last(
    seconds: int, said: str
) -> None:
    bench = Bench(
        lambda _: Answer(Verdict.UNAVAILABLE, code="HTTP_503", message="out of order"),
        policy=Policy(max_attempts=3, max_age=0.0),
    )
    first = datetime.fromtimestamp(NOW - seconds, UTC).isoformat()
    (job,) = bench.run(request(attempt=3, first_attempt_at=first, **ids(1), **tags("a")))
    (message,) = {result.message for *_, result in job.rows()}
    assert message == f"given up after 3 attempts in {said}; the last: HTTP_503 out of order"


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
