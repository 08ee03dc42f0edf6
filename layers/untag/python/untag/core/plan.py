"""From requests to groups: what may travel together is put together, across the requests of a batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from untag.contracts import ALL, Action, Deferral, Outcome, RemovalRequest, Result, Tag
from untag.contracts.requests import TagInput, timestamp
from untag.core.chunks import chunks
from untag.core.jobs import Block, Job
from untag.core.limits import MOST_TAGS
from untag.core.policy import Policy
from untag.core.steps import Budget, Group, Kind, Step
from untag.providers import Location, Provider, Registry, Scope, Seen

DONE = {Action.REMOVE: Outcome.REMOVED, Action.RESTORE: Outcome.RESTORED}
WOULD = {Action.REMOVE: Outcome.WOULD_REMOVE, Action.RESTORE: Outcome.WOULD_RESTORE}


def guards(provider: Provider, action: Action, tag: Tag, *, dry_run: bool = False, overwrite: bool = False) -> bool:
    """Whether the resources' tags are read before this tag is removed or put back.

    A dry run has nothing else to go by, and neither has a request for every tag. Without `reads_first` a removal still
    reads where the provider compares values and the request names none.
    """
    if provider.reads_first or dry_run or tag is ALL:
        return True
    if action is Action.RESTORE:
        return not overwrite  # a value that somebody has set since is not overwritten unasked
    return action is Action.REMOVE and provider.removes_pairs and tag.value is None


def open_job(request: RemovalRequest, registry: Registry, policy: Policy, *, now: float) -> Job:
    """A job for the request, with everything already settled that needs no call."""
    tags = request.distinct_tags()
    pairs = request.pairs()
    job = Job(request, request.dry_run or policy.dry_run, now, blocks=[], open=pairs, pairs=pairs)
    evidence = {Tag(tag.key, tag.value): tag.was for tag in request.named_tags() if tag.was is not None}
    location = Location.of(request)
    for type_, ids in request.ids_by_type().items():
        provider = registry.find(request.provider, type_)
        scope = provider.scope(location, type_).of_ids(ids)
        block = Block(job, provider, scope, ids, tags)
        for tag, was in evidence.items():
            block.evidence |= dict.fromkeys(range(block.index[tag], len(block.results), len(tags)), was)
        job.blocks.append(block)
    for block in job.blocks:
        if (held := policy.hold_back(block, now)) is not None:
            block.settle_rest(held)
            continue
        for tag in tags:
            if tag is not ALL and (protected := policy.protects(block.provider, tag.key)) is not None:
                block.settle_tag(tag, protected)
    if request.not_before is not None and now < request.not_before.timestamp() and job.open:
        job.kept_until = request.not_before.timestamp()
        later = Deferral("not_before", f"kept until {timestamp(job.kept_until)}", counted=False)
        for block in job.blocks:
            block.settle_rest(later)
    return job


def expand(job: Job, policy: Policy) -> None:
    """Give a job for every tag its pairs, now that the tags of its resources are read.

    Reserved and protected tags have no pair. Resources that could not be read keep their one slot with its result. The
    cap counts what was read: over it, nothing of the job is worked at. Where resources wait to be read that may take it
    over the cap, all of it waits with them.
    """
    blocks = [block for whole in job.blocks for block in _expanded(whole, job.read, policy)]
    waiting = [result for block in job.blocks for result in block.results if isinstance(result, Deferral)]
    pairs = sum(len(block.results) for block in blocks)
    held: Result | Deferral | None = policy.too_many(pairs)
    if held is None and waiting and policy.too_many(pairs + len(waiting) * MOST_TAGS) is not None:
        for whole in job.blocks:
            whole.results = [waiting[0] if result is None else result for result in whole.results]
        blocks = job.blocks
    job.read = {}
    job.replace_blocks(blocks)
    for block in job.blocks:
        if held is not None:
            job.open -= block.results.count(None)
            block.results = [held] * len(block.results)
        elif job.dry_run and block.seen is not None:
            for at, (id_, tag, _) in enumerate(list(block.rows())):
                block.settle(at, Result(WOULD[job.request.action]).seen(block.seen[id_].tags[tag.key]))


def _expanded(whole: Block, read: Mapping[tuple[str, str], Seen], policy: Policy) -> Iterator[Block]:
    """Blocks for the tags that stand at a block's resources, and one for the resources that could not be read."""
    alike: dict[tuple[tuple[Tag, str], ...], dict[str, Seen]] = {}
    unread: dict[str, Result | Deferral] = {}
    for id_, _, result in whole.rows():
        if result is not None:
            unread[id_] = result
            continue
        there = read[whole.scope.type, id_]
        if tags := policy.removable(whole.provider, there.tags):
            names = tuple((_nameable(whole, tag), there.tags[tag.key]) for tag in tags)
            alike.setdefault(names, {})[id_] = there
    for names, seen in alike.items():
        yield Block(whole.job, whole.provider, whole.scope, list(seen), [tag for tag, _ in names], seen)
    if unread:
        rest = Block(whole.job, whole.provider, whole.scope, list(unread), [ALL])
        rest.results = list(unread.values())
        yield rest


def _nameable(block: Block, tag: Tag) -> Tag:
    """The tag as a request can name it: by its key alone where its value breaks the provider's rules.

    What is left of the pair to do is sent as a request, and must not be refused then.
    """
    try:
        named = TagInput(key=tag.key, value=tag.value)
    except ValueError:
        return Tag(tag.key, None)
    probe = block.job.request.model_copy(update={"tags": [named]})
    refused = any(problem.path.startswith("tags.") for problem in block.provider.problems(probe))
    return Tag(tag.key, None) if refused else tag


