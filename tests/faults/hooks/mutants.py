"""Bugs to plant, each in the functions' processes only, to see that the account finds them."""

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import untag.contracts.reports
import untag.contracts.requests
import untag.core.accounts
import untag.core.comparing
import untag.core.confirming
import untag.core.judging
import untag.core.limits
import untag.core.policy
import untag.hosts.aws.client
import untag.hosts.aws.outbox
import untag.hosts.aws.quarantine
import untag.hosts.aws.telemetry
import untag.providers.alibabacloud.answers
import untag.providers.alibabacloud.tag
import untag.providers.aws.answers
import untag.providers.aws.tagging
import untag.providers.http
import untag.providers.huaweicloud.config
import untag.providers.huaweicloud.tms
import untag.providers.jdcloud.resourcetag
import untag.providers.tencentcloud.tag
import untag.providers.volcengine.answers
import untag.providers.volcengine.tag
import untag.removal.invocation
import untag.worker
from untag.contracts import Outcome, Result
from untag.hosts.aws.outbox import Outbox
from untag.hosts.base import DeliveryError
from untag.providers import Answer, Verdict
from untag.providers.azure.tags import AzureTags
from untag.providers.gcp.labels import GcpLabels
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.providers.signing import DerivedKeyAuth
from untag.providers.tokens import Tokens, TokenStore
from untag.removal.invocation import Invocation

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(plant: Callable[[], None]) -> Callable[[], None]:
    """Known under its function's name."""
    MUTANTS[plant.__name__] = plant
    return plant


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


def _answering(provider: type, name: str, change: Callable[[Answer, Any], Answer]) -> None:
    plain = getattr(provider, name)

    @functools.wraps(plain)
    async def answered(*arguments: Any) -> Answer:
        return change(await plain(*arguments), arguments)

    setattr(provider, name, answered)


@mutant
def ignores_the_map_of_failed_resources() -> None:
    def change(answer: Answer, arguments: Any) -> Answer:
        *_, ids, tags, _seen = arguments
        return replace(answer, failures={}, confirmed=len(ids) * len(tags)) if answer.failures else answer

    _answering(JDCloud, "write", change)


def _without_failures(provider: type) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        return replace(answer, failures={}, confirmed=None) if answer.failures else answer

    _answering(provider, "write", change)


@mutant
def ignores_what_failed_at_huawei_cloud() -> None:
    _without_failures(HuaweiTms)


@mutant
def ignores_what_failed_at_alibaba_cloud() -> None:
    _without_failures(untag.providers.alibabacloud.tag.AlibabaTag)


@mutant
def ignores_what_failed_at_aws() -> None:
    _without_failures(untag.providers.aws.tagging.AwsTagging)


@mutant
def ignores_what_failed_at_tencent_cloud() -> None:
    _without_failures(untag.providers.tencentcloud.tag.TencentTag)


@mutant
def ignores_what_failed_at_azure() -> None:
    """Azure says it by the tags that an answer shows to be left."""

    def change(answer: Answer, arguments: Any) -> Answer:
        *_, tags, _seen = arguments
        return replace(answer, confirmed=len(tags)) if answer.verdict is Verdict.DONE else answer

    _answering(AzureTags, "write", change)


@mutant
def believes_that_what_is_accepted_is_done() -> None:
    def change(answer: Answer, _: Any) -> Answer:
        return replace(answer, verdict=Verdict.DONE) if answer.verdict is Verdict.ACCEPTED else answer

    _answering(AzureTags, "write", change)


@mutant
def compares_protected_keys_by_their_case() -> None:
    plain = untag.core.policy.Policy.protects

    class CaseSensitive:
        def __init__(self, provider: Any) -> None:
            self.reserved_prefixes = provider.reserved_prefixes

        def comparable_key(self, key: str) -> str:
            return key

    untag.core.policy.Policy.protects = lambda policy, provider, key: plain(policy, CaseSensitive(provider), key)


@mutant
def uses_a_token_after_it_expired() -> None:
    plain = Tokens._kept

    def kept(tokens: Any, *, due: bool = False) -> Any:
        return plain(tokens, due=due) if tokens._issued is None else tokens._issued.value

    Tokens._kept = kept
    Tokens.drop = lambda *_: True


