"""Dead letters looked at where they lie, and sent back one by one.

To read a message of SQS is to receive it, which hides it from other readers for a time. What was received and not
deleted is made visible again at the end; after a kill it becomes visible by itself when the time has passed. A
dead-letter queue has none of its own, so a dead letter that is received often goes nowhere.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from cli.deployed.stack import DeployedStack, together
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

CRASH = "(crash)"
"""The code of a dead letter without one: the platform moved it, after a crash or from a rule."""
NEVER = "invalid"
"""The code of those that cannot be carried out however often they are sent."""

_HIDDEN_SECONDS = 300
_NOTHING_NEW = 3
"""Receives in a row without a message that is new: what comes then is visible again, and all has been seen."""
_WAIT_SECONDS = 1
_ENTRIES = 10
_EXAMPLES = 3
_BEGINNING = 40
"""Characters of a body that stand for a dead letter that has no request's id."""


class DeadLetter(NamedTuple):
    """A dead letter. `queue` is the output that names its queue."""

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    sent_at: str

    def text(self, name: str) -> str:
        """An attribute's text; empty where it has none."""
        return str(self.attributes.get(name, {}).get("StringValue", ""))

    @property
    def code(self) -> str:
        """Why it is here."""
        return self.text("code") or CRASH

    def row(self) -> dict[str, str]:
        """What a person is shown of it."""
        names = ("reason", "request_id", "batch", "source")
        texts = {name: self.text(name) for name in names}
        return {
            "queue": self.queue.removesuffix("Url"),
            "code": self.code,
            **texts,
            "sent_at": self.sent_at,
            "message_id": self.message_id,
            "body": self.body,
        }


class Chosen(NamedTuple):
    """Which dead letters are meant; an empty choice means all."""

    codes: Collection[str] = ()
    batch: str | None = None

    def __contains__(self, letter: object) -> bool:
        """Whether a dead letter is meant."""
        return (
            isinstance(letter, DeadLetter)
            and (not self.codes or letter.code in self.codes)
            and (self.batch is None or letter.text("batch") == self.batch)
        )


@dataclass(slots=True)
class Redriven:
    """What became of the dead letters that were to be sent back, while it happens."""

    sent: int = 0


async def listed(aws: Aws, stack: DeployedStack, chosen: Chosen, seen: Callable[[int], None]) -> list[DeadLetter]:
    """The dead letters that are meant, the oldest first; all of them are visible again afterwards. Raises AwsError."""
    letters: list[DeadLetter] = []

    async def read(queue: str) -> None:
        async with _Reading(aws, stack.output(queue), queue) as reading:
            async for letter in reading.letters():
                if letter in chosen:
                    letters.append(letter)
                    seen(len(letters))

    # Side by side: even an empty queue takes a second to say so.
    await together(map(read, _queues(stack)))
    return sorted(letters, key=lambda letter: (letter.sent_at, letter.message_id))


async def redrive(
    aws: Aws, stack: DeployedStack, letters: Iterable[DeadLetter], done: Redriven, seen: Callable[[int], None]
) -> None:
    """Send dead letters back unchanged, one at a time, each deleted once it is taken. `done` counts them as it goes.

    Killed at any moment, one of them at most is sent and not deleted: it comes twice. Raises AwsError.
    """
    meant: dict[str, set[str]] = {}
    for letter in letters:
        meant.setdefault(letter.queue, set()).add(letter.message_id)
    for queue, ids in meant.items():
        back = stack.output(WAYS_BACK[queue])
        async with _Reading(aws, stack.output(queue), queue) as reading:
            async for letter in reading.letters():
                if letter.message_id not in ids:
                    continue
                attributes = {"MessageAttributes": letter.attributes} if letter.attributes else {}
                await aws.json("sqs", "SendMessage", {"QueueUrl": back, "MessageBody": letter.body, **attributes})
                await reading.delete(letter)
                done.sent += 1
                seen(done.sent)
                ids.remove(letter.message_id)
                if not ids:
                    break


def by_code(letters: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    """Dead letters by queue and code with examples, the most frequent first."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for letter in letters:
        row = letter.row()
        groups.setdefault((row["queue"], row["code"]), []).append(row)
    return [
        {
            "queue": queue,
            "code": code,
            "dead_letters": len(rows),
            "reason": Counter(row["reason"] for row in rows).most_common(1)[0][0],
            "examples": [row["request_id"] or row["body"][:_BEGINNING] for row in rows[:_EXAMPLES]],
        }
        for (queue, code), rows in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def _queues(stack: DeployedStack) -> list[str]:
    """The dead-letter queues that a stack has."""
    return [name for name in WAYS_BACK if stack.outputs.get(name)]


class _Reading:
    """Messages of a queue, each once, while they are hidden from other readers."""

    def __init__(self, aws: Aws, url: str, queue: str) -> None:
        self._aws = aws
        self._url = url
        self._queue = queue
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

    async def letters(self) -> AsyncIterator[DeadLetter]:
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
            messages = (await self._aws.json("sqs", "ReceiveMessage", asked)).get("Messages") or ()
            if not messages:
                return
            # All of them before the first is handed on: to stop at that one must not leave the others hidden.
            self._hidden |= {one["MessageId"]: one["ReceiptHandle"] for one in messages}
            fresh = [one for one in messages if one["MessageId"] not in self._seen]
            self._seen |= {one["MessageId"] for one in fresh}
            old = 0 if fresh else old + 1
            for one in fresh:
                yield self._letter(one)

    async def delete(self, letter: DeadLetter) -> None:
        """Delete one of them. Raises AwsError."""
        handle = self._hidden[letter.message_id]
        await self._aws.json("sqs", "DeleteMessage", {"QueueUrl": self._url, "ReceiptHandle": handle})
        del self._hidden[letter.message_id]

    def _letter(self, message: Mapping[str, Any]) -> DeadLetter:
        sent = int((message.get("Attributes") or {}).get("SentTimestamp", 0)) / 1000
        moment = datetime.fromtimestamp(sent, UTC).isoformat(timespec="milliseconds")
        attributes = message.get("MessageAttributes") or {}
        return DeadLetter(self._queue, message["MessageId"], message["Body"], attributes, moment)
