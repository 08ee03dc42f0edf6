"""The state of alarms of a template."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from tools.dashboard.expressions import Expressions, Value
from tools.dashboard.metrics import Metric, Metrics, Periods, Series

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def metric_of(stated: Mapping[str, Any]) -> Metric:
    """The metric that an alarm, or one of its lines, names."""
    dimensions = {one["Name"]: str(one["Value"]) for one in stated.get("Dimensions", [])}
    return Metric.of(stated["Namespace"], stated["MetricName"], dimensions)


def period_of(alarm: Mapping[str, Any]) -> int:
    """Seconds of one period; all lines of an alarm have the same."""
    if "Metrics" not in alarm:
        return int(alarm["Period"])
    (seconds,) = {int(line["MetricStat"]["Period"]) for line in alarm["Metrics"] if "MetricStat" in line}
    return seconds


def watched(alarm: Mapping[str, Any], metrics: Metrics, periods: Periods) -> Series:
    """What an alarm compares with its threshold, in each period. `alarm` is its resolved properties."""
    if "Metrics" not in alarm:
        return metrics.series(metric_of(alarm), str(alarm["Statistic"]), periods)
    known: dict[str, Value] = {}
    for line in alarm["Metrics"]:
        if "MetricStat" in line:
            stated = line["MetricStat"]
            known[line["Id"]] = metrics.series(metric_of(stated["Metric"]), stated["Stat"], periods)
    (expression,) = [line["Expression"] for line in alarm["Metrics"] if line.get("ReturnData", True)]
    value: Any = Expressions(metrics, periods, known).value(expression)
    return list(value)


def rings(alarm: Mapping[str, Any], metrics: Metrics, periods: Periods) -> bool:
    """Whether an alarm is in the state ALARM at the end of the last period; missing data is as the template says."""
    over = _COMPARISONS[alarm["ComparisonOperator"]]
    evaluated = int(alarm["EvaluationPeriods"])
    last = watched(alarm, metrics, periods)[-evaluated:]
    breaching: list[bool] = [
        alarm["TreatMissingData"] == "breaching" if value is None else over(value, float(alarm["Threshold"]))
        for value in last
    ]
    needed: int = int(alarm.get("DatapointsToAlarm", evaluated))
    return breaching.count(True) >= needed
