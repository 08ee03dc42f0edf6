"""What Lambda hands to a handler: the records of an SQS event, and the time that is left."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from untag.contracts import traceparent_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def seconds_left(context: "LambdaContext") -> Callable[[], float]:
    """Tells the seconds that an invocation has left, each time that it is asked."""
    return lambda: context.get_remaining_time_in_millis() / 1000


class SqsRecord(NamedTuple):
    """A message as the event-source mapping hands it over."""

    id: str
    body: str
    receives: int
    receipt_handle: str
    source: str
    traceparent: str | None = None
    """The trace that the sender's message belongs to (W3C Trace Context), from its attribute of this name."""

    @classmethod
    def batch(cls, event: Any) -> list[Self] | None:
        """The records of an SQS event; None if the event is something else, such as a payload sent by hand."""
        try:
            return [cls._of(record) for record in event["Records"]] or None
        except (KeyError, TypeError, ValueError):
            return None

    @classmethod
    def _of(cls, record: Any) -> Self:
        if record["eventSource"] != "aws:sqs":
            raise ValueError("not from SQS")
        return cls(
            id=record["messageId"],
            body=record["body"],
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
            receipt_handle=record["receiptHandle"],
            source=record["eventSourceARN"],
            traceparent=traceparent_of(record.get("messageAttributes"), "stringValue"),
        )
