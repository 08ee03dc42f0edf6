"""What of a template's queues, topics, buses and rules has been deleted through AWS's API while the stack is up.

The local stack goes on with what is left, as AWS would, and says what is missing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws import Aws
    from local.template import Template

HINT = "it was deleted while the stack was up: starting the stack again creates it"


def missing(aws: "Aws", template: "Template") -> list[str]:
    """Each resource that is gone, by kind and logical id."""
    resolver = template.resolver
    buses = aws.events.event_buses
    gone = [
        f"queue {logical_id}"
        for logical_id in template.of_type("AWS::SQS::Queue")
        if resolver.name(logical_id) not in aws.queues.queues
    ]
    gone += [
        f"topic {logical_id}"
        for logical_id in template.of_type("AWS::SNS::Topic")
        if resolver.ref(logical_id) not in aws.topics.topics
    ]
    gone += [
        f"bus {logical_id}"
        for logical_id in template.of_type("AWS::Events::EventBus")
        if resolver.name(logical_id) not in buses
    ]
    for logical_id in template.of_type("AWS::Events::Rule"):
        bus = buses.get(template.properties(logical_id).get("EventBusName", "default").rpartition("/")[2])
        if bus is None or resolver.name(logical_id) not in bus.rules:
            gone.append(f"rule {logical_id}")
    return gone
