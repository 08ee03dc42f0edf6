"""The live view as rich draws it: one picture of what an observer saw, for a terminal of any size from 80 by 24.

A page shows everything in brief, or one list at length. Nothing wraps: what does not fit is cut with an ellipsis, and
of a long list the part is shown that the view is at.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.layout import Layout
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.live import lists
from local.live.lists import QUIET, Cell, Listing, Seen, answer_style, until
from local.live.view import PAGES, ROWS, View
from local.terminal.console import clean, counted, outcome_style

QUEUES_WIDTH = 62
_HEADING = "bold"
_FOUND = "black on yellow"
_FRAME_LINES = 2  # the first and the last
_RECENT_CALLS = 4
_LEAST_REPORTS = 4
_LEAST_RESULTS = 8
_LEAST_CLOUDS = 3

_LISTS: Mapping[str, Callable[[Seen], Listing]] = {
    "calls": lists.calls,
    "reports": lists.reports,
    "dead letters": lists.dead_letters,
    "waiting": lists.waiting,
    "logs": lists.logs,
}


def picture(
    seen: Seen, width: int, height: int, view: View, note: str = "", report: Mapping[str, Any] | None = None
) -> Layout:
    """One page of the view. `note` stands at the top: what everybody who looks should know. `report` is the one whose
    rows are shown, if the view is at one.
    """
    lines = height - _FRAME_LINES
    if view.showing == ROWS:
        body = _one_report(report or {}, lines, view)
    elif view.page in _LISTS:
        body = Layout(_in_view(_LISTS[view.page](seen), lines, view)[0])
    else:
        view.window((), lines, follows=True)
        body = _overview(seen, width, lines)
    whole = Layout()
    whole.split_column(Layout(_head(seen, note), size=1), body, Layout(_foot(view), size=1))
    return whole


def _overview(seen: Seen, width: int, lines: int) -> Layout:
    first = max(len(seen["queues"]) + 1 + bool(_kept(seen)), min(_LEAST_RESULTS, lines // 2))
    calls = min(len(seen["providers"]), max(_LEAST_CLOUDS, lines - first - _LEAST_REPORTS)) + 1
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
    sections = [top, Layout(_calls(seen, calls - 1), size=calls)]
    if recent:
        sections.append(Layout(_newest(lists.calls(seen), recent, heading=False), size=recent))
    sections.append(Layout(_newest(lists.reports(seen), max(1, rest - recent))))
    body.split_column(*sections)
    return body


def _one_report(report: Mapping[str, Any], lines: int, view: View) -> Layout:
    """What a report is about, its rows, and all of the row that the cursor is on."""
    page = report.get("page") or {"number": 1, "of": 1}
    part = f", page {page['number']} of {page['of']}" if page["of"] > 1 else ""
    attempt = f", attempt {report['attempt']}" if report.get("attempt", 1) > 1 else ""
    about = f"{report.get('id', '')}{part}{attempt}: {report.get('summary', '')}" if report else "not kept any more"
    listing = lists.rows(report)
    shown, cursor = _in_view(listing, lines - 2, view)
    more = "" if cursor is None else listing.lines[cursor].more
    body = Layout()
    body.split_column(Layout(_cut(about, _HEADING), size=1), Layout(shown), Layout(_cut(more, QUIET), size=1))
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


def _foot(view: View) -> Table:
    """The keys on the left; on the right the search, or where in the list the cursor is."""
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    if view.typing is not None:
        line.add_row(Text.assemble(("/", "bold"), clean(view.typing), ("_", "blink"), ("  Enter Esc", QUIET)), "")
        return line
    left = Text()
    if view.showing == ROWS:
        keys = {"Esc": "back to the reports", "/": "search", "q": "quit"}
    else:
        keys = {**PAGES, **({} if view.page == "overview" else {"/": "search"}), "q": "quit"}
    for key, name in keys.items():
        here = name == view.page
        left.append(f" {key} ", style="bold reverse" if here else "bold")
        left.append(f"{name} " if here else name, style="reverse" if here else QUIET)
    right = view.position()
    if view.search:
        missed = "not in this list" if view.missed else "n: next, Esc: end"
        right = f"/{clean(view.search)} {missed}  {right}".rstrip()
    elif view.page == "reports" and view.report is None:
        right = f"Enter: rows {right}".rstrip()
    line.add_row(left, Text(right, style="bold red" if view.missed else ""))
    return line


def _table(listing: Listing) -> Table:
    """An empty table with a list's columns, of one line for each row."""
    made = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style=_HEADING, pad_edge=False)
    wide = listing.wide or [heading for heading in listing.headings if heading not in listing.numbers][-1]
    for heading in listing.headings:
        made.add_column(
            heading,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if heading in listing.numbers else "left",
            ratio=1 if heading == wide else None,
            width=listing.widths.get(heading),
            max_width=listing.most.get(heading),
        )
    return made


