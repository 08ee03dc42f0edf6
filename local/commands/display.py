"""What the commands show a person of their answers."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.session.fault_names import HOSTS, MEANINGS, OUTAGE
from local.terminal import hints
from local.terminal.console import clean, counted, outcome_style, queues_table, safe, status_style, table, times

# The last lines of a function's log that are shown.
LOG_TAIL = 20

_NEXT = (
    ("the resources and tags that a file names", "put {events}/jdcloud_manual.json"),
    ("an event, to where its shape belongs", "send {events}/jdcloud_eventbridge.json"),
    ("the function once with it", "invoke {function} {events}/jdcloud_manual.json"),
    ("a schedule, whether it is on or off", "fire {schedule}"),
    ("see live what happens", "watch"),
    ("tags, queues, dead letters and reports", "state"),
    ("make the local clouds misbehave", "faults"),
    ("end the stack", "down"),
)
"""What can be done with a stack that is up, and how."""


def show_up(console: Console, session: Mapping[str, Any]) -> None:
    """What runs, and what can be done with it."""
    console.print(f"[bold green]{session['name']} is up[/] [dim]after {session['seconds_to_start']} s[/]")
    if warning := note(session):
        console.print(f"[bold yellow]{warning}[/]")
    made = table("", "what", "where")
    real = session["real"] or {"clouds": (), "endpoints": {}}
    clouds = [(name, "the real one, with the keys of this shell") for name in real["clouds"]]
    addresses = (session["addresses"], real["endpoints"], session["providers"])
    own, endpoints, local = (list(one.items()) for one in addresses)
    for name, where in own + clouds + endpoints + local:
        made.add_row(name, where)
    for logical_id, function in session["functions"].items():
        made.add_row(f"function {logical_id}", f"time-out {function['timeout']:g} s")
    for logical_id, name in session["queues"].items():
        made.add_row(f"queue {logical_id}", name)
    for logical_id, schedule in session["schedules"].items():
        made.add_row(f"schedule {logical_id}", "on" if schedule["enabled"] else "off")
    for name in session["buses"]:
        made.add_row("bus", name)
    if session.get("ledger"):
        made.add_row("reports are kept in", safe(session["ledger"]))
    console.print(made)
    _show_next(console, session)
    console.print("Ctrl-C stops it.")


def _show_next(console: Console, session: Mapping[str, Any]) -> None:
    """Commands for another terminal: each on one line with what it does behind it, as a shell takes it."""
    console.print("In another terminal, from this folder:")
    schedule, function = next(iter(session["schedules"]), None), next(iter(session["functions"]), None)
    for what, command in _NEXT:
        if (schedule is None and "{schedule}" in command) or (function is None and "{function}" in command):
            continue
        line = hints.command(command.format(schedule=schedule, function=function, events=hints.file("events")))
        console.print(f"  [cyan]{safe(line)}[/]  [dim]# {what}[/]", soft_wrap=True)


def show_down(console: Console, answer: Mapping[str, Any]) -> None:
    """What has ended, and what ended with it."""
    console.print(f"[bold]{safe(answer['name'])} has ended[/]")
    if held := answer["messages"]:
        counts = ", ".join(f"{count} on {safe(name)}" for name, count in held.items())
        console.print(f"[yellow]messages that ended with it:[/] {counts}")


def note(session: Mapping[str, Any]) -> str:
    """A warning for everybody who looks at a stack: "" where its clouds are local."""
    if session["real"] is None:
        return ""
    return "REAL CLOUDS, dry run" if session["real"]["dry_run"] else "REAL CLOUDS: tags can be changed"


def show_sent(console: Console, sent: Sequence[Mapping[str, Any]]) -> None:
    """Where an event went."""
    for (to, name), count in Counter((item["to"], item["name"]) for item in sent).items():
        what = "event" if to == "bus" else "message"
        console.print(f"{counted(count, what)} to the {to} [bold]{name}[/]")
    for text in dict.fromkeys(item["note"] for item in sent if item["note"]):
        console.print(f"[yellow]{safe(text)}[/]")


def lines(text: str) -> str:
    """A log line with its line breaks: a text log carries them as carriage returns."""
    return clean(text.replace("\r", "\n"))


def show_answer(console: Console, about: Console, answer: Mapping[str, Any]) -> None:
    """What a function answered on one console, so that it can be piped; its log, and what went wrong, on the other."""
    for line in answer["log"][-LOG_TAIL:]:
        about.print(f"[dim]{escape(lines(line))}[/]", soft_wrap=True)
    start = f", cold start {answer['init_seconds'] * 1000:.0f} ms" if answer["cold"] else ""
    took = f"{answer['seconds'] * 1000:.1f} ms{start}"
    if not answer["error"]:
        about.print(f"[bold green]answered[/] [dim]after {took}[/]")
        console.print_json(data=answer["payload"])
        return
    about.print(f"[bold red]failed:[/] {safe(answer['error'])} [dim]after {took}[/]")
    for line in _failures(answer):
        about.print(safe(line), soft_wrap=True)


def _failures(answer: Mapping[str, Any]) -> Iterator[str]:
    """What went wrong, a line for each thing."""
    if answer["errors"]:
        for error in answer["errors"]:
            yield f"  {error['path']}: {error['message']}" if error["path"] else f"  {error['message']}"
        return
    payload = answer["payload"] if isinstance(answer["payload"], Mapping) else {}
    yield f"  {payload.get('errorType', '')}: {payload.get('errorMessage', '')}"
    for line in payload.get("stackTrace") or ():
        yield from (f"    {part}" for part in str(line).rstrip().splitlines())


def show_state(console: Console, state: Mapping[str, Any]) -> None:
    """Tags, queues, dead letters and reports."""
    console.print(tags_table(state["providers"]))
    console.print(queues_table(state["queues"]))
    for name in state["down"]:
        console.print(f"[magenta]down:[/] {safe(name)} answers every request with 503")
    for name in state["missing"]:
        console.print(f"[red]missing:[/] {safe(name)} was deleted while the stack is up")
    for logical_id, failures in state["failed_invocations"].items():
        for failure in failures:
            console.print(f"[red]{logical_id}[/] {safe(failure)}")
    if state["dead_letters"]:
        console.print(dead_letters_table(state["dead_letters"]))
    else:
        console.print("[dim]No dead letters.[/]\n")
    if state["reports"]:
        console.print(reports_table(state["reports"]))
    else:
        console.print("[dim]No reports yet.[/]")


def tags_table(providers: Mapping[str, Any]) -> Table:
    """The tags that stand at each cloud."""
    made = table("Tags at the clouds", "where", "resource", "tags")
    shown = ""
    for name, provider in providers.items():
        for account, region, kind, resource, tags in _resources(provider["tags"]):
            where = " ".join(filter(None, (f"{name}/{account}", region, kind)))
            listed = "\n".join(f"{key}={value}" for key, value in sorted(tags.items()))
            # Said once, not for every resource of the same kind.
            made.add_row("" if where == shown else where, safe(resource), safe(listed) or "[dim]none[/]")
            shown = where
    return made


def dead_letters_table(dead_letters: Sequence[Mapping[str, Any]]) -> Table:
    """The dead letters of each queue, and why they are there."""
    made = table("Dead letters", "queue", "why", "body")
    for dead_letter in dead_letters:
        attributes = dict(dead_letter["attributes"])
        reason = attributes.pop("reason", "") or f"received {times(dead_letter['receive_count'])} and never done"
        rest = " ".join(f"{key}={value}" for key, value in sorted(attributes.items()))
        made.add_row(dead_letter["queue"], safe(f"{reason}\n{rest}".strip()), safe(_short(dead_letter["body"])))
    return made


def reports_table(notifications: Sequence[Mapping[str, Any]]) -> Table:
    """What was published on the topic."""
    made = table("Reports", "id", "kind", "status", "outcomes", "summary")
    for notification in notifications:
        body = notification["body"]
        if not isinstance(body, Mapping):
            made.add_row("", "", "", "", safe(_short(str(body))))
            continue
        counts = "\n".join(
            f"[{outcome_style(outcome)}]{count} {outcome}[/]"
            for outcome, count in dict(body.get("counts") or {}).items()
        )
        made.add_row(
            safe(str(body.get("id", ""))),
            safe(str(body.get("kind", ""))),
            f"[{status_style(str(body.get('status', '')))}]{safe(body.get('status', ''))}[/]",
            counts or _problems(body),
            safe(str(body.get("summary") or notification.get("subject") or "")),
        )
    return made


def _problems(report: Mapping[str, Any]) -> str:
    """What was wrong with a body that was rejected, a line each."""
    errors = [one for one in report.get("errors") or () if isinstance(one, Mapping)]
    problems = [": ".join(filter(None, (str(one.get("path", "")), str(one.get("message", ""))))) for one in errors]
    return "\n".join(f"[red]{safe(one)}[/]" for one in problems)


def show_faults(console: Console, rules: Sequence[Mapping[str, Any]], host: str) -> None:
    """What misbehaves and how often it did, and what there is to switch on at the clouds and at a host's services."""
    if rules:
        console.print(_faults_table("On", rules))
    else:
        console.print("[dim]Nothing is on.[/]\n")
    console.print(f"[bold]To switch on:[/] {safe(hints.command('faults on throttle'))}", soft_wrap=True)
    console.print(f"[dim]how to narrow it: {safe(hints.command('faults on --help'))}[/]", soft_wrap=True)
    names = Table.grid(padding=(0, 2))
    for name, meaning in MEANINGS.items():
        names.add_row(f"  [cyan]{name}[/]", meaning)
    console.print(names)
    whose, meanings, kinds = HOSTS[host]
    down = hints.command(f"faults on {OUTAGE} --cloud {next(iter(meanings))}")
    console.print(f"[bold]To take a service of {whose} down:[/] {safe(down)}", soft_wrap=True)
    services = Table.grid(padding=(0, 2))
    for name, meaning in meanings.items():
        services.add_row(f"  [cyan]{name}[/]", meaning)
    console.print(services)
    others = ", ".join(sorted(kinds - {OUTAGE}))
    console.print(f"[dim]they also know {others}[/]", soft_wrap=True)


