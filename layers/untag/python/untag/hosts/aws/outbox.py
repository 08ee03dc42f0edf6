"""Sends messages in batches, and knows of each one whether it was taken."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from typing_extensions import override

from untag.core import Timing
from untag.core.limits import LONGEST_DELAY_SECONDS
from untag.hosts import base
from untag.hosts.aws.client import TRIES, Aws, AwsError, is_transient, retry_pause
from untag.hosts.aws.kept import keep, kept_bodies
from untag.hosts.aws.rules import read_rules
from untag.hosts.aws.settings import Places
from untag.hosts.base import DeliveryError, Message

SQS_BYTES = 1_048_576
"""A message, and a SendMessageBatch in total: 1 MiB with attributes."""
SNS_BYTES = 262_144
"""A message, and a PublishBatch in total: 256 KiB with attributes."""

_ENTRIES = 10
_LINGER_SECONDS = 0.02
"""How long a message waits for others to share its call: nothing beside a provider's call, a tenth of the calls."""

_Waiting = tuple[Message, int, asyncio.Future[None]]
"""A message, its size, and the future that ends when it was taken or refused."""
_CALLS = 8
"""Batches in flight for one destination."""

_log = logging.getLogger("untag.outbox")

_T = TypeVar("_T")

Refusals = dict[int, tuple[str, bool]]
"""Entries that were not taken: by their place in the batch, AWS's code and whether to try again."""
Send = Callable[[Sequence[Message]], Awaitable[Refusals]]


class Outbox(base.Outbox):
    """The places where results go. One per invocation of a function."""

    def __init__(self, aws: Aws, timing: Timing, places: Places) -> None:
        def to_queue(url: str) -> _Batcher:
            return _Batcher(lambda batch: send_batch(aws, url, batch), SQS_BYTES, timing)

        self._aws = aws
        self._timing = timing
        self._places = places
        self._reports = _Batcher(lambda batch: _publish(aws, places.topic_arn, batch), SNS_BYTES, timing)
        self._dead_letters = to_queue(places.dead_letter_queue_url)
        self._work = to_queue(places.queue_url)
        self._own = to_queue(places.own_queue_url)

    @override
    async def publish(self, messages: Iterable[Message]) -> None:
        await self._reports.put_all(messages)

    @override
    async def send_dead_letters(self, messages: Iterable[Message]) -> None:
        await self._dead_letters.put_all(messages)

    @override
    async def send_back(self, messages: Iterable[Message]) -> None:
        await self._work.put_all(messages)

    @override
    async def keep_until(self, messages: Iterable[Message], moment: float, name: str = "") -> None:
        seconds = moment - self._timing.now()
        if not name and (seconds <= LONGEST_DELAY_SECONDS or not self._places.schedule_group):
            delay = math.ceil(min(max(seconds, 0.0), LONGEST_DELAY_SECONDS))
            await self.send_back([message._replace(delay=delay) for message in messages])
            return
        for message in messages:
            with _delivering():
                await keep(self._aws, self._places, name, message.body, moment)

    @override
    async def kept(self, prefix: str) -> list[str]:
        with _delivering():
            return await kept_bodies(self._aws, self._places.schedule_group, prefix)

    @override
    async def rules(self, source: str) -> dict[str, Any]:
        with _delivering():
            return await read_rules(self._aws, source)

    @override
    async def go_on(self, messages: Iterable[Message]) -> None:
        await self._own.put_all(messages)

    @override
    def linger(self, *, more: bool) -> None:
        for batcher in (self._reports, self._dead_letters, self._work, self._own):
            batcher.seconds = _LINGER_SECONDS if more else 0.0


@contextmanager
def _delivering() -> Iterator[None]:
    try:
        yield
    except AwsError as error:
        raise DeliveryError(error.code) from None


