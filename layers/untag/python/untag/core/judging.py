"""What an answer means for the pairs of a call: their outcomes, or further calls.

A step and its answer in, settled rectangles and further steps out. Nothing here makes a call or looks at a clock: all
that is kept between answers stands in the step's budget and its group.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from untag.contracts import Action, Deferral, Outcome, Result, Tag
from untag.core.chunks import chunks
from untag.core.comparing import compared, stands, waiting_writes
from untag.core.confirming import after_confirmation, confirmations
from untag.core.limits import REREADS
from untag.core.plan import DONE, WOULD
from untag.core.steps import HALVES, Budget, Doubt, Followed, Group, Halves, Kind, Settled, Step
from untag.providers import AGAIN, TOO_LARGE, Answer, Seen, Verdict

_OF_ONE = frozenset({Verdict.REFUSED, Verdict.NOT_FOUND})
"""Verdicts of a whole call that may be one resource's: the others are asked for without it."""

_READ_AGAIN = frozenset({Verdict.STALE, Verdict.ACCEPTED})
"""Verdicts after which the resources are read, whatever else the answer says."""

_READING = "reading the tags first: "


def last_checks(group: Group, ids: tuple[str, ...], tags: tuple[Tag, ...], result: Result) -> Iterator[Step]:
    """Read back, once, what is given up."""
    for part in chunks(ids, group.provider.limits.in_a_read):
        given_up = dict.fromkeys(part, result)
        doubt = Doubt(_reached(group, None), given_up, given_up)
        yield Step(group, Kind.CHECK, part, tags, Budget(), doubt=doubt, last=True)


def judge(step: Step, answer: Answer) -> Iterator[Followed]:
    """What follows from the answer to a step; every pair of the step is in exactly one of the things that come out.

    Some come out of `released` later: those of a forbidden call that waits for other answers, and those that wait after
    their precheck for others to share a write with. Until then the step's group holds them.
    """
    if answer.lost:
        step = replace(step, lost=True)
    match step.kind:
        case Kind.WRITE:
            followed = _after_write(step, answer)
        case Kind.GUARD:
            followed = _after_guard(step, answer)
        case Kind.CHECK:
            followed = _after_check(step, answer)
    yield from _bounded(step, followed)


def released(step: Step, answer: Answer | Deferral | Result) -> Iterator[Followed]:
    """What the end of a step sets free.

    After the last precheck of a group: the writes that waited for others to share their call. After both halves of a
    forbidden call: the calls that waited for their answers.
    """
    if step.kind is Kind.GUARD:
        step.group.prechecks -= 1
        if step.group.prechecks == 0:
            yield from waiting_writes(step.group, most=0)
    halves = step.halves
    if halves is None:
        return
    halves.open -= 1
    halves.forbidden += isinstance(answer, Answer) and answer.verdict is Verdict.FORBIDDEN
    if halves.open:
        return
    step.group.forbidden = halves.forbidden > 1
    step.group.halves = None
    for waiting, its_answer in halves.waiting:
        prefix = _READING if waiting.kind is Kind.GUARD else ""
        yield from _bounded(waiting, _after_forbidden(waiting, its_answer, prefix))


def deferral(step: Step, answer: Answer) -> Deferral:
    """An answer after which the step's call may do better later, as what becomes of its pairs."""
    # A read-back follows a write that may have been applied whatever was said of it.
    lost = step.lost or answer.lost or step.kind is Kind.CHECK
    return deferred(answer, lost=lost, writes=step.kind is Kind.WRITE)


def deferred(answer: Answer, *, lost: bool, writes: bool) -> Deferral:
    """An answer after which a call may do better later, as a deferral."""
    code = answer.code or answer.verdict.value
    lost = lost or (writes and answer.verdict is Verdict.UNAVAILABLE and not answer.unsent)
    return Deferral(code, answer.message or "", counted=True, delay=answer.retry_after, lost=lost)


