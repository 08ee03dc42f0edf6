"""Bugs to plant in how a cloud's answers are read, and in what is asked of it: failures, counts, tokens, versions."""

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from planting import mutant

import untag.core.policy
import untag.providers.alibabacloud.tag
import untag.providers.aws.tagging
import untag.providers.http
import untag.providers.huaweicloud.tms
import untag.providers.jdcloud.resourcetag
import untag.providers.tencentcloud.tag
import untag.providers.volcengine.tag
from untag.providers import Answer, Verdict
from untag.providers.azure.tags import AzureTags
from untag.providers.gcp.labels import GcpLabels
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.providers.tokens import Tokens, TokenStore


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
