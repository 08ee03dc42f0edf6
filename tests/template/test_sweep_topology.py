"""What the template promises about sweeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.template.reading import arn, of_type, schedule_targets
from untag.sweep.state import read_sweep

Json = dict[str, Any]

RULES = [
    {
        "name": "expired",
        "provider": "jdcloud",
        "regions": ["cn-north-1"],
        "types": ["vm"],
        "match": {"key": "expires-on", "value": {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}},
    }
]


def test_the_schedule_is_off_until_somebody_turns_it_on(source: Json, resources: Json) -> None:
    (schedule,) = of_type(resources, "Scheduler::Schedule").values()
    assert schedule["State"] == {"Ref": "SweepState"}
    assert source["Parameters"]["SweepState"]["Default"] == "DISABLED"


def test_the_schedule_has_a_time_zone_a_flexible_window_dead_letters_and_an_end_to_its_tries(resources: Json) -> None:
    ((_, target),) = schedule_targets(resources)
    (schedule,) = of_type(resources, "Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == {"Ref": "SweepScheduleExpression"}
    assert schedule["ScheduleExpressionTimezone"] == {"Ref": "SweepTimeZone"}
    assert schedule["FlexibleTimeWindow"] == {
        "Mode": "FLEXIBLE",
        "MaximumWindowInMinutes": {"Ref": "SweepWindowMinutes"},
    }
    assert target["Arn"] == arn("SweepQueue")
    assert target["DeadLetterConfig"]["Arn"] == arn("SweepScheduleDeadLetterQueue")
    assert set(target["RetryPolicy"]) == {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"}


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_the_schedules_input_is_a_sweep_named_by_its_execution(source: Json, resources: Json, dry_run: str) -> None:
    assert dry_run in source["Parameters"]["SweepDryRun"]["AllowedValues"]
    ((_, target),) = schedule_targets(resources)
    condition, in_s3, listed = source["Resources"]["SweepSchedule"]["Properties"]["Target"]["Input"]["Fn::If"]
    assert target["Input"] in (in_s3, listed)
    assert condition == "RulesInS3"
    text = listed["Fn::Sub"].replace("${SweepDryRun}", dry_run).replace("${SweepRules}", json.dumps(RULES))
    assert "${" not in text
    sweep, rules = read_sweep(text, "own")
    assert sweep.source == "<aws.scheduler.schedule-arn>"
    place = "s3://sweeps/rules.json"
    named = json.loads(in_s3["Fn::Sub"].replace("${SweepDryRun}", dry_run).replace("${SweepRules}", place))
    assert named == {**json.loads(text), "rules": place}
    assert sweep.id == "<aws.scheduler.execution-id>"
    assert sweep.dry_run is (dry_run == "true")
    assert rules == RULES


def test_a_sweep_has_a_quarter_of_an_hour_and_a_batch_to_itself(resources: Json) -> None:
    assert of_type(resources, "Lambda::Function")["SweepFunction"]["Timeout"] == 900
    (mapping,) = [
        mapping
        for mapping in of_type(resources, "Lambda::EventSourceMapping").values()
        if mapping["EventSourceArn"] == arn("SweepQueue")
    ]
    assert mapping["BatchSize"] == 1
