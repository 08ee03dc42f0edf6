"""The guardrails hold before the first call is made."""

from typing import Any

import pytest
from engine_bench import Bench, request, tally, told
from scripted_provider import Cloud
from virtual_time import NOW

from untag.contracts import Outcome
from untag.core import Policy, failed_requests


def settled(policy: Policy, **fields: Any) -> tuple[Bench, dict[tuple[str, str], tuple[str, str | None]]]:
    bench = Bench(policy=policy)
    (job,) = bench.run(request(**fields))
    return bench, {(id_, tag.key): (result.outcome.value, result.code) for _, id_, tag, result in job.rows()}


@pytest.mark.parametrize("key", ["owner", "owner-email", "cost:centre"])
def test_a_protected_key_is_not_touched_and_the_others_are(key: str) -> None:
    policy = Policy(protected_keys=("owner*", "cost:*"))
    bench, found = settled(policy, tags=[{"key": key, "value": "x"}, {"key": "env", "value": "prod"}])
    assert found == {("i-1", key): ("protected", "protected_key"), ("i-1", "env"): ("removed", None)}
    assert [[tag.key for tag in call.tags] for call in bench.provider.calls] == [["env"]]


@pytest.mark.parametrize("key", ["Owner", "my-owner", "own"])
def test_protected_keys_are_globs_matched_as_a_whole_and_in_their_case(key: str) -> None:
    _, found = settled(Policy(protected_keys=("owner*",)), tags=[{"key": key, "value": "x"}])
    assert found == {("i-1", key): ("removed", None)}


def test_the_clouds_own_keys_are_never_touched() -> None:
    bench, found = settled(Policy(), tags=[{"key": "sys:x", "value": "1"}])
    assert found == {("i-1", "sys:x"): ("protected", "reserved_key")}
    assert bench.provider.calls == []


@pytest.mark.parametrize("action", ["remove", "restore"])
def test_a_request_for_too_many_pairs_is_stopped_before_the_first_call(action: str) -> None:
    bench, found = settled(Policy(max_pairs=3), action=action, resources=[{"type": "vm", "ids": list("abcd")}])
    assert set(found.values()) == {("protected", "too_many_pairs")}
    assert len(found) == 4
    assert bench.provider.calls == []


def test_as_many_pairs_as_the_cap_allows_are_worked_at() -> None:
    _, found = settled(Policy(max_pairs=3), resources=[{"type": "vm", "ids": list("abc")}])
    assert set(found.values()) == {("removed", None)}


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(allowed_accounts=frozenset({"other"})), "account_not_allowed"),
        (Policy(allowed_regions=frozenset({"cn-south-1"})), "region_not_allowed"),
        (Policy(allowed_types=frozenset({"disk"})), "type_not_allowed"),
    ],
)
def test_what_no_allow_list_names_is_protected_with_no_call(policy: Policy, code: str) -> None:
    bench, found = settled(policy)
    assert found == {("i-1", "env"): ("protected", code)}
    assert bench.provider.calls == []


def test_an_allow_list_of_regions_does_not_vouch_for_a_request_without_one() -> None:
    _, found = settled(Policy(allowed_regions=frozenset({"cn-north-1"})), region=None)
    assert found == {("i-1", "env"): ("protected", "region_not_allowed")}


def test_what_every_allow_list_names_is_worked_at() -> None:
    policy = Policy(
        allowed_accounts=frozenset({"default"}),
        allowed_regions=frozenset({"cn-north-1"}),
        allowed_types=frozenset({"vm"}),
    )
    _, found = settled(policy)
    assert found == {("i-1", "env"): ("removed", None)}


def test_a_type_that_is_not_allowed_does_not_hold_back_the_others_of_the_request() -> None:
    bench = Bench(policy=Policy(allowed_types=frozenset({"vm"})))
    (job,) = bench.run(request(resources=[{"type": "vm", "ids": ["i-1"]}, {"type": "disk", "ids": ["d-1"]}]))
    assert told(job) == {("i-1", "env"): "removed", ("d-1", "env"): "protected"}
    assert {call.scope.type for call in bench.provider.calls} == {"vm"}


def test_after_its_not_after_a_request_fails_as_expired_and_nothing_is_called() -> None:
    bench, found = settled(Policy(), not_after="2020-01-01T00:00:00Z")
    assert found == {("i-1", "env"): ("failed", "expired")}
    assert bench.provider.calls == []


def test_before_its_not_after_a_request_is_worked_at() -> None:
    _, found = settled(Policy(), not_after="2099-01-01T00:00:00Z")
    assert found == {("i-1", "env"): ("removed", None)}


def test_protected_and_reserved_keys_compare_as_the_provider_compares_keys() -> None:
    cloud = Cloud({"i-1": {"Owner-Team": "a", "SYS:x": "b", "env": "c"}})
    for caseless, protected in ((True, {"Owner-Team", "SYS:x"}), (False, set())):
        bench = Bench(cloud.answer, policy=Policy(protected_keys=("OWNER-*",)), caseless=caseless)
        keys = ("Owner-Team", "SYS:x", "env")
        (whole,) = bench.run(request(tags="all", dry_run=True))
        (named,) = bench.run(request(tags=[{"key": key} for key in keys]))
        assert {key for (_, key), word in told(named).items() if word == "protected"} == protected
        assert {key for _, key in told(whole)} == set(keys) - protected
        cloud.tags["i-1"] = {"Owner-Team": "a", "SYS:x": "b", "env": "c"}


def test_what_a_guardrail_holds_back_is_no_dead_letter() -> None:
    bench = Bench(policy=Policy(max_pairs=1))
    (job,) = bench.run(request(resources=[{"type": "vm", "ids": ["a", "b"]}]))
    assert tally(job) == {"protected": 2}
    assert failed_requests(job) == []


@pytest.mark.parametrize("stacks_own", [True, False])
def test_the_stacks_dry_run_switch_wins_over_the_request(stacks_own: bool) -> None:
    cloud = Cloud({"i-1": {"env": "prod"}})
    bench = Bench(cloud.answer, policy=Policy(dry_run=stacks_own))
    asked, wet = bench.run(request(dry_run=True), request())
    assert tally(asked) == {"would_remove": 1}
    assert tally(wet) == {"would_remove" if stacks_own else "removed": 1}
    assert bool(bench.provider.made("write")) is not stacks_own
    assert cloud.removed == (set() if stacks_own else {("i-1", "env")})


@pytest.mark.parametrize(
    ("attempt", "age", "exhausted"), [(10, 86401, True), (10, 86400, False), (9, 10**9, False), (10**6, 5, False)]
)
def test_a_request_is_exhausted_by_attempts_and_age_together(attempt: int, age: float, exhausted: bool) -> None:
    (job,) = Bench().open(request(attempt=attempt))
    assert Policy().exhausted(job.request, NOW - age, NOW) is exhausted


def test_an_outcome_of_a_guardrail_is_one_of_the_contracts() -> None:
    held = Policy(max_pairs=1)
    (job,) = Bench().open(request(resources=[{"type": "vm", "ids": ["a", "b"]}]))
    result = held.hold_back(job.blocks[0], NOW)
    assert result is not None
    assert result.outcome is Outcome.PROTECTED
    assert "2 pairs" in (result.message or "")
