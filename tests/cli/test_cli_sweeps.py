"""Sweeps given to the command: what cannot be carried out is refused, or shown as not looked at."""

from typing import Any

import pytest

AZURE = {"name": "old", "provider": "azure", "types": ["Microsoft.Compute/virtualMachines"], "match": {"key": "env"}}
GCP = {"name": "old", "provider": "gcp", "types": ["compute.googleapis.com/Instance"], "match": {"key": "env"}}


@pytest.mark.parametrize("command", [("check",), ("run",), ("plan", "-o", "plan.csv"), ("send", "--local")])
@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {**AZURE, "regions": ["westeurope"]},
            "rules.0.regions: should be left out: the ids of azure say where their resources are",
        ),
        (GCP, "rules.0.project_id: should be named: a search on gcp is within a project"),
        (
            {**GCP, "project_id": "p-1", "types": ["compute.googleapis.com/Instances"]},
            "rules.0.types: no tag API of gcp is known for this type\n  did you mean compute.googleapis.com/Instance?",
        ),
        ({**AZURE, "provider": "azzure"}, "rules.0.provider: Input should be one of: "),
    ],
)
def test_a_rule_that_cannot_be_carried_out_is_refused_by_every_command_in_the_same_words(
    untag: Any, command: tuple[str, ...], rule: dict[str, Any], problem: str
) -> None:
    name = untag.write("sweep.json", {"id": "nightly", "rules": [rule]})
    done = untag(*command, name)
    assert done.code == 2
    assert f"sweep.json: {problem}" in done.err
    assert "1 problem in the input: nothing was done" in done.err
    assert done.out == ""
    assert not (untag.folder / "plan.csv").exists()


def test_a_rule_that_cannot_be_listed_makes_a_run_fail_and_is_shown(untag: Any) -> None:
    jd = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("sweep.json", {"batch": "b", "rules": [{**jd, "limit": 2}, {**AZURE, "name": "azure"}]})
    done = untag("run", name, "--dry-run")
    assert done.code == 1
    assert "2 would remove, complete: no" in done.out
    assert "not looked at: rule azure, azure default Microsoft.Compute/virtualMachines: no_credentials " in done.out
    assert "not looked at: rule old, jdcloud default: limit_reached " in done.out
    answer = untag("run", name, "--dry-run", "--json", "--batch", "c").json
    assert (answer["complete"], [one["code"] for one in answer["unlisted"]]) == (
        False,
        ["limit_reached", "no_credentials"],
    )


def test_a_sweep_with_a_grace_is_valid_for_a_stack_and_check_says_that_a_run_here_refuses_it(untag: Any) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("sweep.json", {"rules": [{**rule, "grace": "7d"}]})
    done = untag("check", name)
    assert done.code == 0
    warning = "rule old has a grace: a stack keeps tags until it is over, and untag run without --dry-run refuses it"
    assert f"warning: {warning}" in done.out
    assert untag("run", name).code == 2
    assert untag("run", name, "--dry-run").code == 0


def test_a_region_that_looks_mistaken_is_told_in_a_rule_for_every_type(untag: Any) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": "all", "regions": ["cn-nort-1"], "match": {"key": "env"}}
    done = untag("check", untag.write("rules.json", [rule]))
    assert done.code == 0
    assert "region cn-nort-1 is not among those that JD Cloud documents; did you mean cn-north-1?" in done.out


def test_a_plan_of_a_rule_with_a_grace_says_that_to_apply_it_removes_at_once(untag: Any) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("sweep.json", {"rules": [{**rule, "grace": "7d"}]})
    done = untag("plan", name, "-o", "plan.csv")
    assert done.code == 0
    assert "warning: the rule old has a grace: to apply the plan removes its tags at once" in done.err
    assert untag("apply", "plan.csv", "--yes", "--expect", "300", "--json").json["pairs"] == {"removed": 300}


def test_a_bare_list_of_rules_as_a_stacks_parameter_has_it_is_a_sweep(untag: Any) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("rules.json", [rule])
    assert untag("check", name).code == 0
    assert untag("plan", name, "-o", "plan.csv").code == 0
    assert "jdcloud" in (untag.folder / "plan.csv").read_text()
    mistyped = {name if name != "match" else "macth": value for name, value in rule.items()} | {"name": "c"}
    wrong = untag("check", untag.write("rules.json", [rule, mistyped]))
    assert "rules.1.macth: there is no such field\n  did you mean match?" in wrong.err
    wrong = untag("check", untag.write("rules.json", [rule, {**rule, "name": "b", "typos": ["vm"]}]))
    assert (wrong.code, "rules.json: rules.1.typos: there is no such field" in wrong.err) == (2, True)
