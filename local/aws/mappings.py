"""Event-source mappings: what carries messages from a queue to a function, and deletes those that succeeded.

Semantics from the Lambda developer guide, "Using Lambda with Amazon SQS" and "Reporting batch item failures":
an empty list, no list or no answer means that all succeeded; an answer that cannot be read, or an id that was
not in the batch, means that all failed. A record that failed is left alone until its visibility runs out; SQS
redrives.
"""

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.aws.missing import HINT
from local.errors import LocalError, TemplateError
from local.functions.function import name_of
from local.functions.runtime import REQUEST_BYTES
from local.template.resolve import ACCOUNT

if TYPE_CHECKING:
    from moto.sqs.models import Message

    from local.aws.strict import StrictQueues
    from local.functions.function import Function
    from local.functions.runtime import Answer
    from local.template import Template

# What SQS hands out at once.
_RECEIVE = 10
_DEFAULT_BATCH = 10
_DEFAULT_CONCURRENCY = 5
# A process each: more than this is no concurrency on one machine.
_MOST_ENVIRONMENTS = 8
# How long a mapping with nothing to do waits at a time; it bounds how long stopping takes.
_IDLE_SECONDS = 0.2
# What an event weighs besides its records.
_EVENT_OVERHEAD = 1024


@dataclass(frozen=True)
class MappingSpec:
    """One mapping of the template."""

    queue: str
    function: str
    batch_size: int
    window: float
    concurrency: int
    reports_failures: bool
    enabled: bool


def specify(template: "Template", logical_id: str, *, window: float | None = None) -> MappingSpec:
    """What the template says of a mapping; what cannot be honoured here, or Lambda refuses, is refused."""
    properties = template.properties(logical_id)
    arn = str(properties["EventSourceArn"])
    if ":sqs:" not in arn:
        raise TemplateError(f"{logical_id} does not read a queue, which is all that the local stack knows: {arn}")
    batch_size = int(properties.get("BatchSize", _DEFAULT_BATCH))
    stated = float(properties.get("MaximumBatchingWindowInSeconds", 0))
    if batch_size > _RECEIVE and stated < 1:
        raise TemplateError(f"{logical_id}: a batch of more than {_RECEIVE} needs a batching window of a second")
    scaling = properties.get("ScalingConfig", {})
    return MappingSpec(
        queue=arn.rpartition(":")[2],
        function=name_of(str(properties["FunctionName"])),
        batch_size=batch_size,
        window=stated if window is None else window,
        concurrency=int(scaling.get("MaximumConcurrency", _DEFAULT_CONCURRENCY)),
        reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        enabled=str(properties.get("Enabled", True)).lower() == "true",
    )


def check_visibility(template: "Template", logical_id: str, spec: MappingSpec) -> None:
    """What Lambda refuses: a queue whose messages come back while the function works on them."""
    names = {
        template.resolver.name(logical): logical
        for kind in ("AWS::SQS::Queue", "AWS::Lambda::Function")
        for logical in template.of_type(kind)
    }
    for name in (spec.queue, spec.function):
        if name not in names:
            raise TemplateError(f"the template has no {name}")
    visibility = int(template.properties(names[spec.queue]).get("VisibilityTimeout", 30))
    timeout = int(template.properties(names[spec.function]).get("Timeout", 3))
    if visibility < timeout:
        raise TemplateError(
            f"{logical_id}: the queue's visibility timeout ({visibility} s) is less than the function's "
            f"time-out ({timeout} s)"
        )


