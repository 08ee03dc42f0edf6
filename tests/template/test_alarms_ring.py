"""That alarms ring when they should and keep quiet when they should, and that metric math is as CloudWatch has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local import template as templates
from tests.template import observed
from tools.dashboard import alarms as states
from tools.dashboard.expressions import ExpressionError, Expressions
from tools.dashboard.metrics import Metric, Metrics, Periods, embedded, percentile
from tools.dashboard.widgets import lines, shown

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
WORK = {"QueueName": "untag-work"}
SERVICE = {"service": "remove_tags"}


@pytest.fixture(scope="module")
def alarms(observability: Json) -> dict[str, Json]:
    template = templates.read(ROOT / "template.yaml", stack="untag", region="eu-west-1", parameters={})
    return observed.alarms(observability["Resources"], template.applications["Observability"].resolver)


def rings(alarm: Json, *told: tuple[str, str, dict[str, str], list[float | None]]) -> bool:
    """Whether it rings after these values, one for each of its periods, of (namespace, metric, dimensions)."""
    metrics = Metrics()
    seconds = states.period_of(alarm)
    count = max((len(values) for *_, values in told), default=3)
    for namespace, name, dimensions, values in told:
        for number, value in enumerate(values):
            if value is not None:
                metrics.put(number * seconds + 1, Metric.of(namespace, name, dimensions), [value])
    return states.rings(alarm, metrics, Periods(0, seconds, count))


def test_without_any_data_nothing_rings(alarms: dict[str, Json]) -> None:
    assert [name for name, alarm in alarms.items() if rings(alarm)] == []


def test_every_alarm_rings_when_what_it_watches_is_high_for_long(alarms: dict[str, Json]) -> None:
    for name, alarm in alarms.items():
        high: list[float | None] = [1e9] * 24
        watched = [
            (one.namespace, one.name, dict(one.dimensions), high)
            for one in observed.alarm_metrics(alarm)
            if one.name not in {"Settled", "Rejected"}
        ]
        assert rings(alarm, *watched), name


def test_one_dead_letter_rings_and_none_does_not(alarms: dict[str, Json]) -> None:
    letters = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "untag-DeadLetterQueue"})
    assert rings(alarms["DeadLettersAlarm"], (*letters, [0, 1]))
    assert not rings(alarms["DeadLettersAlarm"], (*letters, [1, 0]))
    assert not rings(alarms["SweepDeadLettersAlarm"], (*letters, [1, 1]))


def test_old_letters_ring_whichever_queue_they_lie_on(alarms: dict[str, Json]) -> None:
    week = 7 * 86400
    for queue in ("DeadLetterQueue", "RuleDeadLetterQueue", "SweepScheduleDeadLetterQueue"):
        age = ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": f"untag-{queue}"})
        assert rings(alarms["DeadLettersExpireAlarm"], (*age, [week + 60]))
        assert not rings(alarms["DeadLettersExpireAlarm"], (*age, [week - 60]))


def test_a_batch_that_takes_its_time_does_not_ring_and_a_queue_that_grows_old_does(alarms: dict[str, Json]) -> None:
    age = ("AWS/SQS", "ApproximateAgeOfOldestMessage", WORK)
    assert not rings(alarms["WorkQueueAgeAlarm"], (*age, [1900, 100, 1900]))
    assert rings(alarms["WorkQueueAgeAlarm"], (*age, [1900, 2200, 2500]))


def test_a_closed_account_rings_though_its_metric_comes_late(alarms: dict[str, Json]) -> None:
    assert rings(alarms["ClosedAccountsAlarm"], ("untag", "ClosedAccounts", SERVICE, [1, None, None]))
    assert rings(alarms["ClosedAccountsAlarm"], ("untag", "ClosedAccounts", {"service": "sweep"}, [None, None, 1]))
    assert not rings(alarms["ClosedAccountsAlarm"], ("untag", "ClosedAccounts", SERVICE, [1, None, None, None]))


def test_one_hiccup_of_delivery_does_not_ring_and_a_lasting_one_does(alarms: dict[str, Json]) -> None:
    assert not rings(alarms["UndeliveredAlarm"], ("untag", "Undelivered", SERVICE, [None, 40, None]))
    assert rings(alarms["UndeliveredAlarm"], ("untag", "Undelivered", SERVICE, [1, None, 1]))


@pytest.mark.parametrize(
    ("received", "rejected", "settled", "ringing"),
    [
        ([5, 5], [None, None], [None, None], True),  # all deferred, or nothing done
        ([5, 5], [None, None], [None, 1], False),  # one pair has its outcome
        ([5, 5], [None, 5], [None, None], False),  # all that came in an hour was invalid: letters ring
        ([5, 6], [5, 5], [None, None], False),
        ([6, 6], [5, 5], [None, None], True),
        ([5, None], [None, None], [None, None], False),  # a night without work
        ([None, 1], [None, None], [None, None], False),  # its outcome may come in the next hour
    ],
)
def test_work_without_outcomes_rings(
    alarms: dict[str, Json],
    received: list[float | None],
    rejected: list[float | None],
    settled: list[float | None],
    ringing: bool,
) -> None:
    told = (
        ("AWS/SQS", "NumberOfMessagesReceived", WORK, received),
        ("untag", "Rejected", SERVICE, rejected),
        ("untag", "Settled", SERVICE, settled),
    )
    assert rings(alarms["NoOutcomeAlarm"], *told) is ringing


# Metric math

PERIODS = Periods(0, 10, 3)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("a + 1", [2, None, 4]),
        ("a / b", [None, None, 3]),  # a division by 0 is missing
        ("a > 2 AND b == 1", [0, None, 1]),
        ("a > 2 OR b == 0", [1, None, 1]),
        ("FILL(a, 0)", [1, 0, 3]),
        ("IF(FILL(a, 0) >= 1, b, 7)", [0, 7, 1]),
        ("SUM([a, b])", [1, 1, 4]),  # what is missing in one is no 0, and spoils nothing
        ("MAX([a, FILL(b, 9)])", [1, 1, 3]),
        ("2 * (a - b) * 0.5", [1, None, 2]),
    ],
)
def test_metric_math(expression: str, value: list[float | None]) -> None:
    known: Any = {"a": [1.0, None, 3.0], "b": [0.0, 1.0, 1.0]}
    assert Expressions(Metrics(), PERIODS, known).value(expression) == value


@pytest.mark.parametrize("expression", ["a b", "RATE(a)", "c", "METRICS()", "SEARCH('MetricName=\"x\"', 'Sum') + 1"])
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        Expressions(Metrics(), PERIODS, {"a": [1.0, 1.0, 1.0]}).value(expression)


def test_a_search_finds_the_metrics_of_exactly_its_schema_with_the_values_asked_for() -> None:
    metrics = Metrics()
    for provider, outcome, value in (("jd", "removed", 1), ("jd", "failed", 2), ("hw", "removed", 4)):
        metrics.put(1, Metric.of("my-ns", "Outcomes", {"provider": provider, "outcome": outcome}), [value])
    metrics.put(1, Metric.of("my-ns", "Outcomes", {"provider": "jd"}), [99])
    metrics.put(1, Metric.of("other", "Outcomes", {"provider": "jd", "outcome": "removed"}), [99])
    found = Expressions(metrics, PERIODS, {})
    every = "SUM(SEARCH('{\"my-ns\",outcome,provider} MetricName=\"Outcomes\"', 'Sum'))"
    some = 'SUM(SEARCH(\'{"my-ns",provider,outcome} MetricName="Outcomes" provider=("jd" OR "xx")\', \'Sum\'))'
    assert found.value(every) == [7, None, None]
    assert found.value(some) == [3, None, None]


def test_statistics_of_a_period() -> None:
    metric, metrics = Metric.of("n", "m", {}), Metrics()
    metrics.put(1, metric, [1, 2, 3])
    metrics.put(25, metric, [10])
    metrics.put(30, metric, [1000])  # after the last period
    told = {name: metrics.series(metric, name, PERIODS) for name in ("Sum", "Maximum", "Average", "SampleCount", "p50")}
    assert told == {
        "Sum": [6, None, 10],
        "Maximum": [3, None, 10],
        "Average": [2, None, 10],
        "SampleCount": [3, None, 1],
        "p50": [2, None, 10],
    }
    assert percentile([0, 10], 99) == pytest.approx(9.9)


def test_only_lines_in_the_embedded_format_are_metrics() -> None:
    line = (
        '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["a"]],"Metrics":[{"Name":"M"}]}]},'
        '"a":"x","M":[1.0,2.0]}'
    )
    assert embedded(line) == [(Metric.of("n", "M", {"a": "x"}), [1.0, 2.0])]
    for other in ("", "START RequestId", '{"level":"INFO"}', "[]", "7"):
        assert embedded(other) == []


def test_labels_name_the_dimensions_and_what_is_hidden_or_empty_is_not_shown() -> None:
    metrics = Metrics()
    metrics.put(1, Metric.of("n", "M", {"provider": "jd"}), [5])
    search = "SEARCH('{\"n\",provider} MetricName=\"M\"', 'Sum')"
    widget = {
        "properties": {
            "metrics": [
                [{"expression": search, "id": "a", "label": "${PROP('Dim.provider')} calls"}],
                ["n", "M", "provider", "jd", {"stat": "Sum", "id": "b", "visible": False}],
                ["n", "M", "provider", "nobody", {"stat": "Sum", "id": "c"}],
                [{"expression": "b * 2", "id": "d", "label": "twice"}],
            ]
        }
    }
    assert [line.id for line in lines(widget)] == ["a", "b", "c", "d"]
    assert [(one.label, one.series) for one in shown(widget, metrics, PERIODS)] == [
        ("jd calls", [5, None, None]),
        ("twice", [10, None, None]),
    ]
