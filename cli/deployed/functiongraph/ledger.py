"""What a deployment on FunctionGraph says of its batches: the reports that it keeps in its bucket, and its queues."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cli.deployed.base import Body
from cli.deployed.bodies import ledger_lines
from cli.deployed.following import Followed
from cli.deployed.functiongraph.calls import Deployment, Services
from cli.errors import INVALID, CommandError
from cli.ledger import REPORTS, REQUESTS, WAITING, Ledger, Waiting
from cli.ledger.questions import Row, Totals
from local.reports import Report
from untag.hosts.functiongraph import reports as kept
from untag.hosts.functiongraph.queues import Key
from untag.hosts.functiongraph.settings import QUEUES

_MOST_READ = 2000
"""Messages of a queue that are read to see whose they are. With more on it no batch is called complete."""
_KEPT = re.compile(r"kept/[^~]+~(?P<due>[0-9]{10})")


class BucketLedger:
    """The reports of a bucket. Raises CommandError for a deployment that keeps none, and where a call fails."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        check_kept(deployment)
        self._deployment = deployment
        self._folder = folder
        self._read: dict[str, tuple[Ledger, bool]] = {}

    def totals(self, batch: str) -> Totals | None:
        """What a batch has come to; None where nothing is known of it."""
        ledger, whole = self._of(batch)
        totals = ledger.totals(batch)
        return totals and totals._replace(complete=totals.complete and whole)

    def rows(self, batch: str, *, failed_only: bool = False) -> list[Row]:
        """The last word on each pair of a batch."""
        return self._of(batch)[0].rows(batch, failed_only=failed_only)

    def reports(self, batch: str) -> list[Report]:
        """The reports of a batch, for undo."""
        return self._of(batch)[0].reports(batch)

    def waiting(self, batch: str) -> list[Waiting]:
        """The messages of a batch that are on a queue, hidden or not."""
        return self._of(batch)[0].waiting(batch)

    def _of(self, batch: str) -> tuple[Ledger, bool]:
        """A batch's part of the ledger, and whether all that may be about it was read."""
        if batch not in self._read:
            run = self._folder / str(len(self._read)) / "batch"
            run.mkdir(parents=True)
            whole = self._deployment.call(lambda services: _write(services, batch, run))
            self._read[batch] = Ledger(run.parent), whole
        return self._read[batch]


class BucketFollowing(Followed):
    """Reports on what is sent, while they come into the bucket. A context manager; `folder` holds them."""

    def __init__(self, deployment: Deployment, bodies: Iterable[Body], folder: Path, pause: float) -> None:
        super().__init__(bodies, folder)
        check_kept(deployment)
        self._deployment = deployment
        self._pause = pause
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind."""

    def receive(self) -> bool:
        """Wait a few seconds, and read what has come; whether anything has. Raises CommandError."""

        async def read(services: Services) -> list[str]:
            await services.timing.sleep(self._pause)
            keys = [key for batch in self.batches async for key in _kept_keys(services, kept.REPORTS, batch)]
            fresh = [key for key in keys if key not in self._seen]
            texts = await services.texts(fresh)
            self._seen.update(fresh)
            return [text for _, text in texts]

        kept_ones = [self.keep(text) for text in self._deployment.call(read)]
        return any(kept_ones)


def check_kept(deployment: Deployment) -> None:
    """CommandError for a deployment that keeps no reports."""
    if not deployment.places.keeps_reports:
        raise CommandError(
            f"{deployment} keeps no reports, so it does not know what a batch has come to",
            "set report_days in its tfvars and apply; until then its topic of reports is the only place they come to, "
            "and `untag undo` takes a file of reports that a subscriber has kept",
            status=INVALID,
        )


async def copy_requests(services: Services, requests: Sequence[Body]) -> None:
    """The ledger's own copy of requests. Raises HuaweiError."""
    by_batch: dict[str, list[Body]] = {}
    for request in requests:
        by_batch.setdefault(str(request["batch"]), []).append(request)
    for batch, bodies in by_batch.items():
        await kept.keep_text(services.obs, kept.folder(kept.REQUESTS, batch), ledger_lines(bodies).decode())


async def _write(services: Services, batch: str, run: Path) -> bool:
    """Write what the bucket knows of a batch into a folder; whether all that may be about it was read."""
    # The queues first: what leaves them meanwhile is in the reports then.
    waiting, whole = await _messages(services)
    lines = [json.dumps({"body": body, "due": due.isoformat()}, ensure_ascii=False) for body, due in waiting]
    (run / WAITING).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for kind, name in ((kept.REPORTS, REPORTS), (kept.REQUESTS, REQUESTS)):
        keys = [key async for key in _kept_keys(services, kind, batch)]
        texts = await services.texts(keys)
        (run / name).write_text("".join(f"{text.rstrip()}\n" for _, text in texts), encoding="utf-8")
    return whole


async def _kept_keys(services: Services, kind: str, batch: str) -> AsyncIterator[str]:
    async for one in services.obs.listed(kept.folder(kind, batch)):
        yield one.key


async def _messages(services: Services) -> tuple[list[tuple[str, datetime]], bool]:
    """The messages on all queues with their times, and whether that is all of them.

    Not what a grace keeps until later: the batch is complete once that is announced.
    """
    dues: dict[str, datetime] = {}
    whole = True
    for queue in QUEUES:
        count = 0
        async for one in services.obs.listed(f"{queue}/"):
            if (key := Key.read(one.key)) is None:
                continue
            count += 1
            if count > _MOST_READ:
                whole = False
                break
            dues[one.key] = datetime.fromtimestamp(key.due, UTC)
    async for one in services.obs.listed("kept/"):
        if (match := _KEPT.fullmatch(one.key)) and int(match["due"]) <= services.timing.now():
            dues[one.key] = datetime.fromtimestamp(int(match["due"]), UTC)
    return [(text, dues[key]) for key, text in await services.texts(list(dues))], whole
