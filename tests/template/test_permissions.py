"""What the template lets whom do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.reading import arn, decided, named_by, of_type, rule_targets, statements, text, transform

Json = dict[str, Any]

SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
SECRETS_UNDER_THE_PREFIX = {"Fn::Sub": SECRETS + "${SecretsPrefix}/*"}

SCHEDULES = {"Fn::Sub": "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${KeptRequests}/*"}

# Every Resource in an IAM policy that spells a wildcard, with the reason why it is not avoidable.
WILDCARDS = {
    text(SCHEDULES): "every schedule of the group that is the stack's own",
    text(SECRETS_UNDER_THE_PREFIX): (
        "one secret for each provider and account, named by whoever operates the stack, "
        "and each ARN ends in six random characters"
    ),
    text({"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"}): (
        "CloudWatch asks for the permission on all alarms, whichever are named in the call"
    ),
}

# The actions that AWS allows on everything or on nothing.
ON_EVERYTHING = {
    "NetworkInterfaces": "Lambda asks before the interfaces are there, and refuses a function whose role may do less",
    "ButNotByTheFunctionsOwnCode": "denies exactly what NetworkInterfaces allows",
    "Traces": "X-Ray knows no resources",
    "WhatIsKeptAlready": "to list schedules knows no resources",
    "AwsTagsAreRead": "the tagging API knows no resources; an option that is off by default",
    "AwsTagsAreChanged": "which resources have tags cannot be listed beforehand; an option that is off by default",
}


def identity_statements(resources: Json) -> list[tuple[str, Json]]:
    """Every statement that is given to a role, with its owner."""
    inline = [
        (name, statement)
        for name, role in of_type(resources, "IAM::Role").items()
        for policy in role.get("Policies", [])
        for statement in statements(policy)
    ]
    attached = [
        (name, statement)
        for kind in ("IAM::Policy", "IAM::ManagedPolicy", "IAM::RolePolicy")
        for name, policy in of_type(resources, kind).items()
        for statement in statements(policy)
    ]
    return inline + attached


def resource_statements(resources: Json) -> list[tuple[str, Json]]:
    """Every statement that stands at a queue or a topic, with the queue or topic."""
    found = []
    for kind, where in (("SQS::QueuePolicy", "Queues"), ("SNS::TopicPolicy", "Topics")):
        for policy in of_type(resources, kind).values():
            found += [(named_by(owner), statement) for owner in policy[where] for statement in statements(policy)]
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_is_written_out_and_none_is_generated(source: Json, resources: Json) -> None:
    assert set(of_type(resources, "IAM::Role")) == set(of_type(source["Resources"], "IAM::Role"))


def test_every_function_has_a_role_of_its_own(resources: Json) -> None:
    functions = of_type(resources, "Lambda::Function")
    roles = [named_by(function["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(functions)


def test_only_lambda_takes_on_a_functions_role(resources: Json) -> None:
    for function in of_type(resources, "Lambda::Function").values():
        role = of_type(resources, "IAM::Role")[named_by(function["Role"])]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        assert {named_by(policy) for policy in role.get("ManagedPolicyArns", [])} <= set(
            of_type(resources, "IAM::ManagedPolicy")
        ), "no policy that AWS or somebody else writes"


def test_no_role_may_do_anything_to_everything(resources: Json) -> None:
    assert identity_statements(resources)
    for name, statement in identity_statements(resources):
        assert statement["Effect"] == "Allow" or statement["Sid"] == "ButNotByTheFunctionsOwnCode", name
        assert not {"NotAction", "NotResource"} & set(statement), name
        for action in as_list(statement["Action"]):
            assert "*" not in action, (name, action)
        for resource in as_list(statement["Resource"]):
            assert "*" not in text(resource) or statement["Sid"] in ON_EVERYTHING or text(resource) in WILDCARDS, (
                name,
                resource,
            )


# What an option adds for every function alike; tests of the options hold it.
OF_OPTIONS = {"ProviderKeys", "Traces", "AwsTagsAreRead", "AwsRolesOfOtherAccounts", "TheObjectOfRules"}


def granted(resources: Json, role: str) -> dict[str, list[str]]:
    """The actions that a role's own policy and the one of all functions allow, by what they are allowed on."""
    owners = {role}
    if {"Ref": "FunctionsPolicy"} in of_type(resources, "IAM::Role")[role].get("ManagedPolicyArns", []):
        owners.add("FunctionsPolicy")
    return {
        text(statement["Resource"]): sorted(as_list(statement["Action"]))
        for name, statement in identity_statements(resources)
        if name in owners and statement["Sid"] not in OF_OPTIONS
    }


