"""The ledger's answers agree with the clouds after a real run, and a message that was lost is missed."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from skipping import Skipping

from cli.ledger import Ledger, default_folder
from local.providers import HuaweicloudConfigServer, JdcloudServer, environment
from untag.hosts.here import Here, carry_out
from untag.removal import Remover

RESOURCES = 300
BATCH = "cleanup-2026-11"


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        place = {"region": "cn-north-1", "type": "vm"}
        server.tags.load({**place, "id": f"i-{n}", "tags": {"env": "prod", "team": "web"}} for n in range(RESOURCES))
        yield server


def request(id_: str, ids: Any, **fields: Any) -> dict[str, Any]:
    tags = [{"key": "env", "value": "prod"}, {"key": "team"}]
    body = {"id": id_, "batch": BATCH, "provider": "jdcloud", "account": "default", "region": "cn-north-1"}
    return {**body, "resources": [{"type": "vm", "ids": list(ids)}], "tags": tags, **fields}


def carried_out(folder: Path, jd: JdcloudServer, *requests: dict[str, Any], **environ: str) -> Path:
    """The run's folder, with the requests that were sent and the reports on them."""
    run = folder / "run"
    with HuaweicloudConfigServer() as config:
        variables = environment((jd, config))
    host = Here(run, {**variables, **environ}, timing=Skipping().timing())
    with (run / "requests.jsonl").open("a", encoding="utf-8") as file:
        for one in requests:
            ids = sum(len(group["ids"]) for group in one["resources"])
            pairs = None if one["tags"] == "all" else ids * len(one["tags"])
            file.write(json.dumps({**one, "pairs": pairs}) + "\n")
    carry_out(host, Remover, [json.dumps(one) for one in requests])
    return run


def reports(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "reports.jsonl").read_text(encoding="utf-8").splitlines()]


def rewritten(run: Path, kept: list[dict[str, Any]]) -> None:
    (run / "reports.jsonl").write_text("".join(json.dumps(one) + "\n" for one in kept), encoding="utf-8")


def totals(folder: Path, batch: str = BATCH) -> tuple[int, dict[str, int], int, bool]:
    known = Ledger(folder).totals(batch)
    assert known is not None
    return known.requests, known.pairs, known.waiting, known.complete


def report(**fields: Any) -> dict[str, Any]:
    """A report with a row for each of `ids`, and what its attempt counts."""
    numbers = report.__dict__.setdefault("numbers", itertools.count())
    rows = [
        {"type": "vm", "resource_id": id_, "key": "env", "value": None, "outcome": fields.get("outcome", "removed")}
        for id_ in fields.pop("ids", ())
    ]
    counts = Counter(row["outcome"] for row in rows)
    counts.update({"deferred": fields.pop("deferred", 0)})
    whole = {
        "kind": "removal",
        "report_id": f"r-{next(numbers)}",
        "id": "a",
        "batch": BATCH,
        "provider": "jdcloud",
        "account": "default",
        "region": "cn-north-1",
        "attempt": 1,
        "dry_run": False,
        "page": {"number": 1, "of": 1},
        "request_counts": dict(counts),
        "started_at": "2026-11-01T00:00:00.000Z",
        "outcomes": rows,
    }
    return {**whole, **fields}


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    (folder / "run").mkdir(exist_ok=True)
    rewritten(folder / "run", list(lines))
    return folder


def test_after_throttles_and_several_pages_the_ledger_says_what_the_cloud_shows(
    tmp_path: Path, jd: JdcloudServer
) -> None:
    # Of the second request: the first one's report has to be long enough for several pages.
    jd.faults.add("throttle", ids=("i-2??",), operation="writing", times=25)
    jd.faults.add("partial", ids=("i-7",), operation="writing", times=100)
    ids = [f"i-{n}" for n in range(RESOURCES)]
    run = carried_out(tmp_path, jd, request("a", [*ids[:200], "gone"]), request("b", ids[200:250]))
    kept = reports(run)
    assert max(one["page"]["of"] for one in kept) > 1
    assert any(one["attempt"] > 1 for one in kept)
    standing = {id_: jd.tags.get("default", "cn-north-1", "vm", id_) or {} for id_ in ids}
    gone = {(id_, key) for id_ in ids for key in ("env", "team") if key not in standing[id_]}
    ledger = Ledger(tmp_path)
    rows = ledger.rows(BATCH)
    assert {(row["resource_id"], row["key"]) for row in rows if row["outcome"] == "removed"} == gone
    assert totals(tmp_path) == (2, {"removed": len(gone), "absent": 2, "failed": 2}, 0, True)
    assert len(gone) == 498
    assert [(row["code"], row["pairs"], row["example_resource_id"]) for row in ledger.failures(BATCH)] == [
        ("resource_failed", 2, "i-7")
    ]
    assert {row["resource_id"] for row in ledger.rows(BATCH, failed_only=True)} == {"i-7"}
    assert sum(row["tags"] for row in ledger.tags_removed_by_day()) == 498
    assert [row["outcome"] for row in ledger.resource("i-3")] == ["removed", "removed"]
    # Nothing depends on how often a report comes, nor in which order.
    before = totals(tmp_path)
    rewritten(run, [*reversed(kept), *kept])
    assert totals(tmp_path) == before
    assert sum(row["tags"] for row in Ledger(tmp_path).tags_removed_by_day()) == 498


