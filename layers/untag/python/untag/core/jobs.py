"""A request under work: blocks of resources x tags, with a slot for the result of each pair."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from untag.contracts import Deferral, RemovalRequest, Result, Tag
from untag.providers import Provider, Scope, Seen


class Block:
    """One type's resources of a request, times its tags: a rectangle of pairs, row by row in `results`.

    A slot is 8 bytes and points to a result that is shared with every pair settled alike: a pair costs no object of
    its own. `seen` has what was read of every resource, where that was before the block was made. `evidence` has the
    value seen before a write whose answer was lost, by slot.
    """

    __slots__ = ("evidence", "ids", "index", "job", "provider", "results", "scope", "seen", "tags")

    def __init__(
        self,
        job: "Job",
        provider: Provider,
        scope: Scope,
        ids: list[str],
        tags: list[Tag],
        seen: Mapping[str, Seen] | None = None,
    ) -> None:
        self.job = job
        self.provider = provider
        self.scope = scope
        self.ids = ids
        self.tags = tags
        self.seen = seen
        self.index = {tag: column for column, tag in enumerate(tags)}
        self.results: list[Result | Deferral | None] = [None] * (len(ids) * len(tags))
        self.evidence: dict[int, str] = {}

    def settle(self, at: int, result: Result | Deferral) -> None:
        """Give the pair at a position its result. A pair has one: a second is a bug, and is refused."""
        if self.results[at] is not None:
            raise AssertionError("a pair was settled twice")
        self.results[at] = result
        self.job.open -= 1

    def settle_tag(self, tag: Tag, result: Result | Deferral) -> None:
        """Give every pair of one tag the same result."""
        for at in range(self.index[tag], len(self.results), len(self.tags)):
            self.settle(at, result)

    def settle_rest(self, result: Result | Deferral) -> None:
        """Give every pair that has none yet the same result."""
        for at, settled in enumerate(self.results):
            if settled is None:
                self.settle(at, result)

    def keep_evidence(self, row: int, tag: Tag, was: str) -> None:
        """Keep the value seen before a write that may have been applied, for a pair that is still open."""
        column = self.index.get(tag)
        if column is not None and self.results[at := row * len(self.tags) + column] is None:
            self.evidence[at] = was

    def rows(self) -> Iterator[tuple[str, Tag, Result | Deferral | None]]:
        """Every pair with what became of it."""
        results = iter(self.results)
        for id_ in self.ids:
            for tag in self.tags:
                yield id_, tag, next(results)


@dataclass(slots=True, eq=False)
class Job:
    """One request in one attempt. `open` counts the pairs that have no result yet.

    Where every tag is meant, a resource is one pair until its tags are read: `read` has them, by type and id.
    """

    request: RemovalRequest
    dry_run: bool
    started_at: float
    blocks: list[Block]
    open: int
    traceparent: str | None = None
    """The sender's trace: carried on to what is sent of this job, and never read."""
    read: dict[tuple[str, str], Seen] = field(default_factory=dict)
    pairs: int = 0
    """Pairs that the request came to: as many results are reported."""
    kept_until: float | None = None
    """When the request may be worked at, where that is later, in seconds since the epoch."""
    bears_tags: bool = False
    """Whether a read has shown any tag on any of the resources."""

    @property
    def first_attempt_at(self) -> float:
        """When the request was first worked at, in seconds since the epoch."""
        first = self.request.first_attempt_at
        return self.started_at if first is None else first.timestamp()

    def replace_blocks(self, blocks: Iterable[Block]) -> None:
        """Go on with other blocks, and count their pairs."""
        self.blocks = list(blocks)
        self.pairs = sum(len(block.results) for block in self.blocks)
        self.open = sum(block.results.count(None) for block in self.blocks)

    def rows(self) -> Iterator[tuple[str, str, Tag, Result | Deferral]]:
        """Every pair as type, id, tag and result, in the order in which they were asked for.

        Raises AssertionError if a pair has no result: pairs in = terminal outcomes + deferred, or nothing is reported.
        """
        for block in self.blocks:
            for id_, tag, result in block.rows():
                if result is None:
                    raise AssertionError("a pair has no result")
                yield block.scope.type, id_, tag, result
