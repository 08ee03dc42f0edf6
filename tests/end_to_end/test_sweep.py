"""Sweeps on the template as it stands: the schedule, the function in its own process, removals beside it."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from at_a_stack import put, tags

from local.stack import ROOT, Overrides, Stack
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
    ids = [f"i-swept{number}" for number in range(3)]
    for id_ in ids:
        put(stack, id_, key="swept", value=f"v-of-{id_}")
    rule = {"name": "swept", **JD, "match": {"key": "swept"}}
    stack.send(json.dumps({"id": "by-hand", "rules": [rule]}), queue="SweepQueue")
    assert summary(stack, "by-hand")["counts"]["pairs"] == 3
    stack.drain()
    assert [tags(stack, id_) for id_ in ids] == [{}, {}, {}]


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


def kept(stack: Stack) -> dict:
    return stack.aws.scheduler.schedule_groups["untag-kept"].schedules


def at(stack: Stack, name: str) -> datetime:
    expression = kept(stack)[name].schedule_expression
    return datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)


def age(stack: Stack, days: float) -> None:
    """As if what is kept had been found so long ago."""
    for schedule in kept(stack).values():
        body = json.loads(schedule.target["Input"])
        body["due"]["since"] -= days * 86400
        schedule.target["Input"] = json.dumps(body)


def given(rules: str) -> Overrides:
    return Overrides(parameters={"SweepRules": rules, "SweepState": "ENABLED"}, batching_window=0.1)


GRACE = {"name": "leaving", **JD, "match": {"key": "leaving"}, "grace": "7d"}


def test_what_a_rule_with_a_grace_finds_goes_when_the_clock_of_the_stack_says_so():
    with Stack(region="eu-north-1", overrides=given(json.dumps([GRACE]))) as stack:
        put(stack, "i-stays", "i-goes", key="leaving", value="v")
        for _ in range(2):  # two nights: the second keeps nothing anew
            stack.fire("SweepSchedule")
            stack.drain()
        assert tags(stack, "i-goes") == {"leaving": "v"}
        (name,) = kept(stack)
        notices = [report for report in stack.reports() if report["kind"] == "sweep"]
        assert [notice["counts"].get("announced") for notice in notices] == [2, None]
        assert [sum(notice["details"][0]["going"].values()) for notice in notices] == [2, 2]
        rows = [row["outcome"] for one in stack.reports() if one["kind"] == "removal" for row in one["outcomes"]]
        assert rows == ["would_remove", "would_remove"]
        due = at(stack, name)
        assert due - datetime.now(UTC) > timedelta(days=7)
        stack.fire_kept(due - timedelta(seconds=1))
        assert list(kept(stack)) == [name]
        age(stack, 8)
        put(stack, "i-stays", key="leaving", value="changed")
        stack.fire_kept(due)
        stack.drain()
        assert kept(stack) == {}
        assert (tags(stack, "i-goes"), tags(stack, "i-stays")) == ({}, {"leaving": "changed"})
        assert stack.dead_letters() == []


def put_object(stack: Stack, bucket: str, key: str, text: str, *, versions: bool = True) -> None:
    at_s3 = f"{stack.aws.url}/{bucket}"
    signed = {"authorization": f"AWS4-HMAC-SHA256 Credential=K/20260101/{stack.region}/s3/aws4_request, Signature=x"}
    with httpx.Client(headers=signed) as client:
        where = f"<LocationConstraint>{stack.region}</LocationConstraint>"
        where = f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>"
        assert client.put(at_s3, content=where).status_code in {200, 409}
        if versions:
            on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            assert client.put(f"{at_s3}?versioning", content=on).status_code == 200
        assert client.put(f"{at_s3}/{key}", content=text.encode()).status_code == 200


def test_rules_stand_in_an_object_of_s3_whose_version_the_summary_names():
    many = [f"legacy-{number:03d}-{'x' * 60}" for number in range(90)]
    rules = [{**GRACE, "name": "legacy", "match": {"key": many}}]
    text = json.dumps(rules, indent=2)
    assert len(text) > 4096
    with Stack(region="eu-central-1", overrides=given("s3://sweep-rules/team/rules.json")) as stack:
        put(stack, "i-1", key=many[7], value="v")
        put_object(stack, "sweep-rules", "team/rules.json", text)
        stack.fire("SweepSchedule")
        stack.drain()
        (notice,) = [report for report in stack.reports() if report["kind"] == "sweep"]
        source = notice["details"][0]["source"]
        assert source.startswith("s3://sweep-rules/team/rules.json?versionId=")
        assert len(source) > len("s3://sweep-rules/team/rules.json?versionId=")
        # Before the grace is over the rule leaves the object: what it has kept stays.
        put_object(stack, "sweep-rules", "team/rules.json", "[]")
        (name,) = kept(stack)
        age(stack, 8)
        stack.fire_kept(at(stack, name))
        stack.drain()
        assert tags(stack, "i-1") == {many[7]: "v"}
        notice = [report for report in stack.reports() if report["kind"] == "sweep"][-1]
        assert (notice["status"], notice["counts"]) == ("skipped", {"dropped": 1})


def test_an_object_that_is_not_there_or_holds_no_rules_is_told_as_a_mistake_in_the_rules(stack: Stack):
    put_object(stack, "broken-rules", "rules.json", json.dumps([{**GRACE, "grace": "7 days"}]), versions=False)
    for name, path, message in (
        ("s3://no-such-bucket/rules.json", "rules", "there is none, or the function may not read it (NoSuchBucket)"),
        ("s3://broken-rules/other.json", "rules", "there is none, or the function may not read it (NoSuchKey)"),
        ("s3://broken-rules/rules.json", "rules.0.grace", "should match pattern"),
        ("https://example.com/rules.json", "rules", "should be a list, or s3://BUCKET/KEY"),
    ):
        answer = stack.invoke("SweepFunction", {"rules": name}).value
        (error,) = json.loads(answer["errorMessage"])["errors"]
        assert error["path"] == path
        assert message in error["message"]
