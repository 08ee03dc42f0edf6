"""Shows a live view until it is stopped: a picture on a terminal, a line for each thing that happens elsewhere."""

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live

from local.errors import NotRunning
from local.live.keys import keys
from local.live.picture import picture
from local.live.view import View
from local.terminal.console import counted, outcome_style, safe

Look = Callable[[], Mapping[str, Any]]

INTERVAL = 0.25
"""Seconds from one look to the next."""

Report = Callable[[int], Mapping[str, Any]]
"""Gives a report by its number; an empty one if it is not kept any more."""


def watch(
    look: Look,
    console: Console,
    stopped: threading.Event,
    *,
    report: Report = lambda _: {},
    note: str = "",
    as_json: bool = False,
) -> None:
    """Look and show until `stopped` is set, `q` is pressed, or the stack is gone."""
    with contextlib.suppress(NotRunning):
        if as_json:
            _watch_json(look, stopped)
        elif console.is_terminal and not console.is_dumb_terminal:
            _watch_screen(look, report, console, stopped, note)
        else:
            _watch_lines(look, console, stopped)


@contextlib.contextmanager
def stop_on_signals(stopped: threading.Event) -> Iterator[None]:
    """While it lasts, what would end the process sets `stopped`, so that all is put in order on the way out.

    That is Ctrl-C, a termination, and a terminal that is closed.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, lambda *_: stopped.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch_screen(look: Look, report: Report, console: Console, stopped: threading.Event, note: str) -> None:
    view = View()
    opened: tuple[Any, Mapping[str, Any]] = None, {}

    def draw(seen: Mapping[str, Any]) -> None:
        nonlocal opened
        if view.report is not None and view.report != opened[0]:
            opened = view.report, report(view.report)
        width, height = console.size
        live.update(picture(seen, width, height, view, note, opened[1]), refresh=True)

    with keys(stopped) as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while not stopped.is_set():
            draw(seen := look())
            for key in pressed(INTERVAL):
                if not view.press(key):
                    return
                draw(seen)  # the next key acts on what is shown


def _watch_json(look: Look, stopped: threading.Event) -> None:
    last: Mapping[str, Any] = {}
    while not stopped.is_set():
        seen = look()
        news = {name: value for name, value in seen.items() if name not in {"time", "seconds"}}
        if news != last:
            print(json.dumps(seen), flush=True)
            last = news
        stopped.wait(INTERVAL)


def _watch_lines(look: Look, console: Console, stopped: threading.Event) -> None:
    lines = Lines()
    while not stopped.is_set():
        for line in lines.news(look()):
            console.print(line, soft_wrap=True)
        stopped.wait(INTERVAL)
    for line in lines.news(look()):
        console.print(line, soft_wrap=True)


class Lines:
    """What is new since the last look, a line for each thing, as rich's markup."""

    def __init__(self) -> None:
        self._last_call: dict[str, int] = {}
        self._calls: dict[str, set[int]] = {}
        self._reports = 0
        self._dead_letters: set[str] = set()
        self._missing: set[str] = set()
        self._down: set[str] = set()

    def news(self, seen: Mapping[str, Any]) -> list[str]:
        """The lines for what one look shows and the looks before it did not."""
        return [
            *self._new_calls(seen),
            *self._new_reports(seen),
            *self._new_dead_letters(seen),
            *self._newly_missing(seen),
            *self._newly_down(seen),
        ]

    def _new_calls(self, seen: Mapping[str, Any]) -> Iterator[str]:
        for name, cloud in seen["providers"].items():
            recent = cloud["recent"]
            missed = recent[0]["number"] - self._last_call.get(name, 0) - 1 if recent else 0
            if missed > 0:
                yield f"call      {name}  {missed} more, too many at once to tell each"
            shown = self._calls.get(name, set())
            for call in recent:
                if call["number"] in shown or not call["status"]:  # a call without a status is not finished
                    continue
                shown.add(call["number"])
                what = " ".join(filter(None, (call["operation"], call["type"], call["code"], call["fault"])))
                yield (
                    f"call      {name}  {call['status']} {safe(what)}  {counted(call['pairs'], 'pair')}, "
                    f"{call['applied']} changed, {call['milliseconds']:.0f} ms"
                )
            if recent:
                self._last_call[name] = recent[-1]["number"]
            self._calls[name] = shown & {call["number"] for call in recent}

    def _new_reports(self, seen: Mapping[str, Any]) -> Iterator[str]:
        for report in seen["reports"]["recent"]:
            if report["number"] <= self._reports:
                continue
            self._reports = report["number"]
            counts = ", ".join(f"[{outcome_style(name)}]{count} {name}[/]" for name, count in report["counts"].items())
            outcomes = f"  {counts}" if counts else ""
            page = report["page"]
            part = f"  page {page['number']} of {page['of']}" if page["of"] > 1 else ""
            yield f"report    {safe(report['id'])}  {safe(report['status'])}{part}{outcomes}  {safe(report['summary'])}"

    def _new_dead_letters(self, seen: Mapping[str, Any]) -> Iterator[str]:
        for dead_letter in seen["dead_letters"]["recent"]:
            if dead_letter["id"] not in self._dead_letters:
                self._dead_letters.add(dead_letter["id"])
                who = " ".join(filter(None, (dead_letter["request_id"], dead_letter["code"])))
                yield f"[red]dead letter[/]  {dead_letter['queue']}  {safe(who)}  {safe(dead_letter['reason'])}"

    def _newly_missing(self, seen: Mapping[str, Any]) -> Iterator[str]:
        for name in seen["missing"]:
            if name not in self._missing:
                yield f"[red]missing[/]   {safe(name)}  it was deleted"
        self._missing = set(seen["missing"])

    def _newly_down(self, seen: Mapping[str, Any]) -> Iterator[str]:
        down = set(seen["down"])
        for name in sorted(down ^ self._down):
            yield f"[magenta]outage[/]    {safe(name)}  {'is down' if name in down else 'is up again'}"
        self._down = down
