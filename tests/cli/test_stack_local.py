"""The commands with `--local`: the template on this machine carries out what they send."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from at_a_stack import complete_once_announced, put, tags
from aws_support import wait_until
from cli_support import Untag, request
from local_support import served

from local.stack import Overrides, Stack

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, visibility_timeout=4.0, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        yield running


@pytest.fixture
def untag(tmp_path: Path, stack: Stack) -> Iterator[Untag]:
    with served(stack, tmp_path) as made:
        yield made


def test_what_is_sent_is_carried_out_followed_and_undone(untag: Untag, stack: Stack) -> None:
    put(stack, "i-a", "i-b")
    name = untag.write("a.json", request(["i-a", "i-b", "gone"]))
    done = untag("send", name, "--local", "--batch", "job", "--yes", "--expect", "3")
    assert done.code == 0, done.err
    assert "to follow it: untag status job --local" in done.out
    stack.drain()
    assert tags(stack, "i-a") == {}
    status = untag("status", "job", "--local", "--json")
    assert (status.code, status.json["pairs"], status.json["complete"]) == (0, {"removed": 2, "absent": 1}, True)
    undone = untag("undo", "job", "--local", "--yes", "--expect", "2", "--json")
    assert undone.code == 0, undone.err
    stack.drain()
    assert tags(stack, "i-a") == {"env": "prod"}
    assert untag("status", "job-undo", "--local", "--json").json["pairs"] == {"restored": 2}
    assert untag("undo", "job-undo", "--local", "--yes", "--expect", "2").code == 0
    stack.drain()
    assert tags(stack, "i-b") == {}


def test_a_batch_is_not_complete_while_something_lies_on_the_queues(untag: Untag, stack: Stack) -> None:
    put(stack, "i-q1", "i-q2")
    words = ("--local", "--batch", "queued", "--yes", "--expect", "1")
    assert untag("send", untag.write("a.json", request(["i-q1"])), *words).code == 0
    stack.drain()
    assert untag("status", "queued", "--local").code == 0
    with stack.paused():
        assert untag("send", untag.write("b.json", request(["i-q2"])), *words).code == 0
        status = untag("status", "queued", "--local", "--json")
        assert (status.code, status.json["pairs"], status.json["complete"]) == (3, {"removed": 1}, False)
    stack.drain()
    watched = untag("status", "queued", "--local", "--watch", "--json")
    assert (watched.code, watched.json["pairs"]) == (0, {"removed": 2})


def test_a_sweep_is_sent_to_the_sweeps_and_removes_what_matches(untag: Untag, stack: Stack) -> None:
    put(stack, "i-s1", "i-s2")
    match = {"key": "env", "value": "prod"}
    rule = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": match}
    name = untag.write("s.json", {"rules": [rule]})
    done = untag("send", name, "--local", "--batch", "swept", "--yes", "--expect", "1")
    assert done.code == 0, done.err
    assert "1 rule of sweeps" in done.err
    stack.drain()
    assert (tags(stack, "i-s1"), tags(stack, "i-s2")) == ({}, {})
    status = untag("status", "swept", "--local", "--json")
    assert (status.code, status.json["pairs"]["removed"], status.json["complete"]) == (0, 2, True)


def test_what_failed_is_a_dead_letter_that_is_sent_back_when_its_cause_is_mended(untag: Untag, stack: Stack) -> None:
    put(stack, "i-d")
    cloud = stack.providers["jdcloud"]
    cloud.faults.add("partial", ids=("i-d",), operation="writing", times=8)
    name = untag.write("a.json", request(["i-d"]))
    assert untag("send", name, "--local", "--batch", "broken", "--yes", "--expect", "1").code == 0
    stack.drain()
    cloud.faults.clear()
    assert untag("status", "broken", "--local").code == 1
    listed = untag("dead-letters", "--local", "--batch", "broken", "--json").json
    assert [(one["code"], one["batch"]) for one in listed["rows"]] == [("resource_failed", "broken")]
    assert len(stack.dead_letters()) == 1
    words = ("--local", "--code", "resource_failed", "--yes", "--expect", "1")
    assert untag("redrive", *words, "--json").json["redriven"] == 1
    stack.drain()
    assert tags(stack, "i-d") == {}
    assert stack.dead_letters() == []
    assert untag("status", "broken", "--local", "--json").json["pairs"] == {"removed": 1}


def test_a_request_for_later_is_kept_listed_and_given_up(untag: Untag, stack: Stack) -> None:
    put(stack, "i-later")
    when = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    name = untag.write("a.json", request(["i-later"], id="later", not_before=when.isoformat()))
    assert untag("send", name, "--local", "--batch", "kept", "--yes", "--expect", "1").code == 0
    stack.drain()
    status = untag("status", "kept", "--local", "--json")
    assert (status.code, status.json["waiting"]) == (3, 1)
    (kept,) = untag("scheduled", "--local", "--json").json["scheduled"]
    assert (kept["id"], kept["batch"], kept["pairs"], kept["due"][:10]) == ("later", "kept", 1, str(when.date()))
    gone = untag("scheduled", "--local", "--cancel", "later", "--json").json["cancelled"]
    assert [(one["id"], one["cancelled"]) for one in gone] == [("later", True)]
    stack.fire_kept(when + timedelta(days=1))
    stack.drain()
    assert tags(stack, "i-later") == {"env": "prod"}
    # The body of what was given up can be sent again.
    again = untag.write("again.json", json.dumps({**gone[0]["body"], "not_before": "2026-01-01T00:00:00Z"}))
    assert untag("send", again, "--local", "--yes", "--expect", "1").code == 0
    stack.drain()
    assert tags(stack, "i-later") == {}


def test_a_sweep_with_a_grace_is_complete_when_it_is_announced(untag: Untag, stack: Stack) -> None:
    complete_once_announced(untag, stack)


def left_behind(stack: Stack) -> list[str]:
    """Queues and subscriptions of commands that follow."""
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    sqs, sns = (
        boto3.client(service, region_name=stack.region, endpoint_url=stack.aws.url, **keys)
        for service in ("sqs", "sns")
    )
    places = [
        *sqs.list_queues(QueueNamePrefix="untag-follow-").get("QueueUrls", []),
        *(one["Endpoint"] for one in sns.list_subscriptions()["Subscriptions"]),
    ]
    return [place for place in places if "untag-follow-" in place]


def test_what_is_sent_can_be_followed_to_its_end_without_a_ledger(untag: Untag, stack: Stack) -> None:
    put(stack, "i-f1", "i-f2", "i-f3")
    stack.providers["jdcloud"].faults.add("partial", ids=("i-f3",), operation="writing", times=8)
    name = untag.write("a.json", [request([f"i-f{n}"]) for n in (1, 2, 3)])
    words = ("send", name, "--local", "--batch", "followed", "--yes", "--expect", "3", "--follow")
    done = untag(*words, "--report", "rows.csv", "--json")
    stack.providers["jdcloud"].faults.clear()
    assert done.code == 1, done.err
    result = done.json["result"]
    assert (result["pairs"], result["waiting"], result["complete"]) == ({"removed": 2, "failed": 1}, 0, True)
    assert [one["code"] for one in result["failures"]] == ["resource_failed"]
    assert left_behind(stack) == []
    # The rows are enough to undo it, with no ledger either.
    undone = untag("undo", "rows.csv", "--local", "--yes", "--expect", "2", "--json")
    assert undone.code == 0, undone.err
    stack.drain()
    assert tags(stack, "i-f1") == {"env": "prod"}
    words = ("send", name, "--local", "--batch", "again", "--yes", "--expect", "3", "--follow")
    again = untag(*words, "--report", "again.json")
    assert again.code == 0, again.err
    assert "rows: again.json" in again.out
    assert "again: 3 removed, complete: yes" in again.out
    assert untag("send", name, "--local", "--dry-run", "--report", "rows.csv").code == 2


def test_a_sweep_is_followed_until_its_summary_and_all_that_it_asked_for_are_there(untag: Untag, stack: Stack) -> None:
    for number in range(5):
        put(stack, f"i-w{number}", key="swept", value=str(number))
    rule = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "swept"}}
    name = untag.write("s.json", {"rules": [rule]})
    done = untag("send", name, "--local", "--batch", "s", "--yes", "--expect", "1", "--follow", "--json")
    assert done.code == 0, done.err
    assert (done.json["result"]["pairs"], done.json["result"]["complete"]) == ({"removed": 5}, True)


def test_following_that_is_stopped_leaves_nothing_behind_and_says_that_work_is_left(untag: Untag, stack: Stack) -> None:
    put(stack, "i-x")
    name = untag.write("a.json", request(["i-x"]))
    words = ("send", name, "--local", "--batch", "stopped", "--yes", "--expect", "1", "--follow")
    with stack.paused():
        command = untag.command(*words)
        with subprocess.Popen(
            command, cwd=untag.folder, env=untag.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            wait_until(lambda: stack.queues()["WorkQueue"].visible)
            assert left_behind(stack)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert "stopped: 1 waiting, complete: no" in out
    assert left_behind(stack) == []
    stack.drain()
    assert tags(stack, "i-x") == {}
