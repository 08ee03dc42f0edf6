"""What a finished job has to tell, and what it leaves to do: reports, remainders, dead requests."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from untag.contracts import Deferral, Report, Result, Tag, report_pages
from untag.contracts.outcomes import BAD
from untag.contracts.reports import row
from untag.contracts.requests import MAX_ATTEMPT, timestamp
from untag.core.jobs import Job

_SOON_SECONDS = 1.0
_BACKOFF_SECONDS = 15.0
_LONGEST_SECONDS = 900.0
"""SQS delays a message by 15 minutes at most."""


class Left(NamedTuple):
    """Requests that are left of a job, as bodies, with why. `delay` is in seconds and theirs alone to know."""

    bodies: list[dict[str, Any]]
    code: str = ""
    reason: str = ""
    delay: float = 0.0


def report(job: Job, now: float) -> list[Report]:
    """The pages of the job's report. Raises AssertionError if a pair has no result."""
    request = job.request
    rows = []
    deferred = 0
    for type_, id_, tag, result in job.rows():
        if isinstance(result, Result):
            rows.append(row(type_, id_, tag, result))
        else:
            deferred += 1
    if len(rows) + deferred != request.pairs():
        raise AssertionError("the outcomes do not add up to the pairs")
    facts = {
        "kind": "removal",
        "id": request.id,
        "action": request.action,
        "provider": request.provider,
        "account": request.account,
        "region": request.region,
        "attempt": request.attempt,
        "dry_run": job.dry_run,
        "reason": request.reason,
        "started_at": timestamp(job.started_at),
        "finished_at": timestamp(now),
    }
    if request.project_id is not None:
        facts["project_id"] = request.project_id
    return report_pages(facts, rows, deferred)


def remainder(job: Job, chance: Callable[[], float]) -> Left:
    """What is left to try again: requests that name exactly the deferred pairs, and how long they have to wait."""
    if not any(isinstance(result, Deferral) for block in job.blocks for result in block.results):
        return Left([])
    request = job.request
    first = timestamp(job.first_attempt_at)
    bodies = []
    delay = 0.0
    for counted in (True, False):
        attempt = min(request.attempt + 1, MAX_ATTEMPT) if counted else request.attempt

        def wanted(result: Result | Deferral, counted: bool = counted) -> bool:
            return isinstance(result, Deferral) and result.counted is counted

        # What a stack's switch made a dry run stays one, even if the switch is turned off while it is under way.
        bodies += _bodies(job, wanted, attempt=attempt, first_attempt_at=first, dry_run=job.dry_run)
    deferrals = {result for *_, result in job.rows() if isinstance(result, Deferral)}
    for deferral in deferrals:
        base = _BACKOFF_SECONDS * 2 ** min(request.attempt - 1, 10) if deferral.counted else _SOON_SECONDS
        delay = max(delay, deferral.delay + chance() * min(_LONGEST_SECONDS, base))
    # Whole seconds, as SQS takes them, and never fewer than were asked for.
    return Left(bodies, delay=min(max(math.ceil(delay), 1.0), _LONGEST_SECONDS))


def failed_requests(job: Job) -> list[Left]:
    """What ended badly, as requests that can be sent again, one letter for each code."""
    kinds = dict.fromkeys((bad.outcome, bad.code, bad.message) for *_, result in job.rows() if (bad := _bad(result)))
    letters = []
    for outcome, code in dict.fromkeys((outcome, code) for outcome, code, _ in kinds):

        def wanted(result: Result | Deferral, outcome: str = outcome, code: str | None = code) -> bool:
            bad = _bad(result)
            return bad is not None and (bad.outcome, bad.code) == (outcome, code)

        message = next(message for *kind, message in kinds if kind == [outcome, code])
        letters.append(Left(_bodies(job, wanted, attempt=1), code or outcome, f"{outcome}: {message or code}"))
    return letters


def _bad(result: Result | Deferral) -> Result | None:
    return result if isinstance(result, Result) and result.outcome in BAD else None


def _bodies(job: Job, wanted: Callable[[Result | Deferral], bool], **changes: Any) -> list[dict[str, Any]]:
    """Request bodies that together name exactly the wanted pairs: what is left need not be a rectangle."""
    by_tags: dict[tuple[Tag, ...], dict[str, list[str]]] = {}
    for block in job.blocks:
        width = len(block.tags)
        for number, id_ in enumerate(block.ids):
            results = block.results[number * width : (number + 1) * width]
            tags = tuple(
                tag for tag, result in zip(block.tags, results, strict=True) if result is not None and wanted(result)
            )
            if tags:
                by_tags.setdefault(tags, {}).setdefault(block.scope.type, []).append(id_)
    return [job.request.body(resources, list(tags), **changes) for tags, resources in by_tags.items()]
