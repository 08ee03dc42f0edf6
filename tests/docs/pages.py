"""What the pages show: their commands and examples, as they stand there, in their order."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs_support import ROOT
from markdown_it import MarkdownIt

PAGES = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *(ROOT / "docs").rglob("*.md")]
)
RUN_BY_A_SHELL = ("ledger.md", "operations.md", "subscribing.md")
"""Pages whose commands are whole scripts: tests/end_to_end/test_documented_commands.py runs them in one."""
SHELLS = ("", "sh", "bash", "shell", "console")
_FILE_ABOVE = re.compile(r"`[^`\n]+`(, continued)?:")
_INLINE_COMMAND = re.compile(
    r"(make [a-z][a-z-]*( [A-Z]+=\S+)?|(\S*/)?python -m \S+.*|untag local [a-z]+ .*"
    r"|aws [a-z-]+ [a-z-]+ .*|sam [a-z]+.*)"
)


HEADINGS_OF_A_CLOUD = (
    *("What a request says", "Credentials", "Permissions", "Endpoints", "Deletions"),
    "What the documents leave open",
)
"""What every page under docs/providers/ has, so that a reader of one finds the same on another."""


def missing_headings(page: Path) -> list[str]:
    """Which of these headings the page of a cloud does not have."""
    there = re.findall(r"^#{2,3} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [heading for heading in HEADINGS_OF_A_CLOUD if heading not in there]


@dataclass(frozen=True)
class Block:
    """A block of code. `language` is empty where the page says none."""

    page: Path
    line: int
    language: str
    text: str
    is_file: bool
    """Whether the page says that it is a file's content."""

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command, without its comment and what is done with its output."""

    place: str
    text: str
    words: tuple[str, ...]


def blocks() -> Iterator[Block]:
    """Every block of code on every page."""
    for page in PAGES:
        above = ""
        for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
            if token.type == "inline":
                above = token.content.rpartition("\n")[2]
            if token.type in ("fence", "code_block"):
                line = (token.map or [0])[0] + 1
                yield Block(page, line, token.info, token.content, _FILE_ABOVE.fullmatch(above) is not None)
                above = ""


def examples() -> Iterator[tuple[Block, Any]]:
    """Every block that is JSON, parsed, but for files that a page has written; None where it only looks like it."""
    for block in blocks():
        if not block.is_file and (block.language == "json" or block.text.lstrip().startswith(("{", "["))):
            try:
                yield block, json.loads(block.text)
            except ValueError:
                yield block, None


def lines() -> Iterator[tuple[str, str]]:
    """Where each command line stands and what it is: every line of every block of a shell, and commands in running
    text. A line is as a person copies it, with its pipes, its comment and its redirection.
    """
    for block in blocks():
        if block.is_file or block.language not in SHELLS or block.text.lstrip().startswith(("{", "[")):
            continue
        if block.page.name in RUN_BY_A_SHELL:
            continue
        for line in block.text.replace("\\\n", " ").splitlines():
            yield block.place, line.removeprefix("$ ")
    for page in (page for page in PAGES if page.name not in RUN_BY_A_SHELL):
        for inline in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8")):
            if _INLINE_COMMAND.fullmatch(inline) and "…" not in inline:
                yield str(page.relative_to(ROOT)), inline


def commands() -> Iterator[Command]:
    """The commands of every line, each by itself."""
    for place, line in lines():
        yield from _commands_of(place, line)


def _commands_of(place: str, line: str) -> Iterator[Command]:
    for part in re.split(r"\s(?:\||&&|;)\s", line):
        words = shlex.split(part, comments=True)
        if ">" in words:
            words = words[: words.index(">")]
        if words:
            yield Command(place, part.strip(), tuple(words))
