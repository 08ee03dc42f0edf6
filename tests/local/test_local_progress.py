"""What a person sees of something that takes its time, and that a script does not see it."""

import json

import pytest
from processes import at_terminal, run, up
from throwaway import PROBE, project

SLOW = PROBE.replace("def act(", "import time\n_sleep = time.sleep\n\ndef act(").replace(
    'print("batch"', '_sleep(1.5)\n    print("batch"'
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    template = project(folder, probe=SLOW)
    with up(folder / "session.json", "--template", template, "--no-seed", "--batching-window", "0"):
        yield folder / "session.json"


def test_at_a_terminal_waiting_says_how_much_is_left(session, tmp_path):
    event = tmp_path / "event.json"
    event.write_text("{}")
    with at_terminal("send", event, "--wait", "20", "--session", session) as terminal:
        terminal.see("waiting for the queues: 1 message left")
        assert terminal.end() == 0
        assert "1 message to the queue untag-Work" in terminal.plain


def test_what_is_not_done_in_time_says_so_and_what_to_look_at(session):
    answer = run("send", "-", "--wait", "0.2", "--session", session, text="{}")
    assert answer.returncode == 3
    assert "there is still work" in answer.stderr
    assert "untag local watch" in answer.stderr
    with at_terminal("send", session, "--wait", "0.2", "--session", session) as terminal:
        assert terminal.end() == 3
        assert "there is still work" in terminal.plain
        assert "Traceback" not in terminal.plain


def test_ctrl_c_ends_the_waiting_and_not_the_work(session, tmp_path):
    event = tmp_path / "event.json"
    event.write_text("{}")
    with at_terminal("send", event, "--wait", "60", "--session", session) as terminal:
        terminal.see("left")
        terminal.press("\x03")
        assert terminal.end(seconds=5) == 130
    assert json.loads(run("state", "--session", session, "--json").stdout)["queues"]


def test_where_nobody_looks_nothing_is_drawn(session):
    answer = run("send", "-", "--wait", "20", "--session", session, "--json", text="{}")
    assert json.loads(answer.stdout)[0]["name"] == "untag-Work"
    assert answer.stderr == ""


def test_starting_says_so_at_a_terminal(tmp_path):
    with at_terminal("up", "--template", project(tmp_path), "--session", tmp_path / "s.json", "--no-seed") as terminal:
        terminal.see("starting queues, functions and clouds")
        terminal.see("Ctrl-C stops it")
        terminal.press("\x03")
        assert terminal.end() == 0
