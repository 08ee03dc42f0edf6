"""The text of a file, and what kind of text it is."""

import csv
import enum
import re
import sys
from pathlib import Path

from cli.errors import INVALID, CommandError

STDIN = "-"

_YAML = re.compile(r"---(\s|$)|-\s|[A-Za-z_]+\s*:(\s|$)")
_SEPARATORS = ",;\t"
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Kind(enum.Enum):
    """How a text is to be read."""

    JSON = "JSON"
    JSON_LINES = "JSON lines"
    CSV = "CSV"
    YAML = "YAML"
    UNKNOWN = "neither JSON nor CSV"


class UnreadableError(CommandError):
    """A file cannot be read. The message names it; `why` says the same without the name."""

    def __init__(self, name: str, why: str, hint: str) -> None:
        super().__init__(f"{shown(name)}: {why}", hint, status=INVALID)
        self.why = why


def shown(name: str) -> str:
    """A file's name, for a person."""
    return "stdin" if name == STDIN else name


def text_of(name: str) -> str:
    """What stands in a file, or comes on stdin. Raises UnreadableError."""
    try:
        content = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise UnreadableError(name, f"it cannot be read: {error.strerror}", "name another file; - is stdin") from None
    encoding = _BYTE_ORDER_MARKS.get(content[:2], "utf-8-sig")  # UTF-16 is a spreadsheet's "Unicode text"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
        raise UnreadableError(name, f"it is not UTF-8: see line {line}", hint) from None


def kind_of(name: str, text: str) -> Kind:
    """By the file's ending where it has one that says so, else by how the text begins."""
    ending = Path(name).suffix.lower()
    start = text.lstrip()
    if ending in {".yaml", ".yml"}:
        return Kind.YAML
    if ending == ".csv":
        return Kind.CSV
    if ending in {".jsonl", ".ndjson"}:
        return Kind.JSON_LINES
    if ending == ".json" or start.startswith(("{", "[")):
        return Kind.YAML if _YAML.match(start) else Kind.JSON
    first = start.partition("\n")[0]
    if any(separator in first for separator in _SEPARATORS) and not _YAML.match(start):
        return Kind.CSV
    return Kind.YAML if _YAML.match(start) else Kind.UNKNOWN


def separator_of(text: str, columns: frozenset[str]) -> str:
    """What separates the cells of a CSV: that by which its first line names most of the known columns."""
    first = text.lstrip("\r\n").partition("\n")[0]

    def known(separator: str) -> int:
        cells = next(csv.reader([first], delimiter=separator), [])
        return sum(cell.strip().lower() in columns for cell in cells)

    return max(_SEPARATORS, key=known)