def group(jobs: Iterable[Job]) -> list[Group]:
    """The groups of all pairs that are still open."""
    groups: dict[tuple[Scope, Action, bool, bool, bool], Group] = {}
    for job in jobs:
        action, overwrite = job.request.action, job.request.overwrite
        for block in job.blocks if job.open else ():
            for guarded in sorted({_guarded(block, tag) for tag in _open_tags(block)}):
                key = (block.scope, action, job.dry_run, guarded, overwrite)
                if key not in groups:
                    groups[key] = Group(block.provider, block.scope, action, job.dry_run, guarded, overwrite)
                made = groups[key]
                for row, id_ in enumerate(block.ids):
                    asked = made.spellings.setdefault(block.provider.comparable_id(id_), id_)
                    made.rows.setdefault(asked, []).append((block, row))
    return list(groups.values())


def rectangles(group: Group) -> Iterator[tuple[tuple[str, ...], tuple[Tag, ...], Mapping[str, Seen] | None]]:
    """The group's open pairs as rectangles no larger than one call: ids that want the same tags go together.

    With each comes what was read of its resources, where that was before the group was made.
    """
    alike: dict[tuple[Tag, ...], list[str]] = {}
    tags_of: dict[tuple[int, ...], tuple[Tag, ...]] = {}
    seen: dict[str, Seen] = {}
    for id_, asking in group.rows.items():
        key = tuple(id(block) for block, _ in asking)
        if key not in tags_of:
            tags_of[key] = _tags(group, (block for block, _ in asking))
        alike.setdefault(tags_of[key], []).append(id_)
        for block, row in asking:
            if block.seen is not None:
                seen[id_] = block.seen[block.ids[row]]
    limits = group.provider.limits
    for tags, ids in alike.items():
        # A guarded group is read first, each resource with all its tags at once; the writes are cut after that.
        parts = [tags] if group.guarded else list(cut_tags(tags, limits.keys, group.provider.comparable_key))
        for part in parts:
            for few in chunks(ids, limits.in_a_read if group.guarded else limits.resources):
                yield few, part, {id_: seen[id_] for id_ in few} if seen else None


def first_steps(group: Group) -> Iterator[Step]:
    """The planned calls of a group."""
    kind = Kind.GUARD if group.guarded else Kind.WRITE
    for ids, tags, seen in rectangles(group):
        group.prechecks += group.guarded
        yield Step(group, kind, ids, tags, Budget(), seen=seen)


def cut_tags(
    tags: Iterable[Tag], keys: int, comparable: Callable[[str], str] = lambda key: key
) -> Iterator[tuple[Tag, ...]]:
    """The tags in parts of at most `keys` keys, no key twice in a part."""
    parts: list[dict[str, Tag]] = []
    for tag in tags:
        key = comparable(tag.key)
        for part in parts:
            if len(part) < keys and key not in part:
                part[key] = tag
                break
        else:
            parts.append({key: tag})
    for part in parts:
        yield tuple(part.values())


def _guarded(block: Block, tag: Tag) -> bool:
    """Whether a read comes before the tag's write. What was read when the block was made is not read again."""
    request = block.job.request
    return block.seen is None and guards(
        block.provider, request.action, tag, dry_run=block.job.dry_run, overwrite=request.overwrite
    )


def _open_tags(block: Block) -> list[Tag]:
    # Before the first call a tag is open or settled for all of a block's resources alike, so the first row shows it.
    return [tag for tag, column in block.index.items() if block.results[column] is None]


def _tags(group: Group, blocks: Iterable[Block]) -> tuple[Tag, ...]:
    # Sorted, so that requests that name the same tags in another order still share their calls.
    mine = {tag for block in blocks for tag in _open_tags(block) if _guarded(block, tag) is group.guarded}
    return tuple(sorted(mine, key=lambda tag: (tag.key, tag.value is not None, tag.value or "")))


def conflicting(jobs: Iterable[Job]) -> list[Job]:
    """The jobs that contradict an earlier job: they restore what it removes, or restore another value.

    Which of two such requests is carried out last would be chance, so the later one must not share a batch with the
    earlier.
    """
    asked: dict[tuple[Scope, str, str], tuple[Action, str | None]] = {}
    jobs = [job for job in jobs if not job.dry_run]
    if all(job.request.action is Action.REMOVE for job in jobs):
        return []
    later = []
    for job in jobs:
        action = job.request.action
        # Two removals never contradict each other: each speaks of its own pair.
        changes = {
            (scope, id_, key): (action, value if action is Action.RESTORE else None)
            for scope, id_, key, value in _open_pairs(job)
        }
        if action is Action.RESTORE:
            # The empty key stands for every tag of a resource: to remove them all contradicts putting any back.
            changes |= {(scope, id_, ALL.key): (action, None) for scope, id_, _ in changes}
        if any(asked.get(key, change) != change for key, change in changes.items()):
            later.append(job)
        else:
            asked.update(changes)
    return later


def _open_pairs(job: Job) -> Iterator[tuple[Scope, str, str, str | None]]:
    """Scope, id, key and value of the open pairs, ids and keys as the cloud compares them."""
    for block in job.blocks:
        same_id, same_key = block.provider.comparable_id, block.provider.comparable_key
        for id_, tag, result in block.rows():
            if result is None:
                # A project is in one region, whether that is named beside it or not.
                scope = block.scope if block.scope.project_id is None else block.scope._replace(region=None)
                yield scope, same_id(id_), same_key(tag.key), tag.value
