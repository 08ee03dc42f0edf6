"""What a shell offers behind a command: files, and the names that the stack which is up has."""

import json
from pathlib import Path
from typing import Any

import typer

from local.session.control import SESSION
from local.session.fault_names import HOSTS, MEANINGS

_EVENTS = Path("events")
_ENDINGS = frozenset({".json", ".jsonl", ".ndjson", ".csv"})


def event_files(incomplete: str) -> list[str]:
    """Files of events and requests, and folders, that begin so; the project's events where nothing has been typed."""
    if not incomplete and _EVENTS.is_dir():
        return [str(path) for path in sorted(_EVENTS.glob("*.json"))]
    typed = Path(incomplete)
    folder, start = (typed, "") if incomplete.endswith("/") else (typed.parent, typed.name)
    if not folder.is_dir():
        return []
    matching = [path for path in sorted(folder.iterdir()) if path.name.startswith(start)]
    return [f"{path}/" if path.is_dir() else str(path) for path in matching if path.is_dir() or path.suffix in _ENDINGS]


def functions(ctx: typer.Context, incomplete: str) -> list[str]:
    """The functions of the stack that is up."""
    return _names(ctx, "functions", incomplete)


def schedules(ctx: typer.Context, incomplete: str) -> list[str]:
    """Its schedules."""
    return _names(ctx, "schedules", incomplete)


def queues(ctx: typer.Context, incomplete: str) -> list[str]:
    """Its queues."""
    return _names(ctx, "queues", incomplete)


def clouds(ctx: typer.Context, incomplete: str) -> list[str]:
    """Its local clouds, and the services of its host that can be down."""
    host = HOSTS.get(_described(ctx).get("host", ""), HOSTS["aws"])
    return [
        *_names(ctx, "providers", incomplete),
        *(name for name in host.meanings if name.startswith(incomplete)),
    ]


def fault_names(incomplete: str) -> list[tuple[str, str]]:
    """The kinds of misbehaviour, and what each is."""
    return [(name, meaning) for name, meaning in MEANINGS.items() if name.startswith(incomplete)]


def _names(ctx: typer.Context, what: str, incomplete: str) -> list[str]:
    return [name for name in _described(ctx).get(what, ()) if name.startswith(incomplete)]


def _described(ctx: typer.Context) -> dict[str, Any]:
    """What the session file says, since a shell does not wait: a stack that is gone has taken it along."""
    try:
        content = json.loads(Path(ctx.params.get("session") or SESSION).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}
