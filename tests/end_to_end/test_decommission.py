"""Decommission events on the whole stack: each vendor's sample as it stands, and everything an event may meet."""

import json
from typing import Any

import pytest
from at_a_stack import come_again, worked_at

from local.audit import Audit
from local.aws import routing
from local.providers import Fault
from local.stack import ROOT, Overrides, Stack

EVENTS = sorted((ROOT / "events").glob("decommission_*.json"))
SAMPLES = ROOT / "tests" / "vectors" / "events"
WRITING = {"tags/delete", "tags/create", "batch-delete", "batch-create", "unTagResources", "tagResources"}
PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
QUEUE = "DecommissionQueue"
LETTERS = "untag-DecommissionDeadLetterQueue"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


def decommissioned(*ids: str, type_: str = "ecs", **detail: Any) -> dict[str, Any]:
    """Our own event, for resources at Huawei Cloud's TMS."""
    return {
        "source": "test",
        "detail-type": "Resource Decommissioned",
        "id": f"ev-{ids[0]}",
        "detail": {
            "provider": "huaweicloud",
            "project_id": PROJECT,
            "resources": [{"type": type_, "ids": list(ids)}],
            **detail,
        },
    }


def put_at_tms(stack: Stack, id_: str, type_: str = "ecs", project: str = PROJECT, **tags: str) -> None:
    stack.providers["huaweicloud-tms"].tags.load([{"region": project, "type": type_, "id": id_, "tags": tags}])


def tags_at_tms(stack: Stack, id_: str, type_: str = "ecs", project: str = PROJECT) -> dict[str, str] | None:
    return stack.providers["huaweicloud-tms"].tags.get("default", project, type_, id_)


def to_queue(stack: Stack, body: str) -> None:
    """Put a body on the queue as a forwarder does, whatever its shape."""
    stack.aws.queues.send_message(stack.queues()[QUEUE].name, body)


def told(stack: Stack, since: int = 0) -> list[tuple[str, str, str]]:
    """Kind, id and status of what was published since."""
    return [(report["kind"], report["id"], report["status"]) for report in stack.reports()[since:]]


def letters(stack: Stack) -> list[Any]:
    return [letter for letter in stack.dead_letters() if letter.queue == LETTERS]


def test_every_event_file_leads_to_what_the_clouds_saw(stack: Stack):
    audit = Audit()
    for path in EVENTS:
        for item in routing.route(path.read_text(encoding="utf-8")):
            assert routing.decommissions(item)
            audit.decommission(routing.event_of(item), stack.providers.values())
        stack.send(path)
    stack.drain()
    assert audit.findings(stack.reports(), stack.providers.values()) == []
    assert {pair.provider for pair in audit.decommissioned} == {"jdcloud", "huaweicloud"}
    assert len({pair.id for pair in audit.decommissioned}) >= len(EVENTS)
    assert letters(stack) == []


def test_the_clouds_own_tags_are_left_to_the_cloud(stack: Stack):
    assert stack.providers["jdcloud"].tags.get("default", "cn-north-1", "vm", "i-gone01") == {
        "jrn:created-by": "autoscaling"
    }
    config = stack.providers["huaweicloud-config"]
    assert config.tags.get("default", "", "config:policyAssignments", "pa-gone01") == {"_sys_owner": "config"}


# The vendors' samples, as they stand.


def test_the_sample_trace_of_a_deleted_volume_takes_its_tags_away(stack: Stack):
    volume, project = "bc661a99-3088-4e86-899f-fb4f46c2bb71", "07066c6fc90025a02f6dc01e105b286e"
    assert tags_at_tms(stack, volume, "disk", project)
    known = len(stack.reports())
    stack.send(sample("cts_trace_deleteVolume"))
    stack.drain()
    assert tags_at_tms(stack, volume, "disk", project) == {}
    (report,) = stack.reports()[known:]
    assert (report["kind"], report["id"], report["status"], report["project_id"]) == (
        *("removal", "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb", "succeeded", project),
    )
    assert {(row["key"], row["outcome"]) for row in report["outcomes"]} == {("env", "removed"), ("owner", "removed")}


def test_a_sample_that_cannot_be_read_is_a_dead_letter_and_reported_as_rejected(stack: Stack):
    known, buried = len(stack.reports()), len(letters(stack))
    stack.send(sample("functiongraph_smn_trigger"))
    stack.drain()
    (report,) = stack.reports()[known:]
    assert (report["kind"], report["id"], report["status"]) == (
        *("rejected", "a51671f77d4a479cacb09e2cd591a983", "failed"),
    )
    (letter,) = letters(stack)[buried:]
    assert (json.loads(letter.body), letter.attributes["code"]) == (
        json.loads(sample("functiongraph_smn_trigger")),
        "invalid",
    )


