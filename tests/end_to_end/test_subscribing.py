"""The filter policies of docs/subscribing.md give a subscriber what the page says, of reports by the real code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from local.stack import ROOT, Overrides, Stack
from tests.end_to_end.documented import DOCS, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

POLICIES = blocks("subscribing.md", "policy")
CHAT = DOCS / "examples" / "chat-webhook.yaml"


def failed(report: Json) -> int:
    return report.get("counts", {}).get("failed", 0)


def changed(report: Json) -> bool:
    return bool(report["request_counts"].keys() & {"removed", "restored"})


# What the page says in words of each policy.
WANTED: dict[str, Callable[[Json], bool]] = {
    "not-well": lambda report: report["kind"] == "removal" and report["status"] in {"failed", "partial"},
    "unchanged": lambda report: (report["kind"], report["status"]) == ("removal", "unchanged"),
    "rejected": lambda report: report["kind"] == "rejected",
    "one-cloud": lambda report: report.get("provider") == "jdcloud",
    "one-account": lambda report: (
        [report.get(name) for name in ("kind", "provider", "account", "status")]
        == ["removal", "huaweicloud", "default", "failed"]
    ),
    "not-removals": lambda report: report["kind"] in {"sweep", "decommission"},
    "one-change": lambda report: report["id"].startswith("chg-20418"),
    "one-batch": lambda report: report.get("batch") == "cleanup-2026-11",
    "restores": lambda report: report.get("action") == "restore",
    "failures body": lambda report: failed(report) > 0,
    "done body": lambda report: (
        report["kind"] == "removal" and not report["dry_run"] and report["complete"] and changed(report)
    ),
    "held-back body": lambda report: "held_back" in report,
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, visibility_timeout=4, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        yield running


@pytest.fixture(scope="module")
def delivered(stack: Stack) -> dict[str, list[Json]]:
    """The reports that each policy's subscriber got, and under "" all of them."""
    options = {"endpoint_url": stack.aws.url, "region_name": stack.region}
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    sns, sqs = (boto3.client(name, **options, **keys) for name in ("sns", "sqs"))
    for name, policy in {**POLICIES, "": ""}.items():
        queue = f"subscriber-{name.replace(' ', '-') or 'all'}"
        url = sqs.create_queue(QueueName=queue)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {"RawMessageDelivery": "true"}
        if policy:
            scope = "MessageBody" if name.endswith(" body") else "MessageAttributes"
            attributes |= {"FilterPolicyScope": scope, "FilterPolicy": policy}
        topic = stack.outputs["NotificationTopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    work(stack)
    return {
        name: [json.loads(message.body) for message in stack.aws.queues.messages(queue)]
        for name in [*POLICIES, ""]
        for queue in [f"subscriber-{name.replace(' ', '-') or 'all'}"]
    }


def work(stack: Stack) -> None:
    """Every event that there is. Beside them one change in two requests, a batch, a request over the cap, a resource
    without tags, and one that waits for ever.
    """
    stack.seed()
    for path in sorted((ROOT / "events").glob("*.json")):
        stack.send(path)
    stack.drain()
    cloud = stack.providers["jdcloud"]
    for name in ("1", "2"):
        cloud.tags.put("cn-north-1", "vm", f"i-change{name}", "env", "staging")
    change = [request(f"chg-20418-{name}", "jdcloud", "vm", f"i-change{name}", region="cn-north-1") for name in "12"]
    stack.send(json.dumps(change), queue="WorkQueue")
    for id_ in ("bat-1", "bat-2"):
        batch = {**request(id_, "jdcloud", "vm", f"i-{id_}", region="cn-nroth-1"), "batch": "cleanup-2026-11"}
        stack.send(json.dumps(batch if id_ == "bat-1" else {**batch, "tags": []}), queue="WorkQueue")
    large = request("too-many", "jdcloud", "vm", "i-1", region="cn-north-1")
    large["resources"][0]["ids"] = [f"i-{number}" for number in range(1001)]
    stack.send(json.dumps(large), queue="WorkQueue")
    config = stack.providers["huaweicloud-config"]
    for id_ in ("pa-refused", "pa-down"):
        config.tags.put("", "config:policyAssignments", id_, "env", "staging")
    config.faults.add("forbidden", ids=("pa-refused",), operation="writing")
    config.faults.add("unavailable", ids=("pa-down",))
    for id_ in ("pa-refused", "pa-down"):
        stack.send(json.dumps(request(id_, "huaweicloud", "config:policyAssignments", id_)), queue="WorkQueue")
    detail = {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-bare"]}]}
    (sent,) = stack.send({"source": "cmdb", "detail-type": "Resource Decommissioned", "detail": detail})
    deadline = time.monotonic() + 30
    awaited = {"pa-refused", "pa-down", "chg-20418-2", "bat-1", "bat-2", "too-many", *sent.ids}
    while missing := awaited - {report["id"] for report in stack.reports()}:
        assert time.monotonic() < deadline, missing
        time.sleep(0.05)
    # What waits comes back for ever: it ends with the mapping.
    with stack.paused():
        time.sleep(0.5)
        stack.purge("WorkQueue")


def request(id_: str, provider: str, type_: str, resource: str, **where: str) -> Json:
    tags = [{"key": "env", "value": "staging"}]
    return {"id": id_, "provider": provider, **where, "resources": [{"type": type_, "ids": [resource]}], "tags": tags}


def test_the_page_has_a_policy_for_each_of_these_and_no_other() -> None:
    assert set(POLICIES) == set(WANTED)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_policy_lets_through_what_the_page_says_and_nothing_else(delivered: dict[str, list[Json]], name: str) -> None:
    everything = {report["report_id"]: report for report in delivered[""]}
    got = {report["report_id"] for report in delivered[name]}
    wanted = {id_ for id_, report in everything.items() if WANTED[name](report)}
    assert wanted
    assert got == wanted
    assert set(everything) - wanted


def test_who_has_no_policy_gets_everything_of_every_kind_and_status(
    stack: Stack, delivered: dict[str, list[Json]]
) -> None:
    assert {report["report_id"] for report in stack.reports()} == {report["report_id"] for report in delivered[""]}
    seen = {(report["kind"], report["status"]) for report in delivered[""]}
    statuses = {"succeeded", "unchanged", "partial", "failed", "deferred"}
    assert {status for kind, status in seen if kind == "removal"} == statuses
    assert {kind for kind, _ in seen} == {"removal", "rejected", "decommission", "sweep"}


def test_the_pages_table_names_the_attributes_that_are_there(stack: Stack, delivered: dict[str, list[Json]]) -> None:
    assert delivered
    table = (DOCS / "subscribing.md").read_text().partition("## Filter policies")[0]
    named = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", table, flags=re.MULTILINE))
    everywhere = {name for name, which in named.items() if which == "all"}
    seen: set[str] = set()
    for notification in stack.notifications():
        attributes = set(notification.attributes)
        assert everywhere <= attributes
        if notification.body["kind"] == "removal":
            assert attributes == set(named) - ({"batch"} - notification.body.keys())
        seen |= attributes
    assert seen == set(named)


# Chat


def test_cfn_lint_finds_nothing_to_say_of_the_chat_template() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "--", str(CHAT)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_what_the_pipe_posts_is_json_with_the_reports_own_words(delivered: dict[str, list[Json]]) -> None:
    template = yaml_parse(CHAT.read_text())
    posted = template["Resources"]["Pipe"]["Properties"]["TargetParameters"]["InputTemplate"]
    assert template["Resources"]["Subscription"]["Properties"]["RawMessageDelivery"] is True
    assert set(re.findall(r"<\$\.body\.(\w+)>", posted)) == {"id", "summary"}
    for report in delivered["failures body"]:
        # A pipe reads the body as JSON, and puts values into quotes that stand there.
        filled = posted
        for name in ("id", "summary"):
            filled = filled.replace(f"<$.body.{name}>", json.dumps(report[name])[1:-1])
        assert json.loads(filled) == {"text": f"{report['id']}: {report['summary']}"}


def test_the_chat_template_filters_as_the_page_says() -> None:
    template = yaml_parse(CHAT.read_text())
    assert json.loads(template["Parameters"]["FilterPolicy"]["Default"]) == json.loads(POLICIES["failures body"])
    assert template["Resources"]["Subscription"]["Properties"]["FilterPolicyScope"] == "MessageBody"


def test_the_commands_of_the_page_carry_policies_that_stand_on_it() -> None:
    text = (DOCS / "subscribing.md").read_text()
    commands = re.findall(r"--attributes '(\{.*\})'", text)
    assert len(commands) == 2
    for command in commands:
        policy = json.loads(json.loads(command)["FilterPolicy"])
        assert policy in [json.loads(one) for one in POLICIES.values()]