def test_a_batch_is_not_complete_without_any_one_of_its_reports(tmp_path: Path, jd: JdcloudServer) -> None:
    jd.faults.add("throttle", operation="writing", times=12)
    run = carried_out(tmp_path, jd, request("a", (f"i-{n}" for n in range(160))), request("b", ["i-200", "i-201"]))
    kept = reports(run)
    assert totals(tmp_path) == (2, {"removed": 324}, 0, True)
    for lost in kept:
        if lost["outcomes"]:
            rewritten(run, [one for one in kept if one is not lost])
            requests, pairs, waiting, complete = totals(tmp_path)
            assert (requests, complete) == (2, False)
            assert pairs.get("removed", 0) + waiting == 324


def test_a_request_that_nothing_is_reported_of_waits(tmp_path: Path, jd: JdcloudServer) -> None:
    run = carried_out(tmp_path, jd, request("a", ["i-1"]), request("b", ["i-2", "i-3"]))
    rewritten(run, [one for one in reports(run) if one["id"] == "a"])
    assert totals(tmp_path) == (2, {"removed": 2}, 4, False)
    assert [(row["request_id"], row["waiting"]) for row in Ledger(tmp_path).incomplete(BATCH)] == [("b", 4)]


def test_what_is_held_back_as_a_whole_is_complete_and_protected(tmp_path: Path, jd: JdcloudServer) -> None:
    carried_out(tmp_path, jd, request("a", ["i-1", "i-2", "i-3"]), request("b", ["i-4"]), UNTAG_MAX_PAIRS="5")
    assert totals(tmp_path) == (2, {"removed": 2, "protected": 6}, 0, True)


def test_a_dry_run_and_a_request_for_every_tag_are_complete(tmp_path: Path, jd: JdcloudServer) -> None:
    jd.faults.add("throttle", operation="writing", times=3)
    every = request("b", ["i-3", "i-4", "gone"], tags="all")
    carried_out(tmp_path, jd, request("a", ["i-1", "i-2"], dry_run=True), every)
    assert totals(tmp_path) == (2, {"would_remove": 4, "removed": 4}, 0, True)


def test_a_dead_letter_that_is_carried_out_again_has_its_later_outcome(tmp_path: Path, jd: JdcloudServer) -> None:
    jd.faults.add("partial", ids=("i-1",), operation="writing", times=100)
    run = carried_out(tmp_path, jd, request("a", ["i-1", "i-2"]))
    assert totals(tmp_path) == (1, {"removed": 2, "failed": 2}, 0, True)
    jd.faults.clear()
    letters = [json.loads(line)["body"] for line in (run / "dead-letters.jsonl").read_text("utf-8").splitlines()]
    carried_out(tmp_path, jd, *(json.loads(letter) for letter in letters))
    assert totals(tmp_path) == (1, {"removed": 4}, 0, True)


@pytest.mark.parametrize(
    ("outcomes", "counted"),
    [
        ("failed removed", "removed"),
        ("failed absent", "absent"),
        ("protected removed", "removed"),
        ("would_remove removed", "removed"),
        ("removed absent", "removed"),
        ("removed would_remove", "removed"),
        ("removed restored", "restored"),
        ("removed failed", "failed"),
        ("removed failed absent", "absent"),
        ("removed failed removed absent", "removed"),
    ],
)
def test_a_pair_that_several_requests_of_a_batch_are_about_counts_once(
    tmp_path: Path, outcomes: str, counted: str
) -> None:
    told = [
        report(ids=["i-1"], id=f"r-{at}", outcome=outcome, finished_at=f"2026-11-01T00:00:0{at}.000Z")
        for at, outcome in enumerate(outcomes.split())
    ]
    assert totals(written(tmp_path, *reversed(told))) == (len(told), {counted: 1}, 0, True)
    changed = [row["outcome"] for row in Ledger(tmp_path).rows(BATCH)]
    # Whoever undoes it out of the rows needs every change.
    assert {one for one in outcomes.split() if one in {"removed", "restored"}} <= set(changed)


def test_remainders_of_one_attempt_are_counted_one_by_one(tmp_path: Path) -> None:
    first = report(ids=["i-1"], deferred=4, finished_at="2026-11-01T00:00:01.000Z")
    same = {"attempt": 2, "finished_at": "2026-11-01T00:00:09.000Z"}
    parts = [report(ids=["i-2", "i-3"], **same), report(ids=["i-4", "i-5"], **same)]
    assert totals(written(tmp_path, first, *parts)) == (1, {"removed": 5}, 0, True)
    assert totals(written(tmp_path, first, parts[0])) == (1, {"removed": 3}, 2, False)
    assert totals(written(tmp_path, parts[1], first)) == (1, {"removed": 3}, 2, False)


