"""JSON texts as the documents that stand in them, each with its line; what is no JSON is named by its line.

A bare list of a sweep's rules, as a stack's parameter has it, is one document: the sweep.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cli.errors import FileProblem
from local.shapes import are_rules
from untag.contracts import InvalidInputError, parse_json

_LINES = "JSON lines have one request in each line"
_TRAILING = "a comma stands before the closing bracket"


class Document(NamedTuple):
    """A value of a file. `line` is None where it is the whole file, or one of a list in it; `path` leads to it."""

    file: str
    line: int | None
    path: str
    content: Any


def documents_of(file: str, text: str, *, lines: bool) -> tuple[list[Document], list[FileProblem]]:
    """What stands in a JSON text, or in each line of it; the elements of lists one by one."""
    if not lines:
        try:
            return list(_flat(file, None, _parsed(text))), []
        except _BrokenError as error:
            if not _several(text):
                return [], [error.problem(file, 0)]
    documents: list[Document] = []
    problems: list[FileProblem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            documents += _flat(file, number, _parsed(line))
        except _BrokenError as error:
            problems.append(error.problem(file, number))
    return documents, problems


class _BrokenError(Exception):
    def __init__(self, line: int | None, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.hint = hint

    def problem(self, file: str, offset: int) -> FileProblem:
        """In a file's line; in the only line of a part that begins at `offset`."""
        return FileProblem(file, offset or self.line, "", str(self), self.hint)


def _parsed(text: str) -> Any:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if (line := _line_of_trailing_comma(text, error.pos)) is not None:
            raise _BrokenError(line, f"not JSON: {_TRAILING}", "take the comma away") from None
        hint = _LINES if error.msg == "Extra data" else ""
        raise _BrokenError(error.lineno, f"not JSON: {error.msg} at column {error.colno}", hint) from None
    except (ValueError, RecursionError):
        pass  # said by what follows
    try:
        return parse_json(text)
    except InvalidInputError as error:
        raise _BrokenError(None, str(error)) from None


def _line_of_trailing_comma(text: str, position: int) -> int | None:
    """The line of a comma before a bracket, if that is what is wrong.

    Older parsers stop at the bracket, newer ones at the comma.
    """
    at = position if text[position : position + 1] == "," else len(text[:position].rstrip()) - 1
    before_bracket = text[at + 1 :].lstrip()[:1] in {"}", "]"}
    return text.count("\n", 0, at) + 1 if text[at : at + 1] == "," and before_bracket else None


def _several(text: str) -> bool:
    """Whether a text has several values, each in a line of its own."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and all(line[0] in "{[" and line[-1] in "}]" and len(line) > 1 for line in lines)


def _flat(file: str, line: int | None, content: Any) -> Iterator[Document]:
    if are_rules(content):
        yield Document(file, line, "", {"rules": content})
    elif isinstance(content, list):
        for index, element in enumerate(content):
            yield Document(file, line, str(index), element)
    else:
        yield Document(file, line, "", content)
