"""Records that may have killed the process: kept apart from the others, so that none of them goes down with one.

A record that was received three times or more was twice not acknowledged, most likely because the process died on it or
on a neighbour in its batch. It runs last and alone. Before it starts, it is hidden for longer than its neighbours:
should it kill the process, they come back without it and go through. Once it is delivered it is deleted at once, since
the batch's own acknowledgement is lost if a later one kills the process.

A record that was not begun pays nothing for it: it goes back to its queue as a new message. To return it would count a
receive, and after five of them SQS moves a message to the dead-letter queue that nothing was ever tried with.
"""

from typing import Self

from untag.aws import Aws, AwsError
from untag.records import RECEIVES, RECORD_ID, SqsRecord

SUSPECT_RECEIVES = 3

_LONGEST_SECONDS = 43_200
"""SQS hides a message for 12 hours at most, counted from when it was received."""


class Isolation:
    """Hides and deletes suspect records on one queue. What fails here makes isolation weaker, and nothing wrong."""

    def __init__(self, aws: Aws, queue_url: str) -> None:
        self._aws = aws
        self._queue_url = queue_url
        self._visibility: int | None = None

    @classmethod
    def of_source(cls, aws: Aws, arn: str) -> Self:
        """For the queue that a record's `eventSourceARN` names."""
        *_, region, account, name = arn.split(":")
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return cls(aws, f"https://sqs.{region}.{suffix}/{account}/{name}")

    async def hide(self, receipt_handle: str) -> None:
        """Hide a record for half as long again as its neighbours."""
        try:
            if self._visibility is None:
                answer = await self._aws.json(
                    "sqs",
                    "GetQueueAttributes",
                    {"QueueUrl": self._queue_url, "AttributeNames": ["VisibilityTimeout"]},
                )
                self._visibility = int(answer["Attributes"]["VisibilityTimeout"])
            longer = min(self._visibility * 3 // 2 + 1, _LONGEST_SECONDS)
            await self._call("ChangeMessageVisibility", receipt_handle, VisibilityTimeout=longer)
        except (AwsError, KeyError, ValueError):
            return

    async def delete(self, receipt_handle: str) -> None:
        """Delete a record whose results are delivered."""
        try:
            await self._call("DeleteMessage", receipt_handle)
        except AwsError:
            return

    async def put_back(self, record: SqsRecord) -> bool:
        """Put a record that was not begun back on its queue, with the receives that it had before; False if it is not
        taken.
        """
        attributes = {RECEIVES: str(record.receives - 1), RECORD_ID: record.own_id, "traceparent": record.traceparent}
        body = {
            "QueueUrl": self._queue_url,
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
        await self.delete(record.receipt_handle)
        return True

    async def _call(self, operation: str, receipt_handle: str, **more: int) -> None:
        body = {"QueueUrl": self._queue_url, "ReceiptHandle": receipt_handle, **more}
        await self._aws.json("sqs", operation, body)
