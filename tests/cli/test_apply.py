"""`untag apply`: exactly a plan's rows, each only where it still has the value that was seen."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plans_support import VM, WorkFolder, jd_request, writes

from local.providers import JdcloudServer


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        server.tags.load({**VM, "id": f"i-{n}", "tags": {"env": "prod", "team": "web"}} for n in range(6))
        yield server


@pytest.fixture
def work(tmp_path: Path, jd: JdcloudServer) -> WorkFolder:
    made = WorkFolder(tmp_path, jd)
    made.write("requests.json", jd_request(*(f"i-{n}" for n in range(4)), batch="spring"))
    made.json("plan", "requests.json", "-o", "plan.csv")
    return made


def standing(jd: JdcloudServer) -> set[str]:
    """The resources that bear the key env."""
    return {pair.id for pair in jd.tags.pairs() if pair.key == "env"}


def confirmed(count: int) -> tuple[str, ...]:
    return ("--yes", "--expect", str(count))


def test_the_rows_that_are_left_in_the_csv_file_are_removed_and_no_others(work: WorkFolder, jd: JdcloudServer) -> None:
    work.rewrite("plan.csv", [row for row in work.rows("plan.csv") if row["id"] != "i-2"])
    answer = work.json("apply", "plan.csv", *confirmed(3))
    assert (answer["batches"], answer["pairs"], answer["drift"]) == (["spring"], {"removed": 3}, [])
    assert standing(jd) == {"i-2", "i-4", "i-5"}
    requests = [json.loads(line) for line in (work.ledger / "spring/requests.jsonl").read_text().splitlines()]
    assert [request["tags"] for request in requests] == [[{"key": "env", "value": "prod"}]]
    assert {request["batch"] for request in requests} == {"spring"}


def test_a_json_plan_is_applied_whole_under_a_name_of_ones_own(work: WorkFolder, jd: JdcloudServer) -> None:
    answer = work.json("apply", "plan.json", *confirmed(4), "--batch", "approved")
    assert (answer["batches"], answer["pairs"]) == (["approved"], {"removed": 4})
    assert standing(jd) == {"i-4", "i-5"}


def test_what_has_changed_since_is_left_alone_and_told(work: WorkFolder, jd: JdcloudServer) -> None:
    jd.tags.put("cn-north-1", "vm", "i-0", "env", "test")
    jd.tags.remove("cn-north-1", "vm", "i-1", "env")
    answer = work.json("apply", "plan.csv", *confirmed(4), status=1)
    assert answer["pairs"] == {"removed": 2, "absent": 2}
    assert {(one["kind"], one["id"], one["planned"], one["now"]) for one in answer["drift"]} == {
        ("other_value", "i-0", "prod", "test"),
        ("gone", "i-1", "prod", None),
    }
    assert jd.tags.get("default", "cn-north-1", "vm", "i-0") == {"env": "test", "team": "web"}


def rules(work: WorkFolder) -> None:
    rule = {"name": "env", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "env"}}
    work.write("rules.json", {"id": "sweep", "rules": [rule]})


def test_what_is_new_since_is_told_before_and_not_removed(work: WorkFolder, jd: JdcloudServer) -> None:
    rules(work)
    work.json("plan", "rules.json", "-o", "swept.csv")
    jd.tags.put("cn-north-1", "vm", "i-new", "env", "prod")
    work.rewrite("swept.csv", work.rows("swept.csv")[1:])
    answer = work.json("apply", "swept.csv", *confirmed(5), status=1)
    assert [(one["kind"], one["id"], one["now"]) for one in answer["drift"]] == [("new", "i-new", "prod")]
    assert standing(jd) == {"i-new", "i-0"}


def test_without_looking_for_what_is_new_nothing_is_told_of_it(work: WorkFolder, jd: JdcloudServer) -> None:
    rules(work)
    work.json("plan", "rules.json", "-o", "swept.csv")
    jd.tags.put("cn-north-1", "vm", "i-new", "env", "prod")
    assert work.json("apply", "swept.csv", *confirmed(6), "--no-new")["drift"] == []


def test_nothing_is_changed_unless_the_number_is_right(work: WorkFolder, jd: JdcloudServer) -> None:
    for words in ((), ("--yes",), confirmed(3), ("--expect", "4")):
        answer = work.json("apply", "plan.csv", *words, status=2)
        assert "--yes --expect 4" in answer["hint"]
    assert writes(jd) == 0
    assert not (work.ledger / "spring").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "other"}, "the plan's value is 'prod', not 'other'"),
        ({"value": "*"}, "* means any"),
        ({"id": "i-5"}, "is not in the plan"),
        ({"key": "team"}, "is not in the plan"),
        ({"account": "other"}, "is not in the plan"),
    ],
)
def test_a_row_that_is_not_the_plans_is_refused_by_its_line(
    work: WorkFolder, jd: JdcloudServer, change: dict[str, str], message: str
) -> None:
    first, second, *rest = work.rows("plan.csv")
    work.rewrite("plan.csv", [first, {**second, **change}, *rest])
    answer = work.json("apply", "plan.csv", *confirmed(4), status=2)
    (problem,) = answer["problems"]
    assert (problem["file"], problem["line"]) == ("plan.csv", 3)
    assert message in problem["message"]
    assert writes(jd) == 0


def test_a_csv_file_without_its_json_file_is_applied_with_a_warning(work: WorkFolder, jd: JdcloudServer) -> None:
    (work.path / "plan.json").unlink()
    ended = work.untag("apply", "plan.csv", *confirmed(4))
    assert ended.returncode == 0, ended.stderr
    assert "how old this plan is" in ended.stderr
    assert standing(jd) == {"i-4", "i-5"}


def test_who_names_the_age_of_a_plan_gets_none_whose_age_is_not_known(work: WorkFolder, jd: JdcloudServer) -> None:
    (work.path / "plan.json").unlink()
    answer = work.json("apply", "plan.csv", "--max-age", "7d", *confirmed(4), status=2)
    assert "how old the plan is, is not known: plan.json is not there" in answer["error"]
    work.json("apply", "plan.csv", "--max-age", "", *confirmed(4), status=2)
    assert writes(jd) == 0


def test_a_csv_file_without_its_json_file_has_exact_rows_all_the_same(work: WorkFolder) -> None:
    (work.path / "plan.json").unlink()
    work.rewrite("plan.csv", [{**row, "value": "*"} for row in work.rows("plan.csv")])
    assert len(work.json("apply", "plan.csv", *confirmed(4), status=2)["problems"]) == 4


def _changed(made: Any) -> None:
    made["rows"][0]["value"] = "other"


def _longer(made: Any) -> None:
    made["rows"].append({**made["rows"][0], "id": "i-5"})


def _other_source(made: Any) -> None:
    made["source"][0]["text"] = "{}"


@pytest.mark.parametrize("change", [_changed, _longer, _other_source])
def test_a_json_plan_that_was_changed_by_hand_is_refused(work: WorkFolder, jd: JdcloudServer, change: Any) -> None:
    made = work.plan("plan.json")
    change(made)
    work.write("plan.json", made)
    for name in ("plan.json", "plan.csv"):
        assert "its digest does not fit" in work.json("apply", name, *confirmed(4), status=2)["error"]
    assert writes(jd) == 0


def test_a_plan_that_is_too_old_is_refused_with_what_to_do(work: WorkFolder, jd: JdcloudServer) -> None:
    work.write("plan.json", {**work.plan("plan.json"), "made_at": "2020-01-01T00:00:00Z"})
    answer = work.json("apply", "plan.csv", *confirmed(4), status=2)
    assert "2020-01-01T00:00:00Z" in answer["error"]
    assert "untag plan" in answer["hint"]
    assert work.json("apply", "plan.csv", *confirmed(4), "--max-age", "9999d")["pairs"] == {"removed": 4}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "plan"}', '{"kind": "removal"}'])
def test_what_is_no_plan_is_refused(work: WorkFolder, text: str) -> None:
    work.write("other.json", text)
    assert work.untag("apply", "other.json", *confirmed(4)).returncode == 2


def test_a_second_time_is_a_run_of_its_own_and_forgets_nothing_of_the_first(work: WorkFolder) -> None:
    work.json("apply", "plan.csv", *confirmed(4))
    answer = work.json("apply", "plan.csv", *confirmed(4), status=1)
    assert answer["pairs"] == {"absent": 4}
    ids = [
        {json.loads(line)["id"] for line in (work.ledger / run / "requests.jsonl").read_text().splitlines()}
        for run in ("spring", "spring.2")
    ]
    assert not ids[0] & ids[1]


def test_a_guardrail_that_cuts_requests_smaller_cuts_a_plan_into_more_of_them(
    work: WorkFolder, jd: JdcloudServer
) -> None:
    assert work.json("apply", "plan.csv", *confirmed(4), UNTAG_MAX_PAIRS="2")["pairs"] == {"removed": 4}
    assert len((work.ledger / "spring/requests.jsonl").read_text().splitlines()) == 2
    assert standing(jd) == {"i-4", "i-5"}


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_one_that_is_stopped_goes_on_where_it_was(work: WorkFolder, jd: JdcloudServer, kind: signal.Signals) -> None:
    jd.latency = 0.2
    started = subprocess.Popen(
        [sys.executable, "-m", "cli", "apply", "plan.csv", "--no-new", *confirmed(4)],
        cwd=work.path,
        env={**work.environ, "UNTAG_MAX_PAIRS": "1", "UNTAG_RESOURCES_PER_CALL": "jdcloud.resourcetag=1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while writes(jd) < 1 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(started.pid, kind)
    status = started.wait(60)
    assert status == (3 if kind is signal.SIGINT else -signal.SIGKILL)
    jd.latency = 0.0
    work.json("run", "--resume", "spring")
    assert standing(jd) == {"i-4", "i-5"}
    assert len(jd.tags.history) == 4


def test_what_has_changed_since_the_plan_is_told_by_the_run_that_goes_on_with_it(
    work: WorkFolder, jd: JdcloudServer
) -> None:
    rules(work)
    work.json("plan", "rules.json", "-o", "swept.csv", "--batch", "swept")
    jd.tags.put("cn-north-1", "vm", "i-new", "env", "prod")
    jd.latency = 0.3
    started = subprocess.Popen(
        [sys.executable, "-m", "cli", "apply", "swept.csv", *confirmed(6)],
        cwd=work.path,
        env={**work.environ, "UNTAG_MAX_PAIRS": "1", "UNTAG_RESOURCES_PER_CALL": "jdcloud.resourcetag=1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    before = writes(jd)
    until = time.monotonic() + 60
    while not (work.ledger / "swept" / "waiting.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.02)
    started.kill()
    started.wait(60)
    assert before == 0
    jd.latency = 0.0
    left = sorted(standing(jd) - {"i-new"})
    assert left
    jd.tags.put("cn-north-1", "vm", left[-1], "env", "test")
    done = work.untag("run", "--resume", "swept")
    assert done.returncode == 1
    assert "Changed since the plan was made" in done.stdout
    assert "another value by now" in done.stdout
    assert "1 pair came up since the plan was made" in done.stdout
    answer = work.json("run", "--resume", "swept", status=1)
    assert [(one["kind"], one["id"], one["now"]) for one in answer["drift"]] == [
        ("new", "i-new", "prod"),
        ("other_value", left[-1], "test"),
    ]
    assert standing(jd) == {"i-new", left[-1]}
