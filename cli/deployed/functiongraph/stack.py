"""A deployment on FunctionGraph as the commands ask it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from typing_extensions import override

from cli import base as shared
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
from cli.deployed.functiongraph import ledger, letters, scheduled, sending
from cli.deployed.functiongraph.calls import Deployment, Services
from local.terminal.console import safe

T = TypeVar("T")


class FunctionGraphStack(Stack):
    """A deployment that Terraform's outputs describe, or the local one."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __str__(self) -> str:
        """The stack in an error's words."""
        return str(self._deployment)

    @property
    @override
    def place(self) -> Place:
        return self._deployment.place

    @property
    @override
    def max_pairs(self) -> int:
        return self._deployment.max_pairs

    @property
    @override
    def look_seconds(self) -> float:
        return 2.0 if self.place.local else 10.0

    @override
    def send(self, queue: Queue, bodies: Sequence[Body], seen: Seen) -> Sent:
        return self._rung(lambda services: sending.send(services, queue, bodies, seen))

    @property
    @override
    def keeps_reports(self) -> bool:
        return self._deployment.places.keeps_reports

    @override
    def keep_copy(self, requests: Sequence[Body]) -> None:
        if self.keeps_reports:
            self._deployment.call(lambda services: ledger.copy_requests(services, requests))

    @override
    def ledger(self, folder: Path) -> BatchLedger:
        return ledger.BucketLedger(self._deployment, folder)

    @override
    def following(self, bodies: Iterable[Body], folder: Path) -> AbstractContextManager[Following]:
        return ledger.BucketFollowing(self._deployment, bodies, folder, pause=1.0 if self.place.local else 3.0)

    @override
    def dead_letters(self, chosen: Chosen, seen: Seen) -> list[DeadLetter]:
        return self._deployment.call(lambda services: letters.listed(services, chosen, seen))

    @override
    def redrive(self, meant: Iterable[DeadLetter], done: Redriven, seen: Seen) -> None:
        self._rung(lambda services: letters.redrive(services, meant, done, seen))

    @override
    def kept(self) -> list[Kept]:
        return self._deployment.call(scheduled.list_kept)

    @override
    def cancel(self, kept_name: str) -> bool:
        return self._deployment.call(lambda services: scheduled.cancel(services, kept_name))

    def _rung(self, work: Callable[[Services], Awaitable[T]]) -> T:
        """What work gives that rings bells. Bells that are refused are told: what they name is late."""

        async def whole(services: Services) -> tuple[T, list[str]]:
            return await work(services), services.refused_bells

        given, refused = self._deployment.call(whole)
        if refused:
            shared.err.print(
                f"the functions could not be called ({safe(refused[0])}): the timer finds what was put on the queue "
                "within three minutes",
                style="yellow",
                soft_wrap=True,
            )
        return given
