"""Watches a local stack and keeps what CloudWatch would have counted of it.

The functions' own metrics come from the lines that they print. What SQS, SNS, Lambda and Logs count by themselves is
counted here at the local services, under the names and dimensions that they have on AWS. Not counted are
`NumberOfEmptyReceives` (the local mappings poll in another rhythm than Lambda's) and Lambda's `Throttles` (nothing is
refused here).
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tools.dashboard.metrics import Metric, Metrics

if TYPE_CHECKING:
    from local.stack import Stack

_LOG_EVENT_BYTES = 26
"""What CloudWatch Logs counts for each event besides its text."""
_LOOK_AGAIN_SECONDS = 0.1


class Collector:
    """The metrics of one stack. Give `line` to the stack as its sink, and be `watching` it while it works."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.lines: list[str] = []
        """Every line that a function printed, in order."""
        self._lock = threading.Lock()
        self._groups: dict[str, str] = {}

    def line(self, function: str, text: str) -> None:
        """A line that a function printed."""
        now = time.time()
        with self._lock:
            self.lines.append(text)
            self.metrics.put_line(now, text)
            if function in self._groups:
                group = Metric.of("AWS/Logs", "IncomingBytes", {"LogGroupName": self._groups[function]})
                self.metrics.put(now, group, [len(text.encode()) + _LOG_EVENT_BYTES])

    @contextlib.contextmanager
    def watching(self, stack: "Stack") -> Iterator[None]:
        """While it lasts, what the stack's queues, topics and functions do is counted."""
        self._groups = {function.spec.name: function.spec.log_group for function in stack.functions.values()}
        queues = stack.aws.queues
        self._after(queues, "send_message", lambda queue_name, *_, **__: ("NumberOfMessagesSent", queue_name, 1))
        self._after(
            queues, "delete_messages", lambda queue_name, handles: ("NumberOfMessagesDeleted", queue_name, len(handles))
        )
        self._after(queues, "delete_message", lambda queue_name, *_, **__: ("NumberOfMessagesDeleted", queue_name, 1))
        self._received(queues)
        for function in stack.functions.values():
            self._invoked(function)
        stopped = threading.Event()
        thread = threading.Thread(target=self._look, args=(stack, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _count(self, namespace: str, name: str, dimension: tuple[str, str], value: float) -> None:
        with self._lock:
            self.metrics.put(time.time(), Metric.of(namespace, name, dict([dimension])), [value])

    def _after(self, queues: Any, name: str, told: Callable[..., tuple[str, str, int]]) -> None:
        """Counts each call of a method once it was done."""
        method = getattr(queues, name)

        def counted(*given: Any, **named: Any) -> Any:
            answer = method(*given, **named)
            metric, queue, count = told(*given, **named)
            self._count("AWS/SQS", metric, ("QueueName", queue), count)
            return answer

        setattr(queues, name, counted)

    def _received(self, queues: Any) -> None:
        method = queues.receive_message

        def counted(queue_name: str, *given: Any, **named: Any) -> Any:
            found = method(queue_name, *given, **named)
            if found:
                self._count("AWS/SQS", "NumberOfMessagesReceived", ("QueueName", queue_name), len(found))
            return found

        queues.receive_message = counted

    def _invoked(self, function: Any) -> None:
        method, name = function.invoke, ("FunctionName", function.spec.name)

        def counted(payload: bytes) -> Any:
            answer = method(payload)
            for metric, value in (
                ("Invocations", 1),
                ("Errors", 1 if answer.error else 0),
                ("Duration", answer.seconds * 1000),
            ):
                self._count("AWS/Lambda", metric, name, value)
            return answer

        function.invoke = counted

    def _look(self, stack: "Stack", stopped: threading.Event) -> None:
        """What is no event but a state: what lies in the queues, and since when; what was published so far."""
        (topic,) = stack.template.of_type("AWS::SNS::Topic")
        topic_name = stack.template.resolver.name(topic)
        published = len(stack.notifications())
        while not stopped.wait(_LOOK_AGAIN_SECONDS):
            for logical_id, state in stack.queues().items():
                sent = [float(message.sent_timestamp or 0) / 1000 for message in stack.messages(logical_id)]
                queue = ("QueueName", state.name)
                self._count("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, state.visible)
                age = time.time() - min(sent) if sent else 0.0
                self._count("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, max(0.0, age))
            known, published = published, len(stack.notifications())
            self._count("AWS/SNS", "NumberOfMessagesPublished", ("TopicName", topic_name), published - known)
