"""The lists of the live view: a report's rows, scrolling, the search, and what comes back later."""

import io
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from processes import at_terminal, run, up
from rich.console import Console

from local.live import Observer
from local.live.keys import names_of
from local.live.lists import until
from local.live.picture import picture
from local.live.view import Item, View
from local.stack import ROOT

LETTERS = [Item(number, letter) for number, letter in enumerate("abcdefghij")]
UP, DOWN = "\x1b[A", "\x1b[B"
KINDS = {
    "with colours": ("xterm-256color", {}),
    "without colours": ("vt100", {"NO_COLOR": "1"}),
    "linux": ("linux", {}),
}


def shown(view, items=LETTERS, lines=4, *, follows=True):
    window = view.window(items, lines, follows=follows)
    return "".join(item.text for item in items[window.first : window.end]), window.cursor


def press(view, *keys):
    return [view.press(key) for key in keys][-1]


def test_a_list_that_grows_shows_its_end_until_the_cursor_is_moved_up():
    view = View("calls")
    assert shown(view, LETTERS[:6]) == ("cdef", None)
    assert shown(view) == ("ghij", None)
    press(view, "up")
    assert shown(view) == ("ghij", 8)
    assert view.position() == "9 of 10"
    press(view, "pageup", "pageup")
    assert shown(view) == ("cdef", 2)
    # It grows and loses its oldest items: the cursor stays at what it was at.
    assert shown(view, [*LETTERS[1:], Item(10, "k")]) == ("cdef", 1)
    press(view, "home")
    assert shown(view) == ("bcde", 1)
    press(view, "end")
    assert shown(view) == ("ghij", None)


def test_a_list_that_does_not_grow_begins_at_its_top():
    view = View("waiting")
    assert shown(view, follows=False) == ("abcd", None)
    press(view, "down")
    assert shown(view, follows=False) == ("abcd", 0)
    press(view, "pagedown", "down")
    assert shown(view, follows=False) == ("bcde", 4)
    press(view, "end", "down")
    assert shown(view, follows=False) == ("ghij", 9)


@pytest.mark.parametrize("items", [[], LETTERS[:2]])
def test_every_key_is_taken_on_a_list_shorter_than_the_screen(items):
    view = View("reports")
    for key in ("up", "down", "pageup", "pagedown", "home", "end", "n", "N", "backspace", "left", "right", "x", "/"):
        shown(view, items)
        assert press(view, key)
    press(view, "z", "enter", "n", "escape", "escape", "enter")
    assert shown(view, items)[0] == "".join(item.text for item in items)


def test_a_search_goes_from_one_line_with_the_text_to_the_next_and_round_the_end():
    words = [Item(number, text) for number, text in enumerate(["One web", "two", "WEB", "four"])]
    view = View("logs")
    shown(view, words)
    press(view, "/", "w", "x", "backspace", "e", "b")
    assert view.typing == "web"
    at = []
    for key in ("enter", "n", "n", "N"):
        press(view, key)
        at.append(shown(view, words)[1])
    assert at == [0, 2, 0, 2]
    press(view, "escape", "/", "q", "enter")
    assert (view.missed, view.search, shown(view, words)[1]) == (True, "q", 2)
    assert press(view, "escape")
    assert (view.missed, view.search) == (False, "")
    # While a text is typed, q is a letter; otherwise it ends the view.
    assert press(view, "/", "q", "escape")
    assert view.search == ""
    assert not press(view, "q")


def test_a_report_is_opened_at_the_cursor_and_left_again_for_the_same_place():
    view = View("reports")
    assert shown(view) == ("ghij", 9)
    press(view, "up", "up", "enter")
    assert (view.showing, view.report) == ("rows", 7)
    rows = [Item(number, f"r{number}") for number in range(3)]
    assert shown(view, rows, follows=False) == ("r0r1r2", None)
    press(view, "/", "2", "enter")
    assert shown(view, rows, follows=False)[1] == 2
    press(view, "escape")
    assert view.showing == "rows"
    press(view, "escape")
    assert (view.showing, shown(view)) == ("reports", ("ghij", 7))


def test_keys_are_known_by_what_terminals_of_all_kinds_send():
    assert list(names_of("\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~\x1b[1;5A\x1b[99~\r\x7f\x1b")) == [
        "up",
        "down",
        "pageup",
        "pagedown",
        "home",
        "end",
        "enter",
        "backspace",
        "escape",
    ]
    assert list(names_of("/env\u00e9")) == ["/", "e", "n", "v", "\u00e9"]


@pytest.mark.parametrize(("seconds", "text"), [(252, "4:12"), (0, "0:00"), (-3, "0:00"), (172790, "47:59:50")])
def test_the_time_until_a_message_is_back_is_said_in_minutes_and_seconds(seconds, text):
    assert until(1000.0 + seconds, 1000.0) == text


def drawn(observer, view, width=80, height=24):
    console = Console(file=io.StringIO(), width=width, height=height, legacy_windows=False)
    console.print(picture(observer.look(), width, height, view, report=observer.report(view.report or 0)))
    return console.file.getvalue()


def publish(stack, **report):
    stack.aws.topics.publish(json.dumps(report), arn=stack.template.resolver.ref("Topic"))


PLACE = {"kind": "removal", "provider": "jdcloud", "account": "default", "region": "cn-north-1", "action": "remove"}


def row(number, outcome="removed", **more):
    return {"type": "vm", "resource_id": f"i-{number}", "key": "env", "value": "prod", "outcome": outcome, **more}


