"""What may travel together does, and nothing else."""

from collections import Counter
from typing import Any

import pytest
from bookkeeping import Json
from engine_bench import Bench, request, tally, told
from hypothesis import given
from hypothesis import strategies as st
from scripted_provider import ScriptedProvider

from untag.contracts import Tag
from untag.core import conflicting
from untag.core.chunks import chunks
from untag.core.plan import cut_tags, group, rectangles

TAGS = st.lists(
    st.builds(
        lambda key, value: {"key": key, "value": value} if value else {"key": key},
        st.sampled_from("abc"),
        st.sampled_from(["1", "2", ""]),
    ),
    min_size=1,
    max_size=4,
)
REQUESTS = st.lists(
    st.builds(
        lambda type_, ids, tags, account, region, dry_run: request(
            resources=[{"type": type_, "ids": ids}], tags=tags, account=account, region=region, dry_run=dry_run
        ),
        st.sampled_from(["vm", "disk"]),
        st.lists(st.sampled_from(["i-1", "i-2", "i-3", "i-4"]), min_size=1, max_size=5),
        TAGS,
        st.sampled_from(["default", "other"]),
        st.sampled_from(["cn-north-1", "cn-south-1"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def wanted(raw: Json) -> set[tuple[Any, ...]]:
    """Every pair of a raw request with all that it must share with whatever travels along."""
    return {
        (raw["account"], raw["region"], raw["dry_run"], group["type"], id_, tag["key"], tag.get("value"))
        for group in raw["resources"]
        for id_ in group["ids"]
        for tag in raw["tags"]
    }


@given(REQUESTS, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_the_planned_calls_name_every_pair_of_the_batch_once_and_stay_within_the_limits(
    raws: list[Json], resources: int, keys: int, reads_first: bool
) -> None:
    bench = Bench(resources=resources, tags=keys, reads_first=reads_first)
    planned: Counter[tuple[Any, ...]] = Counter()
    for made in group(bench.open(*raws)):
        for ids, tags, _ in rectangles(made):
            assert 0 < len(ids) <= resources
            if not made.guarded:  # what is read first is cut into calls after the read
                assert len(tags) <= keys
                assert len({tag.key for tag in tags}) == len(tags)
            scope = made.scope
            planned.update(
                (scope.account, scope.region, made.dry_run, scope.type, id_, *tag) for id_ in ids for tag in tags
            )
    asked = set().union(*(wanted(raw) for raw in raws))
    assert planned == Counter(asked)


@given(
    st.lists(st.builds(Tag, st.sampled_from("abcd"), st.sampled_from(["1", "2", None])), unique=True), st.integers(1, 4)
)
def test_tags_are_cut_into_parts_that_name_no_key_twice(tags: list[Tag], keys: int) -> None:
    parts = list(cut_tags(tags, keys))
    assert sorted(tag for part in parts for tag in map(repr, part)) == sorted(map(repr, tags))
    assert all(0 < len(part) <= keys for part in parts)
    assert all(len({tag.key for tag in part}) == len(part) for part in parts)


@given(st.lists(st.text(min_size=1)), st.integers(1, 5))
def test_ids_are_cut_into_full_parts_in_their_order(ids: list[str], size: int) -> None:
    parts = list(chunks(ids, size))
    assert [id_ for part in parts for id_ in part] == ids
    assert all(len(part) == size for part in parts[:-1])


def test_a_hundred_requests_for_one_resource_each_with_the_same_tags_make_two_calls() -> None:
    bench = Bench()
    tags = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    jobs = bench.run(
        *(
            request(resources=[{"type": "vm", "ids": [f"i-{number}"]}], tags=tags if number % 2 else tags[::-1])
            for number in range(100)
        )
    )
    assert [len(call.ids) for call in bench.provider.calls] == [50, 50]
    assert [told(job) for job in jobs] == [
        {(f"i-{number}", "a"): "removed", (f"i-{number}", "b"): "removed"} for number in range(100)
    ]


def test_a_pair_that_several_requests_ask_for_is_called_once_and_settled_in_each() -> None:
    bench = Bench()
    more = request(tags=[{"key": "env", "value": "prod"}, {"key": "team", "value": "x"}])
    jobs = bench.run(request(), more, request())
    assert [(call.ids, [tag.key for tag in call.tags]) for call in bench.provider.calls] == [
        (("i-1",), ["env", "team"])
    ]
    assert [tally(job) for job in jobs] == [{"removed": 1}, {"removed": 2}, {"removed": 1}]


@pytest.mark.parametrize(
    "other",
    [
        {"account": "other"},
        {"region": "cn-south-1"},
        {"project_id": "p-1"},
        {"action": "restore", "resources": [{"type": "vm", "ids": ["i-2"]}]},
        {"resources": [{"type": "disk", "ids": ["i-1"]}]},
    ],
)
def test_requests_that_differ_in_what_a_call_is_made_within_share_none(other: Json) -> None:
    bench = Bench()
    bench.run(request(), request(**other))
    writes = bench.provider.made("write")
    assert len(writes) == 2
    assert len({(call.scope, call.action) for call in writes}) == 2


def test_a_dry_request_is_never_grouped_with_a_wet_one() -> None:
    bench = Bench(reads_first=True)
    jobs = bench.open(request(), request(dry_run=True))
    assert [made.dry_run for made in group(jobs)] == [False, True]


def test_a_settled_job_is_in_no_group() -> None:
    bench = Bench()
    assert group(bench.open(request(tags=[{"key": "sys:x"}]), request(not_after="2020-01-01T00:00:00Z"))) == []


# Contradictions.

REMOVE, RESTORE = request(), request(action="restore")
OTHER_VALUE = request(action="restore", tags=[{"key": "env", "value": "test"}])
KEY_ONLY = request(tags=[{"key": "env"}])


@pytest.mark.parametrize(
    ("raws", "found"),
    [
        ((REMOVE, RESTORE), [1]),
        ((RESTORE, REMOVE), [1]),
        ((RESTORE, OTHER_VALUE), [1]),
        ((KEY_ONLY, OTHER_VALUE), [1]),
        ((REMOVE, OTHER_VALUE, REMOVE, OTHER_VALUE), [1, 3]),
        ((RESTORE, RESTORE), []),
        ((REMOVE, KEY_ONLY, REMOVE), []),
        ((REMOVE, {**RESTORE, "dry_run": True}), []),
        ((REMOVE, {**RESTORE, "account": "other"}), []),
        ((REMOVE, {**RESTORE, "region": "cn-south-1"}), []),
        ((REMOVE, {**RESTORE, "resources": [{"type": "vm", "ids": ["i-2"]}]}), []),
        ((REMOVE, {**RESTORE, "tags": [{"key": "team", "value": "prod"}]}), []),
        ((REMOVE, {**RESTORE, "not_after": "2020-01-01T00:00:00Z"}), []),
    ],
)
def test_the_later_of_two_intents_that_contradict_each_other_is_found(raws: tuple[Json, ...], found: list[int]) -> None:
    jobs = Bench().open(*raws)
    assert [jobs.index(job) for job in conflicting(jobs)] == found


def test_a_provider_that_reads_first_is_guarded_when_it_removes_and_when_it_restores() -> None:
    bench = Bench(reads_first=True)
    removal, restoration = group(bench.open(request(), request(action="restore", account="other")))
    assert (removal.guarded, restoration.guarded) == (True, True)
    assert isinstance(removal.provider, ScriptedProvider)


def test_where_pairs_are_removed_only_a_tag_without_a_value_is_read_first() -> None:
    bench = Bench(removes_pairs=True)
    raw = request() | {"tags": [{"key": "env", "value": "prod"}, {"key": "owner"}]}
    groups = group(bench.open(raw))
    assert {made.guarded: [tags for _, tags, _ in rectangles(made)] for made in groups} == {
        False: [(Tag("env", "prod"),)],
        True: [(Tag("owner", None),)],
    }


def test_a_dry_removal_that_is_read_first_contradicts_nobody() -> None:
    jobs = Bench(reads_first=True).open(request(dry_run=True), request(action="restore"))
    assert conflicting(jobs) == []
