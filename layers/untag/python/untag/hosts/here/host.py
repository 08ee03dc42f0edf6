"""The host itself: its folder, its ways out and its log lines."""

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from untag.contracts import InvalidInputError
from untag.core import CredentialSource, Timing
from untag.core.credential_sources import environment_credentials, file_credentials
from untag.hosts.base import DeliveryError, Message, Record
from untag.hosts.here.lines import append
from untag.hosts.here.write_log import WriteLog
from untag.transport import Client, Transport

if TYPE_CHECKING:
    from untag.contracts import Report, Tag
    from untag.hosts import base
    from untag.providers import Answer, Scope, Seen

REPORTS = "reports.jsonl"
DEAD_LETTERS = "dead-letters.jsonl"
WAITING = "waiting.jsonl"
"""The files in the folder: a report or a dead letter in a line, and the messages that are still to be worked at."""

_log = logging.getLogger("untag")


class Waiting(NamedTuple):
    """A message that is still to be worked at, and the time from which on it is due, in seconds since the epoch.

    `code` and `message` say why it waits, where an attempt has shown that.
    """

    due: float
    body: str
    code: str = ""
    message: str = ""

    def line(self) -> str:
        """As a line of the folder's file."""
        due = datetime.fromtimestamp(self.due, UTC).isoformat(timespec="milliseconds")
        why = {"code": self.code, "message": self.message} if self.code else {}
        return json.dumps({"body": self.body, "due": due, **why})

    @classmethod
    def read(cls, line: str) -> "Waiting":
        """Out of a line."""
        fields = json.loads(line)
        due = datetime.fromisoformat(fields["due"]).timestamp()
        return cls(due, fields["body"], fields.get("code", ""), fields.get("message", ""))


class Here:
    """Everything that the functions ask of a host, in this process.

    The work queue and a function's own queue are lists: `work`, and `own` for a function that goes on by messages to
    itself.
    """

    message_bytes = 1_073_741_824
    """No queue bounds a message; a gigabyte is more than any request has."""
    kept_bytes = message_bytes
    keeps = False
    """A grace is longer than this process lives."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        published: Callable[[str], None] = lambda _: None,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make the folder if it is not there. `published` is called with each report once it is in the folder.

        `transport` is for tests.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environ = environ
        self.published = published
        self.stopping: Callable[[], None] = lambda: None
        """Called by the handler of Ctrl-C's signal when calls in flight are waited for."""
        self.pausing: Callable[[Sequence[Waiting]], None] = lambda _: None
        """Called with all that waits, the next one first, when nothing is due; again from time to time."""
        self.timing = timing or Timing()
        self.client: httpx.AsyncClient = Client(transport or Transport())
        self.write_log = WriteLog(folder)
        self.telemetry: base.Telemetry = _Noting(self.write_log)
        self.quarantine: base.Quarantine = NoQuarantine()
        self.work: list[Waiting] = []
        self.own: list[Waiting] = []

    def keep(self, waiting: Iterable[Waiting]) -> None:
        """Write what still waits into the folder, in place of what is written there: all of it or nothing."""
        path = self.folder / WAITING
        text = "".join(f"{one.line()}\n" for one in waiting)
        if text or path.exists():
            new = path.with_suffix(".new")
            new.write_text(text, encoding="utf-8")
            os.replace(new, path)  # noqa: PTH105 - what a killed process has begun to write must not be read
        self.write_log.clear()

    def kept(self) -> list[Waiting]:
        """What an earlier process has left in the folder."""
        path = self.folder / WAITING
        lines = path.read_text("utf-8").splitlines() if path.exists() else ()
        return [self.again(Waiting.read(line)) for line in lines]

    def again(self, waiting: Waiting) -> Waiting:
        """A message that is worked at once more, with the values that stood where a write was begun for it."""
        return waiting._replace(body=self.write_log.rest_of(waiting.body) or waiting.body)

    def credentials(self, source: str) -> CredentialSource:
        """From `env` or `file:PATH`. Raises InvalidInputError for any other source: there is none here."""
        kind, _, place = source.partition(":")
        if kind == "env":
            return partial(environment_credentials, self.environ)
        if kind == "file":
            return partial(file_credentials, Path(place))
        raise InvalidInputError.of("should be env or file:PATH where no host keeps secrets", "UNTAG_CREDENTIALS")

    def outbox(self, left: Callable[[], float]) -> "Files":  # noqa: ARG002 - files take no time worth counting
        """The ways out of one invocation."""
        return Files(self)


