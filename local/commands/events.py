"""What goes into a stack that is up, and what came out of it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from local import confirm, console, hints, progress
from local import undo as undoing
from local.commands import complete
from local.commands.base import SESSION, Event, Expect, Json, Session, Wait, Yes, app, err, out, read, show
from local.control import Client
from local.errors import LocalError


@app.command()
def send(
    event: Event,
    *,
    queue: Annotated[
        str | None,
        typer.Option(
            help="The logical id of the queue for messages, where the event does not tell.",
            autocompletion=complete.queues,
        ),
    ] = None,
    wait: Wait = 0,
    yes: Yes = False,
    expect: Expect = None,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Send an event to where it belongs, told by its shape.

    An SQS batch: each record's body goes on the queue that it names, or the work queue. An EventBridge event:
    on the bus. A vendor's event: on the decommission queue. Anything else: on the work queue, as it is.
    """
    _send(Client(session), {"event": read(event), "queue": queue}, wait, yes, expect, as_json)


@app.command()
def invoke(
    function: Annotated[
        str,
        typer.Argument(
            metavar="FUNCTION", help="The function's logical id or name.", autocompletion=complete.functions
        ),
    ],
    event: Event,
    *,
    yes: Yes = False,
    expect: Expect = None,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Run a function once with an event: its answer on stdout, its log on stderr. Exit status 1 if it failed."""
    payload = read(event)
    try:
        json.loads(payload)
    except ValueError as error:
        raise LocalError(
            f"a payload has to be JSON: {error}", f"such as {hints.file('events/jdcloud_manual.json')}"
        ) from None
    client = Client(session)
    body = {"function": function, "event": payload}
    body |= confirm.confirm(client, body, yes=yes, expect=expect, ask=confirm.Asking(err))
    answer = progress.run(err, f"{function} is running", lambda: client.post("invoke", body))
    if as_json:
        print(json.dumps(answer))
    else:
        console.show_answer(out, err, answer)
    if answer["error"]:
        raise typer.Exit(1)


@app.command()
def fire(
    schedule: Annotated[
        str,
        typer.Argument(
            metavar="SCHEDULE", help="The schedule's logical id or name.", autocompletion=complete.schedules
        ),
    ],
    *,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The time that the schedule is told; now.")] = None,
    wait: Wait = 0,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Fire a schedule now, whether it is on or off, with a fresh execution id."""
    client = Client(session)
    body: dict[str, Any] = {"schedule": schedule, "at": at}
    body |= confirm.confirm(client, body, yes=False, expect=None, ask=confirm.Asking(err))
    sent = progress.run(err, f"{schedule} is fired", lambda: client.post("fire", body))
    if wait:
        progress.drain(client, wait, err)
    show(sent, console.show_sent, as_json)


@app.command()
def state(*, session: Session = SESSION, as_json: Json = False) -> None:
    """Show the tags left at each cloud, what lies in each queue, the dead letters and the reports."""
    show(Client(session).get("state"), console.show_state, as_json)


@app.command()
def undo(
    report: Annotated[
        str, typer.Argument(metavar="REPORT", help="A report's file, - for stdin, or the id of a request.")
    ],
    *,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the request, for a queue that is not this machine's.")
    ] = False,
    wait: Wait = 0,
    yes: Yes = False,
    expect: Expect = None,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Put back what a report says was removed, each tag with the value that stood there.

    Tags of which nobody knows the value are left out. With --print nothing is sent.
    """
    if report == "-" or Path(report).exists():
        pages = undoing.reports_of(read(report))
    else:
        published = Client(session).get("state")["reports"]
        pages = [one["body"] for one in published if one["body"].get("id") == report]
        if not pages:
            raise LocalError(
                f"there is no file and no published report {report}", "to see what is published: `local state`"
            )
    requests, skipped = undoing.restore_requests(pages)
    if skipped:
        err.print(f"[yellow]{skipped} left out: nobody knows the value that stood there[/]")
    if not requests:
        raise LocalError(
            "nothing to put back: the report removed nothing", "to see what each report says: `local state`"
        )
    text = json.dumps(requests, ensure_ascii=False)
    if only_print:
        print(text)
        return
    _send(Client(session), {"event": text, "queue": None}, wait, yes, expect, as_json)


def _send(client: Client, body: dict[str, Any], wait: float, yes: bool, expect: int | None, as_json: bool) -> None:
    body |= confirm.confirm(client, body, yes=yes, expect=expect, ask=confirm.Asking(err))
    sent = client.post("send", body)
    if wait:
        progress.drain(client, wait, err)
    show(sent, console.show_sent, as_json)
