"""Asks for confirmation before anything changes a cloud: the number of pairs, typed or given by a script."""

import select
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from cli import base
from cli.errors import UnconfirmedError
from local.terminal.console import counted, safe, table

_LISTEN_SECONDS = 0.2
_TABLE = ("provider", "account", "region", "type", "action", "resources", "pairs")


def show_totals(totals: Iterable[Mapping[str, Any]]) -> None:
    """Resources and pairs by place and type."""
    made = table("", *_TABLE)
    for row in totals:
        made.add_row(*(safe(row[name]) for name in _TABLE))
    base.out.print(made)


def confirm(
    totals: list[dict[str, Any]], pairs: int, *, yes: bool, expect: int | None, what: str = "pair", show: bool = True
) -> None:
    """Return if the change is confirmed, else raise UnconfirmedError."""
    here = f"--yes --expect {pairs}"
    if expect is not None and expect != pairs:
        raise UnconfirmedError(
            f"it is about {counted(pairs, what)}, and --expect says {expect}: nothing was changed",
            f"look at it once more; if it is right: {here}",
        )
    if yes and expect is None:
        raise UnconfirmedError(
            "--yes needs --expect: nothing was changed", f"if {counted(pairs, what)} is right: {here}"
        )
    if yes:
        return
    if not (sys.stdin.isatty() and base.out.is_terminal):
        raise UnconfirmedError(
            f"{counted(pairs, what)} would be changed, and there is no terminal to ask at: nothing was changed",
            f"if that is right: {here}",
        )
    if show:
        show_totals(totals)
    base.out.print(f"[bold red]Tags will be changed.[/] Type the number of {what}s ({pairs}) to go on: ", end="")
    if _answer().strip() != str(pairs):
        raise UnconfirmedError("not confirmed: nothing was changed", "the same command asks again")


def _answer() -> str:
    """A line from the terminal. Ctrl-C is heard at any moment: one that comes just before a read would wait for it."""
    while not select.select([sys.stdin], [], [], _LISTEN_SECONDS)[0]:
        pass
    return sys.stdin.readline()
