"""What a sweep's event may say, and what is refused."""

import json

import pytest
from support import problems_of

from untag.contracts import InvalidInputError
from untag.sweep.state import Progress, continuation, read_sweep

RULE = {
    "name": "expired",
    "provider": "jdcloud",
    "account": "default",
    "regions": ["cn-north-1"],
    "types": ["vm", "disk"],
    "match": {"key": "expires-on", "value": {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}},
    "remove": ["expires-on", {"glob": "owner-*"}],
    "limit": 10000,
}


def sweep(*rules, **fields):
    return read_sweep({"rules": list(rules) or [RULE], **fields}, "own-id")[0]


def problems(body):
    with pytest.raises(InvalidInputError) as caught:
        read_sweep(body, "own-id")
    return problems_of(caught)


def test_a_sweep_is_named_by_its_own_id_or_by_what_carried_it():
    assert sweep(id="execution-1").id == "execution-1"
    assert sweep().id == "own-id"


def test_a_sweep_is_read_as_text_or_as_a_value():
    assert read_sweep(json.dumps({"rules": [RULE]}), "own-id") == read_sweep({"rules": [RULE]}, "own-id")


def test_a_rules_places_are_its_regions_times_its_types_each_once():
    (rule,) = sweep({**RULE, "regions": ["cn-north-1", "cn-east-2", "cn-north-1"]}).rules
    assert list(rule.places()) == [
        ("default", "cn-north-1", "vm"),
        ("default", "cn-north-1", "disk"),
        ("default", "cn-east-2", "vm"),
        ("default", "cn-east-2", "disk"),
    ]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"match": {}}, "match.key"),
        ({"match": {"value": "x"}}, "match.key"),
        ({"match": {"key": {"glob": "*"}}}, "match"),
        ({"match": {"key": {"regex": ".*"}}}, "match"),
        ({"match": {"key": {"glob": "*"}, "value": {"glob": "*"}}}, "match"),
        ({"match": {"key": {"regex": "("}}}, "match.key"),
        ({"match": {"key": "env", "value": {"expired": "soon"}}}, "match.value"),
        ({"match": {"key": "env", "value": 7}}, "match.value"),
        ({"remove": []}, "remove"),
        ({"remove": [{"regex": "("}]}, "remove.0"),
        ({"limit": 0}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"types": []}, "types"),
        ({"types": ["../vm"]}, "types.0"),
        ({"regions": ["cn-north-1/../x"]}, "regions.0"),
        ({"account": "a/b"}, "account"),
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"more": 1}, "more"),
        ({"project_id": "p1", "regions": ["cn-north-4", "cn-east-3"]}, ""),
    ],
)
def test_a_rule_that_is_not_as_it_should_be_is_refused_by_path(changes, path):
    (found,) = problems({"rules": [{**RULE, **changes}]})
    assert found == ".".join(filter(None, ("rules.0", path)))


def test_a_key_that_may_be_any_is_taken_with_a_value():
    match = {"key": {"glob": "*"}, "value": {"expired": "%Y-%m-%d"}}
    assert sweep({**RULE, "match": match}).rules[0].match.hit("any", "2020-01-01", 1.8e9).value == "yes"


@pytest.mark.parametrize(
    "body", [{}, [], None, 7, "{", {"rules": [RULE] * 2}, {"rules": [RULE], "more": 1}, {"rules": {}}]
)
def test_what_is_no_sweep_is_refused(body):
    assert problems(body)


def test_more_rules_than_a_sweep_may_have_are_refused():
    assert problems({"rules": [{**RULE, "name": f"r{number}"} for number in range(21)]}) == {
        "rules": "List should have at most 20 items after validation, not 21"
    }


def test_a_continuation_says_what_the_sweep_was_told_and_how_far_it_is():
    first, rules = read_sweep({"id": "s-1", "dry_run": True, "rules": [RULE]}, "own-id")
    progress = Progress(place=1, key="expires-on", after="i-7", counts={"matched": 3})
    progress.remember({1, 2**64 - 1})
    again, rules_again = read_sweep(continuation(first, rules, [progress], 1.8e9), "another")
    assert (again.id, again.dry_run, again.rules, again.started_at) == ("s-1", True, first.rules, 1.8e9)
    assert again.progress == [progress]
    assert again.progress[0].remembered() == {1, 2**64 - 1}
    assert rules_again == rules
    assert again.invocation == 2


def test_more_marks_than_a_message_has_room_for_are_forgotten_and_not_cut():
    progress = Progress()
    progress.remember(range(60_001))
    assert progress.remembered() == set()
    progress.remember(range(60_000))
    assert progress.remembered() == set(range(60_000))
    assert len(progress.seen) < 700_000


def test_a_continuation_that_does_not_fit_its_rules_is_refused():
    assert problems({"rules": [RULE], "progress": []}) == {"progress": "says nothing of some rule, or too much"}
