"""What the templates promise about alarms, the dashboard and saved queries: that they watch what is there.

An alarm on a metric that nobody emits never rings, and nothing says so. So each name is held against what the code
emits when it is run, or against what AWS publishes for such a resource.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local import template as templates
from tests.template import observed
from tools.dashboard import widgets
from tools.dashboard.metrics import Metric, embedded
from untag.contracts import Action, Outcome, Result, Tag, report_pages
from untag.contracts.reports import row
from untag.hosts.aws.telemetry import Telemetry
from untag.providers import Answer, Verdict
from untag.runtime import MARGIN_SECONDS, RESERVE_SECONDS

if TYPE_CHECKING:
    from local.template import Template
    from local.template.resolve import Resolver

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "img" / "dashboard.svg").read_text(encoding="utf-8")
STACK = "untag"

SQS, LAMBDA, SNS, LOGS = "AWS/SQS", "AWS/Lambda", "AWS/SNS", "AWS/Logs"
# What AWS publishes for a resource: the namespace's one dimension, the resource's type, and the metrics that are used
# here. Developer guides: "Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions",
# "Amazon SNS metrics", "CloudWatch Logs metrics".
PUBLISHED = {
    SQS: (
        "QueueName",
        "AWS::SQS::Queue",
        {
            *("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent"),
            *("NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives"),
        },
    ),
    LAMBDA: ("FunctionName", "AWS::Lambda::Function", {"Errors", "Throttles", "Duration", "Invocations"}),
    SNS: ("TopicName", "AWS::SNS::Topic", {"NumberOfMessagesPublished"}),
    LOGS: ("LogGroupName", "AWS::Logs::LogGroup", {"IncomingBytes"}),
}


@pytest.fixture(scope="module")
def template() -> Template:
    return templates.read(ROOT / "template.yaml", stack=STACK, region="eu-west-1", parameters={})


def watching(template: Template) -> Resolver:
    """The nested application that watches the template's resources."""
    return template.applications["Observability"].resolver


@pytest.fixture(scope="module")
def alarms(template: Template, observability: Json) -> dict[str, Json]:
    return observed.alarms(observability["Resources"], watching(template))


@pytest.fixture(scope="module")
def body(template: Template) -> Json:
    return widgets.body(watching(template))


@pytest.fixture(scope="module")
def queries(template: Template, observability: Json) -> dict[str, Json]:
    types = {name: resource["Type"] for name, resource in observability["Resources"].items()}
    return observed.queries(types, watching(template))


