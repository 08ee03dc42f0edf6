"""The live view as rich draws it: one picture of what an observer saw, for a terminal of any size from 80 by 24.

A page shows everything in brief, or one thing at length. Nothing wraps: what does not fit is cut with an ellipsis, and
of a long list the newest is shown.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.layout import Layout
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.terminal.console import clean, counted, outcome_style, status_style

Seen = Mapping[str, Any]
"""What `Observer.look` gives."""

PAGES = {"o": "overview", "c": "calls", "r": "reports", "d": "dead letters", "l": "logs"}
"""By the key that leads to each."""

QUEUES_WIDTH = 52
_HEADING = "bold"
_QUIET = "dim"
_FRAME_LINES = 2  # the first and the last
_RECENT_CALLS = 4
_LEAST_REPORTS = 4
_LEAST_RESULTS = 8
_ERROR = 400
_LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


def picture(seen: Seen, width: int, height: int, page: str = "overview", note: str = "") -> Layout:
    """One page of the view. `note` stands at the top: what everybody who looks should know."""
    lines = height - _FRAME_LINES
    body = {
        "overview": lambda: _overview(seen, width, lines),
        "calls": lambda: Layout(_recent_calls(seen, lines)),
        "reports": lambda: Layout(_reports(seen, lines)),
        "dead letters": lambda: Layout(_dead_letters(seen, lines)),
        "logs": lambda: Layout(_logs(seen, lines)),
    }[page]()
    whole = Layout()
    whole.split_column(Layout(_head(seen, note), size=1), body, Layout(_foot(page), size=1))
    return whole


def _overview(seen: Seen, width: int, lines: int) -> Layout:
    first = max(len(seen["queues"]) + 1, min(_LEAST_RESULTS, lines // 2))
    calls = len(seen["providers"]) + 1
    rest = max(0, lines - first - calls)
    recent = min(
        _RECENT_CALLS,
        max(0, rest - _LEAST_REPORTS),
        sum(len(cloud["recent"]) for cloud in seen["providers"].values()),
    )
    top = Layout(size=first)
    top.split_row(
        Layout(_queues(seen), size=min(QUEUES_WIDTH, width * 2 // 3)),
        Layout(Padding(_results(seen, first), (0, 0, 0, 2))),
    )
    body = Layout()
    sections = [top, Layout(_calls(seen), size=calls)]
    if recent:
        sections.append(Layout(_recent_calls(seen, recent, heading=False), size=recent))
    sections.append(Layout(_reports(seen, max(1, rest - recent))))
    body.split_column(*sections)
    return body


def _head(seen: Seen, note: str) -> Table:
    running = sum(function["busy"] for function in seen["functions"].values())
    done = sum(function["invocations"] for function in seen["functions"].values())
    minutes, seconds = divmod(int(seen["seconds"]), 60)
    hours, minutes = divmod(minutes, 60)
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    title = Text.assemble((seen["name"], "bold green"), f" up {hours}:{minutes:02}:{seconds:02}")
    if note:
        title.append(f"  {note}", style="bold yellow")
    if seen["down"]:
        title.append(f"  down: {', '.join(seen['down'])}", style="magenta")
    if seen["missing"]:
        title.append(f"  missing: {', '.join(seen['missing'])}", style="bold red")
    line.add_row(title, f"{counted(done, 'invocation')}, {running} running")
    return line


def _foot(page: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for key, name in PAGES.items():
        line.append(f" {key} ", style="reverse" if name == page else "bold").append(f"{name} ", style=_QUIET)
    return line.append(" q ", style="bold").append("quit", style=_QUIET)


def _table(*headings: str, numbers: Iterable[str] = (), widths: Mapping[str, int] | None = None) -> Table:
    """A table of one line for each row; the last column that is no number takes what room there is."""
    made = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style=_HEADING, pad_edge=False)
    numbers = set(numbers)
    wide = [heading for heading in headings if heading not in numbers][-1]
    for heading in headings:
        made.add_column(
            heading,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if heading in numbers else "left",
            ratio=1 if heading == wide else None,
            width=(widths or {}).get(heading),
        )
    return made


def _queues(seen: Seen) -> Table:
    made = _table("Queues", "visible", "in flight", "delayed", numbers=("visible", "in flight", "delayed"))
    for queue in seen["queues"]:
        counts = [queue[name] for name in ("visible", "in_flight", "delayed")]
        alarming = queue["dead_letters"] and queue["visible"]
        style = "bold red" if alarming else "" if any(counts) else _QUIET
        # That it is a queue stands above.
        made.add_row(queue["logical_id"].removesuffix("Queue"), *map(_figure, counts), style=style)
    return made


def _results(seen: Seen, lines: int) -> Table:
    """Outcomes, and under them the reasons of the newest dead letters."""
    made = _table("Outcomes", "pairs", numbers=("pairs",))
    shown = sorted(seen["outcomes"].items(), key=lambda item: -item[1])
    dead_letters = seen["dead_letters"]
    room = lines - 1
    for_dead_letters = min(len(dead_letters["recent"]) + 1, max(2, room - len(shown))) if dead_letters["count"] else 0
    shown = shown[: max(0, room - for_dead_letters)]
    for outcome, count in shown:
        made.add_row(_text(outcome, outcome_style(outcome)), str(count))
    if not shown:
        made.add_row(Text("none yet", style=_QUIET), "")
    if dead_letters["count"]:
        made.add_row(Text("Dead letters", style="bold red"), str(dead_letters["count"]))
        for dead_letter in _newest(dead_letters["recent"], for_dead_letters - 1):
            made.add_row(_text(f"{dead_letter['code'] or 'crash'}: {dead_letter['reason']}"), "")
    return made


def _calls(seen: Seen) -> Table:
    numbers = ("calls", "a second", "open")
    made = _table("Clouds", *numbers, "answers", numbers=numbers)
    for name, cloud in seen["providers"].items():
        answers = Text()
        for status, count in sorted(cloud["statuses"].items()):
            answers.append(f"{count} x {status}  ", style=_status_style(status))
        if cloud["faults"]:
            answers.append(f"faults on: {', '.join(sorted(set(cloud['faults'])))}", style="magenta")
        made.add_row(
            name,
            str(cloud["calls"]),
            f"{cloud['rate']:g}",
            "" if cloud["in_flight"] is None else _figure(cloud["in_flight"]),
            answers,
        )
    return made


def _recent_calls(seen: Seen, lines: int, *, heading: bool = True) -> Table:
    recent_calls = [(name, call) for name, cloud in seen["providers"].items() for call in cloud["recent"]]
    recent_calls.sort(key=lambda item: (item[1]["time"], item[1]["number"]))
    numbers = ("pairs", "changed", "ms")
    made = _table("time", "cloud", *numbers, "answer", "operation", numbers=numbers, widths={"time": 8, "cloud": 18})
    made.show_header = heading
    for name, call in _newest(recent_calls, lines - heading):
        answer = Text(call["status"] or "…", style=_status_style(call["status"]))
        if call["fault"]:
            answer.append(f" {call['fault']}", style="magenta")
        operation = " ".join(filter(None, (call["operation"], call["type"], call["code"])))
        made.add_row(
            _clock(call["time"]),
            name,
            str(call["pairs"]),
            str(call["applied"]),
            f"{call['milliseconds']:.0f}",
            answer,
            _text(operation),
            style="" if heading else _QUIET,
        )
    return made


def _reports(seen: Seen, lines: int) -> Table:
    made = _table(f"Reports ({seen['reports']['count']})", "status", "summary", widths={"status": 10})
    made.columns[0].max_width = 24
    for report in _newest(seen["reports"]["recent"], lines - 1):
        status = _text(report["status"], status_style(report["status"]))
        made.add_row(_text(report["id"]), status, _text(report["summary"]))
    return made


def _dead_letters(seen: Seen, lines: int) -> Table:
    dead_letters = seen["dead_letters"]
    made = _table(f"Dead letters ({dead_letters['count']})", "request", "code", "reason")
    for column, width in zip(made.columns, (30, 20, 14), strict=False):
        column.max_width = width
    for dead_letter in _newest(dead_letters["recent"], lines - 1):
        made.add_row(
            dead_letter["queue"].removeprefix(f"{seen['name']}-"),
            _text(dead_letter["request_id"]),
            _text(dead_letter["code"]),
            _text(dead_letter["reason"]),
        )
    return made


def _logs(seen: Seen, lines: int) -> Table:
    made = _table("Function", "level", "line")
    made.columns[0].max_width = 26
    entries = [
        (entry["function"], *_level_and_message(entry["line"]))
        for entry in seen["logs"]
        if '"_aws"' not in entry["line"]
    ]
    for function, level, line in _newest(entries, lines - 1):
        made.add_row(function.removeprefix(f"{seen['name']}-"), _text(level, _LEVELS.get(level, _QUIET)), _text(line))
    return made


def _level_and_message(line: str) -> tuple[str, str]:
    """A log line's level, and what it says: a structured one's message, and which request it is about."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or "message" not in entry:
        return "", line.replace("\r", " ")
    about = f"{entry['id']}: " if entry.get("id") else ""
    return str(entry.get("level", "")), f"{about}{entry['message']}"


def _text(text: str, style: str = "") -> Text:
    """A text from outside, on one line."""
    return Text(" ".join(clean(text).split()), style=style)


def _newest(items: Sequence[Any], count: int) -> Sequence[Any]:
    return items[-count:] if count > 0 else ()


def _figure(number: int) -> str:
    return str(number) if number else "·"


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _status_style(status: str) -> str:
    """Green for a success, red for what is no answer or an error of the cloud's, yellow for the rest."""
    if not status:
        return _QUIET
    if not status.isdigit():
        return "red"
    return "green" if int(status) < _ERROR else "yellow"
