"""Small readers of a template: its transform, its conditions, and what stands in it."""

from __future__ import annotations

import copy
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.template.resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The property of a SAM resource that names a folder beside the template.
FOLDERS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}

DEFAULTS: dict[str, str] = {}

# Every option that adds something, with all that there is to create still created.
EVERYTHING = {
    "KmsKey": "create",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "VpcSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "VpcSecurityGroupIds": "sg-0123456789abcdef0",
    "AwsTags": "on",
    "AwsDeletions": "on",
    "AwsRoleArns": "arn:aws:iam::210987654321:role/untag",
    "SnapStart": "on",
    "Tracing": "on",
    "ReservedConcurrency": "10",
    "DeploymentPreference": "Canary10Percent5Minutes",
}

# Everything that can be one's own, is.
BROUGHT = {
    "KmsKey": "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    "EventBusName": "company",
    "NotificationTopicArn": "arn:aws:sns:eu-west-1:123456789012:company",
    "WorkQueueArn": "arn:aws:sqs:eu-west-1:123456789012:company",
}

_DROPPED = object()


def transform(source: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The template after the transform, by the same code that CloudFormation runs."""
    template = copy.deepcopy(dict(source))
    for name, resource in template["Resources"].items():
        folder = FOLDERS.get(resource["Type"])
        if folder is not None and not str(resource["Properties"].get(folder)).startswith("s3://"):
            # The translator takes no folder, only what `sam package` would have put there.
            resource["Properties"][folder] = f"s3://packaged/{name}.zip"
        elif resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = f"https://packaged.s3.eu-west-1.amazonaws.com/{name}.yaml"
    values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | parameters
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    session = boto3.Session(region_name="eu-west-1")
    return Translator({}, Parser(), boto_session=session).translate(template, values)


def decided(template: dict[str, Any], source: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """A transformed template with every condition decided: what is not created is gone, references stay as they are."""
    declared = source["Parameters"]
    values: dict[str, Any] = {name: parameter["Default"] for name, parameter in declared.items()} | parameters
    for name, parameter in declared.items():
        if parameter["Type"] == "CommaDelimitedList":
            values[name] = values[name].split(",")
    resolver = Resolver(template, stack="untag", region="eu-west-1", parameters=values)

    def decide(node: Any) -> Any:
        match node:
            case {"Fn::If": [str(name), then, otherwise]}:
                return decide(then if resolver.condition(name) else otherwise)
            case {"Ref": "AWS::NoValue"}:
                return _DROPPED
            case dict():
                pairs = ((key, decide(child)) for key, child in node.items())
                return {key: child for key, child in pairs if child is not _DROPPED}
            case list():
                return [child for child in map(decide, node) if child is not _DROPPED]
        return node

    return {
        section: {
            name: decide(entry)
            for name, entry in template[section].items()
            if "Condition" not in entry or resolver.condition(entry["Condition"])
        }
        for section in ("Resources", "Outputs")
    }


def of_type(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of one type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def arn(logical_id: str) -> dict[str, list[str]]:
    """How a template says "the ARN of"."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def named_by(value: Any) -> str:
    """The logical id that a Ref or a GetAtt of an ARN speaks of."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), "Arn"]}:
            return name
    raise AssertionError(f"neither a Ref nor an ARN: {value}")


def function_of(resources: dict[str, Any], reference: Any) -> str:
    """The logical id of the function that a mapping invokes: it names an alias."""
    alias = resources[named_by(reference)]
    assert alias["Type"] == "AWS::Lambda::Alias", "what is invoked is a published version"
    return named_by(alias["Properties"]["FunctionName"])


def references(node: Any) -> Iterator[str]:
    """Every name that a Ref, a GetAtt or a Sub below speaks of."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from substituted(text)
        case {"Fn::Sub": [str(text), dict(given)]}:
            yield from (name for name in substituted(text) if name not in given)
            yield from references(given)
        case dict():
            for child in node.values():
                yield from references(child)
        case list():
            for child in node:
                yield from references(child)


def substituted(text: str) -> list[str]:
    """The names in a Sub's text, without an attribute behind them."""
    return [name.partition(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text)]


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    """A policy document's statements."""
    return document["PolicyDocument"]["Statement"]


def rule_targets(resources: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every (rule, target) pair."""
    rules = of_type(resources, "Events::Rule")
    return [(name, target) for name, rule in rules.items() for target in rule["Targets"]]


def schedule_targets(resources: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every (schedule, target) pair."""
    return [(name, schedule["Target"]) for name, schedule in of_type(resources, "Scheduler::Schedule").items()]


def redrives(resources: dict[str, Any]) -> dict[str, str]:
    """The dead-letter queue of each queue that redrives into one."""
    return {
        name: named_by(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for name, queue in of_type(resources, "SQS::Queue").items()
        if "RedrivePolicy" in queue
    }


def intrinsics(node: Any) -> Iterator[str]:
    """The names of all intrinsic functions used anywhere below."""
    if isinstance(node, dict):
        for key, child in node.items():
            if key.startswith("Fn::") or (key in {"Ref", "Condition"} and isinstance(child, str)):
                yield key
            yield from intrinsics(child)
    elif isinstance(node, list):
        for child in node:
            yield from intrinsics(child)


def text(node: Any) -> str:
    """Any node as text, for a look inside."""
    return json.dumps(node, sort_keys=True)
