"""From requests to groups: what may travel together is put together, across the requests of a batch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from untag.contracts import Action, Outcome, RemovalRequest, Result, Tag
from untag.core.jobs import Block, Job
from untag.core.policy import Policy
from untag.providers import Provider, Registry, Scope

if TYPE_CHECKING:
    from untag.core.steps import Halves

WOULD = {Action.REMOVE: Outcome.WOULD_REMOVE, Action.RESTORE: Outcome.WOULD_RESTORE}


@dataclass(slots=True, eq=False)
class Group:
    """Pairs that may share calls: one scope, one action, dry or wet.

    `rows` maps each resource to the blocks that ask for it and its row in each, so that a pair that several requests
    ask for is called once, and settled in all of them.
    """

    provider: Provider
    scope: Scope
    action: Action
    dry_run: bool
    guarded: bool
    """Whether what stands at the provider is read before anything is written."""
    rows: dict[str, list[tuple[Block, int]]] = field(default_factory=dict)
    forbidden: bool = False
    """Whether both halves of a forbidden call were forbidden too: then it is the permission that is missing."""
    halves: "Halves | None" = None
    """The halves of a forbidden call that are being tried: others forbidden meanwhile wait for what they tell."""


def guards(provider: Provider, action: Action, tag: Tag) -> bool:
    """Whether what stands at the provider is read before this tag is removed.

    Either because the provider does not compare values, or because it does and the request names none.
    """
    return action is Action.REMOVE and (provider.reads_first or (provider.removes_pairs and tag.value is None))


def open_job(request: RemovalRequest, registry: Registry, policy: Policy, *, now: float) -> Job:
    """A job for the request, with everything already settled that needs no call."""
    tags = request.distinct_tags()
    job = Job(request, request.dry_run or policy.dry_run, now, blocks=[], open=request.pairs())
    for type_, ids in request.ids_by_type().items():
        provider = registry.find(request.provider, type_)
        job.blocks.append(Block(job, provider, provider.scope(request, type_), ids, tags))
    for block in job.blocks:
        if (held := policy.hold_back(block, now)) is not None:
            block.settle_rest(held)
            continue
        for tag in tags:
            if (protected := policy.protects(block, tag)) is not None:
                block.settle_tag(tag, protected)
            elif job.dry_run and not guards(block.provider, request.action, tag):
                block.settle_tag(tag, Result(WOULD[request.action]))
    return job


def group(jobs: Iterable[Job]) -> list[Group]:
    """The groups of all pairs that are still open."""
    groups: dict[tuple[Scope, Action, bool, bool], Group] = {}
    for job in jobs:
        action = job.request.action
        for block in job.blocks if job.open else ():
            for guarded in sorted({guards(block.provider, action, tag) for tag in _open_tags(block)}):
                key = (block.scope, action, job.dry_run, guarded)
                if key not in groups:
                    groups[key] = Group(block.provider, block.scope, action, job.dry_run, guarded)
                rows = groups[key].rows
                for row, id_ in enumerate(block.ids):
                    rows.setdefault(id_, []).append((block, row))
    return list(groups.values())


def rectangles(group: Group) -> Iterator[tuple[tuple[str, ...], tuple[Tag, ...]]]:
    """The group's open pairs as rectangles no larger than one call: ids that want the same tags go together."""
    alike: dict[tuple[Tag, ...], list[str]] = {}
    wanted: dict[tuple[int, ...], tuple[Tag, ...]] = {}
    for id_, asking in group.rows.items():
        key = tuple(id(block) for block, _ in asking)
        if key not in wanted:
            wanted[key] = _tags(group, (block for block, _ in asking))
        alike.setdefault(wanted[key], []).append(id_)
    limits = group.provider.limits
    for tags, ids in alike.items():
        # A guarded group is read first, each resource with all its tags at once; the writes are cut after that.
        parts = [tags] if group.guarded else list(cut_tags(tags, limits.keys))
        for part in parts:
            for few in cut_ids(ids, limits.in_a_read if group.guarded else limits.resources):
                yield few, part


def cut_ids(ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """The ids in parts of at most `size`."""
    for start in range(0, len(ids), size):
        yield tuple(ids[start : start + size])


def cut_tags(tags: Iterable[Tag], keys: int) -> Iterator[tuple[Tag, ...]]:
    """The tags in parts of at most `keys` keys, no key twice in a part."""
    parts: list[dict[str, Tag]] = []
    for tag in tags:
        for part in parts:
            if len(part) < keys and tag.key not in part:
                part[tag.key] = tag
                break
        else:
            parts.append({tag.key: tag})
    for part in parts:
        yield tuple(part.values())


def _open_tags(block: Block) -> list[Tag]:
    # Before the first call a tag is open or settled for all of a block's resources alike, so the first row tells.
    return [tag for tag, column in block.index.items() if block.results[column] is None]


def _tags(group: Group, blocks: Iterable[Block]) -> tuple[Tag, ...]:
    # Sorted, so that requests that name the same tags in another order still share their calls.
    found = {tag for block in blocks for tag in _open_tags(block)}
    mine = [tag for tag in found if guards(group.provider, group.action, tag) is group.guarded]
    return tuple(sorted(mine, key=lambda tag: (tag.key, tag.value is not None, tag.value or "")))


def conflicting(jobs: Iterable[Job]) -> list[Job]:
    """The jobs whose wishes contradict an earlier job's: to restore what it removes, or to restore another value.

    Which of two such requests is carried out last would be chance, so the later one must not share a batch with the
    earlier.
    """
    wishes: dict[tuple[Scope, str, str], tuple[Action, str | None]] = {}
    jobs = [job for job in jobs if not job.dry_run]
    if all(job.request.action is Action.REMOVE for job in jobs):
        return []
    found = []
    for job in jobs:
        action = job.request.action
        # Two removals never contradict each other: each speaks of its own pair.
        wanted = {
            (scope, id_, tag.key): (action, tag.value if action is Action.RESTORE else None)
            for scope, id_, tag in _wishes(job)
        }
        if any(wishes.get(key, wish) != wish for key, wish in wanted.items()):
            found.append(job)
        else:
            wishes.update(wanted)
    return found


def _wishes(job: Job) -> Iterator[tuple[Scope, str, Tag]]:
    for block in job.blocks:
        for id_, tag, result in block.rows():
            if result is None:
                yield block.scope, id_, tag
