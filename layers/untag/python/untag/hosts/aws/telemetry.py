"""Logs and metrics: one line for each request, one set of metrics for each provider, flushed whatever happens."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from untag.core.chunks import chunks
from untag.hosts.base import place_of
from untag.providers import Answer, Verdict

if TYPE_CHECKING:
    from untag.contracts import Report, Tag
    from untag.providers import Scope, Seen

logger = Logger(service="untag")

NAMESPACE = "untag"
"""Where the metrics stand unless `POWERTOOLS_METRICS_NAMESPACE` says otherwise."""

_MOST_CALLS = 20
"""Provider calls that the line of one request names."""

_MOST_VALUES = 99
"""Values of one metric in one line: EMF takes 100, but at the hundredth powertools writes the line by itself."""


class Telemetry:
    """What happened in one invocation; it is the core's observer.

    Metrics by provider: Calls, ProviderLatency (milliseconds), Retries, Throttles, ClosedAccounts. By provider and
    outcome: Outcomes. Of the function: Rejected (bodies that do not validate), Undelivered (records returned),
    InternalErrors, and, since an alarm can only watch a metric whose dimensions it names and providers are added:
    ClosedAccounts of all providers, Settled (pairs that have their outcome; deferred ones do not).
    """

    def __init__(self) -> None:
        self._latencies: dict[str, list[float]] = defaultdict(list)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()

    def called(self, provider: str, seconds: float, answer: Answer) -> None:
        """A provider call was answered, or was not."""
        self._latencies[provider].append(seconds * 1000)
        if logger.log_level <= logging.DEBUG:
            logger.debug(
                "provider call",
                extra={
                    "provider": provider,
                    "verdict": answer.verdict.value,
                    "code": answer.code,
                    "provider_request_id": answer.request_id,
                    "milliseconds": round(seconds * 1000, 1),
                },
            )
        if answer.verdict is Verdict.THROTTLED:
            self._counts[provider, "Throttles"] += 1

    def retried(self, provider: str) -> None:
        """A call is made once more in this invocation."""
        self._counts[provider, "Retries"] += 1

    def removing(self, scope: "Scope", ids: Sequence[str], tags: "Sequence[Tag]", seen: "Mapping[str, Seen]") -> None:
        """Not noted: the next attempt could not read a line of the log."""

    def closed(self, provider: str, account: str) -> None:
        """An account was closed because its key is refused."""
        self._counts[provider, "ClosedAccounts"] += 1
        self._counts["", "ClosedAccounts"] += 1
        logger.error("account closed: its key is refused", extra={"provider": provider, "account": account})

    def failed(self, error: Exception) -> None:
        """Something in the program itself went wrong. The traceback names no values, and the error only its type."""
        self._counts["", "InternalErrors"] += 1
        logger.error("internal error", extra={"error": type(error).__name__, "at": place_of(error)})

    def rejected(self, record: str, reason: str, **names: str | None) -> None:
        """A body does not validate. `names` are the names in it that can be read."""
        self._counts["", "Rejected"] += 1
        known = {name: text for name, text in names.items() if text is not None}
        logger.warning("rejected", extra={"record": record, "reason": reason[:500], **known})

    def undelivered(self, record: str, reason: str) -> None:
        """A record's results could not be sent; it is returned."""
        self._counts["", "Undelivered"] += 1
        logger.error("not delivered", extra={"record": record, "reason": reason})

    def warned(self, request_id: str, warnings: Iterable[str]) -> None:
        """A request looks mistaken but may be right."""
        for warning in warnings:
            logger.warning(warning, extra={"id": request_id})

    def noted(self, line: str, **facts: Any) -> None:
        """Anything else that is worth a line."""
        logger.info(line, extra=facts)

    def finished(self, pages: "list[Report]", record: str, traceparent: str | None = None) -> None:
        """A request is done with for this attempt. Its line joins the record, the provider's calls and the reports."""
        report = pages[0]
        for outcome, count in report.request_counts.items():
            self._outcomes[report.provider, outcome] += count
        if settled := sum(report.request_counts.values()) - report.request_counts.get("deferred", 0):
            self._counts["", "Settled"] += settled
        logger.info(
            report.summary,
            extra={
                "id": report.id,
                **({} if report.batch is None else {"batch": report.batch}),
                "provider": report.provider,
                "account": report.account,
                "status": report.status,
                "counts": report.request_counts,
                "attempt": report.attempt,
                "dry_run": report.dry_run,
                "record": record,
                "provider_requests": _provider_requests(pages),
                "reports": [page.report_id for page in pages],
                **({} if traceparent is None else {"traceparent": traceparent}),
            },
        )

    def flush(self) -> None:
        """Write all metrics out and start anew."""
        by_provider: dict[str, Counter[str]] = defaultdict(Counter)
        for (provider, name), count in self._counts.items():
            by_provider[provider][name] += count
        for provider in sorted({*by_provider, *self._latencies}):
            dimensions = {"provider": provider} if provider else {}
            latencies = self._latencies[provider]
            if latencies:
                by_provider[provider]["Calls"] = len(latencies)
            first, *others = list(chunks(latencies, _MOST_VALUES)) or [()]
            _emit(dimensions, by_provider[provider], first)
            for part in others:
                _emit(dimensions, {}, part)
        for (provider, outcome), count in sorted(self._outcomes.items()):
            _emit({"provider": provider, "outcome": outcome}, {"Outcomes": count})
        self._latencies.clear()
        self._counts.clear()
        self._outcomes.clear()


def _emit(dimensions: dict[str, str], counts: "Counter[str] | dict[str, int]", latencies: Iterable[float] = ()) -> None:
    emf = AmazonCloudWatchEMFProvider(metric_set={}, dimension_set={}, metadata_set={}, default_dimensions={})
    emf.namespace = emf.namespace or NAMESPACE
    for name, value in dimensions.items():
        emf.add_dimension(name, value)
    for name, count in counts.items():
        emf.add_metric(name, MetricUnit.Count, count)
    for latency in latencies:
        emf.add_metric("ProviderLatency", MetricUnit.Milliseconds, latency)
    emf.flush_metrics()


def _provider_requests(pages: "list[Report]") -> list[str]:
    """The provider's ids of the calls that settled a request's pairs, the first of them where they are many."""
    ids: dict[str, None] = {}
    for page in pages:
        for row in page.outcomes:
            if (id_ := row.get("provider_request_id")) is not None:
                ids[id_] = None
                if len(ids) == _MOST_CALLS:
                    return list(ids)
    return list(ids)
