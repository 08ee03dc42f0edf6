"""What a resource's tags mean for each pair: its outcome, or the write that is needed. Pure, as `judging` is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from untag.contracts import ALL, Action, Outcome, Result, Tag
from untag.core.chunks import chunks
from untag.core.limits import WAITING_CALLS
from untag.core.plan import WOULD, cut_tags
from untag.core.steps import Budget, Followed, Group, Kind, Read, Settled, Step, Write
from untag.providers import Provider, Seen, stored_key


def stands(provider: Provider, tag: Tag, there: Mapping[str, str]) -> bool:
    """Whether the tag stands there, with its value if it has one."""
    key = tag.key if tag.key in there else stored_key(provider, tag.key, there)
    return key is not None and tag.value in (None, there[key])


def compared(step: Step, seen: Mapping[str, Seen]) -> Iterator[Followed]:
    """What the tags that stand there mean for each pair: its outcome, or a write."""
    if ALL in step.tags and seen:
        yield Read(tuple(seen), seen)
    group = step.group
    restores = group.action is Action.RESTORE
    # Where a write of ours may have been applied, `was` is the value before it.
    before = step.seen if step.lost and step.seen is not None else seen
    to_write = group.to_write if not step.rereads else {}
    for id_, (there, _) in seen.items():
        writes: list[Write] = []
        for tag in step.tags:
            if tag is ALL:
                continue
            key = tag.key if tag.key in there else stored_key(group.provider, tag.key, there)
            value = None if key is None else there[key]
            result = _restore_needless(group, tag, value) if restores else _removal_needless(tag, value)
            if result is not None:
                # A pair that is held back is told with the value that holds it back.
                held = result.outcome is Outcome.PROTECTED
                yield Settled((id_,), (tag,), result, seen if held else before)
            elif group.dry_run:
                yield Settled((id_,), (tag,), Result(WOULD[group.action]), seen)
            else:
                writes.append((tag, None, None) if restores else (tag, key, value))
        if writes:
            to_write.setdefault(tuple(writes), {})[id_] = seen[id_]
    if step.rereads:
        for pairs, resources in to_write.items():
            tags = tuple(tag for tag, *_ in pairs)
            yield replace(step, kind=Kind.WRITE, ids=tuple(resources), tags=tags, seen=resources)
    else:
        yield from waiting_writes(group, most=WAITING_CALLS * group.provider.limits.resources)


def waiting_writes(group: Group, most: int) -> Iterator[Step]:
    """The writes that fill a call, and those that wait longest where more than `most` resources wait."""
    waiting = sum(map(len, group.to_write.values()))
    for pairs, resources in list(group.to_write.items()):
        full = len(resources) // group.provider.limits.resources * group.provider.limits.resources
        ready = list(resources)[: len(resources) if waiting > most else full]
        if ready:
            waiting -= len(ready)
            seen = {id_: resources.pop(id_) for id_ in ready}
            yield from _guarded_writes(group, ready, tuple(tag for tag, *_ in pairs), seen)
        if not resources:
            del group.to_write[pairs]


def _removal_needless(tag: Tag, value: str | None) -> Result | None:
    """The result of a pair that is not there to be removed; `value` is what the key has there."""
    return None if value is not None and tag.value in (None, value) else Result(Outcome.ABSENT)


def _restore_needless(group: Group, tag: Tag, value: str | None) -> Result | None:
    """The result of a tag that stands already, or whose key has a value that somebody has set since."""
    if value is not None and tag.value in (None, value):
        return Result(WOULD[Action.RESTORE] if group.dry_run else Outcome.RESTORED)
    if value is not None and not group.overwrite:
        return Result(Outcome.PROTECTED, "changed_since", "the key has another value by now")
    return None


def _guarded_writes(group: Group, ids: list[str], tags: tuple[Tag, ...], seen: Mapping[str, Seen]) -> Iterator[Step]:
    """The writes for resources on which the same tags stand with the same values."""
    limits = group.provider.limits
    # A key named twice (bare, and with the value that stands there) is one tag at the provider.
    same = group.provider.comparable_key
    keys = dict.fromkeys(same(tag.key) for tag in tags)
    for part in cut_tags([Tag(key, None) for key in keys], limits.keys):
        of_part = {tag.key for tag in part}
        some = tuple(tag for tag in tags if same(tag.key) in of_part)
        for few in chunks(ids, limits.resources):
            yield Step(group, Kind.WRITE, few, some, Budget(), seen=seen)
