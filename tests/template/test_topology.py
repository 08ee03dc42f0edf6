"""What the template promises about queues, mappings, rules, the topic and the functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.template.reading import (
    DEFAULTS,
    EVERYTHING,
    arn,
    decided,
    function_of,
    intrinsics,
    named_by,
    of_type,
    redrives,
    references,
    rule_targets,
    schedule_targets,
    transform,
)
from untag.decommission.events import DETAIL_TYPE
from untag.decommission.service import GIVE_UP_RECEIVES
from untag.providers.aws.arns import BY_IAM, NOT_LISTED
from untag.providers.aws.deletions import DELETIONS

ROOT = Path(__file__).parents[2]
FOURTEEN_DAYS = 14 * 24 * 3600
ONE_MEBIBYTE = 1024 * 1024

Json = dict[str, Any]


def most(source: Json, value: Any) -> int:
    """The greatest value that a property can take: itself, or its parameter's bound."""
    return source["Parameters"][value["Ref"]]["MaxValue"] if isinstance(value, dict) else value


def least(source: Json, value: Any) -> int:
    """The smallest value that a property can take: itself, or its parameter's bound."""
    return source["Parameters"][value["Ref"]]["MinValue"] if isinstance(value, dict) else value


# Queues


def test_the_queues_are_the_ones_that_are_known(resources: Json) -> None:
    assert set(of_type(resources, "SQS::Queue")) == {
        *("WorkQueue", "DeadLetterQueue", "RuleDeadLetterQueue"),
        *("DecommissionQueue", "DecommissionDeadLetterQueue", "DecommissionRuleDeadLetterQueue"),
        *("SweepQueue", "SweepDeadLetterQueue", "SweepScheduleDeadLetterQueue"),
    }


def test_every_queue_has_a_dead_letter_queue_or_is_one(resources: Json) -> None:
    holds_letters = set(redrives(resources).values()) | {queue for _, queue in undelivered(resources)}
    for name in of_type(resources, "SQS::Queue"):
        assert (name in redrives(resources)) != (name in holds_letters), name


def test_no_two_queues_share_a_dead_letter_queue(resources: Json) -> None:
    letters = list(redrives(resources).values())
    # Rules that feed one queue may share what they cannot deliver: it is sent to that queue again.
    letters += [queue for _, queue in sorted(undelivered(resources))]
    assert sorted(letters) == sorted(set(letters))


def undelivered(resources: Json) -> set[tuple[str, str]]:
    """Every queue that a rule or a schedule sends to, with the queue for what does not arrive."""
    return {
        (named_by(target["Arn"]), named_by(target["DeadLetterConfig"]["Arn"]))
        for _, target in rule_targets(resources) + schedule_targets(resources)
    }


# An event whose tags cannot be read waits on its own queue, and the function gives it up before the queue does.
PATIENT = {"DecommissionQueue": GIVE_UP_RECEIVES + 10}


def test_a_message_is_received_five_times_or_as_often_as_waiting_takes_before_it_is_a_dead_letter(
    resources: Json,
) -> None:
    queues = of_type(resources, "SQS::Queue")
    assert redrives(resources)
    for name in redrives(resources):
        assert queues[name]["RedrivePolicy"]["maxReceiveCount"] == PATIENT.get(name, 5)


def test_an_event_waits_for_most_of_a_day_and_no_longer_than_its_queue_keeps_it(resources: Json) -> None:
    queue = of_type(resources, "SQS::Queue")["DecommissionQueue"]
    # From the third receive on the function hides it for half as long again.
    assert GIVE_UP_RECEIVES * queue["VisibilityTimeout"] >= 18 * 3600
    assert (
        queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"] * 1.5 < queue["MessageRetentionPeriod"]
    )


