"""What waits, why, and until when: said while a run waits, and by `untag status`."""

import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cli_support import request

from cli.waits import Wait, due_in_words, from_now, until, waits_of
from local.providers import JdcloudServer


def stopped_while_it_waits(untag: Any, jd: JdcloudServer) -> str:
    """What a run says on stderr until it has begun to wait; then it is stopped by Ctrl-C."""
    name = untag.write("a.json", request(["i-1", "i-2"]))
    process = subprocess.Popen(
        untag.command("run", name, "--batch", "b", "--yes", "--expect", "2"),
        cwd=untag.folder,
        env=untag.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    waiting = untag.ledger / "b" / "waiting.jsonl"
    while time.monotonic() < end and not (waiting.exists() and '"code"' in waiting.read_text()):
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    return err


def test_a_run_whose_credentials_are_refused_says_so_while_it_waits_and_what_to_do(
    untag: Any, jd: JdcloudServer
) -> None:
    jd.faults.add("unauthorized")
    err = stopped_while_it_waits(untag, jd)
    assert "nothing is due until " in err
    assert "2 pairs at jdcloud/default wait: the credentials are refused (account_closed)" in err
    assert "Ctrl-C, correct them, then untag run --resume b" in err
    done = untag("status", "b")
    assert done.code == 3
    assert "nothing is due until " in done.out
    assert "2 pairs at jdcloud/default wait: the credentials are refused (account_closed)" in done.out
    [wait] = untag("status", "b", "--json").json["waits"]
    assert (wait["provider"], wait["account"], wait["pairs"], wait["code"]) == (
        "jdcloud",
        "default",
        2,
        "account_closed",
    )
    jd.faults.clear()
    began = time.monotonic()
    resumed = untag("run", "--resume", "b", "--json")
    assert (resumed.code, resumed.json["pairs"]) == (0, {"removed": 2})
    # The account was closed for five minutes: in the process before.
    assert time.monotonic() - began < 60


def test_a_request_that_is_kept_says_until_when(untag: Any) -> None:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
    name = untag.write("a.json", request(["i-1"], not_before=later))
    process = subprocess.Popen(
        untag.command("run", name, "--batch", "b", "--yes", "--expect", "1"),
        cwd=untag.folder,
        env=untag.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stderr.readline() if process.stderr else ""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert "nothing is due until 20" in line
    assert "1 pair at jdcloud/default waits: the request says so (not_before)" in line


def test_a_sweep_that_cannot_go_on_now_says_until_when(untag: Any, jd: JdcloudServer) -> None:
    jd.faults.add("unauthorized")
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("sweep.json", {"rules": [rule]})
    process = subprocess.Popen(
        untag.command("run", name, "--batch", "s", "--dry-run"),
        cwd=untag.folder,
        env=untag.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [process.stderr.readline() for _ in range(2)] if process.stderr else []
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert lines[0] == "jdcloud/default is closed: its credentials are refused\n"
    assert lines[1].startswith("nothing is due until ")
    assert lines[1].endswith("the sweep goes on then\n")
    assert not (untag.ledger / "s").exists()


NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).astimezone().replace(hour=12)


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (timedelta(minutes=4, seconds=12), "nothing is due until 12:04 (in 4:12)"),
        (timedelta(hours=2), "nothing is due until 14:00 (in 2:00:00)"),
        (timedelta(days=1), "nothing is due until 2026-11-28 12:00 (in 24:00:00)"),
    ],
)
def test_a_moment_is_said_by_the_clock_of_this_machine(due: timedelta, words: str) -> None:
    assert until(NOON + due, NOON) == words
    assert from_now(NOON, NOON) == "now"


@pytest.mark.parametrize(
    ("dues", "words"),
    [
        ([252, 260], "nothing is due until 12:04 (in 4:12)"),
        ([252, 750], "nothing is due until 12:04 (in 4:12), the last in 12:30"),
        ([-9, 30], "due now"),
        ([-9, 750], "due now, the last in 12:30"),
    ],
)
def test_of_several_moments_the_first_and_the_last_are_said(dues: list[int], words: str) -> None:
    assert due_in_words([NOON + timedelta(seconds=seconds) for seconds in dues], NOON) == words


def test_what_waits_is_added_up_by_account_and_reason_the_next_one_first() -> None:
    def body(id_: str, account: str = "default") -> str:
        return (
            f'{{"id": "{id_}", "batch": "b", "provider": "jdcloud", "account": "{account}", '
            '"resources": [{"type": "vm", "ids": ["i-1", "i-2"]}], "tags": [{"key": "env"}]}'
        )

    soon, late = NOON + timedelta(minutes=1), NOON + timedelta(minutes=9)
    waits = waits_of(
        [
            (body("1"), late, "account_closed", ""),
            (f"[{body('2')}, {body('3', 'shop')}]", late, "Busy", "try again"),
            (body("4"), soon, "account_closed", ""),
        ],
        batch="b",
    )
    assert waits[0] == Wait("jdcloud", "default", 4, "account_closed", "", soon)
    assert [one.words() for one in waits[1:]] == [
        "2 pairs at jdcloud/default wait: try again (Busy)",
        "2 pairs at jdcloud/shop wait: try again (Busy)",
    ]
    assert waits_of([(body("1"), late, "x", "")], batch="other") == []
