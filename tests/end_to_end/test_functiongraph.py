"""The main job on FunctionGraph: the zip's handlers in processes of their own, the host's services, and every cloud."""

import json
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_main_job import EVENTS, WRITING, fleet, names_called_wrongly, send_every_event

from local.functiongraph.deployment import REMOVE
from local.functiongraph.stack import FunctionGraphStack
from local.stack import ROOT, Overrides, Stack

ZIP = ROOT / "deploy" / "functiongraph" / "build" / "untag.zip"
VARIABLES = {"UNTAG_RATE": "2000"}


@pytest.fixture(scope="module")
def huawei() -> Iterator[FunctionGraphStack]:
    with FunctionGraphStack(environment=VARIABLES) as running:
        running.seed()
        yield running


@pytest.fixture(scope="module")
def aws() -> Iterator[Stack]:
    overrides = Overrides(environment=VARIABLES, visibility_timeout=60.0, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        running.seed()
        yield running


def python_312() -> Path | None:
    """An interpreter as deployed, where this machine has one."""
    done = subprocess.run([ROOT / "tools" / "find-python", "3.12", ""], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.stdout.strip() else None


def is_current(archive: Path) -> bool:
    """Whether a zip was built of the sources as they stand."""
    package = ROOT / "layers" / "untag" / "python" / "untag"
    with zipfile.ZipFile(archive) as packed:
        names = [name for name in packed.namelist() if name.startswith("vendor/untag/") and name.endswith(".py")]
        return {package / name.removeprefix("vendor/untag/") for name in names} >= set(
            package.glob("providers/*/*.py")
        ) and all((package / name.removeprefix("vendor/untag/")).read_bytes() == packed.read(name) for name in names)


def outcomes(reports: list[dict]) -> Counter[tuple]:
    """What became of each pair, whatever report says it; a report that came twice counts once."""
    reports = list({report["report_id"]: report for report in reports}.values())
    return Counter(
        (report["kind"], report.get("provider"), *(row.get(name) for name in ("type", "resource_id", "key", "outcome")))
        for report in reports
        for row in report.get("outcomes", [{}])
    )


def test_every_event_file_is_reported_as_the_clouds_saw_it_and_as_on_aws(huawei: FunctionGraphStack, aws: Stack):
    audit = send_every_event(huawei)
    # One host after the other: a message that takes longer than it is hidden is worked at twice.
    for path in EVENTS:
        aws.send(path)
    aws.drain()
    assert audit.requested
    assert audit.findings(huawei.reports(), huawei.providers.values()) == []
    assert outcomes(huawei.reports()) == outcomes(aws.reports())


def test_an_invalid_body_is_a_dead_letter_once_verbatim_and_nothing_of_it_is_called(huawei: FunctionGraphStack):
    for path in EVENTS:
        if "invalid" in path.stem:
            text = path.read_text()
            letters = [letter for letter in huawei.dead_letters() if letter.body == text]
            assert [letter.attributes["code"] for letter in letters] == ["invalid"]
            assert letters[0].attributes["reason"]
    assert not names_called_wrongly(huawei)


def test_a_dry_run_makes_no_writing_call(huawei: FunctionGraphStack):
    dry = [path for path in EVENTS if "dry_run" in path.stem]
    assert dry
    for server in huawei.providers.values():
        asked = {id_ for call in server.calls if call.operation in WRITING for id_ in call.ids}
        assert not {id_ for id_ in asked if "dry" in id_}


def test_a_hundred_messages_of_one_bell_share_calls(huawei: FunctionGraphStack):
    cloud = huawei.providers["jdcloud"]
    huawei.functions.lose = lambda _request: True
    for number in range(100):
        cloud.tags.put("cn-north-1", "vm", f"i-fleet{number}", "env", "staging")
        huawei.put("work", json.dumps(fleet(number)))
    huawei.functions.lose = lambda _request: False
    known = len(huawei.reports())
    cloud.calls.clear()
    huawei.drain()
    called = sorted((call.operation, call.status, call.pairs, len(call.ids)) for call in cloud.calls)
    assert called == [("describeResources", 200, 0, 50)] * 2 + [("unTagResources", 200, 50, 50)] * 2
    reports = huawei.reports()[known:]
    assert {report["id"]: [row["resource_id"] for row in report["outcomes"]] for report in reports} == {
        f"fleet-{number}": [f"i-fleet{number}"] for number in range(100)
    }
    assert {report["status"] for report in reports} == {"succeeded"}
    assert len(reports) == 100


def test_what_the_platform_discards_of_a_burst_is_only_late(huawei: FunctionGraphStack):
    cloud = huawei.providers["jdcloud"]
    huawei.functions.discard_surplus = True
    known, given_up = len(huawei.reports()), len(huawei.functions.failures)
    for number in range(40):
        cloud.tags.put("cn-north-1", "vm", f"i-burst{number}", "env", "staging")
        huawei.send(fleet(number, "burst"))
    huawei.drain()
    huawei.functions.discard_surplus = False
    assert len(huawei.functions.failures) > given_up, "some of it was discarded"
    reports = huawei.reports()[known:]
    assert {report["id"] for report in reports} == {f"burst-{number}" for number in range(40)}
    assert {row["outcome"] for report in reports for row in report["outcomes"]} == {"removed"}
    assert huawei.bucket.keys("given-up/") == []


def test_a_manual_payload_is_answered_with_its_reports_or_with_what_is_wrong(huawei: FunctionGraphStack):
    huawei.providers["jdcloud"].tags.put("cn-north-1", "vm", "i-hand1", "env", "staging")
    answer = huawei.invoke(REMOVE, fleet(1, "hand")).value
    assert [row["outcome"] for report in answer["reports"] for row in report["outcomes"]] == ["removed"]
    for changes, path in (({"region": "cn-north-1/../x", "expect": 7}, "region"), ({"expect": 7}, "expect")):
        wrong = huawei.invoke(REMOVE, {**fleet(1, "hand"), **changes})
        errors = json.loads(wrong.value["errorMessage"])["errors"]
        assert [error["path"] for error in errors] == [path]


@pytest.mark.parametrize("text", ["{", "[]", "null", "NaN", '{"a": 1}', "[" * 5000, json.dumps("x" * 1_000_000)])
def test_garbage_is_a_dead_letter_once_and_is_not_retried(huawei: FunctionGraphStack, text: str):
    known = {letter.message_id for letter in huawei.dead_letters()}
    huawei.put("work", text)
    huawei.drain()
    letters = [letter for letter in huawei.dead_letters() if letter.message_id not in known]
    assert [(letter.body, letter.attributes["code"]) for letter in letters] == [(text, "invalid")]
    assert huawei.queues()["work"].total == 0


def test_no_key_of_an_account_is_in_a_report_a_letter_or_a_log_line(huawei: FunctionGraphStack):
    secrets = {
        text
        for secret in huawei.accounts().values()
        for name, text in secret.items()
        if name in {"access_key", "secret_key", "security_token"}
    } | set(huawei.agency.keys)
    said = json.dumps(huawei.reports()) + "".join(
        letter.body + str(letter.attributes) for letter in huawei.dead_letters()
    )
    said += "".join(huawei.invoke(REMOVE, fleet(2, "hand")).log)
    assert len(secrets) > 10
    assert not [secret for secret in secrets if secret in said]


def test_the_zip_runs_on_the_deployed_python_behind_the_runtimes_own_libraries():
    python = python_312()
    if python is None or not ZIP.exists() or not is_current(ZIP):
        pytest.skip("needs a Python 3.12, and `make build-functiongraph`")
    with FunctionGraphStack(code=ZIP, python=python, environment=VARIABLES) as stack:
        stack.seed()
        for name in ("jdcloud_sqs_batch", "huaweicloud_tms_sqs_batch", "decommission_cts_trace", "sweep_jdcloud"):
            stack.send(ROOT / "events" / f"{name}.json")
        stack.drain()
        assert not [request for request in stack.functions.requests if request.outcome and request.outcome.error]
        kinds = Counter(report["kind"] for report in stack.reports())
        assert (kinds["sweep"], kinds["removal"] > 5) == (1, True)
