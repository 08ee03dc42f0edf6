"""Writes removal requests: for a sweep, for resources that are gone, for anything else.

There is one writer. Each request that it writes is checked by the rules that it will be checked by when it comes in, so
that it cannot be refused later. What breaks them is left out alone, and said.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from untag.contracts import ALL, InvalidInputError, Problem, Tag, parse_requests
from untag.contracts.requests import EVERY_TAG
from untag.core.chunks import chunks
from untag.core.limits import REQUEST_PAIRS
from untag.providers import Registry

_LONGEST_ID = 256
_LONGEST_BATCH = 64
_DIGEST = 12
"""Characters of a digest that keep two names apart that are cut alike."""

Resource = tuple[str, str]
"""A resource's type and id."""

Name = Callable[[int, int, Mapping[str, Any]], str]
"""Gives a request its id: from its number, how many there are, and what it says."""


class LeftOut(NamedTuple):
    """A pair that no valid request can name, and why."""

    type: str
    resource_id: str
    tag: Tag
    reason: str


@dataclass(slots=True)
class Written:
    """The bodies of requests that together name exactly what was asked for, but for what is left out.

    `by_key` counts the pairs that are asked for by their key alone, since no request can name their value.
    """

    bodies: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    by_key: int = 0


def write_requests(
    pairs: Mapping[Resource, Iterable[Tag]], head: Mapping[str, Any], registry: Registry, *, name: Name, max_pairs: int
) -> Written:
    """Requests for these tags of these resources. `untag.contracts.ALL` stands for every tag of a resource.

    Resources with the same tags share a request, up to `max_pairs` pairs. `head` has the fields that all of them share
    (provider, account, region, project_id, batch, reason, dry_run, action, …); None leaves a field out. The same pairs
    in the same order make the same requests under the same ids.
    """
    writer = _Writer({key: value for key, value in head.items() if value is not None}, registry)
    most = min(max_pairs, REQUEST_PAIRS)
    parts = [
        body
        for tags, resources in _alike(pairs).items()
        for part in _cut(tags, resources, most)
        for body in writer.valid(*part)
    ]
    for number, body in enumerate(parts, 1):
        writer.written.bodies.append({"id": name(number, len(parts), body), **body})
    return writer.written


def numbered(own_id: str) -> Name:
    """Names requests after what led to them: `own_id`, or `own_id-1`, `own_id-2` … where they are several."""

    def name(number: int, of: int, _: Mapping[str, Any]) -> str:
        suffix = "" if of == 1 else f"-{number}"
        return shortened(own_id, _LONGEST_ID - len(suffix)) + suffix

    return name


def by_content(prefix: str) -> Name:
    """Names each request after what it says, so that the same one has the same id whatever is asked for beside it."""

    def name(_number: int, _of: int, body: Mapping[str, Any]) -> str:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        suffix = f".{hashlib.sha256(canonical.encode()).hexdigest()[:20]}"
        return shortened(prefix, _LONGEST_ID - len(suffix)) + suffix

    return name


def shortened(text: str, size: int) -> str:
    """The text if it has no more characters than `size`, else its beginning and a digest of all of it."""
    return text if len(text) <= size else f"{text[: size - _DIGEST - 1]}-{_digest(text)}"


