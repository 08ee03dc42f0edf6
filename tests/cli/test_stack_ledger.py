"""`untag status` and `undo` at a stack on AWS: its ledger asked through Athena, and what undoes a batch sent to it."""

import csv
import gzip
import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from athena_support import Athena
from aws_support import KEYS, REGION, DeployedOnMoto, wait_until
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cli_support import request

from cli.ledger.questions import REJECTED, statements
from untag.providers.credentials import AccessKey
from untag.providers.signing import AWS4, DerivedKeyAuth

_numbers = count(1)
LEDGER = {"LedgerWorkGroup": "untag-ledger", "LedgerDatabase": "untag_ledger"}


@pytest.fixture
def athena(tmp_path: Path) -> Iterator[Athena]:
    (tmp_path / "bucket" / "reports").mkdir(parents=True)
    with Athena(tmp_path / "bucket") as made:
        yield made


@pytest.fixture
def stack(moto: str, untag: Any, athena: Athena) -> DeployedOnMoto:
    bucket = f"ledger-{next(_numbers)}"
    outputs = {**LEDGER, "LedgerBucket": bucket}
    parameters = {"ReadFirst": "on", "MaxPairs": "1000"}
    made = DeployedOnMoto(moto, f"kept-{next(_numbers)}", parameters=parameters, outputs=outputs)
    made.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    untag.environ |= {**made.environ, "AWS_ENDPOINT_URL_ATHENA": athena.url}
    return made


