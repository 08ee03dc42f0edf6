"""The nested application: what it is handed, and that a stack from before it was there can be updated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import template as templates
from tests.template import observed
from tests.template.reading import BROUGHT, of_type, references

if TYPE_CHECKING:
    from local.template.resolve import Resolver

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
NOTHING: dict[str, str] = {}

# The names that earlier releases gave to what the application has now. An update makes the new one before it deletes
# the old one: a dashboard of a name that is taken is refused, and of two queries of one name the wrong one may be left.
EARLIER_NAMES = {
    "untag-eu-west-1",
    *(
        f"untag/{query}"
        for query in (
            *("one-request", "one-batch", "unchanged", "failed-pairs", "waiting", "rejected", "errors", "crashes"),
            *("closed-accounts", "not-delivered", "providers", "invocations", "decommission", "sweeps"),
        )
    ),
}


def watching(**parameters: str) -> Resolver:
    read = templates.read(ROOT / "template.yaml", stack="untag", region="eu-west-1", parameters=parameters)
    return read.applications["Observability"].resolver


def test_it_is_handed_each_of_its_parameters_and_uses_it(source: Json, observability: Json) -> None:
    properties = source["Resources"]["Observability"]["Properties"]
    assert properties["Location"] == "observability.yaml"
    declared = observability["Parameters"]
    assert set(properties["Parameters"]) == set(declared)
    used = set(references([observability["Resources"], observability["Conditions"]]))
    assert set(declared) <= used
    assert used <= {*declared, *observability["Resources"], "AWS::Region", "AWS::NoValue"}
    for name, parameter in declared.items():
        assert parameter["Description"].endswith("."), name
        # A default would hide that the template hands nothing over.
        assert "Default" not in parameter, name


def test_it_watches_a_queue_and_a_topic_of_ones_own(observability: Json) -> None:
    alarms = observed.alarms(observability["Resources"], watching(**BROUGHT))
    assert alarms["WorkQueueAgeAlarm"]["Dimensions"] == [{"Name": "QueueName", "Value": "company"}]
    body = watching(**BROUGHT).properties("Dashboard")["DashboardBody"]
    assert '"TopicName", "company"' in body


def test_an_alarm_rings_by_the_numbers_that_an_operator_gives(observability: Json) -> None:
    given = {"WorkQueueAge": "61", "DecommissionQueueAge": "62", "SweepQueueAge": "63"}
    alarms = observed.alarms(observability["Resources"], watching(**given, NoOutcomeHours="5"))
    assert {name: alarms[f"{name}Alarm"]["Threshold"] for name in given} == given
    assert alarms["NoOutcomeAlarm"]["EvaluationPeriods"] == "5"


def test_nothing_in_it_has_a_name_that_an_earlier_release_gave(observability: Json) -> None:
    resolver = watching(**NOTHING)
    queries = of_type(observability["Resources"], "Logs::QueryDefinition")
    names = {resolver.properties(name)["Name"] for name in queries}
    assert len(names) == len(queries)
    names.add(resolver.properties("Dashboard")["DashboardName"])
    assert not names & EARLIER_NAMES
    # CloudFormation makes up an alarm's name, so that no two are alike.
    assert not [one for one in of_type(observability["Resources"], "CloudWatch::Alarm").values() if "AlarmName" in one]


def test_nothing_in_it_has_a_state_that_an_update_could_lose(observability: Json) -> None:
    assert {resource["Type"] for resource in observability["Resources"].values()} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::QueryDefinition",
    }
