"""`untag plan`: which pairs would be removed, read at the clouds and written to a file."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.base import app
from cli.errors import FAILED

_EXAMPLES = 5

Output = Annotated[
    str,
    typer.Option("-o", "--output", metavar="PLAN", help="The plan: a .json file, or a .csv with a .json beside it."),
]
Also = Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write the rows to this CSV file, too.")]


@app.command()
def plan(
    file: base.Files,
    *,
    output: Output,
    csv: Also = None,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="NAME", help="The batch of what has no batch of its own.")
    ] = None,
    as_json: base.Json = False,
) -> None:
    """Read the clouds, and write down what would be removed, with the values seen. Changes nothing."""
    # With all that reads clouds: the help need not load it.
    from cli.commands.planning import check_batch, environment, progress  # noqa: PLC0415
    from cli.plans import reading, sources, written  # noqa: PLC0415
    from cli.plans.rows import Rows  # noqa: PLC0415
    from cli.progress import Pauses  # noqa: PLC0415

    written.check_target(output, file)
    base.check_output(None if csv is None else Path(csv), "--csv")
    check_batch(batch)
    now = datetime.now(UTC)
    name = batch or f"plan-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with Rows() as rows, environment() as environ:
        given, source = sources.given_in(file, name)
        # A plan has no time to announce a tag in.
        graces = (
            f"the rule {name} has a grace: to apply the plan removes its tags at once" for _, name in given.graces()
        )
        base.show_read(given.notes, (*given.warnings, *graces))
        with progress("pairs read") as seen:
            reading.read(
                given.requests, given.sweeps, rows, environ, batch=name, seen=seen, pausing=Pauses(name, base.err)
            )
        made_at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        head = written.write(
            output,
            rows,
            made_at=made_at,
            batch=name,
            source=source,
            moments=_moments(given.requests),
        )
        if csv is not None:
            written.write_csv(csv, rows)
        failed = [one._asdict() for one in rows.spared_as("failed", "left_out")]
    answer = {
        **head,
        "files": [str(path) for path in (*written.paths_of(output), csv) if path],
        "failed": failed[: None if as_json else _EXAMPLES],
    }
    base.show(answer, _shown, as_json=as_json)
    if any(one["outcome"] == "failed" for one in failed):
        raise typer.Exit(FAILED)


def _moments(requests: list[dict[str, Any]]) -> dict[str, str]:
    """When the plan may be carried out: at no time that one of its requests excludes."""
    moments = {}
    for name, most in (("not_before", max), ("not_after", min)):
        if given := [request[name] for request in requests if request.get(name)]:
            moments[name] = most(given, key=datetime.fromisoformat)
    return moments


def _shown(console: Console, answer: dict[str, Any]) -> None:
    from cli.commands.planning import pairs_in_words, show_spared, show_totals  # noqa: PLC0415
    from local.terminal.console import safe  # noqa: PLC0415

    totals = answer["totals"]
    console.print(f"[bold]{pairs_in_words(totals['pairs'])} would be removed, batch {safe(answer['batch'])}.[/]")
    show_totals(console, totals)
    show_spared(console, answer["spared_totals"], answer["failed"])
    console.print(f"Written: {', '.join(map(safe, answer['files']))}", soft_wrap=True)
    if totals["pairs"]:
        console.print(f"[dim]to remove exactly these: untag apply {safe(answer['files'][-1])}[/]", soft_wrap=True)
