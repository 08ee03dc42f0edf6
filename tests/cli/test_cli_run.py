"""`untag run`: carried out to the end in this process, asked before, and gone on with after any kind of end."""

import csv
import json
import re
import signal
import subprocess
import time
from typing import Any

import pytest
from cli_support import request

from local.providers import JdcloudServer

ALL = [f"i-{n}" for n in range(300)]


def standing(jd: JdcloudServer) -> set[str]:
    """The machines that still bear the tag, by the cloud's own account."""
    return {id_ for id_ in ALL if "env" in (jd.tags.get("default", "cn-north-1", "vm", id_) or {})}


def test_requests_are_carried_out_and_their_pairs_are_rows_of_a_report(untag: Any, jd: JdcloudServer) -> None:
    name = untag.write("a.json", request(["i-1", "i-2", "gone"]))
    done = untag("run", name, "--batch", "b", "--yes", "--expect", "3", "--report", "rows.csv", "--json")
    assert done.code == 0
    assert done.json["batch"] == "b"
    assert done.json["pairs"] == {"removed": 2, "absent": 1}
    assert done.json["complete"] is True
    assert standing(jd) == set(ALL) - {"i-1", "i-2"}
    with (untag.folder / "rows.csv").open(newline="") as file:
        rows = {row["resource_id"]: row for row in csv.DictReader(file)}
    assert {"type", "resource_id", "key", "value", "was", "outcome", "code", "message"} <= set(rows["i-1"])
    assert (rows["i-1"]["was"], rows["i-1"]["outcome"], rows["gone"]["outcome"]) == ("prod", "removed", "absent")
    [asked] = [json.loads(line) for line in (untag.ledger / "b" / "requests.jsonl").read_text().splitlines()]
    assert (asked["batch"], asked["id"], asked["pairs"]) == ("b", "b-1", 3)
    assert {one["batch"] for one in untag.reports()} == {"b"}


def test_a_table_is_carried_out_and_a_batch_without_a_name_gets_one(untag: Any, jd: JdcloudServer) -> None:
    rows = ["provider,region,type,id,key,value", *(f"jdcloud,cn-north-1,vm,i-{n},env,*" for n in range(300))]
    name = untag.write("a.csv", "\n".join(rows))
    done = untag("run", name, "--yes", "--expect", "300", "--report", "rows.json", "--json", UNTAG_MAX_PAIRS="100")
    assert done.code == 0
    assert done.json["pairs"] == {"removed": 300}
    assert done.json["batch"].startswith("run-")
    assert standing(jd) == set()
    assert len(json.loads((untag.folder / "rows.json").read_text())) == 300
    assert "read as CSV with commas" in done.err


def test_a_dry_run_reads_and_asks_for_no_confirmation(untag: Any, jd: JdcloudServer) -> None:
    done = untag("run", untag.write("a.json", request(["i-1"])), "--dry-run", "--json")
    assert done.code == 0
    assert done.json["pairs"] == {"would_remove": 1}
    assert standing(jd) == set(ALL)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is no terminal to ask at"),
        (("--yes",), "--yes needs --expect"),
        (("--yes", "--expect", "3"), "it is about 2 pairs, and --expect says 3"),
    ],
)
def test_what_is_not_confirmed_changes_nothing_and_leaves_no_run(
    untag: Any, jd: JdcloudServer, words: tuple[str, ...], said: str
) -> None:
    done = untag("run", untag.write("a.json", request(["i-1", "i-2"])), *words)
    assert done.code == 2
    assert said in done.err
    assert "--yes --expect 2" in done.err
    assert standing(jd) == set(ALL)
    assert not list(untag.ledger.glob("*"))


def test_invalid_input_sends_nothing(untag: Any, jd: JdcloudServer) -> None:
    bad = untag.write("bad.json", {"provider": "jdcloud"})
    good = untag.write("good.json", request(["i-1"]))
    assert untag("run", good, bad, "--yes", "--expect", "1").code == 2
    assert standing(jd) == set(ALL)
    assert not jd.calls


