"""What a person is told to do next works when it is pasted: taken from what a command printed, and run in a shell."""

import json
import os
import re
import shutil
import subprocess

import pytest
import warm
from processes import installed, up
from terminals import Terminal

from local.stack import ROOT

COMMAND = re.compile(r"(?:'[^'\n]*/untag'|(?:\S*/)?untag|make -C) (?:local|-)[^\n]*|(?<=: )ls [^\n]*")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A stack that is up in another process, in the project's folder."""
    file = tmp_path_factory.mktemp("up") / "session.json"
    with up(file):
        yield file


PLACES = ("the project's folder", "another folder", "another folder, by its name")


@pytest.fixture
def place(request, tmp_path):
    """A folder, the command as it is typed there, and the environment of the shell."""
    folder = tmp_path / "elsewhere with a space"
    folder.mkdir()
    # What lies where somebody happens to be is none of the command's.
    (folder / "typing.py").write_text("raise SystemExit('not mine')")
    environ = {name: value for name, value in os.environ.items() if name != "UNTAG_LOCAL_SESSION"}
    environ["PATH"] = "/usr/bin:/bin"
    script = installed(folder)
    where = getattr(request, "param", "another folder")
    if where == "the project's folder":
        return ROOT, [str(script), "local"], environ
    if where == "another folder":
        return folder, ["./untag", "local"], environ
    return folder, [str(script), "local"], environ | {"PATH": f"{folder}:{environ['PATH']}"}


def typed(place, *words, text=None):
    folder, (called, *command), environ = place
    called = shutil.which(called, path=environ["PATH"]) or called
    words = map(str, (*command, *words))
    return warm.run(*words, cwd=folder, env=environ, stdin=text or "", timeout=60, called=called)


BASH = ["bash", "-euo", "pipefail", "-c"]


def pasted(place, line):
    folder, _, environ = place
    return subprocess.run(
        [*BASH, line],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_works(place, line):
    """Paste a line; what stays until Ctrl-C shows its picture on a terminal, and ends well."""
    if not re.search(r" watch\b", line):
        done = pasted(place, line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return
    folder, _, environ = place
    with Terminal([*BASH, line], cwd=folder, env=environ) as terminal:
        terminal.see("Queues")
        terminal.press("\x03")
        assert terminal.end() == 0, f"{line}: {terminal.plain}"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        *((where, ["undo", "no-such-request"]) for where in PLACES),
        ("another folder", ["faults", "on", "throtle"]),
        ("another folder", ["send", "no/such.json"]),
        ("another folder", ["up"]),
        ("another folder", ["send", "-", "--wait", "0.01"]),
    ],
    indirect=["place"],
)
def test_the_command_at_the_end_of_an_errors_hint_works(place, session, words):
    failed = typed(place, *words, "--session", session, text="{}")
    assert failed.returncode == (3 if "--wait" in words else 2)
    hint = failed.stderr.splitlines()[-1]
    (command,) = COMMAND.findall(hint)
    assert_works(place, command)


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_the_hints_of_a_command_for_scripts_are_the_same(place, session):
    failed = json.loads(typed(place, "undo", "no-such-request", "--session", session, "--json").stdout)
    (command,) = COMMAND.findall(failed["hint"])
    assert "`" not in failed["hint"]
    assert pasted(place, command).returncode == 0
    wrong = json.loads(typed(place, "nonsense", "--json").stdout)
    (command,) = COMMAND.findall(wrong["hint"])
    assert "Usage" in pasted(place, command).stdout


def test_a_fault_that_was_switched_on_is_ended_by_the_command_that_says_so(place, session):
    on = typed(place, "faults", "on", "throttle", "--cloud", "jdcloud", "--session", session)
    (command,) = COMMAND.findall(on.stdout)
    assert "it struck" in pasted(place, command).stdout


def test_a_person_is_told_how_to_switch_something_on(place, session):
    shown = typed(place, "faults", "--session", session).stdout
    switch, narrow, take_down = COMMAND.findall(shown)
    assert "Usage" in pasted(place, narrow).stdout
    assert pasted(place, switch).returncode == 0
    assert "unavailable is on at sns" in pasted(place, take_down).stdout
    typed(place, "faults", "off", "--session", session)


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_without_a_stack_the_command_that_starts_one_is_named_with_its_session_file(place, tmp_path):
    file = tmp_path / "none.json"
    (command,) = COMMAND.findall(typed(place, "state", "--session", file).stderr)
    assert command.endswith(f"up --session {file}")
    helped = pasted(place, f"{command} --help")
    assert "Start everything" in helped.stdout


def test_what_can_be_done_with_a_stack_that_is_up_can_be_pasted(place, tmp_path):
    folder, command, environ = place
    file = tmp_path / "session.json"
    with subprocess.Popen(
        [*command, "up", "--session", file, "--no-logs"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = ""
            for line in process.stdout:
                printed += line
                if "Ctrl-C stops it" in line:
                    break
            lines = COMMAND.findall(printed)
            assert len(lines) == 8
            for line in lines:
                assert_works(place, line)
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_what_sets_the_functions_environment_up_is_a_target_that_make_knows(tmp_path):
    from local.errors import LocalError
    from local.stack import Stack

    with pytest.raises(LocalError) as raised:
        Stack(python=tmp_path / "python").start()
    assert pasted((tmp_path, [], dict(os.environ)), f"{raised.value.hint} --dry-run").returncode == 0
