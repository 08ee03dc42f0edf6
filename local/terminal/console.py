"""Text and tables for a person at a terminal: what is safe to print, and in which colour."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.terminal import hints

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_OUTCOME_STYLES = {
    "removed": "green",
    "restored": "green",
    "would_remove": "cyan",
    "would_restore": "cyan",
    "failed": "red",
    "unconfirmed": "red",
    "rejected": "red",
    "protected": "yellow",
    "deferred": "yellow",
}

_STATUS_STYLES = {
    "succeeded": "green",
    "unchanged": "cyan",
    "partial": "yellow",
    "deferred": "yellow",
    "failed": "red",
}

_UNWRAPPED = 10_000
"""Columns where the output is no terminal: whatever reads it has lines of its own length."""


def make(*, stderr: bool = False) -> Console:
    """A console that wraps for a terminal, and leaves lines whole in a pipe or a file.

    Colours mean something here. So numbers have none by themselves, which rich would give them also inside a name.
    """
    made = Console(stderr=stderr, highlight=False)
    return made if made.file.isatty() else Console(stderr=stderr, width=_UNWRAPPED, highlight=False)


def counted(count: int, noun: str) -> str:
    """A count of things: "1 pair", "2 pairs"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def times(count: int) -> str:
    """How often something happened: "once", "3 times"."""
    return "once" if count == 1 else f"{count} times"


def clean(text: object) -> str:
    """A text without what would command the terminal: it may come from a cloud or from a message's sender."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(text))


def safe(text: object) -> str:
    """A clean text that is no markup either."""
    return escape(clean(text))


def table(title: str, *columns: str) -> Table:
    """An empty table in the house style."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def outcome_style(outcome: str) -> str:
    """The colour of an outcome, as rich writes it."""
    return _OUTCOME_STYLES.get(outcome, "default")


def status_style(status: str) -> str:
    """The colour of a report's status, as rich writes it."""
    return _STATUS_STYLES.get(status, "default")


def queues_table(queues: Sequence[Mapping[str, Any]]) -> Table:
    """How many messages lie in each queue."""
    made = table("Queues", "queue", "visible", "in flight", "delayed")
    for queue in queues:
        figures = [str(queue[key]) for key in ("visible", "in_flight", "delayed")]
        style = "red" if queue["dead_letters"] and queue["visible"] else ""
        made.add_row(queue["logical_id"], *figures, style=style)
    return made


def show_error(console: Console, message: str, hint: str) -> None:
    """What went wrong, and what to do next."""
    console.print(f"[bold red]error:[/] {safe(message)}")
    if hint:
        console.print(f"[dim]{safe(hints.pasteable(hint))}[/]", soft_wrap=True)
