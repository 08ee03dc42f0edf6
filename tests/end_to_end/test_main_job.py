import json

import pytest

from local.audit import Audit
from local.functiongraph.stack import FunctionGraphStack
from local.stack import ROOT, Stack

EVENTS = sorted((ROOT / "events").glob("*.json"))
LONG_NAMES = ("arn:", "qcs:", "trn:", "/subscriptions/", "//")
WRITING = {"tags/delete", "tags/create", "unTagResources", "tagResources"}


def fleet(number: int, prefix: str = "fleet") -> dict:
    return {
        "id": f"{prefix}-{number}",
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": [f"i-{prefix}{number}"]}],
        "tags": [{"key": "env", "value": "staging"}],
    }


def bodies(event: dict) -> list[str]:
    return [record["body"] for record in event["Records"]] if "Records" in event else [json.dumps(event)]


def send_every_event(stack: Stack | FunctionGraphStack) -> Audit:
    """Send every event file, and wait until all is worked off; what was asked for."""
    audit = Audit()
    for path in EVENTS:
        event = json.loads(path.read_text())
        if path.stem.startswith("decommission"):
            audit.decommission(event, stack.providers.values())
        elif path.stem.startswith("sweep"):
            if "invalid" not in path.stem:
                audit.sweep(event, stack.providers.values())
        elif "invalid" not in path.stem:
            for body in bodies(event):
                audit.ask(body)
        stack.send(path)
    stack.drain()
    return audit


def names_called_wrongly(stack: Stack | FunctionGraphStack) -> set[str]:
    """Ids that were called and can be no resource's."""
    called = {id_ for server in stack.providers.values() for call in server.calls for id_ in call.ids}
    return {id_ for id_ in called if ("/" in id_ and not id_.startswith(LONG_NAMES)) or ".." in id_}


def test_every_event_file_is_reported_as_the_clouds_saw_it(stack: Stack):
    audit = send_every_event(stack)
    assert audit.requested
    assert audit.findings(stack.reports(), stack.providers.values()) == []


def test_an_invalid_body_lies_verbatim_on_the_dead_letter_queue_once_and_nothing_of_it_is_called(stack: Stack):
    for path in EVENTS:
        if "invalid" in path.stem:
            text = path.read_text()
            letters = [letter for letter in stack.dead_letters() if letter.body == text]
            assert len(letters) == 1
            assert letters[0].attributes["code"] == "invalid"
            assert letters[0].attributes["reason"]
    assert not names_called_wrongly(stack)


def test_a_dry_run_makes_no_writing_call(stack: Stack):
    dry = [path for path in EVENTS if "dry_run" in path.stem]
    assert dry
    for server in stack.providers.values():
        asked = {id_ for call in server.calls if call.operation in WRITING for id_ in call.ids}
        assert not {id_ for id_ in asked if "dry" in id_}


def test_a_batch_of_100_records_with_the_same_tags_makes_2_reads_and_2_writes_and_100_reports(stack: Stack):
    cloud = stack.providers["jdcloud"]
    for number in range(100):
        cloud.tags.put("cn-north-1", "vm", f"i-fleet{number}", "env", "staging")
    known = len(stack.reports())
    cloud.calls.clear()
    with stack.paused():
        for number in range(100):
            stack.send(json.dumps(fleet(number)))
    stack.drain()
    called = sorted((call.operation, call.status, call.pairs, len(call.ids)) for call in cloud.calls)
    assert called == [("describeResources", 200, 0, 50)] * 2 + [("unTagResources", 200, 50, 50)] * 2
    reports = stack.reports()[known:]
    assert {report["id"]: [row["resource_id"] for row in report["outcomes"]] for report in reports} == {
        f"fleet-{number}": [f"i-fleet{number}"] for number in range(100)
    }
    assert {report["status"] for report in reports} == {"succeeded"}
    assert len(reports) == 100


def test_a_manual_payload_is_answered_with_its_reports_or_with_what_is_wrong(stack: Stack):
    cloud = stack.providers["jdcloud"]
    cloud.tags.put("cn-north-1", "vm", "i-hand1", "env", "staging")
    answer = stack.invoke("RemoveTagsFunction", fleet(1, "hand")).value
    assert [row["outcome"] for report in answer["reports"] for row in report["outcomes"]] == ["removed"]
    for changes, path in (({"region": "cn-north-1/../x", "expect": 7}, "region"), ({"expect": 7}, "expect")):
        wrong = stack.invoke("RemoveTagsFunction", {**fleet(1, "hand"), **changes})
        errors = json.loads(wrong.value["errorMessage"])["errors"]
        assert [error["path"] for error in errors] == [path]