@pytest.fixture
def emitted(template: Template, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> set[Metric]:
    """Every metric that telemetry writes when everything has happened once, in each function's own environment."""
    found: set[Metric] = set()
    for function in template.of_type("AWS::Lambda::Function"):
        for name, value in template.properties(function)["Environment"]["Variables"].items():
            if name.startswith("POWERTOOLS_"):
                monkeypatch.setenv(name, str(value))
        telemetry = Telemetry()
        for provider in ("jdcloud", "huaweicloud"):
            everything_happens(telemetry, provider)
        capsys.readouterr()
        telemetry.flush()
        found |= {metric for line in capsys.readouterr().out.splitlines() for metric, _ in embedded(line)}
    return found


def everything_happens(telemetry: Telemetry, provider: str) -> None:
    telemetry.called(provider, 0.1, Answer(Verdict.THROTTLED))
    telemetry.retried(provider)
    telemetry.closed(provider, "default")
    telemetry.failed(ValueError())
    telemetry.rejected("m-1", "why")
    telemetry.undelivered("m-1", "why")
    rows = [row("vm", f"i-{outcome}", Tag("k", "v"), Result(outcome)) for outcome in Outcome]
    facts = {
        "kind": "removal", "id": "chg-1", "action": Action.REMOVE, "provider": provider, "account": "default",
        "region": None, "attempt": 1, "dry_run": False, "reason": None, "started_at": "a", "finished_at": "b",
    }  # fmt: skip
    telemetry.finished(report_pages(facts, rows, 1), "m-1")


def physical(template: Template, kind: str) -> set[str]:
    """The names of a type's resources as metrics bear them."""
    known = template.of_type(kind)
    if kind == "AWS::Logs::LogGroup":  # which the local stack leaves out
        functions = template.of_type("AWS::Lambda::Function")
        return {template.properties(one)["LoggingConfig"]["LogGroup"] for one in functions}
    return {template.resolver.name(one) for one in known}


# What is watched is there


def test_every_metric_of_an_alarm_or_a_widget_is_emitted_or_is_awss_own_for_that_resource(
    template: Template, alarms: dict[str, Json], body: Json, emitted: set[Metric]
) -> None:
    watched = [metric for alarm in alarms.values() for metric in observed.alarm_metrics(alarm)]
    watched += observed.dashboard_metrics(body)
    assert len(watched) > 40
    for metric in watched:
        if metric.namespace in PUBLISHED:
            dimension, kind, names = PUBLISHED[metric.namespace]
            ((name, value),) = metric.dimensions
            assert (name, metric.name in names) == (dimension, True), metric
            assert value in physical(template, kind), metric
        else:
            assert metric in emitted


def test_every_search_finds_what_is_emitted(template: Template, body: Json, emitted: set[Metric]) -> None:
    found = observed.searches(body)
    assert len(found) > 8
    for namespace, dimensions, wanted in found:
        names = wanted.pop("MetricName")
        if namespace in PUBLISHED:
            dimension, kind, published = PUBLISHED[namespace]
            assert dimensions == {dimension}
            assert names <= published
            assert wanted[dimension] <= physical(template, kind)
            continue
        (name,) = names
        matching = [one for one in emitted if (one.namespace, one.name, one.names) == (namespace, name, dimensions)]
        assert matching, (namespace, name, dimensions)
        for term, values in wanted.items():
            assert values <= {dict(one.dimensions)[term] for one in matching}, term


def test_every_metric_that_telemetry_emits_can_be_seen_on_the_dashboard_or_is_there_for_an_alarm(
    alarms: dict[str, Json], body: Json, emitted: set[Metric]
) -> None:
    seen = {name for _, _, wanted in observed.searches(body) for name in wanted["MetricName"]}
    seen |= {metric.name for alarm in alarms.values() for metric in observed.alarm_metrics(alarm)}
    assert {metric.name for metric in emitted} - seen == {"Calls"}  # a query counts them, beside their throttles


def test_two_stacks_of_an_account_have_a_namespace_each(template: Template) -> None:
    for function in template.of_type("AWS::Lambda::Function"):
        variables = template.properties(function)["Environment"]["Variables"]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == STACK
    other = templates.read(ROOT / "template.yaml", stack="other", region="eu-west-1", parameters={})
    assert {name for name, *_ in observed.searches(widgets.body(watching(other)))} - set(PUBLISHED) == {"other"}


# Nothing is left unwatched


def alarms_on(alarms: dict[str, Json], name: str) -> list[str]:
    """What the alarms of one metric each watch, by its dimension's value."""
    return sorted(
        value
        for alarm in alarms.values()
        if "Metrics" not in alarm and alarm["MetricName"] == name
        for _, value in observed.alarm_metrics(alarm)[0].dimensions
    )


def test_every_queue_is_watched_for_letters_or_for_old_messages(template: Template, alarms: dict[str, Json]) -> None:
    queues, dead = template.queues()
    assert alarms_on(alarms, "ApproximateNumberOfMessagesVisible") == sorted(dead)
    assert alarms_on(alarms, "ApproximateAgeOfOldestMessage") == sorted(set(queues.values()) - dead)
    expiring = observed.alarm_metrics(alarms["DeadLettersExpireAlarm"])
    assert {value for metric in expiring for _, value in metric.dimensions} == dead


@pytest.mark.parametrize("metric", ["Errors", "Throttles", "Duration"])
def test_every_function_is_watched(template: Template, alarms: dict[str, Json], metric: str) -> None:
    assert alarms_on(alarms, metric) == sorted(physical(template, "AWS::Lambda::Function"))


@pytest.mark.parametrize("metric", ["ClosedAccounts", "InternalErrors", "Undelivered"])
def test_what_any_function_tells_of_itself_is_watched(template: Template, alarms: dict[str, Json], metric: str) -> None:
    services = {
        template.properties(one)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for one in template.of_type("AWS::Lambda::Function")
    }
    found = observed.alarm_metrics(alarms[f"{metric}Alarm"])
    assert {one.name for one in found} == {metric}
    assert {dict(one.dimensions)["service"] for one in found} == services


def test_an_invocation_that_uses_its_time_as_it_may_does_not_ring(template: Template, alarms: dict[str, Json]) -> None:
    for function in template.of_type("AWS::Lambda::Function"):
        timeout = float(template.properties(function)["Timeout"])
        bound = float(alarms[function.replace("Function", "DurationAlarm")]["Threshold"]) / 1000
        assert timeout - RESERVE_SECONDS < bound < timeout - MARGIN_SECONDS


def test_the_ages_that_ring_are_those_that_work_as_it_should_does_not_reach(
    template: Template, alarms: dict[str, Json]
) -> None:
    longest_delay = 900
    for queue, tries in (("WorkQueue", 1), ("DecommissionQueue", 4), ("SweepQueue", 1)):
        hidden = int(template.properties(queue)["VisibilityTimeout"])
        assert float(alarms[f"{queue}AgeAlarm"]["Threshold"]) > hidden * tries + longest_delay * (tries == 1)


def test_letters_that_expire_ring_some_days_before(template: Template, alarms: dict[str, Json]) -> None:
    names, dead = template.queues()
    kept = {queue: int(template.properties(queue)["MessageRetentionPeriod"]) for queue in names}
    sure = min(kept[one] for one in names if names[one] in dead) - max(
        kept[one] for one in names if names[one] not in dead
    )
    assert float(alarms["DeadLettersExpireAlarm"]["Threshold"]) <= sure - 3 * 86400


def test_alarms_tell_the_topic_when_they_ring_and_when_it_is_over_and_nobody_where_there_is_none(
    observability: Json, alarms: dict[str, Json]
) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    told = templates.read(ROOT / "template.yaml", stack=STACK, region="eu-west-1", parameters={"AlarmTopicArn": topic})
    for name, alarm in observed.alarms(observability["Resources"], watching(told)).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic], name
    for alarm in alarms.values():
        assert not alarm.get("AlarmActions")
        assert alarm["TreatMissingData"] == "notBreaching"


