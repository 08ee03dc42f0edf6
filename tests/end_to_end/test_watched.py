"""What the real functions log and count, held against the queries, the alarms and the dashboard of the template."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from at_a_stack import come_again, worked_at
from samtranslator.yaml_helper import yaml_parse

from local.stack import ROOT, Overrides, Stack
from tests.template import observed
from tools.dashboard import widgets
from tools.dashboard.alarms import watched
from tools.dashboard.collect import Collector
from tools.dashboard.metrics import Metrics, Periods, embedded
from tools.dashboard_picture import alarms_of, draw
from untag.hosts.aws.telemetry import Telemetry, logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.dashboard.metrics import Metric

Json = dict[str, Any]

# What Lambda and CloudWatch Logs add themselves: "Supported logs and discovered fields" in the user guide of Logs.
# The local runtime writes no REPORT lines.
DISCOVERED = {"@timestamp", "@message", "@log", "@logStream", "@type", "@duration", "@maxMemoryUsed"}


@dataclass
class Run:
    """Everything that a run printed and counted."""

    collector: Collector
    began: float
    body: Json
    alarms: dict[str, Json]
    queries: dict[str, Json]

    @property
    def metrics(self) -> Metrics:
        return self.collector.metrics

    def documents(self) -> list[Json]:
        """The lines that are JSON, and one of an internal error, which no request can bring about."""
        found = [json.loads(line) for line in self.collector.lines if line.startswith("{")]
        return [*found, internal_error()]

    def emitted(self) -> set[Metric]:
        return {metric for line in self.collector.lines for metric, _ in embedded(line)}


def internal_error() -> Json:
    (handler,) = logger.handlers
    text = io.StringIO()
    before = handler.setStream(text)
    try:
        Telemetry().failed(ValueError("x"))
    finally:
        handler.setStream(before)
    return json.loads(text.getvalue())


def jd(id_: str, *ids: str) -> str:
    body = {"id": id_, "provider": "jdcloud", "region": "cn-north-1"}
    return json.dumps({**body, "resources": [{"type": "vm", "ids": ids}], "tags": [{"key": "env", "value": "staging"}]})


def everything(stack: Stack) -> None:
    """One of everything that can go well or wrong."""
    stack.seed()
    for path in sorted((ROOT / "events").glob("*.json")):
        stack.send(path)
    stack.drain()
    cloud = stack.providers["jdcloud"]
    for id_ in ("i-count", "i-busy", "i-topic", "i-closed"):
        cloud.tags.put("cn-north-1", "vm", id_, "env", "staging")
    # A resource without a tag: nothing to request.
    resources = [{"type": "vm", "ids": ["i-bare"]}]
    detail = {"provider": "jdcloud", "region": "cn-north-1", "resources": resources}
    stack.send({"source": "cmdb", "detail-type": "Resource Decommissioned", "id": "bare", "detail": detail})
    stack.send("no event", queue="DecommissionQueue")
    # A count that does not add up, and a read-back that is refused: unconfirmed.
    cloud.faults.add("count", ids=("i-count",), amount=-1)
    cloud.faults.add("forbidden", operation="reading", ids=("i-count",), skip=1)
    stack.send(jd("count", "i-count"))
    # A key that belongs to the cloud, and no other tag: nothing is changed.
    stack.send(jd("reserved", "i-count").replace('"env"', '"jrn:owner"'))
    stack.drain()
    with stack.outage("sns"), worked_at(stack, "WorkQueue"):
        stack.send(jd("topic", "i-topic"))
    come_again(stack, "WorkQueue")
    stack.drain()
    # A listing that is refused for longer than an invocation tries goes on in another: there are two, three times each.
    refused = cloud.faults.add("unavailable", operation="describeResources", times=6)
    stack.send(ROOT / "events" / "sweep_jdcloud.json")
    stack.drain()
    cloud.faults.remove(refused)
    cloud.faults.add("throttle", ids=("i-busy",), times=3, retry_after=1)
    stack.send(jd("busy", "i-busy"))
    stack.drain()
    cloud.faults.add("unauthorized", ids=("i-closed",))
    with worked_at(stack, "WorkQueue"):
        stack.send(jd("closed", "i-closed"))


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    collector = Collector()
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, visibility_timeout=2, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides, sink=collector.line) as stack, collector.watching(stack):
        began = time.time()
        everything(stack)
        resolver = stack.template.applications["Observability"].resolver
        body = widgets.body(resolver)
        written = yaml_parse((ROOT / "observability.yaml").read_text(encoding="utf-8"))["Resources"]
        queries = observed.queries({name: one["Type"] for name, one in written.items()}, resolver)
        yield Run(collector, began, body, alarms_of(body, stack), queries)


def flat(document: Any, path: str = "") -> Iterator[str]:
    """The names of a line's fields as Logs Insights has them."""
    items: Any = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in items:
        here = f"{path}.{name}" if path else str(name)
        yield here
        if isinstance(value, dict | list):
            yield from flat(value, here)


