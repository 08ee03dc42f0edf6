"""Removal on FunctionGraph, through the handler and the local services."""

import json
from datetime import UTC, datetime

import pytest
from platform_support import NOW, Platform, request, stored

from local.functiongraph import PROJECT, REGION, StoredObject
from local.providers import Fault
from untag.contracts.rejections import InvocationError
from untag.hosts.functiongraph.queues import Key


@pytest.fixture
def tagged(platform: Platform) -> Platform:
    platform.tag(20, env="prod", keep="yes")
    return platform


def test_a_payload_by_hand_is_answered_with_its_reports(tagged: Platform) -> None:
    answer = tagged.invoke("remove", request())
    assert [report["counts"] for report in answer["reports"]] == [{"removed": 1}]
    assert tagged.reports == answer["reports"]
    assert tagged.jdcloud.tags.get("default", "cn-north-1", "vm", "i-1") == {"keep": "yes"}
    assert tagged.bucket.keys() == []


def test_an_invalid_payload_by_hand_fails_the_invocation(tagged: Platform) -> None:
    with pytest.raises(InvocationError) as failure:
        tagged.invoke("remove", request(tags=[]))
    assert json.loads(str(failure.value))["errors"][0]["path"] == "tags"


def test_a_message_of_smn_is_worked_at_and_leaves_nothing_behind(tagged: Platform) -> None:
    assert tagged.send(request()) == {"records": 1, "failures": 0}
    assert [(report["id"], report["counts"]) for report in tagged.reports] == [("req-1", {"removed": 1})]
    assert tagged.bucket.keys() == []
    first = tagged.bucket.history[0]
    assert first.key == f"work/{int(NOW) + 180}-1-m-1"


def test_what_a_killed_instance_has_begun_is_rung_for_again_until_it_is_done(tagged: Platform) -> None:
    sent = f"work/{int(NOW) + 120}-0-m"
    tagged.bucket.put(sent, stored(request()))
    tagged.jdcloud.faults.add(Fault("status", status=503))
    assert tagged.invoke("remove", {"untag": 1, "keys": [sent]}) == {"records": 1, "failures": 0}
    (remainder,) = tagged.queued()
    assert Key.read(remainder).receives == 0
    tagged.jdcloud.faults.clear()
    for _ in range(17):
        tagged.minute()
    assert tagged.queued() == []
    assert [report["counts"] for report in tagged.reports] == [{"deferred": 1}, {"removed": 1}]


def test_a_message_that_nobody_finished_is_due_again_when_the_invocation_is_over(tagged: Platform) -> None:
    key = f"work/{int(NOW) + 60}-1-m"
    tagged.bucket.put(key, stored(request()))
    answer = tagged.minute()
    assert (answer["work"]["Waiting"], answer["work"]["bells"]) == (1, 1)
    assert tagged.queued() == []
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}]


def test_bells_that_are_lost_make_it_late_and_nothing_else(tagged: Platform) -> None:
    for number in range(1, 21):
        tagged.bucket.put(f"work/{int(NOW)}-0-m{number}", stored(request(number)))
    tagged.lost_bells = True
    for _ in range(4):
        tagged.minute()
    assert len(tagged.queued()) == 20
    tagged.lost_bells = False
    for _ in range(3):
        tagged.minute()
    assert tagged.queued() == []
    assert sum(report["counts"].get("removed", 0) for report in tagged.reports) == 20


def test_two_bells_for_one_message_begin_it_once(tagged: Platform) -> None:
    key = f"work/{int(NOW) + 120}-0-m"
    tagged.bucket.put(key, stored(request()))
    tagged.bucket.put(f"locks/{key}", StoredObject(b"1", appends=1))  # the other one is about to move it
    assert tagged.invoke("remove", {"untag": 1, "keys": [key]}) == {"records": 0, "failures": 0}
    assert tagged.queued() == [key]
    # That one was killed: its lock is in the way no longer once the message is late by a minute.
    for _ in range(4):
        tagged.minute()
    assert tagged.bucket.keys() == []
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}]


def test_a_bell_for_what_is_done_already_does_nothing(tagged: Platform) -> None:
    bell = {"untag": 1, "keys": [f"work/{int(NOW)}-0-gone"]}
    assert tagged.invoke("remove", bell) == {"records": 0, "failures": 0}
    assert tagged.bucket.keys() == []


@pytest.mark.parametrize("keys", [[], "work", ["dead/work/x/y"], ["sweep/1780000000-0-m"], [1], ["work/1-0-m"] * 101])
def test_a_bell_that_names_anything_else_is_refused(tagged: Platform, keys: object) -> None:
    with pytest.raises(InvocationError):
        tagged.invoke("remove", {"untag": 1, "keys": keys})


def test_a_message_that_kills_every_instance_is_a_dead_letter_after_five_starts_and_can_be_redriven(
    tagged: Platform,
) -> None:
    tagged.bucket.put(f"work/{int(NOW)}-5-poison", stored(request()))
    answer = tagged.minute()
    assert (answer["work"]["buried"], answer["work"]["DeadLetters"]) == (1, 1)
    assert tagged.bucket.keys() == ["dead/work/crash/poison"]
    assert tagged.invoke("due", {"untag": 1, "redrive": "work"}) == {"redriven": 1, "left": 0}
    tagged.ring()
    assert tagged.bucket.keys() == []
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}]


