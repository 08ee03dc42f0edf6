"""Work carried out to its end in this process."""

import asyncio
import itertools
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from untag.hosts.base import Function, Record
from untag.hosts.here.host import Here, Waiting
from untag.runtime import Runtime

INVOCATION_SECONDS = 900.0
"""What one round of work has, as on a host that ends its functions: what it does not do in this time is left."""
BATCH = 100
"""Messages in one round, so that those with equal tags share calls."""
_SLICE_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
"""A message whose results could not be written comes again after this time."""


def carry_out(host: Here, make: Callable[[Runtime], Function], messages: Iterable[Waiting | str]) -> None:
    """Let a function work at messages, and at what it leaves for later, until nothing is left for it.

    A body without a time is due at once. Reports and dead letters stand in the host's folder then; the removal requests
    of a function that goes on by itself (a sweep) are the host's `work`. Before each round, and if the process is
    interrupted, the folder holds what is left, which `Here.kept` reads. Raises InvalidInputError for the environment.
    """
    runtime = Runtime(host)
    function = make(runtime)
    queue = host.own if function.continues else host.work
    now = host.timing.now()
    queue += [one if isinstance(one, Waiting) else Waiting(now, one) for one in messages]
    numbers = itertools.count(1)
    try:
        with _cancelled_by_ctrl_c(runtime) as check:
            while queue:
                host.keep(queue)
                queue.sort()
                if (pause := queue[0].due - host.timing.now()) > 0.0:
                    # In slices: a clock that is set, or a machine that was asleep, must not make the wait longer.
                    runtime.run(_sleep(host, min(pause, _SLICE_SECONDS)))
                else:
                    _round(host, function, queue, numbers)
                check()
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        host.keep(queue)
        runtime.close()


def _round(host: Here, function: Function, queue: list[Waiting], numbers: "itertools.count[int]") -> None:
    """Work at the messages that are due."""
    now = host.timing.now()
    due = [one for one in queue[:BATCH] if one.due <= now]
    taken = {f"here-{next(numbers)}": one for one in due}
    records = [Record(id_, one.body, 1, id_, "here") for id_, one in taken.items()]
    del queue[: len(due)]
    end = host.timing.monotonic() + INVOCATION_SECONDS
    try:
        failed = function.batch(records, lambda: end - host.timing.monotonic())
    except BaseException:
        # An interrupt: what was being worked at is done again, which asks for nothing twice.
        queue += due
        raise
    later = host.timing.now() + _AGAIN_SECONDS
    queue += [taken[id_]._replace(due=later) for id_ in failed]


@contextmanager
def _cancelled_by_ctrl_c(runtime: Runtime) -> Iterator[Callable[[], None]]:
    """While it lasts, Ctrl-C cancels the work at its next pause, where Python's own handler would break into the event
    loop at any place. Gives what raises KeyboardInterrupt for one that came when the work had just ended.
    """
    interrupted = False

    def handle(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        if not runtime.cancel():
            raise KeyboardInterrupt

    def check() -> None:
        if interrupted:
            raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, usual)


async def _sleep(host: Here, seconds: float) -> None:
    await host.timing.sleep(seconds)
