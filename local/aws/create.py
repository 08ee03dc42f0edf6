"""Creates what a template has of queues, topics, buses, rules and secrets.

What AWS refuses or never delivers, and moto lets pass, is refused here with the resource's name.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from local.errors import TemplateError

if TYPE_CHECKING:
    from local.aws import Aws
    from local.template import Template

_TARGET_FIELDS = frozenset({"Id", "Arn", "InputTransformer", "DeadLetterConfig", "RetryPolicy"})


def create(aws: "Aws", template: "Template") -> None:
    """Creates it all, in an order that each can find what it refers to."""
    _create_queues(aws, template)
    _create_topics(aws, template)
    _create_buses(aws, template)
    _create_rules(aws, template)
    _create_policies(aws, template)
    _create_subscriptions(aws, template)
    _create_secrets(aws, template)
    _create_schedules(aws, template)


def _create_queues(aws: "Aws", template: "Template") -> None:
    from moto.sqs.exceptions import SQSException  # noqa: PLC0415

    redrives: dict[str, Mapping[str, Any]] = {}
    allowances: dict[str, Mapping[str, Any]] = {}
    for logical_id in template.of_type("AWS::SQS::Queue"):
        properties = template.properties(logical_id)
        name = template.resolver.name(logical_id)
        properties.pop("QueueName", None)
        tags = {tag["Key"]: tag["Value"] for tag in properties.pop("Tags", [])}
        if "RedrivePolicy" in properties:
            redrives[name] = properties.pop("RedrivePolicy")
        if "RedriveAllowPolicy" in properties:
            allowances[template.resolver.attribute(logical_id, "Arn")] = properties.pop("RedriveAllowPolicy")
        try:
            aws.queues.create_queue(name, tags, **{key: _text(value) for key, value in properties.items()})
        except SQSException as error:
            raise TemplateError(f"{logical_id} cannot be created: {error}") from None
    # A dead-letter queue may stand after its source in the template.
    for name, redrive in redrives.items():
        source = aws.queues.get_queue(name).queue_arn
        _check_redrive(source, redrive, allowances.get(redrive.get("deadLetterTargetArn", ""), {}))
        aws.queues.set_queue_attributes(name, {"RedrivePolicy": json.dumps(redrive)})


def _check_redrive(source: str, redrive: Mapping[str, Any], allowance: Mapping[str, Any]) -> None:
    """What SQS refuses and moto does not: a dead-letter queue that does not allow this source."""
    permission = allowance.get("redrivePermission", "allowAll")
    if permission == "denyAll" or (permission == "byQueue" and source not in allowance.get("sourceQueueArns", [])):
        raise TemplateError(f"{redrive.get('deadLetterTargetArn')} does not allow {source} to use it for dead letters")


def _create_topics(aws: "Aws", template: "Template") -> None:
    for logical_id in template.of_type("AWS::SNS::Topic"):
        aws.topics.create_topic(template.resolver.name(logical_id), {})


def _create_buses(aws: "Aws", template: "Template") -> None:
    for logical_id in template.of_type("AWS::Events::EventBus"):
        aws.events.create_event_bus(template.resolver.name(logical_id))


def _create_rules(aws: "Aws", template: "Template") -> None:
    policies = _queue_policies(template)
    created = {template.resolver.attribute(queue, "Arn") for queue in template.of_type("AWS::SQS::Queue")}
    buses = {"default", *map(template.resolver.name, template.of_type("AWS::Events::EventBus"))}
    for logical_id in template.of_type("AWS::Events::Rule"):
        properties = template.properties(logical_id)
        if "EventPattern" not in properties:
            raise TemplateError(f"{logical_id} is a schedule; the local stack has no clock of its own")
        bus = properties.get("EventBusName", "default")
        if bus not in buses:
            raise TemplateError(f"{logical_id} stands on the bus {bus}, which the template does not create")
        name = template.resolver.name(logical_id)
        aws.events.put_rule(
            name,
            event_bus_arn=bus,
            event_pattern=json.dumps(properties["EventPattern"]),
            state=properties.get("State", "ENABLED"),
        )
        # moto delivers for a rule that is switched off, too.
        targets = properties.get("Targets", []) if properties.get("State") != "DISABLED" else []
        for target in targets:
            unknown = sorted(set(target) - _TARGET_FIELDS)
            if unknown:
                raise TemplateError(f"{logical_id} has a target with {', '.join(unknown)}, not known here")
            queues = [target["Arn"], target.get("DeadLetterConfig", {}).get("Arn", target["Arn"])]
            for queue in queues:
                if ":sqs:" not in queue:
                    raise TemplateError(f"{logical_id} has a target that is no queue, which is not known here: {queue}")
                if queue not in created:
                    raise TemplateError(f"{logical_id} sends to {queue}, which the template does not create")
                rule = template.resolver.attribute(logical_id, "Arn")
                if not _may_send(policies.get(queue, []), rule):
                    raise TemplateError(
                        f"{logical_id} may not send to {queue}",
                        "the queue's policy has to allow events.amazonaws.com sqs:SendMessage for this rule",
                    )
        aws.events.put_targets(name, bus, targets)


def _queue_policies(template: "Template") -> dict[str, list[Mapping[str, Any]]]:
    """The statements of every queue policy, by the queue's ARN."""
    arns = {
        template.resolver.ref(logical_id): template.resolver.attribute(logical_id, "Arn")
        for logical_id in template.of_type("AWS::SQS::Queue")
    }
    statements: dict[str, list[Mapping[str, Any]]] = {}
    for logical_id in template.of_type("AWS::SQS::QueuePolicy"):
        properties = template.properties(logical_id)
        for url in properties["Queues"]:
            statements.setdefault(arns[url], []).extend(properties["PolicyDocument"]["Statement"])
    return statements


