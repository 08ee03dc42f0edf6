"""Metrics and log lines: what can be counted on, and nothing that should not be read."""

import io
import json
import logging

import pytest

from untag.contracts import Action, Outcome, Result, Tag, report_pages
from untag.contracts.reports import row
from untag.hosts.aws.telemetry import Telemetry, logger
from untag.providers import Answer, Verdict

DONE = Answer(Verdict.DONE)


@pytest.fixture
def telemetry(monkeypatch):
    for variable in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_DISABLED"):
        monkeypatch.delenv(variable, raising=False)
    return Telemetry()


@pytest.fixture
def lines():
    """What is logged, as the JSON that goes out."""
    (handler,) = [one for one in logger.handlers if isinstance(one, logging.StreamHandler)]
    written = io.StringIO()
    before = handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)


@pytest.fixture
def metrics(telemetry, capsys):
    """What is flushed, as CloudWatch reads it: (dimensions, metric) -> values."""

    def read():
        capsys.readouterr()
        telemetry.flush()
        found = {}
        for line in capsys.readouterr().out.splitlines():
            document = json.loads(line)
            (directive,) = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "untag"
            (names,) = directive["Dimensions"]
            assert directive["Metrics"]
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                assert 1 <= len(values) <= 100
                dimensions = tuple((name, document[name]) for name in names)
                found.setdefault((dimensions, metric["Name"], metric["Unit"]), []).extend(values)
        return found

    return read


def pages(outcomes, deferred=0, **facts):
    rows = [row("vm", f"i-{n}", Tag("secret-key-name", "secret-value"), Result(one)) for n, one in enumerate(outcomes)]
    whole = {
        "kind": "removal", "id": "chg-1", "action": Action.REMOVE, "provider": "jdcloud", "account": "default",
        "region": "cn-north-1", "attempt": 2, "dry_run": False, "reason": None, "started_at": "a", "finished_at": "b",
    }  # fmt: skip
    return report_pages(whole | facts, rows, deferred)


def test_calls_are_counted_and_timed_by_provider(telemetry, metrics):
    telemetry.called("jdcloud", 0.05, DONE)
    telemetry.called("jdcloud", 0.25, Answer(Verdict.THROTTLED))
    telemetry.called("huaweicloud", 1.5, Answer(Verdict.UNAVAILABLE))
    telemetry.retried("jdcloud")
    telemetry.closed("huaweicloud", "default")
    jdcloud, huaweicloud = (("provider", "jdcloud"),), (("provider", "huaweicloud"),)
    assert metrics() == {
        (jdcloud, "Calls", "Count"): [2.0],
        (jdcloud, "ProviderLatency", "Milliseconds"): [50.0, 250.0],
        (jdcloud, "Throttles", "Count"): [1.0],
        (jdcloud, "Retries", "Count"): [1.0],
        (huaweicloud, "Calls", "Count"): [1.0],
        (huaweicloud, "ProviderLatency", "Milliseconds"): [1500.0],
        (huaweicloud, "ClosedAccounts", "Count"): [1.0],
        ((), "ClosedAccounts", "Count"): [1.0],
    }


@pytest.mark.parametrize("calls", [99, 100, 101, 198, 250, 1000])
def test_every_latency_is_told_however_many_calls_there_were(telemetry, metrics, calls):
    for number in range(calls):
        telemetry.called("jdcloud", number / 1000, DONE)
    told = metrics()
    dimensions = (("provider", "jdcloud"),)
    assert told[dimensions, "Calls", "Count"] == [calls]
    assert told[dimensions, "ProviderLatency", "Milliseconds"] == pytest.approx(range(calls))


def test_outcomes_are_counted_by_provider_and_outcome_once_for_all_pages(telemetry, metrics):
    telemetry.finished(pages([Outcome.REMOVED, Outcome.REMOVED, Outcome.FAILED], deferred=4), "m-1")
    telemetry.finished(pages([Outcome.REMOVED] * 2000, provider="huaweicloud"), "m-1")
    telemetry.finished(pages([Outcome.REMOVED]), "m-1")
    told = {
        (dict(dimensions)["provider"], dict(dimensions)["outcome"]): values
        for (dimensions, name, _), values in metrics().items()
        if name == "Outcomes"
    }
    assert told == {
        ("jdcloud", "removed"): [3.0],
        ("jdcloud", "failed"): [1.0],
        ("jdcloud", "deferred"): [4.0],
        ("huaweicloud", "removed"): [2000.0],
    }


