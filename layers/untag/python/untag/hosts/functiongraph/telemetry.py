"""Log lines and metrics: lines of JSON on standard output, which FunctionGraph hands to LTS.

LTS reads fields out of such lines, and its alarms count and add them up. A line of metrics has the message `metrics`
and the names that docs/functiongraph.md lists.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from untag.hosts.base import place_of
from untag.providers import Answer, Verdict

if TYPE_CHECKING:
    from untag.contracts import Report, Tag
    from untag.providers import Scope, Seen

_MOST_CALLS = 20
"""Provider calls that the line of one request names."""


def write_line(level: str, message: str, **facts: Any) -> None:
    """One line of the log."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"level": level, "time": time, "service": "untag", "message": message, **facts}
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


class Telemetry:
    """What happened in one invocation; it is the core's observer.

    Metrics by provider: Calls, ProviderMilliseconds (of all calls together), Retries, Throttles, ClosedAccounts,
    Outcomes (by outcome). Of the function: Rejected, Undelivered, InternalErrors, Settled.
    """

    def __init__(self) -> None:
        self.request_id = ""
        """The invocation's."""
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)

    def called(self, provider: str, seconds: float, answer: Answer) -> None:
        """A provider call was answered, or was not."""
        counts = self._counts[provider]
        counts["Calls"] += 1
        counts["ProviderMilliseconds"] += round(seconds * 1000)
        counts["Throttles"] += answer.verdict is Verdict.THROTTLED

    def retried(self, provider: str) -> None:
        """A call is made once more in this invocation."""
        self._counts[provider]["Retries"] += 1

    def removing(self, scope: "Scope", ids: Sequence[str], tags: "Sequence[Tag]", seen: "Mapping[str, Seen]") -> None:
        """Not noted: the next attempt could not read a line of the log."""

    def closed(self, provider: str, account: str) -> None:
        """An account was closed because its credentials are refused."""
        self._counts[provider]["ClosedAccounts"] += 1
        self._line("ERROR", "account closed: its credentials are refused", provider=provider, account=account)

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong. The line names the error's type and place, and no value."""
        self._counts[""]["InternalErrors"] += 1
        self._line("ERROR", "internal error", error=type(error).__name__, at=place_of(error))

    def rejected(self, record: str, reason: str, **names: str | None) -> None:
        """A body does not validate. `names` are the names in it that can be read."""
        self._counts[""]["Rejected"] += 1
        known = {name: text for name, text in names.items() if text is not None}
        self._line("WARNING", "rejected", record=record, reason=reason[:500], **known)

    def undelivered(self, record: str, reason: str) -> None:
        """A record's results could not be sent; it is returned."""
        self._counts[""]["Undelivered"] += 1
        self._line("ERROR", "not delivered", record=record, reason=reason)

    def warned(self, request_id: str, warnings: Iterable[str]) -> None:
        """A request looks mistaken but may be right."""
        for warning in warnings:
            self._line("WARNING", warning, id=request_id)

    def noted(self, line: str, **facts: Any) -> None:
        """Anything else that is worth a line."""
        self._line("INFO", line, **facts)

    def finished(self, pages: "list[Report]", record: str, traceparent: str | None = None) -> None:
        """A request is done with for this attempt. Its line joins the record, the provider's calls and the reports."""
        report = pages[0]
        self._outcomes[report.provider].update(report.request_counts)
        self._counts[""]["Settled"] += sum(report.request_counts.values()) - report.request_counts.get("deferred", 0)
        requests = (row.get("provider_request_id") for page in pages for row in page.outcomes)
        facts = {
            "id": report.id,
            "batch": report.batch,
            "provider": report.provider,
            "account": report.account,
            "status": report.status,
            "counts": report.request_counts,
            "attempt": report.attempt,
            "dry_run": report.dry_run,
            "record": record,
            "provider_requests": list(islice(dict.fromkeys(id_ for id_ in requests if id_ is not None), _MOST_CALLS)),
            "reports": [page.report_id for page in pages],
            "traceparent": traceparent,
        }
        self._line("INFO", report.summary, **{name: fact for name, fact in facts.items() if fact is not None})

    def flush(self) -> None:
        """Write all metrics out and start anew."""
        for provider in sorted({*self._counts, *self._outcomes}):
            counts = {name: count for name, count in self._counts[provider].items() if count}
            outcomes = dict(self._outcomes[provider])
            named = {"provider": provider} if provider else {}
            if counts or outcomes:
                self._line("INFO", "metrics", **named, **counts, **({"Outcomes": outcomes} if outcomes else {}))
        self._counts.clear()
        self._outcomes.clear()

    def _line(self, level: str, message: str, **facts: Any) -> None:
        write_line(level, message, **facts, **({"request_id": self.request_id} if self.request_id else {}))
