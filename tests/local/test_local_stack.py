"""The whole stack: what refuses to start leaves nothing behind, and the package's own template runs."""

import threading

import pytest
from throwaway import TEMPLATE, project

from local.errors import LocalError, TemplateError
from local.stack import ROOT, Overrides, Stack


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("VisibilityTimeout: 60", "VisibilityTimeout: 1", "visibility timeout"),
        ("MaximumMessageSize: 1048576", "MaximumMessageSize: 1", "MaximumMessageSize"),
        ("MaximumBatchingWindowInSeconds: 1", "MaximumBatchingWindowInSeconds: 0", "batching window"),
        ("BatchSize: 100", "BatchSize: 100\n            FilterCriteria: {Filters: []}", "FilterCriteria"),
    ],
)
def test_what_aws_would_refuse_is_refused_and_nothing_is_left_running(tmp_path, old, new, complaint):
    before = set(threading.enumerate())
    with pytest.raises(TemplateError, match=complaint):
        Stack(project(tmp_path, TEMPLATE.replace(old, new)), providers=False).start()
    assert set(threading.enumerate()) <= before


def test_a_stopped_stack_leaves_no_thread_behind(tmp_path):
    before = set(threading.enumerate())
    with Stack(project(tmp_path), providers=False) as stack:
        stack.invoke("Probe", {})
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before


def test_a_stack_can_be_stopped_while_its_function_runs(tmp_path):
    with Stack(project(tmp_path), providers=False, overrides=Overrides(timeout=60)) as stack:
        answers = []
        caller = threading.Thread(target=lambda: answers.append(stack.invoke("Probe", {"do": "sleep", "seconds": 50})))
        caller.start()
        while not stack.functions["Probe"].busy:
            pass
    caller.join(5)
    assert answers[0].error == "Runtime.ExitError"


def test_two_stacks_in_one_process_do_not_see_each_other(tmp_path, stack):
    with Stack(project(tmp_path), providers=False) as other:
        assert other.region != stack.region
        with other.paused():
            other.send("mine")
            assert other.queues()["Work"].visible == 1
            assert stack.queues()["Work"].total == 0
        other.drain()


def test_a_region_is_for_one_stack_at_a_time(tmp_path, stack):
    with pytest.raises(LocalError, match="already up"):
        Stack(project(tmp_path), providers=False, region=stack.region).start()


def test_a_missing_interpreter_says_what_to_do(tmp_path):
    with pytest.raises(LocalError, match="interpreter is missing") as raised:
        Stack(project(tmp_path), python=tmp_path / "python").start()
    assert raised.value.hint.startswith("make ")


def test_the_packages_own_template_starts_with_both_clouds():
    with Stack(ROOT / "template.yaml") as stack:
        assert stack.work_queue == "untag-work"
        assert set(stack.providers) >= {"jdcloud"}
        assert set(stack.functions) >= {"RemoveTagsFunction", "DecommissionFunction"}
        for function in stack.functions.values():
            environment = function.spec.environment
            assert environment["UNTAG_CREDENTIALS"] == "env"
            for name, server in stack.providers.items():
                assert f"{server.api}={server.url}" in environment["UNTAG_ENDPOINTS"].split(","), name
        assert {queue.logical_id for queue in stack.queues().values() if queue.dead_letters} >= {
            *("DeadLetterQueue", "RuleDeadLetterQueue"),
            *("DecommissionDeadLetterQueue", "DecommissionRuleDeadLetterQueue"),
        }
        assert stack.outputs["WorkQueueUrl"].endswith("/untag-work")
        assert stack.outputs["DecommissionQueueUrl"].endswith("/untag-decommission")
