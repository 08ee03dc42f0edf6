"""`untag local put` and `untag local send`: files of one's own at the local stack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import base
from local.commands import complete, confirm, display, progress
from local.commands.base import SESSION, Event, Expect, Session, Wait, Yes, app, read
from local.commands.events import MESSAGE_BYTES
from local.reports.undo import in_messages
from local.session.control import Client
from local.terminal.console import safe, table

__all__ = ["app", "put", "send"]

_TABLES = frozenset({".csv", ".jsonl", ".ndjson"})
"""The endings of files that hold a request in each line."""
_PLACE = ("provider", "account", "region", "project_id", "type")


@app.command()
def put(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Requests or sweeps as JSON, JSON lines or CSV; - for stdin.",
            show_default=False,
            autocompletion=complete.event_files,
        ),
    ],
    *,
    session: Session = SESSION,
    as_json: base.Json = False,
) -> None:
    """Make the resources and tags that files name at the local clouds, and the accounts that are not there yet.

    A tag without a value gets one. For a sweep, resources that its rules find.
    """
    from cli.files.examples import Examples  # noqa: PLC0415 - the models take a good part of a second
    from cli.files.given import read as read_files  # noqa: PLC0415

    client = Client(session)
    client.get("describe")
    examples = Examples(read_files(files))
    answer = progress.run(base.err, "making resources", lambda: client.post("put", {"resources": examples.rows}))
    base.show({**answer, "notes": examples.notes}, _show_put, as_json=as_json)


def _show_put(console: Console, answer: Mapping[str, Any]) -> None:
    places = [name for name in _PLACE if any(row[name] for row in answer["made"])]
    made = table("", *places, "resources", "tags")
    for row in answer["made"]:
        made.add_row(*(safe(row[name] or "-") for name in places), str(row["resources"]), str(row["tags"]))
    console.print(made)
    for name in answer["accounts"]:
        console.print(f"the account [bold]{safe(name)}[/] was made")
    for note in answer["notes"]:
        console.print(f"[dim]{safe(note)}[/]")


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
    as_json: base.Json = False,
) -> None:
    """Send an event to where it belongs, told by its shape.

    An SQS batch: each record's body goes on the queue that it names, or the work queue. An EventBridge event:
    on the bus. A vendor's event: on the decommission queue. JSON lines and CSV: their requests, checked first, on the
    work queue. Anything else: on the work queue, as it is.
    """
    client = Client(session)
    texts = _texts(event)
    whole = {"event": _joined(texts), "queue": queue}
    confirmed = confirm.confirm(client, whole, yes=yes, expect=expect, ask=confirm.Asking(base.err))
    sent: list[Any] = []
    for text in texts:
        body = {"event": text, "queue": queue}
        if confirmed:  # the whole was, so each part of it is
            body |= confirmed if len(texts) == 1 else {"confirmed": client.post("plan", body)["pairs"]}
        sent += client.post("send", body)
    if wait:
        progress.drain(client, wait, base.err)
    base.show(sent, display.show_sent, as_json=as_json)


def _texts(event: str) -> list[str]:
    """The messages that a file comes to: one that is no table of requests is one, as it is."""
    if Path(event).suffix.lower() not in _TABLES:
        return [read(event)]
    from cli.files.given import read as read_files  # noqa: PLC0415 - the models take a good part of a second

    given = read_files([event])
    base.show_read(given.notes, given.warnings)
    return [*in_messages(given.requests, MESSAGE_BYTES), *map(json.dumps, given.sweeps)]


def _joined(texts: list[str]) -> str:
    """Several lists of requests as one, to be counted."""
    if len(texts) == 1:
        return texts[0]
    return json.dumps([one for text in texts if text.startswith("[") for one in json.loads(text)])
