"""What tests do at a local stack that is up in their own process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.functiongraph.stack import FunctionGraphStack
    from local.stack import Stack

SECONDS = 60.0
"""Longer than an invocation takes with the start of its process, on a slow machine too."""


def put(stack: "Stack | FunctionGraphStack", *ids: str, key: str = "env", value: str = "prod") -> None:
    """A tag at virtual machines of JD Cloud."""
    for id_ in ids:
        stack.providers["jdcloud"].tags.put("cn-north-1", "vm", id_, key, value)


def tags(stack: "Stack | FunctionGraphStack", id_: str) -> dict[str, str] | None:
    """What stands at a virtual machine of JD Cloud."""
    return stack.providers["jdcloud"].tags.get("default", "cn-north-1", "vm", id_)


@contextmanager
def worked_at(stack: "Stack", queue: str, times: int = 1) -> Iterator[None]:
    """Its end waits until so many batches have been worked at since its beginning that a queue (by logical id) had."""
    name = stack.queues()[queue].name
    (mapping,) = (one for one in stack.mappings.values() if one.spec.queue == name)
    known = len(mapping.batches)
    yield
    end = time.monotonic() + SECONDS
    while len(mapping.batches) < known + times:
        assert time.monotonic() < end, mapping.failures
        time.sleep(0.01)


def come_again(stack: "Stack", queue: str) -> None:
    """End the visibility timeout of whatever was received of a queue (by logical id) and not deleted."""
    name = stack.queues()[queue].name
    for message in stack.messages(queue):
        stack.aws.queues.change_message_visibility(name, str(message.receipt_handle), 0)