def test_a_dead_letter_under_way_again_makes_its_batch_wait(tmp_path: Path) -> None:
    failed = report(ids=["i-1", "i-2"], outcome="failed", finished_at="2026-11-01T00:00:01.000Z")
    again = report(deferred=2, finished_at="2026-11-02T00:00:01.000Z")
    assert totals(written(tmp_path, failed, again)) == (1, {"failed": 2}, 2, False)
    done = report(ids=["i-1", "i-2"], attempt=2, finished_at="2026-11-02T00:00:02.000Z")
    assert totals(written(tmp_path, done, failed, again)) == (1, {"removed": 2}, 0, True)


def test_a_sweep_is_complete_when_its_summary_and_all_of_its_requests_are_there(tmp_path: Path) -> None:
    summary = {"kind": "sweep", "report_id": "s", "id": "nightly", "batch": BATCH, "counts": {"requests": 2}}
    moment = {"finished_at": "2026-11-01T00:00:01.000Z", "reason": "sweep nightly, rule expired"}
    one = report(id="nightly.expired.1", ids=["i-1"], **moment)
    two = report(id="nightly.expired.2", ids=["i-2"], **moment)
    assert totals(written(tmp_path, summary, one, two)) == (2, {"removed": 2}, 0, True)
    assert totals(written(tmp_path, summary, one)) == (2, {"removed": 1}, 0, False)
    assert totals(written(tmp_path, one, two)) == (2, {"removed": 2}, 0, False)


def test_an_events_notice_counts_the_requests_that_it_led_to(tmp_path: Path) -> None:
    notice = {"kind": "decommission", "report_id": "n", "id": "ev", "batch": BATCH, "counts": {"requests": 2}}
    moment = {"finished_at": "2026-11-01T00:00:01.000Z"}
    parts = [report(id=f"ev-{number}", ids=[f"i-{number}"], **moment) for number in (1, 2)]
    assert totals(written(tmp_path, notice, *parts)) == (2, {"removed": 2}, 0, True)
    assert totals(written(tmp_path, notice, parts[1])) == (2, {"removed": 1}, 0, False)


def test_a_rejected_request_waits_for_nothing(tmp_path: Path) -> None:
    written(tmp_path, {"kind": "rejected", "report_id": "x", "id": "a", "batch": BATCH, "errors": []})
    (tmp_path / "run" / "requests.jsonl").write_text(json.dumps({**request("a", ["i-1"]), "pairs": 2}) + "\n")
    assert totals(tmp_path) == (1, {}, 0, True)
    known = Ledger(tmp_path).totals(BATCH)
    assert known is not None
    assert known.rejected == 1


def test_what_still_travels_here_is_waited_for_and_says_when_it_comes_back(tmp_path: Path) -> None:
    written(tmp_path, report(ids=["i-1"], finished_at="2026-11-01T00:00:01.000Z"))
    line = {"body": json.dumps(request("a", ["i-9"], tags="all")), "due": "2026-11-01T00:05:00+00:00"}
    (tmp_path / "run" / "waiting.jsonl").write_text(json.dumps(line) + "\n")
    assert totals(tmp_path) == (1, {"removed": 1}, 0, False)
    (one,) = Ledger(tmp_path).waiting(BATCH)
    assert (one.request_id, one.due.isoformat() if one.due else "") == ("a", "2026-11-01T00:05:00+00:00")


def test_a_line_that_a_killed_writer_left_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    written(tmp_path, report(ids=["i-1"], finished_at="2026-11-01T00:00:01.000Z"))
    with (tmp_path / "run" / "reports.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind":"removal","id":"a","outco')
    ledger = Ledger(tmp_path)
    assert [row["resource_id"] for row in ledger.rows(BATCH)] == ["i-1"]
    assert ledger.unreadable == 1
    assert [one["id"] for one in ledger.rows_of_reports(BATCH)] == ["a"]


def test_a_folder_without_files_has_no_rows(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        ledger = Ledger(folder)
        assert ledger.totals("any") is None
        assert (ledger.batches(), ledger.rows("any"), ledger.waiting("any"), ledger.unreadable) == ([], [], [], 0)


def test_the_folder_is_the_one_that_is_named_or_the_users_own() -> None:
    home = Path("/home/a")
    assert default_folder({"UNTAG_LEDGER": "/data/l"}, home=home) == Path("/data/l")
    assert default_folder({}, platform="linux", home=home) == Path("/home/a/.local/share/untag/ledger")
    assert default_folder({"XDG_DATA_HOME": "/x"}, platform="linux", home=home) == Path("/x/untag/ledger")
    assert default_folder({}, platform="darwin", home=home) == Path("/home/a/Library/Application Support/untag/ledger")
    assert default_folder({"LOCALAPPDATA": "/w"}, platform="win32", home=home) == Path("/w/untag/ledger")
