"""Sweeps on the template as it stands: the schedule, the function in its own process, removals beside it."""

import json
import time
from datetime import UTC, datetime

import pytest

from local.stack import ROOT, Stack
from tools import sweep_run

JD = {"provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"]}


def test_a_sweep_over_thousands_of_resources_ends_over_several_invocations_and_touches_no_other_tag():
    found = sweep_run.run(2000, 3.0, wait=30.0, latency=0.15)  # more listings than 3 s have room for
    assert found.wrong == []
    assert found.failed_invocations == []
    assert [notice["status"] for notice in found.sweeps] == ["succeeded"]
    assert found.invocations["SweepFunctionSweepQueue"] > 1


def summary(stack: Stack, id_: str) -> dict:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for report in stack.reports():
            if report.get("kind") == "sweep" and report["id"] == id_:
                return report
        time.sleep(0.05)
    raise AssertionError("no summary")


def test_a_sweep_sent_to_its_queue_is_carried_out_and_summed_up(stack: Stack):
    cloud = stack.providers["jdcloud"]
    for number in range(3):
        cloud.tags.put("cn-north-1", "vm", f"i-swept{number}", "swept", f"v{number}")
    rule = {"name": "swept", **JD, "match": {"key": "swept"}}
    stack.send(json.dumps({"id": "by-hand", "rules": [rule]}), queue="SweepQueue")
    assert summary(stack, "by-hand")["counts"]["pairs"] == 3
    stack.drain()
    assert all(cloud.tags.get("default", "cn-north-1", "vm", f"i-swept{number}") == {} for number in range(3))


def test_the_schedule_fires_by_name_with_a_fresh_execution_id_each_time(stack: Stack):
    letters, reports = stack.dead_letters(), len(stack.reports())
    for _ in range(2):
        assert stack.fire("SweepSchedule").name == "untag-sweep"
        assert stack.fire("untag-sweep", datetime(2026, 12, 1, tzinfo=UTC)).to == "queue"
    stack.drain()
    # The template's own rules are none: there is nothing to do, and that is told.
    assert stack.dead_letters() == letters
    new = stack.reports()[reports:]
    assert len({notice["id"] for notice in new}) == 4
    assert {(notice["kind"], notice["status"], notice["code"]) for notice in new} == {("sweep", "skipped", "no_rules")}


def test_a_payload_by_hand_is_answered_with_the_summary_and_a_wrong_one_with_why(stack: Stack):
    rule = {"name": "nothing", **JD, "match": {"key": "nobody-has-this"}}
    answer = stack.invoke("SweepFunction", {"rules": [rule]}).value
    assert answer["summary"]["status"] == "succeeded"
    wrong = stack.invoke("SweepFunction", {"rules": [{**rule, "match": {"key": {"regex": "(a+"}}}]})
    errors = json.loads(wrong.value["errorMessage"])["errors"]
    assert [error["path"] for error in errors] == ["rules.0.match.key"]


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("sweep_*.json")), ids=lambda path: path.stem)
def test_every_sweep_that_lies_beside_the_code_runs_as_it_is(stack: Stack, path):
    for server in stack.providers.values():
        server.seed()
        server.calls.clear()
    event = json.loads(path.read_text())
    stack.send(path)
    if path.stem.endswith("_invalid"):
        stack.drain()
        assert [letter.body for letter in stack.dead_letters()].count(path.read_text()) == 1
        return
    found = summary(stack, event["id"])
    stack.drain()
    assert found["status"] == "succeeded"
    assert found["counts"]["pairs"] > 0
    written = [call for server in stack.providers.values() for call in server.calls if call.writing]
    assert bool(written) is not event.get("dry_run", False)
