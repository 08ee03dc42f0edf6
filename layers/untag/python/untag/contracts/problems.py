"""What is wrong with an input: the path of the field and the rule that it breaks."""

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One broken rule. `path` is dotted (`resources.0.ids.1`), empty for the input as a whole."""

    path: str
    message: str

    def under(self, prefix: str) -> "Problem":
        """The same problem, seen from outside `prefix`."""
        return Problem(".".join(part for part in (prefix, self.path) if part), self.message)


class InvalidInputError(Exception):
    """The input does not validate; nothing of it is called. Carries every `Problem` found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in self.problems))

    @classmethod
    def of(cls, message: str, path: str = "") -> "InvalidInputError":
        """An input with one problem."""
        return cls((Problem(path, message),))
