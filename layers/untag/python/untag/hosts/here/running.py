"""Removal requests carried out to their end."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from untag.hosts.base import Message, Record
from untag.hosts.here.host import WAITING, Here
from untag.removal import Remover
from untag.runtime import Runtime

INVOCATION_SECONDS = 900.0
"""What one round of work has, as on a host that ends its functions: what it does not do in this time is left."""
BATCH = 100
"""Messages in one round, so that those with equal tags share calls."""
_AGAIN_SECONDS = 5.0
"""A message whose results could not be written comes again after this time."""


def carry_out(host: Here, payloads: Iterable[Any]) -> None:
    """Work at requests until nothing is left: reports and dead letters stand in the host's folder then.

    A payload is a request, a list of requests, or a text that holds either. Between rounds, and if the process is
    interrupted, `waiting.jsonl` holds what is left; `unfinished` reads it.
    """
    runtime = Runtime(host)
    remover = Remover(runtime)
    numbers = itertools.count(1)
    bodies = (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in payloads)
    host.waiting += [(host.timing.monotonic(), Message(body)) for body in bodies]
    try:
        while host.waiting:
            _keep(host)
            host.waiting.sort(key=lambda one: one[0])
            if (pause := host.waiting[0][0] - host.timing.monotonic()) > 0.0:
                runtime.run(_wait(host, pause))
            now = host.timing.monotonic()
            due = [one for one in host.waiting[:BATCH] if one[0] <= now]
            taken = {f"here-{next(numbers)}": message for _, message in due}
            records = [Record(id_, message.body, 1, id_, "here") for id_, message in taken.items()]
            del host.waiting[: len(due)]
            try:
                failed = remover.batch(records, _left(host))
            except BaseException:
                # An interrupt: what was being worked at is done again, which asks for nothing twice.
                host.waiting += due
                raise
            later = host.timing.monotonic() + _AGAIN_SECONDS
            host.waiting += [(later, taken[id_]) for id_ in failed]
    finally:
        _keep(host)
        runtime.close()


def unfinished(host: Here) -> Iterator[str]:
    """The bodies that an interrupted run has left in the folder."""
    path = host.folder / WAITING
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["body"]


def _keep(host: Here) -> None:
    path = host.folder / WAITING
    lines = (json.dumps({"body": message.body}, ensure_ascii=False) for _, message in host.waiting)
    text = "".join(f"{line}\n" for line in lines)
    if text or path.exists():
        path.write_text(text, encoding="utf-8")


async def _wait(host: Here, seconds: float) -> None:
    await host.timing.sleep(seconds)


def _left(host: Here) -> Callable[[], float]:
    end = host.timing.monotonic() + INVOCATION_SECONDS
    return lambda: end - host.timing.monotonic()
