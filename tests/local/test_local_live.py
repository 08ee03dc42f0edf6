"""The live view, on a terminal and elsewhere."""

import json
import subprocess
import threading

import pytest
from processes import COMMAND, at_terminal, run, up
from rich.console import Console
from terminals import COLUMNS, LINES
from throwaway import project

from local.live import Observer, watch
from local.live.picture import picture
from local.live.view import PAGES, View
from local.live.watching import Lines
from local.stack import ROOT

LEAVES_THE_SCREEN = "\x1b[?1049l"
CLEARED = "\x1b[?1049h"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    with up(folder / "session.json", "--template", project(folder), "--no-seed", "--batching-window", "0.1"):
        yield folder / "session.json"


def drawn(seen, page="overview", width=COLUMNS, height=LINES, note=""):
    console = Console(record=True, width=width, height=height, file=None, legacy_windows=False, quiet=False)
    with console.capture() as caught:
        console.print(picture(seen, width, height, View(page), note), height=height)
    return caught.get().splitlines()


@pytest.fixture
def observer(stack):
    return Observer(stack)


def row(id_, outcome):
    return {"type": "vm", "resource_id": id_, "key": "env", "value": "prod", "outcome": outcome}


def publish(stack, **report):
    topic = stack.template.resolver.ref("Topic")
    stack.aws.topics.publish(json.dumps(report), arn=topic)


def test_a_look_counts_reports_outcomes_and_dead_letters_and_later_looks_go_on_from_there(stack, observer):
    rows = [row("i-1", "removed"), row("i-2", "removed"), row("i-3", "failed")]
    publish(stack, id="r-1", status="partial", counts={"removed": 2, "failed": 1}, outcomes=rows, summary="three")
    assert observer.look()["outcomes"] == {"removed": 2, "failed": 1}
    publish(stack, id="r-2", status="succeeded", counts={"removed": 1}, outcomes=[row("i-1", "removed")], summary="one")
    publish(stack, id="n", status="succeeded", counts={"resources": 7}, details=[], summary="a notice")
    stack.send("crash", queue="Dead")
    seen = observer.look()
    assert seen["outcomes"] == {"removed": 3, "failed": 1}
    assert [report["id"] for report in seen["reports"]["recent"]] == ["r-1", "r-2", "n"]
    assert seen["dead_letters"]["count"] == 1
    shown = "\n".join(drawn(seen))
    for told in ("Outcomes", "removed", "3", "Reports (3)", "r-2", "Dead letters", "Work", "Dead"):
        assert told in shown
    stack.purge("Dead")


