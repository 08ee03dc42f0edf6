"""The decommission function: events in, removal requests out, and a notice where there is nothing to request."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from untag import environment
from untag.contracts import InvalidInputError, Problem, RemovalRequest, ResourceGroup, Tag
from untag.contracts.notices import Notice
from untag.contracts.reports import clip
from untag.contracts.requests import parse_requests, timestamp
from untag.core import Timing, open_job
from untag.decommission.events import DETAIL_TYPE, Gone, Ignored, read
from untag.decommission.reading import TagReader, TryAgainError, Why
from untag.decommission.tags import TagPolicy, request_bodies
from untag.delivery import DeliveryError, Message, notice_message, rejected_letter, request_messages, traced
from untag.isolation import Isolation
from untag.records import SqsRecord
from untag.runtime import Runtime, Window
from untag.telemetry import logger
from untag.worker import Worker

GIVE_UP_RECEIVES = 90
"""Receives after which an event whose tags cannot be read is given up. It leaves no remainder, so it waits on its
queue; 90 times the 750 seconds that it lies hidden there are 19 hours. The queue's own patience is longer, so that
the letter says why."""

_REASON_BYTES = 240
_MOST_DETAILS = 100
"""Resources that a notice names: all of them could be more than a message holds. `counts` counts them all."""

_NO_TAGS = Why("no_tags", "no tag stands there that the policy means")
_NOT_FOUND = Why("not_found", "the cloud does not know the resource any more")


class NotNowError(InvalidInputError):
    """A valid event that this stack cannot serve as it is set up; once `code` is seen to, it can be sent again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__([Problem("", message)])
        self.code = code


@dataclass(slots=True)
class _Findings:
    """What became of one event. By type and id: `left_out` has why there is nothing to request of a resource, `unread`
    why its tags cannot be read; `rest` is an event that speaks of these only.
    """

    said: Gone | Ignored
    account: str | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[tuple[str, str], Why] = field(default_factory=dict)
    unread: dict[tuple[str, str], Why] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)


class Decommissioner:
    """Turns decommission events into removal requests. Made once in a process, and kept between invocations."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the environment; raises InvalidInputError that names the variable. `transport` is for tests."""
        self._policy = TagPolicy.of(environment.words(environ, "UNTAG_DECOMMISSION_TAGS"))
        self._accounts = environment.mapping(environ, "UNTAG_ACCOUNTS")
        if not all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", account) for account in self._accounts.values()):
            raise InvalidInputError.of("should name accounts of letters, digits, _ and -", "UNTAG_ACCOUNTS")
        self._runtime = Runtime(environ, timing=timing, transport=transport)

    def batch(self, records: list[SqsRecord], left: Callable[[], float]) -> dict[str, Any]:
        """Work at a batch; the answer names the records that have to come again. `left` gives the remaining seconds."""
        isolation = Isolation.of_source(self._runtime.aws, records[0].source)
        invocation = _Invocation(self._runtime, self._runtime.window(left), isolation, self._policy, self._accounts)
        failed = self._runtime.run(invocation.batch(records))
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}


