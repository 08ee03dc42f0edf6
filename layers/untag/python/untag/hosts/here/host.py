"""The host itself: its folder, its ways out and its log lines."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from untag.contracts import InvalidInputError
from untag.core import CredentialSource, Timing
from untag.core.sources import EnvironmentCredentials, FileCredentials
from untag.hosts.base import DeliveryError, Message, Record
from untag.transport import Client, Transport

if TYPE_CHECKING:
    from untag.contracts import Report
    from untag.hosts import base
    from untag.providers import Answer

REPORTS = "reports.jsonl"
DEAD_LETTERS = "dead-letters.jsonl"
WAITING = "waiting.jsonl"
"""The files in the folder: a report or a dead letter in a line, and the messages that are still to be worked at."""

_log = logging.getLogger("untag")


class Here:
    """Everything that the functions ask of a host, in this process."""

    message_bytes = 1_073_741_824
    """No queue bounds a message; a gigabyte is more than any request has."""
    kept_bytes = message_bytes

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make the folder if it is not there. `transport` is for tests."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environ = environ
        self.timing = timing or Timing()
        self.client: httpx.AsyncClient = Client(transport or Transport())
        self.telemetry: base.Telemetry = LogLines()
        self.quarantine: base.Quarantine = NoQuarantine()
        self.waiting: list[tuple[float, Message]] = []
        """Messages for the work queue, with the time at which each is due."""

    def credentials(self, source: str) -> CredentialSource:
        """From `env` or `file:PATH`. Raises InvalidInputError for any other source: there is none here."""
        kind, _, place = source.partition(":")
        if kind == "env":
            return EnvironmentCredentials(self.environ)
        if kind == "file":
            return FileCredentials(Path(place))
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
        self._append(REPORTS, (message.body for message in messages))

    async def bury(self, messages: Iterable[Message]) -> None:
        """A dead letter in a line: its body as a text, and its attributes."""
        lines = ({"body": message.body, "attributes": {**message.attributes}} for message in messages)
        self._append(DEAD_LETTERS, (json.dumps(line, ensure_ascii=False) for line in lines))

    async def send_back(self, messages: Iterable[Message]) -> None:
        """Each message waits for its delay."""
        now = self._host.timing.monotonic()
        self._host.waiting += [(now + message.delay, message) for message in messages]

    async def keep_until(self, messages: Iterable[Message], moment: float) -> None:
        """Each message waits in this process."""
        due = self._host.timing.monotonic() + max(0.0, moment - self._host.timing.now())
        self._host.waiting += [(due, message) for message in messages]

    async def go_on(self, messages: Iterable[Message]) -> None:
        """As the work queue: there is one function here."""
        await self.send_back(messages)

    def linger(self, *, more: bool) -> None:
        """Nothing is gained by waiting for others."""

    def _append(self, name: str, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if not text:
            return
        try:
            with (self._host.folder / name).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise DeliveryError(f"{name}: {error.strerror}") from None


class NoQuarantine:
    """Does nothing: if this process dies, all of its records end with it, so none can be kept apart."""

    async def hide(self, record: Record) -> None:
        """Nothing."""

    async def delete(self, record: Record) -> None:
        """Nothing."""

    async def put_back(self, record: Record) -> bool:  # noqa: ARG002 - the Protocol's
        """Not taken: it comes again as it is."""
        return False


class LogLines:
    """What goes wrong, as lines of the log; no metrics."""

    def called(self, provider: str, seconds: float, answer: "Answer") -> None:
        """A call was answered, or was not."""
        _log.debug("%s: %s after %.1f s", provider, answer.code or answer.verdict.value, seconds)

    def retried(self, provider: str) -> None:
        """A call is made once more."""

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
        """A request looks mistaken but may be right."""
        for warning in warnings:
            _log.warning("%s: %s", request_id, warning)

    def finished(self, pages: "list[Report]", record: str, traceparent: str | None = None) -> None:  # noqa: ARG002
        """A request is done with for this attempt."""
        _log.info("%s", pages[0].summary)

    def noted(self, line: str, **facts: Any) -> None:  # noqa: ARG002 - in the notice
        """Anything else that is worth a line."""
        _log.info("%s", line)

    def flush(self) -> None:
        """Nothing is kept."""
