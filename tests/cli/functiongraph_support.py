"""A stack of FunctionGraph that is up in this process, with the machine's time, as the command has it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from cli_support import Untag

from local.functiongraph import endpoints
from local.functiongraph.stack import FunctionGraphStack


@contextmanager
def stack_that_is_up() -> Iterator[FunctionGraphStack]:
    made = FunctionGraphStack(environment={"UNTAG_RATE": "2000", "UNTAG_KEEP_REPORTS": "on"})
    made.puts_clock_forward = False
    with made as running:
        yield running


def as_terraform(stack: FunctionGraphStack, **changed: object) -> str:
    """What `terraform output -json` prints of a deployment."""
    outputs = {**stack.outputs(), "gateway_url": "", **changed}
    return json.dumps({name: {"sensitive": False, "value": value} for name, value in outputs.items()})


def shell_of(untag: Untag, stack: FunctionGraphStack) -> None:
    """Give the command the variables of somebody whose deployment this is."""
    untag.environ["HW_ACCESS_KEY"], untag.environ["HW_SECRET_KEY"] = stack.user
    untag.environ["HW_ENDPOINTS"] = endpoints(*stack.services)
    untag.write("outputs.json", as_terraform(stack))