def _bounded(step: Step, followed: Iterator[Followed]) -> Iterator[Followed]:
    for one in followed:
        if not isinstance(one, Step) or one.budget is not step.budget:
            yield one
        elif step.budget.left == 0:
            lost = one.lost or one.kind is Kind.CHECK
            bound = Deferral("call_bound", "too many calls followed from one", counted=True, lost=lost)
            yield Settled(one.ids, one.tags, bound, one.seen)
        else:
            step.budget.left -= 1
            step.group.prechecks += one.kind is Kind.GUARD
            # What follows from a half is no half itself.
            yield one if step.halves is None else replace(one, halves=None)


def _after_write(step: Step, answer: Answer) -> Iterator[Followed]:
    match answer.verdict:
        case Verdict.DONE:
            yield from _after_success(step, answer)
        case Verdict.REFUSED | Verdict.NOT_FOUND if len(step.ids) > 1 or (
            len(step.tags) > 1 and answer.verdict is Verdict.REFUSED
        ):
            yield from _in_two(step)
        case Verdict.NOT_FOUND:
            yield _settled(step, _result(Outcome.NOT_FOUND, answer))
        case Verdict.FORBIDDEN:
            yield from _after_forbidden(step, answer)
        case Verdict.UNAUTHORIZED:
            yield _settled(step, _result(Outcome.FAILED, answer))
        case Verdict.THROTTLED | Verdict.UNAVAILABLE:
            yield _settled(step, deferral(step, answer))
        case Verdict.STALE:
            yield from _rereads(step, step.ids, answer)
        case Verdict.ACCEPTED:
            yield from confirmations(step, step.ids, answer)
        case Verdict.REFUSED | Verdict.FAILED:
            failed = _result(Outcome.FAILED, answer)
            yield from _checks(step, step.ids, step.tags, dict.fromkeys(step.ids, failed), answer)


def _after_success(step: Step, answer: Answer) -> Iterator[Followed]:
    failed = {id_: answer.failures[id_] for id_ in step.ids if id_ in answer.failures}
    good = tuple(id_ for id_ in step.ids if id_ not in failed)
    if good:
        # A failed resource may have lost some of its tags, so with several tags the count can only be bounded.
        sent = len(step.sent_tags())
        least, most = len(good) * sent, len(step.ids) * sent
        if sent == 1:
            most = least
        if answer.confirmed is None or least <= answer.confirmed <= most:
            yield Settled(good, step.tags, _result(DONE[step.group.action], answer), step.seen)
        else:
            yield from _check_counts(step, good, answer)
    for verdict, read_again in ((Verdict.STALE, _rereads), (Verdict.ACCEPTED, confirmations)):
        if ids := tuple(id_ for id_ in failed if failed[id_].verdict is verdict):
            yield from read_again(step, ids, answer)
    for id_ in (id_ for id_ in failed if failed[id_].retryable):
        code, message, verdict = failed[id_]
        lost = step.lost or verdict is Verdict.UNAVAILABLE
        yield Settled((id_,), step.tags, Deferral(code, message, counted=True, lost=lost), step.seen)
    blamed = tuple(id_ for id_ in failed if not (failed[id_].retryable or failed[id_].verdict in _READ_AGAIN))
    if blamed and len(step.tags) > 1:
        for tag in step.tags:  # the resource failed, and some of its tags may be gone all the same
            yield replace(step, ids=blamed, tags=(tag,), lost=True)
    elif blamed:
        results = {
            id_: Result(Outcome.FAILED, failed[id_].code, failed[id_].message, answer.request_id) for id_ in blamed
        }
        yield from _checks(step, blamed, step.tags, results, answer)


def _after_forbidden(step: Step, answer: Answer, prefix: str = "") -> Iterator[Followed]:
    # Halved at most once, and one call of a group after the other: a missing permission must not cost a call for every
    # resource, however many calls are in flight when it shows.
    group = step.group
    if step.halved or group.forbidden or len(step.ids) * len(step.tags) == 1 or step.budget.left < HALVES:
        yield _settled(step, _result(Outcome.FAILED, answer, prefix))
    elif group.halves is not None:
        group.halves.waiting.append((step, answer))
    else:
        group.halves = Halves()
        yield from _in_two(replace(step, halves=group.halves, halved=True))