def test_remove_tags_may_do_what_it_does_and_no_more(resources: Json) -> None:
    assert granted(resources, "RemoveTagsRole") == {
        text(arn("WorkQueue")): [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        text(arn("DeadLetterQueue")): ["sqs:SendMessage"],
        text({"Ref": "NotificationTopic"}): ["sns:Publish"],
        text(arn("RemoveTagsLogGroup")): ["logs:CreateLogStream", "logs:PutLogEvents"],
        text(SCHEDULES): ["scheduler:CreateSchedule"],
        text(arn("KeptRequestsRole")): ["iam:PassRole"],
    }


@pytest.mark.parametrize("role", ["RemoveTagsRole", "SweepRole"])
def test_the_role_of_what_is_kept_is_handed_to_the_scheduler_only_and_may_only_send_back(
    resources: Json, role: str
) -> None:
    (passing,) = [
        one for name, one in identity_statements(resources) if name == role and one["Action"] == "iam:PassRole"
    ]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    assert granted(resources, "KeptRequestsRole") == {
        text([arn(name) for name in ("WorkQueue", "DeadLetterQueue", "SweepQueue", "SweepDeadLetterQueue")]): [
            "sqs:SendMessage"
        ],
    }
    (trust,) = of_type(resources, "IAM::Role")["KeptRequestsRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_decommission_may_ask_for_removals_and_remove_nothing_itself(resources: Json) -> None:
    assert granted(resources, "DecommissionRole") == {
        text(arn("DecommissionQueue")): [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        text(arn("WorkQueue")): ["sqs:SendMessage"],
        text(arn("DecommissionDeadLetterQueue")): ["sqs:SendMessage"],
        text({"Ref": "NotificationTopic"}): ["sns:Publish"],
        text(arn("DecommissionLogGroup")): ["logs:CreateLogStream", "logs:PutLogEvents"],
    }


def test_sweep_may_ask_for_removals_and_go_on_by_its_own_queue(resources: Json) -> None:
    assert granted(resources, "SweepRole") == {
        text(arn("SweepQueue")): [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        text(arn("WorkQueue")): ["sqs:SendMessage"],
        text(arn("SweepDeadLetterQueue")): ["sqs:SendMessage"],
        text({"Ref": "NotificationTopic"}): ["sns:Publish"],
        text(arn("SweepLogGroup")): ["logs:CreateLogStream", "logs:PutLogEvents"],
        text(SCHEDULES): ["scheduler:CreateSchedule", "scheduler:GetSchedule"],
        text("*"): ["scheduler:ListSchedules"],
        text(arn("SweepSchedule")): ["scheduler:GetSchedule"],
        text(arn("KeptRequestsRole")): ["iam:PassRole"],
    }


def test_sweep_may_read_the_one_object_that_holds_its_rules(resources: Json, source: Json) -> None:
    assert not [one for _, one in identity_statements(resources) if one["Sid"] == "TheObjectOfRules"], (
        "no object is named"
    )
    parameters = {"SweepRules": "s3://sweep-rules/rules.json"}
    created = decided(transform(source, parameters), source, parameters)["Resources"]
    ((role, statement),) = [one for one in identity_statements(created) if one[1]["Sid"] == "TheObjectOfRules"]
    assert role == "SweepRole"
    assert statement["Action"] == "s3:GetObject"
    named = {"Fn::Select": [1, {"Fn::Split": ["s3://", {"Ref": "SweepRules"}]}]}
    assert statement["Resource"] == {"Fn::Join": ["", [{"Fn::Sub": "arn:${AWS::Partition}:s3:::"}, named]]}


def test_the_schedule_may_send_to_its_queue_and_to_its_dead_letters_and_nobody_else_takes_on_its_role(
    resources: Json,
) -> None:
    (statement,) = [one for name, one in identity_statements(resources) if name == "SweepScheduleRole"]
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == [arn("SweepQueue"), arn("SweepScheduleDeadLetterQueue")]
    (trust,) = of_type(resources, "IAM::Role")["SweepScheduleRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_provider_keys_may_be_read_below_the_prefix_and_only_if_they_lie_there(source: Json, resources: Json) -> None:
    readers = {
        name
        for name, role in of_type(resources, "IAM::Role").items()
        if {"Ref": "FunctionsPolicy"} in role.get("ManagedPolicyArns", [])
    }
    assert readers == {named_by(function["Role"]) for function in of_type(resources, "Lambda::Function").values()}
    ((owner, statement),) = [
        one for one in identity_statements(resources) if "secretsmanager:GetSecretValue" in as_list(one[1]["Action"])
    ]
    assert owner == "FunctionsPolicy"
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == SECRETS_UNDER_THE_PREFIX
    parameters = {"CredentialsSource": "env"}
    elsewhere = decided(transform(source, parameters), source, parameters)["Resources"]
    assert "GetSecretValue" not in text([one for _, one in identity_statements(elsewhere)])


def test_a_queue_lets_only_its_own_rule_send_to_it(resources: Json) -> None:
    allowed = [
        (owner, statement) for owner, statement in resource_statements(resources) if statement["Effect"] == "Allow"
    ]
    wanted = set()
    for rule, target in rule_targets(resources):
        wanted |= {(named_by(target["Arn"]), rule), (named_by(target["DeadLetterConfig"]["Arn"]), rule)}
    found = set()
    for owner, statement in allowed:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == arn(owner)
        assert set(statement["Condition"]) == {"ArnEquals"}
        found |= {(owner, named_by(rule)) for rule in as_list(statement["Condition"]["ArnEquals"]["aws:SourceArn"])}
    assert found == wanted


def test_every_queue_and_topic_refuses_what_does_not_come_over_tls(resources: Json) -> None:
    refused = set()
    for owner, statement in resource_statements(resources):
        if statement["Effect"] == "Deny":
            assert statement["Principal"] == "*"
            # At a queue "*" is the queue itself.
            assert statement["Resource"] in (arn(owner), {"Ref": owner}, "*")
            assert statement["Action"] in ("sqs:*", "sns:Publish")
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            refused.add(owner)
    assert refused == {*of_type(resources, "SQS::Queue"), *of_type(resources, "SNS::Topic")}
