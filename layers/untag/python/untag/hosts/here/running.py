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
_STOPPING_SECONDS = 5.0
"""What a round has left once it is interrupted: enough to deliver what is done, too little for another call."""


def carry_out(host: Here, make: Callable[[Runtime], Function], messages: Iterable[Waiting | str]) -> None:
    """Let a function work at messages, and at what it leaves for later, until nothing is left for it.

    A body without a time is due at once. Reports and dead letters stand in the host's folder then; the removal requests
    of a function that goes on by itself (a sweep) are the host's `work`. Before each round, and if the process is
    interrupted, the folder holds what is left, which `Here.kept` reads. Raises InvalidInputError for the environment.

    Ctrl-C ends the round: calls in flight are answered and reported, no other begins. A second one cancels them.
    """
    runtime = Runtime(host)
    function = make(runtime)
    queue = host.own if function.continues else host.work
    now = host.timing.now()
    queue += [one if isinstance(one, Waiting) else Waiting(now, one) for one in messages]
    numbers = itertools.count(1)
    try:
        with _stopped_by_ctrl_c(host, runtime) as stop:
            while queue:
                host.keep(queue)
                queue.sort()
                if (pause := queue[0].due - host.timing.now()) > 0.0:
                    # In slices: a clock that is set, or a machine that was asleep, must not make the wait longer.
                    runtime.run(_sleep(host, min(pause, _SLICE_SECONDS)))
                else:
                    _round(host, function, queue, numbers, stop)
                stop.check()
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        host.keep(queue)
        runtime.close()


def _round(
    host: Here, function: Function, queue: list[Waiting], numbers: "itertools.count[int]", stop: "_Stop"
) -> None:
    """Work at the messages that are due."""
    now = host.timing.now()
    due = [one for one in queue[:BATCH] if one.due <= now]
    taken = {f"here-{next(numbers)}": one for one in due}
    records = [Record(id_, one.body, 1, id_, "here") for id_, one in taken.items()]
    del queue[: len(due)]
    end = host.timing.monotonic() + INVOCATION_SECONDS

    def left() -> float:
        return _STOPPING_SECONDS if stop.asked else end - host.timing.monotonic()

    try:
        with stop.in_round():
            failed = function.batch(records, left)
    except BaseException:
        # Cancelled: what was being worked at is done again, which asks for nothing twice.
        queue += map(host.again, due)
        raise
    later = host.timing.now() + _AGAIN_SECONDS
    queue += [host.again(taken[id_])._replace(due=later) for id_ in failed]


class _Stop:
    """What Ctrl-C does: ends a round early, cancels a pause, and cancels a round if it comes again."""

    def __init__(self, host: Here, runtime: Runtime) -> None:
        self._host = host
        self._runtime = runtime
        self._round = False
        self.asked = False

    @contextmanager
    def in_round(self) -> Iterator[None]:
        """While it lasts, work is under way whose results are worth waiting for."""
        self._round = True
        try:
            yield
        finally:
            self._round = False

    def handle(self, *_: object) -> None:
        """Handle the signal: Python's own handler would break into the event loop at any place."""
        first, self.asked = not self.asked, True
        if not self._runtime.at_work:
            raise KeyboardInterrupt
        if first and self._round:
            # Calls in flight are waited for: a write that is cancelled leaves nothing that says it was made.
            self._host.stopping()
            return
        self._runtime.cancel()

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was asked for."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def _stopped_by_ctrl_c(host: Here, runtime: Runtime) -> Iterator[_Stop]:
    stop = _Stop(host, runtime)
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signal.signal(signal.SIGINT, stop.handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)


async def _sleep(host: Here, seconds: float) -> None:
    await host.timing.sleep(seconds)