def test_an_invalid_body_is_a_dead_letter_verbatim_and_is_not_redriven(tagged: Platform) -> None:
    assert tagged.send("{no JSON, ü") == {"records": 1, "failures": 0}
    (report,) = tagged.reports
    assert (report["kind"], report["status"], report["id"]) == ("rejected", "failed", "m-1")
    ((key, letter),) = tagged.bucket.objects().items()
    assert key.startswith("dead/work/invalid/")
    assert letter.body.decode() == "{no JSON, ü"
    assert letter.metadata["code"] == "invalid"
    assert letter.metadata["request-id"] == "m-1"
    assert tagged.invoke("due", {"untag": 1, "redrive": "work"}) == {"redriven": 0, "left": 1}


def test_a_request_that_fails_is_a_dead_letter_with_its_reason(tagged: Platform) -> None:
    tagged.send(request(99, resources=[{"type": "vm", "ids": ["i-99"]}]))
    counts = tagged.reports[0]["counts"]
    assert counts in ({"failed": 1}, {"not_found": 1}, {"absent": 1})


def test_a_request_that_is_kept_until_later_waits_in_the_queue_under_its_time(tagged: Platform) -> None:
    later = datetime.fromtimestamp(NOW + 7200, UTC).isoformat()
    tagged.send(request(not_before=later))
    (key,) = tagged.queued()
    assert Key.read(key).due >= NOW + 7200
    tagged.minute()
    assert tagged.queued() == [key]
    tagged.time = NOW + 7200
    tagged.minute()
    assert tagged.queued() == []
    assert [report["counts"] for report in tagged.reports][-1] == {"removed": 1}


def test_keys_are_the_contexts_own_in_each_invocation(tagged: Platform) -> None:
    tagged.send(request(1), "m-1")
    tagged.agency.rotate()
    tagged.agency.revoke()
    tagged.send(request(2), "m-2")
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}, {"removed": 1}]
    assert len({call.access_key for call in tagged.obs.calls}) == 2


def test_the_huawei_account_that_the_functions_run_in_needs_no_secret(tagged: Platform) -> None:
    tagged.agency.trust(tagged.tms.credentials, "d0ma1n00000000000000000000000000")
    tagged.tms.tags.put(PROJECT, "ecs", "server-1", "env", "prod")
    asked = {
        "id": "req-h",
        "provider": "huaweicloud",
        "region": REGION,
        "resources": [{"type": "ecs", "ids": ["server-1"]}],
        "tags": [{"key": "env"}],
    }
    tagged.send(asked, "m-1")
    assert tagged.reports[-1]["counts"] == {"failed": 1}  # not without being told that it is the function's own
    tagged.variables["UNTAG_DOMAIN_ID"] = "d0ma1n00000000000000000000000000"
    tagged.new_process()
    tagged.send(asked, "m-2")
    assert tagged.reports[-1]["counts"] == {"removed": 1}


def test_an_answer_of_obs_that_a_copy_failed_after_all_leaves_the_message_where_it_is(tagged: Platform) -> None:
    key = f"work/{int(NOW) + 120}-0-m"
    tagged.bucket.put(key, stored(request()))
    tagged.obs.faults.add(Fault("partial", operation="CopyObject"))
    assert tagged.invoke("remove", {"untag": 1, "keys": [key]}) == {"records": 0, "failures": 0}
    tagged.obs.faults.clear()
    assert key in tagged.queued()


def test_a_report_that_smn_does_not_take_brings_the_message_again(tagged: Platform) -> None:
    tagged.smn.faults.add(Fault("status", status=503))
    assert tagged.send(request()) == {"records": 1, "failures": 1}
    tagged.smn.faults.clear()
    assert len(tagged.queued()) == 1
    for _ in range(5):
        tagged.minute()
    assert tagged.bucket.keys() == []
    assert tagged.reports[-1]["status"] in {"succeeded", "unchanged"}


@pytest.mark.parametrize("id_", ["..", ".", "a/b", "ü", "x" * 300, "-"])
def test_an_id_that_no_key_can_hold_changes_no_path(tagged: Platform, id_: str) -> None:
    tagged.send("{no JSON", id_)
    assert [key.rpartition("/")[0] for key in tagged.bucket.keys("")] == ["dead/work/invalid"]
    assert {change.key.partition("/")[0] for change in tagged.bucket.history} <= {"work", "dead", "locks"}


@pytest.mark.parametrize(
    "source", ["obs://untag/../x", "obs://other/rules", "obs://untag/a//b", "obs://untag/rules?acl"]
)
def test_rules_are_read_from_the_bucket_and_from_nowhere_else(tagged: Platform, source: str) -> None:
    with pytest.raises(InvocationError, match="should be a list, or obs://untag/KEY"):
        tagged.invoke("sweep", {"id": "s", "rules": source})


@pytest.mark.parametrize(
    ("status", "counts"), [(403, {"failed": 1}), (404, {"failed": 1}), (401, {"deferred": 1}), (503, {"deferred": 1})]
)
def test_only_a_secret_that_is_denied_or_absent_fails_a_request(
    tagged: Platform, status: int, counts: dict[str, int]
) -> None:
    tagged.csms.faults.add(Fault("status", status=status))
    tagged.send(request())
    assert tagged.reports[-1]["counts"] == counts


def test_an_account_that_would_need_an_aws_role_fails_with_the_reason(tagged: Platform) -> None:
    role = {"role_arn": "arn:aws:iam::123456789012:role/untag"}
    tagged.csms.put("untag-aws-default", json.dumps(role))
    asked = {
        "id": "req-a",
        "provider": "aws",
        "region": "eu-west-1",
        "resources": [{"type": "ec2:instance", "ids": ["arn:aws:ec2:eu-west-1:123456789012:instance/i-0"]}],
        "tags": [{"key": "env"}],
    }
    tagged.send(asked)
    (report,) = tagged.reports
    assert (report["counts"], report["outcomes"][0]["code"]) == ({"failed": 1}, "no_credentials")
