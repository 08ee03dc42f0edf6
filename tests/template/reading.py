"""Small readers of a transformed template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


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