def show_switched_on(console: Console, rules: Sequence[Mapping[str, Any]]) -> None:
    """What was switched on, and how to end it."""
    for rule in rules:
        console.print(f"[magenta]{rule['do']}[/] is on at {rule['cloud']} {safe(_how(rule))}".rstrip())
    ending = hints.command(f"faults off {rules[0]['do']}")
    console.print(f"[dim]to end it: {safe(ending)}[/]", soft_wrap=True)


def show_switched_off(console: Console, rules: Sequence[Mapping[str, Any]]) -> None:
    """What was switched off, and how often it struck."""
    if not rules:
        console.print("Nothing of the kind was on; what the files in events/ rely on needs --seeded.")
    for rule in rules:
        console.print(f"{rule['do']} is off at {rule['cloud']}; it struck {times(rule['injected'])}")


def _faults_table(title: str, rules: Sequence[Mapping[str, Any]]) -> Table:
    made = table(title, "name", "cloud", "struck", "which calls, and how")
    for column in made.columns[:-1]:
        column.no_wrap = True
    for rule in rules:
        struck = f"{rule['injected']} of {rule['matched']}"
        how = _how(rule) or "every call"
        seeded = " [dim](events/ relies on it)[/]" if rule["seeded"] else ""
        over = " [dim](over: it has struck as often as it was to)[/]" if rule["over"] else ""
        made.add_row(rule["do"], rule["cloud"], struck, safe(how) + seeded + over)
    return made


def _how(rule: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in rule["how"].items()
    )


def _resources(tags: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, Mapping[str, str]]]:
    for account, regions in tags.items():
        for region, kinds in regions.items():
            for kind, resources in kinds.items():
                for resource, tags_of_one in resources.items():
                    yield account, region, kind, resource, tags_of_one


def _short(text: str, length: int = 300) -> str:
    """A body on one line, and not all of a long one."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"
