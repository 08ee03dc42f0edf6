"""What follows from a finished job: its report, its remainder and its dead letters."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from untag.contracts import Deferral, Outcome, Report, Result, Tag, report_pages
from untag.contracts.outcomes import BAD, MISSING
from untag.contracts.reports import HeldBack, Row, row
from untag.contracts.requests import MAX_ATTEMPT, timestamp
from untag.core.jobs import Job
from untag.core.limits import BACKOFF_SECONDS, LONGEST_DELAY_SECONDS, SOON_SECONDS
from untag.core.policy import HELD_WHOLE
from untag.providers import Asked


class FollowUp(NamedTuple):
    """Requests that follow from a job, as bodies, and why: a remainder, or what goes to the dead letters. `delay` is in
    seconds, and only a remainder has it.
    """

    bodies: list[dict[str, Any]]
    code: str = ""
    reason: str = ""
    delay: float = 0.0


def report(job: Job, now: float) -> list[Report]:
    """The pages of the job's report. Raises AssertionError if a pair has no result."""
    request = job.request
    rows: list[Row] = []
    deferred = 0
    held_back = _held_back(job)
    for type_, id_, tag, result in job.rows() if held_back is None else ():
        if isinstance(result, Result):
            rows.append(row(type_, id_, tag, result))
        else:
            deferred += 1
    if len(rows) + deferred + (0 if held_back is None else held_back["pairs"]) != job.pairs:
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
    for name in ("batch", "project_id"):
        if (value := getattr(request, name)) is not None:
            facts[name] = value
    return report_pages(facts, rows, deferred, held_back, _hints(job, rows, deferred))


def _held_back(job: Job) -> HeldBack | None:
    """Why the whole request is held back, if it is."""
    held = next((result for block in job.blocks for result in block.results), None)
    if not isinstance(held, Result) or held.outcome is not Outcome.PROTECTED or held.code not in HELD_WHOLE:
        return None
    if any(result != held for block in job.blocks for result in block.results):
        return None
    return HeldBack(code=held.code, message=held.message or held.code, pairs=job.pairs)


def _hints(job: Job, rows: list[Row], deferred: int) -> list[str]:
    """How long a request is kept, or what looks wrong with one none of whose tags was there."""
    if job.kept_until is not None:
        return [f"kept until {timestamp(job.kept_until)}"]
    if deferred or not rows or job.bears_tags or not {one["outcome"] for one in rows} <= MISSING:
        return []
    return [*warnings_of(job), "no resource with these ids was found, or none bears a tag"]


def warnings_of(job: Job) -> list[str]:
    """What looks like a mistake in a job's request but may be right."""
    asked = Asked.of(job.request)
    providers = dict.fromkeys(block.provider for block in job.blocks)
    return [warning for provider in providers for warning in provider.warnings(asked)]


def remainder(job: Job, chance: Callable[[], float]) -> FollowUp:
    """What is left to try again: requests that name exactly the deferred pairs, and how long they have to wait."""
    if job.kept_until is not None or not any(
        isinstance(result, Deferral) for block in job.blocks for result in block.results
    ):
        return FollowUp([])
    request = job.request
    first = timestamp(job.first_attempt_at)
    bodies = []
    for counted in (True, False):
        attempt = min(request.attempt + 1, MAX_ATTEMPT) if counted else request.attempt

        def selected(result: Result | Deferral, counted: bool = counted) -> bool:
            return isinstance(result, Deferral) and result.counted is counted

        # What a stack's switch made a dry run stays one, even if the switch is turned off while it is under way.
        bodies += _bodies(job, selected, attempt=attempt, first_attempt_at=first, dry_run=job.dry_run)
    delays: list[tuple[float, str, str]] = []
    for deferral in {result for *_, result in job.rows() if isinstance(result, Deferral)}:
        base = BACKOFF_SECONDS * 2 ** min(request.attempt - 1, 10) if deferral.counted else SOON_SECONDS
        delay = deferral.delay + chance() * min(LONGEST_DELAY_SECONDS, base)
        delays.append((delay, deferral.code, deferral.message))
    delay, code, reason = max(delays)
    # Whole seconds, as queues take them, and never fewer than were asked for.
    return FollowUp(bodies, code, reason, delay=min(max(math.ceil(delay), 1.0), LONGEST_DELAY_SECONDS))


def kept_requests(job: Job) -> list[dict[str, Any]]:
    """Requests that are kept until `job.kept_until`, as bodies; none where that has come.

    The same request leads to the same bodies however often it comes in.
    """
    if job.kept_until is None:
        return []
    return _bodies(job, lambda result: isinstance(result, Deferral), attempt=job.request.attempt, dry_run=job.dry_run)


def failed_requests(job: Job) -> list[FollowUp]:
    """The pairs that ended badly, as requests that can be sent again: one follow-up for each code."""
    kinds = dict.fromkeys((bad.outcome, bad.code, bad.message) for *_, result in job.rows() if (bad := _bad(result)))
    follow_ups = []
    for outcome, code in dict.fromkeys((outcome, code) for outcome, code, _ in kinds):

        def selected(result: Result | Deferral, outcome: str = outcome, code: str | None = code) -> bool:
            bad = _bad(result)
            return bad is not None and (bad.outcome, bad.code) == (outcome, code)

        message = next(message for *kind, message in kinds if kind == [outcome, code])
        follow_ups.append(FollowUp(_bodies(job, selected, attempt=1), code or outcome, f"{outcome}: {message or code}"))
    return follow_ups


def _bad(result: Result | Deferral) -> Result | None:
    return result if isinstance(result, Result) and result.outcome in BAD else None


def _bodies(job: Job, selected: Callable[[Result | Deferral], bool], **changes: Any) -> list[dict[str, Any]]:
    """Request bodies that together name exactly the selected pairs: what is left need not be a rectangle."""
    alike: dict[tuple[tuple[Tag, str | None], ...], dict[str, list[str]]] = {}
    for block in job.blocks:
        width = len(block.tags)
        for number, id_ in enumerate(block.ids):
            first = number * width
            tags = tuple(
                (tag, block.evidence.get(at))
                for at, tag in enumerate(block.tags, first)
                if (result := block.results[at]) is not None and selected(result)
            )
            if tags:
                alike.setdefault(tags, {}).setdefault(block.scope.type, []).append(id_)
    return [
        job.request.body(
            resources, [tag for tag, _ in tags], {tag: was for tag, was in tags if was is not None}, **changes
        )
        for tags, resources in alike.items()
    ]
