"""Records that may have killed the process: kept apart from the others, so that none of them goes down with one.

A record that was received three times or more was twice not acknowledged, most likely because the process died on it or
on a neighbour in its batch. It runs last and alone. Before it starts, it is hidden for longer than its neighbours:
should it kill the process, they come back without it and go through. Once it is delivered it is deleted at once, since
the batch's own acknowledgement is lost if a later one kills the process.

A record that was not begun pays nothing for it: it goes back to its queue as a new message. To return it would count a
receive, and after five of them SQS moves a message to the dead-letter queue, although it was never worked at.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.outbox import SQS_BYTES, in_batches, send_batch, size_of
from untag.hosts.aws.records import RECEIVES, RECORD_ID
from untag.hosts.base import Message, Record

_LONGEST_SECONDS = 43_200
"""SQS hides a message for 12 hours at most, counted from when it was received."""
_CALLS = 8
"""Batches that are put back side by side."""


class Quarantine:
    """Hides and deletes suspect records on their own queues. What fails here makes it weaker, and nothing wrong."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._visibility: dict[str, int] = {}
        """Each queue's visibility timeout in seconds, by its URL."""
        self._calls = asyncio.Semaphore(_CALLS)

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

    async def put_back(self, records: Iterable[Record]) -> list[str]:
        """Put records that were not begun back on their queues, with the receives that they had before; the ids of
        those that are not taken.
        """
        by_queue: dict[str, list[tuple[Record, Message]]] = {}
        for record in records:
            by_queue.setdefault(_queue_url(record.source), []).append((record, _unbegun(record)))
        calls = [
            self._put_batch_back(queue_url, batch)
            for queue_url, waiting in by_queue.items()
            for batch in in_batches(((one, size_of(one[1])) for one in waiting), SQS_BYTES)
        ]
        return [id_ for failed in await asyncio.gather(*calls) for id_ in failed]

    async def _put_batch_back(self, queue_url: str, batch: list[tuple[Record, Message]]) -> list[str]:
        async with self._calls:
            try:
                # Once: a send whose answer is lost may have been carried out, and each try would leave one more copy.
                refused = await send_batch(self._aws, queue_url, [message for _, message in batch], tries=1)
            except AwsError:
                return [record.id for record, _ in batch]
            taken = [record for place, (record, _) in enumerate(batch) if place not in refused]
            # At once: should the process die on another record, these would be on their queue twice.
            entries = [{"Id": str(place), "ReceiptHandle": record.receipt} for place, record in enumerate(taken)]
            if entries:
                with suppress(AwsError):
                    await self._aws.json("sqs", "DeleteMessageBatch", {"QueueUrl": queue_url, "Entries": entries})
        return [batch[place][0].id for place in refused]

    async def _call(self, operation: str, record: Record, **more: int) -> None:
        body = {"QueueUrl": _queue_url(record.source), "ReceiptHandle": record.receipt, **more}
        await self._aws.json("sqs", operation, body)


def _unbegun(record: Record) -> Message:
    """The record as a new message."""
    attributes = {RECEIVES: str(record.receives - 1), RECORD_ID: record.own_id, "traceparent": record.traceparent or ""}
    return Message(record.body, {name: value for name, value in attributes.items() if value})


def _queue_url(arn: str) -> str:
    """The URL of the queue that a record's `eventSourceARN` names."""
    *_, region, account, name = arn.split(":")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account}/{name}"
