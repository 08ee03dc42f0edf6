"""`untag send --follow`: stays until what was sent has come to its end."""

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console

from cli import base, results
from cli.commands.send import show_again
from cli.errors import FAILED
from local.terminal.console import counted, safe

if TYPE_CHECKING:
    from cli.deployed.base import Following, Stack
    from cli.files.given import Given


def send_and_follow(
    target: "Stack",
    given: "Given",
    send: Callable[[], dict[str, Any]],
    report: Path | None,
    *,
    as_json: bool,
) -> NoReturn:
    """Send what was confirmed with a queue of one's own at the topic, and say what came of it in the end."""
    bodies = [*given.requests, *given.sweeps]
    with TemporaryDirectory() as folder, target.following(bodies, Path(folder)) as following:
        sent = send()
        with contextlib.suppress(KeyboardInterrupt):  # what it has come to so far is told below
            if not sent["unsent"]:
                _follow(following)
        answer = {**sent, "result": _result(following), "report": None if report is None else str(report)}
        if report is not None:
            results.write_rows(report, following.rows(), (*results.COLUMNS, "attempt", "finished_at"))
    base.show(answer, _show, as_json=as_json)
    result = answer["result"]
    status = results.status_of(result["pairs"], int(not result["complete"]), result["rejected"])
    raise typer.Exit(FAILED if sent["unsent"] else status)


def _follow(following: "Following") -> None:
    """Receive reports until every batch is complete."""
    if not base.err.is_terminal:
        while not (following.receive() and _result(following)["complete"]):
            pass
        return
    with base.err.status("waiting for reports ...") as status:
        while True:
            if not following.receive():
                continue
            result = _result(following)
            if result["complete"]:
                return
            status.update(f"{results.line_of(result['pairs'], result['waiting'], complete=False)} ...")


def _result(following: "Following") -> dict[str, Any]:
    totals = following.totals()
    pairs = Counter[str]()
    for one in totals:
        pairs.update(one.pairs)
    return {
        "pairs": dict(pairs),
        "waiting": sum(one.waiting for one in totals),
        "rejected": sum(one.rejected for one in totals),
        "complete": all(one.complete for one in totals),
        "failures": results.failures_of(following.rows(failed_only=True)),
    }


def _show(console: Console, answer: dict[str, Any]) -> None:
    result = answer["result"]
    line = results.line_of(result["pairs"], result["waiting"], complete=result["complete"])
    names = ", ".join(answer["batches"])
    console.print(f"[bold {results.styled(result['pairs'])}]{safe(names)}:[/] {line}")
    if result["failures"]:
        console.print(results.failures_table(result["failures"]))
    if result["rejected"]:
        console.print(f"[red]{counted(result['rejected'], 'request')} rejected: nothing of them was called[/]")
    if answer["unsent"]:
        console.print(f"{counted(len(answer['unsent']), 'message')} not taken: {safe(answer['code'])}")
        show_again(console, answer)
    elif not result["complete"]:
        console.print("[yellow]stopped: the stack goes on with it[/]")
    results.show_report(console, answer["report"])
