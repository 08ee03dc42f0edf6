"""One look at a stack as a few tables: `watch --once`, on a terminal and elsewhere."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from local.live.lists import until
from local.terminal.console import counted, outcome_style, queues_table, safe, table

_SHOWN = 10
"""Of reports and dead letters so many are shown, the newest; of what waits, the next."""


def show(console: Console, seen: Mapping[str, Any], note: str = "") -> None:
    """Everything that the live view shows in brief."""
    _show_head(console, seen, note)
    console.print(queues_table(seen["queues"]))
    if seen["providers"]:
        console.print(_clouds(seen["providers"]))
    if seen["outcomes"]:
        made = table("Outcomes", "outcome", "pairs")
        for outcome, count in seen["outcomes"].items():
            made.add_row(f"[{outcome_style(outcome)}]{safe(outcome)}[/]", str(count))
        console.print(made)
    else:
        console.print("[dim]No outcomes yet.[/]\n")
    if seen["waiting"]["count"]:
        made = table(f"Waiting ({seen['waiting']['count']})", "back in", "where", "pairs", "requests")
        for one in seen["waiting"]["next"][:_SHOWN]:
            left = until(one["due"], seen["time"])
            made.add_row(left, *(safe(one[name] or "") for name in ("where", "pairs", "requests")))
        console.print(made)
    dead_letters, reports = seen["dead_letters"], seen["reports"]
    if dead_letters["count"]:
        made = table(f"Dead letters ({dead_letters['count']})", "queue", "request", "code", "reason")
        for dead_letter in dead_letters["recent"][-_SHOWN:]:
            made.add_row(*(safe(dead_letter[name]) for name in ("queue", "request_id", "code", "reason")))
        console.print(made)
    else:
        console.print("[dim]No dead letters.[/]\n")
    if reports["count"]:
        made = table(f"Reports ({reports['count']})", "id", "status", "summary")
        for report in reports["recent"][-_SHOWN:]:
            made.add_row(*(safe(report[name]) for name in ("id", "status", "summary")))
        console.print(made)
    else:
        console.print("[dim]No reports yet.[/]")


def _show_head(console: Console, seen: Mapping[str, Any], note: str) -> None:
    """What runs, and what is wrong with the stack itself."""
    functions = seen["functions"].values()
    done = sum(function["invocations"] for function in functions)
    running = sum(function["busy"] for function in functions)
    busy = f"{counted(done, 'invocation')}, {running} running"
    console.print(f"[bold green]{safe(seen['name'])}[/] up {seen['seconds']:.0f} s, {busy}")
    if note:
        console.print(f"[bold yellow]{safe(note)}[/]")
    for name in seen["down"]:
        console.print(f"[magenta]down:[/] {safe(name)}")
    for name in seen["missing"]:
        console.print(f"[bold red]missing:[/] {safe(name)}")
    console.print()


def _clouds(providers: Mapping[str, Any]) -> Table:
    made = table("Clouds", "cloud", "calls", "answers", "faults on")
    for name, cloud in providers.items():
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(cloud["statuses"].items()))
        faults = ", ".join(sorted(set(cloud["faults"])))
        made.add_row(name, str(cloud["calls"]), safe(answers), safe(faults) or "[dim]none[/]")
    return made
