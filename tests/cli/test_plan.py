"""`untag plan`: what would be removed, as a file that a person can look at, cut down and hand back."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from plans_support import ECS, PROJECT, VM, WorkFolder, jd_request, writes
from skipping import Skipping

from cli.plans import reading
from cli.plans.rows import Rows
from local.providers import HuaweicloudTmsServer, JdcloudServer


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        for n in range(6):
            server.tags.load([{**VM, "id": f"i-{n}", "tags": {"env": "prod" if n % 2 else "test", "team": "web"}}])
        yield server


@pytest.fixture
def tms() -> Iterator[HuaweicloudTmsServer]:
    with HuaweicloudTmsServer() as server:
        server.tags.load({**ECS, "id": f"e-{n}", "tags": {"env": "prod", "owner-a": "li"}} for n in range(4))
        yield server


@pytest.fixture
def work(tmp_path: Path, jd: JdcloudServer, tms: HuaweicloudTmsServer) -> WorkFolder:
    return WorkFolder(tmp_path, jd, tms)


def test_a_plan_has_a_row_for_each_pair_with_the_value_that_was_seen(work: WorkFolder, jd: JdcloudServer) -> None:
    work.write("requests.json", [jd_request("i-0", "i-1", id="a", batch="spring")])
    work.json("plan", "requests.json", "-o", "plan.csv")
    assert (work.path / "plan.csv").read_text() == (
        "provider,account,region,project_id,type,id,key,value\n"
        "jdcloud,default,cn-north-1,,vm,i-0,env,test\n"
        "jdcloud,default,cn-north-1,,vm,i-1,env,prod\n"
    )
    place = {"provider": "jdcloud", "account": "default", "region": "cn-north-1", "type": "vm", "key": "env"}
    assert work.plan("plan.json")["rows"] == [
        {**place, "id": "i-0", "value": "test", "batch": "spring"},
        {**place, "id": "i-1", "value": "prod", "batch": "spring"},
    ]
    assert writes(jd) == 0


def test_what_would_not_be_removed_is_listed_apart_with_why(work: WorkFolder) -> None:
    tags = [{"key": "env", "value": "prod"}, {"key": "team"}, {"key": "gone"}]
    work.write("requests.json", jd_request("i-0", "i-1", tags=tags))
    answer = work.json("plan", "requests.json", "-o", "plan.json", UNTAG_PROTECTED_KEYS="team")
    assert answer["totals"]["pairs"] == 1
    assert answer["spared_totals"] == [
        {"outcome": "absent", "code": "", "pairs": 3},
        {"outcome": "protected", "code": "protected_key", "pairs": 2},
    ]
    spared = work.plan("plan.json")["spared"]
    assert {(one["id"], one["key"], one.get("was"), one["outcome"]) for one in spared} == {
        ("i-0", "env", "test", "absent"),
        ("i-0", "gone", None, "absent"),
        ("i-1", "gone", None, "absent"),
        ("i-0", "team", None, "protected"),
        ("i-1", "team", None, "protected"),
    }


def test_a_request_that_a_guardrail_holds_back_is_no_part_of_the_plan(work: WorkFolder, jd: JdcloudServer) -> None:
    work.write("requests.json", jd_request(*(f"i-{n}" for n in range(6))))
    answer = work.json("plan", "requests.json", "-o", "plan.json", UNTAG_MAX_PAIRS="5")
    assert answer["totals"]["pairs"] == 0
    assert answer["spared_totals"] == [{"outcome": "protected", "code": "too_many_pairs", "pairs": 6}]
    assert len(jd.calls) == 0


def test_a_sweep_is_planned_from_what_its_listings_show(
    work: WorkFolder, jd: JdcloudServer, tms: HuaweicloudTmsServer
) -> None:
    rules = [
        {
            "name": "env",
            "provider": "jdcloud",
            "regions": ["cn-north-1"],
            "types": ["vm"],
            "match": {"key": "env", "value": "prod"},
        },
        {
            "name": "owners",
            "provider": "huaweicloud",
            "project_id": PROJECT,
            "types": ["ecs"],
            "match": {"key": {"glob": "owner-*"}},
        },
    ]
    work.write("rules.json", {"id": "weekly", "rules": rules})
    answer = work.json("plan", "rules.json", "-o", "plan.csv", "--batch", "spring")
    assert {(row["id"], row["key"], row["value"]) for row in work.rows("plan.csv")} == {
        *((f"i-{n}", "env", "prod") for n in (1, 3, 5)),
        *((f"e-{n}", "owner-a", "li") for n in range(4)),
    }
    assert {(place["provider"], place["resources"], place["pairs"]) for place in answer["totals"]["places"]} == {
        ("jdcloud", 3, 3),
        ("huaweicloud", 4, 4),
    }
    assert writes(jd, tms) == 0
    assert "tags" not in {call.operation for call in tms.calls}, "each resource was read once more"


def test_a_plan_keeps_its_source_and_a_digest_that_anybody_can_work_out(work: WorkFolder) -> None:
    text = json.dumps(jd_request("i-0"))
    work.write("requests.json", text)
    work.json("plan", "requests.json", "-o", "plan.json")
    made = work.plan("plan.json")
    assert made["source"] == [{"file": "requests.json", "text": text}]
    known = {"rows": made["rows"], "source": made["source"]}
    canonical = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert made["digest"] == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def test_a_plan_is_a_file_that_can_be_planned_again(work: WorkFolder) -> None:
    work.write("requests.json", jd_request("i-0", "i-1"))
    work.json("plan", "requests.json", "-o", "plan.csv")
    work.json("plan", "plan.csv", "-o", "again.csv")
    assert work.rows("again.csv") == work.rows("plan.csv")


def test_a_value_that_csv_takes_for_any_value_stands_in_the_json_file_only(work: WorkFolder, jd: JdcloudServer) -> None:
    jd.tags.put("cn-north-1", "vm", "i-0", "env", "*")
    jd.tags.put("cn-north-1", "vm", "i-1", "env", "")
    work.write("requests.json", jd_request("i-0", "i-1"))
    work.json("plan", "requests.json", "-o", "plan.csv")
    assert [(row["id"], row["value"]) for row in work.rows("plan.csv")] == [("i-1", "")]
    assert [(row["id"], row["value"]) for row in work.plan("plan.json")["rows"]] == [("i-0", "*"), ("i-1", "")]


def test_what_could_not_be_read_makes_the_plan_end_with_a_failure(work: WorkFolder, tms: HuaweicloudTmsServer) -> None:
    tms.faults.add("forbidden", ids=("e-1",))
    request = {"provider": "huaweicloud", "project_id": PROJECT, "tags": [{"key": "env"}]}
    work.write("requests.json", {**request, "resources": [{"type": "ecs", "ids": ["e-0", "e-1"]}]})
    answer = work.json("plan", "requests.json", "-o", "plan.json", status=1)
    assert answer["totals"]["pairs"] == 1
    assert [(one["id"], one["outcome"]) for one in answer["failed"]] == [("e-1", "failed")]


def test_credentials_that_are_refused_are_said_at_once_and_the_other_cloud_is_planned(
    work: WorkFolder, jd: JdcloudServer
) -> None:
    jd.credentials.clear()
    rules = [{"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "env"}}]
    huawei = {"provider": "huaweicloud", "project_id": PROJECT, "tags": [{"key": "env"}]}
    work.write("rules.json", {"rules": rules})
    work.write("jd.json", jd_request("i-0"))
    work.write("tms.json", {**huawei, "resources": [{"type": "ecs", "ids": ["e-0"]}]})
    answer = work.json("plan", "rules.json", "jd.json", "tms.json", "-o", "plan.json", status=1)
    assert answer["totals"]["pairs"] == 1
    assert {(one["provider"], one["code"]) for one in answer["failed"]} == {("jdcloud", "account_closed")}
    assert len(answer["failed"]) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (jd_request("i-0", action="restore", tags=[{"key": "a", "value": "b"}]), "puts tags back"),
        (jd_request("i-0", dry_run=True), "says dry_run"),
    ],
)
def test_what_apply_could_not_carry_out_as_it_is_meant_is_refused(work: WorkFolder, body: object, message: str) -> None:
    work.write("requests.json", body)
    answer = work.json("plan", "requests.json", "-o", "plan.json", status=2)
    assert message in answer["error"]
    assert not (work.path / "plan.json").exists()


def test_a_plan_for_a_person_says_the_totals_and_what_to_do_next(work: WorkFolder) -> None:
    ended = work.untag("plan", "-", "-o", "plan.csv", stdin=json.dumps(jd_request("i-0", "i-1", "i-9")))
    assert ended.returncode == 0, ended.stderr
    assert "2 pairs of resource and tag would be removed" in ended.stdout
    assert "absent" in ended.stdout
    assert "untag apply plan.csv" in ended.stdout
    assert work.untag("plan", "plan.csv", "-o", "plan.txt").returncode == 2


def test_a_plan_takes_the_place_of_no_file_that_is_none(work: WorkFolder) -> None:
    text = json.dumps(jd_request("i-0"))
    work.write("requests.json", text)
    for name in ("requests.json", "requests.csv"):
        assert "is no plan" in work.json("plan", "requests.json", "-o", name, status=2)["error"]
    assert (work.path / "requests.json").read_text() == text
    for _ in range(2):
        work.json("plan", "requests.json", "-o", "plan.csv")


def test_one_account_of_a_rule_that_is_refused_holds_up_no_other(work: WorkFolder, jd: JdcloudServer) -> None:
    place = {"provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "env"}}
    work.write("rules.json", {"rules": [{"name": "r", "accounts": ["default", "none"], **place}]})
    answer = work.json("plan", "rules.json", "-o", "plan.json", status=1)
    assert answer["totals"]["pairs"] == 6
    assert [one["account"] for one in answer["failed"]] == ["none"]


def test_a_plan_is_carried_out_at_no_time_that_one_of_its_requests_excludes(work: WorkFolder) -> None:
    ends = ("2099-01-02T00:00:00+08:00", "2099-01-01T20:00:00Z")
    beginnings = ("2098-01-02T00:00:00+08:00", "2098-01-01T20:00:00Z")
    requests = [
        jd_request(f"i-{n}", not_before=beginning, not_after=end)
        for n, (beginning, end) in enumerate(zip(beginnings, ends, strict=True))
    ]
    work.write("requests.json", requests)
    answer = work.json("plan", "requests.json", "-o", "plan.json")
    assert answer["totals"]["pairs"] == 2
    assert (answer["not_before"], answer["not_after"]) == ("2098-01-01T20:00:00Z", "2099-01-02T00:00:00+08:00")


@pytest.mark.parametrize("source", ["env", "file"])
@pytest.mark.parametrize("half", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_key_of_aws_ends_the_plan_at_once_and_what_is_missing_is_named(
    work: WorkFolder, half: str, source: str
) -> None:
    whole = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    environ = {name: value for name, value in whole.items() if name != half}
    if source == "env":
        environ["UNTAG_CREDENTIALS"] = "env"
    resources = [{"type": "ec2:instance", "ids": ["i-1"]}]
    body = {"provider": "aws", "region": "eu-west-1", "resources": resources, "tags": [{"key": "env"}]}
    began = time.monotonic()
    answer = work.json("plan", work.write("aws.json", body), "-o", "plan.json", status=1, **environ)
    assert time.monotonic() - began < 20.0
    ((code, message),) = [(one["code"], one["message"]) for one in answer["failed"]]
    assert (code, half in message, "not set" in message) == ("no_credentials", True, True)


def test_a_plan_that_waits_for_a_cloud_says_what_it_waits_for(work: WorkFolder, jd: JdcloudServer) -> None:
    jd.faults.add("throttle", times=1, retry_after=6)
    words = ("plan", work.write("a.json", jd_request("i-1")), "-o", "plan.json")
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *words], cwd=work.path, env=work.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        said = ""
        while process.stderr and " waits: " not in said and (line := process.stderr.readline()):
            said += line
        process.send_signal(signal.SIGINT)
    assert "1 pair at jdcloud/default waits: minute rate limit exceeded" in said
    assert not (work.path / "plan.json").exists()


def test_what_a_cloud_has_put_off_is_in_the_plan_once_it_answers(work: WorkFolder, jd: JdcloudServer) -> None:
    jd.faults.add("throttle", times=1, retry_after=6)
    with Rows() as rows:
        timing = Skipping().timing()
        reading.read([jd_request("i-1")], [], rows, work.environ, batch="b", timing=timing)
        assert [(pair.id, pair.value) for pair in rows] == [("i-1", "prod")]
        assert list(rows.spared()) == []


def test_what_a_plan_gives_up_says_how_long_it_was_tried_and_what_the_cloud_said_last(
    work: WorkFolder, jd: JdcloudServer
) -> None:
    jd.faults.add("unavailable")
    with Rows() as rows:
        reading.read([jd_request("i-1")], [], rows, work.environ, batch="b", timing=Skipping().timing())
        (one,) = rows.spared()
    assert (one.outcome, one.code) == ("failed", "exhausted")
    assert re.match(r"given up after 3 attempts in [1-9]\d* (s|min); the last: .*HTTP_SERVICE_UNAVAILABLE", one.message)


def test_a_file_that_is_not_there_is_named(work: WorkFolder) -> None:
    answer = work.json("plan", "nofile.csv", "-o", "plan.json", status=2)
    assert answer["error"] == "nofile.csv: it cannot be read: No such file or directory"