def test_what_fails_is_shown_by_code_with_examples(untag: Any, jd: JdcloudServer) -> None:
    jd.faults.add("partial", ids=("i-1",), operation="writing", times=8)
    done = untag("run", untag.write("a.json", request(["i-1", "i-2"])), "--yes", "--expect", "2")
    assert done.code == 1
    assert "1 removed, 1 failed, complete: yes" in done.out
    assert "resource_failed" in done.out
    assert "vm i-1 env" in done.out


def test_a_sweep_is_listed_counted_and_carried_out(untag: Any, jd: JdcloudServer) -> None:
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    name = untag.write("sweep.json", {"rules": [rule]})
    refused = untag("run", name, "--yes", "--expect", "1")
    assert refused.code == 2
    assert "it is about 300 pairs" in refused.err
    done = untag("run", name, "--batch", "s", "--yes", "--expect", "300", "--json")
    assert done.code == 0
    assert done.json["pairs"] == {"removed": 300}
    assert standing(jd) == set()


def test_a_sweep_that_cannot_be_carried_out_here_is_invalid_and_leaves_no_run(untag: Any) -> None:
    rule = {"name": "tmp", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "tmp"}}
    untag.write("sweep.json", {"rules": [{**rule, "grace": "7d"}]})
    done = untag("run", "sweep.json", "--batch", "b", "--yes", "--expect", "1", "--json")
    assert done.code == 2
    assert "rules.0.grace" in done.json["error"]
    assert untag("status", "b").code != 0


def test_two_runs_of_a_batch_are_kept_beside_each_other(untag: Any) -> None:
    for id_ in ("i-1", "i-2"):
        done = untag("run", untag.write("a.json", request([id_])), "--batch", "b", "--yes", "--expect", "1")
        assert done.code == 0
    assert [one["id"] for one in untag.reports()] == ["b-1", "b.2-1"]


SLOWLY = {"UNTAG_CONCURRENCY": "2", "UNTAG_RESOURCES_PER_CALL": "jdcloud.resourcetag=5", "UNTAG_RATE": "2000"}
"""It is the cloud that takes its time, and not the account's pace."""


