"""What the local stack did, in the ledger: the command follows it by its batch."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Untag, request
from local_support import up

from cli.ledger import Ledger
from local.providers import JdcloudServer, environment


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Untag]:
    """The command in a folder with a stack that is up; its ledger begins with half a line of a killed writer."""
    untag = Untag(tmp_path_factory.mktemp("ledger"), {})
    (untag.ledger / "local").mkdir(parents=True)
    (untag.ledger / "local" / "reports.jsonl").write_text('{"kind": "remo', encoding="utf-8")
    with up(untag, "--batching-window", "0.1"):
        yield untag


def asked(batch: str) -> dict[str, object]:
    """A request for the tags of two seeded resources, one of which has another value."""
    return request(["i-dry01", "i-dry02"], id=f"{batch}-1", batch=batch, tags=[{"key": "env", "value": "staging"}])


def test_a_batch_that_the_local_stack_carried_out_has_its_totals(stack: Untag) -> None:
    sent = stack("local", "send", stack.write("asked.json", asked("of-the-stack")), "--wait", "60")
    assert sent.code == 0, sent.err
    status = stack("status", "of-the-stack", "--json", **stack("local", "env", "--json").json)
    assert status.code == 0, status.err
    assert status.json["pairs"] == {"removed": 1, "absent": 1}
    assert status.json["complete"] is True
    lines = (stack.ledger / "local" / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"kind": "remo'
    assert json.loads(lines[1])["batch"] == "of-the-stack"


def test_the_same_report_of_another_stack_counts_once(stack: Untag) -> None:
    path = stack.ledger / "local" / "reports.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + whole.partition("\n")[2], encoding="utf-8")
    status = stack("status", "of-the-stack", "--json", **stack("local", "env", "--json").json)
    assert status.json["pairs"] == {"removed": 1, "absent": 1}


def test_what_is_no_report_is_not_kept(stack: Untag, tmp_path: Path) -> None:
    from local.reports.ledger import LedgerFile

    file = LedgerFile(tmp_path)
    file.add("by hand")
    file.add("[1]")
    assert not file.path.exists()
    file.add('{"kind": "rejected",\n "id": "部"}')
    assert file.path.read_text(encoding="utf-8") == '{"kind": "rejected", "id": "部"}\n'
    assert Ledger(tmp_path).batches()[0]["batch"] == "部"


def test_outside_the_environment_of_the_stack_what_it_did_does_not_count(stack: Untag) -> None:
    status, undo = stack("status", "of-the-stack"), stack("undo", "of-the-stack", "--print")
    assert (status.code, undo.code) == (2, 2)
    for done in (status, undo):
        assert "nothing is known of a batch of-the-stack" in done.err
        assert 'the local stack carried it out: --local, or first eval "$(untag local env)"' in done.err
    there = stack("status", "of-the-stack", "--local", "--json")
    assert there.json["pairs"] == {"removed": 1, "absent": 1}


def test_a_batch_that_was_tried_at_the_stack_is_undone_with_what_stood_at_the_real_clouds(
    stack: Untag, jd: JdcloudServer
) -> None:
    body = request(["i-both1", "i-both2"], id="both-1", batch="both", tags=[{"key": "env"}])
    file = stack.write("both.json", body)
    tried = stack("local", "put", file).code, stack("local", "send", file, "--wait", "60").code
    assert tried == (0, 0)
    place = {"region": "cn-north-1", "type": "vm"}
    jd.tags.load([{**place, "id": "i-both1", "tags": {"env": "real"}}, {**place, "id": "i-both2", "tags": {"a": "b"}}])
    clouds = environment((jd,))
    done = stack("run", file, "--yes", "--expect", "2", "--json", **clouds)
    assert done.code == 0, done.err
    assert done.json["pairs"] == {"removed": 1, "absent": 1}
    (undone,) = json.loads(stack("undo", "both", "--print", **clouds).out)
    assert undone["resources"] == [{"type": "vm", "ids": ["i-both1"]}]
    assert undone["tags"] == [{"key": "env", "value": "real"}]


def test_undo_in_the_environment_of_the_stack_puts_back_what_it_removed(stack: Untag) -> None:
    variables = stack("local", "env", "--json").json
    done = stack("undo", "of-the-stack", "--yes", "--expect", "1", "--json", **variables)
    assert done.code == 0, done.err
    assert done.json["pairs"] == {"restored": 1}
    tags = stack("local", "state", "--json").json["providers"]["jdcloud"]["tags"]["default"]["cn-north-1"]["vm"]
    assert tags["i-dry01"] == {"env": "staging"}


def test_a_batch_of_that_name_is_kept_apart_from_the_local_stack(stack: Untag) -> None:
    variables = stack("local", "env", "--json").json
    file = stack.write("named.json", request(["i-batch01"], tags=[{"key": "owner"}]))
    done = stack("run", file, "--batch", "local", "--yes", "--expect", "1", "--json", **variables)
    assert done.code == 0, done.err
    assert Path(done.json["folder"]).name == "local~"
    assert stack("status", "local", "--json").json["pairs"] == {"removed": 1}