class _Invocation(Worker):
    """One invocation of the function."""

    def __init__(
        self,
        runtime: Runtime,
        window: Window,
        isolation: Isolation,
        policy: TagPolicy,
        accounts: Mapping[str, str],
    ) -> None:
        super().__init__(runtime, window, isolation)
        self._registry = runtime.registry
        self._limits = runtime.settings.policy
        self._reader = TagReader(runtime.engine, runtime.timing, window.deadline)
        self._policy = policy
        self._accounts = accounts

    async def together(self, records: list[SqsRecord]) -> list[str]:
        """Each record by itself; the account's pace holds them together."""
        done = await asyncio.gather(*(self._one(record) for record in records))
        return [record.id for record, well in zip(records, done, strict=True) if not well]

    async def _one(self, record: SqsRecord) -> bool:
        """Work at a record; False if it has to come again."""
        try:
            await self._work_at(record)
        except NotNowError as error:
            return await self.reject(record, error, error.code)
        except InvalidInputError as error:
            return await self.reject(record, error)
        except TryAgainError as error:
            if record.receives >= GIVE_UP_RECEIVES:
                told = f"given up after {record.receives} receives; the last: {error}"
                return await self.reject(record, InvalidInputError.of(told), "exhausted")
            self._telemetry.undelivered(record.id, str(error))
        except DeliveryError as error:
            self._telemetry.undelivered(record.id, str(error))
        except Exception as error:  # noqa: BLE001 - one record must not take down the others
            self._telemetry.failed(error)
        else:
            return True
        return False

    async def _work_at(self, record: SqsRecord) -> None:
        started = self._timing.now()
        found = [await self._found(one) for one in read(record.body, record.id)]
        unread = [why for findings in found for why in findings.unread.values()]
        if unread and not any(findings.bodies or findings.left_out for findings in found):
            raise NotNowError(unread[0].code, f"reading tags: {unread[0].message}")
        await self._send(record, found, started)

    async def _send(self, record: SqsRecord, found: list[_Findings], started: float) -> None:
        """Requests first, notices last: a notice of an event whose requests were not sent would be a lie."""
        trace = record.traceparent
        bodies = [body for findings in found for body in findings.bodies]
        await self._outbox.send_back(traced(request_messages(bodies), trace))
        await self._outbox.bury(traced((_rest_letter(one, record) for one in found if one.unread), trace))
        notices = [
            self._notice(findings, started)
            for findings in found
            if isinstance(findings.said, Ignored) or findings.left_out or findings.unread
        ]
        await self._outbox.publish(traced(map(notice_message, notices), trace))
        for notice in notices:
            logger.info(notice.summary, extra={"id": notice.id, "code": notice.code, "counts": notice.counts})
        for findings in found:
            if findings.bodies:
                requests = [body["id"] for body in findings.bodies[:_MOST_DETAILS]]
                logger.info("requested", extra={"id": findings.said.event_id, "requests": requests})

    async def _found(self, said: Gone | Ignored) -> _Findings:
        if isinstance(said, Ignored):
            return _Findings(said)
        account = said.account or self._account(said.domain_id)
        findings = _Findings(said, account)
        request = self._checked(said, account)
        resources = [(type_, id_) for type_, ids in request.ids_by_type().items() for id_ in ids]
        if said.tags is not None:
            named = dict.fromkeys(resources, tuple(request.distinct_tags()))
        else:
            named = await self._chosen(request, findings)
            findings.rest = _rest(said, account, findings.unread)
        head = {**_head(said, account), "reason": said.reason}
        findings.bodies = request_bodies(head, said.event_id, named, self._limits.max_pairs)
        return findings

    def _checked(self, said: Gone, account: str) -> RemovalRequest:
        """The event as a request, so that everything a request is checked for is checked here too."""
        tags = said.tags if said.tags is not None else [Tag("any", "any")]
        asked = {
            **_head(said, account),
            "reason": said.reason,
            "resources": [{"type": type_, "ids": ids} for type_, ids in said.resources.items()],
            "tags": [tag._asdict() for tag in tags],
        }
        parsed = parse_requests({name: value for name, value in asked.items() if value is not None}, said.event_id)
        return self._registry.checked(parsed, listed=False)[0]

    async def _chosen(self, request: RemovalRequest, findings: _Findings) -> dict[tuple[str, str], tuple[Tag, ...]]:
        """The tags that stand at the resources and that the policy means; `findings` is told of those without."""
        named: dict[tuple[str, str], tuple[Tag, ...]] = {}
        for type_, ids in request.ids_by_type().items():
            one = request.model_copy(update={"resources": [ResourceGroup(type=type_, ids=ids[:1])]})
            (block,) = open_job(one, self._registry, self._limits, now=self._timing.now()).blocks
            if (held := self._limits.hold_back(block, self._timing.now())) is not None:
                # What a request would be held back by keeps the read from being made, too.
                why = Why(held.code or "protected", held.message or "held back by a guardrail")
                findings.left_out |= dict.fromkeys(((type_, id_) for id_ in ids), why)
                continue
            for id_, there in (await self._reader.read(block.provider, block.scope, ids)).items():
                if isinstance(there, Why):
                    findings.unread[type_, id_] = there
                elif there is None:
                    findings.left_out[type_, id_] = _NOT_FOUND
                elif tags := self._policy.chosen(there, block.provider.reserved_prefixes):
                    named[type_, id_] = tags
                else:
                    findings.left_out[type_, id_] = _NO_TAGS
        return named

    def _account(self, domain_id: str | None) -> str:
        if domain_id is None or domain_id not in self._accounts:
            domain = clip(domain_id or "that it does not name", _REASON_BYTES)
            raise NotNowError("unknown_account", f"UNTAG_ACCOUNTS names no account for the domain {domain}")
        return self._accounts[domain_id]

    def _notice(self, findings: _Findings, started: float) -> Notice:
        said = findings.said
        where = "/".join(filter(None, (said.provider, findings.account))) or "event"
        if isinstance(said, Ignored):
            counts, code, reason = {}, said.code, clip(said.reason, _REASON_BYTES)
        else:
            reasons = Counter([*findings.left_out.values(), *findings.unread.values()])
            counts = _tally(findings, reasons)
            code = next(iter(reasons)).code if len({why.code for why in reasons}) == 1 else "several"
            told = [why.message if len(reasons) == 1 else f"{n} x {why.message}" for why, n in reasons.most_common()]
            reason = clip("; ".join(told), _REASON_BYTES)
        partial = bool(findings.bodies or findings.unread)
        return Notice.of(
            kind="decommission",
            id=said.event_id,
            provider=said.provider,
            account=findings.account,
            region=said.region if isinstance(said, Gone) else None,
            status="partial" if partial else "skipped",
            code=code,
            reason=reason,
            dry_run=self._limits.dry_run,
            counts=counts,
            details=_details(findings),
            started_at=timestamp(started),
            finished_at=timestamp(self._timing.now()),
            summary=f"{where}: {'not all requested' if partial else 'nothing to request'}: {reason}",
        )


