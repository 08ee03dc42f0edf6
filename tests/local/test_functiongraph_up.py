"""The commands of a local stack whose host is FunctionGraph."""

import json

import pytest
from processes import run, up

from local.stack import ROOT


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functiongraph")
    path = folder / "stack.json"
    with up(path, "--host", "functiongraph") as described:
        assert described["host"] == "functiongraph"
        assert set(described["functions"]) == {"untag-remove", "untag-decommission", "untag-sweep", "untag-due"}
        assert set(described["addresses"]) == {"obs", "smn", "csms", "functiongraph"}
        assert described["schedules"]["untag-due"]["enabled"] is True
        yield path


def answered(session, *arguments):
    done = run(*arguments, "--session", session, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_sent_is_carried_out_and_seen(session):
    sent = answered(session, "send", ROOT / "events" / "jdcloud_sqs_batch.json", "--wait", "30")
    assert {(one["to"], one["name"]) for one in sent} == {("topic", "untag-requests")}
    state = answered(session, "state")
    assert {report["body"]["status"] for report in state["reports"]} == {"succeeded"}
    assert state["providers"]["jdcloud"]["calls"] > 0
    assert (state["down"], state["missing"], state["failed_invocations"], state["dead_letters"]) == ([], [], {}, [])
    look = answered(session, "watch", "--once")
    assert look["functions"]["untag-remove"]["invocations"] > 0
    assert look["waiting"]["count"] == 0


def test_a_function_is_invoked_and_a_timer_fired_by_name(session):
    answered(session, "put", ROOT / "events" / "jdcloud_manual.json")
    answer = answered(session, "invoke", "untag-remove", ROOT / "events" / "jdcloud_manual.json")
    assert [report["status"] for report in answer["payload"]["reports"]] == ["succeeded"]
    (fired,) = answered(session, "fire", "untag-due")
    assert (fired["to"], fired["name"]) == ("function", "untag-due")


def test_the_hosts_services_misbehave_where_they_are_named(session):
    (rule,) = answered(session, "faults", "on", "unavailable", "--cloud", "smn")
    assert (rule["cloud"], rule["do"]) == ("smn", "unavailable")
    assert answered(session, "state")["down"] == ["smn"]
    answered(session, "faults", "off", "--cloud", "smn")
    assert answered(session, "state")["down"] == []


def test_an_outage_that_is_over_is_not_shown_as_one(session):
    # Of the host's services the timer may call any but this one at any time.
    answered(session, "faults", "on", "unavailable", "--cloud", "smn", "--times", "1")
    assert answered(session, "state")["down"] == ["smn"]
    # The first report is refused, and sent again.
    answered(session, "send", ROOT / "events" / "jdcloud_sqs_batch.json", "--wait", "30")
    assert answered(session, "state")["down"] == []
    (rule,) = [rule for rule in answered(session, "faults") if rule["cloud"] == "smn"]
    assert (rule["injected"], rule["over"]) == (1, True)
    assert "over: it has struck as often as it was to" in run("faults", "--session", session).stdout
    answered(session, "faults", "off", "--cloud", "smn")


def test_the_services_that_can_be_down_are_those_of_this_host(session):
    shown = run("faults", "--session", session).stdout
    assert "To take a service of Huawei Cloud down:" in shown
    assert "untag local faults on unavailable --cloud obs" in shown
    assert "no credentials can be read" in shown
    for name in ("AWS", "sqs", "secretsmanager", "scheduler"):
        assert name not in shown
    refused = run("faults", "on", "unavailable", "--cloud", "sqs", "--session", session)
    assert refused.returncode == 2
    assert "there is no local cloud sqs" in refused.stderr
    assert "obs, smn, csms, functiongraph" in refused.stderr


def test_a_shell_that_evaluates_the_environment_has_a_persons_keys(session):
    variables = answered(session, "env")
    assert {"HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_ENDPOINTS", "UNTAG_LEDGER"} <= variables.keys()


def test_an_invalid_request_is_a_dead_letter_and_is_shown(session):
    answered(session, "send", ROOT / "events" / "jdcloud_invalid.json", "--wait", "30")
    (letter,) = answered(session, "state")["dead_letters"]
    assert (letter["queue"], letter["attributes"]["code"]) == ("dead/work", "invalid")


@pytest.mark.parametrize("option", [["--real"], ["--visibility-timeout", "2"], ["--template", "x.yaml"]])
def test_what_is_for_the_template_is_refused_for_this_host(tmp_path, option):
    done = run("up", "--host", "functiongraph", *option, "--session", tmp_path / "stack.json")
    assert done.returncode != 0
    assert f"{option[0]} is for the host aws" in done.stderr


@pytest.mark.parametrize(
    ("parameter", "complaint", "hint"),
    [
        ("SweepRules=[]", "there is no variable SweepRules for this stack", "there is sweep_rules, sweep_schedule"),
        ("sweep_rules=[", "sweep_rules is not JSON", "a list of rules, or a sweep with rules"),
        ('sweep_rules={"id": "x"}', "sweep_rules has no rules", "a list of rules, or a sweep with rules"),
        ("sweep_schedule=nightly", "not a timer's expression: nightly", ""),
    ],
)
def test_a_variable_that_terraform_would_refuse_is_refused(tmp_path, parameter, complaint, hint):
    done = run("up", "--host", "functiongraph", "--parameter", parameter, "--session", tmp_path / "stack.json")
    assert done.returncode != 0
    assert complaint in done.stderr
    assert hint in done.stderr


def test_a_sweep_is_given_to_the_timer_as_a_list_of_rules_or_whole(tmp_path):
    rule = {
        "name": "r",
        "provider": "jdcloud",
        "regions": ["cn-north-1"],
        "types": ["vm"],
        "match": {"key": "retire-on"},
    }
    dry = {"dry_run": True, "rules": [rule]}
    with up(
        tmp_path / "stack.json", "--host", "functiongraph", "--parameter", f"sweep_rules={json.dumps(dry)}"
    ) as described:
        assert described["schedules"]["untag-sweep"]["enabled"] is True
        answered(tmp_path / "stack.json", "fire", "untag-sweep", "--wait", "30")
        reports = [one["body"] for one in answered(tmp_path / "stack.json", "state")["reports"]]
    assert {one["counts"].get("would_remove", 0) > 0 for one in reports if one["kind"] == "removal"} == {True}


def test_a_timer_without_rules_says_how_to_give_it_some(session):
    assert "--parameter sweep_rules='[…]'" in run("fire", "untag-sweep", "--session", session).stdout
