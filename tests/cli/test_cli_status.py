"""`untag status` and `untag undo`: what a batch has come to, and back to where it began."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cli_support import request

from local.providers import JdcloudServer


@pytest.fixture
def batch(untag: Any, jd: JdcloudServer) -> str:
    """A batch of four pairs: two removed, one failed, one absent."""
    jd.faults.add("partial", ids=("i-3",), operation="writing", times=8)
    name = untag.write("a.json", request(["i-1", "i-2", "i-3", "gone"]))
    assert untag("run", name, "--batch", "b", "--yes", "--expect", "4").code == 1
    jd.faults.clear()
    return "b"


def tags(jd: JdcloudServer, id_: str) -> dict[str, str] | None:
    return jd.tags.get("default", "cn-north-1", "vm", id_)


def test_a_batch_is_told_in_one_line_and_its_failures_by_code_with_examples(untag: Any, batch: str) -> None:
    done = untag("status", batch)
    assert done.code == 1
    assert "b: 2 removed, 1 absent, 1 failed, complete: yes" in done.out
    assert "resource_failed" in done.out
    assert "vm i-3 env" in done.out
    answer = untag("status", batch, "--json").json
    assert answer["pairs"] == {"removed": 2, "absent": 1, "failed": 1}
    assert (answer["waiting"], answer["complete"]) == (0, True)
    assert [(one["code"], one["pairs"]) for one in answer["failures"]] == [("resource_failed", 1)]


def test_rows_go_into_a_file_all_of_them_or_what_failed(untag: Any, batch: str) -> None:
    for words, ids in (((), {"i-1", "i-2", "i-3", "gone"}), (("--failed",), {"i-3"})):
        assert untag("status", batch, "--csv", "rows.csv", *words).code == 1
        with (untag.folder / "rows.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["resource_id"] for row in rows} == ids
        assert {"type", "resource_id", "key", "value", "was", "outcome", "code", "message"} <= set(rows[0])
    assert "i-3" in untag("status", batch, "--failed").out
    assert "i-1" not in untag("status", batch, "--failed").out


def test_what_waits_has_its_time_and_the_command_that_goes_on(untag: Any, batch: str) -> None:
    body = json.dumps({**request(["i-9"]), "id": "b-9", "batch": batch})
    due = (datetime.now(UTC) + timedelta(minutes=55)).isoformat()
    (untag.ledger / "b" / "waiting.jsonl").write_text(json.dumps({"body": body, "due": due}) + "\n")
    done = untag("status", batch)
    assert done.code == 3
    assert "complete: no" in done.out
    assert "1 message waiting; nothing is due until " in done.out
    assert "untag run --resume b" in done.out


def test_a_batch_that_nobody_has_heard_of_is_an_error_with_the_nearest_name(untag: Any, batch: str) -> None:
    done = untag("status", "bb")
    assert done.code == 2
    assert "nothing is known of a batch bb" in done.err
    assert untag("undo", f"{batch}b", "--yes", "--expect", "1").code == 2


def test_a_pair_that_a_later_run_of_the_batch_worked_at_again_counts_once_as_that_run_says(
    untag: Any, batch: str
) -> None:
    words = ("run", untag.write("again.json", request(["i-3", "i-4"])), "--batch", batch, "--yes", "--expect", "2")
    assert untag(*words, UNTAG_PROTECTED_KEYS="env").code == 1
    held = untag("status", batch, "--json").json
    assert held["pairs"] == {"removed": 2, "absent": 1, "protected": 2}
    assert [(one["code"], one["pairs"]) for one in held["held_back"]] == [("protected_key", 2)]
    assert untag(*words).code == 0
    done = untag("status", batch, "--json")
    assert (done.code, done.json["complete"], done.json["failures"]) == (0, True, [])
    assert done.json["pairs"] == {"removed": 4, "absent": 1}
    assert untag("status", batch, "--csv", "rows.csv").code == 0
    with (untag.folder / "rows.csv").open(newline="") as file:
        rows = {row["resource_id"]: row["outcome"] for row in csv.DictReader(file)}
    assert rows == {"i-1": "removed", "i-2": "removed", "i-3": "removed", "i-4": "removed", "gone": "absent"}


def test_a_dry_run_of_a_batch_counts_until_it_is_carried_out(untag: Any) -> None:
    file = untag.write("a.json", request(["i-1", "i-2"]))
    assert untag("run", file, "--batch", "b", "--dry-run").code == 0
    assert untag("status", "b", "--json").json["pairs"] == {"would_remove": 2}
    assert untag("run", file, "--batch", "b", "--yes", "--expect", "2").code == 0
    assert untag("status", "b", "--json").json["pairs"] == {"removed": 2}


def test_a_batch_that_is_run_again_can_still_be_undone_out_of_its_rows(untag: Any, jd: JdcloudServer) -> None:
    name = untag.write("a.json", request(["i-1", "i-2"], tags=[{"key": "env"}]))
    for _ in range(2):
        assert untag("run", name, "--batch", "b", "--yes", "--expect", "2").code == 0
    assert untag("status", "b", "--csv", "rows.csv", "--json").json["pairs"] == {"removed": 2}
    assert untag("undo", "rows.csv", "--yes", "--expect", "2").code == 0
    assert tags(jd, "i-1") == {"env": "prod", "team": "web"}


def test_a_resource_that_could_be_read_the_second_time_has_not_failed(untag: Any, jd: JdcloudServer) -> None:
    name = untag.write("a.json", request(["i-1"], tags="all"))
    jd.faults.add("forbidden")
    assert untag("run", name, "--batch", "b", "--yes", "--expect", "1").code == 1
    jd.faults.clear()
    assert untag("run", name, "--batch", "b", "--yes", "--expect", "1").code == 0
    done = untag("status", "b", "--json")
    assert (done.code, done.json["pairs"], done.json["failures"]) == (0, {"removed": 2}, [])


def test_a_batch_is_put_back_and_that_is_undone_too(untag: Any, jd: JdcloudServer, batch: str) -> None:
    refused = untag("undo", batch)
    assert refused.code == 2
    assert "2 rows would be changed" in refused.err
    assert "restore" in refused.out
    done = untag("undo", batch, "--yes", "--expect", "2", "--json")
    assert done.code == 0
    assert (done.json["batch"], done.json["pairs"]) == ("b-undo", {"restored": 2})
    assert tags(jd, "i-1") == {"env": "prod", "team": "web"}
    again = untag("undo", "b-undo", "--yes", "--expect", "2", "--json")
    assert again.json["pairs"] == {"removed": 2}
    assert tags(jd, "i-1") == {"team": "web"}


def test_a_key_that_has_another_value_by_now_is_left_unless_it_is_to_be_overwritten(
    untag: Any, jd: JdcloudServer, batch: str
) -> None:
    jd.tags.put("cn-north-1", "vm", "i-1", "env", "other")
    assert untag("undo", batch, "--yes", "--expect", "2", "--json").json["pairs"] == {"restored": 1, "protected": 1}
    done = untag("undo", batch, "--overwrite", "--yes", "--expect", "2", "--json")
    assert done.json["pairs"] == {"restored": 2}
    assert tags(jd, "i-1") == {"env": "prod", "team": "web"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "reports.jsonl"])
def test_what_a_run_has_written_is_undone_from_the_file(untag: Any, jd: JdcloudServer, name: str) -> None:
    words = () if name == "reports.jsonl" else ("--report", name)
    sent = untag.write("a.json", request(["i-1", "i-2"], tags=[{"key": "env"}]))
    assert untag("run", sent, "--batch", "b", "--yes", "--expect", "2", *words).code == 0
    file = "ledger/b/reports.jsonl" if name == "reports.jsonl" else name
    printed = untag("undo", file, "--print").json
    assert [one["action"] for one in printed] == ["restore"]
    assert printed[0]["tags"] == [{"key": "env", "value": "prod"}]
    assert tags(jd, "i-1") == {"team": "web"}
    assert untag("undo", file, "--yes", "--expect", "2").code == 0
    assert tags(jd, "i-1") == {"env": "prod", "team": "web"}


def test_a_tag_that_was_not_there_is_not_made_by_the_undo_of_a_file(untag: Any, jd: JdcloudServer) -> None:
    sent = untag.write("a.json", request(["i-1"], tags=[{"key": "env"}, {"key": "owner"}]))
    assert untag("run", sent, "--batch", "b", "--yes", "--expect", "2", "--report", "rows.csv").code == 0
    (printed,) = untag("undo", "rows.csv", "--print").json
    assert printed["tags"] == [{"key": "env", "value": "prod"}]
    done = untag("undo", "rows.csv", "--yes", "--expect", "1")
    assert (done.code, done.err) == (0, "")
    assert tags(jd, "i-1") == {"env": "prod", "team": "web"}


def test_an_undo_of_rows_bears_the_name_of_their_batch_or_else_of_their_file(untag: Any, batch: str) -> None:
    untag("status", batch, "--csv", "rows.csv")
    assert {one["batch"] for one in untag("undo", "rows.csv", "--print").json} == {"b-undo"}
    with (untag.folder / "rows.csv").open(newline="") as file:
        rows = [{name: cell for name, cell in row.items() if name != "batch"} for row in csv.DictReader(file)]
    for name, stem in (("monday.json", "monday-undo"), ("kept apart.json", "kept-apart-")):
        (named,) = {one["batch"] for one in untag("undo", untag.write(name, rows), "--print").json}
        assert named.startswith(stem)


def test_what_is_neither_a_file_nor_a_batch_is_said_to_be_neither_with_what_was_probably_meant(
    untag: Any, batch: str
) -> None:
    file = untag.write("a.json", request(["i-5"]))
    assert untag("run", file, "--batch", "cleanup-2026", "--yes", "--expect", "1").code == 0
    done = untag("undo", "nofile.csv")
    assert done.code == 2
    assert f"there is no file {untag.folder / 'nofile.csv'}, and nothing is known of a batch nofile.csv" in done.err
    for words in (("undo", "clenup-2026"), ("run", "--resume", "clenup-2026")):
        done = untag(*words)
        assert (done.code, "did you mean cleanup-2026?" in done.err) == (2, True), words


@pytest.mark.parametrize("name", ["rows.csv", "rows.json"])
def test_a_file_to_undo_that_is_not_utf_8_is_named(untag: Any, name: str) -> None:
    (untag.folder / name).write_bytes(b"a\n\xe9,b\n")
    done = untag("undo", name)
    assert (done.code, f"{name}: it is not UTF-8: see line 2" in done.err) == (2, True)


def test_where_nothing_was_done_there_is_nothing_to_undo(untag: Any) -> None:
    assert untag("run", untag.write("a.json", request(["gone"])), "--batch", "b", "--yes", "--expect", "1").code == 0
    done = untag("undo", "b", "--yes", "--expect", "1")
    assert done.code == 2
    assert "there is nothing to undo in it" in done.err
