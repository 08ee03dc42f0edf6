"""Dead letters looked at where they lie, and sent back one by one.

To read a message of SQS is to receive it, which hides it from other readers for a time. What was received and not
deleted is made visible again at the end; after a kill it becomes visible by itself when the time has passed. A
dead-letter queue has none of its own, so a dead letter that is received often goes nowhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from cli.deployed.aws.calls import DeployedStack, together
from cli.deployed.base import Chosen, DeadLetter, Redriven, Seen
from untag.hosts.aws.client import Aws, AwsError

WAYS_BACK = {
    "DeadLetterQueueUrl": "WorkQueueUrl",
    "DecommissionDeadLetterQueueUrl": "DecommissionQueueUrl",
    "SweepDeadLetterQueueUrl": "SweepQueueUrl",
    "RuleDeadLetterQueueUrl": "WorkQueueUrl",
    "DecommissionRuleDeadLetterQueueUrl": "DecommissionQueueUrl",
    "SweepScheduleDeadLetterQueueUrl": "SweepQueueUrl",
}
"""The outputs that name the dead-letter queues, each with the one that names the queue its messages were meant for."""

_HIDDEN_SECONDS = 300
_NOTHING_NEW = 3
"""Receives in a row without a message that is new: what comes then is visible again, and all has been seen."""
_WAIT_SECONDS = 1
_ENTRIES = 10


async def listed(aws: Aws, stack: DeployedStack, chosen: Chosen, seen: Seen) -> list[DeadLetter]:
    """The dead letters that are meant, the oldest first; all of them are visible again afterwards. Raises AwsError."""
    letters: list[DeadLetter] = []

    async def read(queue: str) -> None:
        async with _Reading(aws, stack.output(queue)) as reading:
            async for message in reading.messages():
                letter = _letter(queue, message)
                if letter in chosen:
                    letters.append(letter)
                    seen(len(letters))

    # Side by side: even an empty queue takes a second to say so.
    await together(map(read, _queues(stack)))
    return sorted(letters, key=lambda letter: (letter.sent_at, letter.message_id))


async def redrive(aws: Aws, stack: DeployedStack, letters: Iterable[DeadLetter], done: Redriven, seen: Seen) -> None:
    """Send dead letters back unchanged, one at a time, each deleted once it is taken. `done` counts them as it goes.

    Killed at any moment, one of them at most is sent and not deleted: it comes twice. Raises AwsError.
    """
    meant: dict[str, set[str]] = {}
    for letter in letters:
        meant.setdefault(letter.place, set()).add(letter.message_id)
    for queue, ids in meant.items():
        back = stack.output(WAYS_BACK[queue])
        async with _Reading(aws, stack.output(queue)) as reading:
            async for message in reading.messages():
                id_, attributes = message["MessageId"], message.get("MessageAttributes")
                if id_ not in ids:
                    continue
                unchanged = {
                    "MessageBody": message["Body"],
                    **({"MessageAttributes": attributes} if attributes else {}),
                }
                await aws.json("sqs", "SendMessage", {"QueueUrl": back, **unchanged})
                await reading.delete(id_)
                done.sent += 1
                seen(done.sent)
                ids.remove(id_)
                if not ids:
                    break


def _queues(stack: DeployedStack) -> list[str]:
    """The dead-letter queues that a stack has."""
    return [name for name in WAYS_BACK if stack.outputs.get(name)]


class _Reading:
    """Messages of a queue, each once, while they are hidden from other readers."""

    def __init__(self, aws: Aws, url: str) -> None:
        self._aws = aws
        self._url = url
        self._seen: set[str] = set()
        self._hidden: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        handles = list(self._hidden.values())
        for start in range(0, len(handles), _ENTRIES):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + _ENTRIES])
            ]
            # What fails here becomes visible by itself after a while.
            with contextlib.suppress(AwsError):
                await self._aws.json("sqs", "ChangeMessageVisibilityBatch", {"QueueUrl": self._url, "Entries": entries})

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What lies there, until there is nothing more. Raises AwsError."""
        old = 0
        asked = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": _ENTRIES,
            "VisibilityTimeout": _HIDDEN_SECONDS,
            "WaitTimeSeconds": _WAIT_SECONDS,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["SentTimestamp"],
        }
        while old < _NOTHING_NEW:
            messages = await self._received(asked)
            if not messages:
                return
            fresh = [one for one in messages if one["MessageId"] not in self._seen]
            self._seen |= {one["MessageId"] for one in fresh}
            old = 0 if fresh else old + 1
            for one in fresh:
                yield one

    async def _received(self, asked: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """One answer's messages. Whoever stops here must leave none of them hidden, so all are noted before it ends."""

        async def receive() -> Sequence[dict[str, Any]]:
            messages = (await self._aws.json("sqs", "ReceiveMessage", asked)).get("Messages") or ()
            self._hidden |= {one["MessageId"]: one["ReceiptHandle"] for one in messages}
            return messages

        receiving = asyncio.ensure_future(receive())
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            # SQS hides what the answer that is under way will name.
            with contextlib.suppress(AwsError):
                await receiving
            raise

    async def delete(self, message_id: str) -> None:
        """Delete one of them. Raises AwsError."""
        handle = self._hidden[message_id]
        await self._aws.json("sqs", "DeleteMessage", {"QueueUrl": self._url, "ReceiptHandle": handle})
        del self._hidden[message_id]


def _letter(queue: str, message: Mapping[str, Any]) -> DeadLetter:
    """A message as a dead letter of the queue that an output names."""
    sent = int((message.get("Attributes") or {}).get("SentTimestamp", 0)) / 1000
    moment = datetime.fromtimestamp(sent, UTC).isoformat(timespec="milliseconds")
    attributes = message.get("MessageAttributes") or {}
    texts = {name: str(value.get("StringValue", "")) for name, value in attributes.items()}
    return DeadLetter(queue.removesuffix("Url"), message["MessageId"], message["Body"], texts, moment, queue)
