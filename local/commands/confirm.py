"""Asks before anything goes to real clouds, with the number of pairs and the places that they are at."""

import select
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from local.errors import LocalError
from local.session.control import Client
from local.session.real import ANY
from local.terminal.console import counted, safe, table

_LISTEN_SECONDS = 0.2
_FOR_SCRIPTS = "ask at a terminal, or in a script: --yes --expect with the number of pairs"


class Asking:
    """Somebody at a terminal who can be asked."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def possible(self) -> bool:
        """Whether a person is there to answer."""
        return sys.stdin.isatty() and self._console.is_terminal

    def agrees(self, plan: Mapping[str, Any], real: Mapping[str, Any]) -> bool:
        """Show what is about to be asked for, and whether the answer is the right one.

        A dry run wants a yes; what changes tags wants the number of pairs typed.
        """
        show_plan(self._console, plan, real)
        changes = not real["dry_run"] and not all(place["dry_run"] for place in plan["places"])
        if changes:
            self._console.print(f"Type the number of pairs ({plan['pairs']}) to send it; anything else stops: ", end="")
            accepted = {str(plan["pairs"])}
        else:
            self._console.print("Send it? (yes or no) ", end="")
            accepted = {"y", "yes"}
        return _answer().strip().lower() in accepted


def _answer() -> str:
    """A line from the terminal. Ctrl-C is heard at any moment: one that comes just before a read would wait for it."""
    while not select.select([sys.stdin], [], [], _LISTEN_SECONDS)[0]:
        pass
    return sys.stdin.readline()


def show_plan(console: Console, plan: Mapping[str, Any], real: Mapping[str, Any]) -> None:
    """What is about to be asked for, and of whom."""
    if plan["pairs"] is None:
        console.print("[bold]Real clouds.[/] How many pairs this leads to, nobody can say before it is worked at.")
        console.print(f"It reads at: {', '.join(real['clouds'])}")
    else:
        console.print(f"[bold]Real clouds: {counted(plan['pairs'], 'pair')} of resource and tag.[/]")
        made = table("", "cloud", "account", "region", "action", "types", "resources", "pairs")
        for place in plan["places"]:
            action = f"would {place['action']}" if place["dry_run"] or real["dry_run"] else place["action"]
            row = (place["provider"], place["account"], place["region"] or "-", action, ", ".join(place["types"]))
            made.add_row(*map(safe, row), str(place["resources"]), str(place["pairs"]))
        console.print(made)
    for name, endpoint in real["endpoints"].items():
        console.print(f"{name} is {endpoint}")
    if real["dry_run"]:
        console.print("[green]Dry run:[/] nothing is changed.")
    elif not all(place["dry_run"] for place in plan["places"]):
        console.print("[bold red]Tags will be changed.[/]")


def confirm(client: Client, body: Mapping[str, Any], *, yes: bool, expect: int | None, ask: Asking) -> dict[str, Any]:
    """What a request to the stack has to carry for it to be carried out: nothing where the clouds are local.

    LocalError if the number of pairs is not `expect`, or if it is not confirmed.
    """
    real = client.get("describe")["real"]
    if real is None and expect is None:
        return {}
    plan = client.post("plan", body)
    if expect is not None and expect != plan["pairs"]:
        names = (
            "a number of pairs that nobody can say beforehand"
            if plan["pairs"] is None
            else counted(plan["pairs"], "pair")
        )
        raise LocalError(f"it asks for {names}, and --expect says {expect}: nothing was sent", "look at it once more")
    if real is None:
        return {}
    if yes and expect is None:
        raise LocalError("--yes without --expect: nothing was sent", _FOR_SCRIPTS)
    if not yes:
        if not ask.possible:
            raise LocalError("real clouds, and nobody to ask: nothing was sent", _FOR_SCRIPTS)
        if not ask.agrees(plan, real):
            raise LocalError("not confirmed: nothing was sent", "the same command asks again")
    return {"confirmed": ANY if plan["pairs"] is None else plan["pairs"]}
