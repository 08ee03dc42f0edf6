"""The commands of docs/operations.md, subscribing.md and ledger.md, run as they stand there against a local stack."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from local.stack import Overrides, Stack
from tests.end_to_end.documented import Shell, blocks, hurried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not shutil.which("jq") or not shutil.which("bash"), reason="the commands need bash and jq"
)

RUN = blocks("operations.md", "run")
SETUP = RUN["setup"]
HURRIED = hurried(SETUP)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        yield running


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Iterator[Shell]:
    answers = {"secretsmanager put-secret-value": {}}
    with stack.paused():
        yield Shell(stack, tmp_path, answers)
        for queue in stack.queues():
            stack.purge(queue)


def bury(stack: Stack, queue: str, body: str, **attributes: str) -> None:
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    stack.aws.queues.send_message(stack.queues()[queue].name, body, told)


def bodies(stack: Stack, queue: str) -> list[str]:
    return [message.body for message in stack.messages(queue)]


def test_the_outputs_become_the_variables_of_the_page(shell: Shell, stack: Stack) -> None:
    printed = shell.run(f'{SETUP}\necho "$WORK_QUEUE_URL $DECOMMISSION_RULE_DEAD_LETTER_QUEUE_URL $DASHBOARD_NAME"')
    outputs = stack.outputs
    wanted = ("WorkQueueUrl", "DecommissionRuleDeadLetterQueueUrl", "DashboardName")
    assert printed.split() == [outputs[name] for name in wanted]


def test_letters_are_counted_by_code_and_reason(shell: Shell, stack: Stack) -> None:
    for number in range(12):
        bury(stack, "DeadLetterQueue", f"{{{number}", code="invalid", reason="is no JSON", source="arn:x")
    bury(stack, "DeadLetterQueue", "{}", code="no_credentials", reason="failed: no secret")
    bury(stack, "SweepDeadLetterQueue", "{}")
    lines = shell.run(f"{HURRIED}\n{RUN['letters']}").splitlines()
    printed = [line.rstrip().split(maxsplit=2) for line in lines]
    assert printed == [
        ["12", "invalid", "is no JSON\tarn:x"],
        ["1", "no_credentials", "failed: no secret"],
        ["1", "(crash)"],
    ]
    assert len(bodies(stack, "DeadLetterQueue")) == 13


def test_only_what_was_mended_is_sent_back_and_bodies_stay_as_they_are(shell: Shell, stack: Stack) -> None:
    large = json.dumps({"id": "chg-1", "ids": ["部门 'x' \"y\"\n\\" * 20_000]}, ensure_ascii=False)
    bury(stack, "DeadLetterQueue", "{", code="invalid", reason="is no JSON")
    bury(stack, "DeadLetterQueue", large, code="no_credentials", reason="failed: no secret")
    bury(stack, "DeadLetterQueue", "{} ", code="invalid")
    assert shell.run(f"{HURRIED}\n{RUN['redrive-some']}") == "1 of 3 dead letters sent\n"
    assert bodies(stack, "WorkQueue") == [large]
    assert sorted(bodies(stack, "DeadLetterQueue")) == ["{", "{} "]


@pytest.mark.parametrize(("name", "moved"), [("redrive-crashed", ["crashed"]), ("redrive-exhausted", ["exhausted"])])
def test_what_crashed_or_was_given_up_is_picked_by_its_code(
    shell: Shell, stack: Stack, name: str, moved: list[str]
) -> None:
    bury(stack, "DeadLetterQueue", "crashed")
    bury(stack, "DeadLetterQueue", "exhausted", code="exhausted")
    bury(stack, "DeadLetterQueue", "invalid", code="invalid")
    shell.run(f"{HURRIED}\n{RUN[name]}")
    assert bodies(stack, "WorkQueue") == moved


def test_what_could_not_be_delivered_goes_to_the_queue_it_was_meant_for(shell: Shell, stack: Stack) -> None:
    pairs = {
        "RuleDeadLetterQueue": "WorkQueue",
        "DecommissionRuleDeadLetterQueue": "DecommissionQueue",
        "SweepScheduleDeadLetterQueue": "SweepQueue",
    }
    for letters in pairs:
        bury(stack, letters, f"from {letters}", ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="the queue's policy")
    assert "NO_PERMISSIONS" in shell.run(f"{HURRIED}\n{RUN['undelivered'].replace('timeout 30', 'timeout 0')}")
    shell.run(f"{HURRIED}\n{RUN['redrive-undelivered']}")
    for letters, queue in pairs.items():
        assert bodies(stack, queue) == [f"from {letters}"]
        assert bodies(stack, letters) == []


def test_useless_letters_are_kept_in_a_file_and_deleted(shell: Shell, stack: Stack) -> None:
    bury(stack, "DeadLetterQueue", '{"provider": 7}', code="invalid")
    bury(stack, "DeadLetterQueue", "{}", code="no_credentials")
    shell.run(f"{HURRIED}\n{hurried(RUN['discard'])}")
    assert bodies(stack, "DeadLetterQueue") == ["{}"]
    assert (shell.folder / "discarded.jsonl").read_text() == '{"provider": 7}\n'


def test_a_copy_of_the_letters_holds_every_body(shell: Shell, stack: Stack) -> None:
    for number in range(12):
        bury(stack, "DeadLetterQueue", f"body {number}", code="invalid")
    shell.run(f"{HURRIED}\n{hurried(RUN['keep'])}")
    kept = shell.run("jq -r .Body dead-letters.jsonl").splitlines()
    assert sorted(kept) == sorted(f"body {number}" for number in range(12))


def test_a_whole_queue_is_moved_to_where_its_letters_came_from(shell: Shell, stack: Stack) -> None:
    pairs = {
        "DeadLetterQueue": "WorkQueue",
        "DecommissionDeadLetterQueue": "DecommissionQueue",
        "SweepDeadLetterQueue": "SweepQueue",
    }
    for letters in pairs:
        bury(stack, letters, f"from {letters}", code="exhausted")
    shell.run(f"{SETUP}\n{RUN['redrive-all']}")
    for letters, queue in pairs.items():
        assert bodies(stack, queue) == [f"from {letters}"]
        assert bodies(stack, letters) == []


def test_the_mapping_of_the_work_queue_is_switched_off(shell: Shell, stack: Stack) -> None:
    (mapping,) = [one for one in stack.mappings.values() if one.spec.queue == stack.work_queue]
    others = [one for one in stack.mappings.values() if one is not mapping]
    switched = json.loads(shell.run(f"{SETUP}\n{RUN['stop']}"))
    assert switched["State"] == "Disabled"
    assert not mapping.enabled
    assert all(one.enabled for one in others)
    switched = json.loads(shell.run(f"{SETUP}\n{RUN['stop'].replace('--no-enabled', '--enabled')}"))
    assert switched["State"] == "Enabled"
    assert mapping.enabled


def test_every_command_of_the_page_is_run_here() -> None:
    tried = {"setup", "letters", "redrive-some", "redrive-crashed", "redrive-exhausted", "undelivered", "stop"}
    tried |= {"redrive-undelivered", "discard", "keep", "redrive-all", "key"}
    assert set(RUN) == tried


def test_a_new_key_is_put_where_the_function_looks_for_it(shell: Shell) -> None:
    (shell.folder / "key.json").write_text("{}")
    shell.run(RUN["key"])
    ((service, operation, options, _),) = shell.called()
    assert (service, operation, options["secret-id"]) == (
        "secretsmanager",
        "put-secret-value",
        ["untag/jdcloud/default"],
    )


def test_a_queue_of_ones_own_gets_the_reports_it_asked_for_raw(stack: Stack, tmp_path: Path) -> None:
    shell = Shell(stack, tmp_path)
    shell.run(f"{SETUP}\n{blocks('subscribing.md', 'run')['queue']}")
    cloud = stack.providers["jdcloud"]
    for id_ in ("i-well", "i-ill"):
        cloud.tags.put("cn-north-1", "vm", id_, "env", "staging")
    cloud.faults.add("partial", ids=("i-ill",))
    for id_ in ("i-well", "i-ill"):
        where = {"provider": "jdcloud", "region": "cn-north-1", "tags": [{"key": "env", "value": "staging"}]}
        stack.send(json.dumps({"id": id_, **where, "resources": [{"type": "vm", "ids": [id_]}]}), queue="WorkQueue")
    stack.drain()
    deadline = time.monotonic() + 5
    while not stack.aws.queues.messages("untag-reports") and time.monotonic() < deadline:
        time.sleep(0.05)
    (message,) = stack.aws.queues.messages("untag-reports")
    assert json.loads(message.body)["id"] == "i-ill"
    assert message.message_attributes["status"]["StringValue"] == "failed"


def test_the_ledgers_views_are_made_of_the_queries_that_the_stack_saved(stack: Stack, tmp_path: Path) -> None:
    names = {"LedgerWorkGroup": "the-group", "LedgerDatabase": "the_database"}
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in names.items()]
    answers = {
        "cloudformation describe-stacks": {"Stacks": [{"Outputs": outputs}]},
        "athena list-named-queries": {"NamedQueryIds": ["id-1"]},
        "athena get-named-query": {"NamedQuery": {"Name": "batches", "QueryString": "CREATE VIEW batches AS SELECT 1"}},
        "athena start-query-execution": {"QueryExecutionId": "x"},
    }
    shell = Shell(stack, tmp_path, answers)
    shell.run("sleep() { :; }\n" + blocks("ledger.md", "run")["views"])
    (started,) = [options for _, what, options, _ in shell.called() if what == "start-query-execution"]
    assert started == {
        "work-group": ["the-group"],
        "query-execution-context": ["Database=the_database"],
        "query-string": ["CREATE VIEW batches AS SELECT 1"],
    }