def test_every_field_of_every_query_occurs_in_what_the_functions_log(run: Run) -> None:
    logged = {name for document in run.documents() for name in flat(document)}
    asked = {(name, field) for name, query in run.queries.items() for field in observed.fields(query["QueryString"])}
    assert len(asked) > 30
    assert {pair for pair in asked if pair[1] not in logged | DISCOVERED} == set()


def test_the_messages_that_queries_look_for_are_logged(run: Run) -> None:
    messages = " | ".join({str(document.get("message")) for document in run.documents()})
    for query in run.queries.values():
        for text in observed.messages(query["QueryString"]):
            assert text in messages, query["Name"]


def test_everything_that_alarms_and_widgets_watch_of_the_functions_own_was_emitted(run: Run) -> None:
    own = {
        metric
        for alarm in run.alarms.values()
        for metric in observed.alarm_metrics(alarm)
        if not metric.namespace.startswith("AWS/")
    }
    named = {(metric.name, metric.names) for metric in own}
    named |= {
        (name, dimensions)
        for namespace, dimensions, wanted in observed.searches(run.body)
        for name in wanted["MetricName"]
        if not namespace.startswith("AWS/")
    }
    emitted = {(metric.name, metric.names) for metric in run.emitted()}
    # Of an internal error there is none: it would be a bug.
    assert {name for name, _ in named - emitted} == {"InternalErrors"}


def test_what_went_wrong_is_above_the_thresholds_of_the_alarms_for_it_and_of_no_other(run: Run) -> None:
    whole = Periods(run.began, 3600, 1)
    high = {
        name
        for name, alarm in run.alarms.items()
        if any(value is not None and value > float(alarm["Threshold"]) for value in watched(alarm, run.metrics, whole))
    }
    letters = {"DeadLettersAlarm", "DecommissionDeadLettersAlarm", "SweepDeadLettersAlarm"}
    assert high == letters | {"ClosedAccountsAlarm", "UndeliveredAlarm"}


def test_outcomes_on_the_dashboard_are_those_of_the_log(run: Run) -> None:
    (widget,) = [one for one in run.body["widgets"] if one["properties"].get("title", "").startswith("Outcomes")]
    shown = {one.label: one.series[0] for one in widgets.shown(widget, run.metrics, Periods(run.began, 3600, 1))}
    told: dict[str, int] = {}
    for document in run.documents():
        if "attempt" in document:
            for outcome, count in document["counts"].items():
                label = f"{document['provider']} {outcome}"
                told[label] = told.get(label, 0) + count
    assert shown == told
    assert {"jdcloud removed", "huaweicloud removed", "jdcloud failed", "jdcloud unconfirmed"} <= set(told)


def test_the_picture_can_be_drawn_and_shows_every_widget_with_data(run: Run) -> None:
    text = draw(run.body, run.alarms, run.metrics, Periods(run.began, 1.0, 20))
    ET.fromstring(text)  # noqa: S314 - our own
    for widget in run.body["widgets"]:
        if title := widget["properties"].get("title"):
            assert title.replace("'", "&#x27;") in text
    assert text.count("no data") == 0
    assert "USD per 1,000 removals, estimated" in text