class _Batcher:
    """Collects what is sent at about the same time into as few calls as their sizes allow."""

    def __init__(self, send: Send, limit: int, timing: Timing) -> None:
        self._send = send
        self._limit = limit
        self._timing = timing
        self.seconds = _LINGER_SECONDS
        self._waiting: list[_Waiting] = []
        self._calls = asyncio.Semaphore(_CALLS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: asyncio.Task[None] | None = None

    async def put_all(self, messages: Iterable[Message]) -> None:
        """Send every message; raises DeliveryError if one was not taken, after all were tried."""
        waits = [self._put(*self._fitted(message)) for message in messages]
        if len(waits) == 1:  # the report of a small request: there is nothing to gather
            await waits[0]
            return
        for result in await asyncio.gather(*waits, return_exceptions=True) if waits else ():
            if isinstance(result, BaseException):
                raise result

    def _fitted(self, message: Message) -> tuple[Message, int]:
        if (size := size_of(message)) <= self._limit and all(message.attributes.values()):
            return message, size
        kept = within(message, self._limit)
        if kept.attributes != message.attributes:
            # What the message itself has no room for can be read here.
            _log.warning(
                "sent without attributes: the body leaves no room", extra={"attributes": {**message.attributes}}
            )
        return kept, size_of(kept)

    def _put(self, message: Message, size: int) -> asyncio.Future[None]:
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, size, taken))
        if len(self._waiting) >= _ENTRIES:
            if self._later is not None:
                self._later.cancel()
            self._start(self._flush())
        elif len(self._waiting) == 1:
            self._later = self._start(self._flush_later())
        return taken

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _flush_later(self) -> None:
        await self._timing.sleep(self.seconds)
        self._later = None  # sending has begun; do not cancel it
        await self._flush()

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        sized = (((message, taken), size) for message, size, taken in waiting)
        await asyncio.gather(*(self._deliver(batch) for batch in in_batches(sized, self._limit)))

    async def _deliver(self, batch: list[tuple[Message, asyncio.Future[None]]]) -> None:
        """One batch, and again what was refused for a passing reason; every future has its answer in the end."""
        for number in range(TRIES):
            try:
                async with self._calls:
                    refused = await self._send([message for message, _ in batch])
            except AwsError as error:  # already tried more than once
                refused = dict.fromkeys(range(len(batch)), (error.code, False))
            except Exception as error:  # noqa: BLE001 - a future without an answer would wait for ever
                refused = dict.fromkeys(range(len(batch)), (type(error).__name__, False))
            again = []
            for place, (message, taken) in enumerate(batch):
                code, transient = refused.get(place, ("", False))
                if taken.done():  # its delivery was given up
                    continue
                if not code:
                    taken.set_result(None)
                elif transient and number + 1 < TRIES:
                    again.append((message, taken))
                else:
                    taken.set_exception(DeliveryError(code))
            if not again:
                return
            batch = again
            await self._timing.sleep(retry_pause(self._timing, number))


def in_batches(sized: Iterable[tuple[_T, int]], limit: int) -> Iterator[list[_T]]:
    """What one call can carry: ten entries, of no more bytes together than the limit."""
    batch: list[_T] = []
    size = 0
    for entry, weight in sized:
        if batch and (len(batch) == _ENTRIES or size + weight > limit):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


async def send_batch(aws: Aws, queue_url: str, batch: Sequence[Message], tries: int = TRIES) -> Refusals:
    """Send up to ten messages to a queue. Raises AwsError where the call as a whole failed."""
    entries = [
        {
            "Id": str(place),
            "MessageBody": message.body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
            },
            **({"DelaySeconds": message.delay} if message.delay else {}),
        }
        for place, message in enumerate(batch)
    ]
    answer = await aws.json("sqs", "SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries}, tries)
    taken = {entry.get("Id") for entry in answer.get("Successful") or ()}
    failed = {entry.get("Id"): entry for entry in answer.get("Failed") or ()}
    return _refusals(
        len(batch), taken, {id_: (entry.get("Code"), entry.get("SenderFault")) for id_, entry in failed.items()}
    )


async def _publish(aws: Aws, topic_arn: str, batch: Sequence[Message]) -> Refusals:
    parameters = {"TopicArn": topic_arn}
    for place, message in enumerate(batch):
        entry = f"PublishBatchRequestEntries.member.{place + 1}"
        parameters |= {f"{entry}.Id": str(place), f"{entry}.Message": message.body}
        if message.subject:
            parameters[f"{entry}.Subject"] = message.subject
        for number, (name, value) in enumerate(message.attributes.items(), 1):
            attribute = f"{entry}.MessageAttributes.entry.{number}"
            parameters |= {
                f"{attribute}.Name": name,
                f"{attribute}.Value.DataType": "String",
                f"{attribute}.Value.StringValue": value,
            }
    answer = await aws.sns("PublishBatch", parameters)
    taken = {member.findtext("{*}Id") for member in answer.iterfind(".//{*}Successful/{*}member")}
    failed = {member.findtext("{*}Id"): _failed_entry(member) for member in answer.iterfind(".//{*}Failed/{*}member")}
    return _refusals(len(batch), taken, failed)


def _failed_entry(member: Element) -> tuple[str | None, bool]:
    return member.findtext("{*}Code"), member.findtext("{*}SenderFault") == "true"


def _refusals(count: int, taken: set[Any], failed: dict[Any, tuple[Any, Any]]) -> Refusals:
    """What the answer of success does not say was taken. An entry that it does not name at all was not."""
    refused: Refusals = {}
    for place in range(count):
        id_ = str(place)
        if id_ in failed:
            code, sender_fault = failed[id_]
            refused[place] = (str(code or "unknown"), not sender_fault or is_transient(str(code)))
        elif id_ not in taken:
            refused[place] = ("not_answered", True)
    return refused


_TYPE_BYTES = len("String")


def size_of(message: Message) -> int:
    """Bytes as AWS counts them: the body, and each attribute's name, type and value."""
    attributes = sum(len(name) + _TYPE_BYTES + len(value.encode()) for name, value in message.attributes.items())
    return len(message.body.encode()) + len(message.subject) + attributes


def within(message: Message, limit: int) -> Message:
    """The message, or, where it is too large with its attributes, with `code` only, or else bare."""
    for attributes in (message.attributes, {"code": message.attributes.get("code", "")}):
        kept = message._replace(attributes={name: value for name, value in attributes.items() if value})
        if size_of(kept) <= limit:
            return kept
    return message._replace(attributes={})
