"""What became of one thing that an event says, and its notice."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from untag.contracts import InvalidInputError
from untag.contracts.notices import Notice
from untag.contracts.reports import clip, printable
from untag.core import Policy
from untag.core.requests import LeftOut, Resource, shortened
from untag.decommission.events import DETAIL_TYPE, Gone, Ignored, Said
from untag.decommission.reading import Why
from untag.hosts.base import Message
from untag.messages import code_of_cloud, rejected_dead_letter

_REASON_BYTES = 240
_MOST_DETAILS = 100
"""Resources that a notice names: all of them could be more than a message holds. `counts` counts them all."""

_LONGEST_ID = 240
"""Of an event's id, so that requests can be named after it."""

_REST = "-rest"


@dataclass(slots=True)
class Findings:
    """What became of one thing that an event says.

    `bodies` are the requests. `left_out` has why there is nothing to request of a resource. `unread` has why its tags
    cannot be read, and `rest` is an event that speaks of these resources only. `unnamed` are tags that no request can
    name; `by_key` counts those that are asked for by their key alone. `error` is why there is none of all this.
    """

    said: Said
    account: str | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[Resource, Why] = field(default_factory=dict)
    unread: dict[Resource, Why] = field(default_factory=dict)
    unnamed: list[LeftOut] = field(default_factory=list)
    by_key: int = 0
    rest: dict[str, Any] = field(default_factory=dict)
    error: InvalidInputError | None = None
    notice: Notice | None = None

    def head(self) -> dict[str, Any]:
        """The fields that all requests of the event share."""
        said = self.said
        if not isinstance(said, Gone):
            return {}
        return {
            "provider": said.provider,
            "account": self.account,
            "region": said.region,
            "project_id": said.project_id,
            "batch": said.batch,
            "reason": said.reason,
        }


def notice_of(findings: Findings, limits: Policy, *, started_at: str, finished_at: str) -> Notice | None:
    """The notice of an event of which not everything is requested; None where there is nothing to report."""
    said = findings.said
    if isinstance(said, Ignored):
        counts, code, reason = {}, said.code, clip(said.reason, _REASON_BYTES)
    elif isinstance(said, Gone) and (findings.left_out or findings.unread or findings.unnamed):
        reasons = _reasons(findings)
        counts = _tally(findings, reasons)
        code = next(iter(reasons)).code if len({why.code for why in reasons}) == 1 else "several"
        parts = [why.message if len(reasons) == 1 else f"{n} x {why.message}" for why, n in reasons.most_common()]
        reason = clip("; ".join(parts), _REASON_BYTES)
    else:
        return None
    where = "/".join(filter(None, (said.provider, findings.account))) or "event"
    partial = bool(findings.bodies or findings.unread)
    return Notice.of(
        kind="decommission",
        id=said.event_id,
        batch=said.batch if isinstance(said, Gone) else None,
        provider=said.provider,
        account=findings.account,
        region=said.region if isinstance(said, Gone) else None,
        status="partial" if partial else "skipped",
        code=code,
        reason=reason,
        dry_run=limits.dry_run,
        counts=counts,
        details=_details(findings),
        started_at=started_at,
        finished_at=finished_at,
        summary=f"{where}: {'not all requested' if partial else 'nothing to request'}: {reason}",
    )


def _reasons(findings: Findings) -> Counter[Why]:
    """Why resources or tags are in no request: how many for each reason."""
    unnamed = (Why("unremovable", f"no request can name the tag: {one.reason}") for one in findings.unnamed)
    return Counter([*findings.left_out.values(), *findings.unread.values(), *unnamed])


def _tally(findings: Findings, reasons: Mapping[Why, int]) -> dict[str, int]:
    """The number of requests, and of resources or tags by the code for which no request names them."""
    counts = Counter({"requests": len(findings.bodies)} if findings.bodies else {})
    for why, number in reasons.items():
        counts[why.code] += number
    return dict(counts)


def _details(findings: Findings) -> list[dict[str, Any]]:
    resources = [
        {"type": type_, "resource_id": printable(id_), "code": why.code}
        for (type_, id_), why in (*findings.left_out.items(), *findings.unread.items())
    ]
    tags = [
        {
            "type": one.type,
            "resource_id": printable(one.resource_id),
            "key": printable(one.tag.key),
            "code": "unremovable",
        }
        for one in findings.unnamed[:_MOST_DETAILS]
    ]
    return [*resources, *tags][:_MOST_DETAILS]


def rest_of(findings: Findings) -> dict[str, Any]:
    """An event of our own that says the same of the resources that could not be read only, and can be sent again."""
    by_type: dict[str, list[str]] = {}
    for type_, id_ in findings.unread:
        by_type.setdefault(type_, []).append(id_)
    detail = {**findings.head(), "resources": [{"type": type_, "ids": ids} for type_, ids in by_type.items()]}
    return {
        "source": "untag",
        "detail-type": DETAIL_TYPE,
        "id": f"{shortened(findings.said.event_id, _LONGEST_ID - len(_REST))}{_REST}",
        "detail": {name: value for name, value in detail.items() if value is not None},
    }


def rest_dead_letter(findings: Findings, source: str) -> Message:
    """What could not be read of an event, for the dead-letter queue."""
    unread = next(iter(findings.unread.values()))
    head = findings.head()
    return rejected_dead_letter(
        json.dumps(findings.rest, ensure_ascii=False),
        f"reading tags: {unread.message}",
        code=code_of_cloud(unread.code),
        request_id=findings.said.event_id,
        batch=head.get("batch"),
        source=source,
    )
