"""Records that may have killed the process: kept apart from the others, so that none of them goes down with one.

A record that was received three times or more was twice not acknowledged, most likely because the process died on it or
on a neighbour in its batch. It runs last and alone. Before it starts, it is hidden for longer than its neighbours:
should it kill the process, they come back without it and go through. Once it is delivered it is deleted at once, since
the batch's own acknowledgement is lost if a later one kills the process.

A record that was not begun pays nothing for it: it goes back to its queue as a new message. To return it would count a
receive, and after five of them SQS moves a message to the dead-letter queue, although it was never worked at.
"""

from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.records import RECEIVES, RECORD_ID
from untag.hosts.base import Record

_LONGEST_SECONDS = 43_200
"""SQS hides a message for 12 hours at most, counted from when it was received."""


class Quarantine:
    """Hides and deletes suspect records on their own queues. What fails here makes it weaker, and nothing wrong."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._visibility: dict[str, int] = {}
        """Each queue's visibility timeout in seconds, by its URL."""

    async def hide(self, record: Record) -> None:
        """Hide a record for half as long again as its neighbours."""
        queue_url = _queue_url(record.source)
        try:
            if queue_url not in self._visibility:
                answer = await self._aws.json(
                    "sqs", "GetQueueAttributes", {"QueueUrl": queue_url, "AttributeNames": ["VisibilityTimeout"]}
                )
                self._visibility[queue_url] = int(answer["Attributes"]["VisibilityTimeout"])
            longer = min(self._visibility[queue_url] * 3 // 2 + 1, _LONGEST_SECONDS)
            await self._call("ChangeMessageVisibility", record, VisibilityTimeout=longer)
        except (AwsError, KeyError, ValueError):
            return

    async def delete(self, record: Record) -> None:
        """Delete a record whose results are delivered."""
        try:
            await self._call("DeleteMessage", record)
        except AwsError:
            return

    async def put_back(self, record: Record) -> bool:
        """Put a record that was not begun back on its queue, with the receives that it had before; False if it is not
        taken.
        """
        attributes = {RECEIVES: str(record.receives - 1), RECORD_ID: record.own_id, "traceparent": record.traceparent}
        body = {
            "QueueUrl": _queue_url(record.source),
            "MessageBody": record.body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
        }
        try:
            await self._aws.json("sqs", "SendMessage", body)
        except AwsError:
            return False
        # At once: should the process die on another record, this one would be on its queue twice.
        await self.delete(record)
        return True

    async def _call(self, operation: str, record: Record, **more: int) -> None:
        body = {"QueueUrl": _queue_url(record.source), "ReceiptHandle": record.receipt, **more}
        await self._aws.json("sqs", operation, body)


def _queue_url(arn: str) -> str:
    """The URL of the queue that a record's `eventSourceARN` names."""
    *_, region, account, name = arn.split(":")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{name}"
