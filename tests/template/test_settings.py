"""That what the template tells the functions is what they understand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.reading import of_type
from untag.decommission.service import Decommissioner
from untag.hosts.aws import LambdaFunction
from untag.settings import Settings

Json = dict[str, Any]

# What the queues, the topic and the credentials come to in a stack; the rest are parameters.
STACKS_OWN = {
    "UNTAG_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/untag-work",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/untag-DeadLetterQueue-1A2B3C",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:untag-NotificationTopic-1A2B3C",
}


def told(source: Json, resources: Json, **parameters: Any) -> dict[str, str]:
    """The variables of remove_tags with these parameters, and every other at its default."""
    values = {name: parameter["Default"] for name, parameter in source["Parameters"].items()} | parameters
    variables = of_type(resources, "Lambda::Function")["RemoveTagsFunction"]["Environment"]["Variables"]
    from_parameters = {
        name: str(values[value["Ref"]])
        for name, value in variables.items()
        if isinstance(value, dict) and value.get("Ref") in values
    }
    credentials = f"secretsmanager:{values['SecretsPrefix']}"
    return from_parameters | STACKS_OWN | {"UNTAG_CREDENTIALS": credentials}


def test_the_templates_defaults_are_the_codes_defaults(source: Json, resources: Json) -> None:
    deployed = Settings.from_environment(told(source, resources))
    alone = Settings.from_environment(STACKS_OWN)
    # Only these two differ: where the keys lie, and among how many environments the rate is shared.
    assert deployed.credentials == "secretsmanager:untag"
    assert alone._replace(credentials=deployed.credentials, rate=deployed.rate) == deployed


def test_settings_take_the_bounds_and_the_choices_of_every_parameter(source: Json, resources: Json) -> None:
    tried = 0
    for name, parameter in source["Parameters"].items():
        bounds = [parameter[bound] for bound in ("MinValue", "MaxValue") if bound in parameter]
        for value in bounds or parameter.get("AllowedValues", []):
            assert Settings.from_environment(told(source, resources, **{name: value}))
            tried += 1
    assert tried >= 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MaxAge", "36h"),
        ("MaxAge", "999999d"),
        ("Rate", "0.001"),
        ("Rate", "9999.999"),
        ("SecretsPrefix", "platform/untag"),
        ("SecretsPrefix", "p" * 128),
        ("ProtectedKeys", "owner,cost-*,成本"),
    ],
)
def test_settings_take_what_the_patterns_let_through(source: Json, resources: Json, name: str, value: str) -> None:
    assert Settings.from_environment(told(source, resources, **{name: value}))


@pytest.mark.parametrize(
    ("tags", "accounts"),
    [
        ("all", ""),
        ("", ""),
        ("env,cost-*,成本", "huaweicloud/d0ma1n=default,huaweicloud/0162c0f220284698b77a3d264376343a=team_a"),
    ],
)
def test_decommission_takes_what_its_parameters_let_through(
    source: Json, resources: Json, tags: str, accounts: str
) -> None:
    variables = {"AWS_REGION": "eu-west-1", "UNTAG_DECOMMISSION_TAGS": tags, "UNTAG_ACCOUNTS": accounts}
    LambdaFunction(Decommissioner, told(source, resources) | variables).runtime.close()
