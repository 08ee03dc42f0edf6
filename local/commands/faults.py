"""Misbehaviour of the local clouds and outages of the host's services: what is on, on, off."""

from functools import partial
from typing import Annotated, Any

import typer

from local.commands import complete, display
from local.commands.base import SESSION, Json, Session, app, show
from local.session.control import Client

faults = typer.Typer(
    help="Make the local clouds misbehave, or take the host's services down, by name. Without a command: what is on, "
    "and what there is.",
    rich_markup_mode=None,
)
app.add_typer(faults, name="faults")

Clouds = Annotated[
    list[str] | None,
    typer.Option(
        "--cloud",
        help="Only at this cloud, or at a service of the host (`local faults` names them); can be repeated.",
        autocompletion=complete.clouds,
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A kind of misbehaviour.", autocompletion=complete.fault_names)
]


@faults.callback(invoke_without_command=True)
def listed(ctx: typer.Context, *, session: Session = SESSION, as_json: Json = False) -> None:
    """Say what is on and how often it struck, and what there is to switch on."""
    if ctx.invoked_subcommand is None:
        client = Client(session)
        host = client.get("describe")["host"]
        show(client.get("faults"), partial(display.show_faults, host=host), as_json)


@faults.command()
def on(
    name: Name,
    *,
    cloud: Clouds = None,
    operation: Annotated[
        str | None, typer.Option(help='"writing", "reading", or an operation as the cloud calls it.')
    ] = None,
    id_: Annotated[list[str] | None, typer.Option("--id", help="Only calls with such a resource id (a glob).")] = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="Only calls with such a tag key (a glob).")] = None,
    skip: Annotated[int | None, typer.Option(min=0, help="Let so many calls pass first.")] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Strike each n-th call.")] = None,
    probability: Annotated[float | None, typer.Option(min=0, max=1, help="Strike with this probability.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="Strike at most so often.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="How long to delay, or to stall.")] = None,
    status: Annotated[int | None, typer.Option(min=100, max=599, help="Another status than usual.")] = None,
    code: Annotated[str | None, typer.Option(help="Another code than the cloud would give.")] = None,
    message: Annotated[str | None, typer.Option(help="Another message than the cloud would give.")] = None,
    retry_after: Annotated[str | None, typer.Option(help="A Retry-After header.")] = None,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Switch one kind of misbehaviour on, until it is switched off or has struck --times times."""
    given: dict[str, Any] = {
        "operation": operation,
        "ids": id_,
        "keys": key,
        "skip": skip,
        "every": every,
        "probability": probability,
        "times": times,
        "seconds": seconds,
        "status": status,
        "code": code,
        "message": message,
        "retry_after": retry_after,
    }
    how = {field: value for field, value in given.items() if value is not None}
    answer = Client(session).post("faults/on", {"do": name, "clouds": cloud or [], "how": how})
    show(answer, display.show_switched_on, as_json)


@faults.command()
def off(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Kinds of misbehaviour; all if none.", autocompletion=complete.fault_names
        ),
    ] = None,
    *,
    cloud: Clouds = None,
    seeded: Annotated[bool, typer.Option("--seeded", help="Also those that the files in events/ rely on.")] = False,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Switch misbehaviour off again, and say how often it struck."""
    answer = Client(session).post("faults/off", {"names": names or [], "clouds": cloud or [], "seeded": seeded})
    show(answer, display.show_switched_off, as_json)
