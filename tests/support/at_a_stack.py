"""What tests do at a local stack that is up in their own process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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


def complete_once_announced(untag: Any, stack: "Stack | FunctionGraphStack") -> None:
    """Sends a sweep with a grace, asks for its batch, and gives up what it keeps."""
    put(stack, "i-grace", key="legacy")
    rule = {"name": "r", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "legacy"}}
    name = untag.write("s.json", {"rules": [{**rule, "grace": "7d"}]})
    assert untag("send", name, "--local", "--batch", "announced", "--yes", "--expect", "1").code == 0
    stack.drain()
    status = untag("status", "announced", "--local", "--json")
    assert (status.code, status.json["complete"], status.json["waiting"], status.json["due"]) == (0, True, 0, [])
    assert status.json["pairs"] == {"would_remove": 1}
    (kept,) = untag("scheduled", "--local", "--json").json["scheduled"]
    assert kept["batch"] == "announced"
    assert untag("scheduled", "--local", "--cancel", kept["id"]).code == 0


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
