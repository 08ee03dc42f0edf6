"""The remove_tags function: batches and payloads in, answers out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from untag.contracts import Report
from untag.core import Timing
from untag.intake import Intake
from untag.invocation import Invocation
from untag.isolation import Isolation
from untag.records import SqsRecord, handed_over
from untag.runtime import Runtime

MAX_ANSWER_BYTES = 5_000_000
"""Lambda's answer may have 6 MB; past this a manual invoke answers counts and report ids only."""


class Remover:
    """Carries out removal requests. Made once in a process, and kept between invocations."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the environment; raises InvalidInputError that names the variable. `transport` is for tests."""
        self._runtime = Runtime(environ, timing=timing, transport=transport)
        settings = self._runtime.settings
        self._intake = Intake(self._runtime.registry, settings.policy)
        self._isolation = Isolation(self._runtime.aws, settings.queue_url)

    def batch(self, records: list[SqsRecord], left: Callable[[], float]) -> dict[str, Any]:
        """Work at a batch; the answer names the records that have to come again. `left` gives the remaining seconds."""
        failed = self._runtime.run(self._invocation(left).batch(records))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}

    def payload(self, payload: Any, own_id: str, left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function: a payload, or notifications of SNS; the answer is its reports.

        Raises InvocationError where it is invalid, or its results could not be delivered.
        """
        reports = self._runtime.run(self._invocation(left).by_hand(handed_over(payload, own_id)))
        answer = {"reports": [report.body() for report in reports]}
        return answer if len(json.dumps(answer)) <= MAX_ANSWER_BYTES else {"reports": _short(reports)}

    def _invocation(self, left: Callable[[], float]) -> Invocation:
        return Invocation(self._runtime, self._runtime.window(left), self._isolation, self._intake)


def _short(reports: list[Report]) -> list[dict[str, Any]]:
    return [
        {"report_id": report.report_id, "id": report.id, "counts": report.counts, "page": report.page}
        for report in reports
    ]