# The guide


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def sections() -> dict[str, str]:
    """The guide's sections by their anchors."""
    parts = re.split(r"^## (.+)$", GUIDE, flags=re.MULTILINE)
    return {slug(heading): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_alarm_names_its_section_which_names_the_alarm_and_says_all_that_is_needed(
    alarms: dict[str, Json],
) -> None:
    assert len(alarms) > 20
    for name, alarm in alarms.items():
        anchor = re.search(r"docs/operations\.md#([\w-]+)$", alarm["AlarmDescription"])
        assert anchor, name
        section = sections()[anchor[1]]
        assert f"`{name}`" in section
        for part in ("What it means", "Look", "Do", "Send back"):
            assert f"**{part}.**" in section, (name, part)


def test_every_alarm_and_every_query_that_the_guide_names_exists(
    alarms: dict[str, Json], queries: dict[str, Json]
) -> None:
    assert set(re.findall(r"`(\w+Alarm)`", GUIDE)) == set(alarms)
    table = set(re.findall(r"^\| `([a-z-]+)` \|", sections()["first"], flags=re.MULTILINE))
    assert table == set(queries)
    for name, section in sections().items():
        look = re.search(r"\*\*Look\.\*\*(.*?)\*\*Do\.\*\*", section, flags=re.DOTALL)
        if look:
            named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", look[1])) - {"letters", "error", "at", "reason"}
            assert named <= set(queries), name


def test_every_variable_of_the_guides_commands_is_an_output(source: Json) -> None:
    outputs = {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).upper() for name in source["Outputs"]}
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", GUIDE)) - {"STACK"}
    assert used <= outputs
    assert len(used) > 10


