"""Where nothing is deleted unread: what stands there decides, and a dry run makes the same reads."""

from typing import Any

import pytest
from engine_bench import Bench, request, tally, told
from scripted_provider import Cloud, Made
from steps_support import having, ids, tags

from untag.contracts import Outcome, Result, Tag
from untag.providers import Answer, Verdict

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


@pytest.mark.parametrize("reads_first", [True, False])
def test_a_dry_run_always_reads_and_never_writes(reads_first: bool) -> None:
    bench = Bench(Cloud({"i-1": {"env": "prod"}}).answer, reads_first=reads_first)
    there, other, restoration = bench.run(
        request(dry_run=True),
        request(dry_run=True, tags=[{"key": "env", "value": "prodd"}]),
        request(dry_run=True, action="restore", tags=[{"key": "team", "value": "a"}]),
    )
    assert (tally(there), tally(other)) == ({"would_remove": 1}, {"absent": 1})
    assert tally(restoration) == {"would_restore": 1}
    assert {call.kind for call in bench.provider.calls} == {"read"}
