"""The commands, each in a process of its own, as a person types them."""

import json
import signal
import subprocess

import pytest
from processes import COMMAND, run, up
from throwaway import project

from local.stack import ROOT


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A throw-away stack that is up in another process; gives its session file."""
    folder = tmp_path_factory.mktemp("up")
    file = folder / "session.json"
    options = ["--template", project(folder), "--session", file, "--no-seed", "--batching-window", "0.1", "--json"]
    command = [*COMMAND, "up", *map(str, options)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        described = json.loads(process.stdout.readline())
        assert described["pid"] == process.pid
        assert "key" not in described
        yield file
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 0
    assert not file.exists()


def test_only_the_user_can_read_the_session_file(session):
    assert session.stat().st_mode & 0o077 == 0


def test_what_one_command_sends_another_sees(session, tmp_path):
    event = tmp_path / "event.json"
    event.write_text('{"a": 1}', encoding="utf-8")
    sent = run("send", event, "--session", session, "--queue", "Dead")
    assert (sent.returncode, sent.stdout) == (0, "1 message to the queue untag-Dead\n")
    state = json.loads(run("state", "--session", session, "--json").stdout)
    assert [letter["body"] for letter in state["dead_letters"]] == ['{"a": 1}']
    assert {queue["logical_id"]: queue["visible"] for queue in state["queues"]} == {"Work": 0, "Dead": 1}
    assert set(state["providers"]) >= {"jdcloud"}
    shown = run("state", "--session", session).stdout
    assert "Dead letters" in shown
    assert "No reports yet." in shown


def test_an_event_from_stdin_is_worked_on_before_a_waiting_send_returns(session):
    envelope = {"source": "tests", "detail-type": "Wanted", "detail": {}}
    sent = run("send", "-", "--wait", "10", "--session", session, "--json", text=json.dumps(envelope))
    (where,) = json.loads(sent.stdout)
    assert (where["to"], where["name"]) == ("bus", "untag")
    state = json.loads(run("state", "--session", session, "--json").stdout)
    assert all(queue["visible"] == 0 for queue in state["queues"] if queue["logical_id"] == "Work")


def test_invoke_shows_the_answer_and_the_log_and_fails_with_the_function(session):
    good = run("invoke", "Probe", "-", "--session", session, text='{"do": "print"}')
    assert good.returncode == 0
    assert "a line of its own" in good.stderr
    assert set(json.loads(good.stdout)) == {"left", "id"}
    bad = run("invoke", "Probe", "-", "--session", session, text='{"do": "raise"}')
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "ValueError: no good" in bad.stderr
    assert "app.py" in bad.stderr


ERRORS = [
    {"path": "resources", "message": "List should have at least 1 item"},
    {"path": "tags.0.value", "message": "is null [a tag of any value has no value at all]"},
    {"path": "", "message": "the results could not be delivered"},
]


def test_what_is_wrong_with_a_payload_is_told_a_line_each(session):
    refusal = json.dumps({"do": "refuse", "errors": ERRORS})
    failed = run("invoke", "Probe", "-", "--session", session, text=refusal)
    assert (failed.returncode, failed.stdout) == (1, "")
    lines = failed.stderr.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("failed: Unhandled"))
    assert lines[at + 1 :] == [
        "  resources: List should have at least 1 item",
        "  tags.0.value: is null [a tag of any value has no value at all]",
        "  the results could not be delivered",
    ]


def test_an_invocation_for_scripts_is_json_through_and_through(session):
    good = run("invoke", "Probe", "-", "--session", session, "--json", text='{"do": "print"}')
    assert good.returncode == 0
    answer = json.loads(good.stdout)
    assert set(answer["payload"]) == {"left", "id"}
    assert (answer["error"], answer["errors"]) == ("", [])
    assert "a line of its own" in answer["log"]
    refusal = json.dumps({"do": "refuse", "errors": ERRORS})
    failed = run("invoke", "Probe", "-", "--session", session, "--json", text=refusal)
    assert failed.returncode == 1
    answer = json.loads(failed.stdout)
    assert (answer["error"], answer["errors"]) == ("Unhandled", ERRORS)
    assert answer["payload"]["errorType"] == "ValueError"
    crashed = json.loads(
        run("invoke", "Probe", "-", "--session", session, "--json", text='{"do": "exit", "status": 3}').stdout
    )
    assert (crashed["error"], crashed["errors"]) == ("Runtime.ExitError", [])


def test_what_the_real_function_refuses_is_told_a_line_each(tmp_path):
    session = tmp_path / "session.json"
    request = {"id": "x", "provider": "jdcloud", "region": "cn-north-1", "resources": [], "tags": [{"key": "env"}]}
    with up(session):
        failed = run("invoke", "RemoveTagsFunction", "-", "--session", session, text=json.dumps(request))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1].startswith("  resources: ")


def test_what_goes_into_a_pipe_is_not_wrapped(session):
    body = json.dumps({"a": "long " * 40})
    run("send", "-", "--queue", "Dead", "--session", session, text=body)
    shown = run("state", "--session", session).stdout
    assert any(body in line for line in shown.splitlines())
    failed = run("send", "no/such/" + "long" * 30, "--session", session)
    assert failed.stderr.splitlines()[0] == f"error: there is no event file no/such/{'long' * 30}"


@pytest.mark.parametrize("text", ["", " \n", "\t"])
@pytest.mark.parametrize("command", [["send"], ["invoke", "Probe"], ["undo"]])
def test_an_empty_file_and_an_empty_stdin_are_called_that(session, tmp_path, command, text):
    event = tmp_path / "empty.json"
    event.write_text(text)
    answer = run(*command, event, "--session", session)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"error: {event} is empty\n")
    assert run(*command, "-", "--session", session, text=text).stderr.startswith("error: nothing came on stdin\n")


@pytest.mark.parametrize(
    ("arguments", "text", "complaint"),
    [
        (["invoke", "Prob", "-"], "{}", "there is Probe"),
        (["invoke", "Probe", "-"], "{", "has to be JSON"),
        (["send", "no/such.json"], None, "no event file"),
        (["send", "-", "--queue", "Nope"], "{}", "there is Work, Dead"),
        (["fire", "Nightly"], None, "there is none"),
        (["faults", "off", "throtle"], None, "no such fault: throtle"),
        (["up"], None, "already up"),
    ],
)
def test_a_mistake_is_told_in_a_line_that_says_what_would_help_and_ends_with_2(session, arguments, text, complaint):
    answer = run(*arguments, "--session", session, text=text)
    assert answer.returncode == 2
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("arguments", [["state"], ["send", "-"], ["invoke", "Probe", "-"], ["fire", "S"]])
def test_without_a_stack_a_command_says_how_to_start_one(tmp_path, arguments):
    answer = run(*arguments, "--session", tmp_path / "none.json", text="{}")
    assert answer.returncode == 1
    assert "untag local up" in answer.stderr


def test_a_session_file_of_a_stack_that_is_gone_counts_as_none(tmp_path):
    file = tmp_path / "stale.json"
    file.write_text('{"control": "127.0.0.1:9", "key": "k"}', encoding="utf-8")
    answer = run("state", "--session", file, "--json")
    assert json.loads(answer.stdout)["error"] == "no stack is up"


def test_the_control_server_asks_for_the_key(session):
    import http.client

    connection = http.client.HTTPConnection(json.loads(session.read_text())["control"], timeout=5)
    connection.request("GET", "/state")
    assert connection.getresponse().status == 403
    connection.close()


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("from_stdin", [False, True])
def test_a_file_from_windows_is_read_without_its_mark(session, tmp_path, from_stdin):
    event = tmp_path / "event.json"
    event.write_bytes(BOM + b'{"do": "print"}')

    def call(*words):
        return subprocess.run(
            [*COMMAND, *words, "-" if from_stdin else str(event), "--session", str(session)],
            input=event.read_bytes() if from_stdin else None,
            capture_output=True,
            cwd=ROOT,
            check=False,
            timeout=30,
        )

    answered = call("invoke", "Probe")
    assert answered.returncode == 0, answered.stderr
    assert call("send", "--queue", "Dead").returncode == 0
    letters = json.loads(run("state", "--session", session, "--json").stdout)["dead_letters"]
    assert letters[-1]["body"] == '{"do": "print"}'
    assert "is no report" in call("undo").stderr.decode()


def test_a_template_from_windows_is_read(tmp_path):
    template = project(tmp_path)
    template.write_bytes(BOM + template.read_bytes().replace(b"\n", b"\r\n"))
    with up(tmp_path / "session.json", "--template", template, "--no-seed") as described:
        assert set(described["functions"]) == {"Probe"}