@pytest.mark.parametrize(
    ("name", "id_", "code", "said"),
    [
        ("functiongraph_cts_trigger", "69be64a7-0233-11e8-82e4-e5d37911193e", "unmapped_type", "deleteGraph"),
        ("eventgrid_cloudevent_obs", "4b26115b-778e-11ec-833e-cf74******", "no_deletion", "HC.OBS object:put"),
    ],
)
def test_a_sample_that_leads_to_no_request_is_skipped_and_reported_with_its_reason(
    stack: Stack, name: str, id_: str, code: str, said: str
):
    calls = sum(len(server.calls) for server in stack.providers.values())
    known, buried = len(stack.reports()), len(letters(stack))
    stack.send(sample(name))
    stack.drain()
    (notice,) = stack.reports()[known:]
    assert (notice["kind"], notice["id"], notice["status"], notice["code"]) == ("decommission", id_, "skipped", code)
    assert said in notice["reason"]
    assert stack.notifications()[-1].attributes["kind"] == "decommission"
    assert sum(len(server.calls) for server in stack.providers.values()) == calls
    assert len(letters(stack)) == buried


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: json.dumps({"Type": "Notification", "MessageId": "m", "Message": text}),
        lambda text: json.dumps({"detail-type": "CTS", "source": "forwarder", "id": "e", "detail": json.loads(text)}),
        lambda text: json.dumps({"cts": json.loads(text)}),
        lambda text: json.dumps({"record": [{"smn": {"message_id": "s", "message": text}}]}),
        lambda text: json.dumps({"specversion": "1.0", "id": "c", "source": "HC.EVS", "data": json.loads(text)}),
    ],
    ids=["SNS", "EventBridge", "FunctionGraph", "SMN", "EventGrid"],
)
def test_a_trace_says_the_same_whatever_it_is_forwarded_in(stack: Stack, wrap: Any):
    volume, project = "bc661a99-3088-4e86-899f-fb4f46c2bb71", "07066c6fc90025a02f6dc01e105b286e"
    put_at_tms(stack, volume, "disk", project, env="staging")
    known = len(stack.reports())
    to_queue(stack, wrap(sample("cts_trace_deleteVolume")))
    stack.drain()
    assert told(stack, known) == [("removal", "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb", "succeeded")]
    assert tags_at_tms(stack, volume, "disk", project) == {}


# The buses.


