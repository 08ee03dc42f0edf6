"""What is one's own is used, and nothing is made in its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.reading import BROUGHT, arn, decided, of_type, references, statements, text, transform

Json = dict[str, Any]

QUEUE, TOPIC, BUS = {"Ref": "WorkQueueArn"}, {"Ref": "NotificationTopicArn"}, {"Ref": "EventBusName"}
QUEUE_URL = {
    "Fn::Sub": [
        "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${Name}",
        {"Name": {"Fn::Select": [5, {"Fn::Split": [":", QUEUE]}]}},
    ]
}


@pytest.fixture(scope="module")
def brought(source: Json) -> Json:
    """The template with everything that can be one's own."""
    return decided(transform(source, BROUGHT), source, BROUGHT)


@pytest.fixture(scope="module")
def created(brought: Json) -> Json:
    """What is created beside what is one's own."""
    return brought["Resources"]


def test_nothing_is_created_in_its_place(created: Json) -> None:
    for kind in ("Events::EventBus", "SNS::Topic", "SNS::TopicPolicy", "KMS::Key", "KMS::Alias"):
        assert of_type(created, kind) == {}
    assert not {"WorkQueue", "WorkQueuePolicy"} & set(created)


def test_everything_that_is_spoken_of_is_there(source: Json, brought: Json) -> None:
    known = {*brought["Resources"], *source["Parameters"]}
    for section in ("Resources", "Outputs"):
        for name, entry in brought[section].items():
            missing = {one for one in references(entry) if one not in known and not one.startswith("AWS::")}
            assert not missing, (name, missing)


def test_the_functions_are_told_and_may_use_it(created: Json) -> None:
    for function in of_type(created, "Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables["UNTAG_QUEUE_URL"] == QUEUE_URL
        assert variables["UNTAG_TOPIC_ARN"] == TOPIC
    shared = statements(of_type(created, "IAM::ManagedPolicy")["FunctionsPolicy"])
    for name in ("RemoveTagsRole", "DecommissionRole", "SweepRole"):
        role = of_type(created, "IAM::Role")[name]
        assert {"Ref": "FunctionsPolicy"} in role["ManagedPolicyArns"]
        granted = {text(one["Resource"]) for one in [*statements(role["Policies"][0]), *shared]}
        assert {text(QUEUE), text(TOPIC)} <= granted


def test_the_function_reads_the_queue_and_the_rule_sends_to_it(created: Json) -> None:
    assert of_type(created, "Lambda::EventSourceMapping")["RemoveTagsFunctionWorkQueue"]["EventSourceArn"] == QUEUE
    (target,) = of_type(created, "Events::Rule")["RemovalRequestedRule"]["Targets"]
    assert target["Arn"] == QUEUE
    assert target["DeadLetterConfig"]["Arn"] == arn("RuleDeadLetterQueue")


def test_its_owner_may_redrive_into_the_stacks_dead_letter_queue(created: Json) -> None:
    assert created["DeadLetterQueue"]["Properties"]["RedriveAllowPolicy"]["sourceQueueArns"] == [QUEUE]


def test_the_rules_stand_on_the_bus(created: Json) -> None:
    rules = of_type(created, "Events::Rule")
    assert {name: rule.get("EventBusName") for name, rule in rules.items()} == {
        "RemovalRequestedRule": BUS,
        "DecommissionedRule": BUS,
        "DecommissionedOnDefaultBusRule": None,
    }


def test_on_the_default_bus_an_event_matches_one_rule_and_no_queue_expects_another(source: Json) -> None:
    parameters = {"EventBusName": "default"}
    created = decided(transform(source, parameters), source, parameters)["Resources"]
    assert set(of_type(created, "Events::Rule")) == {"RemovalRequestedRule", "DecommissionedRule"}
    for policy in ("DecommissionQueuePolicy", "DecommissionRuleDeadLetterQueuePolicy"):
        allowed = [one["Sid"] for one in statements(created[policy]["Properties"]) if one["Effect"] == "Allow"]
        assert len(allowed) == 1


def test_queues_and_logs_lie_under_the_key_and_roles_may_use_it(created: Json) -> None:
    key = {"Ref": "KmsKey"}
    for queue in of_type(created, "SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == key
    for group in of_type(created, "Logs::LogGroup").values():
        assert group["KmsKeyId"] == key
    (statement,) = statements(of_type(created, "IAM::ManagedPolicy")["KeyPolicy"])
    assert statement["Resource"] == key


def test_the_outputs_name_what_is_ones_own(brought: Json) -> None:
    outputs = {name: output["Value"] for name, output in brought["Outputs"].items()}
    assert outputs["WorkQueueArn"] == QUEUE
    assert outputs["WorkQueueUrl"] == QUEUE_URL
    assert outputs["NotificationTopicArn"] == TOPIC
    assert outputs["EventBusName"] == BUS
    assert outputs["EventBusArn"]["Fn::Sub"].endswith(":event-bus/${EventBusName}")
    assert outputs["EncryptionKeyArn"] == {"Ref": "KmsKey"}
    assert outputs["RemovalRequestedRuleArn"] == arn("RemovalRequestedRule")


@pytest.mark.parametrize("name", sorted(BROUGHT))
def test_each_can_be_ones_own_alone(source: Json, name: str) -> None:
    parameters = {name: BROUGHT[name]}
    created = decided(transform(source, parameters), source, parameters)["Resources"]
    made_instead = {
        "EventBusName": "EventBus",
        "NotificationTopicArn": "NotificationTopic",
        "WorkQueueArn": "WorkQueue",
        "KmsKey": "EncryptionKey",
    }
    assert {one for one in made_instead.values() if one in created} == {
        one for option, one in made_instead.items() if option not in {name, "KmsKey"}
    }
