"""moto's queues, topics and buses, held to what AWS does where moto is more lenient or not safe.

- Sizes in bytes, attributes included; allowed characters; ten attributes; a batch's entries that fail one by one.
- A lock: moto's delete rebuilds the list of messages while another thread appends to it, which loses messages.
- A batch publish answers for each of its entries: moto drops an entry whose error it did not expect.

Limits and error texts: the API references of SQS (SendMessage, SendMessageBatch, quotas), EventBridge (size of a
PutEvents entry) and SNS (PublishBatch, message batching). SNS counts attributes too: "the combined size of all messages
in the batch, including each message's body and attributes".
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend
from moto.sns.exceptions import InvalidParameterValue as InvalidTopicParameter
from moto.sns.exceptions import SNSException
from moto.sns.models import SNSBackend
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue, SQSBackend

from local.aws.move_tasks import MoveTasks

QUEUE_BATCH_BYTES = 1024 * 1024
TOPIC_BYTES = 256 * 1024
BUS_BYTES = 256 * 1024
MESSAGE_ATTRIBUTES = 10
ATTRIBUTE_NAME_LENGTH = 256
SUBJECT_LENGTH = 100
LONGEST_DELAY = 900
# How often a waiting receive looks again: a message that becomes visible by the clock sends no notification.
LOOK_AGAIN_SECONDS = 0.05

# What SQS takes in a body or an attribute: the characters of XML 1.0.
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"(?!(?:AWS|Amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]+(?<!\.)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Counts:
    """How many messages a queue holds: to be received now, received and not yet deleted, and delayed."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages that the queue holds."""
        return self.visible + self.in_flight + self.delayed


class SentMessage(Message):
    """A message that knows which queue it was sent to."""

    home = ""
    """That queue's ARN: where a dead letter came from, which a redrive without a destination asks for."""


