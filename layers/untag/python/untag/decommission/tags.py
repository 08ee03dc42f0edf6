"""Which tags of a resource that is gone are meant."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Self

from untag.contracts import Tag
from untag.core.policy import is_reserved
from untag.providers import Provider


class TagPolicy:
    """The stack's answer where an event names no tags: all of a resource's, or those whose keys match a glob."""

    def __init__(self, globs: Sequence[str]) -> None:
        """`globs` empty means all."""
        self._globs = tuple(globs)

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """As `UNTAG_DECOMMISSION_TAGS` says it: `all`, which is the default, or globs."""
        return cls(() if [word.lower() for word in words] in ([], ["all"]) else words)

    def chosen(self, tags: Mapping[str, str], provider: Provider) -> tuple[Tag, ...]:
        """The tags to remove of those that stand there, in order; the cloud's own are never removed.

        Keys are compared as the provider compares them.
        """
        globs = [provider.comparable_key(glob) for glob in self._globs]
        chosen = []
        for key, value in sorted(tags.items()):
            comparable = provider.comparable_key(key)
            meant = not globs or any(fnmatchcase(comparable, glob) for glob in globs)
            if meant and not is_reserved(provider, key):
                chosen.append(Tag(key, value))
        return tuple(chosen)
