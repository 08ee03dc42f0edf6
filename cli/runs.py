"""A run in this process: its folder in the ledger, its requests carried out to their end, and what is left of it.

The folder holds everything from which a run that was stopped or killed goes on: `requests.jsonl` before anything is
called, and `waiting.jsonl` from the first round of work on. `plan.json` is there where a plan is applied.
"""

import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from cli import base
from cli.environment import settings
from cli.errors import INVALID, CommandError
from cli.files.given import Given, pairs_of
from cli.progress import Pauses, shown
from cli.results import Results
from cli.waits import REFUSED
from local.reports.ledger import FOLDER
from untag.hosts.here import Here, Waiting, WriteLog, carry_out
from untag.hosts.here.host import REPORTS

REQUESTS = "requests.jsonl"
PLAN = "plan.json"
LOCK = "lock"
_PAIR = ("type", "resource_id", "key", "value")


def new_name() -> str:
    """The name of a batch that has none: its moment, and four characters by chance."""
    return f"run-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


class Run:
    """One run. Its folder bears the batch's name, with a number behind it from the batch's second run on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = Results()
        self.host: Here
        # No batch can have such a name.
        self._sweeps = folder.with_name(f"{folder.name}~sweep")
        self._begins = False
        self._lock: IO[str] | None = None

    @classmethod
    def new(cls, batch: str) -> "Run":
        """A run of a batch that has work to begin. Raises CommandError where an earlier one has work left."""
        for earlier in runs_of(batch):
            if earlier.left():
                raise CommandError(
                    f"an earlier run of {batch} has work left: nothing was done",
                    f"untag run --resume {batch}",
                    status=INVALID,
                )
        made = cls(next(folder for number in itertools.count(1) if not (folder := _folder(batch, number)).exists()))
        made._begins = True
        return made

    @property
    def name(self) -> str:
        """The run's own name."""
        return self.folder.name

    def open(self) -> None:
        """Make the folder and the host. Raises CommandError for the environment, a folder that cannot be made, and a
        run at which another process is at work.
        """
        settings()
        try:
            self.folder.mkdir(parents=True, exist_ok=not self._begins)
            self._lock = _locked(self.folder / LOCK)
            self.host = Here(self.folder, os.environ)
        except (BlockingIOError, FileExistsError) as error:
            if isinstance(error, FileExistsError) and not self.folder.is_dir():
                raise CommandError(f"{self.folder} is no folder", "set UNTAG_LEDGER", status=INVALID) from None
            raise CommandError(
                f"another process is at work at {self.name}: nothing was done",
                "untag status BATCH --watch follows it",
                status=INVALID,
            ) from None
        except OSError as error:
            raise CommandError(
                f"the ledger's folder {self.folder} cannot be made: {error.strerror}",
                "set UNTAG_LEDGER",
                status=INVALID,
            ) from None
        for report in _objects(self.folder / REPORTS):
            self.results.add(report)

    def discard(self) -> None:
        """Remove the folder of a run of which nothing was called."""
        for folder in (self.folder, self._sweeps):
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, sweeps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The requests that sweeps ask for now; the clouds are read, and nothing is changed. Raises CommandError.

        Their summaries are kept beside the run, so that its own folder says of nothing else that it waits.
        """
        from untag.sweep.service import Sweeper  # noqa: PLC0415 - only a sweep needs it

        shutil.rmtree(self._sweeps, ignore_errors=True)
        published: list[str] = []
        host = Here(self._sweeps, os.environ, published=published.append)
        host.pausing = Pauses(self.name, base.err)
        with _interrupted_by_sigterm():
            carry_out(host, Sweeper, [json.dumps(sweep) for sweep in sweeps])
        refused = [one for one in map(json.loads, published) if one["kind"] == "rejected"]
        if problems := [error for one in refused for error in one["errors"]]:
            told = "; ".join(f"{error['path']}: {error['message']}" for error in problems)
            raise CommandError(f"a sweep is refused: {told}", "nothing of the files was carried out", status=INVALID)
        bodies = [json.loads(one.body) for one in host.work]
        return [request for body in bodies for request in (body if isinstance(body, list) else [body])]

    def unlisted(self) -> list[dict[str, Any]]:
        """What the rules of its sweeps could not look at: rule and account, code and message, and the place if it is
        one place's.
        """
        return [
            {"rule": detail["rule"], "provider": detail["provider"], "account": detail["account"], **error}
            for notice in _objects(self._sweeps / REPORTS)
            for detail in notice.get("details", ())
            for error in _errors_of(detail)
        ]

    def record(self, requests: Iterable[Mapping[str, Any]], plan: Mapping[str, Any] | None = None) -> None:
        """Write down what is asked for, before anything is called: whole, or not at all.

        `plan` is what is to be known of the plan that asks for it.
        """
        if plan is not None:
            (self.folder / PLAN).write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
        text = "".join(
            json.dumps({**request, "pairs": pairs_of(request)}, ensure_ascii=False) + "\n" for request in requests
        )
        path = self.folder / REQUESTS
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)

    def left(self) -> list[Waiting]:
        """What is still to be worked at: without what was reported on to its end before the process was killed."""
        waiting = self.folder / "waiting.jsonl"
        kept = (
            [Waiting.read(line) for line in waiting.read_text("utf-8").splitlines()]
            if waiting.exists()
            else [Waiting(0.0, json.dumps(request, ensure_ascii=False)) for request in self.asked().requests]
        )
        settled = self._settled()

        def done(request: Mapping[str, Any], type_: str, id_: str, tag: Mapping[str, Any]) -> bool:
            about = request.get("id"), request.get("attempt", 1)
            return (*about, type_, id_, tag["key"], tag.get("value")) in settled

        write_log = WriteLog(self.folder)
        rest = ((one, write_log.rest_of(one.body, done)) for one in kept)
        return [one._replace(body=body) for one, body in rest if body is not None]

    def pairs_left(self) -> int:
        """The pairs in it."""
        bodies = [json.loads(one.body) for one in self.left()]
        return sum(pairs_of(request) for body in bodies for request in (body if isinstance(body, list) else [body]))

    def plan(self) -> dict[str, Any] | None:
        """What is known of the plan that the run applies: its file, and the pairs that were new then; None of a run
        without a plan.
        """
        return next(_objects(self.folder / PLAN), None)

    def asked(self) -> Given:
        """The run's requests."""
        return Given(requests=[_without(request, "pairs") for request in _objects(self.folder / REQUESTS)])

    def carry_out(self) -> None:
        """Work at what is left until nothing is; KeyboardInterrupt leaves a folder from which the run goes on."""
        from untag.removal import Remover  # noqa: PLC0415 - what only asks for a run's state need not load it

        # What waited for other credentials waited in the process that had them: this one may have others.
        left = [one._replace(due=0.0) if one.code in REFUSED else one for one in self.left()]
        with shown(self.results, self.asked().pairs, self.name) as progress, _interrupted_by_sigterm():
            self.host.published = progress.published
            self.host.pausing = progress.pausing
            self.host.stopping = _say_stopping
            carry_out(self.host, Remover, left)

    def _settled(self) -> set[tuple[Any, ...]]:
        """The pairs that have an outcome, each with its request's id and attempt."""
        return {
            (report.get("id"), report.get("attempt", 1), *(row.get(name) for name in _PAIR))
            for report in _objects(self.folder / REPORTS)
            for row in report.get("outcomes") or ()
        }