class StrictQueues(SQSBackend):
    """SQS as AWS has it, for one region.

    Two times in seconds can be cut short, and need not be whole (None: as asked): `max_delay` for every delayed
    message, `visibility_timeout` for every message that was received.
    """

    def __init__(
        self,
        region_name: str,
        account_id: str,
        max_delay: float | None = None,
        visibility_timeout: float | None = None,
    ) -> None:
        super().__init__(region_name, account_id)
        self.visibility_timeout = visibility_timeout
        self.lock = threading.RLock()
        self.max_delay = max_delay
        self.moves = MoveTasks(self)

    def send_message(
        self,
        queue_name: str,
        message_body: str,
        message_attributes: dict[str, Any] | None = None,
        delay_seconds: int | None = None,
        deduplication_id: str | None = None,  # noqa: ARG002  moto's own signature
        group_id: str | None = None,  # noqa: ARG002  moto's own signature
        system_attributes: dict[str, Any] | None = None,
        validate_group_id: bool = True,  # noqa: ARG002  moto's own signature
    ) -> Message:
        """One message, if SQS would take it."""
        with self.lock:
            queue = self.get_queue(queue_name)
            if queue.fifo_queue:
                raise InvalidParameterValue("The local stack has no FIFO queues.")
            _check_message(queue, message_body, message_attributes or {})
            delay = int(delay_seconds if delay_seconds is not None else getattr(queue, "delay_seconds", 0))
            if not 0 <= delay <= LONGEST_DELAY:
                raise InvalidParameterValue(
                    f"Value {delay} for parameter DelaySeconds is invalid. "
                    f"Reason: DelaySeconds must be >= 0 and <= {LONGEST_DELAY}."
                )
            # What moto does for a queue that is not FIFO, but for counting all its messages on the way.
            message = SentMessage(str(uuid.uuid4()), message_body, system_attributes)
            message.message_attributes = message_attributes or {}
            message.home = queue.queue_arn
            message.mark_sent(delay)
            if self.max_delay is not None:
                message.delayed_until = min(message.delayed_until, (time.time() + self.max_delay) * 1000)
            queue.add_message(message)
            return message

    def send_message_batch(
        self, queue_name: str, entries: dict[str, dict[str, Any]]
    ) -> tuple[list[Message], list[dict[str, Any]]]:
        """Up to ten messages: refused together if too long together, else each taken or refused by itself."""
        size = sum(_length(entry["MessageBody"], entry.get("MessageAttributes") or {}) for entry in entries.values())
        if size > QUEUE_BATCH_BYTES:
            raise SQSException(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {QUEUE_BATCH_BYTES} bytes. You have sent {size} bytes.",
            )
        with self.lock:
            queue = self.get_queue(queue_name)
            taken: dict[str, dict[str, Any]] = {}
            failed: list[dict[str, Any]] = []
            for index, entry in entries.items():
                try:
                    _check_message(queue, entry["MessageBody"], entry.get("MessageAttributes") or {})
                except SQSException as error:
                    failed.append(
                        {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
                    )
                else:
                    taken[index] = entry
            sent, refused = super().send_message_batch(queue_name, taken)
            return sent, failed + refused

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Up to `count` messages; waits in slices, so that the lock is not held while there is nothing."""
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            with self.lock:
                messages = super().receive_message(queue_name, count, 0, visibility_timeout, message_attribute_names)
                self._shorten_visibility(queue_name, {message.id for message in messages})
            remaining = deadline - time.monotonic()
            if messages or remaining <= 0:
                return messages
            queue = self.get_queue(queue_name)
            with queue._messages_lock:  # noqa: SLF001  notified when a message comes in
                queue._messages_lock.wait(min(remaining, LOOK_AGAIN_SECONDS))  # noqa: SLF001

    def _shorten_visibility(self, queue_name: str, received: set[str]) -> None:
        # What a receive gives is a copy; the message itself stays in the queue.
        if self.visibility_timeout is not None and received:
            visible_at = (time.time() + self.visibility_timeout) * 1000
            for message in self.messages(queue_name):
                if message.id in received:
                    message.visible_at = visible_at

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        """Deletes, while it holds the lock."""
        with self.lock:
            super().delete_message(queue_name, receipt_handle)

    def is_message_valid_based_on_retention_period(self, queue_name: str, message: Message) -> bool:
        """Whether a message is to be kept still; moto counts all messages several times over to find out."""
        kept = float(getattr(self.get_queue(queue_name), "message_retention_period", 0))
        return float(message.sent_timestamp or 0) / 1000 + kept > time.time()

    def delete_messages(self, queue_name: str, receipt_handles: set[str]) -> None:
        """Deletes many in one pass; a message that is not there any more is none to delete."""
        with self.lock:
            queue = self.get_queue(queue_name)
            kept = []
            for message in queue._messages:  # noqa: SLF001
                if receipt_handles.isdisjoint(message.all_receipt_handles):
                    kept.append(message)
                else:
                    queue.pending_messages.discard(message)
                    queue.deleted_messages.update(handle for handle in message.all_receipt_handles if handle)
            queue._messages = kept  # noqa: SLF001

    def remove(self, queue_name: str, message: Message) -> None:
        """Takes one message away, whether it was received or not."""
        with self.lock:
            queue = self.get_queue(queue_name)
            queue._messages = [one for one in queue._messages if one is not message]  # noqa: SLF001
            queue.pending_messages.discard(message)

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        """Hides or shows, while it holds the lock."""
        with self.lock:
            super().change_message_visibility(queue_name, receipt_handle, visibility_timeout)

    def get_queue_attributes(self, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
        """Attributes, counted while it holds the lock."""
        with self.lock:
            return super().get_queue_attributes(queue_name, attribute_names)

    def counts(self, queue_name: str) -> Counts:
        """How many messages the queue holds, at one moment."""
        with self.lock:
            messages = self.messages(queue_name)
            delayed = sum(message.delayed for message in messages)
            visible = sum(message.visible and not message.delayed for message in messages)
            return Counts(visible, len(messages) - visible - delayed, delayed)

    def clear(self, queue_name: str) -> None:
        """Empties the queue, any number of times: SQS's own purge is for once a minute."""
        with self.lock:
            queue = self.get_queue(queue_name)
            queue._messages.clear()  # noqa: SLF001
            queue._pending_messages.clear()  # noqa: SLF001

    def messages(self, queue_name: str) -> list[Message]:
        """The messages in the queue, without receiving it; nothing in one that has been deleted."""
        with self.lock:
            queue = self.queues.get(queue_name)
            return list(queue._messages) if queue is not None else []  # noqa: SLF001


class StrictTopics(SNSBackend):
    """SNS as AWS has it, for one region. `published` is called with a topic's ARN and each message that it took."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.published: Callable[[str, str], None] = lambda _arn, _message: None

    def publish(
        self,
        message: str,
        arn: str | None,
        phone_number: str | None = None,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> str:
        """One message, if SNS would take it and its subscribers can be given it."""
        if not message:
            raise InvalidTopicParameter("Invalid parameter: Empty message")
        if _topic_length(message, message_attributes or {}) > TOPIC_BYTES:
            raise InvalidTopicParameter("Invalid parameter: Message too long")
        if subject is not None and (not 0 < len(subject) <= SUBJECT_LENGTH or _CONTROL.search(subject)):
            raise InvalidTopicParameter("Invalid parameter: Subject")
        try:
            message_id = super().publish(
                message,
                arn,
                phone_number,
                subject,
                message_attributes,
                group_id,
                deduplication_id,
                message_structure,
            )
        except SQSException as error:
            raise InvalidTopicParameter(f"Invalid parameter: a subscribed queue refused: {error}") from None
        self.published(arn or "", message)
        return message_id

    def publish_batch(
        self, topic_arn: str, publish_batch_request_entries: list[dict[str, Any]]
    ) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
        """Up to ten messages: refused as a whole if too long together."""
        if not publish_batch_request_entries:
            raise SNSException("EmptyBatchRequest", "The batch request doesn't contain any entries.")
        size = sum(
            _topic_length(entry["Message"], entry.get("MessageAttributes") or {})
            for entry in publish_batch_request_entries
        )
        if size > TOPIC_BYTES:
            raise SNSException(
                "BatchRequestTooLong", "The length of all the messages put together is more than the limit."
            )
        return super().publish_batch(topic_arn, publish_batch_request_entries)


class StrictBuses(EventsBackend):
    """EventBridge as AWS has it, for one region."""

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Up to ten events, if they are not too large together."""
        texts = [
            text
            for event in events
            for text in (event.get("Source"), event.get("DetailType"), event.get("Detail"), *event.get("Resources", []))
        ]
        if sum(_bytes(str(text or "")) for text in texts) > BUS_BYTES:
            raise ValidationException("Total size of the entries in the request is over the limit.")
        return super().put_events(events)


def _check_message(queue: Queue, body: str, attributes: Mapping[str, Any]) -> None:
    if not body:
        raise SQSException("MissingParameter", "The request must contain the parameter MessageBody.")
    if _REFUSED.search(body):
        raise SQSException("InvalidMessageContents", "Invalid characters found in the message body.")
    if len(attributes) > MESSAGE_ATTRIBUTES:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES}]."
        )
    for name, attribute in attributes.items():
        if len(name) > ATTRIBUTE_NAME_LENGTH or not _ATTRIBUTE_NAME.fullmatch(name):
            raise InvalidParameterValue(f"Message (user) attribute name '{name}' is invalid.")
        value = _attribute_value(attribute)
        if not value:
            raise InvalidParameterValue(
                f"Message (user) attribute '{name}' must contain a non-empty value of type "
                f"'{attribute.get('DataType')}'."
            )
        if isinstance(value, str) and _REFUSED.search(value):
            raise InvalidParameterValue(f"Invalid characters found in message attribute '{name}'.")
    longest = int(getattr(queue, "maximum_message_size", QUEUE_BATCH_BYTES))
    if _length(body, attributes) > longest:
        raise InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {longest} bytes."
        )


def _attribute_value(attribute: Mapping[str, Any]) -> str | bytes:
    value: str | bytes | None = attribute.get("StringValue") or attribute.get("BinaryValue")
    return value or ""


def _length(body: str, attributes: Mapping[str, Any]) -> int:
    """Bytes that SQS counts: the body, and each attribute's name, type and value."""
    return _bytes(body) + sum(
        _bytes(name) + _bytes(str(attribute.get("DataType", ""))) + _bytes(_attribute_value(attribute))
        for name, attribute in attributes.items()
    )


def _topic_length(message: str, attributes: Mapping[str, Any]) -> int:
    """Bytes that SNS counts; moto has renamed an attribute's fields to Type and Value by then."""
    return _bytes(message) + sum(
        _bytes(name) + _bytes(str(attribute.get("Type", ""))) + _bytes(str(attribute.get("Value") or ""))
        for name, attribute in attributes.items()
    )


def _bytes(text: str | bytes) -> int:
    return len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
