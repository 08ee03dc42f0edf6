"""Volcengine through the whole function: the local tag service, its moods, and what each leaves in the report."""

import json
from pathlib import Path

import pytest
from sweep_support import swept_to_its_end
from volcengine_support import NUMBER, REGION, SWEEPS, Stack, row, trn

from local.providers import Account, VolcengineOptions
from untag.sweep.service import Sweeper


@pytest.fixture(autouse=True)
def _closed():
    yield
    while Stack.open:
        Stack.open[-1].close()


@pytest.fixture
def stack():
    return Stack()


def test_tags_are_removed_by_bare_id_and_by_trn_and_what_is_not_there_is_absent(stack):
    stack.put(trn(1), trn(2), env="prod", owner="li")
    stack.put(trn(3), env="test")
    stack.put(trn(4))
    report = stack.ask("i-1", trn(2), trn(3), trn(4))
    assert report["counts"] == {"removed": 2, "absent": 2}
    assert row(report, "i-1")["was"] == "prod"
    assert row(report, trn(3))["was"] == "test"
    assert stack.left() == {trn(3): "test"}
    assert stack.operations() == ["ListResourceTypes", "GetResources", "UntagResources"]


def test_a_thousand_resources_with_equal_tags_take_fifty_writing_calls():
    stack = Stack(UNTAG_RATE="100000")
    names = [f"i-{number}" for number in range(1000)]
    stack.put(*(trn(number) for number in range(1000)), env="prod")
    report = stack.ask(*names)
    assert report["request_counts"] == {"removed": 1000}
    assert sum(call.writing for call in stack.cloud.calls) == 50


def test_what_was_removed_is_put_back_and_a_value_that_changed_since_is_not(stack):
    stack.put(trn(1), owner="li")
    stack.put(trn(2), env="test")
    report = stack.ask(trn(1), trn(2), action="restore")
    assert report["counts"] == {"restored": 1, "protected": 1}
    assert row(report, trn(2))["code"] == "changed_since"
    assert stack.left() == {trn(1): "prod", trn(2): "test"}


def test_a_dry_run_reads_and_writes_nothing(stack):
    stack.put(trn(1), env="prod")
    assert stack.ask(trn(1), dry_run=True)["counts"] == {"would_remove": 1}
    assert "UntagResources" not in stack.operations()
    assert stack.left() == {trn(1): "prod"}


def test_every_tag_is_every_one_but_volcengines_own(stack):
    stack.put(trn(1), **{"env": "prod", "owner": "li", "volc:createdBy": "x", "Sys:ecs:name": "y"})
    report = stack.ask(trn(1), tags="all")
    assert {one["key"] for one in report["outcomes"]} == {"env", "owner"}
    assert {pair.key for pair in stack.cloud.tags.pairs()} == {"volc:createdBy", "Sys:ecs:name"}


def test_a_protected_key_and_volcengines_own_are_held_back():
    stack = Stack(UNTAG_PROTECTED_KEYS="env")
    stack.put(trn(1), **{"env": "prod", "SYS:x": "1"})
    report = stack.ask(trn(1), tags=[{"key": "env"}, {"key": "SYS:x"}])
    assert report["counts"] == {"protected": 2}
    assert stack.operations() == []


def test_one_resource_that_fails_inside_a_success_fails_alone(stack):
    stack.put(trn(1), trn(2), trn(3), env="prod")
    stack.cloud.faults.add("partial", ids=[trn(2)], code="ResourceLocked", message="locked")
    report = stack.ask(trn(1), trn(2), trn(3))
    assert report["counts"] == {"removed": 2, "failed": 1}
    assert (row(report, trn(2))["code"], row(report, trn(2))["message"]) == ("ResourceLocked", "locked")
    assert stack.left() == {trn(2): "prod"}


def test_a_throttle_of_one_resource_inside_a_success_is_asked_for_again(stack):
    stack.put(trn(1), trn(2), env="prod")
    stack.cloud.faults.add("partial", ids=[trn(2)], code="AccountFlowLimitExceeded", times=1)
    report = stack.ask(trn(1), trn(2))
    (later,) = stack.model.messages("https://sqs.eu-west-1.amazonaws.com/123456789012/work")
    assert report["counts"]["removed"] == 1
    assert later["resources"] == [{"type": "ecs:instance", "ids": [trn(2)]}]


@pytest.mark.parametrize(("errors", "kind"), [("status", "throttle"), ("200", "throttle"), ("200", "unavailable")])
def test_what_passes_is_tried_again_whatever_the_status_of_its_error(errors, kind):
    stack = Stack(options=VolcengineOptions(errors=errors))
    stack.put(trn(1), env="prod")
    stack.cloud.faults.add(kind, operation="writing", times=1, code="InternalError" if kind == "unavailable" else None)
    assert stack.ask(trn(1))["counts"] == {"removed": 1}


@pytest.mark.parametrize("errors", ["status", "200"])
def test_one_bad_resource_does_not_take_down_its_neighbours(errors):
    stack = Stack(options=VolcengineOptions(errors=errors))
    stack.put(*(trn(number) for number in range(6)), env="prod")
    stack.cloud.faults.add("refuse", operation="writing", ids=[trn(3)], code="InvalidResource.Malformed")
    report = stack.ask(*(trn(number) for number in range(6)))
    assert report["counts"] == {"removed": 5, "failed": 1}
    assert row(report, trn(3))["code"] == "InvalidResource.Malformed"


@pytest.mark.parametrize("nothing_failed", ["list", "null"])
def test_a_list_of_failures_that_has_none_is_believed(nothing_failed):
    stack = Stack(options=VolcengineOptions(nothing_failed=nothing_failed))
    stack.put(trn(1), env="prod")
    assert stack.ask(trn(1))["counts"] == {"removed": 1}
    assert stack.operations() == ["ListResourceTypes", "GetResources", "UntagResources"]


