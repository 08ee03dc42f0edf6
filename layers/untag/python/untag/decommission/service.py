"""The decommission function: events in, removal requests out, and a notice where not everything is requested."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from typing_extensions import override

from untag import environment
from untag.contracts import InvalidInputError, RemovalRequest, Tag
from untag.contracts.problems import Problem
from untag.contracts.rejections import InvocationError, Names
from untag.contracts.reports import clip
from untag.contracts.requests import parse_requests, timestamp
from untag.core.requests import Resource, numbered, write_requests
from untag.decommission.events import Gone, Ignored, Said, Unreadable, read
from untag.decommission.findings import Findings, notice_of, rest_dead_letter, rest_of
from untag.decommission.reading import TagReader, TryAgainError, Why
from untag.decommission.tags import chosen_tags, globs_of
from untag.hosts.base import Arrival, Handed, Record
from untag.messages import INVALID, code_of_cloud, notice_message, request_messages, traced
from untag.providers import Location
from untag.runtime import Runtime, Window
from untag.worker import OneByOne, Work

GIVE_UP_RECEIVES = 90
"""Receives after which an event whose tags cannot be read is given up: 90 times the 750 seconds that its queue hides it
are 19 hours. The queue itself gives up later, so that the dead letter says why."""

_DOMAIN_BYTES = 240
_MOST_IDS = 100
"""Ids of requests that a log line or an answer names."""

_ACCOUNTS = "UNTAG_ACCOUNTS"
_NUMBER = re.compile(r"[a-z][a-z0-9_]{0,31}/[^/\s]+")
_ACCOUNT = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_NO_TAGS = Why("no_tags", "no tag stands there that the policy means")
_NOT_FOUND = Why("not_found", "the cloud does not know the resource any more")


class EventError(InvalidInputError):
    """An event that no request is made of. With any code but `invalid` it can be sent again, once that is seen to."""

    def __init__(self, problems: Iterable[Problem], code: str = INVALID, names: Names | None = None) -> None:
        super().__init__(problems)
        self.code = code
        self.names = names


class Decommissioner(Work):
    """Turns decommission events into removal requests."""

    def __init__(self, runtime: Runtime) -> None:
        """Read the variables of its own; raises InvalidInputError that names the variable."""
        environ = runtime.host.environ
        self._globs = globs_of(environment.words(environ, "UNTAG_DECOMMISSION_TAGS"))
        self._accounts = _accounts(environ)
        super().__init__(runtime)

    def payload(self, handed: list[Handed], left: Callable[[], float]) -> dict[str, Any]:
        """Work at what was handed to the function: an event, or notifications; the answer is what it led to.

        Raises InvocationError where it is invalid, cannot be served now, or what it led to could not be delivered.
        """
        findings = self._runtime.run(self.invocation(self._runtime.window(left)).by_hand(handed))
        ids = [body["id"] for one in findings for body in one.bodies]
        notices = [one.notice.model_dump(mode="json") for one in findings if one.notice is not None]
        return {"counts": {"requests": len(ids)}, "requests": ids[:_MOST_IDS], "notices": notices}

    @override
    def invocation(self, window: Window) -> "Invocation":
        return Invocation(self._runtime, window, self._globs, self._accounts)


class Invocation(OneByOne):
    """One invocation of the function."""

    def __init__(self, runtime: Runtime, window: Window, globs: Sequence[str], accounts: Mapping[str, str]) -> None:
        super().__init__(runtime, window)
        self._registry = runtime.registry
        self._limits = runtime.settings.policy
        self._reader = TagReader(runtime.engine, runtime.timing, window.deadline)
        self._globs = globs
        self._accounts = accounts

    async def by_hand(self, handed: list[Handed]) -> list[Findings]:
        """Work at what was handed to the function, one after the other. Raises InvocationError."""
        findings: list[Findings] = []
        for one in handed:
            with self.failing(one):
                try:
                    findings += await self._work_at(one)
                except TryAgainError as error:
                    raise InvocationError([Problem(one.path, f"not now ({error}): send the event again")]) from None
        return findings

    @override
    async def one(self, record: Record) -> bool:
        try:
            await self._work_at(record)
        except EventError as error:
            return await self.reject(record, error, error.code, error.names)
        except TryAgainError as error:
            if record.receives >= GIVE_UP_RECEIVES:
                message = f"given up after {record.receives} receives; the last: {error}"
                return await self.reject(record, InvalidInputError.of(message), "exhausted")
            self._telemetry.undelivered(record.id, str(error))
            return False
        return True

    async def _work_at(self, arrival: Arrival) -> list[Findings]:
        """Work at everything that a body says. Raises InvalidInputError, TryAgainError or DeliveryError."""
        started = self._timing.now()
        findings = [await self._part(said) for said in read(arrival.body, arrival.own_id)]
        errors = [one.error for one in findings if one.error is not None]
        if len(findings) == len(errors) == 1:
            raise errors[0]
        if len(findings) == len(errors) and isinstance(arrival, Handed):
            raise InvalidInputError(problem for error in errors for problem in error.problems)
        unread = [(one, why) for one in findings for why in one.unread.values()]
        if unread and not any(one.bodies or one.left_out or one.unnamed for one in findings):
            one, why = unread[0]
            raise _not_now(code_of_cloud(why.code), f"reading tags: {why.message}", _names(one.said))
        await self._send(arrival, findings, started)
        return findings

    async def _send(self, arrival: Arrival, findings: list[Findings], started: float) -> None:
        """Requests first, notices last: a notice of an event whose requests were not sent would be a lie."""
        trace = arrival.traceparent
        bodies = [body for one in findings for body in one.bodies]
        await self._outbox.send_back(traced(request_messages(bodies), trace))
        for one in findings:
            if isinstance(one.error, EventError) and not isinstance(one.said, Ignored):
                alone = Handed(one.said.event, one.said.event_id, arrival.source, trace)
                await self._give_up(alone, one.error, one.error.code, one.error.names)
        dead = (rest_dead_letter(one, arrival.source) for one in findings if one.unread)
        await self._outbox.send_dead_letters(traced(dead, trace))
        for one in findings:
            finished = timestamp(self._timing.now())
            one.notice = notice_of(one, self._limits, started_at=timestamp(started), finished_at=finished)
        notices = [one.notice for one in findings if one.notice is not None]
        await self._outbox.publish(traced(map(notice_message, notices), trace))
        for notice in notices:
            facts = {"id": notice.id, "batch": notice.batch, "code": notice.code, "counts": notice.counts}
            self._telemetry.noted(notice.summary, **facts)
        for one in findings:
            if isinstance(one.said, Gone) and one.bodies:
                requests = [body["id"] for body in one.bodies[:_MOST_IDS]]
                ids = {"id": one.said.event_id, "batch": one.said.batch, "requests": requests}
                self._telemetry.noted("requested", **ids, by_key=one.by_key)

    async def _part(self, said: Said) -> Findings:
        """What becomes of one thing that a body says. An error is kept: the body may say other things as well."""
        if isinstance(said, Ignored):
            return Findings(said)
        try:
            if isinstance(said, Unreadable):
                raise said.error
            return await self._gone(said)
        except InvalidInputError as error:
            code = error.code if isinstance(error, EventError) else INVALID
            return Findings(said, error=EventError(error.problems, code, _names(said)))

    async def _gone(self, said: Gone) -> Findings:
        """The requests that resources that are gone lead to. Raises InvalidInputError or TryAgainError."""
        account = said.account or self._account(said)
        findings = Findings(said, account)
        head = findings.head()
        request = self.checked(said, head)
        if said.tags is not None:
            resources = [(type_, id_) for type_, ids in request.ids_by_type().items() for id_ in ids]
            chosen = dict.fromkeys(resources, tuple(request.distinct_tags()))
        else:
            chosen = await self._chosen(request, findings)
            findings.rest = rest_of(findings)
        written = write_requests(
            chosen, head, self._registry, name=numbered(said.event_id), max_pairs=self._limits.max_pairs
        )
        findings.bodies, findings.unnamed, findings.by_key = written.bodies, written.left_out, written.by_key
        return findings

    def checked(self, said: Gone, head: Mapping[str, Any]) -> RemovalRequest:
        """The event as a request, so that everything a request is checked for is checked here too."""
        tags = said.tags if said.tags is not None else [Tag("any", "any")]
        asked = {
            **head,
            "resources": [{"type": type_, "ids": ids} for type_, ids in said.resources.items()],
            "tags": [{name: text for name, text in tag._asdict().items() if text is not None} for tag in tags],
        }
        parsed = parse_requests({name: value for name, value in asked.items() if value is not None}, said.event_id)
        return self._registry.checked(parsed, listed=False)[0]

    async def _chosen(self, request: RemovalRequest, findings: Findings) -> dict[Resource, tuple[Tag, ...]]:
        """The tags that stand at the resources and that the policy means; `findings` keeps those without."""
        chosen: dict[Resource, tuple[Tag, ...]] = {}
        location = Location.of(request)
        for type_, ids in request.ids_by_type().items():
            provider = self._registry.find(request.provider, type_)
            scope = provider.scope(location, type_)
            if (held := self._limits.forbids(location, scope)) is not None:
                # What a request would be held back by keeps the read from being made, too.
                why = Why(held.code or "protected", held.message or "held back by a guardrail", held=True)
                findings.left_out |= dict.fromkeys(((type_, id_) for id_ in ids), why)
                continue
            for id_, there in (await self._reader.read(provider, scope, ids)).items():
                if isinstance(there, Why):
                    (findings.left_out if there.held else findings.unread)[type_, id_] = there
                elif there is None:
                    findings.left_out[type_, id_] = _NOT_FOUND
                elif tags := chosen_tags(self._globs, there, provider):
                    chosen[type_, id_] = tags
                else:
                    findings.left_out[type_, id_] = _NO_TAGS
        return chosen

    def _account(self, said: Gone) -> str:
        numbers = [f"{said.provider}/{one}" for one in (said.domain_id, said.wider_id) if one is not None]
        known = next((number for number in numbers if number in self._accounts), None)
        if known is None:
            shown = clip(numbers[0], _DOMAIN_BYTES) if numbers else "an event that names no domain"
            raise _not_now("unknown_account", f"{_ACCOUNTS} names no account for {shown}")
        return self._accounts[known]


def _accounts(environ: Mapping[str, str]) -> dict[str, str]:
    """The account of each vendor's number. Raises InvalidInputError that shows the form."""
    try:
        accounts = environment.mapping(environ, _ACCOUNTS)
    except InvalidInputError:
        accounts = {"": ""}
    if not all(_NUMBER.fullmatch(number) and _ACCOUNT.fullmatch(account) for number, account in accounts.items()):
        form = "should be provider/number=account pairs separated by commas, each number once, with accounts of letters"
        raise InvalidInputError.of(f"{form}, digits, _ and -: huaweicloud/0123456789abcdef=production", _ACCOUNTS)
    return accounts


def _not_now(code: str, message: str, names: Names | None = None) -> EventError:
    return EventError([Problem("", message)], code, names)


def _names(said: Said) -> Names:
    """What a dead letter says of the event."""
    if isinstance(said, Gone):
        return Names(said.event_id, said.batch, said.provider, said.account)
    return Names(said.event_id)