class Files:
    """Reports and dead letters as lines of files; what is left waits in the process."""

    def __init__(self, host: Here) -> None:
        self._host = host

    async def publish(self, messages: Iterable[Message]) -> None:
        """A report in a line."""
        bodies = [message.body for message in messages]
        self._append(REPORTS, bodies)
        for body in bodies:
            self._host.published(body)

    async def send_dead_letters(self, messages: Iterable[Message]) -> None:
        """A dead letter in a line: its body as a text, and its attributes."""
        lines = ({"body": message.body, "attributes": {**message.attributes}} for message in messages)
        self._append(DEAD_LETTERS, (json.dumps(line, ensure_ascii=False) for line in lines))

    async def send_back(self, messages: Iterable[Message]) -> None:
        """Each message waits for its delay."""
        self._host.work += self._delayed(messages)

    async def keep_until(self, messages: Iterable[Message], moment: float, name: str = "") -> None:  # noqa: ARG002
        """Each message waits in this process."""
        self._host.work += [Waiting(moment, message.body, "not_before") for message in messages]

    async def go_on(self, messages: Iterable[Message]) -> None:
        """The same, for the function itself."""
        self._host.own += self._delayed(messages)

    async def kept(self, prefix: str) -> list[str]:  # noqa: ARG002
        """Nothing."""
        return []

    async def rules(self, source: str) -> dict[str, Any]:  # noqa: ARG002
        """Refused: they stand where the stack is."""
        raise InvalidInputError.of("should be a list: rules that stand elsewhere are read by a stack only", "rules")

    def _delayed(self, messages: Iterable[Message]) -> list[Waiting]:
        now = self._host.timing.now()
        return [Waiting(now + message.delay, message.body, *message.why) for message in messages]

    def linger(self, *, more: bool) -> None:
        """Nothing is gained by waiting for others."""

    def _append(self, name: str, lines: Iterable[str]) -> None:
        try:
            append(self._host.folder / name, lines)
        except OSError as error:
            raise DeliveryError(f"{name}: {error.strerror}") from None


class NoQuarantine:
    """Does nothing: if this process dies, all of its records end with it, so none can be kept apart."""

    async def hide(self, record: Record) -> None:
        """Nothing."""

    async def delete(self, record: Record) -> None:
        """Nothing."""

    async def put_back(self, records: Iterable[Record]) -> list[str]:
        """Not taken: they come again as they are."""
        return [record.id for record in records]


class LogLines:
    """What goes wrong, as lines of the log; no metrics."""

    def called(self, provider: str, seconds: float, answer: "Answer") -> None:
        """A call was answered, or was not."""
        _log.debug("%s: %s after %.1f s", provider, answer.code or answer.verdict.value, seconds)

    def retried(self, provider: str) -> None:
        """A call is made once more."""

    def removing(self, scope: "Scope", ids: Sequence[str], tags: "Sequence[Tag]", seen: "Mapping[str, Seen]") -> None:
        """A call is about to remove tags."""

    def closed(self, provider: str, account: str) -> None:
        """An account was closed because its credentials are refused."""
        _log.error("%s/%s is closed: its credentials are refused", provider, account)

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong."""
        _log.error("internal error: %s", type(error).__name__)

    def rejected(self, record: str, reason: str, **names: str | None) -> None:  # noqa: ARG002 - in the report
        """A body does not validate."""
        _log.warning("%s is rejected: %s", record, reason)

    def undelivered(self, record: str, reason: str) -> None:
        """A record's results could not be written; it comes again."""
        _log.error("the results of %s are not written: %s", record, reason)

    def warned(self, request_id: str, warnings: Iterable[str]) -> None:
        """A request looks mistaken but may be right: who reads the files has said so, once for all of them."""

    def finished(self, pages: "list[Report]", record: str, traceparent: str | None = None) -> None:  # noqa: ARG002
        """A request is done with for this attempt."""
        _log.info("%s", pages[0].summary)

    def noted(self, line: str, **facts: Any) -> None:  # noqa: ARG002 - in the notice
        """Anything else that is worth a line."""
        _log.info("%s", line)

    def flush(self) -> None:
        """Nothing is kept."""


class _Noting(LogLines):
    """Also notes the writes that are begun."""

    def __init__(self, write_log: WriteLog) -> None:
        self._write_log = write_log

    def removing(self, scope: "Scope", ids: Sequence[str], tags: "Sequence[Tag]", seen: "Mapping[str, Seen]") -> None:
        """Note what a call is about to remove."""
        self._write_log.note(scope, ids, tags, seen)
