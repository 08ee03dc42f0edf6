"""Puts the floors together for the handlers: one event loop, one client and one engine for the life of the process."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import httpx

from untag.aws import Aws, Keys
from untag.contracts import Problem, Report
from untag.core import Accounts, Engine, Timing
from untag.credentials import source_of
from untag.intake import Intake
from untag.invocation import MARGIN_SECONDS, Invocation
from untag.isolation import Isolation
from untag.providers import Registry
from untag.records import SqsRecord
from untag.settings import Settings
from untag.telemetry import Telemetry

MAX_ANSWER_BYTES = 5_000_000
"""Lambda's answer may have 6 MB; past this a manual invoke answers counts and report ids only."""

MAX_PROBLEMS = 100
"""A payload of 6 MB has room for a million mistakes, which no answer has."""

T = TypeVar("T")


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
        self._timing = timing or Timing()
        self._settings = settings = Settings.from_environment(environ)
        self._telemetry = Telemetry()
        self._loop = asyncio.new_event_loop()
        # No proxies out of the environment, and one TLS context for all calls: to make one takes longer than a call.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=settings.concurrency)
        client = httpx.AsyncClient(transport=transport, trust_env=False, limits=limits)
        self._aws = Aws(environ, client, Keys(environ, client, self._timing), self._timing)
        registry = Registry.from_environment(environ, read_first=settings.read_first)
        self._intake = Intake(registry, settings.policy)
        self._isolation = Isolation(self._aws, settings.queue_url)
        source = source_of(settings.credentials, environ, self._aws, self._timing)
        accounts = Accounts(source, settings.rate, self._timing, self._telemetry)
        self._engine = Engine(
            client, accounts, settings.policy, self._timing, self._telemetry, concurrency=settings.concurrency
        )

    def batch(self, records: list[SqsRecord], left: Callable[[], float]) -> dict[str, Any]:
        """Work at a batch; the answer names the records that have to come again. `left` gives the remaining seconds."""
        failed = self._run(self._invocation(left).batch(records))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}

    def payload(self, payload: Any, own_id: str, left: Callable[[], float]) -> dict[str, Any]:
        """Work at a payload sent by hand; the answer is its reports, or what is wrong with it."""
        reports, problems = self._run(self._invocation(left).payload(payload, own_id))
        answer: dict[str, Any] = {}
        if reports:
            answer["reports"] = [report.model_dump(mode="json", exclude_unset=True) for report in reports]
        if problems:
            answer["errors"] = [problem._asdict() for problem in _most(problems)]
        return answer if len(json.dumps(answer)) <= MAX_ANSWER_BYTES else {**answer, "reports": _short(reports)}

    def _invocation(self, left: Callable[[], float]) -> Invocation:
        self._aws.left = lambda: left() - MARGIN_SECONDS
        return Invocation(
            self._settings,
            self._intake,
            self._engine,
            self._aws,
            self._isolation,
            self._telemetry,
            self._timing,
            left,
        )

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        finally:
            self._telemetry.flush()


def _most(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    return [*problems[:MAX_PROBLEMS], Problem("", f"and {len(problems) - MAX_PROBLEMS} more")]


def _short(reports: list[Report]) -> list[dict[str, Any]]:
    return [
        {"report_id": report.report_id, "id": report.id, "counts": report.counts, "page": report.page}
        for report in reports
    ]
