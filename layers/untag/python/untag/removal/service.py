"""The remove_tags function: batches and payloads in, answers out."""

import json
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from untag.contracts import Report
from untag.hosts.base import Handed
from untag.removal.invocation import Invocation
from untag.runtime import Window
from untag.worker import Work

MAX_ANSWER_BYTES = 5_000_000
"""Past this a manual invoke answers counts and report ids only, since a host bounds what a function may answer."""


class Remover(Work):
    """Carries out removal requests."""

    def payload(self, handed: list[Handed], left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function: a payload, or notifications; the answer is its reports.

        Raises InvocationError where it is invalid, or its results could not be delivered.
        """
        reports = self._runtime.run(self.invocation(self._runtime.window(left)).by_hand(handed))
        answer = {"reports": [report.body() for report in reports]}
        return answer if len(json.dumps(answer)) <= MAX_ANSWER_BYTES else {"reports": _short(reports)}

    @override
    def invocation(self, window: Window) -> Invocation:
        return Invocation(self._runtime, window)


def _short(reports: list[Report]) -> list[dict[str, Any]]:
    return [
        {"report_id": report.report_id, "id": report.id, "counts": report.counts, "page": report.page}
        for report in reports
    ]
