"""`untag scheduled`: what a stack keeps until its `not_before` or the end of a grace, and how it is given up."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.errors import FAILED, INVALID, CommandError
from local.terminal.console import counted, safe, table

if TYPE_CHECKING:
    from cli.deployed.base import Kept

Cancel = Annotated[
    list[str] | None,
    typer.Option("--cancel", metavar="ID", help="Give up a request, by its id; several where it comes again."),
]


@base.app.command()
def scheduled(
    *,
    stack: base.StackName = None,
    stack_region: base.StackRegion = None,
    functiongraph: base.FunctionGraphFile = None,
    local: base.LocalStack = False,
    cancel: Cancel = None,
    as_json: base.Json = False,
) -> None:
    """Show what a stack keeps until its `not_before` or the end of a grace; with --cancel give some of it up.

    What is given up is never sent. Its body is in the answer of --json. Exit code: 0 done, 2 one of the ids is not
    kept, and then none is given up.
    """
    from cli.deployed.base import Place  # noqa: PLC0415 - the help need not load it
    from cli.deployed.choice import stack_at  # noqa: PLC0415

    target = stack_at(Place(stack, stack_region, local, functiongraph))
    rows = [row for one in target.kept() for row in _rows(one)]
    if not cancel:
        base.show({"scheduled": rows}, _show, as_json=as_json)
        return
    unknown = sorted(set(cancel) - {row["id"] for row in rows} - {row["schedule"] for row in rows})
    if unknown:
        raise CommandError(
            f"not kept (any more): {', '.join(unknown)}; nothing was given up",
            "without --cancel it shows what is kept",
            status=INVALID,
        )
    rows = [row for row in rows if row["id"] in cancel or row["schedule"] in cancel]
    for name in dict.fromkeys(row["schedule"] for row in rows):
        gone = target.cancel(name)
        for row in rows:
            if row["schedule"] == name:
                row["cancelled"] = gone
    base.show({"cancelled": rows}, _show, as_json=as_json)
    if not all(row["cancelled"] for row in rows):
        raise typer.Exit(FAILED)


def _rows(kept: "Kept") -> list[dict[str, Any]]:
    """A row for each request that a schedule keeps."""
    try:
        content = json.loads(kept.body)
    except ValueError:
        content = {}
    return [{"due": f"{kept.due}Z", **_told(body), "schedule": kept.name, "body": body} for body in _listed(content)]


def _listed(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else [content]


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a kept request; of a sweep's tags, which go if they still match then, what their rule says."""
    from cli.files.given import pairs_of  # noqa: PLC0415

    told = {name: body.get(name) for name in ("id", "batch", "action", "provider", "account", "region", "reason")}
    if due := body.get("due"):
        provider, _, account, region, _ = due["place"]
        reason = f"rule {due['rule']}, if it still matches"
        pairs = sum(map(len, due["tags"].values()))
        return {**told, "provider": provider, "account": account, "region": region, "reason": reason, "pairs": pairs}
    try:
        return {**told, "pairs": None if body["tags"] == "all" else pairs_of(body)}
    except (KeyError, TypeError):
        return {**told, "pairs": None}


def _show(console: Console, answer: dict[str, Any]) -> None:
    rows = answer.get("scheduled", answer.get("cancelled")) or []
    if not rows:
        console.print("nothing is kept until later")
        return
    if "cancelled" in answer:
        given_up = sum(row["cancelled"] for row in rows)
        console.print(f"[bold]{counted(given_up, 'request')} given up[/]")
    made = table("", "due (UTC)", "id", "batch", "where", "pairs", *(["given up"] if "cancelled" in answer else []))
    for row in rows:
        where = f"{row['provider']}/{row['account'] or 'default'} {row['region'] or ''}".strip()
        pairs = "all tags" if row["pairs"] is None else str(row["pairs"])
        due = row["due"].replace("T", " ").removesuffix("Z").removesuffix(":00")
        cells = [due, row["id"], row["batch"] or "-", where, pairs]
        if "cancelled" in answer:
            cells.append("yes" if row["cancelled"] else "no: it was sent meanwhile")
        made.add_row(*map(safe, cells))
    console.print(made)