def _may_send(statements: list[Mapping[str, Any]], rule: str) -> bool:
    """Whether a queue policy lets EventBridge send for this rule.

    On AWS a rule without that permission matches, and its events vanish; moto delivers all the same.
    """
    for statement in statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, Mapping) else []
        actions = statement.get("Action", [])
        if (
            statement.get("Effect") == "Allow"
            and "events.amazonaws.com" in _listed(services)
            and {"sqs:sendmessage", "sqs:*"}.intersection(action.lower() for action in _listed(actions))
            and _rule_matches(statement.get("Condition", {}), rule)
        ):
            return True
    return False


def _rule_matches(condition: Mapping[str, Mapping[str, Any]], rule: str) -> bool:
    return all(
        any(fnmatchcase(rule, pattern) for pattern in _listed(patterns))
        for operator, keys in condition.items()
        for key, patterns in keys.items()
        if key.lower() == "aws:sourcearn" and operator in {"ArnEquals", "ArnLike", "StringEquals", "StringLike"}
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _create_policies(aws: "Aws", template: "Template") -> None:
    for logical_id in template.of_type("AWS::SQS::QueuePolicy"):
        properties = template.properties(logical_id)
        for url in properties["Queues"]:
            aws.queues.set_queue_attributes(
                url.rpartition("/")[2], {"Policy": json.dumps(properties["PolicyDocument"])}
            )
    for logical_id in template.of_type("AWS::SNS::TopicPolicy"):
        properties = template.properties(logical_id)
        for arn in properties["Topics"]:
            aws.topics.get_topic(arn).policy = json.dumps(properties["PolicyDocument"])


def _create_subscriptions(aws: "Aws", template: "Template") -> None:
    for logical_id in template.of_type("AWS::SNS::Subscription"):
        properties = template.properties(logical_id)
        if properties["Protocol"] != "sqs":
            raise TemplateError(f"{logical_id} delivers by {properties['Protocol']}, which is not known here")
        subscription = aws.topics.subscribe(properties["TopicArn"], properties["Endpoint"], "sqs")
        if properties.get("RawMessageDelivery"):
            aws.topics.set_subscription_attributes(subscription.arn, "RawMessageDelivery", value=True)
        if "FilterPolicyScope" in properties:
            aws.topics.set_subscription_attributes(
                subscription.arn, "FilterPolicyScope", properties["FilterPolicyScope"]
            )
        if "FilterPolicy" in properties:
            aws.topics.set_subscription_attributes(
                subscription.arn, "FilterPolicy", json.dumps(properties["FilterPolicy"])
            )


def _create_secrets(aws: "Aws", template: "Template") -> None:
    for logical_id in template.of_type("AWS::SecretsManager::Secret"):
        properties = template.properties(logical_id)
        aws.put_secret(template.resolver.name(logical_id), properties.get("SecretString", "{}"))


def _create_schedules(aws: "Aws", template: "Template") -> None:
    """The groups, and the template's own schedules, as they can be read. What fires these is the stack's clock."""
    for logical_id in template.of_type("AWS::Scheduler::ScheduleGroup"):
        aws.scheduler.create_schedule_group(template.resolver.name(logical_id), [])
    for logical_id in template.of_type("AWS::Scheduler::Schedule"):
        properties = template.properties(logical_id)
        aws.scheduler.create_schedule(
            description=properties.get("Description", ""),
            end_date="",
            flexible_time_window=properties["FlexibleTimeWindow"],
            group_name="default",
            kms_key_arn="",
            name=template.resolver.name(logical_id),
            schedule_expression=properties["ScheduleExpression"],
            schedule_expression_timezone=properties.get("ScheduleExpressionTimezone", "UTC"),
            start_date=None,  # type: ignore[arg-type]
            state=properties.get("State", "ENABLED"),
            target=properties["Target"],
            action_after_completion=None,
        )


def _text(value: Any) -> Any:
    """A property as an attribute: SQS takes only text, and JSON for what is not."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, Mapping | list) else str(value)
