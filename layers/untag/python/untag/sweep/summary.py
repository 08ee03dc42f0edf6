"""What a sweep has come to, as a notice for the topic."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from untag.contracts.notices import Notice
from untag.contracts.requests import timestamp
from untag.sweep.rules import Rule
from untag.sweep.state import Progress, Sweep

_DETAILS_BYTES = 200_000
"""A summary with its attributes has 256 KiB at most, as a page of a report has."""


def summary(sweep: Sweep, progress: Sequence[Progress], started_at: float, now: float, *, dry_run: bool) -> Notice:
    """The notice of a sweep that has ended."""
    pairs = list(zip(sweep.rules, progress, strict=True))
    details = [_detail(rule, one, sweep.read) for rule, one in pairs]
    states = {detail["status"] for detail in details}
    counts = sum((Counter(one.counts) for one in progress), Counter[str]())
    asked = counts["pairs"]
    if sweep.due is not None:
        counts["dropped"] = sweep.due.pairs() - asked
    verb = "would be" if dry_run else "is" if asked == 1 else "are"
    asked_for = f"{_number(asked, 'tag')} on {_number(counts['matched'], 'resource')} {verb} asked to be removed"
    wrong = [detail["rule"] for detail in details if detail["status"] != "succeeded"]
    code, reason = None, None
    if wrong:
        code = "rules_failed"
        reason = f"not all of what was asked for could be looked at by: {', '.join(wrong)}"[:1000]
    elif not states:
        code, reason = "no_rules", "the list of rules is empty: nothing is looked for"
        if sweep.due is not None:
            reason = f"rule {sweep.due.rule} is gone, looks elsewhere or has a longer grace by now: what it kept stays"
    going = sorted(when for one in progress for when in one.going)
    if going:
        asked_for += f"; {_number(counts['kept'], 'tag')} to go from {going[0]} on"
    if counts["dropped"]:
        asked_for += f"; {_number(counts['dropped'], 'kept tag')} not asked for"
    cut_short = f"; {_number(len(wrong), 'rule')} not to the end" if wrong else ""
    status = "skipped" if not states else states.pop() if len(states) == 1 else "partial"
    return Notice.of(
        kind="sweep",
        id=sweep.id,
        batch=sweep.batch,
        provider=_only({rule.provider for rule in sweep.rules}),
        account=_only({account for rule in sweep.rules for account in rule.account_names()}),
        region=None,
        status=status,
        code=code,
        reason=reason,
        dry_run=dry_run,
        counts=dict(sorted(counts.items())),
        details=_bounded(details),
        started_at=timestamp(started_at),
        finished_at=timestamp(now),
        summary=f"sweep: {_number(len(sweep.rules), 'rule')}, {asked_for}{cut_short}",
    )


def _detail(rule: Rule, progress: Progress, source: str | None) -> dict[str, Any]:
    places = len(list(rule.places()))
    failed = progress.failed_places >= places
    partly = progress.counts.get("errors") or progress.counts.get("limit_reached")
    return {
        "rule": rule.name,
        "provider": rule.provider,
        "account": ",".join(rule.account_names()),
        "status": "failed" if failed else "partial" if partly else "succeeded",
        "counts": dict(sorted(progress.counts.items())),
        "errors": progress.errors,
        "sample": progress.sample,
        **({"going": dict(sorted(progress.going.items()))} if progress.going else {}),
        **({"source": source} if source else {}),
    }


def _bounded(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The details without their examples, and then with fewer errors, where they are too much for one message."""
    for samples, errors in ((None, None), (10, None), (0, None), (0, 3), (0, 0)):
        cut = [{**one, "sample": one["sample"][:samples], "errors": one["errors"][:errors]} for one in details]
        if len(json.dumps(cut)) <= _DETAILS_BYTES:
            return cut
    return cut


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _only(names: set[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None