@pytest.mark.parametrize("bus", ["untag", "default"])
def test_an_event_on_either_bus_is_worked_at(stack: Stack, bus: str):
    put_at_tms(stack, f"ecs-bus-{bus}", env="staging")
    event = decommissioned(f"ecs-bus-{bus}")
    entry = {"Source": "cmdb", "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    known = len(stack.reports())
    (answer,) = stack.aws.events.put_events([{**entry, "EventBusName": bus}])
    stack.drain()
    assert told(stack, known) == [("removal", answer["EventId"], "succeeded")]
    assert tags_at_tms(stack, f"ecs-bus-{bus}") == {}


def test_a_vendors_event_as_the_detail_of_ours_is_the_vendors(stack: Stack):
    known = len(stack.reports())
    stack.send(
        {
            "detail-type": "Resource Decommissioned",
            "source": "fwd",
            "detail": json.loads(sample("cts_trace_deleteVolume")),
        }
    )
    stack.drain()
    assert [(kind, id_) for kind, id_, _ in told(stack, known)] == [
        ("decommission", "c4ddaa0b-2e05-11ef-bdc6-e1851d8cb7fb")  # its tags are gone by now
    ]


# What an event may meet.


def test_an_event_that_comes_twice_makes_duplicates_and_no_new_work(stack: Stack):
    put_at_tms(stack, "ecs-twice", env="staging", owner="li.wei")
    known = len(stack.reports())
    with stack.paused():
        for _ in range(2):
            to_queue(stack, json.dumps(decommissioned("ecs-twice")))
    stack.drain()
    reports = stack.reports()[known:]
    assert {report["id"] for report in reports} == {"ev-ecs-twice"}
    removed = [
        row for report in reports for row in report.get("outcomes", ()) if row["outcome"] not in {"removed", "absent"}
    ]
    assert removed == []
    history = [change for change in stack.providers["huaweicloud-tms"].tags.history if change.id == "ecs-twice"]
    assert sorted(change.key for change in history) == ["env", "owner"]


def test_a_domain_that_nobody_configured_is_a_dead_letter_and_never_the_default_accounts(stack: Stack):
    volume, project = "bc661a99-3088-4e86-899f-fb4f46c2bb71", "07066c6fc90025a02f6dc01e105b286e"
    put_at_tms(stack, volume, "disk", project, env="staging")
    text = sample("cts_trace_deleteVolume").replace("7e0d78c85***d0b9b7cba", "somebody-elses")
    stack.send(text)
    stack.drain()
    letter = letters(stack)[-1]
    assert (letter.body, letter.attributes["code"]) == (text, "unknown_account")
    assert tags_at_tms(stack, volume, "disk", project) == {"env": "staging"}


def test_a_resource_that_the_cloud_does_not_know_any_more_is_told_and_its_neighbours_are_served(stack: Stack):
    put_at_tms(stack, "ecs-known", env="staging")
    known = len(stack.reports())
    to_queue(stack, json.dumps(decommissioned("ecs-unknown", "ecs-known")))
    stack.drain()
    reports = {report["kind"]: report for report in stack.reports()[known:]}
    assert reports["removal"]["status"] == "succeeded"
    assert reports["decommission"]["status"] == "partial"
    assert reports["decommission"]["details"] == [{"type": "ecs", "resource_id": "ecs-unknown", "code": "not_found"}]


def test_a_read_that_is_forbidden_is_a_dead_letter_that_can_be_sent_again_as_it_lies(stack: Stack):
    put_at_tms(stack, "ecs-forbidden", env="staging")
    cloud = stack.providers["huaweicloud-tms"]
    fault = cloud.faults.add(Fault("forbidden", ids=("ecs-forbidden",), code="TMS.0004"))
    text = json.dumps(decommissioned("ecs-forbidden"))
    to_queue(stack, text)
    stack.drain()
    letter = letters(stack)[-1]
    assert (letter.body, letter.attributes["code"]) == (text, "TMS.0004")
    cloud.faults.remove(fault)
    to_queue(stack, letter.body)
    stack.drain()
    assert tags_at_tms(stack, "ecs-forbidden") == {}


def test_one_resource_that_may_not_be_read_does_not_hold_up_the_others(stack: Stack):
    put_at_tms(stack, "ecs-mixed1", env="staging")
    put_at_tms(stack, "ecs-mixed2", env="staging")
    cloud = stack.providers["huaweicloud-tms"]
    fault = cloud.faults.add(Fault("forbidden", ids=("ecs-mixed2",), code="TMS.0004"))
    to_queue(stack, json.dumps(decommissioned("ecs-mixed1", "ecs-mixed2")))
    stack.drain()
    assert (tags_at_tms(stack, "ecs-mixed1"), tags_at_tms(stack, "ecs-mixed2")) == ({}, {"env": "staging"})
    cloud.faults.remove(fault)
    to_queue(stack, letters(stack)[-1].body)
    stack.drain()
    assert tags_at_tms(stack, "ecs-mixed2") == {}


def test_a_read_that_is_throttled_brings_the_event_again_and_it_is_done_then(stack: Stack):
    put_at_tms(stack, "ecs-throttled", env="staging")
    fault = stack.providers["huaweicloud-tms"].faults.add(Fault("throttle", ids=("ecs-throttled",), times=3))
    known, buried = len(stack.reports()), len(letters(stack))
    with worked_at(stack, QUEUE):
        to_queue(stack, json.dumps(decommissioned("ecs-throttled")))
    assert told(stack, known) == []
    come_again(stack, QUEUE)
    stack.drain()
    assert fault.injected == 3
    assert told(stack, known) == [("removal", "ev-ecs-throttled", "succeeded")]
    assert len(letters(stack)) == buried


@pytest.mark.parametrize("text", ["{", "[]", "null", "NaN", '{"a": 1}', "[" * 5000, json.dumps("x" * 1_000_000)])
def test_garbage_lies_once_on_the_queues_own_dead_letter_queue(stack: Stack, text: str):
    before = len(letters(stack))
    stack.send(text, queue=QUEUE)
    stack.drain()
    assert [(letter.body, letter.attributes["code"]) for letter in letters(stack)[before:]] == [(text, "invalid")]


def test_a_topic_that_is_down_loses_no_notice(stack: Stack):
    known = len(stack.reports())
    with stack.outage("sns"), worked_at(stack, QUEUE):
        stack.send(sample("eventgrid_cloudevent_obs"))
    assert told(stack, known) == []
    come_again(stack, QUEUE)
    stack.drain()
    assert [id_ for _, id_, _ in told(stack, known)] == ["4b26115b-778e-11ec-833e-cf74******"]


def test_no_key_of_an_account_is_in_a_notice_a_letter_or_a_log_line(stack: Stack):
    secrets = {
        text
        for server in stack.providers.values()
        for name, text in server.environment.items()
        if not name.startswith("UNTAG_") and "DOMAIN" not in name
    }
    said = json.dumps(stack.reports()) + "".join(f"{letter.body}{letter.attributes}" for letter in stack.dead_letters())
    assert secrets
    assert not [secret for secret in secrets if secret in said]


def test_on_a_dry_run_of_the_stack_no_event_at_all_changes_anything():
    overrides = Overrides(
        environment={"UNTAG_RATE": "2000"},
        parameters={"DryRun": "on"},
        visibility_timeout=4.0,
        batching_window=0.1,
        max_delay=1,
    )
    with Stack(overrides=overrides) as dry:
        dry.seed()
        for path in [*sorted((ROOT / "events").glob("*.json")), *sorted(SAMPLES.glob("*.json"))]:
            dry.send(path)
        dry.drain()
        calls = [call.operation for server in dry.providers.values() for call in server.calls]
        assert calls
        assert not set(calls) & WRITING
        assert not [change for server in dry.providers.values() for change in server.tags.history]
        outcomes = {row["outcome"] for report in dry.reports() for row in report.get("outcomes", ())}
        assert "would_remove" in outcomes
        assert not outcomes & {"removed", "restored"}
