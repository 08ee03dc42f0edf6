"""`untag local invoke`, `fire`, `state` and `undo`: commands at a stack that is up."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from local.commands import complete, confirm, display, progress
from local.commands.base import SESSION, Event, Expect, Json, Session, Wait, Yes, app, err, out, read, show
from local.errors import LocalError
from local.reports import reports_of
from local.reports import undo as undoing
from local.session.control import Client
from local.terminal import console, hints

MESSAGE_BYTES = 1024 * 1024
"""What a message of SQS holds."""


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
        display.show_answer(out, err, answer)
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
    if Path(schedule).is_file():
        raise LocalError(f"{schedule} is a file, and no schedule", f"to send it: `local send {shlex.quote(schedule)}`")
    client = Client(session)
    body: dict[str, Any] = {"schedule": schedule, "at": at}
    body |= confirm.confirm(client, body, yes=False, expect=None, ask=confirm.Asking(err))
    sent = progress.run(err, f"{schedule} is fired", lambda: client.post("fire", body))
    if wait:
        progress.drain(client, wait, err)
    show(sent, display.show_sent, as_json)


@app.command()
def state(*, session: Session = SESSION, as_json: Json = False) -> None:
    """Show the tags left at each cloud, what lies in each queue, the dead letters and the reports."""
    show(Client(session).get("state"), display.show_state, as_json)


@app.command()
def undo(
    reports: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT...",
            help="Reports' files, - for stdin, or what the local stack published: a request's id, or a batch.",
        ),
    ],
    *,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the requests, for a queue that is not this machine's.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Put a tag back also where its key has another value by now.")
    ] = False,
    wait: Wait = 0,
    yes: Yes = False,
    expect: Expect = None,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Undo what reports say was done: put back each tag that was removed, with the value that stood there.

    A report that comes in pages needs all of them. Of a report on an undo the tags that it put back are removed.
    Tags whose value is not known are left out. With --print nothing is sent.
    """
    given = [report for name in reports for report in _reports(name, session)]
    made = undoing.undo_requests(given, overwrite=overwrite)
    if made.unknown:
        _warn(f"{console.counted(made.unknown, 'row')} left out: the value that stood there is not known")
    for note in made.notes:
        _warn(note)
    if not made.requests:
        raise LocalError("there is nothing to undo in it", "to see what each report says: `local state`")
    if only_print:
        print(text := json.dumps(made.requests, ensure_ascii=False))
        if len(text.encode()) > MESSAGE_BYTES:
            _warn("this is more than a message of SQS holds: send its requests one by one")
        return
    client = Client(session)
    parts = undoing.in_messages(made.requests, MESSAGE_BYTES)
    whole = {"event": json.dumps(made.requests, ensure_ascii=False), "queue": None}
    confirmed = confirm.confirm(client, whole, yes=yes, expect=expect, ask=confirm.Asking(err))
    sent: list[Any] = []
    for part in parts:
        body = {"event": part, "queue": None}
        # The whole was confirmed, so each part of it is.
        sent += client.post("send", body | ({"confirmed": client.post("plan", body)["pairs"]} if confirmed else {}))
    if wait:
        progress.drain(client, wait, err)
    show(sent, display.show_sent, as_json)


def _reports(name: str, session: Path) -> list[Mapping[str, Any]]:
    """What a file holds, or what the stack has published under a request's id or a batch."""
    if name == "-" or Path(name).exists():
        return reports_of(read(name))
    published = [one["body"] for one in Client(session).get("state")["reports"] if isinstance(one["body"], dict)]
    matching: list[Mapping[str, Any]] = [one for one in published if name in (one.get("id"), one.get("batch"))]
    if not matching:
        raise LocalError(f"there is no file and no published report {name}", "to see what is published: `local state`")
    return matching


def _warn(text: str) -> None:
    err.print(f"[yellow]{console.safe(text)}[/]", soft_wrap=True)
