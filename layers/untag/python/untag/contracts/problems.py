"""What is wrong with an input: the path of the field and the rule that it breaks."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_OBJECT = frozenset({"model_type", "model_attributes_type", "dict_type"})
"""Pydantic's kinds of error whose text names the class that it would have made."""


class Problem(NamedTuple):
    """One broken rule. `path` is dotted (`resources.0.ids.1`), empty for the input as a whole."""

    path: str
    message: str

    def under(self, prefix: str) -> "Problem":
        """The same problem, seen from outside `prefix`."""
        return Problem(".".join(part for part in (prefix, self.path) if part), self.message)


class InvalidInputError(Exception):
    """The input does not validate; nothing of it is called. Carries every `Problem`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in self.problems))

    @classmethod
    def of(cls, message: str, path: str = "") -> "InvalidInputError":
        """An input with one problem."""
        return cls((Problem(path, message),))

    def under(self, prefix: str) -> "InvalidInputError":
        """The same problems, seen from outside `prefix`."""
        return InvalidInputError(problem.under(prefix) for problem in self.problems)


def problems_of(error: "ValidationError") -> Iterator[Problem]:
    """What a model does not take, in the words of the sender's document.

    No value, which may be a secret, no link to pydantic's pages, and no name of a class, which is ours alone.
    """
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        message = "Input should be an object" if detail["type"] in _NO_OBJECT else detail["msg"]
        yield Problem(".".join(map(str, detail["loc"])), message.removeprefix("Value error, "))
