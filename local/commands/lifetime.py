"""Start a stack, end one, and watch one."""

import json
import os
import re
import shlex
import threading
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local import ROOT
from local.commands import display
from local.commands.base import SESSION, Json, Session, app, err, out, show
from local.commands.progress import working
from local.errors import LocalError
from local.live import Observer, glance, stop_on_signals, watch
from local.reports.ledger import VARIABLE, default_folder
from local.session import control

if TYPE_CHECKING:
    from local.live.stacks import AnyStack
    from local.session.real import RealClouds
    from local.shapes import Overrides

_TEMPLATE = ROOT / "template.yaml"

Logged = Callable[[str, str], None]
"""Takes a line that a function printed, with the function's name."""


class HostName(StrEnum):
    """What the functions run on."""

    aws = "aws"
    functiongraph = "functiongraph"


@app.command()
def up(
    *,
    host: Annotated[
        HostName, typer.Option(help="AWS Lambda by the SAM template, or Huawei Cloud FunctionGraph.")
    ] = HostName.aws,
    live: Annotated[bool, typer.Option("--live", help="Show live what happens.")] = False,
    template: Annotated[Path, typer.Option(help="The SAM template.", show_default="template.yaml")] = _TEMPLATE,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A template parameter; on FunctionGraph sweep_rules and sweep_schedule. Can be repeated.",
        ),
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
    real: Annotated[
        bool, typer.Option("--real", help="Call the real clouds, with the keys in this shell's environment. Dry run.")
    ] = False,
    no_dry_run: Annotated[
        bool, typer.Option("--no-dry-run", help="With --real: tags may really be removed, once confirmed.")
    ] = False,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Start everything and stay until Ctrl-C, or until `down`."""
    control.refuse_second(session)
    if host is HostName.functiongraph:
        alone = {
            "--template": template != _TEMPLATE,
            "--visibility-timeout": visibility_timeout,
            "--batching-window": batching_window,
            "--max-delay": max_delay,
            "--real": real,
        }
        if given := [name for name, value in alone.items() if value]:
            raise LocalError(f"{given[0]} is for the host aws", "leave it out with --host functiongraph")
        make = partial(_functiongraph, _pairs(environment), _pairs(parameter))
        _Run(make, None, session, as_json).stay(live=live, seed=seed, logs=logs)
        return
    # Imported here: the other commands need none of it, and it takes most of a second.
    from local.shapes import Overrides  # noqa: PLC0415

    variables = _pairs(environment)
    if no_dry_run and not real:
        raise LocalError("--no-dry-run is for real clouds", "add --real, or leave it out: the local clouds may change")
    clouds = _real_clouds(variables, no_dry_run=no_dry_run) if real else None
    overrides = Overrides(
        environment=variables if clouds is None else variables | clouds.variables,
        parameters=_pairs(parameter),
        visibility_timeout=visibility_timeout,
        batching_window=batching_window,
        max_delay=max_delay,
    )
    make = partial(_aws, template.resolve(), overrides, clouds is None)
    _Run(make, clouds, session, as_json).stay(live=live, seed=seed, logs=logs)


def _aws(template: Path, overrides: "Overrides", providers: bool, sink: Logged) -> "AnyStack":
    from local.stack import Stack  # noqa: PLC0415

    ledger = default_folder(os.environ)
    return Stack(template, overrides=overrides, sink=sink, providers=providers, ledger=ledger, secrets=True)


def _functiongraph(variables: dict[str, str], terraform: dict[str, str], sink: Logged) -> "AnyStack":
    from local.functiongraph.stack import FunctionGraphStack  # noqa: PLC0415

    given = {"UNTAG_KEEP_REPORTS": "on", **variables}
    stack = FunctionGraphStack(environment=given, terraform=terraform, sink=sink, ledger=default_folder(os.environ))
    stack.puts_clock_forward = False
    return stack


def _real_clouds(variables: dict[str, str], *, no_dry_run: bool) -> "RealClouds":
    from local.session import real  # noqa: PLC0415

    real.refuse_variables(variables)
    return real.RealClouds(os.environ | variables, dry_run=not no_dry_run)


class _Run:
    """One stack from its start to its end."""

    def __init__(
        self, make: Callable[[Logged], "AnyStack"], real: "RealClouds | None", session: Path, as_json: bool
    ) -> None:
        self._make = make
        self._real = real
        self._session = session
        self._as_json = as_json
        self._stopped = threading.Event()
        self._observer: Observer | None = None
        self._prints_logs = False

    def stay(self, *, live: bool, seed: bool, logs: bool) -> None:
        """Start, serve the other commands, show what is to be shown, and stop in order."""
        self._prints_logs = logs and not live
        stack = self._make(self._logged)
        with stop_on_signals(self._stopped):
            with working(err, "starting queues, functions and clouds"):
                stack.start()
            try:
                if seed:
                    stack.seed()
                self._observer = Observer(stack)
                with control.serve(
                    stack, self._session, observer=self._observer, real=self._real, stop=self._stopped.set
                ) as content:
                    control.hold(self._session)
                    self._show(content, live=live)
                    # With real clouds nothing happens without a confirmation, and a schedule asks for none.
                    if self._real is not None:
                        self._wait(content, live=live)
                    else:
                        with stack.clock():
                            self._wait(content, live=live)
            finally:
                if self._real is not None:
                    _warn_of_lost_messages(stack)
                with working(err, "stopping"):
                    stack.stop()

    def _show(self, content: dict[str, Any], *, live: bool) -> None:
        if self._as_json:
            print(json.dumps({key: value for key, value in content.items() if key != "key"}), flush=True)
        elif not (live and out.is_terminal):
            display.show_up(out, content)

    def _wait(self, content: dict[str, Any], *, live: bool) -> None:
        if live and self._observer is not None:
            watch(
                self._observer.look,
                out,
                self._stopped,
                report=self._observer.report,
                note=display.note(content),
                as_json=self._as_json,
            )
        else:
            self._stopped.wait()

    def _logged(self, function: str, line: str) -> None:
        """A line that a function printed: for the live view, and perhaps for this terminal."""
        if self._observer is not None:
            self._observer.logged(function, line)
        if self._prints_logs:
            err.print(f"[dim]{function}[/] ", end="")
            err.print(display.lines(line), markup=False, soft_wrap=True)


def _warn_of_lost_messages(stack: "AnyStack") -> None:
    """Queues end with this process: messages that are not processed yet are counted for the person who stops it."""
    held = {queue.logical_id: queue.total for queue in stack.queues().values() if queue.total}
    if held:
        counts = ", ".join(f"{count} on {name}" for name, count in held.items())
        err.print(f"[yellow]messages that end with this stack:[/] {counts}")


@app.command()
def down(*, session: Session = SESSION, as_json: Json = False) -> None:
    """End the stack that is up, and wait until it has ended. What is on its queues ends with it."""
    with working(err, "stopping"):
        ended = control.end(session)
    show(ended, display.show_down, as_json)


@app.command("watch")
def watch_running(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once; with --json for scripts.")] = False,
    session: Session = SESSION,
    as_json: Json = False,
) -> None:
    """Show live what the stack that is up does: queues, calls, outcomes, dead letters, reports.

    Elsewhere than on a terminal: a line for each thing that happens.
    """
    client = control.Client(session)
    content = client.get("describe")
    if once:
        seen = client.get("activity")
        if as_json:
            print(json.dumps(seen))
        else:
            glance.show(out, seen, display.note(content))
        return
    stopped = threading.Event()
    with stop_on_signals(stopped):
        watch(
            lambda: client.get("activity"),
            out,
            stopped,
            report=lambda number: client.get(f"report/{number}"),
            note=display.note(content),
            as_json=as_json,
        )


@app.command("env")
def environment(*, session: Session = SESSION, as_json: Json = False) -> None:
    """Print what makes a shell's `aws`, the variables of the pages and `untag` itself mean the stack that is up.

    To be evaluated: eval "$(untag local env)".
    """
    client = control.Client(session)
    content = client.get("describe")
    outputs = {_variable(name): value for name, value in content["outputs"].items()}
    variables = {**client.get("environment"), "UNTAG_LOCAL_SESSION": str(session.absolute()), **outputs}
    variables[VARIABLE] = "on"
    if as_json:
        print(json.dumps(variables))
        return
    print("unset AWS_PROFILE AWS_SESSION_TOKEN HW_SECURITY_TOKEN")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def _variable(output: str) -> str:
    """An output's name as the pages write it: WorkQueueUrl is WORK_QUEUE_URL."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", output).upper()


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise LocalError(f"{pair} is not NAME=VALUE", "such as --parameter DryRun=on or --env UNTAG_RATE=5")
        pairs[name] = value
    return pairs
