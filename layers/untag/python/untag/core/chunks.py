"""A sequence in parts."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    """The items in parts of at most `size`, in order."""
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])
