"""What goes into the stack: each event by the way in that its shape belongs to."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.aws import routing
from local.errors import LocalError
from local.functiongraph.api import ASYNC_BYTES, FunctionGraphServer
from local.functiongraph.bucket import Bucket, StoredObject
from local.functiongraph.deployment import DECOMMISSION, EVENTS_TOPIC, FUNCTIONS, REQUESTS_TOPIC
from local.functiongraph.smn import MESSAGE_BYTES, Published, SmnServer
from local.functiongraph.timers import EVENT_CHARACTERS, TimerTrigger
from local.shapes import Sent

if TYPE_CHECKING:
    from local.functiongraph.api import Functions

QUEUES = tuple(function.queue for function in FUNCTIONS if function.queue)

# What an event's envelope adds to a message at most.
_ENVELOPE_BYTES = 4096


class Sender:
    """A trace of CTS goes by its trigger, rules by the timer; other decommission events and requests by their topics.

    What a topic or a timer does not take is put on the queue, as a sender of large requests does it.
    """

    def __init__(
        self,
        smn: SmnServer,
        api: FunctionGraphServer,
        bucket: Bucket,
        sweep: TimerTrigger,
        now: Callable[[], float],
    ) -> None:
        self._smn = smn
        self._api = api
        self._bucket = bucket
        self._sweep = sweep
        self._now = now

    @property
    def _functions(self) -> "Functions":
        return self._api.functions

    def send(self, content: Any, queue: str | None = None) -> list[Sent]:
        """Sends an event; `queue` decides where its messages lie."""
        return [self._send(item, queue) for item in routing.route(content)]

    def put(self, queue: str, body: str) -> Sent:
        """Puts a message on a queue and rings for it."""
        if queue not in QUEUES:
            raise LocalError(f"there is no queue {queue}", f"there is {', '.join(QUEUES)}")
        id_ = uuid.uuid4().hex
        key = f"{queue}/{int(self._now()):010}-0-{id_}"
        text = body.encode("utf-8", "surrogatepass")
        self._bucket.put(key, StoredObject(text, {}, "text/plain; charset=utf-8", self._now()))
        function = next(one.name for one in FUNCTIONS if one.queue == queue)
        self._functions.invoke_async(function, json.dumps({"untag": 1, "keys": [key]}).encode())
        return Sent("queue", queue, (id_,))

    def fire(self, timer: TimerTrigger, at: datetime) -> Sent:
        """Fires a timer; `at` is the time in its event."""
        request_id = self._functions.invoke_async(timer.function, timer.event(at))
        return Sent("function", timer.function, (request_id,))

    def trigger(self, function: str, published: Published) -> None:
        """Invokes a function with a message of a topic that it is subscribed to."""
        event = published.as_event(function, self._api.urn(function), str(uuid.uuid4()))
        self._functions.invoke_async(function, json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))

    def _send(self, item: routing.QueueMessage | routing.BusEvent, queue: str | None) -> Sent:
        body = _body(item)
        if queue is not None:
            return self.put(queue, body)
        if routing.decommissions(item):
            return self._send_event(body)
        if isinstance(item, routing.QueueMessage) and item.queue == routing.SWEEP_QUEUE:
            if len(body) > EVENT_CHARACTERS:
                return self.put("sweep", body)
            return self.fire(replace(self._sweep, user_event=body), datetime.fromtimestamp(self._now(), UTC))
        return self._publish(REQUESTS_TOPIC, body, "work")

    def _send_event(self, body: str) -> Sent:
        content = json.loads(body)
        if isinstance(content, dict) and {"cts", "record", "specversion"} & content.keys():
            request_id = self._functions.invoke_async(DECOMMISSION, body.encode())
            return Sent("function", DECOMMISSION, (request_id,))
        return self._publish(EVENTS_TOPIC, body, "decommission")

    def _publish(self, topic: str, body: str, queue: str) -> Sent:
        size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if not body or size + _ENVELOPE_BYTES > min(MESSAGE_BYTES, ASYNC_BYTES):
            return self.put(queue, body)
        published = self._smn.publish(self._smn.add_topic(topic), {"message": body})
        return Sent("topic", topic, (published.message_id,))


def _body(item: routing.QueueMessage | routing.BusEvent) -> str:
    """The text of a message; there is no event bus here, so that an event for it is a message, too."""
    if isinstance(item, routing.QueueMessage):
        return item.body
    source, kind = item.entry["Source"], item.entry["DetailType"]
    return json.dumps({"source": source, "detail-type": kind, "detail": json.loads(item.entry["Detail"])})