@mutant
def takes_another_accounts_token() -> None:
    plain = TokenStore.of
    TokenStore.of = lambda store, _, issue: plain(store, "everybody", issue)


@mutant
def ignores_what_failed_at_google_cloud() -> None:
    _without_failures(GcpLabels)


@mutant
def repeats_a_stale_write_without_comparing() -> None:
    plain = GcpLabels.write

    async def write(*arguments: Any) -> Answer:
        answer = await plain(*arguments)
        if answer.verdict is not Verdict.STALE:
            return answer
        provider, session, action, scope, ids, tags, _ = arguments
        there = await provider.read(session, scope, ids)
        return await plain(provider, session, action, scope, ids, tags, {ids[0]: there.seen(ids[0])})

    GcpLabels.write = write


@mutant
def ignores_what_failed_at_volcengine() -> None:
    _without_failures(untag.providers.volcengine.tag.VolcengineTag)


@mutant
def believes_a_success_that_was_cut_off() -> None:
    """An answer with the status of a success is one, whatever is left of its body."""
    plain = untag.providers.http.unexpected
    for module in tuple(sys.modules.values()):
        if getattr(module, "unexpected", None) is plain:
            module.unexpected = lambda _, request_id: Answer(Verdict.DONE, request_id=request_id)  # type: ignore[attr-defined]


@mutant
def takes_a_time_out_for_a_success() -> None:
    def change(answer: Answer, _: Any) -> Answer:
        return replace(answer, verdict=Verdict.DONE) if answer.verdict is Verdict.UNAVAILABLE else answer

    for provider in (HuaweiConfig, HuaweiTms):
        _answering(provider, "write", change)


@mutant
def takes_a_neighbours_answer_for_its_own() -> None:
    plain = HuaweiConfig.write
    known: list[Answer] = []

    async def write(*arguments: Any) -> Answer:
        if known:
            return known.pop()
        answer = await plain(*arguments)
        if answer.verdict is Verdict.DONE:
            known.append(answer)
        return answer

    HuaweiConfig.write = write


@mutant
def reads_a_failed_listing_as_no_tags() -> None:
    def change(answer: Answer, arguments: Any) -> Answer:
        if answer.verdict is Verdict.DONE:
            return answer
        return Answer(Verdict.DONE, tags={id_: {} for id_ in arguments[-1]})

    for provider in (JDCloud, HuaweiConfig, HuaweiTms):
        _answering(provider, "read", change)


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
def believes_a_count_that_is_too_small() -> None:
    """What never stood there is told to be removed: a count is no evidence, not even one of 0."""

    def change(answer: Answer, arguments: Any) -> Answer:
        *_, ids, tags, _seen = arguments
        return replace(answer, confirmed=(len(ids) - len(answer.failures)) * len(tags))

    _answering(JDCloud, "write", change)


@mutant
def believes_a_read_of_other_ids() -> None:
    """A resource that the answer names by another id is one that it leaves out, and so bears no tag."""
    plain = untag.providers.jdcloud.resourcetag._listed

    def listed(reply: Any, scope: Any, ids: Any = None) -> Any:
        tags, request_id = plain(reply, scope)
        return (tags if ids is None else {id_: tags[id_] for id_ in ids if id_ in tags}) if tags else tags, request_id

    untag.providers.jdcloud.resourcetag._listed = listed


@mutant
def believes_a_write_in_which_other_ids_failed() -> None:
    """A resource that no entry names did not fail."""
    plain = untag.providers.huaweicloud.tms._failures

    def failures(entries: list[Any], scope: Any, ids: Any, credentials: Any) -> Any:
        return plain([entry for entry in entries if entry["resource_id"] in ids], scope, ids, credentials)

    untag.providers.huaweicloud.tms._failures = failures


@mutant
def drops_the_evidence_from_remainders() -> None:
    plain = untag.contracts.requests.RemovalRequest.body

    def body(request: Any, resources: Any, tags: Any, was: Any = None, **changes: Any) -> Any:
        return plain(request, resources, tags, {}, **changes)

    untag.contracts.requests.RemovalRequest.body = body


@mutant
def keeps_a_secret_until_it_is_refused() -> None:
    untag.core.limits.FRESH_SECONDS = 10.0**9
