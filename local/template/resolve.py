"""CloudFormation's intrinsic functions, resolved for one stack on this machine.

It knows the functions that it knows and refuses the rest by name: a value that is silently wrong would make
the local stack differ from the deployed one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.errors import TemplateError

# Every ARN and URL of the local stack carries this account number; it is the one that moto answers for.
ACCOUNT = "123456789012"
PARTITION = "aws"

_NO_VALUE = object()
_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Kind:
    """How a resource type is named, and what `Ref` and `GetAtt` answer for it.

    The texts are formats over `name`, `region`, `account`, `partition`, for a rule `bus`, and for what belongs to a
    function `function`.
    """

    name_property: str | None
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)


def _arn(service: str, resource: str) -> str:
    return f"arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}"


_LAMBDA = _arn("lambda", "function:{name}")
_LAYER = _arn("lambda", "layer:{name}:1")
_SECRET = _arn("secretsmanager", "secret:{name}-local1")
_TOPIC = _arn("sns", "{name}")

# What `Ref` and `GetAtt` answer, as the resource reference of CloudFormation has it.
KINDS: Mapping[str, Kind] = {
    "AWS::SQS::Queue": Kind(
        "QueueName",
        "https://sqs.{region}.amazonaws.com/{account}/{name}",
        {
            "Arn": _arn("sqs", "{name}"),
            "QueueName": "{name}",
            "QueueUrl": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        },
    ),
    "AWS::SNS::Topic": Kind("TopicName", _TOPIC, {"TopicArn": _TOPIC, "TopicName": "{name}"}),
    "AWS::Events::EventBus": Kind("Name", attributes={"Arn": _arn("events", "event-bus/{name}"), "Name": "{name}"}),
    "AWS::Events::Rule": Kind("Name", attributes={"Arn": _arn("events", "rule/{bus}{name}")}),
    "AWS::Lambda::Function": Kind("FunctionName", attributes={"Arn": _LAMBDA}),
    "AWS::Lambda::Alias": Kind("Name", _arn("lambda", "function:{function}:{name}")),
    "AWS::Lambda::Version": Kind(None, _arn("lambda", "function:{function}:1"), {"Version": "1"}),
    "AWS::Lambda::LayerVersion": Kind("LayerName", _LAYER, {"LayerVersionArn": _LAYER}),
    "AWS::Lambda::EventSourceMapping": Kind(None, attributes={"Id": "{name}"}),
    "AWS::Scheduler::Schedule": Kind("Name", attributes={"Arn": _arn("scheduler", "schedule/default/{name}")}),
    "AWS::Scheduler::ScheduleGroup": Kind("Name", attributes={"Arn": _arn("scheduler", "schedule-group/{name}")}),
    "AWS::SecretsManager::Secret": Kind("Name", _SECRET, {"Id": _SECRET}),
    "AWS::Logs::LogGroup": Kind("LogGroupName", attributes={"Arn": _arn("logs", "log-group:{name}:*")}),
    "AWS::IAM::Role": Kind(
        "RoleName",
        attributes={"Arn": "arn:{partition}:iam::{account}:role/{name}", "RoleId": "AROALOCAL{name}"},
    ),
    "AWS::KMS::Key": Kind(None, attributes={"Arn": _arn("kms", "key/{name}"), "KeyId": "{name}"}),
    "AWS::CloudWatch::Alarm": Kind("AlarmName", attributes={"Arn": _arn("cloudwatch", "alarm:{name}")}),
    "AWS::CloudWatch::Dashboard": Kind("DashboardName"),
}


class Resolver:
    """Resolves values of one template for one stack name, region and set of parameter values."""

    def __init__(self, template: Mapping[str, Any], *, stack: str, region: str, parameters: Mapping[str, Any]) -> None:
        self._resources: Mapping[str, Any] = template.get("Resources", {})
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._parameters = parameters
        self._stack = stack
        self.outputs_of: dict[str, Mapping[str, Any]] = {}
        """The outputs of nested applications, by logical id; whoever reads the template fills it."""
        self._pseudo: Mapping[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": PARTITION,
            "AWS::Region": region,
            "AWS::StackId": f"arn:{PARTITION}:cloudformation:{region}:{ACCOUNT}:stack/{stack}/local",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self.ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::Equals": lambda sides: self.value(sides[0]) == self.value(sides[1]),
            "Fn::Not": lambda terms: not self.value(terms[0]),
            "Fn::And": lambda terms: all(self.value(term) for term in terms),
            "Fn::Or": lambda terms: any(self.value(term) for term in terms),
            "Fn::FindInMap": self._find_in_map,
        }

    def value(self, node: Any) -> Any:
        """The node with every intrinsic function in it replaced by its value."""
        if isinstance(node, Mapping):
            if len(node) == 1:
                ((key, argument),) = node.items()
                if key in self._functions:
                    return self._functions[key](argument)
                if key.startswith("Fn::"):
                    raise TemplateError(f"the template uses {key}, which the local stack cannot resolve")
            resolved = {key: self.value(child) for key, child in node.items()}
            return {key: child for key, child in resolved.items() if child is not _NO_VALUE}
        if isinstance(node, list):
            return [child for child in map(self.value, node) if child is not _NO_VALUE]
        if isinstance(node, str) and "{{resolve:" in node:
            raise TemplateError(f"the template uses a dynamic reference that cannot be resolved here: {node}")
        return node

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The resolved properties of a resource."""
        resolved: dict[str, Any] = self.value(self._resource(logical_id).get("Properties", {}))
        return resolved

    def condition(self, name: str) -> bool:
        """Whether a named condition holds."""
        if name not in self._conditions:
            raise TemplateError(f"the template names a condition that it does not define: {name}")
        return bool(self.value(self._conditions[name]))

    def ref(self, name: str) -> Any:
        """What `Ref` answers: a parameter's value, a pseudo parameter, or a resource's own reference."""
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._format(name, self._kind(name).ref)

    def attribute(self, logical_id: str, attribute: str) -> str:
        """What `GetAtt` answers."""
        if attribute.startswith("Outputs.") and logical_id in self.outputs_of:
            output = attribute.removeprefix("Outputs.")
            if output not in self.outputs_of[logical_id]:
                raise TemplateError(f"{logical_id} has no output {output}")
            return str(self.outputs_of[logical_id][output])
        attributes = self._kind(logical_id).attributes
        if attribute not in attributes:
            kind = self._resource(logical_id)["Type"]
            raise TemplateError(f"the local stack does not know attribute {attribute} of {logical_id} ({kind})")
        return self._format(logical_id, attributes[attribute])

    def name(self, logical_id: str) -> str:
        """A resource's physical name: the one that the template gives, else `<stack>-<LogicalId>`."""
        name_property = self._kind(logical_id).name_property
        given = self._resource(logical_id).get("Properties", {}).get(name_property) if name_property else None
        resolved = self.value(given) if given is not None else _NO_VALUE
        return f"{self._stack}-{logical_id}" if resolved is _NO_VALUE else str(resolved)

    def _resource(self, logical_id: str) -> Mapping[str, Any]:
        if logical_id not in self._resources:
            raise TemplateError(f"the template refers to {logical_id}, which it does not define")
        resource: Mapping[str, Any] = self._resources[logical_id]
        return resource

    def _kind(self, logical_id: str) -> Kind:
        kind = self._resource(logical_id)["Type"]
        if kind not in KINDS:
            raise TemplateError(f"the template refers to {logical_id}, but {kind} cannot be referred to here")
        return KINDS[kind]

    def _format(self, logical_id: str, text: str) -> str:
        bus = function = ""
        if "{function}" in text:
            function = self.properties(logical_id)["FunctionName"]
        if "{bus}" in text:
            # A rule's ARN names its bus, but not the default one.
            given = self.properties(logical_id).get("EventBusName", "default").rpartition("/")[2]
            bus = "" if given == "default" else f"{given}/"
        return text.format(
            name=self.name(logical_id),
            region=self._pseudo["AWS::Region"],
            account=ACCOUNT,
            partition=PARTITION,
            bus=bus,
            function=function,
        )

    def _get_att(self, argument: str | list[Any]) -> str:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attribute(logical_id, self.value(attribute))

    def _sub(self, argument: str | list[Any]) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                return str(self.value(given[name]))
            return str(self._get_att(name) if "." in name else self.ref(name))

        return _SUBSTITUTION.sub(replace, text)

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.value(parts))

    def _select(self, argument: list[Any]) -> Any:
        index, parts = argument
        return self.value(parts)[int(self.value(index))]

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        return str(self.value(text)).split(str(separator))

    def _if(self, argument: list[Any]) -> Any:
        name, then, otherwise = argument
        return self.value(then if self.condition(name) else otherwise)

    def _find_in_map(self, argument: list[Any]) -> Any:
        keys = [self.value(key) for key in argument[:3]]
        try:
            value = self._mappings[keys[0]][keys[1]][keys[2]]
        except KeyError:
            raise TemplateError(f"the template's mappings hold nothing at {'.'.join(map(str, keys))}") from None
        return self.value(value)