def test_every_parameter_that_the_guide_names_exists(source: Json) -> None:
    named = {"WorkQueueAge", "DecommissionQueueAge", "SweepQueueAge", "NoOutcomeHours", "MaximumConcurrency", "Rate"}
    for name in named | {"MaxPairs", "AllowedAccounts", "Accounts"}:
        assert f"`{name}`" in GUIDE
        assert name in source["Parameters"]


# The queries


def test_queries_lie_in_the_stacks_folder_and_ask_groups_of_the_functions(
    template: Template, queries: dict[str, Json]
) -> None:
    assert len(queries) > 8
    groups = physical(template, "AWS::Logs::LogGroup")
    for query in queries.values():
        assert query["Name"].startswith(f"{STACK}/queries/")
        assert set(query["LogGroupNames"]) <= groups
        assert query["LogGroupNames"]


# The dashboard


def test_widgets_lie_within_the_grid_and_do_not_overlap(body: Json) -> None:
    for widget in body["widgets"]:
        assert 0 <= widget["x"] < widget["x"] + widget["width"] <= 24
    for one, other in itertools.combinations(body["widgets"], 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or below, (one["properties"].get("title"), other["properties"].get("title"))


def test_every_alarm_is_on_the_dashboard(template: Template, alarms: dict[str, Json], body: Json) -> None:
    shown = [arn for widget in body["widgets"] for arn in widget["properties"].get("alarms", [])]
    assert sorted(shown) == sorted(watching(template).attribute(name, "Arn") for name in alarms)


def test_lines_of_a_widget_have_names_of_their_own_and_expressions_name_lines_that_are_there(body: Json) -> None:
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            lines = widgets.lines(widget)
            assert len({line.id for line in lines}) == len(lines)
            assert all(line.label for line in lines if line.visible)


def test_what_it_costs_is_reckoned_with_the_prices_of_the_guide_and_the_memory_of_the_functions(
    template: Template, body: Json
) -> None:
    (widget,) = [one for one in body["widgets"] if "1,000" in one["properties"].get("title", "")]
    expressions = {line.id: line.expression for line in widgets.lines(widget)}
    memory = {
        template.resolver.name(one): int(template.properties(one)["MemorySize"]) / 1024
        for one in template.of_type("AWS::Lambda::Function")
    }
    assert set(memory.values()) == {0.5, 1769 / 1024}
    assert memory[f"{STACK}-SweepFunction"] == 1769 / 1024
    numbers = {
        id_: [float(text) for text in re.findall(r"\b\d+(?:\.\d+)?\b", text)] for id_, text in expressions.items()
    }
    table = dict(re.findall(r"^\| ([\w ,]+) \| ([\d.]+) for a", sections()["what-it-costs"], flags=re.MULTILINE))
    prices = {name: float(price) for name, price in table.items()}
    assert numbers["functions"] == pytest.approx(
        [prices["invocations"] / 1e6, 0, 0, 0, prices["computing, arm64"], 0.5, 0, 0, 1769 / 1024, 0, 1000]
    )
    assert numbers["queues"] == pytest.approx([prices["requests to SQS"] / 1e6, 0])
    assert numbers["topic"] == pytest.approx([prices["notifications"] / 1e6, 0])
    assert numbers["logs"] == pytest.approx([prices["logs"], 0, 0, 0, 1e9])


def test_the_picture_in_the_guide_is_of_this_dashboard(alarms: dict[str, Json], body: Json) -> None:
    for widget in body["widgets"]:
        if title := widget["properties"].get("title"):
            assert title.replace("'", "&#x27;") in PICTURE
    for name in alarms:
        assert f">{name.removesuffix('Alarm')}<" in PICTURE