def _errors_of(detail: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What went wrong with a rule, by its part of a sweep's summary."""
    yield from detail["errors"]
    if detail["counts"].get("limit_reached"):
        yield {"code": "limit_reached", "message": "the rule's limit of resources is reached: there may be more"}
    elif detail["status"] != "succeeded" and not detail["errors"]:
        yield {"code": "errors", "message": "not all of it could be looked at"}


def runs_of(batch: str) -> Iterator[Run]:
    """The runs with requests of a batch, the first one first; and the run of this name, whatever its requests say."""
    name = f'"batch": {json.dumps(batch, ensure_ascii=False)}'.encode()
    paths = sorted(base.ledger().glob(f"*/{REQUESTS}"), key=lambda path: (len(path.parent.name), path.parent.name))
    for path in paths:
        if path.parent.name == batch or name in path.read_bytes():
            yield Run(path.parent)


def _folder(batch: str, number: int) -> Path:
    # "." and ".." name other folders, and one is the local stack's.
    name = f"{batch}~" if not batch.strip(".") or batch == FOLDER else batch
    return base.ledger() / (name if number == 1 else f"{name}.{number}")


def _locked(path: Path) -> IO[str]:
    """A file that one process holds at a time, until it ends in whatever way. Raises BlockingIOError."""
    file = path.open("w", encoding="utf-8")
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        except OSError:
            pass  # a file system without locks
    return file


def _without(request: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != name}


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file that are whole: the last one of a process that was killed may not be."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                yield json.loads(line)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """While it lasts, SIGTERM interrupts as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_stopping() -> None:
    # Unbuffered: in a signal's handler nothing may be written through a buffer that is being written to.
    os.write(2, b"\nstopping when the calls under way are answered; Ctrl-C again stops at once\n")