@pytest.mark.parametrize("page", PAGES.values())
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 10)])
def test_a_page_fills_the_terminal_and_nothing_sticks_out(stack, observer, page, width, height):
    for number in range(60):
        publish(
            stack, id=f"request-{number}" * 9, status="succeeded", counts={"removed": 1}, outcomes=[], summary="s" * 300
        )
    observer.logged("untag-Probe", "a long line " * 40)
    lines = drawn(observer.look(), page, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_texts_from_outside_are_no_markup_and_no_control_of_the_terminal(stack, observer):
    publish(stack, id="[bold]x", status="failed", counts={"failed": 1}, outcomes=[], summary="\x1b[2Jgone [/]")
    shown = "\n".join(drawn(observer.look(), "reports"))
    assert "[bold]x" in shown
    assert "gone [/]" in shown
    assert "\x1b[2J" not in shown


def test_of_real_clouds_the_calls_are_those_that_the_functions_metrics_tell(observer):
    metrics = {"_aws": {}, "provider": "jdcloud", "Calls": [3.0], "Throttles": [1.0], "ProviderLatency": [1, 2, 3]}
    observer.logged("f", json.dumps(metrics))
    observer.logged("f", json.dumps(metrics))
    observer.logged("f", '{"_aws": broken')
    cloud = observer.look()["providers"]["jdcloud"]
    assert (cloud["calls"], cloud["statuses"], cloud["rate"]) == (6, {"throttled": 2}, 0.6)


def test_a_terminal_shows_pages_by_key_and_is_left_as_it_was(session):
    run("send", "-", "--queue", "Dead", "--session", session, text="{}")
    with at_terminal("watch", "--session", session) as terminal:
        terminal.see("Queues")
        terminal.see("overview")
        terminal.press("d")
        terminal.see("received 0 times and never done", times=1)
        terminal.press("l")
        terminal.see("Function")
        assert terminal.modes != terminal.modes_before
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.modes == terminal.modes_before
        assert terminal.text.rstrip().endswith(("\x1b[?25h", LEAVES_THE_SCREEN))
        assert LEAVES_THE_SCREEN in terminal.text


def test_a_stack_that_is_watched_where_it_runs_ends_in_order_on_ctrl_c(tmp_path):
    file = tmp_path / "session.json"
    with at_terminal("up", "--live", "--template", project(tmp_path), "--session", file, "--no-seed") as terminal:
        terminal.see("Clouds")
        assert json.loads(run("watch", "--once", "--json", "--session", file).stdout)["name"] == "untag"
        terminal.press("\x03")
        assert terminal.end() == 0
        assert "Traceback" not in terminal.text
        assert terminal.modes == terminal.modes_before
    assert not file.exists()


def test_a_watcher_ends_when_its_stack_does(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    with up(tmp_path / "s.json", "--template", project(folder), "--no-seed"):
        terminal = at_terminal("watch", "--session", tmp_path / "s.json")
        terminal.see("Queues")
    with terminal:
        assert terminal.end() == 0
        assert "Traceback" not in terminal.text


def test_where_there_is_no_terminal_each_thing_that_happens_is_a_line_and_told_once(stack, observer, capsys):
    publish(stack, id="r-once", status="succeeded", counts={"removed": 1}, outcomes=[], summary="all [of] it")
    stopped = threading.Event()
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 3:
            stopped.set()
        return observer.look()

    watch(look, Console(force_terminal=False, width=80), stopped)
    lines = [line for line in capsys.readouterr().out.splitlines() if "r-once" in line]
    assert lines == ["report    r-once  succeeded  1 removed  all [of] it"]


def test_one_look_at_a_fresh_stack_shows_that_there_is_nothing_yet(tmp_path):
    session = tmp_path / "session.json"
    with up(session):
        shown = run("watch", "--once", "--session", session)
        assert (shown.returncode, shown.stderr) == (0, "")
        for told in ("untag up", "0 invocations", "WorkQueue", "jdcloud", "No outcomes yet.", "No reports yet."):
            assert told in shown.stdout
        assert "faults on" in shown.stdout
        clouds = json.loads(run("watch", "--once", "--json", "--session", session).stdout)["providers"]
        assert {name: cloud["faults"] for name, cloud in clouds.items()} == {name: [] for name in clouds}
        with at_terminal("watch", "--session", session) as terminal:
            terminal.see("huaweicloud-tms")
            assert "faults on" not in terminal.plain
            run("faults", "on", "throttle", "--cloud", "jdcloud", "--session", session)
            terminal.see("faults on: throttle")
            terminal.press("q")
            assert terminal.end() == 0
        with at_terminal("watch", "--once", "--session", session) as terminal:
            assert terminal.end() == 0
            assert "No outcomes yet." in terminal.plain


def test_one_is_counted_as_one(stack, observer):
    call = {"number": 1, "status": "200", "operation": "unTagResources", "type": "vm", "code": "", "fault": ""}
    seen = observer.look() | {
        "providers": {"jdcloud": {"recent": [call | {"pairs": 1, "applied": 1, "milliseconds": 5.0}]}}
    }
    line = next(line for line in Lines().news(seen) if line.startswith("call"))
    assert line == "call      jdcloud  200 unTagResources vm  1 pair, 1 changed, 5 ms"
    functions = {"Probe": {"busy": 0, "invocations": 1}}
    assert "1 invocation, 0 running" in "\n".join(drawn(observer.look() | {"functions": functions}))


def test_where_there_is_no_room_for_all_clouds_those_that_were_called_come_first(stack, observer):
    idle = {"calls": 0, "in_flight": 0, "rate": 0, "statuses": {}, "faults": [], "recent": []}
    clouds = {f"cloud-{number}": idle for number in range(20)}
    clouds |= {"busy": idle | {"calls": 7, "statuses": {"200": 7}}, "faulty": idle | {"faults": ["throttle"]}}
    lines = drawn(observer.look() | {"providers": clouds}, width=80, height=24)
    shown = [line.split()[0] for line in lines if line.startswith(("cloud-", "busy", "faulty"))]
    assert shown[:3] == ["busy", "faulty", "cloud-0"]
    assert any(line.startswith(f"{22 - len(shown)} more") for line in lines)
    assert "overview" in lines[-1]
    assert any(line.startswith("Reports") for line in lines)


def test_a_watcher_for_scripts_prints_json_only_when_something_changed(session):
    command = [*COMMAND, "watch", "--json", "--session", str(session)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as watcher:
        first = json.loads(watcher.stdout.readline())
        run("send", "-", "--queue", "Dead", "--session", session, text="{}")
        second = json.loads(watcher.stdout.readline())
        watcher.terminate()
        assert watcher.wait(10) == 0
    assert second["dead_letters"]["count"] == first["dead_letters"]["count"] + 1


def test_a_service_of_aws_that_is_down_stands_in_the_picture_and_its_end_is_a_line(stack, observer):
    lines = Lines()
    lines.news(observer.look())
    with stack.outage("sns", "sqs"):
        seen = observer.look()
        assert "down: sns, sqs" in drawn(seen)[0]
        assert lines.news(seen) == ["[magenta]outage[/]    sns  is down", "[magenta]outage[/]    sqs  is down"]
        assert lines.news(observer.look()) == []
    seen = observer.look()
    assert "down" not in drawn(seen)[0]
    assert lines.news(seen) == ["[magenta]outage[/]    sns  is up again", "[magenta]outage[/]    sqs  is up again"]
