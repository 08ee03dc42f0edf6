"""`python -m local`: the template on this machine."""

import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from local import console as show
from local import control, routing
from local import undo as undoing
from local.errors import LocalError

app = typer.Typer(
    help="Runs template.yaml on this machine: queues, topic, bus, functions, clouds. No Docker, no account.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Session = Annotated[
    Path,
    typer.Option("--session", help="The file by which commands find the stack.", show_default=".local/stack.json"),
]
Event = Annotated[str, typer.Argument(metavar="EVENT", help="A JSON file, for example one of events/; or - for stdin.")]

_out = Console()
_err = Console(stderr=True)


@app.command()
def up(
    *,
    template: Annotated[Path, typer.Option(help="The SAM template.")] = Path("template.yaml"),
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A template parameter; can be repeated.")
    ] = None,
    environment: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME=VALUE", help="A variable of every function; can be repeated."),
    ] = None,
    visibility_timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds until a record that failed comes again.")
    ] = None,
    batching_window: Annotated[float | None, typer.Option(min=0, help="Seconds that a batch may take to fill.")] = None,
    max_delay: Annotated[
        float | None, typer.Option(min=0, help="The longest in seconds that a delayed message is delayed.")
    ] = None,
    seed: Annotated[bool, typer.Option(help="Put the tags at the clouds that the files in events/ speak of.")] = True,
    logs: Annotated[bool, typer.Option(help="Show what the functions log.")] = True,
    session: Session = control.SESSION,
    as_json: Json = False,
) -> None:
    """Start everything and stay until Ctrl-C."""
    # Imported here: the other commands need none of it, and it takes most of a second.
    from local.stack import Overrides, Stack  # noqa: PLC0415

    control.refuse_second(session)
    overrides = Overrides(
        environment=_pairs(environment),
        parameters=_pairs(parameter),
        visibility_timeout=visibility_timeout,
        batching_window=batching_window,
        max_delay=max_delay,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())

    def log(function: str, line: str) -> None:
        _err.print(f"[dim]{function}[/] ", end="")
        _err.print(show.lines(line), markup=False, highlight=False, soft_wrap=True)

    with Stack(template.resolve(), overrides=overrides, sink=log if logs else None) as stack:
        if seed:
            stack.seed()
        with control.serve(stack, session) as content, stack.clock():
            if as_json:
                print(json.dumps({key: value for key, value in content.items() if key != "key"}), flush=True)
            else:
                show.show_up(_out, content)
            stopped.wait()


@app.command()
def send(
    event: Event,
    *,
    queue: Annotated[
        str | None,
        typer.Option(help="The logical id of the queue for messages, where the event does not tell."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the queues to become quiet.")
    ] = 0,
    session: Session = control.SESSION,
    as_json: Json = False,
) -> None:
    """Send an event to where it belongs, told by its shape.

    An SQS batch: each record's body goes on the queue that it names, or the work queue. An EventBridge event:
    on the bus. A vendor's event: on the decommission queue. Anything else: on the work queue, as it is.
    """
    client = control.Client(session)
    sent = client.post("send", {"event": _read(event), "queue": queue})
    if wait:
        client.post("drain", {"seconds": wait})
    _print(sent, show.show_sent, as_json)


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="The function's logical id or name.")],
    event: Event,
    *,
    session: Session = control.SESSION,
    as_json: Json = False,
) -> None:
    """Run a function once with an event; shows its answer and its log. Exit status 1 if it failed."""
    payload = _read(event)
    try:
        json.loads(payload)
    except ValueError as error:
        raise LocalError(f"a payload has to be JSON: {error}") from None
    answer = control.Client(session).post("invoke", {"function": function, "payload": payload})
    _print(answer, show.show_answer, as_json)
    if answer["error"]:
        raise typer.Exit(1)


@app.command()
def fire(
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's logical id or name.")],
    *,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="The time that the schedule is told; now.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the queues to become quiet.")
    ] = 0,
    session: Session = control.SESSION,
    as_json: Json = False,
) -> None:
    """Fire a schedule now, whether it is on or off, with a fresh execution id."""
    client = control.Client(session)
    sent = client.post("fire", {"schedule": schedule, "at": at})
    if wait:
        client.post("drain", {"seconds": wait})
    _print(sent, show.show_sent, as_json)


@app.command()
def state(*, session: Session = control.SESSION, as_json: Json = False) -> None:
    """Show the tags left at each cloud, what lies in each queue, the dead letters and the reports."""
    _print(control.Client(session).get("state"), show.show_state, as_json)


@app.command()
def undo(
    report: Annotated[
        str, typer.Argument(metavar="REPORT", help="A report's file, - for stdin, or the id of a request.")
    ],
    *,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the request, for a queue that is not this machine's.")
    ] = False,
    session: Session = control.SESSION,
    as_json: Json = False,
) -> None:
    """Put back what a report says was removed, each tag with the value that stood there.

    Tags of which nobody knows the value are left out. With --print nothing is sent.
    """
    if report == "-" or Path(report).exists():
        pages = undoing.reports_of(_read(report))
    else:
        published = control.Client(session).get("state")["reports"]
        pages = [one["body"] for one in published if one["body"].get("id") == report]
        if not pages:
            raise LocalError(f"there is no file and no published report {report}", "python -m local state lists them")
    requests, skipped = undoing.restore_requests(pages)
    if skipped:
        _err.print(f"[yellow]{skipped} left out: nobody knows the value that stood there[/]")
    if not requests:
        raise LocalError("nothing to put back: the report removed nothing")
    if only_print:
        print(json.dumps(requests, ensure_ascii=False))
        return
    sent = control.Client(session).post("send", {"event": json.dumps(requests, ensure_ascii=False), "queue": None})
    _print(sent, show.show_sent, as_json)


def _print(answer: Any, shown: Callable[[Console, Any], None], as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))
    else:
        shown(_out, answer)


def _read(event: str) -> str:
    return sys.stdin.read() if event == "-" else routing.read(Path(event))


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise LocalError(f"{pair} is not NAME=VALUE")
        pairs[name] = value
    return pairs


def main() -> None:
    """The commands, with what the local stack cannot do as one line and not as a traceback."""
    try:
        app()
    except LocalError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error), "hint": error.hint}))
        else:
            show.show_error(_err, str(error), error.hint)
        sys.exit(1)


if __name__ == "__main__":
    main()
