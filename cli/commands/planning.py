"""What the commands on plans share: reading the clouds with progress, and how totals are shown."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from cli import base
from cli.errors import INVALID, CommandError
from local.terminal.console import counted, outcome_style, safe, table
from untag.contracts import InvalidInputError

_SHOWN = 20
"""Lines of one table: what is more stands in the file."""


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """While it lasts, a line on the terminal that counts."""
    if not base.err.is_terminal:
        yield lambda _: None
        return
    with base.err.status(f"{what} ...") as status:
        yield lambda count: status.update(f"{what}: {count} ...")


def check_batch(name: str | None) -> None:
    """CommandError for what cannot name a batch."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        hint = "up to 64 letters, digits, dots, hyphens and underscores"
        raise CommandError(f"{name} cannot name a batch", hint, status=INVALID)


@contextmanager
def environment() -> Iterator[Mapping[str, str]]:
    """The environment; what is wrong with it, or with a place, ends the command with its message."""
    try:
        yield os.environ
    except InvalidInputError as error:
        raise CommandError(str(error), "correct it, then the same command again", status=INVALID) from None


def show_totals(console: Console, totals: Mapping[str, Any]) -> None:
    """Pairs by place and by key."""
    places = table("By place", "provider", "account", "region", "type", "resources", "pairs")
    for one in totals["places"][:_SHOWN]:
        names = (one["provider"], one["account"], one["region"] or "-", one["type"])
        places.add_row(*map(safe, names), str(one["resources"]), str(one["pairs"]))
    keys = table("By key", "key", "pairs")
    for one in totals["keys"][:_SHOWN]:
        keys.add_row(safe(one["key"]), str(one["pairs"]))
    for made, rows in ((places, totals["places"]), (keys, totals["keys"])):
        if rows:
            console.print(made)
        if len(rows) > _SHOWN:
            console.print(f"and {len(rows) - _SHOWN} more")


def show_spared(console: Console, spared: list[Mapping[str, Any]], examples: list[Mapping[str, Any]]) -> None:
    """What would not be removed, and why."""
    if not spared:
        return
    made = table("Not in the plan", "outcome", "code", "pairs")
    for one in spared[:_SHOWN]:
        made.add_row(safe(one["outcome"]), safe(one["code"] or "-"), str(one["pairs"]), style=style_of(one["outcome"]))
    console.print(made)
    for one in examples:
        place = " ".join(str(one[name]) for name in ("provider", "account", "type", "id", "key") if one.get(name))
        console.print(f"  {safe(place)}: {safe(one['message'])}")


def style_of(outcome: str) -> str:
    """The colour of an outcome, of those that only plans have, too."""
    return "yellow" if outcome == "left_out" else outcome_style(outcome)


def pairs_in_words(count: int) -> str:
    """A count of pairs, as a sentence has it."""
    return f"{counted(count, 'pair')} of resource and tag"
