"""How far a run is, while it lasts: a bar on a terminal, lines elsewhere; and what it waits for when nothing is due."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli import base
from cli.results import Results, line_of
from cli.waits import REFUSED, until, waits_of
from local.terminal.console import safe
from untag.hosts.here import Waiting

_SAY_SECONDS = 2.0
"""A line at most so often, and none about a shorter pause."""


class Pauses:
    """Says what is waited for, once each, when nothing is due."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._said: set[str] = set()

    def __call__(self, queue: Sequence[Waiting]) -> None:
        """Take all that waits, the next one first."""
        due = datetime.fromtimestamp(queue[0].due, UTC)
        if (due - datetime.now(UTC)).total_seconds() < _SAY_SECONDS:
            return
        waits = waits_of((one.body, datetime.fromtimestamp(one.due, UTC), one.code, one.message) for one in queue)
        why = "; ".join(one.words() for one in waits) or "the sweep goes on then"
        if (news := f"{due:%H:%M} {why}") in self._said:
            return
        self._said.add(news)
        self._print(f"[yellow]{safe(until(due))}:[/] {safe(why)}")
        if any(one.code in REFUSED for one in waits):
            again = f"untag run --resume {self._name}"
            self._print(f"[dim]to go on with other credentials: Ctrl-C, correct them, then {safe(again)}[/]")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


class Shown:
    """What a run calls while it works: `published` with each report, `pausing` when nothing is due."""

    def __init__(self, results: Results, step: Callable[[Mapping[str, int]], None], pausing: Pauses) -> None:
        self._results = results
        self._step = step
        self.pausing = pausing

    def published(self, body: str) -> None:
        """Take a report."""
        self._results.add(json.loads(body))
        self._step(self._results.counts())


@contextlib.contextmanager
def shown(results: Results, pairs: int, name: str) -> Iterator[Shown]:
    """Progress of the run of this name while it lasts: a bar on a terminal, else a line at most every two seconds."""
    if not base.err.is_terminal:
        said = time.monotonic()

        def line(counts: Mapping[str, int]) -> None:
            nonlocal said
            if time.monotonic() - said >= _SAY_SECONDS:
                said = time.monotonic()
                print(f"{sum(counts.values())} of {pairs} pairs: {_short(counts)}", file=base.err.file, flush=True)

        yield Shown(results, line, Pauses(name, base.err))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=base.err, transient=True) as progress:
            task = progress.add_task("pairs", total=pairs)

            def bar(counts: Mapping[str, int]) -> None:
                progress.update(task, completed=sum(counts.values()), description=_short(counts))

            yield Shown(results, bar, Pauses(name, progress.console))
    finally:
        base.err.show_cursor()  # Ctrl-C while the bar begins leaves it hidden


def _short(counts: Mapping[str, int]) -> str:
    return line_of(counts, 0, complete=False).rpartition(",")[0]