def started(untag: Any, jd: JdcloudServer, *words: str) -> "subprocess.Popen[str]":
    """A run of 300 requests at a slow cloud, from which some machines are untagged already."""
    jd.faults.add("delay", seconds=0.3, operation="writing")
    name = untag.write("a.json", [request([id_]) for id_ in ALL])
    process = subprocess.Popen(
        untag.command("run", name, "--batch", "b", "--yes", "--expect", "300", *words),
        cwd=untag.folder,
        env={**untag.environ, **SLOWLY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while len(standing(jd)) > 280 and time.monotonic() < end:
        time.sleep(0.05)
    assert 0 < len(standing(jd)) <= 280
    return process


def resumed(untag: Any, jd: JdcloudServer) -> Any:
    jd.faults.clear()
    done = untag("run", "--resume", "b", "--json")
    assert done.code == 0
    assert done.json["complete"] is True
    assert sum(done.json["pairs"].values()) == 300
    assert standing(jd) == set()
    assert not {"failed", "unconfirmed"} & set(done.json["pairs"])
    return done


def test_ctrl_c_leaves_a_run_that_resume_brings_to_its_end(untag: Any, jd: JdcloudServer) -> None:
    process = started(untag, jd)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "complete: no" in out
    assert "to go on: untag run --resume b" in out
    assert "Traceback" not in err
    again = untag("run", untag.write("c.json", request(["i-1"])), "--batch", "b", "--yes", "--expect", "1")
    assert again.code == 2
    assert "untag run --resume b" in again.err
    resumed(untag, jd)


def large(untag: Any, jd: JdcloudServer, **fields: Any) -> "subprocess.Popen[str]":
    """One request for 300 pairs at a slow cloud, under way."""
    jd.faults.add("delay", seconds=0.3, operation="writing")
    name = untag.write("a.json", request(ALL, **fields))
    words = () if "batch" in fields else ("--batch", "b")
    process = subprocess.Popen(
        untag.command("run", name, *words, "--yes", "--expect", "300"),
        cwd=untag.folder,
        env={**untag.environ, **SLOWLY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while len(standing(jd)) > 280 and time.monotonic() < end:
        time.sleep(0.05)
    assert 0 < len(standing(jd)) <= 280
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    """End the process, and wait until what it had sent is carried out: a call that lands after an undo undoes it."""
    process.kill()
    process.communicate(timeout=60)
    time.sleep(0.5)


def test_ctrl_c_within_a_large_request_reports_what_is_removed_and_undo_puts_it_all_back(
    untag: Any, jd: JdcloudServer
) -> None:
    process = large(untag, jd)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    removed = 300 - len(standing(jd))
    assert process.returncode == 3, err
    assert f"{removed} removed, {300 - removed} waiting, complete: no" in out
    assert "Ctrl-C again stops at once" in err
    assert untag("status", "b", "--json").json["pairs"] == {"removed": removed}
    assert resumed(untag, jd).json["pairs"] == {"removed": 300}
    assert untag("undo", "b", "--yes", "--expect", "300").code == 0
    assert standing(jd) == set(ALL)


def test_a_run_that_is_killed_loses_nothing(untag: Any, jd: JdcloudServer) -> None:
    process = started(untag, jd)
    kill(process)
    resumed(untag, jd)
    # Each machine of which the cloud took the tag has a row that says so, or that it was not there any more.
    rows = [row for one in untag.reports() if one["kind"] == "removal" for row in one["outcomes"]]
    assert {row["resource_id"] for row in rows} == set(ALL)
    assert {row["outcome"] for row in rows} <= {"removed", "absent"}
    assert jd.tags.get("default", "cn-north-1", "vm", "i-1") == {"team": "web"}


def test_what_a_run_had_removed_when_it_was_killed_is_put_back_by_undo(untag: Any, jd: JdcloudServer) -> None:
    process = large(untag, jd)
    kill(process)
    pairs = resumed(untag, jd).json["pairs"]
    assert pairs["absent"] >= 20
    assert untag("undo", "b", "--yes", "--expect", "300").code == 0
    assert standing(jd) == set(ALL)
    assert not list((untag.ledger / "b").glob("writes.jsonl"))


def test_every_tag_that_a_killed_run_had_removed_is_put_back_by_undo(untag: Any, jd: JdcloudServer) -> None:
    process = large(untag, jd, tags="all")
    kill(process)
    jd.faults.clear()
    assert untag("run", "--resume", "b").code == 0
    assert standing(jd) == set()
    assert untag("undo", "b", "--yes", "--expect", "600").code == 0
    assert {json.dumps(jd.tags.get("default", "cn-north-1", "vm", id_), sort_keys=True) for id_ in ALL} == {
        '{"env": "prod", "team": "web"}'
    }


def test_a_run_that_was_killed_before_its_first_call_has_everything_left(untag: Any, jd: JdcloudServer) -> None:
    folder = untag.ledger / "b"
    folder.mkdir(parents=True)
    asked = [{**request([id_]), "id": f"b-{n}", "batch": "b", "pairs": 1} for n, id_ in enumerate(ALL)]
    (folder / "requests.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))
    refused = untag("run", "--resume", "b", "--expect", "299")
    assert refused.code == 2
    assert "300 pairs are left of b" in refused.err
    assert len(standing(jd)) == 300
    assert resumed(untag, jd).json["pairs"] == {"removed": 300}


def killed(untag: Any, parts: list[list[str]]) -> None:
    """A run of three machines of which a second attempt was left in these messages: the process was killed when it had
    reported on i-1, and before it had written down what was left.
    """
    asked = request(["i-1", "i-2", "i-3"], id="b-1", batch="b")
    folder = untag.ledger / "b"
    folder.mkdir(parents=True)
    (folder / "requests.jsonl").write_text(json.dumps({**asked, "pairs": 3}) + "\n")
    bodies = [{**asked, "attempt": 2, "resources": [{"type": "vm", "ids": ids}]} for ids in parts]
    lines = [json.dumps({"body": json.dumps(body), "due": "2026-01-01T00:00:00+00:00"}) for body in bodies]
    (folder / "waiting.jsonl").write_text("".join(f"{line}\n" for line in lines))
    row = {"type": "vm", "resource_id": "i-1", "key": "env", "value": "prod", "outcome": "removed", "was": "prod"}
    place = {name: asked.get(name) for name in ("id", "batch", "provider", "region")} | {"account": "default"}
    counts = {"removed": 1}
    report = {**place, "kind": "removal", "report_id": "r", "action": "remove", "attempt": 2, "complete": True}
    report |= {"counts": counts, "request_counts": counts, "outcomes": [row], "page": {"number": 1, "of": 1}}
    report |= {"status": "succeeded", "dry_run": False, "started_at": "2026-01-01T00:00:00.000Z"}
    report |= {"finished_at": "2026-01-01T00:00:01.000Z", "summary": "1 of 1 tag removed", "reason": None}
    (folder / "reports.jsonl").write_text(json.dumps(report) + "\n")


def test_of_a_remainder_in_several_messages_each_is_gone_on_with_that_no_report_settles(
    untag: Any, jd: JdcloudServer
) -> None:
    killed(untag, [["i-1"], ["i-2", "i-3"]])
    done = untag("run", "--resume", "b", "--json")
    assert (done.code, done.json["pairs"], done.json["complete"]) == (0, {"removed": 3}, True)
    assert {"i-2", "i-3"}.isdisjoint(standing(jd))
    assert "i-1" in standing(jd)  # it is settled, so it was not asked for again


def test_of_a_message_only_the_pairs_are_asked_for_again_that_no_report_settles(untag: Any, jd: JdcloudServer) -> None:
    killed(untag, [["i-1", "i-2", "i-3"]])
    done = untag("run", "--resume", "b", "--json")
    assert (done.code, done.json["pairs"], done.json["complete"]) == (0, {"removed": 3}, True)
    assert {"i-2", "i-3"}.isdisjoint(standing(jd))
    assert "i-1" in standing(jd)  # it is settled, so it was not asked for again


def test_a_batch_that_the_file_names_is_gone_on_with_and_undone_by_that_name(untag: Any, jd: JdcloudServer) -> None:
    process = large(untag, jd, batch="own")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert untag("status", "own", "--json").json["resume"] == "untag run --resume own"
    jd.faults.clear()
    assert untag("run", "--resume", "own").code == 0
    done = untag("run", untag.write("b.json", request(["i-1"], batch="own")), "--yes", "--expect", "1", "--json")
    assert (done.json["batch"], done.json["folder"]) == ("own", str(untag.ledger / "own.2"))
    mixed = [request([f"i-{n}"], batch=f"part-{n}", dry_run=True) for n in (1, 2)]
    assert untag("run", untag.write("m.json", mixed), "--json").json["batches"] == ["part-1", "part-2"]


def test_a_batch_with_a_number_in_its_name_is_no_run_of_another_batch(untag: Any) -> None:
    name = untag.write("a.json", request(["i-1"]))
    for batch in ("v.2", "v", "v"):
        assert untag("run", name, "--batch", batch, "--dry-run").code == 0
    assert sorted(path.name for path in untag.ledger.iterdir()) == ["v", "v.2", "v.3"]
    assert {one["batch"] for one in untag.reports()} == {"v", "v.2"}
    assert untag("run", "--resume", "v", "--json").json["pairs"] == {"would_remove": 2}


@pytest.mark.parametrize("batch", [".", ".."])
def test_a_batch_of_dots_touches_nothing_beside_its_own_folder(untag: Any, batch: str) -> None:
    name = untag.write("a.json", request(["i-1"]))
    untag.write("b.json", request(["i-1"], batch=batch))
    assert untag("run", name, "--batch", batch).code == 2
    assert (untag.folder / name).exists()
    assert untag("run", "b.json", "--yes", "--expect", "1").code == 0
    assert untag("run", "--resume", batch, "--json").json["pairs"] == {"removed": 1}
    assert [path.name for path in untag.ledger.iterdir()] == [f"{batch}~"]


def test_a_sweep_keeps_its_summary_where_no_other_batch_can_be(untag: Any) -> None:
    assert untag("run", untag.write("a.json", request(["i-1"])), "--batch", "s.sweep", "--dry-run").code == 0
    rule = {"name": "old", "provider": "jdcloud", "types": ["vm"], "regions": ["cn-north-1"], "match": {"key": "env"}}
    done = untag("run", untag.write("sweep.json", {"rules": [rule]}), "--batch", "s", "--dry-run")
    assert done.code == 0
    assert untag("status", "s.sweep", "--json").json["pairs"] == {"would_remove": 1}


def test_a_run_at_which_a_process_is_at_work_is_not_gone_on_with_by_another(untag: Any, jd: JdcloudServer) -> None:
    process = large(untag, jd)
    second = untag("run", "--resume", "b")
    assert (second.code, "another process is at work at b" in second.err) == (2, True)
    jd.faults.clear()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert untag("status", "b", "--json").json["pairs"] == {"removed": 300}


def test_what_is_not_known_cannot_be_gone_on_with(untag: Any) -> None:
    done = untag("run", "--resume", "none")
    assert done.code == 2
    assert "no run of none is in the ledger" in done.err
    assert untag("run").code == 2
    assert untag("run", "a.json", "--resume", "none").code == 2


def test_what_takes_its_time_says_how_far_it_is(untag: Any, jd: JdcloudServer) -> None:
    # Two of its three calls take longer than the time from one line to the next.
    jd.faults.add("delay", seconds=1.05, operation="writing")
    name = untag.write("a.json", [request([id_]) for id_ in ALL[:30]])
    done = untag(
        "run", name, "--yes", "--expect", "30", UNTAG_CONCURRENCY="1", UNTAG_RESOURCES_PER_CALL="jdcloud.resourcetag=10"
    )
    assert done.code == 0
    said = re.findall(r"^(\d+) of 30 pairs: \1 removed$", done.err, re.MULTILINE)
    assert 0 < int(said[0]) < 30


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"UNTAG_PROTECTED_KEYS": "env"}, "the settings protect the key (protected_key, UNTAG_PROTECTED_KEYS)"),
        ({"UNTAG_MAX_PAIRS": "1"}, "the settings allow 1 in one request (too_many_pairs, UNTAG_MAX_PAIRS)"),
    ],
)
def test_a_run_of_which_every_pair_was_held_back_has_done_nothing_and_says_why(
    untag: Any, jd: JdcloudServer, environ: dict[str, str], said: str
) -> None:
    name = untag.write("a.json", request(["i-1", "i-2"]))
    done = untag("run", name, "--batch", "b", "--yes", "--expect", "2", **environ)
    assert done.code == 1
    assert "2 protected, complete: yes" in done.out
    assert "2 pairs held back: " in done.out
    assert said in done.out
    assert standing(jd) == set(ALL)
    again = untag("status", "b")
    assert (again.code, said in again.out) == (1, True)


def test_a_run_of_which_some_pairs_were_held_back_is_done(untag: Any, jd: JdcloudServer) -> None:
    tags = [{"key": "env"}, {"key": "team"}]
    name = untag.write("a.json", request(["i-1"], tags=tags))
    done = untag("run", name, "--yes", "--expect", "2", UNTAG_PROTECTED_KEYS="team")
    assert done.code == 0
    assert "1 removed, 1 protected, complete: yes" in done.out
    assert "1 pair held back: the settings protect the key (protected_key, UNTAG_PROTECTED_KEYS)" in done.out
    # The same once more: what is gone is gone, and what is protected stays.
    assert untag("run", name, "--yes", "--expect", "2", UNTAG_PROTECTED_KEYS="team").code == 0