def test_dead_letters_are_kept_for_14_days_and_messages_for_less(resources: Json) -> None:
    # A redriven message keeps the time it was first sent.
    for name, queue in of_type(resources, "SQS::Queue").items():
        if name in redrives(resources):
            assert queue["MessageRetentionPeriod"] <= FOURTEEN_DAYS // 2
        else:
            assert queue["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_a_dead_letter_queue_takes_redrives_from_its_own_source_only(resources: Json) -> None:
    queues = of_type(resources, "SQS::Queue")
    for source_queue, letters in redrives(resources).items():
        name = queues[source_queue]["QueueName"]["Fn::Sub"]
        assert queues[letters]["RedriveAllowPolicy"] == {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [
                {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"}
            ],
        }


def test_a_rules_dead_letter_queue_takes_redrives_from_nobody(resources: Json) -> None:
    queues = of_type(resources, "SQS::Queue")
    for _, letters in undelivered(resources):
        assert queues[letters]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}


def test_every_queue_takes_a_whole_mebibyte(resources: Json) -> None:
    for queue in of_type(resources, "SQS::Queue").values():
        assert queue["MaximumMessageSize"] == ONE_MEBIBYTE


def test_dead_letters_outlive_the_stack(resources: Json) -> None:
    for name in of_type(resources, "SQS::Queue"):
        if name not in redrives(resources):
            assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resources[name]["UpdateReplacePolicy"] == "Retain"


# Mappings


def read(resources: Json) -> dict[str, Json]:
    """The mapping of each queue that a function reads."""
    return {
        named_by(mapping["EventSourceArn"]): mapping
        for mapping in of_type(resources, "Lambda::EventSourceMapping").values()
    }


def test_every_function_that_reads_a_queue_reports_batch_item_failures(resources: Json) -> None:
    mappings = of_type(resources, "Lambda::EventSourceMapping")
    assert {name: function_of(resources, mapping["FunctionName"]) for name, mapping in read(resources).items()} == {
        "WorkQueue": "RemoveTagsFunction",
        "DecommissionQueue": "DecommissionFunction",
        "SweepQueue": "SweepFunction",
    }
    assert len(mappings) == len(read(resources))
    for mapping in mappings.values():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_message_stays_hidden_for_six_time_outs_and_the_longest_window(source: Json, resources: Json) -> None:
    queues, functions = of_type(resources, "SQS::Queue"), of_type(resources, "Lambda::Function")
    for mapping in of_type(resources, "Lambda::EventSourceMapping").values():
        queue = queues[named_by(mapping["EventSourceArn"])]
        timeout = functions[function_of(resources, mapping["FunctionName"])]["Timeout"]
        window = most(source, mapping["MaximumBatchingWindowInSeconds"])
        assert queue["VisibilityTimeout"] >= 6 * timeout + window


def test_the_work_queue_is_read_in_hundreds_within_a_bound(source: Json, resources: Json) -> None:
    mapping = read(resources)["WorkQueue"]
    assert mapping["BatchSize"] == 100
    # Lambda refuses more than 10 without a window.
    assert least(source, mapping["MaximumBatchingWindowInSeconds"]) >= 1


def test_every_queue_is_read_by_two_environments_or_more(source: Json, resources: Json) -> None:
    for mapping in read(resources).values():
        # Lambda refuses fewer.
        assert least(source, mapping["ScalingConfig"]["MaximumConcurrency"]) >= 2
        assert mapping.get("Enabled", True) is True


def test_decommission_events_are_read_in_tens_since_they_share_no_call(resources: Json) -> None:
    assert read(resources)["DecommissionQueue"]["BatchSize"] == 10


def test_the_rate_is_shared_by_as_many_environments_as_the_mapping_starts(resources: Json) -> None:
    functions = of_type(resources, "Lambda::Function")
    for mapping in of_type(resources, "Lambda::EventSourceMapping").values():
        variables = functions[function_of(resources, mapping["FunctionName"])]["Environment"]["Variables"]
        assert variables["UNTAG_ENVIRONMENTS"] == mapping["ScalingConfig"]["MaximumConcurrency"]


# Rules


def test_every_rule_target_is_a_queue_with_dead_letters_and_a_retry_policy(resources: Json) -> None:
    queues = of_type(resources, "SQS::Queue")
    assert rule_targets(resources)
    for name, target in rule_targets(resources):
        assert named_by(target["Arn"]) in queues, name
        assert named_by(target["DeadLetterConfig"]["Arn"]) in queues, name
        assert set(target["RetryPolicy"]) == {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"}, name


def test_removal_requests_of_any_source_on_the_custom_bus_reach_the_work_queue(resources: Json) -> None:
    rule = of_type(resources, "Events::Rule")["RemovalRequestedRule"]
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {"detail-type": ["Tag Removal Requested"]}
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert target["Arn"] == arn("WorkQueue")
    # The envelope arrives whole: its id becomes the request's where that has none.
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


@pytest.mark.parametrize(
    ("name", "bus"), [("DecommissionedRule", {"Ref": "EventBus"}), ("DecommissionedOnDefaultBusRule", None)]
)
def test_decommission_events_of_any_source_on_either_bus_reach_the_decommission_queue(
    resources: Json, name: str, bus: Json | None
) -> None:
    rule = of_type(resources, "Events::Rule")[name]
    assert rule.get("EventBusName") == bus
    assert rule["EventPattern"] == {"detail-type": [DETAIL_TYPE]}
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert target["Arn"] == arn("DecommissionQueue")
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


# Deletions at AWS, where they are asked for


@pytest.fixture(scope="module")
def aws_rules(source: Json) -> dict[str, Json]:
    resources = decided(transform(source, EVERYTHING), source, EVERYTHING)["Resources"]
    return {name: rule for name, rule in of_type(resources, "Events::Rule").items() if name.startswith("Aws")}


def caught(rules: dict[str, Json], event: Json) -> list[str]:
    """The rules whose pattern the event fits, as moto judges it."""
    return [
        name for name, rule in rules.items() if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event)
    ]


def test_deletions_at_aws_are_not_asked_for_by_default(source: Json) -> None:
    resources = decided(transform(source, DEFAULTS), source, DEFAULTS)["Resources"]
    assert not {"AwsDeletionsRule", "AwsInstancesRule"} & set(resources)


def test_deletions_at_aws_reach_the_decommission_queue_as_they_are(aws_rules: dict[str, Json]) -> None:
    assert set(aws_rules) == {"AwsDeletionsRule", "AwsInstancesRule"}
    for rule in aws_rules.values():
        assert "EventBusName" not in rule
        (target,) = rule["Targets"]
        assert target["Arn"] == arn("DecommissionQueue")
        assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_every_deletion_that_is_known_is_caught_once_and_nothing_else(aws_rules: dict[str, Json]) -> None:
    leads_to_nothing = BY_IAM | NOT_LISTED
    for (service, name), deletion in DELETIONS.items():
        if deletion.type in leads_to_nothing:
            continue
        detail = {"eventSource": f"{service}.amazonaws.com", "eventName": name}
        event = {"detail-type": "AWS API Call via CloudTrail", "source": f"aws.{service}", "detail": detail}
        # That an instance ends is said by an event of its own.
        assert caught(aws_rules, event) == ([] if name == "TerminateInstances" else ["AwsDeletionsRule"]), name
        assert caught(aws_rules, {**event, "detail": {**detail, "errorCode": "AccessDenied"}}) == []
    assert len(json.dumps(aws_rules["AwsDeletionsRule"]["EventPattern"])) < 2048


@pytest.mark.parametrize(("state", "rules"), [("terminated", ["AwsInstancesRule"]), ("stopped", [])])
def test_an_instance_that_ended_is_caught_and_one_that_stopped_is_not(
    aws_rules: dict[str, Json], state: str, rules: list[str]
) -> None:
    event = {"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "detail": {"state": state}}
    assert caught(aws_rules, event) == rules


# Functions and layers


def test_every_function_is_python_313_on_arm64_with_both_layers(resources: Json) -> None:
    layers = of_type(resources, "Lambda::LayerVersion")
    for function in of_type(resources, "Lambda::Function").values():
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        # The translator adds a hash to a layer's logical id.
        names = [named_by(layer) for layer in function["Layers"]]
        assert [name[: name.index("Layer") + 5] for name in names] == ["DependenciesLayer", "UntagLayer"]
        assert set(names) == set(layers)


@pytest.mark.parametrize("name", ["RemoveTagsFunction", "DecommissionFunction"])
def test_the_function_has_two_minutes(resources: Json, name: str) -> None:
    assert of_type(resources, "Lambda::Function")[name]["Timeout"] == 120


def test_every_function_logs_plainly_into_a_group_that_forgets(resources: Json) -> None:
    groups = of_type(resources, "Logs::LogGroup")
    for function in of_type(resources, "Lambda::Function").values():
        logging = function["LoggingConfig"]
        assert logging["LogFormat"] == "Text"
        assert groups[named_by(logging["LogGroup"])]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_an_asynchronous_invocation_that_fails_is_a_dead_letter_of_its_function(resources: Json) -> None:
    for function in of_type(resources, "Lambda::Function").values():
        letters = named_by(function["DeadLetterConfig"]["TargetArn"])
        assert function["Environment"]["Variables"]["UNTAG_DEAD_LETTER_QUEUE_URL"] == {"Ref": letters}


@pytest.mark.parametrize("kind", ["Function", "LayerVersion"])
def test_everything_is_built_by_a_makefile_beside_it(source: Json, kind: str) -> None:
    built = of_type(source["Resources"], f"Serverless::{kind}")
    assert built
    for name, properties in built.items():
        assert source["Resources"][name]["Metadata"]["BuildMethod"] == "makefile"
        folder = ROOT / (properties.get("CodeUri") or properties["ContentUri"])
        assert f"\nbuild-{name}:\n" in (folder / "Makefile").read_text(encoding="utf-8")


# The whole


def test_everything_that_is_spoken_of_is_there(source: Json, deployed: Json) -> None:
    # Alarms and the dashboard included: none watches what is not created, whichever options are on.
    known = {*deployed["Resources"], *source["Parameters"]}
    for section in ("Resources", "Outputs"):
        for name, entry in deployed[section].items():
            missing = {one for one in references(entry) if one not in known and not one.startswith("AWS::")}
            assert not missing, (name, missing)


def test_the_template_uses_only_functions_that_the_local_stack_resolves(source: Json) -> None:
    assert set(intrinsics(source)) <= {
        *("Ref", "Condition", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split"),
        *("Fn::If", "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Fn::FindInMap"),
    }


def test_every_output_says_what_it_is_for(source: Json) -> None:
    for name, output in source["Outputs"].items():
        assert output["Description"].endswith("."), name


def test_the_outputs_name_every_way_in_and_out(source: Json) -> None:
    assert set(source["Outputs"]) >= {
        *(
            "WorkQueueUrl",
            "WorkQueueArn",
            "DeadLetterQueueUrl",
            "DeadLetterQueueArn",
            "RuleDeadLetterQueueUrl",
        ),
        *("DecommissionQueueUrl", "DecommissionQueueArn", "DecommissionDeadLetterQueueUrl"),
        *("DecommissionDeadLetterQueueArn", "DecommissionRuleDeadLetterQueueUrl"),
        *("SweepQueueUrl", "SweepDeadLetterQueueUrl", "SweepScheduleDeadLetterQueueUrl"),
        *("SweepFunctionName", "SweepScheduleName"),
        *("NotificationTopicArn", "EventBusName", "EventBusArn"),
        *("RemoveTagsFunctionName", "RemoveTagsFunctionArn", "RemovalRequestedRuleArn", "EncryptionKeyArn"),
    }
