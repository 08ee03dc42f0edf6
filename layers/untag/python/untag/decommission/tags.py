"""Which tags of a resource that is gone are meant, and the requests that name them."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Self

from untag.contracts import Tag


class TagPolicy:
    """The stack's answer where an event names no tags: all of a resource's, or those whose keys match a glob."""

    def __init__(self, globs: Sequence[str]) -> None:
        """`globs` empty means all."""
        self._globs = tuple(globs)

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """As `UNTAG_DECOMMISSION_TAGS` says it: `all`, which is the default, or globs."""
        return cls(() if [word.lower() for word in words] in ([], ["all"]) else words)

    def chosen(self, tags: Mapping[str, str], reserved: tuple[str, ...]) -> tuple[Tag, ...]:
        """The tags to remove of those that stand there, in order; the cloud's own are nobody's to remove."""
        return tuple(
            Tag(key, value)
            for key, value in sorted(tags.items())
            if not key.startswith(reserved) and (not self._globs or any(fnmatchcase(key, glob) for glob in self._globs))
        )


def request_bodies(
    head: Mapping[str, Any], event_id: str, named: Mapping[tuple[str, str], tuple[Tag, ...]], max_pairs: int
) -> list[dict[str, Any]]:
    """Removal requests that together name exactly these tags, one or more, of these resources (by type and id).

    Resources with the same tags share a request, up to `max_pairs` pairs. Ids follow from the event's alone, so that an
    event that comes twice makes duplicates, and no new work.
    """
    alike: dict[tuple[Tag, ...], list[tuple[str, str]]] = {}
    for resource, tags in named.items():
        alike.setdefault(tags, []).append(resource)
    parts = [part for tags, resources in alike.items() for part in _parts(tags, resources, max_pairs)]
    return [
        {
            "id": event_id if len(parts) == 1 else f"{event_id}-{number}",
            **{name: value for name, value in head.items() if value is not None},
            "resources": [{"type": type_, "ids": ids} for type_, ids in by_type.items()],
            "tags": [{"key": tag.key} if tag.value is None else {"key": tag.key, "value": tag.value} for tag in tags],
        }
        for number, (tags, by_type) in enumerate(parts, 1)
    ]


def _parts(
    tags: tuple[Tag, ...], resources: Sequence[tuple[str, str]], max_pairs: int
) -> Iterator[tuple[tuple[Tag, ...], dict[str, list[str]]]]:
    for first in range(0, len(tags), max_pairs):
        some = tags[first : first + max_pairs]
        size = max(1, max_pairs // len(some))
        for start in range(0, len(resources), size):
            by_type: dict[str, list[str]] = {}
            for type_, id_ in resources[start : start + size]:
                by_type.setdefault(type_, []).append(id_)
            yield some, by_type
