"""What a shell offers, asked as a shell asks."""

import json
import os
import subprocess
import sys

import pytest
from processes import installed

from local.commands import complete
from local.session.fault_names import MEANINGS
from local.stack import ROOT

PROGRAM = [sys.executable, "-m", "cli"]


def offered(*words, cwd=ROOT):
    """What bash is told for the words typed so far; the last is the one that is being typed."""
    env = os.environ | {
        "_UNTAG_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(("untag", "local", *words)),
        "COMP_CWORD": str(len(words) + 1),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(PROGRAM, cwd=cwd, env=env, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def session(tmp_path):
    """The session file of a stack, as one that is up writes it."""
    file = tmp_path / "session.json"
    file.write_text(json.dumps({"functions": {"Sweeper": {}}, "schedules": {"Nightly": {}}, "queues": {"Q": "q"}}))
    return file


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["wat"], {"watch"}),
        (["faults", "on", "un"], {"unavailable", "unauthorized"}),
        (["faults", "off", ""], set(MEANINGS)),
        (["send", "events/sweep_j"], {"events/sweep_jdcloud.json"}),
        (["send", "eve"], {"events/"}),
    ],
)
def test_commands_faults_and_event_files_are_completed(words, wanted):
    assert set(offered(*words)) == wanted


def test_every_event_is_offered_where_nothing_has_been_typed():
    assert set(offered("send", "")) == {str(path.relative_to(ROOT)) for path in (ROOT / "events").glob("*.json")}


def test_only_json_files_and_folders_are_events(tmp_path):
    (tmp_path / "a.json").touch()
    (tmp_path / "a.txt").touch()
    (tmp_path / "aa").mkdir()
    assert set(offered("send", "a", cwd=tmp_path)) == {"a.json", "aa/"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["invoke", "--session", "{}", ""], ["Sweeper"]),
        (["fire", "--session", "{}", "Ni"], ["Nightly"]),
        (["send", "--session", "{}", "--queue", ""], ["Q"]),
        (["invoke", "--session", "{}.gone", ""], []),
        (["faults", "on", "--session", "{}", "--cloud", "s"], ["sns", "sqs", "secretsmanager", "scheduler"]),
    ],
)
def test_functions_schedules_and_queues_are_those_of_the_stack_that_is_up(session, words, wanted):
    assert offered(*(word.format(session) for word in words)) == wanted


def test_a_broken_session_file_offers_nothing(tmp_path):
    file = tmp_path / "session.json"
    file.write_text("{")
    assert offered("invoke", "--session", str(file), "") == []
    assert complete.event_files(str(tmp_path / "nowhere" / "x")) == []


def test_the_script_for_the_shell_completes_the_command_by_its_name():
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = subprocess.run(
        [*PROGRAM, "--show-completion", "bash"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert shown.stdout.rstrip().endswith("untag")


def test_the_command_works_through_a_link_and_from_any_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "untag").symlink_to(installed(tmp_path))
    answer = subprocess.run(
        [tmp_path / "elsewhere" / "untag", "local", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Usage: untag local" in answer.stdout
    assert "Start everything and stay until Ctrl-C" in answer.stdout
