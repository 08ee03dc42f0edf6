"""What the alarms, the dashboard and the queries watch, read out of observability.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tools.dashboard import widgets
from tools.dashboard.alarms import metric_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.template.resolve import Resolver
    from tools.dashboard.metrics import Metric

Json = dict[str, Any]

_SEARCH = re.compile(r"""SEARCH\('\{([^}]*)\}\s*([^']*)'""")
_TERM = re.compile(r"""(\w+)=(\([^)]*\)|"[^"]*")""")

# Words of the query language that the queries use, and no fields.
_WORDS = frozenset(
    {
        *("fields", "filter", "stats", "sort", "limit", "by", "as", "asc", "desc", "and", "or", "in", "like", "bin"),
        *("count", "count_distinct", "min", "max", "sum", "latest", "pct", "ispresent"),
    }
)
_NO_FIELDS = re.compile(r"""#[^\n]*|"[^"]*"|(?<=like )/(?:[^/\\]|\\.)*/|\bas\s+\w+|\bbin\(\w+\)""")
_NAME = re.compile(r"@?[A-Za-z_][\w.]*")


def alarms(resources: Json, resolver: Resolver) -> dict[str, Json]:
    """The resolved properties of every alarm that rings for a person, by logical id; others roll back deployments."""
    names = [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and not name.endswith("RollbackAlarm")
    ]
    return {name: resolver.properties(name) for name in names}


def alarm_metrics(alarm: Json) -> list[Metric]:
    """Every metric that an alarm looks at."""
    if "Metrics" not in alarm:
        return [metric_of(alarm)]
    return [metric_of(line["MetricStat"]["Metric"]) for line in alarm["Metrics"] if "MetricStat" in line]


def dashboard_metrics(body: Json) -> list[Metric]:
    """Every metric that a widget names outright."""
    return [line.metric for line in _lines(body) if line.metric is not None]


def searches(body: Json) -> list[tuple[str, frozenset[str], dict[str, set[str]]]]:
    """Every search of the dashboard: its namespace, its dimensions' names, and the values that it asks for."""
    found = []
    for line in _lines(body):
        for schema, terms in _SEARCH.findall(line.expression):
            namespace, *names = (part.strip().strip('"') for part in schema.split(","))
            wanted = {name: set(re.findall(r'"([^"]*)"', values)) for name, values in _TERM.findall(terms)}
            found.append((namespace, frozenset(names), wanted))
    return found


def queries(types: Mapping[str, str], resolver: Resolver) -> dict[str, Json]:
    """The resolved properties of every saved query, by its name without the folder; `types` are by logical id."""
    names = [name for name, type_ in types.items() if type_ == "AWS::Logs::QueryDefinition"]
    properties = [resolver.properties(name) for name in names]
    return {one["Name"].rpartition("/")[2]: one for one in properties}


def fields(query: str) -> set[str]:
    """The fields that a query reads: its names that are neither words of the language nor given by itself."""
    given = set(re.findall(r"\bas\s+(\w+)", query))
    return {name for name in _NAME.findall(_NO_FIELDS.sub(" ", query)) if name not in _WORDS | given}


def messages(query: str) -> list[str]:
    """The texts that a query looks for in messages of the functions."""
    return re.findall(r"""\bmessage (?:= "|like /)([^"/]+)["/]""", query.replace("@message", ""))


def _lines(body: Json) -> Iterator[widgets.Line]:
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            yield from widgets.lines(widget)
