"""`untag dead-letters`, `redrive` and `scheduled` at a stack on AWS (moto's server)."""

import csv
import json
import signal
import subprocess
from itertools import count
from typing import Any

import pytest
from aws_support import DeployedOnMoto, wait_until
from cli_support import request

_numbers = count(1)


@pytest.fixture
def stack(moto: str, untag: Any) -> DeployedOnMoto:
    group = f"kept-{next(_numbers)}"
    made = DeployedOnMoto(moto, f"dead-{next(_numbers)}", parameters={}, outputs={"ScheduleGroupName": group})
    made.client("scheduler").create_schedule_group(Name=group)
    untag.environ |= made.environ
    return made


def fill(stack: DeployedOnMoto) -> None:
    """Fifteen dead letters: twelve of one code in two batches, one invalid, one of a crash, one of a sweep."""
    for number in range(12):
        body = json.dumps({**request([f"i-{number}"]), "id": f"r-{number}"})
        batch = "b" if number < 5 else "c"
        stack.put(
            "DeadLetterQueue",
            body,
            code="no_credentials",
            reason="there is no secret",
            request_id=f"r-{number}",
            batch=batch,
        )
    stack.put("DeadLetterQueue", "{", code="invalid", reason="not JSON")
    stack.put("DeadLetterQueue", '{"crashed": true}')
    stack.put("SweepDeadLetterQueue", '{"rules": []}', code="forbidden", reason="no")


def counts(stack: DeployedOnMoto) -> tuple[int, int, int, int]:
    names = ("DeadLetterQueue", "SweepDeadLetterQueue", "WorkQueue", "SweepQueue")
    first, second, third, fourth = (len(stack.messages(name)) for name in names)
    return first, second, third, fourth


def test_dead_letters_are_shown_by_code_with_examples_and_stay_where_they_are(
    untag: Any, stack: DeployedOnMoto
) -> None:
    fill(stack)
    done = untag("dead-letters", "--stack", stack.name)
    assert done.code == 0, done.err
    assert "15 dead letters" in done.out
    assert "there is no secret" in done.out
    assert "(crash)" in done.out
    answer = untag("dead-letters", "--stack", stack.name, "--json").json
    assert answer["dead_letters"] == 15
    first = answer["by_code"][0]
    assert (first["queue"], first["code"], first["dead_letters"]) == ("DeadLetterQueue", "no_credentials", 12)
    assert first["examples"] == ["r-0", "r-1", "r-2"]
    assert counts(stack) == (14, 1, 0, 0)


def test_dead_letters_of_one_code_are_told_apart_by_their_reason(untag: Any, stack: DeployedOnMoto) -> None:
    for number in range(20):
        stack.put("DeadLetterQueue", "{", code="invalid", reason="not JSON" if number % 2 else f"{number}: no id")
    stack.put("DeadLetterQueue", "{}", code="invalid", reason="provider: Field required")
    groups = untag("dead-letters", "--stack", stack.name, "--json").json["by_code"]
    assert (groups[0]["code"], groups[0]["reason"], groups[0]["dead_letters"]) == ("invalid", "not JSON", 10)
    assert (len(groups), sum(one["dead_letters"] for one in groups)) == (5, 21)
    assert [one["dead_letters"] for one in groups if one["reason"] == "8 other reasons"] == [8]


def test_dead_letters_of_a_code_or_a_batch_are_picked_and_written_to_a_file(untag: Any, stack: DeployedOnMoto) -> None:
    fill(stack)
    words = ("--stack", stack.name, "--json")
    assert untag("dead-letters", *words, "--code", "invalid", "--code", "forbidden").json["dead_letters"] == 2
    assert untag("dead-letters", *words, "--batch", "b", "--csv", "rows.csv").json["dead_letters"] == 5
    with (untag.folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["request_id"] for row in rows] == ["r-0", "r-1", "r-2", "r-3", "r-4"]
    assert json.loads(rows[0]["body"])["id"] == "r-0"


def test_dead_letters_go_back_unchanged_to_the_queue_that_they_came_from(untag: Any, stack: DeployedOnMoto) -> None:
    fill(stack)
    words = ("redrive", "--stack", stack.name)
    refused = untag(*words)
    assert refused.code == 2
    assert "--yes --expect 14" in refused.err
    assert untag(*words, "--yes", "--expect", "15").code == 2
    assert counts(stack) == (14, 1, 0, 0)
    done = untag(*words, "--yes", "--expect", "14", "--json")
    assert done.code == 0, done.err
    assert done.json == {"redriven": 14, "left": 0, "invalid": 1, "stopped": False}
    assert counts(stack) == (1, 0, 13, 1)
    assert stack.messages("DeadLetterQueue")[0]["Body"] == "{"
    back = {message["Body"]: message for message in stack.messages("WorkQueue")}
    assert back['{"crashed": true}'].get("MessageAttributes") is None
    body = json.dumps({**request(["i-3"]), "id": "r-3"})
    assert back[body]["MessageAttributes"]["batch"]["StringValue"] == "b"
    assert stack.messages("SweepQueue")[0]["Body"] == '{"rules": []}'


def test_only_what_was_chosen_goes_back(untag: Any, stack: DeployedOnMoto) -> None:
    fill(stack)
    words = ("--stack", stack.name, "--code", "no_credentials", "--batch", "c")
    assert untag("redrive", *words, "--yes", "--expect", "7", "--json").json["redriven"] == 7
    assert counts(stack) == (7, 1, 7, 0)