def _after_guard(step: Step, answer: Answer) -> Iterator[Followed]:
    if answer.verdict in AGAIN:
        yield _settled(step, deferral(step, answer))
    elif answer.verdict is Verdict.DONE and answer.tags is not None:
        if unknown := tuple(id_ for id_ in step.ids if id_ not in answer.tags):
            not_listed = Result(Outcome.FAILED, "not_listed", "the answer leaves the resource out", answer.request_id)
            yield Settled(unknown, step.tags, not_listed, step.seen, step.lost)
        yield from compared(step, {id_: answer.seen(id_) for id_ in step.ids if id_ in answer.tags})
    elif len(step.ids) > 1 and (answer.verdict in _OF_ONE or answer.code == TOO_LARGE):
        yield from _in_two(step)
    elif answer.verdict is Verdict.FORBIDDEN and len(step.ids) > 1:
        yield from _after_forbidden(step, answer, _READING)
    elif answer.verdict is Verdict.NOT_FOUND and step.group.action is Action.RESTORE:
        # A tag API may know no resource without tags. The write will say whether there is one.
        yield from compared(step, {id_: Seen({}) for id_ in step.ids})
    elif answer.verdict is Verdict.NOT_FOUND and step.lost:
        # A tag API may know no resource without tags, and a write of ours may have taken the last of them.
        yield _settled(step, _result(Outcome.ABSENT, answer))
    else:
        outcome = Outcome.NOT_FOUND if answer.verdict is Verdict.NOT_FOUND else Outcome.FAILED
        yield _settled(step, _result(outcome, answer, _READING))


def _rereads(step: Step, ids: tuple[str, ...], answer: Answer) -> Iterator[Followed]:
    """The resources are read again, and compared, after a write that was refused as stale."""
    if step.rereads == REREADS:
        stale = deferral(step, answer)
        message = stale.message or "the resource has changed each time since it was read"
        yield Settled(
            ids, step.tags, stale._replace(code=answer.code or Verdict.STALE.value, message=message), step.seen
        )
        return
    for part in chunks(ids, step.group.provider.limits.in_a_read):
        yield replace(step, kind=Kind.GUARD, ids=part, rereads=step.rereads + 1)


def _after_check(step: Step, answer: Answer) -> Iterator[Followed]:
    doubt = step.doubt
    if doubt is None:
        raise AssertionError("a check without a doubt")
    if answer.verdict is Verdict.NOT_FOUND and len(step.ids) == 1:
        # A tag API may know no resource without tags: one that bore tags just before our own write is there.
        gone = step.seen is not None and step.group.action is Action.REMOVE
        yield _settled(step, _result(Outcome.ABSENT if gone else Outcome.NOT_FOUND, answer))
        return
    forbidden = answer.verdict is Verdict.FORBIDDEN and not step.halved
    if len(step.ids) > 1 and (answer.verdict in _OF_ONE or forbidden):
        # One bad id must not leave the others in doubt; for a permission that is missing, halves are tried once.
        yield from _in_two(replace(step, halved=step.halved or forbidden))
        return
    if doubt.accepted and answer.verdict is Verdict.DONE:
        yield from after_confirmation(step, doubt, answer.tags or {})
        return
    if answer.verdict in AGAIN and doubt.counted is None and not step.last:
        yield _settled(step, deferral(step, answer))  # a failure is not believed for a reason that passes
        return
    yield from _after_read_back(step, doubt, answer.tags if answer.verdict is Verdict.DONE else None)


