"""What each option adds, and that nothing of it is there without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.reading import (
    DEFAULTS,
    EVERYTHING,
    arn,
    decided,
    function_of,
    named_by,
    of_type,
    statements,
    text,
    transform,
)

Json = dict[str, Any]

FUNCTIONS = ("RemoveTags", "Decommission", "Sweep")
OPTIONAL = {"KMS::Key", "KMS::Alias"}

# Everything in the account whose ARN says so, and nothing of another account's.
STACKS_QUEUES = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-*"}
STACKS_LOGS = {
    "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-*"
}


@pytest.fixture(scope="module")
def off(source: Json) -> Json:
    """What is created with every parameter at its default."""
    return decided(transform(source, DEFAULTS), source, DEFAULTS)["Resources"]


@pytest.fixture(scope="module")
def on(source: Json) -> Json:
    """What is created with every option on."""
    return decided(transform(source, EVERYTHING), source, EVERYTHING)["Resources"]


def shared_statements(resources: Json) -> list[str]:
    """The Sids of what every function may do."""
    return [one["Sid"] for one in statements(of_type(resources, "IAM::ManagedPolicy")["FunctionsPolicy"])]


def created_with(source: Json, **parameters: str) -> Json:
    return decided(transform(source, parameters), source, parameters)["Resources"]


def test_without_an_option_nothing_of_it_is_created(off: Json) -> None:
    for kind in OPTIONAL:
        assert of_type(off, kind) == {}
    assert set(of_type(off, "IAM::ManagedPolicy")) == {"FunctionsPolicy"}
    assert shared_statements(off) == ["Reports", "ProviderKeys"]
    for role in of_type(off, "IAM::Role").values():
        assert "PermissionsBoundary" not in role
        assert role.get("ManagedPolicyArns", []) in ([], [{"Ref": "FunctionsPolicy"}])
    for function in of_type(off, "Lambda::Function").values():
        assert not {"VpcConfig", "KmsKeyArn", "ReservedConcurrentExecutions"} & set(function)
        assert function["SnapStart"] == {"ApplyOn": "None"}
        assert function["TracingConfig"] == {"Mode": "PassThrough"}


# Encryption


def test_without_a_key_queues_are_under_sqs_own_and_nothing_asks_for_kms(off: Json) -> None:
    for queue in of_type(off, "SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue
    assert "kms:" not in text(off)


def test_the_stacks_key_encrypts_every_queue_topic_and_log_group(on: Json) -> None:
    assert set(of_type(on, "KMS::Key")) == {"EncryptionKey"}
    for kind, where in (
        ("SQS::Queue", "KmsMasterKeyId"),
        ("SNS::Topic", "KmsMasterKeyId"),
        ("Logs::LogGroup", "KmsKeyId"),
    ):
        for name, properties in of_type(on, kind).items():
            assert properties[where] == arn("EncryptionKey"), name
            assert "SqsManagedSseEnabled" not in properties, "one kind of encryption at a time"


def test_the_key_is_rotated_and_outlives_the_stack_like_the_letters_that_lie_under_it(on: Json) -> None:
    key = on["EncryptionKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_services_use_the_key_for_this_stacks_queues_and_logs_and_this_accounts_alarms_only(on: Json) -> None:
    first, *others = on["EncryptionKey"]["Properties"]["KeyPolicy"]["Statement"]
    assert first["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    conditions = {text(one["Principal"]["Service"]): one["Condition"] for one in others}
    assert conditions == {
        text(["events.amazonaws.com", "sns.amazonaws.com"]): {
            "ArnLike": {"kms:EncryptionContext:aws:sqs:arn": STACKS_QUEUES}
        },
        text("cloudwatch.amazonaws.com"): {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        text({"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}): {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": STACKS_LOGS}
        },
    }
    for statement in others:
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]


def test_every_queue_and_log_group_is_named_so_that_the_key_policy_covers_it(on: Json) -> None:
    # A queue without a name gets one that begins with the stack's.
    for queue in of_type(on, "SQS::Queue").values():
        assert queue.get("QueueName", {"Fn::Sub": "${AWS::StackName}-"})["Fn::Sub"].startswith("${AWS::StackName}-")
    for group in of_type(on, "Logs::LogGroup").values():
        assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/lambda/${AWS::StackName}-")


def test_roles_use_the_key_by_way_of_queues_and_topic_only(on: Json) -> None:
    (statement,) = statements(of_type(on, "IAM::ManagedPolicy")["KeyPolicy"])
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Resource"] == arn("EncryptionKey")
    assert statement["Condition"] == {
        "StringEquals": {
            "kms:ViaService": [{"Fn::Sub": f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}"} for name in ("sqs", "sns")]
        }
    }


# What roles may do besides


def holders(resources: Json, policy: str) -> set[str]:
    """The roles that a managed policy of the template is attached to."""
    return {
        name
        for name, role in of_type(resources, "IAM::Role").items()
        if {"Ref": policy} in role.get("ManagedPolicyArns", [])
    }


def test_each_option_gives_its_permissions_to_those_who_need_them(on: Json) -> None:
    functions = {f"{name}Role" for name in FUNCTIONS}
    assert {name: holders(on, name) for name in of_type(on, "IAM::ManagedPolicy")} == {
        "FunctionsPolicy": functions,
        "KeyPolicy": functions | {"SweepScheduleRole", "KeptRequestsRole"},
        "NetworkPolicy": functions,
        "AwsWrites": {"RemoveTagsRole"},
    }
    assert shared_statements(on) == ["Reports", "ProviderKeys", "Traces", "AwsTagsAreRead", "AwsRolesOfOtherAccounts"]


@pytest.mark.parametrize(
    ("parameters", "policy"),
    [
        ({"KmsKey": "create"}, "KeyPolicy"),
        ({"VpcSubnetIds": EVERYTHING["VpcSubnetIds"]}, "NetworkPolicy"),
        ({"AwsTags": "on"}, "AwsWrites"),
    ],
)
def test_an_option_brings_its_own_policy_and_no_other(source: Json, parameters: dict[str, str], policy: str) -> None:
    assert set(of_type(created_with(source, **parameters), "IAM::ManagedPolicy")) == {"FunctionsPolicy", policy}


@pytest.mark.parametrize(
    ("parameters", "sid"),
    [
        ({"Tracing": "on"}, "Traces"),
        ({"AwsTags": "on"}, "AwsTagsAreRead"),
        ({"AwsRoleArns": EVERYTHING["AwsRoleArns"]}, "AwsRolesOfOtherAccounts"),
    ],
)
def test_an_option_lets_every_function_do_one_thing_more(source: Json, parameters: dict[str, str], sid: str) -> None:
    assert shared_statements(created_with(source, **parameters)) == ["Reports", "ProviderKeys", sid]


def test_the_boundary_is_on_every_role(on: Json) -> None:
    assert of_type(on, "IAM::Role")
    for name, role in of_type(on, "IAM::Role").items():
        assert role["PermissionsBoundary"] == {"Ref": "PermissionsBoundaryArn"}, name


def test_lambda_makes_the_network_interfaces_and_the_functions_code_may_not(on: Json) -> None:
    allow, deny = statements(of_type(on, "IAM::ManagedPolicy")["NetworkPolicy"])
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert allow["Action"] == deny["Action"]
    function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*"
    assert deny["Condition"] == {"ArnLike": {"lambda:SourceFunctionArn": {"Fn::Sub": function}}}


def test_every_function_stands_in_the_vpc(on: Json) -> None:
    for function in of_type(on, "Lambda::Function").values():
        assert function["VpcConfig"] == {
            "SubnetIds": {"Ref": "VpcSubnetIds"},
            "SecurityGroupIds": {"Ref": "VpcSecurityGroupIds"},
        }


def test_every_function_is_traced_by_lambda_and_may_write_its_traces(on: Json) -> None:
    for function in of_type(on, "Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}
    shared = statements(of_type(on, "IAM::ManagedPolicy")["FunctionsPolicy"])
    (statement,) = [one for one in shared if one["Sid"] == "Traces"]
    assert statement["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


# Start and deployment


def test_snapstart_is_for_published_versions_which_is_what_mappings_invoke(on: Json) -> None:
    for function in of_type(on, "Lambda::Function").values():
        assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
        # Where SnapStart would not work.
        assert not {"EphemeralStorage", "FileSystemConfigs", "PackageType"} & set(function)
    for mapping in of_type(on, "Lambda::EventSourceMapping").values():
        assert function_of(on, mapping["FunctionName"])


def test_concurrency_is_reserved_for_every_function_and_never_below_what_a_mapping_starts(
    on: Json, source: Json
) -> None:
    for function in of_type(on, "Lambda::Function").values():
        assert function["ReservedConcurrentExecutions"] == {"Ref": "ReservedConcurrency"}
    assert source["Parameters"]["MaximumConcurrency"]["MinValue"] == 2


def rollback_alarm(observability: Json, name: str) -> Json:
    """The alarm that the nested application names for a function."""
    alarm = named_by(observability["Outputs"][f"{name}RollbackAlarm"]["Value"])
    return observability["Resources"][alarm]["Properties"]


def test_every_function_is_deployed_by_codedeploy_and_rolled_back_by_an_alarm_of_its_own(
    source: Json, resources: Json, observability: Json
) -> None:
    groups = of_type(resources, "CodeDeploy::DeploymentGroup")
    assert set(groups) == {f"{name}FunctionDeploymentGroup" for name in FUNCTIONS}
    handed_over = source["Resources"]["Observability"]["Properties"]["Parameters"]
    for name in FUNCTIONS:
        group, alias = groups[f"{name}FunctionDeploymentGroup"], resources[f"{name}FunctionAliaslive"]
        assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"] == {
            "Ref": f"{name}FunctionDeploymentGroup"
        }
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert group["ServiceRoleArn"] == arn("DeploymentRole")
        (watching,) = group["AlarmConfiguration"]["Alarms"]
        assert watching["Name"] == {"Fn::GetAtt": ["Observability", f"Outputs.{name}RollbackAlarm"]}
        alarm = rollback_alarm(observability, name)
        dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        assert handed_over[f"{name}Function"] == {"Ref": f"{name}Function"}
        assert dimensions == {
            "FunctionName": {"Ref": f"{name}Function"},
            "Resource": {"Fn::Sub": f"${{{name}Function}}:live"},
        }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_alarm_that_rolls_back_sees_one_error_within_the_shortest_canary(observability: Json, name: str) -> None:
    alarm = rollback_alarm(observability, name)
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 60
    assert alarm["TreatMissingData"] == "notBreaching", "a function that is not invoked does not fail"


def test_a_deployment_may_move_this_stacks_aliases_and_read_alarms(resources: Json) -> None:
    role = of_type(resources, "IAM::Role")["DeploymentRole"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    aliases, alarms = statements(role["Policies"][0])
    assert aliases["Action"] == ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
    assert {text(one) for one in aliases["Resource"]} == {
        text(one)
        for name in FUNCTIONS
        for one in (arn(f"{name}Function"), {"Fn::Sub": f"${{{name}Function.Arn}}:live"})
    }
    assert alarms["Action"] == "cloudwatch:DescribeAlarms"