def test_where_nothing_lies_there_is_nothing_to_ask(untag: Any, stack: DeployedOnMoto) -> None:
    assert "no dead letters" in untag("dead-letters", "--stack", stack.name).out
    done = untag("redrive", "--stack", stack.name)
    assert done.code == 0
    assert "0 dead letters sent back" in done.out
    assert untag("redrive", "--stack", stack.name, "--yes", "--expect", "3").code == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_redrive_that_is_stopped_loses_nothing_and_doubles_one_at_most(
    untag: Any, stack: DeployedOnMoto, how: signal.Signals
) -> None:
    for number in range(60):
        stack.put("DeadLetterQueue", f'{{"number": {number}}}', code="x")
    client = stack.client("sqs")
    command = untag.command("redrive", "--stack", stack.name, "--yes", "--expect", "60", "--json")

    def arrived() -> bool:
        url = stack.outputs["WorkQueueUrl"]
        answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"]) >= 3

    with subprocess.Popen(
        command, cwd=untag.folder, env=untag.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(arrived)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    # In flight, where it was killed, or visible again: all of it is somewhere.
    url = stack.outputs["DeadLetterQueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    held = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, hidden = (int(held[name]) for name in names)
    sent = len(stack.messages("WorkQueue"))
    assert 60 <= sent + visible + hidden <= 61
    assert len({message["Body"] for message in stack.messages("WorkQueue")}) == sent
    if how is signal.SIGINT:
        assert process.returncode == 3
        assert json.loads(out)["stopped"]
        assert hidden == 0
        left = untag("redrive", "--stack", stack.name, "--yes", "--expect", str(visible), "--json")
        assert left.json["redriven"] == visible
        assert {message["Body"] for message in stack.messages("WorkQueue")} == {
            f'{{"number": {number}}}' for number in range(60)
        }


def keep(stack: DeployedOnMoto, name: str, when: str, body: Any) -> None:
    arn = "arn:aws:sqs:us-west-2:123456789012:work"
    stack.client("scheduler").create_schedule(
        Name=name,
        GroupName=stack.outputs["ScheduleGroupName"],
        ScheduleExpression=f"at({when})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": json.dumps(body)},
    )


def test_what_is_kept_is_listed_by_its_time_and_given_up_by_its_id(untag: Any, stack: DeployedOnMoto) -> None:
    keep(stack, "one", "2030-02-01T00:00:00", request(["i-1", "i-2"], id="later", batch="b"))
    keep(stack, "two", "2030-01-01T00:00:00", request(["i-3"], id="sooner", tags="all"))
    words = ("scheduled", "--stack", stack.name)
    listed = untag(*words, "--json").json["scheduled"]
    assert [(one["id"], one["due"], one["pairs"]) for one in listed] == [
        ("sooner", "2030-01-01T00:00:00Z", None),
        ("later", "2030-02-01T00:00:00Z", 2),
    ]
    shown = untag(*words)
    assert "all tags" in shown.out
    assert "jdcloud/default cn-north-1" in shown.out
    unknown = untag(*words, "--cancel", "later", "--cancel", "unknown")
    assert unknown.code == 2
    assert "unknown" in unknown.err
    assert len(untag(*words, "--json").json["scheduled"]) == 2
    done = untag(*words, "--cancel", "later", "--json")
    assert done.code == 0, done.err
    (gone,) = done.json["cancelled"]
    assert (gone["id"], gone["cancelled"], gone["body"]["resources"][0]["ids"]) == ("later", True, ["i-1", "i-2"])
    assert [one["id"] for one in untag(*words, "--json").json["scheduled"]] == ["sooner"]
    assert "1 request given up" in untag(*words, "--cancel", "two").out
    assert "nothing is kept until later" in untag(*words).out


def test_tags_that_wait_for_the_end_of_a_grace_are_listed_with_their_rule(untag: Any, stack: DeployedOnMoto) -> None:
    due = {
        "rule": "expired",
        "place": ["jdcloud", None, "default", "cn-north-1", "vm"],
        "since": 1_893_456_000.0,
        "at": 1_894_060_800.0,
        "tags": {"i-1": {"env": "prod", "team": "web"}, "i-2": {"env": "prod"}},
    }
    name = "sweep-0123456789abcdef01234567-0123456789abcdef01234567"
    body = {"id": "night.01234567", "batch": "night", "rules": "s3://b/rules.json", "due": due}
    keep(stack, name, "2030-01-08T00:00:00", body)
    (one,) = untag("scheduled", "--stack", stack.name, "--json").json["scheduled"]
    assert (one["id"], one["batch"], one["pairs"]) == ("night.01234567", "night", 3)
    assert one["reason"] == "rule expired, if it still matches"
    assert "jdcloud/default cn-north-1" in untag("scheduled", "--stack", stack.name).out
    assert "1 request given up" in untag("scheduled", "--stack", stack.name, "--cancel", "night.01234567").out


def test_a_stack_without_the_output_is_an_error_that_says_so(untag: Any, moto: str) -> None:
    stack = DeployedOnMoto(moto, f"old-{next(_numbers)}", parameters={}, outputs={})
    done = untag("scheduled", "--stack", stack.name, **stack.environ)
    assert done.code == 1
    assert "has no output ScheduleGroupName" in done.err
