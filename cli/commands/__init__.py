"""What a person types, one module for each command or group of commands.

Each module gives its commands to the one `app`, and the help lists them in the order of these imports.
"""

from cli.commands import check, tags, plan, apply, run, status, undo  # noqa: I001 - their order is the help's
from cli.commands import send, dead_letters, redrive, scheduled, local
from cli.base import app

__all__ = [
    "app",
    "apply",
    "check",
    "dead_letters",
    "local",
    "plan",
    "redrive",
    "run",
    "scheduled",
    "send",
    "status",
    "tags",
    "undo",
]