@pytest.mark.parametrize("text", ["{", "[]", "null", "NaN", '{"a": 1}', "[" * 5000, json.dumps("x" * 1_000_000)])
def test_garbage_lies_once_on_the_dead_letter_queue_and_is_not_retried(stack: Stack, text: str):
    known = {letter.message_id for letter in stack.dead_letters()}
    stack.send(text, queue="WorkQueue")
    stack.drain()
    letters = [letter for letter in stack.dead_letters() if letter.message_id not in known]
    assert [(letter.body, letter.attributes["code"]) for letter in letters] == [(text, "invalid")]
    assert stack.queues()["WorkQueue"].total == 0


def test_a_poison_record_leaves_its_neighbours_untouched(stack: Stack):
    cloud = stack.providers["jdcloud"]
    for number in range(5):
        cloud.tags.put("cn-north-1", "vm", f"i-neighbour{number}", "env", "staging")
    known = len(stack.reports())
    with stack.paused():
        for number in range(5):
            stack.send(json.dumps(fleet(number, "neighbour")))
            stack.send(json.dumps({**fleet(number, "neighbour"), "provider": "nocloud"}))
    stack.drain()
    reports = stack.reports()[known:]
    assert sorted((report["id"], report["kind"], report["status"]) for report in reports) == [
        (f"neighbour-{number}", *told)
        for number in range(5)
        for told in (("rejected", "failed"), ("removal", "succeeded"))
    ]


def test_no_key_of_an_account_is_in_a_report_a_letter_or_a_log_line(stack: Stack):
    secrets = {
        text
        for server in stack.providers.values()
        for name, text in server.environment.items()
        if not name.startswith("UNTAG_") and not name.endswith(("DOMAIN_ID", "ACCOUNT_ID", "UIN"))
    }
    said = json.dumps(stack.reports()) + "".join(
        letter.body + str(letter.attributes) for letter in stack.dead_letters()
    )
    said += "".join(line for answer in [stack.invoke("RemoveTagsFunction", fleet(2, "hand"))] for line in answer.log)
    assert secrets
    assert not [secret for secret in secrets if secret in said]


# What follows leaves the account slowed down.


def test_a_throttled_call_is_made_again_and_ends_in_removal(stack: Stack):
    cloud = stack.providers["jdcloud"]
    cloud.tags.put("cn-north-1", "vm", "i-throttle1", "env", "staging")
    # One more than an invocation makes of a call. Without a named time the account waits for up to 8 seconds.
    fault = cloud.faults.add("throttle", ids=("i-throttle1",), times=4, retry_after=1)
    known = len(stack.reports())
    stack.send(json.dumps(fleet(1, "throttle")))
    stack.drain()
    reports = [report for report in stack.reports()[known:] if report["id"] == "throttle-1"]
    assert fault.injected == 4
    assert [report["status"] for report in reports] == ["deferred"] * (len(reports) - 1) + ["succeeded"]
    attempts = [report["attempt"] for report in reports]
    assert attempts == sorted(attempts)  # what our own pace puts off keeps its attempt, what the cloud refuses does not
    assert attempts[0] == 1
    assert attempts[-1] > 1
    assert cloud.tags.get("default", "cn-north-1", "vm", "i-throttle1") == {}


def test_a_topic_that_is_down_leaves_no_extra_message_on_the_work_queue(stack: Stack):
    cloud = stack.providers["jdcloud"]
    cloud.tags.put("cn-north-1", "vm", "i-outage1", "env", "staging")
    # So that each receive has a remainder that it could send, and waits for nothing.
    cloud.faults.add("throttle", ids=("i-outage1",), retry_after=60)
    body = json.dumps(fleet(1, "outage"))
    record = {
        "messageId": "0b0e8d7d-0000-4000-8000-000000000001",
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:untag-work",
        "awsRegion": "eu-west-1",
    }
    letters = len(stack.dead_letters())
    with stack.outage("sns"):
        for receive in range(1, 11):
            record["attributes"]["ApproximateReceiveCount"] = str(receive)
            answer = stack.invoke("RemoveTagsFunction", {"Records": [record]})
            assert answer.value == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert stack.queues()["WorkQueue"].total == 0
    assert len(stack.dead_letters()) == letters
