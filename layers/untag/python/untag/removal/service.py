"""The remove_tags function: batches and payloads in, answers out."""

import json
from collections.abc import Callable
from typing import Any

from untag.contracts import Report
from untag.hosts.base import Handed, Record
from untag.removal.invocation import Invocation
from untag.runtime import Runtime

MAX_ANSWER_BYTES = 5_000_000
"""Past this a manual invoke answers counts and report ids only, since a host bounds what a function may answer."""


class Remover:
    """Carries out removal requests. Made once in a process, and kept between invocations."""

    continues = False

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def batch(self, records: list[Record], left: Callable[[], float]) -> list[str]:
        """Work at a batch; the ids of the records that have to come again. `left` gives the remaining seconds."""
        return self._runtime.run(self._invocation(left).batch(records))

    def payload(self, handed: list[Handed], left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function: a payload, or notifications; the answer is its reports.

        Raises InvocationError where it is invalid, or its results could not be delivered.
        """
        reports = self._runtime.run(self._invocation(left).by_hand(handed))
        answer = {"reports": [report.body() for report in reports]}
        return answer if len(json.dumps(answer)) <= MAX_ANSWER_BYTES else {"reports": _short(reports)}

    def _invocation(self, left: Callable[[], float]) -> Invocation:
        return Invocation(self._runtime, self._runtime.window(left))


def _short(reports: list[Report]) -> list[dict[str, Any]]:
    return [
        {"report_id": report.report_id, "id": report.id, "counts": report.counts, "page": report.page}
        for report in reports
    ]
