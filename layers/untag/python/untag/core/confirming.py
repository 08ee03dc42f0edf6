"""Writes that a cloud accepts and carries out later: read back until a read confirms them. Pure, as `judging` is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from untag.contracts import Action, Deferral, Outcome, Result, Tag
from untag.core.chunks import chunks
from untag.core.comparing import stands
from untag.core.limits import CONFIRM_SECONDS, CONFIRMATIONS
from untag.core.plan import DONE
from untag.core.steps import Doubt, Followed, Kind, Settled, Step
from untag.providers import Answer, stored_key


def confirmations(step: Step, ids: tuple[str, ...], answer: Answer) -> Iterator[Step]:
    """Read-backs of a write that is carried out later, when it may have been."""
    done = Result(DONE[step.group.action], request_id=answer.request_id)
    message = "the write was accepted, and reading back failed"
    unread = Result(Outcome.UNCONFIRMED, "not_confirmed", message, answer.request_id)
    doubt = Doubt(done, None, dict.fromkeys(ids, unread), accepted=True)
    pause = answer.retry_after or CONFIRM_SECONDS
    for part in chunks(ids, step.group.provider.limits.in_a_read):
        yield replace(step, kind=Kind.CHECK, ids=part, doubt=doubt, confirmations=0, pause=pause)


def not_confirmed(step: Step) -> Settled:
    """What becomes of an accepted write that no read has confirmed: its pairs are asked for again later."""
    message = "the write was accepted, and no read has confirmed it yet"
    later = Deferral("not_confirmed", message, counted=True, delay=step.pause, lost=True)
    return Settled(step.ids, step.tags, later, step.seen, lost=True)


def after_confirmation(step: Step, doubt: Doubt, tags: Mapping[str, Mapping[str, str]]) -> Iterator[Followed]:
    """Pairs in the wanted state are confirmed. The others are read back again later, also where nothing is known.

    A key that stands there with another value was set by somebody else, before the write or after it: that the pair is
    gone is all that can be said.
    """
    restores = step.group.action is Action.RESTORE
    waiting: dict[tuple[Tag, ...], list[str]] = {}
    for id_ in step.ids:
        there = tags.get(id_)
        settled = tuple(
            tag for tag in step.tags if there is not None and stands(step.group.provider, tag, there) is restores
        )
        replaced = tuple(
            tag
            for tag in settled
            if not restores and there is not None and stored_key(step.group.provider, tag.key, there) is not None
        )
        if confirmed := tuple(tag for tag in settled if tag not in replaced):
            yield Settled((id_,), confirmed, doubt.settled, step.seen)
        if replaced:
            yield Settled((id_,), replaced, Result(Outcome.ABSENT), step.seen)
        if left := tuple(tag for tag in step.tags if tag not in settled):
            waiting.setdefault(left, []).append(id_)
    for left, ids in waiting.items():
        number = step.confirmations + 1
        again = replace(step, ids=tuple(ids), tags=left, confirmations=number, pause=CONFIRM_SECONDS * 2.0**number)
        yield again if number < CONFIRMATIONS else not_confirmed(again)
