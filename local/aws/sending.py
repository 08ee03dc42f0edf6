"""What goes into a stack: messages to the queue that is meant, events to the bus."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from local.aws import missing, routing
from local.errors import FAILED, LocalError
from local.shapes import Sent

if TYPE_CHECKING:
    from local.aws.services import Aws
    from local.template import Template


class Sender:
    """Sends to the queues and the bus of one template. `queues` are names by logical id; `work_queue` is a name."""

    def __init__(
        self, aws: "Aws", template: "Template", queues: Mapping[str, str], work_queue: Callable[[], str]
    ) -> None:
        self._aws = aws
        self._template = template
        self._queues = queues
        self._work_queue = work_queue

    def send(self, content: Any, queue: str | None = None) -> list[Sent]:
        """Sends an event where its shape belongs; `queue` (a logical id) decides where messages go."""
        return [
            self._put_event(item) if isinstance(item, routing.BusEvent) else self.send_message(item, queue)
            for item in routing.route(content)
        ]

    def send_message(self, message: routing.QueueMessage, queue: str | None = None) -> Sent:
        """Sends one message to a queue by its logical id, else the one that it names, else the work queue."""
        from moto.sqs.exceptions import QueueDoesNotExist, SQSException  # noqa: PLC0415

        by_shape = self._queues.get(message.queue)
        name = self.name_of(queue) if queue else self._by_arn(message.arn) or by_shape or self._work_queue()
        try:
            message_sent = self._aws.queues.send_message(name, message.body, dict(message.attributes))
        except QueueDoesNotExist:
            raise LocalError(f"there is no queue {name} any more", missing.HINT, status=FAILED) from None
        except SQSException as error:
            hint = "SQS takes 1 MiB, ten attributes and no control characters"
            raise LocalError(f"{name} does not take the message: {error}", hint) from None
        return Sent("queue", name, (message_sent.id,))

    def name_of(self, logical_id: str) -> str:
        """A queue's name; LocalError where there is no such queue."""
        if logical_id not in self._queues:
            raise LocalError(f"there is no queue {logical_id}", f"there is {', '.join(self._queues)}")
        return self._queues[logical_id]

    def _put_event(self, event: routing.BusEvent) -> Sent:
        from moto.events.exceptions import ResourceNotFoundException, ValidationException  # noqa: PLC0415

        buses = self._template.of_type("AWS::Events::EventBus")
        if len(buses) > 1:
            raise LocalError(f"the template has {len(buses)} buses", "an event can be sent where there is just one")
        bus = self._template.resolver.name(buses[0]) if buses else "default"
        try:
            (answer,) = self._aws.events.put_events([{**event.entry, "EventBusName": bus}])
        except ResourceNotFoundException:
            raise LocalError(f"there is no bus {bus} any more", missing.HINT, status=FAILED) from None
        except ValidationException as error:
            raise LocalError(f"the bus does not take the event: {error.message}") from None
        if "EventId" not in answer:
            raise LocalError(f"the bus does not take the event: {answer['ErrorMessage']}")
        return Sent("bus", bus, (str(answer["EventId"]),))

    def _by_arn(self, arn: str) -> str | None:
        """The queue that a record says it came from: by its name, or by its logical id at the end of it."""
        given = arn.rpartition(":")[2]
        for logical_id, name in self._queues.items():
            if given and (given in {name, logical_id} or given.endswith(f"-{logical_id}")):
                return name
        return None
