"""The dashboard of a template as CloudWatch gets it, and what its widgets show."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.dashboard.expressions import Expressions, Found, Value
from tools.dashboard.metrics import Metric, Metrics, Periods, Series

_PROPERTY = re.compile(r"\$\{PROP\('([^']+)'\)\}")


@dataclass(frozen=True)
class Line:
    """One entry of a widget's metrics: a metric with its statistic, or an expression."""

    id: str
    label: str
    visible: bool
    statistic: str = ""
    metric: Metric | None = None
    expression: str = ""


@dataclass(frozen=True)
class Shown:
    """One series of a widget."""

    label: str
    series: Series


def body(resolver: Any, dashboard: str = "Dashboard") -> dict[str, Any]:
    """The dashboard's body, parsed; `resolver` is a `local.template.resolve.Resolver` of the template."""
    document: dict[str, Any] = json.loads(resolver.properties(dashboard)["DashboardBody"])
    return document


def lines(widget: Mapping[str, Any]) -> list[Line]:
    """The lines of a metric widget, in order."""
    return [_line(entry, number) for number, entry in enumerate(widget["properties"]["metrics"])]


def shown(widget: Mapping[str, Any], metrics: Metrics, periods: Periods) -> list[Shown]:
    """What a metric widget shows; series without a single value are left out, as CloudWatch does."""
    if widget["properties"].get("setPeriodToTimeRange"):
        periods = periods.whole()
    known: dict[str, Value] = {}
    found: list[Shown] = []
    for line in lines(widget):
        value: Any = (
            metrics.series(line.metric, line.statistic, periods)
            if line.metric is not None
            else Expressions(metrics, periods, known).value(line.expression)
        )
        known[line.id] = value
        if line.visible:
            found += _named(line, value)
    return [one for one in found if any(value is not None for value in one.series)]


def _line(entry: list[Any], number: int) -> Line:
    *path, last = entry
    options = last if isinstance(last, dict) else {}
    if not isinstance(last, dict):
        path.append(last)
    id_, visible = options.get("id", f"line{number}"), options.get("visible", True)
    if not path:
        return Line(id_, options.get("label", ""), visible, expression=options["expression"])
    namespace, name, *dimensions = path
    metric = Metric.of(namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True)))
    return Line(id_, options.get("label", name), visible, options.get("stat", "Average"), metric)


def _named(line: Line, value: Any) -> list[Shown]:
    if value and isinstance(value[0], Found):
        return [Shown(_label(line.label, one.metric), one.series) for one in value]
    return [Shown(line.label, value)]


def _label(text: str, metric: Metric) -> str:
    facts = {f"Dim.{name}": value for name, value in metric.dimensions} | {"MetricName": metric.name}
    return _PROPERTY.sub(lambda match: facts.get(match[1], match[0]), text)
