"""Deliveries to queues that are not there any more, as AWS makes them: moto fails the call that led to them.

SNS has answered its publisher by then, and gives the delivery up. EventBridge sends the event to the target's queue for
dead letters, if it has one (user guide, "Using dead-letter queues to process undelivered events": the attributes and
the code NO_RESOURCE). Nothing here subscribes with a queue for dead letters.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from moto.events.models import Rule
from moto.sns.models import Subscription
from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import sqs_backends


def to_subscriber(deliver: Callable[..., None]) -> Callable[..., None]:
    """Moto's delivery to one subscriber, given up where its queue is gone."""

    @functools.wraps(deliver)
    def publish(self: Subscription, *args: Any, **kwargs: Any) -> None:
        try:
            deliver(self, *args, **kwargs)
        except QueueDoesNotExist:
            return

    return publish


def to_target(deliver: Callable[..., None]) -> Callable[..., None]:
    """Moto's delivery to a rule's queue, or to the queue for what cannot be delivered where it is gone."""

    @functools.wraps(deliver)
    def send(self: Rule, resource_id: str, event: dict[str, Any], group_id: str | None = None) -> None:
        try:
            deliver(self, resource_id, event, group_id)
        except QueueDoesNotExist as error:
            for target in self.targets:
                dead_letter_queue = target.get("DeadLetterConfig", {}).get("Arn", "")
                queues = sqs_backends[self.account_id][self.region_name]
                if target["Arn"].endswith(f":{resource_id}") and dead_letter_queue.rpartition(":")[2] in queues.queues:
                    reason = {
                        "RULE_ARN": self.arn,
                        "TARGET_ARN": target["Arn"],
                        "ERROR_CODE": "NO_RESOURCE",
                        "ERROR_MESSAGE": error.message,
                    }
                    attributes = {
                        name: {"DataType": "String", "StringValue": str(text)} for name, text in reason.items()
                    }
                    queues.send_message(dead_letter_queue.rpartition(":")[2], json.dumps(event), attributes)

    return send
