"""The commands with `--functiongraph`: the outputs of Terraform say where the stack is, and the shell has the keys."""

import json
import re
from pathlib import Path

import pytest
from at_a_stack import put, tags
from cli_support import Done, Untag, request
from functiongraph_support import as_terraform, shell_of

from local import ROOT
from local.functiongraph.bucket import StoredObject
from local.functiongraph.stack import FunctionGraphStack

PAGE = (ROOT / "docs" / "functiongraph.md").read_text(encoding="utf-8")
THERE = ("--functiongraph", "outputs.json")


@pytest.fixture
def untag(tmp_path: Path, functiongraph: FunctionGraphStack) -> Untag:
    made = Untag(tmp_path, {})
    shell_of(made, functiongraph)
    return made


def test_a_whole_job_sent_followed_mended_and_undone(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    put(functiongraph, "i-1", "i-2")
    cloud = functiongraph.providers["jdcloud"]
    cloud.faults.add("partial", ids=("i-2",), operation="writing", times=8)
    name = untag.write("a.json", [request(["i-1"]), request(["i-2"])])
    words = ("send", name, *THERE, "--batch", "job", "--yes", "--expect", "2")
    done = untag(*words, "--follow", "--json")
    cloud.faults.clear()
    assert done.code == 1, done.err
    assert (done.json["result"]["pairs"], done.json["result"]["complete"]) == ({"removed": 1, "failed": 1}, True)
    assert done.json["follow"] == ["untag status job --functiongraph outputs.json"]
    listed = untag("dead-letters", *THERE, "--json").json
    assert [(one["code"], one["dead_letters"]) for one in listed["by_code"]] == [("resource_failed", 1)]
    assert listed["redrive"] == "untag redrive --functiongraph outputs.json"
    assert untag("redrive", *THERE, "--yes", "--expect", "1", "--json").json["redriven"] == 1
    functiongraph.drain()
    status = untag("status", "job", *THERE, "--csv", "rows.csv", "--json")
    assert (status.code, status.json["pairs"], status.json["complete"]) == (0, {"removed": 2}, True)
    assert (tags(functiongraph, "i-1"), tags(functiongraph, "i-2")) == ({}, {})
    undone = untag("undo", "job", *THERE, "--yes", "--expect", "2")
    assert undone.code == 0, undone.err
    functiongraph.drain()
    assert (tags(functiongraph, "i-1"), tags(functiongraph, "i-2")) == ({"env": "prod"}, {"env": "prod"})
    assert untag("scheduled", *THERE, "--json").json == {"scheduled": []}


def answered(untag: Untag, line: str) -> Done:
    """What a line prints when the number that it asks for is given."""
    words = line.split()[1:]
    done = untag(*words)
    if asked := re.search(r"if that is right: (--yes --expect \d+)", done.err):
        done = untag(*words, *asked[1].split())
    return done


def test_every_line_of_the_page_works_as_it_stands(untag: Untag, functiongraph: FunctionGraphStack) -> None:
    put(functiongraph, "i-p1", "i-p2")
    rows = [f"jdcloud,cn-north-1,vm,{id_},env,*" for id_ in ("i-p1", "i-p2")]
    untag.write("cleanup.csv", "\n".join(["provider,region,type,id,key,value", *rows]))
    body = json.dumps(request(["i-p3"], id="no-keys")).encode()
    functiongraph.bucket.put("dead/work/no_credentials/m-1", StoredObject(body, modified=functiongraph.time.now()))
    lines = re.findall(r"^    (untag .+)$", PAGE, re.MULTILINE)
    for line in lines:
        done = answered(untag, line)
        assert done.code == 0, f"{line}: {done.out}{done.err}"
    assert [line.split()[1] for line in lines] == ["send", "status", "undo", "dead-letters", "redrive", "scheduled"]
    functiongraph.drain()
    assert tags(functiongraph, "i-p1") == {"env": "prod"}
    assert functiongraph.dead_letters() == []


def test_a_deployment_that_keeps_no_reports_says_what_is_possible(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    put(functiongraph, "i-3")
    untag.write("outputs.json", as_terraform(functiongraph, keeps_reports=False))
    for words in (("status", "job"), ("undo", "job")):
        done = untag(*words, *THERE, "--json")
        assert done.code == 2
        assert done.json["error"] == (
            "the deployment of outputs.json keeps no reports, so it does not know what a batch has come to"
        )
        assert "set report_days" in done.json["hint"]
    name = untag.write("a.json", request(["i-3"]))
    words = ("send", name, *THERE, "--batch", "blind", "--yes", "--expect", "1")
    assert untag(*words, "--follow").code == 2
    assert functiongraph.waiting() == []
    done = untag(*words)
    assert (done.code, "to follow it" in done.out) == (0, False)
    functiongraph.drain()
    assert functiongraph.bucket.keys("requests/blind/") == []
    # What a subscriber of the topic has kept is enough for undo.
    reports = [one for one in functiongraph.reports() if one.get("batch") == "blind"]
    untag.write("reports.json", json.dumps(reports))
    assert untag("undo", "reports.json", *THERE, "--yes", "--expect", "1").code == 0
    functiongraph.drain()
    assert tags(functiongraph, "i-3") == {"env": "prod"}


def test_keys_that_are_missing_or_wrong_are_an_error_that_names_them(
    untag: Untag, functiongraph: FunctionGraphStack
) -> None:
    done = untag("dead-letters", *THERE, "--json", HW_SECRET_KEY="")
    assert (done.code, done.json["error"]) == (2, "there is no HW_SECRET_KEY in this shell")
    wrong = untag("dead-letters", *THERE, "--json", HW_SECRET_KEY="another")
    assert wrong.code == 1
    assert wrong.json["error"] == "Huawei Cloud refuses or cannot be reached: obs GET: SignatureDoesNotMatch"
    assert "HW_ACCESS_KEY, HW_SECRET_KEY" in wrong.json["hint"]
    assert functiongraph.user.secret_key not in wrong.out + wrong.err + done.out + done.err


@pytest.mark.parametrize("fault", ["forbidden", "unavailable"])
def test_a_bell_that_is_not_taken_is_told_and_what_was_sent_is_only_late(
    untag: Untag, functiongraph: FunctionGraphStack, fault: str
) -> None:
    put(functiongraph, "i-4")
    functiongraph.api.faults.add(fault)
    try:
        name = untag.write("a.json", request(["i-4"]))
        done = untag("send", name, *THERE, "--batch", "late", "--yes", "--expect", "1")
    finally:
        functiongraph.api.faults.clear()
    assert done.code == 0, done.err
    assert "the functions could not be called (" in done.err
    assert "): the timer finds what was put on the queue within three minutes" in done.err
    (message,) = functiongraph.waiting()
    functiongraph.functions.invoke_async("untag-remove", json.dumps({"untag": 1, "keys": [message.key]}).encode())
    functiongraph.drain()
    assert tags(functiongraph, "i-4") == {}


@pytest.mark.parametrize("following", [(), ("--follow",)], ids=" ".join)
def test_what_is_refused_is_named_and_the_same_command_sends_the_rest(
    untag: Untag, functiongraph: FunctionGraphStack, following: tuple[str, ...]
) -> None:
    functiongraph.obs.faults.add("forbidden", operation="PutObject")
    try:
        name = untag.write("a.json", request(["i-5"]))
        done = untag("send", name, *THERE, "--batch", "refused", "--yes", "--expect", "1", "--json", *following)
    finally:
        functiongraph.obs.faults.clear()
    assert (done.code, len(done.json["unsent"]), done.json["code"]) == (1, 1, "AccessDenied")
    assert done.json["again"].endswith("--functiongraph outputs.json")
    assert "the ledger has no copy" in done.err


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("nothing", "outputs.json does not hold Terraform's outputs as JSON"),
        ("[1]", "outputs.json does not hold Terraform's outputs as JSON"),
        ('{"bucket": {"value": "untag"}}', "there is no output reports_topic in it"),
    ],
)
def test_a_file_that_is_not_terraforms_outputs_is_an_error_that_says_how_to_write_it(
    untag: Untag, content: str, error: str
) -> None:
    untag.write("outputs.json", content)
    done = untag("status", "job", *THERE, "--json")
    assert (done.code, done.json["error"]) == (2, error)
    assert "terraform -chdir=deploy/functiongraph output -json > outputs.json" in done.json["hint"]


def test_two_stacks_at_once_are_refused(untag: Untag) -> None:
    done = untag("status", "job", *THERE, "--stack", "untag", "--json")
    assert (done.code, done.json["error"]) == (2, "--stack and --functiongraph mean different stacks")
