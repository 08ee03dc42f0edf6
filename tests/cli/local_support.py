"""A local stack that is up, in another process or in this one, and the commands that speak to it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import stacks
from cli_support import Untag

from local.functiongraph.stack import FunctionGraphStack
from local.session import control
from local.stack import Stack


def up(untag: Untag, *options: str) -> AbstractContextManager[dict[str, Any]]:
    """While it lasts, the stack to which the commands of `untag` speak is up; gives what it says of itself."""
    untag.environ["UNTAG_LOCAL_SESSION"] = str(untag.folder / "stack.json")
    return stacks.up(*options, cwd=untag.folder, env=untag.environ)


@contextmanager
def served(stack: Stack | FunctionGraphStack, folder: Path) -> Iterator[Untag]:
    """While it lasts, the commands that are given mean a stack that is up in this process."""
    session = folder / "stack.json"
    with control.serve(stack, session):
        yield Untag(folder, {"UNTAG_LOCAL_SESSION": str(session)})
