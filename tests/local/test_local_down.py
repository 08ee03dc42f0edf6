"""A stack that is up is ended from another terminal, whatever its host."""

import json

import pytest
from processes import run, up
from throwaway import project

from local.functiongraph.bucket import StoredObject
from local.functiongraph.stack import FunctionGraphStack
from local.session import control


@pytest.mark.parametrize("host", ["aws", "functiongraph"])
def test_a_stack_is_ended_and_with_it_what_is_on_its_queues(tmp_path, host):
    session = tmp_path / "stack.json"
    options = ["--template", project(tmp_path)] if host == "aws" else []
    with up(session, "--host", host, *options) as described:
        done = run("down", "--session", session, "--json")
        assert done.returncode == 0, done.stderr
        ended = json.loads(done.stdout)
        assert (ended["name"], ended["pid"]) == (described["name"], described["pid"])
        # It has waited until everything had ended.
        assert list(tmp_path.glob("stack*.json")) == []
        again = run("down", "--session", session)
        assert again.returncode == 1
        assert "no stack is up" in again.stderr


@pytest.fixture(scope="module")
def stack():
    with FunctionGraphStack() as running:
        yield running


def test_what_ends_with_a_stack_is_counted(stack, tmp_path):
    session = tmp_path / "stack.json"
    stack.bucket.put("work/9999999999-0-m-1", StoredObject(b"{}"))
    asked = []
    with control.serve(stack, session, stop=lambda: asked.append("to end")):
        done = run("down", "--session", session)
    assert done.returncode == 0, done.stderr
    assert asked == ["to end"]
    assert "messages that ended with it: 1 on work" in done.stdout


def test_a_stack_of_another_program_is_not_ended(stack, tmp_path):
    session = tmp_path / "stack.json"
    with control.serve(stack, session):
        done = run("down", "--session", session)
    assert done.returncode == 1
    assert "that program ends it" in done.stderr
