"""Bugs to plant in our own parts, in the functions' processes only: the core, delivery, the worker, keys, secrets."""

from collections.abc import Callable
from typing import Any

from planting import mutant

import untag.contracts.reports
import untag.contracts.requests
import untag.core.accounts
import untag.core.comparing
import untag.core.confirming
import untag.core.judging
import untag.core.limits
import untag.hosts.aws.telemetry
import untag.removal.invocation
import untag.worker
from untag.contracts import Outcome, Result
from untag.hosts.aws.outbox import Outbox
from untag.hosts.base import DeliveryError
from untag.providers.signing import DerivedKeyAuth
from untag.removal.invocation import Invocation


def _swallowing(send: Callable[..., Any]) -> Callable[..., Any]:
    async def sent(outbox: Outbox, messages: Any) -> None:
        try:
            await send(outbox, messages)
        except DeliveryError:
            return

    return sent


@mutant
def acknowledges_although_the_publish_failed() -> None:
    Outbox.publish = _swallowing(Outbox.publish)


@mutant
def drops_the_remainder_on_a_send_error() -> None:
    Outbox.send_back = _swallowing(Outbox.send_back)


@mutant
def drops_the_dead_letter_on_a_send_error() -> None:
    Outbox.send_dead_letters = _swallowing(Outbox.send_dead_letters)


@mutant
def sends_the_remainder_before_the_publish() -> None:
    deliver = Invocation._deliver

    async def delivered(invocation: Invocation, work: Any) -> None:
        lefts = [untag.removal.invocation.remainder(job, lambda: 0.5) for job in work.jobs]
        await invocation._outbox.send_back(untag.removal.invocation.remainder_messages(lefts))
        await deliver(invocation, work)

    Invocation._deliver = delivered


@mutant
def loses_the_last_tag() -> None:
    plain = untag.contracts.requests.RemovalRequest._distinct_tags

    def distinct_tags(request: Any) -> Any:
        tags = plain.func(request)
        return tags[:-1] if len(tags) > 1 else tags

    # What counts the pairs reads the same property: the core's own account of them adds up.
    untag.contracts.requests.RemovalRequest._distinct_tags = property(distinct_tags)


@mutant
def does_not_count_a_pair_that_two_requests_ask_for() -> None:
    plain = untag.removal.invocation.report
    told: set[Any] = set()

    def report(job: Any, now: float) -> Any:
        pages = plain(job, now)
        for page in pages:
            rows = [row for row in page.outcomes if (row["type"], row["resource_id"], row["key"]) not in told]
            told.update((row["type"], row["resource_id"], row["key"]) for row in page.outcomes)
            page.outcomes[:] = rows
        return pages

    untag.removal.invocation.report = report


@mutant
def sends_a_refused_key_again() -> None:
    async def refused(account: Any, credentials: Any, left: Callable[[], float]) -> bool:
        return left() > 1.0

    untag.core.accounts.Account._refused = refused


@mutant
def reuses_a_signature() -> None:
    plain = DerivedKeyAuth.auth_flow
    known: dict[Any, Any] = {}

    def auth_flow(auth: Any, request: Any) -> Any:
        key = (str(request.url), request.content)
        if auth._scheme.nonce and key in known:
            request.headers.update(known[key])
            yield request
            return
        yield from plain(auth, request)
        known[key] = {name: request.headers[name] for name in request.headers if name.startswith(("auth", "x-jd"))}

    DerivedKeyAuth.auth_flow = auth_flow


@mutant
def compares_no_values() -> None:
    for module in (untag.core.comparing, untag.core.confirming, untag.core.judging):
        module.stands = lambda _provider, tag, there: tag.key in there
    # What is read before a write is compared there.
    untag.core.comparing._removal_needless = lambda _tag, value: None if value is not None else Result(Outcome.ABSENT)


@mutant
def runs_a_suspect_among_its_neighbours() -> None:
    untag.worker.SUSPECT_RECEIVES = 99


@mutant
def never_opens_the_circuit() -> None:
    untag.core.limits.CIRCUIT_FAILURES = 10**9


@mutant
def logs_the_key() -> None:
    plain = DerivedKeyAuth.__init__

    def init(auth: Any, scheme: Any, credentials: Any, **more: Any) -> None:
        untag.hosts.aws.telemetry.logger.debug("signing", extra={"key": credentials.secret_key})
        plain(auth, scheme, credentials, **more)

    DerivedKeyAuth.__init__ = init


@mutant
def works_in_earnest_at_a_dry_run() -> None:
    plain = untag.core.jobs.Job.__init__

    def init(job: Any, request: Any, dry_run: bool, *more: Any, **named: Any) -> None:
        plain(job, request, False, *more, **named)

    untag.core.jobs.Job.__init__ = init


@mutant
def reports_a_time_in_its_identity() -> None:
    plain = untag.contracts.reports._identity
    untag.contracts.reports._identity = lambda facts, page, rows: plain(
        {**facts, "id": f"{facts['id']} {facts['finished_at']}"}, page, rows
    )


@mutant
def says_removed_for_whatever_failed() -> None:
    plain = untag.core.judging._result

    def result(outcome: Outcome, *more: Any) -> Any:
        return plain(Outcome.REMOVED if outcome is Outcome.FAILED else outcome, *more)

    untag.core.judging._result = result


@mutant
def drops_the_evidence_from_remainders() -> None:
    plain = untag.contracts.requests.RemovalRequest.body

    def body(request: Any, resources: Any, tags: Any, was: Any = None, **changes: Any) -> Any:
        return plain(request, resources, tags, {}, **changes)

    untag.contracts.requests.RemovalRequest.body = body


@mutant
def keeps_a_secret_until_it_is_refused() -> None:
    untag.core.limits.FRESH_SECONDS = 10.0**9
