"""What a person types, one module for each command or group of commands.

Each module gives its commands to the one `app`, and the help lists them in the order of these imports.
"""

from cli.commands import check, tags, plan, apply, run, status, undo, local  # noqa: I001 - their order is the help's
from cli.base import app

__all__ = ["app", "apply", "check", "local", "plan", "run", "status", "tags", "undo"]