def report(id_: str, *rows: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """A report of rows: a resource, its outcome, and the value that stood there."""
    outcomes = [
        {
            "type": "vm",
            "resource_id": resource,
            "key": "env",
            "value": "prod",
            "outcome": outcome,
            **({"was": was} if was else {}),
            **({"code": "resource_failed", "message": "it did"} if outcome == "failed" else {}),
        }
        for resource, outcome, was in rows
    ]
    counts: dict[str, int] = {}
    for row in outcomes:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    return {
        "kind": "removal",
        "report_id": f"{id_}-{fields.get('attempt', 1)}",
        "id": id_,
        "batch": "b",
        "action": "remove",
        "provider": "jdcloud",
        "account": "default",
        "region": "cn-north-1",
        "complete": True,
        "attempt": 1,
        "dry_run": False,
        "request_counts": counts,
        "outcomes": outcomes,
        "page": {"number": 1, "of": 1},
        "started_at": "2026-11-26T10:00:00.000Z",
        "finished_at": "2026-11-26T10:00:01.000Z",
        **fields,
    }


def publish(athena: Athena, *reports: dict[str, Any]) -> None:
    text = "".join(json.dumps(one) + "\n" for one in reports)
    (athena.folder / "reports" / "reports.jsonl").write_text(text, encoding="utf-8")


SEVERAL = report("r", ("i-1", "removed", "prod"), ("i-2", "removed", "prod"), ("i-3", "failed", "prod"))


def test_a_batch_is_told_from_athena_as_it_is_from_a_ledger_here(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    rejected = {"kind": "rejected", "report_id": "x", "id": "bad", "batch": "b", "errors": [], "finished_at": "2026"}
    publish(athena, SEVERAL, rejected)
    done = untag("status", "b", "--stack", stack.name)
    assert done.code == 1, done.err
    assert "b: 2 removed, 1 failed, complete: yes" in done.out
    assert "vm i-3 env" in done.out
    answer = untag("status", "b", "--stack", stack.name, "--failed", "--json").json
    assert (answer["pairs"], answer["requests"], answer["rejected"]) == ({"removed": 2, "failed": 1}, 2, 1)
    assert (answer["waiting"], answer["complete"]) == (0, True)
    assert [(row["resource_id"], row["code"], row["project_id"]) for row in answer["rows"]] == [
        ("i-3", "resource_failed", None)
    ]


def test_athena_is_handed_the_statements_of_the_ledger_in_its_workgroup(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    publish(athena, SEVERAL)
    untag("status", "b", "--stack", stack.name)
    by_text = {one["QueryString"]: one for one in athena.started}
    assert len(athena.started) == 3
    totals = by_text[statements()["what_became_of_a_batch"]]
    assert (totals["WorkGroup"], totals["QueryExecutionContext"]) == ("untag-ledger", {"Database": "untag_ledger"})
    assert [one["ExecutionParameters"] for one in athena.started] == [["'b'"]] * 3
    assert REJECTED in by_text
    assert all(len(one["ClientRequestToken"]) == 64 for one in athena.started)


def test_a_query_is_waited_for_while_it_is_queued_and_while_it_runs(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    athena.states = ("QUEUED", "RUNNING", "SUCCEEDED")
    publish(athena, SEVERAL)
    assert untag("status", "b", "--stack", stack.name, "--json").json["pairs"] == {"removed": 2, "failed": 1}
    assert set(athena.looks.values()) == {3}


def test_rows_of_several_pages_are_all_there_with_the_types_that_they_have(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    publish(athena, report("r", *((f"i-{n}", "removed", "prod") for n in range(7))))
    assert untag("status", "b", "--stack", stack.name, "--csv", "rows.csv").code == 0
    with (untag.folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["resource_id"] for row in rows] == [f"i-{n}" for n in range(7)]
    assert {(row["was"], row["attempt"], row["project_id"]) for row in rows} == {("prod", "1", "")}
    untag("status", "b", "--stack", stack.name, "--csv", "rows.json")
    assert {row["attempt"] for row in json.loads((untag.folder / "rows.json").read_text())} == {1}


def test_a_request_id_with_a_quote_is_asked_for_as_it_is(untag: Any, stack: DeployedOnMoto, athena: Athena) -> None:
    publish(athena, {**SEVERAL, "id": "o'r", "batch": None})
    assert untag("status", "o'r", "--stack", stack.name).code == 1


def test_an_unknown_batch_is_an_error_and_so_is_a_stack_that_keeps_no_reports(
    untag: Any, stack: DeployedOnMoto, moto: str
) -> None:
    unknown = untag("status", "b", "--stack", stack.name)
    assert unknown.code == 2
    assert f"nothing is known of a batch b at the stack {stack.name}" in unknown.err
    without = DeployedOnMoto(moto, f"without-{next(_numbers)}", parameters={}, outputs={})
    done = untag("status", "b", "--stack", without.name, "--json")
    assert done.code == 2
    assert "keeps no reports" in done.json["error"]
    assert "Ledger=on" in done.json["hint"]


def test_a_query_that_fails_says_why_and_views_that_are_missing_how_they_are_made(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    athena.states = ("QUEUED", "RUNNING", "FAILED")
    athena.reason = "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.untag_ledger.batches' does not exist"
    done = untag("status", "b", "--stack", stack.name)
    assert done.code == 1
    assert "batches' does not exist" in done.err
    assert "docs/ledger.md" in done.err


def test_ctrl_c_stops_the_query_that_is_under_way(untag: Any, stack: DeployedOnMoto, athena: Athena) -> None:
    athena.states = ("RUNNING",)
    command = untag.command("status", "b", "--stack", stack.name)
    with subprocess.Popen(command, cwd=untag.folder, env=untag.environ, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(athena.looks) == 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert sorted(athena.stopped) == ["0", "1"]


def test_what_undoes_a_batch_goes_to_the_work_queue_once_it_is_confirmed(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    publish(athena, SEVERAL)
    words = ("undo", "b", "--stack", stack.name)
    refused = untag(*words)
    assert refused.code == 2
    assert "--yes --expect 2" in refused.err
    assert stack.messages("WorkQueue") == []
    done = untag(*words, "--yes", "--expect", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["follow"] == [f"untag status b-undo --stack {stack.name}"]
    (body,) = stack.bodies("WorkQueue")
    assert (body["id"], body["action"], body["batch"]) == ("r-undo", "restore", "b-undo")
    assert body["resources"] == [{"type": "vm", "ids": ["i-1", "i-2"]}]
    assert body["tags"] == [{"key": "env", "value": "prod"}]


def test_a_removal_is_undone_also_where_its_request_was_worked_at_again_and_its_reports_came_twice(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    again = report("r", ("i-1", "absent", ""), report_id="r-again", finished_at="2026-11-26T10:05:00.000Z")
    publish(athena, again, report("r", ("i-1", "removed", "prod")), again)
    (body,) = json.loads(untag("undo", "b", "--print", "--stack", stack.name).out)
    assert (body["id"], body["action"], body["tags"]) == ("r-undo", "restore", [{"key": "env", "value": "prod"}])
    assert body["resources"] == [{"type": "vm", "ids": ["i-1"]}]
    assert athena.started[-1]["QueryString"] == statements()["what_a_batch_changed"]


def test_of_a_pair_that_was_removed_twice_the_last_value_is_put_back(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    later = report("r", ("i-1", "removed", "test"), report_id="r-later", finished_at="2026-11-26T10:05:00.000Z")
    publish(athena, later, report("r", ("i-1", "removed", "prod")))
    (body,) = json.loads(untag("undo", "b", "--print", "--stack", stack.name).out)
    assert body["tags"] == [{"key": "env", "value": "test"}]


def test_a_tag_that_stood_with_an_empty_value_is_put_back_with_it(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    row = {"type": "ecs", "key": "env", "outcome": "removed"}
    rows = [
        {**row, "resource_id": "i-1", "value": "", "was": ""},
        {**row, "resource_id": "i-2", "value": None, "was": ""},
        {**row, "resource_id": "i-3", "value": ""},
    ]
    place = {"provider": "huaweicloud", "region": "cn-north-4", "project_id": "5f0c2a9d8e7b46310f00c0de00000001"}
    publish(athena, report("r", **place, request_counts={"removed": 3}, outcomes=rows))
    done = untag("undo", "b", "--print", "--stack", stack.name)
    # Nobody looked at the third one, and Huawei Cloud removes a key whatever its value is.
    assert done.err == "1 row left out: what stood there before is not known\n"
    (body,) = json.loads(done.out)
    assert body["resources"] == [{"type": "ecs", "ids": ["i-1", "i-2"]}]
    assert body["tags"] == [{"key": "env", "value": ""}]


def test_a_tag_goes_back_in_the_letters_in_which_it_stood(untag: Any, stack: DeployedOnMoto, athena: Athena) -> None:
    type_ = "Microsoft.Compute/virtualMachines"
    id_ = f"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/{type_}/vm-1"
    row = {"type": type_, "resource_id": id_, "key": "env", "value": "prod", "outcome": "removed"}
    rows = [row | {"was": "prod", "was_key": "Env"}]
    publish(athena, report("r", provider="azure", region=None, request_counts={"removed": 1}, outcomes=rows))
    (body,) = json.loads(untag("undo", "b", "--print", "--stack", stack.name).out)
    assert body["tags"] == [{"key": "Env", "value": "prod"}]
    untag("status", "b", "--csv", "rows.csv", "--stack", stack.name)
    (told,) = csv.DictReader((untag.folder / "rows.csv").read_text().splitlines())
    assert told["was_key"] == "Env"


def test_the_undo_of_an_undo_removes_what_was_put_back_where_the_stack_reads_first(
    untag: Any, stack: DeployedOnMoto, athena: Athena, moto: str
) -> None:
    publish(athena, report("r-undo", ("i-1", "restored", ""), ("i-2", "restored", "test"), action="restore"))
    words = ("undo", "b", "--print", "--stack")
    removal, restore = sorted(json.loads(untag(*words, stack.name).out), key=lambda one: str(one["action"]))
    assert (removal["action"], removal["resources"]) == ("remove", [{"type": "vm", "ids": ["i-1"]}])
    assert removal["tags"] == [{"key": "env", "value": "prod"}]
    assert (restore["action"], restore["overwrite"], restore["tags"]) == (
        "restore",
        True,
        [{"key": "env", "value": "test"}],
    )
    unread = DeployedOnMoto(moto, f"unread-{next(_numbers)}", parameters={"ReadFirst": "off"}, outputs=LEDGER)
    done = untag(*words, unread.name)
    assert "1 row left out" in done.err
    assert [one["action"] for one in json.loads(done.out)] == ["restore"]


def test_what_is_sent_is_copied_into_the_ledger_so_that_a_batch_is_known_and_waits_at_once(
    untag: Any, stack: DeployedOnMoto, athena: Athena
) -> None:
    name = untag.write("a.json", [request(["i-1", "i-2"]), request(["i-3"], id="all", tags="all")])
    done = untag("send", name, "--stack", stack.name, "--batch", "b", "--yes", "--expect", "3", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    client, bucket = stack.client("s3"), stack.outputs["LedgerBucket"]
    (kept,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert kept["Key"].startswith(datetime.now(UTC).strftime("requests/%Y/%m/%d/b-"))
    text = client.get_object(Bucket=bucket, Key=kept["Key"])["Body"].read().decode()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(one["id"], one["batch"], one["pairs"]) for one in lines] == [
        (done.json["sent"][0], "b", 2),
        ("all", "b", None),
    ]
    (athena.folder / "reports" / "requests.jsonl").write_text(text)
    status = untag("status", "b", "--stack", stack.name, "--json")
    assert status.code == 3
    assert (status.json["waiting"], status.json["complete"]) == (2, False)


def test_without_the_right_to_copy_it_is_sent_all_the_same_and_said(untag: Any, stack: DeployedOnMoto) -> None:
    client, bucket = stack.client("s3"), stack.outputs["LedgerBucket"]
    client.delete_bucket(Bucket=bucket)
    name = untag.write("a.json", request(["i-1"]))
    done = untag("send", name, "--stack", stack.name, "--yes", "--expect", "1")
    assert done.code == 0
    assert "NoSuchBucket" in done.err
    assert "complete too early" in done.err
    assert len(stack.messages("WorkQueue")) == 1


def test_an_object_is_signed_as_botocore_signs_it() -> None:
    moment = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
    content = gzip.compress(b"{}", mtime=0)
    url = "https://s3.us-west-2.amazonaws.com/bucket/requests/2026/11/27/b-1.jsonl"
    theirs = AWSRequest("PUT", url, data=content)
    with patch("botocore.auth.get_current_datetime", return_value=moment, create=True):
        S3SigV4Auth(Credentials(*KEYS.values()), "s3", REGION).add_auth(theirs)
    digest = theirs.headers["X-Amz-Content-SHA256"]
    ours = httpx.Request("PUT", url, content=content, headers={"x-amz-content-sha256": digest})
    access_key, secret_key = KEYS.values()
    key = AccessKey(access_key=access_key, secret_key=secret_key)
    auth = DerivedKeyAuth(AWS4, key, region=REGION, service="s3", clock=moment.timestamp)
    next(auth.auth_flow(ours))
    assert ours.headers["authorization"] == theirs.headers["Authorization"]
