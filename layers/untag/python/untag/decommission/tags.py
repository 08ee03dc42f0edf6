"""Which tags of a resource that is gone are meant, where its event names none: the stack's policy."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from untag.contracts import Tag
from untag.core.policy import is_reserved
from untag.providers import Provider


def globs_of(words: Sequence[str]) -> tuple[str, ...]:
    """The globs in `UNTAG_DECOMMISSION_TAGS`; none for `all`, which is the default."""
    return () if [word.lower() for word in words] in ([], ["all"]) else tuple(words)


def chosen_tags(globs: Sequence[str], tags: Mapping[str, str], provider: Provider) -> tuple[Tag, ...]:
    """The tags whose keys match a glob, in order; all of them where there is no glob. The cloud's own are never among
    them.

    Keys are compared as the provider compares them.
    """
    globs = [provider.comparable_key(glob) for glob in globs]
    chosen = []
    for key, value in sorted(tags.items()):
        comparable = provider.comparable_key(key)
        meant = not globs or any(fnmatchcase(comparable, glob) for glob in globs)
        if meant and not is_reserved(provider, key):
            chosen.append(Tag(key, value))
    return tuple(chosen)