def test_a_report_that_came_twice_and_a_pair_of_a_later_attempt_count_once(stack):
    observer = Observer(stack)
    first = [row(1), row(2, "failed", code="Busy")]
    report = {**PLACE, "id": "once", "summary": "s", "status": "partial"}
    one = {**report, "report_id": "a", "attempt": 1, "outcomes": first, "finished_at": "2026-01-01T00:00:00Z"}
    one |= {"counts": {"removed": 1, "failed": 1, "deferred": 1}}
    publish(stack, **one)
    publish(stack, **one)
    assert observer.look()["outcomes"] == {"removed": 1, "failed": 1, "deferred": 1}
    later = [row(3), row(2)]
    two = {**report, "report_id": "b", "attempt": 2, "outcomes": later, "finished_at": "2026-01-01T00:01:00Z"}
    publish(stack, **two, counts={"removed": 2})
    assert observer.look()["outcomes"] == {"removed": 3}


def test_an_open_report_shows_its_rows_with_what_stood_there_and_why_they_ended(stack):
    observer = Observer(stack)
    outcomes = [
        row(1, was="prod"),
        row(2, "absent", was=None),
        row(3, "failed", code="AccessDenied", message="no leave"),
    ]
    publish(stack, **PLACE, id="rows", summary="three", status="partial", outcomes=outcomes, counts={})
    publish(
        stack,
        **PLACE,
        id="held",
        summary="none",
        status="unchanged",
        outcomes=[],
        counts={"protected": 9},
        held_back={"code": "too_many_pairs", "message": "9 pairs, and the settings allow 5", "pairs": 9},
    )
    publish(
        stack,
        kind="rejected",
        id="bad",
        summary="x",
        status="failed",
        counts={},
        errors=[{"path": "tags", "message": "Field required"}],
    )
    view = View("reports")
    count = observer.look()["reports"]["count"]
    drawn(observer, view)
    view.report = count - 2
    text = drawn(observer, view)
    lines = {line.split()[1]: line.split() for line in text.splitlines() if line.startswith("vm i-")}
    assert lines["i-1"][2:] == ["env", "prod", "prod", "removed"]
    assert lines["i-2"][2:] == ["env", "prod", "(none)", "absent"]
    assert lines["i-3"][2:] == ["env", "prod", "failed", "AccessDenied"]
    assert "rows: three" in text
    assert "no leave" not in text
    assert "(80 x 1)" not in text  # what rich draws for nothing
    press(view, "end")
    assert "vm i-3 no leave" in drawn(observer, view)
    view.report = count - 1
    assert "all 9 pairs: 9 pairs, and the settings allow 5" in drawn(observer, view)
    view.report = count
    assert "tags: Field required" in drawn(observer, view)
    view.report = count - 10_000
    assert "not kept any more" in drawn(observer, view)


@pytest.mark.parametrize("height", [24, 10, 6])
def test_the_cursor_is_on_the_screen_wherever_it_is_moved_to(stack, height):
    observer = Observer(stack)
    outcomes = [row(number) for number in range(300)]
    publish(stack, **PLACE, id="long", summary="s", status="succeeded", outcomes=outcomes, counts={})
    view = View("reports")
    drawn(observer, view, height=height)
    view.press("enter")
    drawn(observer, view, height=height)
    for key, number in (("end", 299), ("pageup", None), ("home", 0), ("pagedown", None), ("down", None)):
        view.press(key)
        text = drawn(observer, view, height=height)
        at = int(view.position().split()[0]) - 1
        assert f"vm i-{at} " in text
        assert number is None or at == number
        assert len(text.splitlines()) == height


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A stack with a report and a request that is kept for two days and nearly an hour."""
    file = tmp_path_factory.mktemp("up") / "session.json"
    with up(file, "--batching-window", "0.1"):
        run("send", ROOT / "events" / "jdcloud_eventbridge.json", "--session", file)
        later = (datetime.now(UTC) + timedelta(days=2, minutes=59)).isoformat(timespec="seconds")
        kept = {"id": "kept-one", "provider": "jdcloud", "region": "cn-north-1", "not_before": later}
        kept |= {"resources": [{"type": "vm", "ids": ["i-9", "i-10"]}], "tags": [{"key": "env"}]}
        run("send", "-", "--session", file, text=json.dumps(kept))
        yield file


@pytest.mark.parametrize(("term", "environ"), KINDS.values(), ids=KINDS)
def test_a_person_opens_a_report_searches_in_it_and_sees_what_comes_back_when(session, term, environ):
    with at_terminal("watch", "--session", session, env={**os.environ, **environ}, term=term) as terminal:
        terminal.see_on_screen("kept requests")
        terminal.see_on_screen("1 in 48:5")
        terminal.press("w")
        line = terminal.see_on_screen("back in 48:5")
        assert line.startswith("back in")
        assert " 2 kept-one" in line
        once = run("watch", "--once", "--session", session).stdout
        assert "Waiting (1)" in once
        assert "48:5" in once
        terminal.press("r")
        terminal.see_on_screen("Reports (2)")
        terminal.press(f"{UP}{UP}{DOWN}{UP}/removed\r")
        terminal.see_on_screen("/removed n: next, Esc: end")
        terminal.press("\r")
        terminal.see_on_screen("Esc back to the reports")
        heading = terminal.see_on_screen("resource")
        assert heading.split() == ["resource", "key", "value", "was", "outcome", "code"]
        terminal.see_on_screen("removed")
        terminal.press("/REMOVED\r")
        terminal.see_on_screen("/REMOVED n: next, Esc: end")
        terminal.see_on_screen("1 of ")
        terminal.press("n")
        terminal.press("\x1b")
        terminal.see_on_screen("Esc back to the reports")
        terminal.press("\x1b")
        terminal.see_on_screen("Reports (2)")
        terminal.press("\x03")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before
        assert "Traceback" not in terminal.text
