"""`untag local`: the commands of the local stack under the one command."""

import json
import os
import signal
import subprocess
from typing import Any


def test_its_help_lists_the_commands_of_the_local_stack(untag: Any) -> None:
    done = untag("local", "--help")
    assert done.code == 0
    assert "Usage: untag local" in done.out
    assert {"up", "watch", "state", "send", "faults"} <= set(done.out.split())


def test_where_no_stack_is_up_the_hint_is_a_command_that_works_here(untag: Any) -> None:
    done = untag("local", "state", "--session", "none.json")
    assert done.code == 1
    assert "untag local up --session" in done.err
    as_json = untag("local", "state", "--session", "none.json", "--json")
    assert as_json.code == 1
    assert "untag local up --session" in as_json.json["hint"]


def test_a_shell_completes_its_commands(untag: Any) -> None:
    asked = {"_UNTAG_COMPLETE": "complete_bash", "COMP_WORDS": "untag local sta", "COMP_CWORD": "2"}
    done = subprocess.run(untag.command(), env={**untag.environ, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["state"]


def test_a_stack_is_started_asked_and_stopped_from_any_folder(untag: Any) -> None:
    session = str(untag.folder / "a stack.json")
    command = untag.command("local", "up", "--session", session, "--json", "--no-logs")
    with subprocess.Popen(command, cwd=untag.folder, env=untag.environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            described = json.loads((process.stdout or os.devnull).readline())
            state = untag("local", "state", "--session", session, "--json")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert process.returncode == 0
    assert described["name"] == "untag"
    assert state.code == 0
    assert "jdcloud" in state.json["providers"]
