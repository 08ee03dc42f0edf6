"""CSV: a row for each pair, with the columns of a plan."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cli.errors import FileProblem
from cli.files.suggestions import explained, meant
from cli.files.texts import separator_of
from untag.contracts import InvalidInputError, Tag, parse_requests
from untag.providers import Registry

COLUMNS = ("provider", "account", "region", "project_id", "type", "id", "key", "value")
OPTIONAL = frozenset({"account", "region", "project_id"})
ANY_VALUE = "*"

_PLACE = COLUMNS[:4]
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


class Row(NamedTuple):
    """A row of a table: the fields of its request's head, and its pair."""

    line: int
    head: tuple[tuple[str, str], ...]
    type: str
    id: str
    tag: Tag


class Table(NamedTuple):
    """A table's rows, what is wrong with it, and how it was read."""

    rows: list[Row]
    problems: list[FileProblem]
    note: str


def table_of(file: str, text: str) -> Table:
    """The rows of a CSV text. Its columns come in any order; account, region and project_id may be missing."""
    separator = separator_of(text, frozenset(COLUMNS))
    problems: list[FileProblem] = []
    rows: list[Row] = []
    names: list[str] | None = None
    for line, cells in _lines(file, text, separator, problems):
        if names is None:
            names = [cell.strip().lower() for cell in cells]
            problems += _wrong_columns(file, line, names)
            if problems:
                break
        elif len(cells) != len(names):
            message = f"the row has {len(cells)} cells, and the first line {len(names)}"
            problems.append(FileProblem(file, line, "", message, "a cell with a separator in it needs quotes"))
        else:
            rows.append(_row(line, dict(zip(names, cells, strict=True))))
    if names is None and not problems:
        problems.append(FileProblem(file, None, "", "the file is empty", f"its first line is {','.join(COLUMNS)}"))
    note = f"{file} is read as CSV with {_SEPARATORS[separator]}; {ANY_VALUE} is any value, an empty cell the empty one"
    return Table(rows, problems, note)


def bad_rows(file: str, rows: list[Row], registry: Registry) -> Iterator[FileProblem]:
    """What is wrong with each row by itself; nothing of a good one."""
    for row in rows:
        tag = {"key": row.tag.key} if row.tag.value is None else {"key": row.tag.key, "value": row.tag.value}
        body: dict[str, Any] = {**dict(row.head), "resources": [{"type": row.type, "ids": [row.id]}], "tags": [tag]}
        try:
            registry.checked(parse_requests(body, "row"), listed=False)
        except InvalidInputError as error:
            for problem in error.problems:
                message, hint = explained(problem, body)
                yield FileProblem(file, row.line, _column_of(problem.path), message, hint)


def _lines(file: str, text: str, separator: str, problems: list[FileProblem]) -> Iterator[tuple[int, list[str]]]:
    """The rows with anything in them, each with the line at which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(FileProblem(file, line, "", f"not CSV: {error}", "quotes in a cell are doubled"))
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _wrong_columns(file: str, line: int, names: list[str]) -> Iterator[FileProblem]:
    for name in dict.fromkeys(names):
        if name not in COLUMNS:
            hint = meant(name, COLUMNS) or f"columns are {', '.join(COLUMNS)}"
            yield FileProblem(file, line, name, f"there is no such column: {name or 'it has no name'}", hint)
        elif names.count(name) > 1:
            yield FileProblem(file, line, name, "the column is there twice")
    for name in COLUMNS:
        if name not in names and name not in OPTIONAL:
            yield FileProblem(file, line, name, f"the column {name} is missing")


def _row(line: int, cells: Mapping[str, str]) -> Row:
    # Spaces around a cell are a slip in a word of the cloud's, and may belong to an id, a key or a value.
    head = tuple((name, cells[name].strip()) for name in _PLACE if cells.get(name, "").strip())
    value = None if cells["value"] == ANY_VALUE else cells["value"]
    return Row(line, head, cells["type"].strip(), cells["id"], Tag(cells["key"], value))


def _column_of(path: str) -> str:
    """The column that a request's field comes from."""
    last = path.rpartition(".")[2]
    if path.startswith("resources"):
        return "type" if last == "type" else "id"
    if path.startswith("tags"):
        return "value" if last == "value" else "key"
    return path