def _tally(findings: _Findings, reasons: Mapping[Why, int]) -> dict[str, int]:
    """The number of requests, and of resources by the code for which no request names them."""
    counts = Counter({"requests": len(findings.bodies)} if findings.bodies else {})
    for why, number in reasons.items():
        counts[why.code] += number
    return dict(counts)


def _details(findings: _Findings) -> list[dict[str, Any]]:
    named = [*findings.left_out.items(), *findings.unread.items()][:_MOST_DETAILS]
    return [{"type": type_, "resource_id": id_, "code": why.code} for (type_, id_), why in named]


def _head(said: Gone, account: str) -> dict[str, Any]:
    return {"provider": said.provider, "account": account, "region": said.region, "project_id": said.project_id}


def _rest(said: Gone, account: str, resources: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """An event of our own that says the same of these resources only, and can be sent again."""
    by_type: dict[str, list[str]] = {}
    for type_, id_ in resources:
        by_type.setdefault(type_, []).append(id_)
    detail = {
        **_head(said, account),
        "resources": [{"type": type_, "ids": ids} for type_, ids in by_type.items()],
        "reason": said.reason,
    }
    return {
        "source": "untag",
        "detail-type": DETAIL_TYPE,
        "id": f"{said.event_id}-rest",
        "detail": {name: value for name, value in detail.items() if value is not None},
    }


def _rest_letter(findings: _Findings, record: SqsRecord) -> Message:
    """What could not be read of an event, for the dead-letter queue."""
    unread = next(iter(findings.unread.values()))
    body = json.dumps(findings.rest, ensure_ascii=False)
    reason = f"reading tags: {unread.message}"
    return rejected_letter(body, reason, code=unread.code, request_id=record.id, source=record.source)