def batch_name(text: str) -> str:
    """A text as the name of a batch: itself if it can be one, else what is left of it and a digest of all of it."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        return text
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[: _LONGEST_BATCH - _DIGEST - 1].strip("-")
    return "-".join(filter(None, (kept, _digest(text))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def _alike(pairs: Mapping[Resource, Iterable[Tag]]) -> dict[tuple[Tag, ...], list[Resource]]:
    """The resources by the tags that they share; those without a tag are left out."""
    alike: dict[tuple[Tag, ...], list[Resource]] = {}
    for resource, tags in pairs.items():
        if named := tuple(dict.fromkeys(tags)):
            alike.setdefault(named, []).append(resource)
    return alike


def _cut(
    tags: tuple[Tag, ...], resources: Sequence[Resource], most: int
) -> Iterator[tuple[tuple[Tag, ...], Sequence[Resource]]]:
    for some in chunks(tags, most):
        for part in chunks(resources, max(1, most // len(some))):
            yield some, part


class _Writer:
    """Makes bodies of one head, and keeps what is wrong with its parts."""

    def __init__(self, head: Mapping[str, Any], registry: Registry) -> None:
        self._head = head
        self._registry = registry
        self._resources: dict[Resource, str | None] = {}
        self._tags: dict[tuple[str, Tag], str | None] = {}
        self.written = Written()

    def valid(self, tags: tuple[Tag, ...], resources: Sequence[Resource]) -> Iterator[dict[str, Any]]:
        """The body for all pairs of these, or bodies for those of them that a valid request can name."""
        body = self._body(tags, resources)
        problems = self._problems(body)
        if not problems:
            yield body
        elif not any(_within(problem, "tags", "resources") for problem in problems):
            # Nothing that is named is wrong, but what all have in common.
            self._leave_out(tags, resources, problems[0].message)
        else:
            for some, few in _alike(self._usable(tags, resources)).items():
                yield from self._halves(some, few)

    def _usable(self, tags: tuple[Tag, ...], resources: Sequence[Resource]) -> dict[Resource, list[Tag]]:
        """The tags of each resource that can be named, each looked at by itself; the others are left out."""
        usable: dict[Resource, list[Tag]] = {}
        for resource in resources:
            if (fault := self._fault_of_resource(resource)) is not None:
                self._leave_out(tags, [resource], fault)
                continue
            usable[resource] = []
            for tag in tags:
                named = self._nameable(resource, tag)
                if isinstance(named, Tag):
                    usable[resource].append(named)
                    self.written.by_key += named != tag
                else:
                    self._leave_out((tag,), [resource], named)
        return usable

    def _nameable(self, resource: Resource, tag: Tag) -> Tag | str:
        """The tag, or its key alone where its value cannot be named; else why it cannot be named at all."""
        if (fault := self._fault_of_tag(resource[0], tag)) is None:
            return tag
        by_key = Tag(tag.key, None)
        return by_key if tag != by_key and self._fault_of_tag(resource[0], by_key) is None else fault

    def _halves(self, tags: tuple[Tag, ...], resources: Sequence[Resource]) -> Iterator[dict[str, Any]]:
        """The body, or those of its halves: for a rule that no part breaks by itself."""
        body = self._body(tags, resources)
        if not (problems := self._problems(body)):
            yield body
        elif len(resources) > 1:
            middle = len(resources) // 2
            yield from self._halves(tags, resources[:middle])
            yield from self._halves(tags, resources[middle:])
        elif len(tags) > 1:
            middle = len(tags) // 2
            yield from self._halves(tags[:middle], resources)
            yield from self._halves(tags[middle:], resources)
        else:
            self._leave_out(tags, resources, problems[0].message)

    def _fault_of_resource(self, resource: Resource) -> str | None:
        if resource not in self._resources:
            self._resources[resource] = self._fault(self._body((Tag("any", "any"),), [resource]), "resources")
        return self._resources[resource]

    def _fault_of_tag(self, type_: str, tag: Tag) -> str | None:
        if (type_, tag) not in self._tags:
            self._tags[type_, tag] = self._fault(self._body((tag,), [(type_, "any")]), "tags")
        return self._tags[type_, tag]

    def _fault(self, body: Mapping[str, Any], field_: str) -> str | None:
        return next((problem.message for problem in self._problems(body) if _within(problem, field_)), None)

    def _problems(self, body: Mapping[str, Any]) -> tuple[Problem, ...]:
        try:
            self._registry.checked(parse_requests(body, "own"), listed=False)
        except InvalidInputError as error:
            return error.problems
        return ()

    def _body(self, tags: tuple[Tag, ...], resources: Sequence[Resource]) -> dict[str, Any]:
        by_type: dict[str, list[str]] = {}
        for type_, id_ in resources:
            by_type.setdefault(type_, []).append(id_)
        return {
            **self._head,
            "resources": [{"type": type_, "ids": ids} for type_, ids in by_type.items()],
            "tags": EVERY_TAG if ALL in tags else [_tag_body(tag) for tag in tags],
        }

    def _leave_out(self, tags: tuple[Tag, ...], resources: Sequence[Resource], reason: str) -> None:
        self.written.left_out += [LeftOut(type_, id_, tag, reason) for type_, id_ in resources for tag in tags]


def _within(problem: Problem, *fields: str) -> bool:
    return problem.path.partition(".")[0] in fields


def _tag_body(tag: Tag) -> dict[str, str]:
    return {"key": tag.key} if tag.value is None else {"key": tag.key, "value": tag.value}
