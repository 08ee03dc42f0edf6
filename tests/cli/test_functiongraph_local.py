"""The commands with `--local`, where the local stack is the one of FunctionGraph: the same words as on AWS."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from at_a_stack import complete_once_announced, put, tags
from aws_support import wait_until
from cli_support import Untag, request
from local_support import served

from local.functiongraph.bucket import StoredObject
from local.functiongraph.stack import FunctionGraphStack


@pytest.fixture
def untag(tmp_path: Path, functiongraph: FunctionGraphStack) -> Iterator[Untag]:
    with served(functiongraph, tmp_path) as made:
        yield made


def test_what_is_sent_is_carried_out_followed_and_undone(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    put(functiongraph, "i-a", "i-b")
    name = untag.write("a.json", request(["i-a", "i-b", "gone"]))
    done = untag("send", name, "--local", "--batch", "job", "--yes", "--expect", "3")
    assert done.code == 0, done.err
    assert "to follow it: untag status job --local" in done.out
    assert done.err == ""
    functiongraph.drain()
    assert tags(functiongraph, "i-a") == {}
    status = untag("status", "job", "--local", "--json")
    assert (status.code, status.json["pairs"], status.json["complete"]) == (0, {"removed": 2, "absent": 1}, True)
    undone = untag("undo", "job", "--local", "--yes", "--expect", "2", "--json")
    assert undone.code == 0, undone.err
    functiongraph.drain()
    assert tags(functiongraph, "i-a") == {"env": "prod"}
    assert untag("status", "job-undo", "--local", "--json").json["pairs"] == {"restored": 2}
    assert untag("undo", "job-undo", "--local", "--yes", "--expect", "2").code == 0
    functiongraph.drain()
    assert tags(functiongraph, "i-b") == {}


def test_an_invocation_by_hand_is_followed_and_undone_by_its_batch(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    put(functiongraph, "i-hand")
    functiongraph.invoke("untag-remove", request(["i-hand"], id="by-hand", batch="hand"))
    assert untag("status", "hand", "--local", "--json").json["pairs"] == {"removed": 1}
    assert untag("undo", "hand", "--local", "--yes", "--expect", "1").code == 0
    functiongraph.drain()
    assert tags(functiongraph, "i-hand") == {"env": "prod"}


def test_what_no_function_has_begun_is_on_the_queue_and_not_complete(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    put(functiongraph, "i-q")
    functiongraph.api.faults.add("throttle")
    try:
        name = untag.write("a.json", request(["i-q"]))
        done = untag("send", name, "--local", "--batch", "queued", "--yes", "--expect", "1")
    finally:
        functiongraph.api.faults.clear()
    assert done.code == 0, done.err
    assert tags(functiongraph, "i-q") == {"env": "prod"}
    status = untag("status", "queued", "--local", "--json")
    assert (status.code, status.json["waiting"], status.json["complete"]) == (3, 1, False)
    assert len(status.json["due"]) == 1
    (message,) = functiongraph.waiting()
    assert (message.queue, message.receives) == ("work", 0)
    functiongraph.functions.invoke_async("untag-remove", json.dumps({"untag": 1, "keys": [message.key]}).encode())
    functiongraph.drain()
    assert untag("status", "queued", "--local").code == 0


def test_a_batch_that_is_not_known_is_an_error_in_plain_words(untag: Untag) -> None:
    done = untag("status", "nothing", "--local", "--json")
    assert (done.code, done.json["error"]) == (2, "nothing is known of a batch nothing at the local stack")
    assert "AWS" not in done.out


def test_a_sweep_is_followed_until_its_summary_and_all_that_it_asked_for_are_there(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    for number in range(5):
        put(functiongraph, f"i-w{number}", key="swept", value=str(number))
    rule = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "swept"}}
    name = untag.write("s.json", {"rules": [rule]})
    done = untag("send", name, "--local", "--batch", "s", "--yes", "--expect", "1", "--follow", "--json")
    assert done.code == 0, done.err
    assert (done.json["result"]["pairs"], done.json["result"]["complete"]) == ({"removed": 5}, True)


def test_a_sweep_with_a_grace_is_complete_when_it_is_announced(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    complete_once_announced(untag, functiongraph)


def test_what_failed_is_a_dead_letter_that_is_sent_back_when_its_cause_is_mended(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    put(functiongraph, "i-d", "i-d2")
    cloud = functiongraph.providers["jdcloud"]
    cloud.faults.add("partial", ids=("i-d*",), operation="writing", times=16)
    for batch, id_ in (("broken", "i-d"), ("other", "i-d2")):
        name = untag.write("a.json", request([id_]))
        assert untag("send", name, "--local", "--batch", batch, "--yes", "--expect", "1").code == 0
        functiongraph.drain()
    assert untag("send", name, "--local", "--batch", batch, "--yes", "--expect", "3").code == 2
    cloud.faults.clear()
    assert untag("status", "broken", "--local").code == 1
    listed = untag("dead-letters", "--local", "--json").json
    assert {(one["queue"], one["code"], one["dead_letters"]) for one in listed["by_code"]} == {
        ("dead/work", "resource_failed", 2)
    }
    (row,) = untag("dead-letters", "--local", "--batch", "broken", "--json").json["rows"]
    assert (row["code"], row["batch"], row["request_id"][:7]) == ("resource_failed", "broken", "broken-")
    assert row["reason"]
    assert datetime.fromisoformat(row["sent_at"]) > datetime.now(UTC) - timedelta(minutes=5)
    shown = untag("dead-letters", "--local", COLUMNS="200").out
    assert "2 dead letters" in shown
    assert "requests" in shown
    assert "untag redrive --local" in shown
    # It asks, and stops where the number is not right.
    assert "--yes --expect 2" in untag("redrive", "--local").err
    words = ("--local", "--batch", "broken", "--code", "resource_failed", "--yes", "--expect", "1")
    assert untag("redrive", *words, "--json").json["redriven"] == 1
    functiongraph.drain()
    assert tags(functiongraph, "i-d") == {}
    assert untag("status", "broken", "--local", "--json").json["pairs"] == {"removed": 1}
    assert untag("redrive", "--local", "--yes", "--expect", "1").code == 0
    functiongraph.drain()
    assert functiongraph.dead_letters() == []


def test_what_can_never_be_carried_out_stays_a_dead_letter(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    functiongraph.put("work", '{"provider": "nowhere"}')
    functiongraph.drain()
    done = untag("redrive", "--local", "--json")
    assert (done.code, done.json["redriven"], done.json["invalid"]) == (0, 0, 1)
    assert "with the code invalid left" in done.err
    # A message that the timer has buried was begun too often: on every host this is the code of a crash.
    body = json.dumps(request(["i-crash"], id="crashed"))
    functiongraph.bucket.put(
        "dead/work/crash/m-1", StoredObject(body.encode(), {"batch": "b"}, modified=functiongraph.time.now())
    )
    by_code = untag("dead-letters", "--local", "--json").json["by_code"]
    assert {one["code"] for one in by_code} == {"invalid", "(crash)"}
    assert untag("redrive", "--local", "--code", "(crash)", "--yes", "--expect", "1", "--json").json["redriven"] == 1
    functiongraph.drain()
    assert [one.attributes["code"] for one in functiongraph.dead_letters()] == ["invalid"]
    functiongraph.bucket.delete(functiongraph.bucket.keys("dead/")[0])


def test_a_request_for_later_is_kept_listed_and_given_up(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    put(functiongraph, "i-later")
    when = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    name = untag.write("a.json", request(["i-later"], id="later", not_before=when.isoformat()))
    assert untag("send", name, "--local", "--batch", "kept", "--yes", "--expect", "1").code == 0
    wait_until(lambda: [one.due for one in functiongraph.waiting()] == [int(when.timestamp())])
    status = untag("status", "kept", "--local", "--json")
    assert (status.code, status.json["waiting"]) == (3, 1)
    (kept,) = untag("scheduled", "--local", "--json").json["scheduled"]
    assert (kept["id"], kept["batch"], kept["pairs"], kept["due"]) == (
        "later",
        "kept",
        1,
        f"{when:%Y-%m-%dT%H:%M:%S}Z",
    )
    assert untag("scheduled", "--local", "--cancel", "sooner").code == 2
    gone = untag("scheduled", "--local", "--cancel", "later", "--json").json["cancelled"]
    assert [(one["id"], one["cancelled"]) for one in gone] == [("later", True)]
    assert untag("scheduled", "--local", "--json").json["scheduled"] == []
    assert functiongraph.waiting() == []
    assert tags(functiongraph, "i-later") == {"env": "prod"}


def test_a_request_of_too_many_pairs_is_not_sent(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    name = untag.write("a.json", request([f"i-{number}" for number in range(1001)]))
    done = untag("send", name, "--local", "--yes", "--expect", "1001")
    assert done.code == 2
    assert "1 request of more than 1000 pairs: the local stack would hold it back whole" in done.err
    assert functiongraph.waiting() == []


def test_a_service_that_is_down_is_named_with_what_helps(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    functiongraph.obs.faults.add("unavailable")
    try:
        done = untag("dead-letters", "--local", "--json")
    finally:
        functiongraph.obs.faults.clear()
    assert done.code == 1
    assert done.json["error"] == "Huawei Cloud refuses or cannot be reached: obs GET: ServiceUnavailable"
