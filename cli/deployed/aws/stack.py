"""A stack on AWS as the commands ask it."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from typing_extensions import override

from cli.deployed.aws import dead_letters, kept, ledger, sending
from cli.deployed.aws.calls import DeployedStack
from cli.deployed.base import (
    BatchLedger,
    Body,
    Chosen,
    DeadLetter,
    Following,
    Kept,
    Place,
    Queue,
    Redriven,
    Seen,
    Sent,
    Stack,
)

_QUEUES = {"work": "WorkQueueUrl", "sweep": "SweepQueueUrl"}
"""The outputs that name the queues."""


class AwsStack(Stack):
    """A stack that CloudFormation describes, or the local one."""

    def __init__(self, stack: DeployedStack) -> None:
        self._stack = stack

    def __str__(self) -> str:
        """The stack in an error's words."""
        return str(self._stack)

    @property
    @override
    def place(self) -> Place:
        return self._stack.place

    @property
    @override
    def max_pairs(self) -> int:
        return int(self._stack.parameters.get("MaxPairs") or 0)

    @property
    @override
    def keeps_reports(self) -> bool:
        return self.place.local or bool(self._stack.outputs.get("LedgerWorkGroup"))

    @property
    @override
    def look_seconds(self) -> float:
        # Reports reach the ledger on AWS after a minute or two, and each look is paid for.
        return 2.0 if self.place.local else 30.0

    @override
    def send(self, queue: Queue, bodies: Sequence[Body], seen: Seen) -> Sent:
        url = self._stack.output(_QUEUES[queue])
        return self._stack.call(lambda aws: sending.send(aws, url, bodies, seen))

    @override
    def keep_copy(self, requests: Sequence[Body]) -> None:
        if bucket := self._stack.outputs.get("LedgerBucket"):
            path, content = ledger.copied(requests, bucket)
            self._stack.call(lambda aws: aws.put_object(path, content))

    @override
    def ledger(self, folder: Path) -> BatchLedger:
        return ledger.ledger_of(self._stack, folder)

    @override
    def following(self, bodies: Iterable[Body], folder: Path) -> AbstractContextManager[Following]:
        from cli.deployed.aws.following import QueueFollowing  # noqa: PLC0415 - only --follow needs it

        return QueueFollowing(self._stack, bodies, folder)

    @override
    def dead_letters(self, chosen: Chosen, seen: Seen) -> list[DeadLetter]:
        return self._stack.call(lambda aws: dead_letters.listed(aws, self._stack, chosen, seen))

    @override
    def redrive(self, meant: Iterable[DeadLetter], done: Redriven, seen: Seen) -> None:
        self._stack.call(lambda aws: dead_letters.redrive(aws, self._stack, meant, done, seen))

    @override
    def kept(self) -> list[Kept]:
        group = self._stack.output("ScheduleGroupName")
        return self._stack.call(lambda aws: kept.list_kept(aws, group))

    @override
    def cancel(self, kept_name: str) -> bool:
        group = self._stack.output("ScheduleGroupName")
        return self._stack.call(lambda aws: kept.cancel(aws, group, kept_name))