def test_what_an_alarm_watches_is_counted_for_the_function_whatever_the_provider(telemetry, metrics):
    telemetry.closed("jdcloud", "default")
    telemetry.closed("huaweicloud", "default")
    telemetry.finished(pages([Outcome.REMOVED, Outcome.FAILED], deferred=4), "m-1")
    telemetry.finished(pages([Outcome.ABSENT], provider="huaweicloud"), "m-1")
    telemetry.finished(pages([], deferred=7), "m-1")
    told = metrics()
    assert {name: values for (dimensions, name, _), values in told.items() if not dimensions} == {
        "ClosedAccounts": [2.0],
        "Settled": [3.0],
    }


def test_nothing_is_settled_where_everything_is_deferred(telemetry, metrics):
    telemetry.finished(pages([], deferred=7), "m-1")
    assert {name for _, name, _ in metrics()} == {"Outcomes"}


def test_what_concerns_no_provider_is_counted_for_the_function(telemetry, metrics):
    telemetry.rejected("m-1", "reason")
    telemetry.rejected("m-2", "reason")
    telemetry.undelivered("m-3", "HTTP_503")
    telemetry.failed(ValueError("x"))
    assert metrics() == {
        ((), "Rejected", "Count"): [2.0],
        ((), "Undelivered", "Count"): [1.0],
        ((), "InternalErrors", "Count"): [1.0],
    }


def test_nothing_is_told_twice_and_nothing_of_nothing(telemetry, metrics):
    telemetry.retried("jdcloud")
    assert metrics()
    assert metrics() == {}


def test_the_stack_may_name_its_own_namespace(telemetry, monkeypatch, capsys):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "mine")
    telemetry.retried("jdcloud")
    telemetry.flush()
    assert json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "mine"


def test_a_request_is_one_line_whatever_its_size_and_names_no_tag(telemetry, lines):
    many = pages([Outcome.REMOVED] * 1000, deferred=1)
    telemetry.finished(many, "m-1")
    (line,) = lines()
    assert line["message"] == "jdcloud/default cn-north-1: 1000 of 1001 tags removed, 1 deferred"
    assert (line["id"], line["provider"], line["account"], line["attempt"]) == ("chg-1", "jdcloud", "default", 2)
    assert (line["status"], line["counts"], line["dry_run"]) == ("partial", {"removed": 1000, "deferred": 1}, False)
    assert line["reports"] == [page.report_id for page in many]
    assert len(many) > 1
    assert "secret" not in json.dumps(line)


def test_an_internal_error_is_told_by_its_kind_and_place_and_not_by_its_text(telemetry, lines):
    try:
        json.loads("S3CRET")
    except ValueError as error:
        telemetry.failed(error)
    telemetry.failed(RuntimeError("S3CRET"))
    first, second = lines()
    assert (first["error"], first["level"]) == ("JSONDecodeError", "ERROR")
    assert first["at"].startswith("json.decoder:")
    assert (second["error"], second["at"]) == ("RuntimeError", "")
    assert "S3CRET" not in json.dumps([first, second])


def test_a_rejected_body_is_told_with_a_reason_that_is_not_endless(telemetry, lines):
    telemetry.rejected("m-1", "r" * 10_000)
    telemetry.undelivered("m-2", "HTTP_503")
    telemetry.closed("jdcloud", "default")
    telemetry.warned("chg-1", ["looks odd: 100%s", "twice"])
    rejected, undelivered, closed, *warned = lines()
    assert (rejected["record"], len(rejected["reason"])) == ("m-1", 500)
    assert (undelivered["record"], undelivered["reason"]) == ("m-2", "HTTP_503")
    assert (closed["provider"], closed["account"]) == ("jdcloud", "default")
    assert [(line["message"], line["id"]) for line in warned] == [("looks odd: 100%s", "chg-1"), ("twice", "chg-1")]


def test_what_delivery_logs_comes_out_in_the_same_form(lines):
    logging.getLogger("untag.messages").warning("sent bare", extra={"attributes": {"reason": "why"}})
    (line,) = lines()
    assert (line["message"], line["attributes"], line["level"]) == ("sent bare", {"reason": "why"}, "WARNING")
