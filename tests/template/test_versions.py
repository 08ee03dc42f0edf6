"""A version keeps what it was published with and the alias points at one, so what changes has to publish another."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.template.reading import EVERYTHING, function_of, of_type, references, transform

Json = dict[str, Any]

# Parameters that Lambda honours for a function whichever version is invoked.
NOT_VERSIONED = {"ReservedConcurrency"}

# Another value than the default, where the first letter or the next number will not do.
OTHERS = EVERYTHING | {
    "AllowedAccounts": "default",
    "AllowedRegions": "cn-north-1",
    "AllowedTypes": "vm",
    "CredentialsSource": "env",
    "Endpoints": "jdcloud.resourcetag=https://example.com",
    "ResourcesPerCall": "jdcloud.resourcetag=100",
    "Accounts": "huaweicloud/domain=default",
    "DryRun": "on",
    "ReadFirst": "off",
    "Rate": "1",
    "MaxAge": "1h",
    "LogLevel": "DEBUG",
    "NotificationTopicArn": "arn:aws:sns:eu-west-1:123456789012:company",
    "WorkQueueArn": "arn:aws:sqs:eu-west-1:123456789012:company",
}


def published(source: Json, parameters: Json) -> Json:
    """The three versions as CloudFormation gets them: by logical id, with what replaces one."""
    return of_type(transform(source, parameters)["Resources"], "Lambda::Version")


def depends_on(source: Json) -> set[str]:
    """The parameters that any property of a function depends on, by a Ref, by a Sub, or by a condition."""
    conditions = source["Conditions"]

    def below(node: Any) -> set[str]:
        found = set(references(node)) & set(source["Parameters"])
        if isinstance(node, dict):
            if "Fn::If" in node:
                found |= below(conditions[node["Fn::If"][0]])
            for child in node.values():
                found |= below(child)
        elif isinstance(node, list):
            for child in node:
                found |= below(child)
        return found

    functions = of_type(transform(source, {})["Resources"], "Lambda::Function")
    return below(list(functions.values())) - NOT_VERSIONED


def test_every_parameter_that_a_function_depends_on_publishes_all_three_anew(source: Json) -> None:
    before = published(source, {})
    assert len(before) == 3
    names = depends_on(source)
    assert {"DryRun", "ProtectedKeys", "MaximumConcurrency", "SecretsPrefix", "Tracing", "SnapStart"} <= names
    for name in sorted(names):
        default = source["Parameters"][name]["Default"]
        other = OTHERS.get(name, default + 1 if isinstance(default, int) else "other")
        assert other != default
        after = published(source, {name: other})
        for version, properties in before.items():
            assert after.get(version) != properties, (name, "the alias would go on with the old value")


def test_the_same_parameters_publish_nothing(source: Json) -> None:
    assert published(source, {}) == published(source, {})
    # Not a property of a version.
    assert published(source, {"SweepState": "ENABLED", "LogRetentionDays": 7}) == published(source, {})


@pytest.mark.parametrize("layer", ["UntagLayer", "DependenciesLayer"])
def test_what_is_in_a_layer_publishes_anew(source: Json, layer: str) -> None:
    before, after = copy.deepcopy(source), copy.deepcopy(source)
    for one, key in ((before, "a"), (after, "b")):
        for name in ("UntagLayer", "DependenciesLayer"):
            one["Resources"][name]["Properties"]["ContentUri"] = f"s3://packaged/{key if name == layer else 'same'}"
    old, new = published(before, {}), published(after, {})
    assert all(new.get(version) != properties for version, properties in old.items())


def test_a_functions_own_text_publishes_it_anew(source: Json) -> None:
    changed = copy.deepcopy(source)
    changed["Resources"]["SweepFunction"]["Properties"]["Timeout"] = 600
    old, new = published(source, {}), published(changed, {})
    assert len(set(old) - set(new)) == 1


def test_cloudformation_replaces_a_version_whose_description_changes() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", "AWS::Lambda::Version").schema
    assert "/properties/Description" in schema["createOnlyProperties"]


def test_a_version_that_is_left_is_deleted(resources: Json) -> None:
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Version":
            assert resource["DeletionPolicy"] == "Delete"


def test_mappings_outputs_and_deployments_go_by_the_alias(deployed: Json) -> None:
    resources, outputs = deployed["Resources"], deployed["Outputs"]
    for mapping in of_type(resources, "Lambda::EventSourceMapping").values():
        assert function_of(resources, mapping["FunctionName"])
    assert outputs["RemoveTagsFunctionArn"]["Value"] == {"Ref": "RemoveTagsFunctionAliaslive"}
    for name in ("RemoveTagsFunction", "SweepFunction"):
        assert outputs[f"{name}Name"]["Value"] == {"Fn::Sub": f"${{{name}}}:live"}
