"""`untag tags`: the keys in use at a cloud, with counts."""

import csv as csv_files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli import base
from cli.base import app
from cli.errors import FAILED, INVALID, CommandError

if TYPE_CHECKING:
    from cli.plans.keys import Where
    from untag.contracts.problems import Problem

_NAMES = ("provider", "account", "region", "type", "key", "resources", "values")


@app.command()
def tags(
    *,
    provider: Annotated[str, typer.Option("--provider", metavar="P", help="The cloud.")],
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="A", help="An account; several where it comes again.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option("--region", metavar="R", help="A region; several where it comes again.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project-id", metavar="ID", help="A project, at clouds that have such.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="T", help="A type; several where it comes again. Else all, where the cloud can list all."
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="GLOB", help="Only keys like this; several where it comes again."),
    ] = None,
    csv: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write the counts to this CSV file.")] = None,
    as_json: base.Json = False,
) -> None:
    """Count the keys in use: resources and different values by account, region and type. Changes nothing."""
    from cli.commands.planning import environment, progress  # noqa: PLC0415 - the help need not load it
    from cli.plans.keys import KeyInUse, Unlisted, Where, keys_in_use  # noqa: PLC0415
    from untag.contracts import InvalidInputError  # noqa: PLC0415
    from untag.providers import EVERY_TYPE  # noqa: PLC0415

    base.check_output(None if csv is None else Path(csv), "--csv")
    regions: list[str | None] = list(region) if region else [None]
    places = [
        Where(provider, one, where, project, kind)
        for one in account or ["default"]
        for where in regions
        for kind in type_ or [EVERY_TYPE]
    ]
    base.show_read((), _warnings(places))
    counted: list[KeyInUse] = []
    unlisted: list[Unlisted] = []
    with environment() as environ, progress("keys counted") as seen:

        def take(one: KeyInUse | Unlisted) -> None:
            if isinstance(one, KeyInUse):
                counted.append(one)
            else:
                unlisted.append(one)
            seen(len(counted))

        try:
            keys_in_use(places, key or (), environ, take)
        except InvalidInputError as error:
            if (hint := _hint(error.problems[0], places[0])) is None:
                raise
            raise CommandError(str(error), hint, status=INVALID) from None
    rows = [one.body() for one in sorted(counted, key=_order)]
    if csv is not None:
        _write(csv, rows)
    answer = {"keys": rows, "failed": [one.body() for one in unlisted]}
    base.show(answer, _shown, as_json=as_json)
    if unlisted:
        raise typer.Exit(FAILED)


def _warnings(places: "list[Where]") -> list[str]:
    """What looks mistaken in the places. A cloud lists nothing there, and says no more."""
    from cli.files.suggestions import warned  # noqa: PLC0415
    from untag.providers import EVERY_TYPE, NAMES, Asked, Registry  # noqa: PLC0415

    registry = Registry()
    found: dict[str, None] = {}
    for where in places:
        if where.provider in NAMES:  # another is refused
            asked = Asked(where.location, {where.type} - {EVERY_TYPE})
            found |= dict.fromkeys(warned(registry, where.provider, asked))
    return list(found)


def _hint(problem: "Problem", where: "Where") -> str | None:
    """What to write, where an option is missing or wrong; None where it is something else."""
    from cli.files.suggestions import explained, regions_of, types_of  # noqa: PLC0415

    known = {"region": regions_of(where.provider), "type": types_of(where.provider), "project_id": ()}
    if problem.path != "provider" and problem.path not in known:
        return None
    if meant := explained(problem, {"provider": where.provider, "region": where.region, "type": where.type})[1]:
        return meant
    if problem.path == "provider":
        return "name one of these"
    option = f"--{problem.path.replace('_', '-')}"
    if problem.message.startswith("should be left out"):
        return f"the same command without {option}"
    # A name without a prefix, of one region and not of all, is the better example.
    names = sorted(known[problem.path], key=lambda name: (":" in name, name.endswith("-all"), name))
    return f"name it, such as: {option} {names[0]}" if names else f"name it: {option} …"


def _order(one: Any) -> tuple[str, ...]:
    return tuple(name or "" for name in (*one.where, one.key))


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    try:
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            writer = csv_files.DictWriter(file, _NAMES, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}", "name another file: --csv FILE") from None


def _shown(console: Console, answer: dict[str, Any]) -> None:
    from local.terminal.console import safe, table  # noqa: PLC0415

    made = table("Keys in use", *_NAMES)
    for row in answer["keys"]:
        made.add_row(*(safe("-" if row[name] is None else row[name]) for name in _NAMES))
    console.print(made)
    for one in answer["failed"]:
        place = " ".join(str(one[name]) for name in ("provider", "account", "region", "type", "key") if one[name])
        console.print(f"[red]not listed:[/] {safe(place)}: {safe(one['code'])} {safe(one['message'])}")