class EventSourceMapping:
    """Polls one queue and invokes one function, as many times at once as the mapping allows."""

    def __init__(self, spec: MappingSpec, queues: "StrictQueues", function: "Function", region: str) -> None:
        self.spec = spec
        self._queues = queues
        self._function = function
        self._region = region
        self._stopped = threading.Event()
        self._running = threading.Event()
        self._threads: list[threading.Thread] = []
        # One thread collects at a time, so that a batch fills before the next one is begun.
        self._collecting = threading.Lock()
        self._held_back: list[Message] = []
        self._gone = False
        self.enabled = spec.enabled
        """Whether it polls: as the template says, until it is switched."""
        self.batches: list[int] = []
        """The number of records in each invocation so far."""
        self.failures: list[str] = []
        """What was wrong with each invocation whose whole batch stays, in order."""

    def start(self) -> None:
        """Begins to poll, if the template has it enabled."""
        self.resume()
        self._threads = [
            threading.Thread(target=self._work, name=f"mapping-{self.spec.queue}-{number}", daemon=True)
            for number in range(min(self.spec.concurrency, _MOST_ENVIRONMENTS))
        ]
        for thread in self._threads:
            thread.start()

    def stop_soon(self) -> None:
        """Begins no further batch, for good."""
        self._stopped.set()

    def stop(self) -> None:
        """Polls no more; the function has to be closed first, so that no thread waits for it."""
        self._stopped.set()
        self._running.set()
        for thread in self._threads:
            thread.join()

    def pause(self) -> None:
        """Begins no further batch until `resume`; returns when none is being collected."""
        self._running.clear()
        with self._collecting:
            pass

    def resume(self) -> None:
        """Polls again, if it is enabled."""
        if self.enabled:
            self._running.set()

    def switch(self, *, on: bool) -> None:
        """Enables or disables it: what UpdateEventSourceMapping does."""
        self.enabled = on
        if on:
            self.resume()
        else:
            self.pause()

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._running.wait()
            with self._collecting:
                on = self._running.is_set() and not self._stopped.is_set()
                batch = self._collect() if on else []
            if batch and not self._stopped.is_set():
                self._handle(batch)

    def _collect(self) -> "list[Message]":
        """Up to a batch of messages, no heavier than an invocation may be."""
        held, self._held_back = self._held_back, []
        batch = held or self._receive(_IDLE_SECONDS)
        if not batch:
            return []
        end = time.monotonic() + self.spec.window
        while len(batch) < self.spec.batch_size and not self._stopped.is_set():
            remaining = end - time.monotonic()
            more = self._receive(max(0.0, remaining), self.spec.batch_size - len(batch))
            batch += more
            if not more and remaining <= 0:
                break
        return self._within_size(batch)

    def _receive(self, wait: float, count: int = _RECEIVE) -> "list[Message]":
        """Up to so many messages; none, after a while, where the queue has been deleted."""
        from moto.sqs.exceptions import QueueDoesNotExist  # noqa: PLC0415

        try:
            messages = self._receive_of_queue(wait, count)
        except QueueDoesNotExist:
            if not self._gone:
                self.failures.append(f"there is no queue {self.spec.queue} any more: {HINT}")
            self._gone = True
            self._stopped.wait(_IDLE_SECONDS)
            return []
        self._gone = False
        return messages

    def _receive_of_queue(self, wait: float, count: int) -> "list[Message]":
        queue = self._queues.get_queue(self.spec.queue)
        visibility = int(getattr(queue, "visibility_timeout", 0))
        count = min(count, _RECEIVE, self.spec.batch_size)
        # The wait is cut in slices, so that a mapping stops at once. moto takes any number of seconds for it.
        end = time.monotonic() + wait
        while True:
            slice_ = min(_IDLE_SECONDS, max(0.0, end - time.monotonic()))
            messages = self._queues.receive_message(self.spec.queue, count, slice_, visibility, ["All"])  # type: ignore[arg-type]
            if messages or time.monotonic() >= end or self._stopped.is_set():
                return messages

    def _within_size(self, batch: "list[Message]") -> "list[Message]":
        size = _EVENT_OVERHEAD
        for index, message in enumerate(batch):
            size += len(json.dumps(record(message, self.spec.queue, self._region))) + 2
            if size > REQUEST_BYTES and index:
                self._held_back = batch[index:]
                return batch[:index]
        return batch

    def _handle(self, batch: "Sequence[Message]") -> None:
        event = {"Records": [record(message, self.spec.queue, self._region) for message in batch]}
        try:
            answer = self._function.invoke(json.dumps(event).encode())
        except LocalError as error:
            if not self._stopped.is_set():
                self.failures.append(str(error))
            return
        self.batches.append(len(batch))
        failed = self._failed(answer, {message.id for message in batch})
        done = {message.receipt_handle or "" for message in batch if message.id not in failed}
        if self.spec.queue in self._queues.queues:
            self._queues.delete_messages(self.spec.queue, done)

    def _failed(self, answer: "Answer", ids: set[str]) -> set[str]:
        """The ids of the records that stay."""
        if answer.error:
            self.failures.append(answer.error)
            return ids
        if not self.spec.reports_failures:
            return set()
        failed = item_failures(answer.payload)
        if failed is None or not failed <= ids:
            self.failures.append(f"not a list of batch item failures: {answer.payload[:200]!r}")
            return ids
        return failed


def item_failures(payload: bytes) -> set[str] | None:
    """The ids that an answer names as failed; None for an answer that Lambda cannot read."""
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return None
    if answer is None or answer == "":
        return set()
    if not isinstance(answer, dict):
        return None
    items = answer.get("batchItemFailures") or []
    if not isinstance(items, list):
        return None
    ids: set[str] = set()
    for item in items:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or not identifier:
            return None
        ids.add(identifier)
    return ids


def record(message: "Message", queue: str, region: str) -> dict[str, Any]:
    """A message as Lambda hands it to a function."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    handed_over: dict[str, Any] = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {
            name: _message_attribute(attribute) for name, attribute in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT}:{queue}",
        "awsRegion": region,
    }
    if message.message_attributes:
        handed_over["md5OfMessageAttributes"] = message.attribute_md5
    return handed_over


def _message_attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute["DataType"],
    }
    if attribute.get("BinaryValue"):
        binary = attribute["BinaryValue"]
        raw = binary if isinstance(binary, bytes) else str(binary).encode()
        shape["binaryValue"] = base64.b64encode(raw).decode()
    else:
        shape["stringValue"] = attribute.get("StringValue")
    return shape
