"""A local stack that is up in another process, and the commands that speak to it."""

from contextlib import AbstractContextManager
from typing import Any

import stacks
from cli_support import Untag


def up(untag: Untag, *options: str) -> AbstractContextManager[dict[str, Any]]:
    """While it lasts, the stack to which the commands of `untag` speak is up; gives what it says of itself."""
    untag.environ["UNTAG_LOCAL_SESSION"] = str(untag.folder / "stack.json")
    return stacks.up(*options, cwd=untag.folder, env=untag.environ)