def _in_view(listing: Listing, lines: int, view: View) -> tuple[Table, int | None]:
    """The part of a list that the view is at, and the line that its cursor is on."""
    shown = view.window([line.item() for line in listing.lines], lines - 1, follows=listing.follows)
    made = _table(listing)
    for number in range(shown.first, shown.end):
        cells = [_cell(cell, view.search) for cell in listing.lines[number].cells]
        made.add_row(*cells, style="reverse" if number == shown.cursor else "")
    return made, shown.cursor


def _newest(listing: Listing, lines: int, *, heading: bool = True) -> Table:
    """The end of a list."""
    made = _table(listing)
    made.show_header = heading
    count = lines - heading
    for line in listing.lines[-count:] if count > 0 else ():
        made.add_row(*(_cell(cell) for cell in line.cells), style="" if heading else QUIET)
    return made


def _small(*headings: str, numbers: Iterable[str] = ()) -> Table:
    return _table(Listing(headings, (), numbers=frozenset(numbers)))


def _queues(seen: Seen) -> Table:
    made = _small("Queues", "visible", "in flight", "delayed", numbers=("visible", "in flight", "delayed"))
    for queue in seen["queues"]:
        counts = [queue[name] for name in ("visible", "in_flight", "delayed")]
        alarming = queue["dead_letters"] and queue["visible"]
        style = "bold red" if alarming else "" if any(counts) else QUIET
        # That it is a queue stands above.
        name = queue["logical_id"].removesuffix("Queue")
        made.add_row(name, *map(_figure, counts[:2]), _delayed(seen, queue["logical_id"], counts[2]), style=style)
    if kept := _kept(seen):
        made.add_row("kept requests", "", "", _delayed(seen, "", kept))
    return made


def _kept(seen: Seen) -> int:
    return int(seen["waiting"]["kept"])


def _delayed(seen: Seen, queue: str, count: int) -> str:
    """How many wait, and the time until the first of them is back."""
    due = min((one["due"] for one in seen["waiting"]["next"] if one["queue"] == queue), default=None)
    return _figure(count) if due is None or not count else f"{count} in {until(due, seen['time'])}"


def _results(seen: Seen, lines: int) -> Table:
    """Outcomes, and under them the reasons of the newest dead letters."""
    made = _small("Outcomes", "pairs", numbers=("pairs",))
    shown = sorted(seen["outcomes"].items(), key=lambda item: -item[1])
    dead_letters = seen["dead_letters"]
    room = lines - 1
    for_dead_letters = min(len(dead_letters["recent"]) + 1, max(2, room - len(shown))) if dead_letters["count"] else 0
    shown = shown[: max(0, room - for_dead_letters)]
    for outcome, count in shown:
        made.add_row(_text(outcome, outcome_style(outcome)), str(count))
    if not shown:
        made.add_row(Text("none yet", style=QUIET), "")
    if dead_letters["count"]:
        made.add_row(Text("Dead letters", style="bold red"), str(dead_letters["count"]))
        count = for_dead_letters - 1
        for dead_letter in dead_letters["recent"][-count:] if count > 0 else ():
            made.add_row(_text(f"{dead_letter['code'] or 'crash'}: {dead_letter['reason']}"), "")
    return made


def _calls(seen: Seen, room: int) -> Table:
    """The clouds. Where there is no room for all, those that were called come first, and the rest is counted."""
    numbers = ("calls", "a second", "open")
    made = _small("Clouds", *numbers, "answers", numbers=numbers)
    clouds = list(seen["providers"].items())
    left = len(clouds) - room + 1 if len(clouds) > room else 0
    if left:
        clouds = sorted(clouds, key=lambda item: not (item[1]["calls"] or item[1]["faults"]))[: room - 1]
    for name, cloud in clouds:
        answers = Text()
        for status, count in sorted(cloud["statuses"].items()):
            answers.append(f"{count} x {status}  ", style=answer_style(status))
        if cloud["faults"]:
            answers.append(f"faults on: {', '.join(sorted(set(cloud['faults'])))}", style="magenta")
        made.add_row(
            name,
            str(cloud["calls"]),
            f"{cloud['rate']:g}",
            "" if cloud["in_flight"] is None else _figure(cloud["in_flight"]),
            answers,
        )
    if left:
        made.add_row(Text(f"{left} more", style=QUIET))
    return made


def _cell(cell: Cell, search: str = "") -> Text:
    text = _text(cell) if isinstance(cell, str) else _text(*cell)
    if search:
        text.highlight_words([search], _FOUND, case_sensitive=False)
    return text


def _text(text: str, style: str = "") -> Text:
    """A text from outside, on one line."""
    return Text(" ".join(clean(text).split()), style=style)


def _cut(text: str, style: str) -> Text:
    """A text from outside that takes one line of the screen, however long it is."""
    made = _text(text, style) or Text(" ")  # for an empty text rich draws a frame
    made.no_wrap, made.overflow = True, "ellipsis"
    return made


def _figure(number: int) -> str:
    return str(number) if number else "·"