def _after_read_back(step: Step, doubt: Doubt, tags: Mapping[str, Mapping[str, str]] | None) -> Iterator[Followed]:
    """What the tags that stand there now say; None if they could not be read, and a resource left out is unknown."""
    known = {} if tags is None else {id_: tags[id_] for id_ in step.ids if id_ in tags}
    for id_ in step.ids:
        if id_ not in known:
            yield Settled((id_,), step.tags, doubt.unread[id_], step.seen, step.lost)
    restores = step.group.action is Action.RESTORE
    pairs = [(id_, tag) for id_ in known for tag in step.tags]
    settled = {(id_, tag) for id_, tag in pairs if stands(step.group.provider, tag, known[id_]) is restores}
    # A key that was asked for twice, bare and with its value, is one tag to the provider.
    believed = doubt.counted == len({(id_, step.group.provider.comparable_key(tag.key)) for id_, tag in settled})
    result = doubt.confirmed if believed and doubt.confirmed is not None else doubt.settled
    for id_, tag in pairs:
        # `was` is the value before our own write where it was read, else what stands there now.
        seen = step.seen or {id_: Seen(known[id_])}
        if (id_, tag) in settled:
            yield Settled((id_,), (tag,), result, seen)
        elif doubt.there is None:
            # The first write was answered with success, and may still be carried out.
            yield replace(step, kind=Kind.WRITE, ids=(id_,), tags=(tag,), alone=True, doubt=None, lost=True)
        else:
            # It stands, and a write whose answer was lost may still be carried out.
            yield Settled((id_,), (tag,), doubt.there[id_], seen, step.lost)


def _checks(
    step: Step, ids: tuple[str, ...], tags: tuple[Tag, ...], failed: Mapping[str, Result], answer: Answer
) -> Iterator[Step]:
    """A read back before a failure is believed."""
    doubt = Doubt(_reached(step.group, answer.request_id), failed, failed)
    for part in chunks(ids, step.group.provider.limits.in_a_read):
        yield replace(step, kind=Kind.CHECK, ids=part, tags=tags, doubt=doubt)


def _check_counts(step: Step, ids: tuple[str, ...], answer: Answer) -> Iterator[Step]:
    """A read-back of what the provider's count does not confirm, though its answer was a success."""
    count = answer.confirmed
    counted = "no count" if count is None or count < 0 else f"a count of {count}"
    message = f"already in the wanted state: the provider answered with {counted} for {_pairs(step, ids)}"
    outcome = Outcome.ABSENT if step.group.action is Action.REMOVE else Outcome.RESTORED
    reached = Result(outcome, "wrong_count", message, answer.request_id)
    wrong = Result(
        Outcome.UNCONFIRMED,
        "wrong_count",
        "the provider's count is wrong, and reading back failed too",
        answer.request_id,
    )
    still = Result(Outcome.FAILED, "not_applied", "answered with success twice, but it still stands", answer.request_id)
    there = dict.fromkeys(ids, still) if step.alone else None
    confirmed = _result(DONE[step.group.action], answer)
    for part in chunks(ids, step.group.provider.limits.in_a_read):
        whole = len(part) == len(ids)  # a count does not say which part it counts
        doubt = Doubt(reached, there, dict.fromkeys(part, wrong), count, confirmed if whole else None)
        yield replace(step, kind=Kind.CHECK, ids=part, doubt=doubt)


def _pairs(step: Step, ids: tuple[str, ...]) -> str:
    number = len(ids) * len(step.sent_tags())
    return f"{number} pair{'' if number == 1 else 's'}"


def _in_two(step: Step) -> Iterator[Step]:
    """The step in halves: by resources, and by tags where it has but one resource."""
    if len(step.ids) > 1:
        middle = len(step.ids) // 2
        for ids in (step.ids[:middle], step.ids[middle:]):
            yield replace(step, ids=ids)
    else:
        middle = len(step.tags) // 2
        for tags in (step.tags[:middle], step.tags[middle:]):
            yield replace(step, tags=tags)


def _reached(group: Group, request_id: str | None) -> Result:
    """The result of a pair in the wanted state; our call did not do it."""
    if group.dry_run and group.action is Action.RESTORE:
        return Result(WOULD[Action.RESTORE], request_id=request_id)
    return Result(Outcome.ABSENT if group.action is Action.REMOVE else Outcome.RESTORED, request_id=request_id)


def _settled(step: Step, result: Result | Deferral) -> Settled:
    return Settled(step.ids, step.tags, result, step.seen, step.lost)


def _result(outcome: Outcome, answer: Answer, prefix: str = "") -> Result:
    message = f"{prefix}{answer.message or ''}".strip() or None
    return Result(outcome, answer.code, message, answer.request_id)