@pytest.mark.parametrize("nothing_failed", ["empty", "nothing"])
def test_a_success_without_the_list_is_read_back_and_never_called_a_removal(nothing_failed):
    stack = Stack(options=VolcengineOptions(nothing_failed=nothing_failed))
    stack.put(trn(1), env="prod")
    report = stack.ask(trn(1))
    assert report["counts"] == {"absent": 1}
    assert row(report, trn(1))["was"] == "prod"
    assert stack.operations() == ["ListResourceTypes", "GetResources", "UntagResources", "GetResources"]


@pytest.mark.parametrize("kind", ["empty", "not_json", "truncate", "other_ids"])
@pytest.mark.parametrize("applied", [True, False])
def test_an_answer_that_cannot_be_believed_removes_nothing_in_the_report_that_still_stands(kind, applied):
    stack = Stack()
    stack.put(trn(1), env="prod")
    stack.cloud.faults.add(kind, operation="writing", applied=applied)
    report = stack.ask(trn(1))
    assert report["counts"].get("removed", 0) == 0
    assert report["counts"].get("absent", 0) <= applied


def test_a_refused_key_closes_the_account_and_its_text_is_not_passed_on(stack):
    stack.cloud.credentials.clear()
    stack.put(trn(1), env="prod")
    report = stack.ask(trn(1))
    assert report["counts"] == {"deferred": 1}
    assert stack.operations() == ["ListResourceTypes"]
    assert "AKLTFAKE" not in json.dumps([report, stack.model.queues])


def test_a_bare_id_needs_no_number_in_the_credentials():
    stack = Stack(VOLCENGINE_ACCOUNT_ID="")
    stack.put(trn(1), env="prod")
    report = stack.ask("i-1", "i-2")
    assert {one["resource_id"]: one["outcome"] for one in report["outcomes"]} == {"i-1": "removed", "i-2": "absent"}


def test_an_account_without_a_number_takes_trns_and_refuses_bare_ids_and_knows_nothing_of_what_is_left_out():
    stack = Stack(VOLCENGINE_ACCOUNT_ID="")
    stack.sts.faults.add("forbidden")
    stack.put(trn(1), env="prod")
    stack.put(trn(2))
    report = stack.ask(trn(1), "i-1", trn(2))
    assert {one["resource_id"]: one.get("code") for one in report["outcomes"]} == {
        trn(1): None,
        "i-1": "account_unknown",
        trn(2): "not_listed",
    }
    assert report["counts"] == {"removed": 1, "failed": 2}


def test_a_resource_of_another_account_is_never_asked_for(stack):
    other = trn(1).replace(NUMBER, "2100000002")
    stack.cloud.credentials["other"] = Account("s", domain_id="2100000002", name="other")
    stack.put(trn(2), env="prod")
    report = stack.ask(trn(2), other)
    assert row(report, other)["code"] == "account_mismatch"
    assert report["counts"] == {"removed": 1, "failed": 1}
    assert other not in {id_ for call in stack.cloud.calls for id_ in call.ids}


def test_a_type_that_the_service_does_not_name_fails_before_a_call_is_made_for_it(stack):
    key = f"trn:kms:{REGION}:{NUMBER}:keyrings/x"
    report = stack.ask(key, type_="kms:keyrings")
    assert row(report, key)["code"] == "type_not_supported"
    assert stack.operations() == ["ListResourceTypes"]


def test_the_event_file_removes_what_the_seed_puts_there(stack):
    stack.cloud.seed()
    body = json.loads((Path(__file__).parents[2] / "events" / "volcengine_manual.json").read_text(encoding="utf-8"))
    (report,) = stack.function.payload(body, "manual-1", lambda: 60.0)["reports"]
    assert report["counts"] == {"removed": 8}
    assert {pair.key for pair in stack.cloud.tags.pairs()} == {"owner", "backup"}


RULE = {
    "name": "tmp",
    "provider": "volcengine",
    "regions": [REGION],
    "types": ["ecs:instance"],
    "match": {"key": "tmp"},
}


@pytest.fixture
def sweeping():
    stack = Stack(Sweeper, UNTAG_SWEEP_QUEUE_URL=SWEEPS, UNTAG_RATE="100000")
    stack.put(*(trn(f"{number:03}") for number in range(130)), tmp="x", owner="li")
    stack.put(f"trn:rds:{REGION}:{NUMBER}:instance/mysql-1", type_="rds:instance", tmp="x")
    stack.put(f"trn:ecs:cn-beijing:{NUMBER}:instance/i-elsewhere", tmp="x")
    return stack


def test_a_sweep_finds_every_resource_of_the_type_and_region_that_bears_the_tag(sweeping):
    requests, report = swept_to_its_end(sweeping.function, sweeping.model, RULE)
    asked = [id_ for body in requests for group in body["resources"] for id_ in group["ids"]]
    assert sorted(asked) == [trn(f"{number:03}") for number in range(130)]
    assert {(tag["key"], tag.get("value")) for body in requests for tag in body["tags"]} == {("tmp", "x")}
    assert report["status"] == "succeeded"


def test_a_sweep_by_a_glob_and_of_every_type_asks_for_each_by_its_own_type(sweeping):
    requests, report = swept_to_its_end(
        sweeping.function, sweeping.model, {**RULE, "types": "all", "match": {"key": {"glob": "t?p"}}}
    )
    types = [(group["type"], len(group["ids"])) for body in requests for group in body["resources"]]
    assert sum(number for type_, number in types if type_ == "ecs:instance") == 130
    assert ("rds:instance", 1) in types
    assert report["counts"]["pairs"] == 131
