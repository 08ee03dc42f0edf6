"""What an operator can set, and what the functions are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.template.reading import BROUGHT, DEFAULTS, decided, of_type, text, transform

Json = dict[str, Any]

# The variables that the functions know, as docs/configuration.md lists them.
SETTINGS = {
    *("UNTAG_QUEUE_URL", "UNTAG_DEAD_LETTER_QUEUE_URL", "UNTAG_TOPIC_ARN"),
    *("UNTAG_SWEEP_QUEUE_URL", "UNTAG_DECOMMISSION_TAGS", "UNTAG_ACCOUNTS"),
    *("UNTAG_ENDPOINTS", "UNTAG_RESOURCES_PER_CALL"),
    *("UNTAG_CREDENTIALS", "UNTAG_DRY_RUN", "UNTAG_PROTECTED_KEYS", "UNTAG_MAX_PAIRS"),
    *("UNTAG_ALLOWED_ACCOUNTS", "UNTAG_ALLOWED_REGIONS", "UNTAG_ALLOWED_TYPES", "UNTAG_READ_FIRST"),
    *("UNTAG_MAX_ATTEMPTS", "UNTAG_MAX_AGE", "UNTAG_CONCURRENCY", "UNTAG_RATE", "UNTAG_ENVIRONMENTS"),
    *("UNTAG_SCHEDULE_GROUP", "UNTAG_SCHEDULE_ROLE_ARN"),
}
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}

# Settings that one function alone reads.
SWEEPS = {"UNTAG_SWEEP_QUEUE_URL"}
DECOMMISSIONS = {"UNTAG_DECOMMISSION_TAGS", "UNTAG_ACCOUNTS"}
KEPT = {"UNTAG_SCHEDULE_GROUP", "UNTAG_SCHEDULE_ROLE_ARN"}

# The URL of a queue of one's own.
BROUGHT_QUEUE_URL = {
    "Fn::Sub": [
        "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${Name}",
        {"Name": {"Fn::Select": [5, {"Fn::Split": [":", {"Ref": "WorkQueueArn"}]}]}},
    ]
}

# Lambda's bound for all variables of a function, names and values together.
ENVIRONMENT_LIMIT_BYTES = 4096
# What is left of it for a variable that a later release adds: its name, and a value of a hundred characters.
ROOM_BYTES = 128
# The longest that AWS makes of what is created or brought: a queue's name has 80 characters at most, behind
# "https://sqs.cn-northwest-1.amazonaws.com.cn/ACCOUNT/"; a stack's name is the beginning of "…-decommission".
LONGEST = {
    **{
        text({"Ref": name}): 137
        for name in (
            "WorkQueue",
            "DeadLetterQueue",
            "DecommissionDeadLetterQueue",
            "SweepQueue",
            "SweepDeadLetterQueue",
        )
    },
    text(BROUGHT_QUEUE_URL): 137,
    text({"Ref": "NotificationTopic"}): 160,
    text({"Ref": "KeptRequests"}): 64,
    text({"Fn::GetAtt": ["KeptRequestsRole", "Arn"]}): 110,
    text({"Ref": "AWS::StackName"}): 80 - len("-decommission"),
}


def environments(resources: Json) -> dict[str, Json]:
    """The variables of each function."""
    return {
        name: function["Environment"]["Variables"] for name, function in of_type(resources, "Lambda::Function").items()
    }


def accepts(parameter: Json, value: Any) -> bool:
    """Whether CloudFormation would take the value."""
    if "AllowedValues" in parameter and value not in parameter["AllowedValues"]:
        return False
    # CloudFormation holds each part of a list to the pattern.
    parts = value.split(",") if parameter.get("Type") == "CommaDelimitedList" else [value]
    if "AllowedPattern" in parameter and not all(re.fullmatch(parameter["AllowedPattern"], part) for part in parts):
        return False
    if len(str(value)) > parameter.get("MaxLength", 4096):
        return False
    return parameter.get("Type") != "Number" or (
        parameter.get("MinValue", value) <= value <= parameter.get("MaxValue", value)
    )


# Parameters


def test_every_parameter_has_bounds_a_default_and_a_description(source: Json) -> None:
    for name, parameter in source["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        if "AllowedValues" not in parameter:
            bounds = {
                "Number": {"MinValue", "MaxValue"},
                "String": {"AllowedPattern", "MaxLength"},
                "CommaDelimitedList": {"AllowedPattern"},
            }
            assert bounds[parameter["Type"]] <= set(parameter), name


def test_every_default_keeps_to_its_own_bounds(source: Json) -> None:
    for name, parameter in source["Parameters"].items():
        assert accepts(parameter, parameter["Default"]), name


def test_every_parameter_is_used_and_stands_in_one_group(source: Json) -> None:
    used = text([source["Resources"], source["Globals"], source["Conditions"]])
    for name in source["Parameters"]:
        assert f'"Ref": "{name}"' in used or f"${{{name}}}" in used, name
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    labels = [group["Label"]["default"] for group in groups]
    assert sorted(set(labels)) == sorted(labels)
    assert all(labels)
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(source["Parameters"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Endpoints", "jdcloud.resourcetag=https://resourcetag.internal.cn-north-1.jdcloud-api.com"),
        ("Endpoints", "jdcloud.resourcetag=http://127.0.0.1:8080,huaweicloud.config=https://rms.myhuaweicloud.com"),
        ("Endpoints", "gcp=http://127.0.0.1:8080"),
        ("ResourcesPerCall", "jdcloud.resourcetag=100,huaweicloud.tms=50"),
        ("SecretsPrefix", "platform/untag"),
        ("AllowedRegions", "cn-north-1,cn-all"),
        ("AllowedTypes", "vm,config:configurationAggregators"),
        ("AllowedAccounts", "default,team_a"),
        ("ProtectedKeys", "owner,cost-*,成本"),
        ("Rate", "0.5"),
        ("Rate", "20"),
        ("MaxAge", "36h"),
        ("MaxAge", "86400"),
        ("DecommissionTags", "env,cost-*,成本"),
        ("SweepRules", '[{"name": "tmp", "provider": "jdcloud"}]'),
        ("SweepRules", "s3://sweep-rules/team-a/rules.json"),
        ("SweepScheduleExpression", "cron(0/30 3 ? * MON-FRI 2026-2030)"),
        ("SweepScheduleExpression", "rate(7 days)"),
        ("SweepScheduleExpression", "at(2026-12-01T03:00:00)"),
        ("SweepTimeZone", "Asia/Shanghai"),
        ("SweepTimeZone", "America/Argentina/Buenos_Aires"),
        ("Accounts", "huaweicloud/00000000000000000000000000d0ma1n=default"),
        (
            "Accounts",
            "huaweicloud/0162c0f220284698b77a3d264376343a=default,huaweicloud/b2b3853af40448fcb9e40dxj89505ba=team_a",
        ),
        ("Accounts", "aws/123456789012=default,azure/0f5e1a2b-0000-4000-8000-123456789abc=team_a"),
        ("KmsKey", "create"),
        ("KmsKey", "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"),
        ("KmsKey", "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef"),
        ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:policy/platform/boundary"),
        ("EventBusName", "default"),
        ("EventBusName", "aws.partner/example.com/tags"),
        ("NotificationTopicArn", "arn:aws-cn:sns:cn-north-1:123456789012:reports"),
        ("WorkQueueArn", "arn:aws:sqs:eu-west-1:123456789012:removals"),
        ("VpcSubnetIds", "subnet-0123456789abcdef0,subnet-01234567"),
        ("VpcSecurityGroupIds", "sg-0123456789abcdef0"),
        ("ReservedConcurrency", "10"),
    ],
)
def test_a_parameter_takes_what_an_operator_would_give(source: Json, name: str, value: str) -> None:
    assert accepts(source["Parameters"][name], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # No path, no query, no user: none of them belongs to an endpoint.
        ("Endpoints", "jdcloud.resourcetag=https://example.com/path"),
        ("Endpoints", "jdcloud.resourcetag=https://user@example.com"),
        ("Endpoints", "huaweicloud.config=http://rms.myhuaweicloud.com"),
        ("Endpoints", "huaweicloud.config=rms.myhuaweicloud.com"),
        ("Endpoints", "huaweicloud.config=https://rms.myhuaweicloud.com,"),
        ("Endpoints", "https://rms.myhuaweicloud.com"),
        ("ResourcesPerCall", "50"),
        ("ResourcesPerCall", "huaweicloud.tms=0"),
        ("ResourcesPerCall", "huaweicloud.tms=20;jdcloud.resourcetag=50"),
        # The prefix stands inside an IAM resource.
        ("SecretsPrefix", "*"),
        ("SecretsPrefix", "untag/"),
        ("SecretsPrefix", ""),
        ("SecretsPrefix", "unt?g"),
        ("AllowedRegions", "cn-north-1, cn-east-2"),
        ("AllowedAccounts", "default,"),
        ("Rate", "0"),
        ("Rate", "0.0"),
        ("Rate", "fast"),
        ("MaxAge", "0"),
        ("MaxAge", "24 hours"),
        ("SweepRules", "{}"),
        ("SweepRules", "s3://sweep-rules"),
        ("SweepRules", "s3://sweep-rules/*"),
        ("SweepRules", "s3://sweep-rules/../rules.json"),
        ("SweepRules", "[\n]"),
        ("SweepRules", ""),
        ("SweepScheduleExpression", "0 3 * * *"),
        ("SweepScheduleExpression", "cron()"),
        ("SweepTimeZone", "../etc"),
        ("SweepTimeZone", ""),
        ("SweepWindowMinutes", 0),
        ("Accounts", "default"),
        ("Accounts", "d0ma1n=default"),
        ("Accounts", "huaweicloud=default"),
        ("Accounts", "huaweicloud/=default"),
        ("Accounts", "huaweicloud/d0ma1n="),
        ("Accounts", "huaweicloud/d0ma1n=default, huaweicloud/other=default"),
        ("Accounts", "huaweicloud/d0ma1n=default,"),
        # An alias names another key tomorrow, and no IAM statement can name it.
        ("KmsKey", "alias/untag"),
        ("KmsKey", "alias/aws/sqs"),
        ("KmsKey", "yes"),
        ("PermissionsBoundaryArn", "boundary"),
        ("EventBusName", "arn:aws:events:eu-west-1:123456789012:event-bus/company"),
        ("NotificationTopicArn", "reports"),
        ("NotificationTopicArn", "arn:aws:sns:eu-west-1:123456789012:reports.fifo"),
        ("WorkQueueArn", "https://sqs.eu-west-1.amazonaws.com/123456789012/removals"),
        ("WorkQueueArn", "arn:aws:sqs:eu-west-1:123456789012:removals.fifo"),
        ("VpcSubnetIds", "subnet-0123456789abcdef0;subnet-01234567"),
        ("VpcSecurityGroupIds", "sg-0123456789abcdef0,default"),
        # None at all would throttle every message into the dead letters.
        ("ReservedConcurrency", "0"),
        ("ReservedConcurrency", "1"),
        ("SnapStart", "true"),
        ("DeploymentPreference", "Canary10Percent5Minute"),
        ("DryRun", "maybe"),
        ("MaximumConcurrency", 1),
        ("BatchingWindow", 0),
    ],
)
def test_a_parameter_refuses_what_would_go_wrong_later(source: Json, name: str, value: Any) -> None:
    assert not accepts(source["Parameters"][name], value)


# Environment


def test_every_variable_is_one_that_the_functions_know(resources: Json) -> None:
    for variables in environments(resources).values():
        assert set(variables) <= SETTINGS | POWERTOOLS


def test_remove_tags_is_given_every_setting_that_it_reads(resources: Json) -> None:
    assert set(environments(resources)["RemoveTagsFunction"]) == SETTINGS - SWEEPS - DECOMMISSIONS | POWERTOOLS


def test_decommission_is_given_every_setting_that_it_reads(resources: Json) -> None:
    assert set(environments(resources)["DecommissionFunction"]) == SETTINGS - SWEEPS - KEPT | POWERTOOLS


def test_sweep_is_given_every_setting_that_it_reads(resources: Json) -> None:
    assert set(environments(resources)["SweepFunction"]) == SETTINGS - DECOMMISSIONS | POWERTOOLS
    assert environments(resources)["SweepFunction"]["UNTAG_SWEEP_QUEUE_URL"] == {"Ref": "SweepQueue"}


def test_a_parameter_bears_the_name_of_the_variable_that_it_sets(resources: Json) -> None:
    for variables in environments(resources).values():
        for name, value in variables.items():
            # The share of the rate is the mapping's bound, and where the keys lie takes two parameters.
            composed = name in {"UNTAG_ENVIRONMENTS", "UNTAG_CREDENTIALS", "UNTAG_TOPIC_ARN"}
            is_queue = name.endswith("_QUEUE_URL")
            if name.startswith("UNTAG_") and not composed and not is_queue and name not in KEPT:
                parameter = "".join(word.capitalize() for word in name.split("_")[1:])
                assert value == {"Ref": parameter}


@pytest.mark.parametrize(
    ("function", "letters"),
    [
        ("RemoveTagsFunction", "DeadLetterQueue"),
        ("DecommissionFunction", "DecommissionDeadLetterQueue"),
        ("SweepFunction", "SweepDeadLetterQueue"),
    ],
)
def test_queue_and_topic_variables_name_this_stacks_own(resources: Json, function: str, letters: str) -> None:
    variables = environments(resources)[function]
    assert variables["UNTAG_QUEUE_URL"] == {"Ref": "WorkQueue"}
    assert variables["UNTAG_DEAD_LETTER_QUEUE_URL"] == {"Ref": letters}
    assert variables["UNTAG_TOPIC_ARN"] == {"Ref": "NotificationTopic"}


def test_credentials_come_from_secrets_unless_an_operator_says_otherwise(source: Json, resources: Json) -> None:
    assert source["Parameters"]["CredentialsSource"]["Default"] == "secretsmanager"
    assert source["Parameters"]["SecretsPrefix"]["Default"] == "untag"
    assert source["Conditions"]["ReadsSecrets"] == {"Fn::Equals": [{"Ref": "CredentialsSource"}, "secretsmanager"]}
    for variables in environments(resources).values():
        assert variables["UNTAG_CREDENTIALS"] == {"Fn::Sub": "secretsmanager:${SecretsPrefix}"}
    shared = source["Globals"]["Function"]["Environment"]["Variables"]
    assert shared["UNTAG_CREDENTIALS"]["Fn::If"][2] == "env"


def test_no_provider_key_passes_through_the_template(source: Json, resources: Json) -> None:
    for variables in environments(resources).values():
        assert not [name for name in variables if name.startswith(("JDCLOUD_", "HUAWEICLOUD_", "AWS_"))]
    sounds_so = [name for name in source["Parameters"] if re.search(r"(?i)key$|token|password|access", name)]
    assert sounds_so == ["KmsKey"], "which is an ARN"


@pytest.mark.parametrize("brought", [DEFAULTS, BROUGHT], ids=["created", "brought"])
def test_the_longest_environment_fits_what_lambda_allows_and_leaves_room_for_another_variable(
    source: Json, brought: dict[str, str]
) -> None:
    resources = decided(transform(source, brought), source, brought)["Resources"]

    def longest(value: Any) -> int:
        match value:
            case {"Ref": str(name)} if name in source["Parameters"]:
                parameter = source["Parameters"][name]
                choices = parameter.get("AllowedValues", [parameter.get("MaxValue", "")])
                return max(parameter.get("MaxLength", 0), *(len(str(choice)) for choice in choices), 0)
            case {"Fn::Sub": "secretsmanager:${SecretsPrefix}"}:
                return len("secretsmanager:") + source["Parameters"]["SecretsPrefix"]["MaxLength"]
            case dict():
                return LONGEST[text(value)]
        return len(str(value))

    for variables in environments(resources).values():
        used = sum(len(name) + longest(value) for name, value in variables.items())
        assert used <= ENVIRONMENT_LIMIT_BYTES - ROOM_BYTES, used
