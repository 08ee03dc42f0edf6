"""SQS's message move tasks, by which dead letters are redriven: moto does not have them.

What is refused and with which words, and what a listing holds: as AWS answered (recorded by LocalStack's tests against
AWS, tests/aws/services/sqs/test_sqs_move_task.snapshot.json) and as the API reference of SQS has it.
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult
from moto.sqs.exceptions import InvalidParameterValue, QueueDoesNotExist, SQSException
from moto.sqs.responses import SQSResponse

if TYPE_CHECKING:
    from moto.sqs.models import Message

    from local.aws.strict import StrictQueues

FASTEST = 500
"""Messages a second that may be asked for."""
MOST_LISTED = 10
_NO_SOURCE = "CouldNotDetermineMessageSource"


@dataclass(eq=False)
class MoveTask:
    """One task: what it moves, and how far it is."""

    source: str
    destination: str | None
    rate: int | None
    waiting: "list[Message]"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None

    @property
    def handle(self) -> str:
        """What the task is cancelled by."""
        return base64.b64encode(json.dumps({"taskId": self.id, "sourceArn": self.source}).encode()).decode()

    def as_dict(self) -> dict[str, Any]:
        """The task as a listing holds it."""
        whole = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": len(self.waiting),
            "FailureReason": self.failure,
            "StartedTimestamp": int(self.started * 1000),
        }
        return {name: value for name, value in whole.items() if value is not None}


class MoveTasks:
    """The tasks of one region's queues. One without a rate is done when `start` returns."""

    def __init__(self, queues: "StrictQueues") -> None:
        self._queues = queues
        self._tasks: list[MoveTask] = []
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, source: str, destination: str | None, rate: int | None) -> MoveTask:
        """Begin to move what can be received from a dead-letter queue now."""
        if rate is not None and not 1 <= rate <= FASTEST:
            raise InvalidParameterValue(
                f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. "
                f"Reason: Must be between 1 and {FASTEST}, if provided."
            )
        name = self._existing(source, "SourceArn")
        if not self._queues.list_dead_letter_source_queues(name):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        if destination is not None:
            self._existing(destination, "DestinationArn")
        with self._queues.lock:
            if any(task.source == source and task.status == "RUNNING" for task in self._tasks):
                raise InvalidParameterValue(
                    "There is already a task running. Only one active task is allowed for a source queue arn at a "
                    "given time."
                )
            waiting = [one for one in self._queues.messages(name) if one.visible and not one.delayed]
            task = MoveTask(source, destination, rate, waiting)
            self._tasks.append(task)
            if rate is None:
                self._move(task)
                return task
        thread = threading.Thread(target=self._move, args=(task, 1 / rate), name="move-task", daemon=True)
        self._threads.append(thread)
        thread.start()
        return task

    def newest(self, source: str, most: int) -> list[MoveTask]:
        """The newest tasks of a queue, the newest first."""
        self._existing(source, "SourceArn")
        if not 1 <= most <= MOST_LISTED:
            raise InvalidParameterValue(
                f"Value {most} for parameter MaxResults is invalid. Reason: Must be between 1 and {MOST_LISTED}."
            )
        return [task for task in reversed(self._tasks) if task.source == source][:most]

    def cancel(self, handle: str) -> MoveTask:
        """End a task that is running; what it has moved stays moved."""
        try:
            content = json.loads(base64.b64decode(handle, validate=True))
            id_, source = content["taskId"], content["sourceArn"]
        except (ValueError, KeyError, TypeError):
            raise InvalidParameterValue("Value for parameter TaskHandle is invalid.") from None
        self._existing(source, "SourceArn")
        for task in self._tasks:
            if (task.id, task.source) == (id_, source):
                with self._queues.lock:
                    task.status = "CANCELLED" if task.status == "RUNNING" else task.status
                return task
        raise SQSException("ResourceNotFoundException", "Task does not exist.")

    def stop(self) -> None:
        """End every task."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _existing(self, arn: str, parameter: str) -> str:
        name = str(arn).rpartition(":")[2]
        try:
            if self._queues.get_queue(name).queue_arn == arn:
                return name
        except QueueDoesNotExist:
            pass
        raise SQSException(
            "ResourceNotFoundException", f"The resource that you specified for the {parameter} parameter doesn't exist."
        )

    def _move(self, task: MoveTask, pause: float = 0.0) -> None:
        for message in task.waiting:
            with self._queues.lock:
                if task.status != "RUNNING" or self._stopped.is_set():
                    return
                self._move_one(task, message)
            if pause:
                self._stopped.wait(pause)
        if task.status == "RUNNING":
            task.status = "COMPLETED"

    def _move_one(self, task: MoveTask, message: "Message") -> None:
        """Like SQS, gives the message a new id and a new life; its attributes stay."""
        source = task.source.rpartition(":")[2]
        home = getattr(message, "home", task.source)
        destination = task.destination or (home if home != task.source else None)
        try:
            if destination is None:
                task.status, task.failure = "FAILED", _NO_SOURCE
            elif message in self._queues.messages(source):
                self._queues.send_message(destination.rpartition(":")[2], message.body, message.message_attributes)
                self._queues.remove(source, message)
                task.moved += 1
        except SQSException as error:
            task.status, task.failure = "FAILED", error.code


def _moves(response: SQSResponse) -> MoveTasks:
    return cast("StrictQueues", response.sqs_backend).moves


def actions() -> Mapping[str, Callable[[Any], ActionResult]]:
    """What moto's answering class for SQS is to have besides, by the name that it looks an action up by."""

    def start_message_move_task(self: SQSResponse) -> ActionResult:
        task = _moves(self).start(
            self._get_param("SourceArn"),
            self._get_param("DestinationArn"),
            self._get_param("MaxNumberOfMessagesPerSecond"),
        )
        return ActionResult({"TaskHandle": task.handle})

    def list_message_move_tasks(self: SQSResponse) -> ActionResult:
        tasks = _moves(self).newest(self._get_param("SourceArn"), self._get_param("MaxResults") or 1)
        return ActionResult({"Results": [task.as_dict() for task in tasks]})

    def cancel_message_move_task(self: SQSResponse) -> ActionResult:
        task = _moves(self).cancel(self._get_param("TaskHandle"))
        return ActionResult({"ApproximateNumberOfMessagesMoved": task.moved})

    return {one.__name__: one for one in (start_message_move_task, list_message_move_tasks, cancel_message_move_task)}
