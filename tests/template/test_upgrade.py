"""That a stack of an earlier release can be updated without losing anything."""

from __future__ import annotations

from typing import Any

from tests.template.reading import EVERYTHING, decided, of_type, transform

Json = dict[str, Any]


def test_what_has_a_state_keeps_the_logical_id_of_earlier_releases(source: Json) -> None:
    stateful = (
        "SQS::Queue",
        "KMS::Key",
        "SNS::Topic",
        "Logs::LogGroup",
        "Events::EventBus",
        "Scheduler::ScheduleGroup",
    )
    assert {name for kind in stateful for name in of_type(source["Resources"], kind)} == {
        *("WorkQueue", "DeadLetterQueue", "RuleDeadLetterQueue"),
        *("DecommissionQueue", "DecommissionDeadLetterQueue", "DecommissionRuleDeadLetterQueue"),
        *("SweepQueue", "SweepDeadLetterQueue", "SweepScheduleDeadLetterQueue"),
        *("EncryptionKey", "NotificationTopic", "EventBus", "KeptRequests"),
        *("RemoveTagsLogGroup", "DecommissionLogGroup", "SweepLogGroup"),
    }


def test_no_role_takes_a_policy_of_a_name_that_an_earlier_release_deletes(source: Json) -> None:
    # An update deletes the old policy after it has made the new one, and a role's policy is known by its name alone.
    created = decided(transform(source, EVERYTHING), source, EVERYTHING)["Resources"]
    names = {policy["PolicyName"] for role in of_type(created, "IAM::Role").values() for policy in role["Policies"]}
    assert names == {"remove-tags", "decommission", "sweep", "kept-requests", "sweep-schedule", "deploy"}
    assert of_type(created, "IAM::Policy") == {}


def test_a_queue_that_a_service_sends_to_keeps_the_policy_of_earlier_releases(source: Json) -> None:
    # CloudFormation empties a queue's policy when it deletes a resource that set it, even if another has set it since.
    policies = of_type(source["Resources"], "SQS::QueuePolicy")
    assert {name: [queue["Ref"] for queue in policy["Queues"]] for name, policy in policies.items()} == {
        "WorkQueuePolicy": ["WorkQueue"],
        "DecommissionQueuePolicy": ["DecommissionQueue"],
        "SweepQueuePolicy": ["SweepQueue"],
        "RuleDeadLetterQueuePolicy": ["RuleDeadLetterQueue"],
        "DecommissionRuleDeadLetterQueuePolicy": ["DecommissionRuleDeadLetterQueue"],
        "DeadLetterQueuePolicy": [
            *("DeadLetterQueue", "DecommissionDeadLetterQueue", "SweepDeadLetterQueue", "SweepScheduleDeadLetterQueue"),
        ],
    }
