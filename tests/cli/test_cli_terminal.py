"""The command at a terminal: the question that wants a number, the bar of a run, and a batch that is watched."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cli_support import request
from terminals import Terminal

from local.providers import JdcloudServer

SHOWS_THE_CURSOR = "\x1b[?25h"


def terminal(untag: Any, *words: str, **environ: str) -> Terminal:
    return Terminal(untag.command(*words), cwd=untag.folder, env={**untag.environ, **environ})


def standing(jd: JdcloudServer, *ids: str) -> set[str]:
    """Those of the machines that still bear the tag, by the cloud's own account."""
    return {id_ for id_ in ids if "env" in (jd.tags.get("default", "cn-north-1", "vm", id_) or {})}


def test_the_number_that_is_typed_lets_a_run_begin(untag: Any, jd: JdcloudServer) -> None:
    untag.write("a.json", request(["i-1", "i-2"]))
    with terminal(untag, "run", "a.json", "--batch", "b") as asked:
        asked.see("Type the number of pairs (2) to go on: ")
        assert "cn-north-1" in asked.plain
        assert standing(jd, "i-1", "i-2") == {"i-1", "i-2"}
        asked.press("2\n")
        assert asked.end() == 0
        assert "b: 2 removed, complete: yes" in asked.plain
    assert standing(jd, "i-1", "i-2") == set()


@pytest.mark.parametrize("typed", ["3\n", "\n", "yes\n", "2 pairs\n"])
def test_anything_else_that_is_typed_changes_nothing(untag: Any, jd: JdcloudServer, typed: str) -> None:
    untag.write("a.json", request(["i-1", "i-2"]))
    with terminal(untag, "run", "a.json", "--batch", "b") as asked:
        asked.see("to go on: ")
        asked.press(typed)
        assert asked.end() == 2
        assert "not confirmed: nothing was changed" in asked.plain
    assert standing(jd, "i-1", "i-2") == {"i-1", "i-2"}
    assert not (untag.ledger / "b").exists()


def test_ctrl_c_at_the_question_changes_nothing_and_leaves_no_run(untag: Any, jd: JdcloudServer) -> None:
    untag.write("a.json", request(["i-1"]))
    with terminal(untag, "run", "a.json", "--batch", "b") as asked:
        asked.see("to go on: ")
        asked.press("\x03")
        assert asked.end() == 130
        assert "Traceback" not in asked.text
        assert asked.modes == asked.modes_before
    assert standing(jd, "i-1") == {"i-1"}
    assert not (untag.ledger / "b").exists()


def test_a_plan_and_an_undo_ask_in_the_same_way(untag: Any, jd: JdcloudServer) -> None:
    untag.write("a.json", request(["i-1", "i-2"]))
    assert untag("plan", "a.json", "-o", "plan.csv", "--batch", "b").code == 0
    for words, question in (
        (("apply", "plan.csv"), "Type the number of pairs (2) to go on: "),
        (("undo", "b"), "Type the number of rows (2) to go on: "),
    ):
        with terminal(untag, *words) as asked:
            asked.see(question)
            asked.press("2\n")
            assert asked.end() == 0
    assert standing(jd, "i-1", "i-2") == {"i-1", "i-2"}


SLOWLY = {"UNTAG_CONCURRENCY": "1", "UNTAG_RESOURCES_PER_CALL": "jdcloud.resourcetag=5", "UNTAG_RATE": "2000"}
FORTY = [f"i-{n}" for n in range(40)]


def test_a_bar_shows_how_far_a_run_is_and_is_gone_when_it_ends(untag: Any, jd: JdcloudServer) -> None:
    jd.faults.add("delay", seconds=0.2, operation="writing")
    untag.write("a.json", [request([id_]) for id_ in FORTY])
    with terminal(untag, "run", "a.json", "--batch", "b", "--yes", "--expect", "40", **SLOWLY) as shown:
        shown.see("/40")
        shown.see("━")
        shown.see(" removed")
        assert shown.end(60) == 0
        last = shown.plain.rpartition("b: 40 removed")[2]
        assert "complete: yes" in last
        assert "━" not in last
        assert SHOWS_THE_CURSOR in shown.text
        assert shown.modes == shown.modes_before


def test_ctrl_c_under_the_bar_says_that_it_stops_and_how_to_go_on(untag: Any, jd: JdcloudServer) -> None:
    jd.faults.add("delay", seconds=0.4, operation="writing")
    untag.write("a.json", [request([id_]) for id_ in FORTY])
    with terminal(untag, "run", "a.json", "--batch", "b", "--yes", "--expect", "40", **SLOWLY) as shown:
        shown.see(" removed")
        shown.press("\x03")
        assert shown.end(60) == 3
        assert "stopping when the calls under way are answered" in shown.plain
        assert "to go on: untag run --resume b" in shown.plain
        assert "Traceback" not in shown.text
        assert SHOWS_THE_CURSOR in shown.text
        assert shown.modes == shown.modes_before


def test_at_a_terminal_too_a_run_says_what_it_waits_for(untag: Any, jd: JdcloudServer) -> None:
    jd.faults.add("unauthorized")
    untag.write("a.json", request(["i-1"]))
    with terminal(untag, "run", "a.json", "--batch", "b", "--yes", "--expect", "1") as shown:
        shown.see("nothing is due until ")
        shown.see("the credentials are refused (account_closed)")
        shown.see("untag run --resume b")
        shown.press("\x03")
        assert shown.end() == 3


def waiting(untag: Any) -> None:
    """A batch with one pair that is removed and one that waits for an hour."""
    untag.write("a.json", request(["i-1"]))
    assert untag("run", "a.json", "--batch", "b", "--yes", "--expect", "1").code == 0
    body = json.dumps({**request(["i-2"]), "id": "b-2", "batch": "b"})
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    line = {"body": body, "due": due, "code": "circuit_open", "message": ""}
    (untag.ledger / "b" / "waiting.jsonl").write_text(json.dumps(line) + "\n")


def test_a_batch_is_watched_until_nothing_of_it_waits(untag: Any) -> None:
    waiting(untag)
    with terminal(untag, "status", "b", "--watch") as shown:
        shown.see("complete: no")
        shown.see("nothing is due until ")
        shown.see("1 pair at jdcloud/default waits: the cloud does not answer; calls are paused")
        shown.see("circuit_open")
        (untag.ledger / "b" / "waiting.jsonl").write_text("")
        shown.see("complete: yes")
        assert shown.end() == 0
        assert SHOWS_THE_CURSOR in shown.text


def test_ctrl_c_ends_the_watching_and_nothing_else(untag: Any) -> None:
    waiting(untag)
    before = (untag.ledger / "b" / "waiting.jsonl").read_text()
    with terminal(untag, "status", "b", "--watch") as shown:
        shown.see("complete: no")
        shown.press("\x03")
        assert shown.end() == 130
        assert "Traceback" not in shown.text
        assert SHOWS_THE_CURSOR in shown.text
        assert shown.modes == shown.modes_before
    assert (untag.ledger / "b" / "waiting.jsonl").read_text() == before


def test_elsewhere_a_watched_batch_is_a_line_now_and_then(untag: Any) -> None:
    waiting(untag)

    def later() -> None:
        time.sleep(3)
        (untag.ledger / "b" / "waiting.jsonl").write_text("")

    thread = threading.Thread(target=later)
    thread.start()
    done = untag("status", "b", "--watch")
    thread.join()
    assert done.code == 0
    assert done.out.splitlines()[0] == "b: 1 removed, complete: no"
    assert "b: 1 removed, complete: yes" in done.out
