"""What the demo sends, and the tables that tell what became of it."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from local import ROOT
from local.audit import Audit
from local.aws import routing
from local.reports import pairs
from local.stack import Overrides, Stack
from local.terminal import interrupts
from local.terminal.console import counted, make, outcome_style, table

FLEET = 100
"""Messages with one resource each and the same tags: what they cost is shown."""

_SHOWN_IDS = 2

_EVENT_ID = re.compile(r'"(?:id|trace_id|message_id)": ?"([^"]+)"')
"""Where the events that are sent have the id that their requests and reports bear."""


class Demo:
    """Remembers what was sent under which name, so that the tables can say what became of it."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._audit = Audit()
        self._origin: dict[str, str] = {}
        self._before: dict[tuple[str, str, str], dict[str, str]] = {}
        self._ways: list[tuple[str, str, str]] = []

    def prepare(self) -> None:
        """Put tags on resources at both clouds."""
        self._stack.seed()
        for number in range(1, FLEET + 1):
            self._stack.providers["jdcloud"].tags.put("cn-north-1", "vm", f"i-fleet{number:03}", "env", "staging")
        self._before = _tags(self._stack)

    def send(self, name: str, bodies: list[Any]) -> None:
        """Send what belongs together, and wait until it is worked off."""
        with self._stack.paused():
            for body in bodies:
                self._write_down(name, body)
                # Events get an id on their way, which their reports bear.
                self._origin |= dict.fromkeys((id_ for sent in self._stack.send(body) for id_ in sent.ids), name)
        self._stack.drain()

    def story(self) -> list[str]:
        """Show everything, and return what does not agree."""
        reports = self._stack.reports()
        print_ = self._console.print
        print_(self._came_in(reports))
        print_(self._calls())
        print_(self._outcomes(reports))
        print_(self._dead_letters())
        print_(self._tags())
        return self._audit.findings(reports, self._stack.providers.values())

    def _write_down(self, name: str, body: Any) -> None:
        for item in routing.route(body):
            text = json.dumps(item.entry) if isinstance(item, routing.BusEvent) else item.body
            way = "event bus" if isinstance(item, routing.BusEvent) else item.queue or "WorkQueue"
            if isinstance(item, routing.BusEvent):
                text = item.entry["Detail"]
            self._ways.append((name, way, text))
            self._origin |= dict.fromkeys(_EVENT_ID.findall(text), name)
            if routing.decommissions(item):
                self._audit.decommission(routing.event_of(item), self._stack.providers.values())
            elif isinstance(item, routing.QueueMessage) and item.queue == routing.SWEEP_QUEUE:
                if "invalid" not in name:
                    self._audit.sweep(json.loads(item.body), self._stack.providers.values())
            elif "invalid" not in name:  # such a body asks for nothing: it has to come out verbatim
                known = set(self._audit.requested)
                self._audit.ask(text, self._stack.providers.values())
                self._origin |= dict.fromkeys(set(self._audit.requested) - known, name)

    def _name_of(self, report: Mapping[str, Any]) -> str:
        """The event that a report belongs to: its id, or with -1, -2 … behind it the id of one of its requests."""
        id_ = str(report["id"])
        whole = id_.partition(".")[0]  # a sweep's requests are named SWEEP.RULE.PART
        return self._origin.get(id_) or self._origin.get(id_.rpartition("-")[0]) or self._origin.get(whole, "")

    def _came_in(self, reports: Iterable[Mapping[str, Any]]) -> Table:
        pages = Counter(self._name_of(report) for report in reports)
        made = table("What came in", "event", "way in", "messages", "reports")
        for (name, way), count in Counter((name, way) for name, way, _ in self._ways).items():
            made.add_row(name, way, str(count), str(pages[name]) if pages[name] else "[dim]none: see dead letters[/]")
        return made

    def _calls(self) -> Table:
        made = table("Calls to the clouds", "cloud", "operation", "status", "calls", "pairs", "tags changed")
        for name, server in self._stack.providers.items():
            kinds: dict[tuple[str, int], list[Any]] = defaultdict(list)
            for call in server.calls:
                kinds[call.operation, call.status].append(call)
            for (operation, status), calls in sorted(kinds.items()):
                asked, changed = sum(call.pairs for call in calls), sum(call.applied for call in calls)
                style = "yellow" if status >= 400 else ""  # noqa: PLR2004 - HTTP's first error status
                made.add_row(name, operation, str(status), str(len(calls)), str(asked), str(changed), style=style)
        return made

    def _outcomes(self, reports: Iterable[Mapping[str, Any]]) -> Table:
        made = table("Outcomes", "event", "tag", "outcome", "resources", "why")
        rows: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
        latest: dict[pairs.Pair, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
        for report in sorted(pairs.distinct(reports), key=pairs.order_of):
            name = self._name_of(report) or report["id"]
            # What is no report on pairs, and one on a request that was held back whole: a line of their own.
            for outcome, why, resources in _notices(report):
                rows[name, "", outcome, why] += resources
            for pair, row in pairs.rows_of(report):
                latest.pop(pair, None)
                latest[pair] = (report, row)
        for report, row in latest.values():
            tag = row["key"] if row["value"] is None else f"{row['key']}={row['value']}"
            why = row.get("message") or row.get("code") or ""
            if "was" in row and row["outcome"] == "absent":
                why = "not there" if row["was"] is None else f"it is {row['key']}={row['was']}"
            rows[self._name_of(report) or report["id"], tag, row["outcome"], why].append(row["resource_id"])
        shown = ""
        for (name, tag, outcome, why), ids in sorted(rows.items(), key=lambda item: item[0][0]):
            ids_shown = ", ".join(ids[:_SHOWN_IDS]) + (f" and {len(ids) - _SHOWN_IDS} more" if ids[_SHOWN_IDS:] else "")
            style = outcome_style(outcome)
            event = "" if name == shown else name
            made.add_row(event, escape(tag), f"[{style}]{outcome}[/]", ids_shown, escape(why))
            shown = name
        return made

    def _dead_letters(self) -> Table:
        made = table("On the dead-letter queue", "request", "code", "pairs", "why")
        for dead_letter in self._stack.dead_letters():
            attributes = dead_letter.attributes
            if attributes.get("code") == "invalid":
                asked, count = "the body as it came", "[dim]none called[/]"
            else:
                audit = Audit()
                audit.ask(dead_letter.body, self._stack.providers.values())
                asked = attributes.get("request_id", "")
                count = str(sum(len(asked_for.pairs) for asked_for in audit.requested.values()))
            made.add_row(asked, attributes.get("code", ""), count, escape(attributes.get("reason", "")))
        return made

    def _tags(self) -> Table:
        made = table("Tags at the clouds, before and after", "cloud", "resource", "tags")
        after = _tags(self._stack)
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        texts: dict[tuple[str, str], Text] = {}
        for place, before in self._before.items():
            cloud, type_, id_ = place
            text = _difference(before, after[place])
            key = (f"{cloud} {type_}", text.markup if "fleet" in id_ else id_)
            alike[key].append(id_)
            texts[key] = text
        shown = ""
        for key, ids in alike.items():
            name = ids[0] if len(ids) == 1 else f"{ids[0]} … {ids[-1]} ({len(ids)})"
            made.add_row("" if key[0] == shown else key[0], name, texts[key])
            shown = key[0]
        return made


def _notices(report: Mapping[str, Any]) -> Iterable[tuple[str, str, list[str]]]:
    """What a report says that is not about single pairs: an outcome or a status, why, and of which resources."""
    if (held := report.get("held_back")) is not None:
        yield "protected", held["message"], [counted(held["pairs"], "pair")]
    elif "errors" in report:
        for error in report["errors"]:
            yield "rejected", ": ".join(filter(None, (error["path"], error["message"]))), []
    elif "outcomes" not in report:
        ids = [detail["resource_id"] for detail in report["details"] if "resource_id" in detail]
        yield report["status"], report["reason"] or "", ids


def _tags(stack: Stack) -> dict[tuple[str, str, str], dict[str, str]]:
    return {
        (server.provider, type_, id_): tags
        for server in stack.providers.values()
        for regions in server.tags.snapshot().values()
        for types in regions.values()
        for type_, resources in types.items()
        for id_, tags in resources.items()
    }


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> Text:
    text = Text()
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was is not None and now != was:
            text.append(f"-{key}={was}", style="red").append("  ")
        if now is not None:
            same = now == was
            text.append(f"{key}={now}" if same else f"+{key}={now}", style="" if same else "green").append("  ")
    return text


def run() -> int:
    """Run the demo; 0 only if reports and clouds agree."""
    console = make()
    started = time.monotonic()
    # The pace that the clouds allow would make a viewer wait, and a refused call should come again while he looks.
    overrides = Overrides(environment={"UNTAG_RATE": "500"}, visibility_timeout=5, batching_window=0.2, max_delay=1)
    console.print("[bold]untag[/]: template.yaml on this machine, clouds that check signatures, and no account\n")
    with console.status("starting the stack"):
        stack = Stack(overrides=overrides)
        stack.start()
    try:
        demo = Demo(stack, console)
        demo.prepare()
        files = sorted(Path(ROOT / "events").glob("*.json"))
        scenes: list[tuple[str, list[Any]]] = [(path.stem, [routing.read(path)]) for path in files]
        scenes.append((f"a fleet of {FLEET}", [_fleet_request(number) for number in range(1, FLEET + 1)]))
        bar = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        )
        with bar:
            task = bar.add_task("", total=len(scenes))
            for name, bodies in scenes:
                bar.update(task, description=name)
                demo.send(name, bodies)
                bar.advance(task)
        findings = demo.story()
    finally:
        with interrupts.waits():
            stack.stop()
    for finding in findings:
        console.print(f"[bold red]does not agree:[/] {escape(finding)}")
    if not findings:
        console.print(
            "[bold green]Reports and clouds agree:[/] every pair asked for has one outcome, every change at a"
        )
        console.print("cloud was asked for and reported, and every change that was reported happened.")
    console.print(f"[dim]{time.monotonic() - started:.1f} s[/]")
    return 1 if findings else 0


def _fleet_request(number: int) -> str:
    return json.dumps(
        {
            "id": f"fleet-{number:03}",
            "provider": "jdcloud",
            "region": "cn-north-1",
            "resources": [{"type": "vm", "ids": [f"i-fleet{number:03}"]}],
            "tags": [{"key": "env", "value": "staging"}],
        }
    )
