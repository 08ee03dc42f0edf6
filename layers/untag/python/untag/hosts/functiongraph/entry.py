"""The FunctionGraph handler of a function: a bell, a trigger's event or a payload by hand in, an answer out."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import httpx

from untag.contracts import Problem
from untag.contracts.rejections import InvocationError
from untag.core import Timing
from untag.hosts.base import Function, Handed, Record
from untag.hosts.functiongraph.bells import is_bell
from untag.hosts.functiongraph.client import HuaweiError, Keys
from untag.hosts.functiongraph.events import (
    Carried,
    bell_keys,
    carried_by,
    gateway_answer,
    gateway_body,
    is_gateway_call,
)
from untag.hosts.functiongraph.host import FunctionGraph
from untag.hosts.functiongraph.queues import HIDDEN_SECONDS, LONGEST_HIDDEN, Key
from untag.hosts.functiongraph.settings import QUEUES, Variables, read_variables
from untag.hosts.functiongraph.timer import Rounds
from untag.runtime import Runtime

LATE_SECONDS = 900
"""A message that is due for so long has not been worked at in several rounds."""


class Context(Keys, Variables, Protocol):
    """What is asked of FunctionGraph's context, by its own names."""

    def getRequestID(self) -> str:  # noqa: N802
        """The id of the invocation."""

    def getRemainingTimeInMilliSeconds(self) -> int:  # noqa: N802
        """The time that the invocation has left."""


def seconds_left(context: Context) -> Callable[[], float]:
    """Gives the seconds that an invocation has left, each time that it is called."""
    return lambda: context.getRemainingTimeInMilliSeconds() / 1000


class Process:
    """What all handlers of a process share. The variables are read once, when a context is there to ask."""

    timing: Timing | None = None
    transport: httpx.AsyncBaseTransport | None = None
    """Both are for tests, which set them before the first invocation."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._made: tuple[FunctionGraph, Runtime] | None = None

    def initialize(self, context: Variables) -> tuple[FunctionGraph, Runtime]:
        """Read the variables and make what lives as long as the process, once.

        Raises InvalidInputError that names the variable that is wrong.
        """
        if self._made is None:
            host = FunctionGraph(read_variables(context), timing=self.timing, transport=self.transport)
            self._made = (host, Runtime(host))
        return self._made

    def begin(self, queue: str, context: Context) -> tuple[FunctionGraph, Runtime]:
        """What an invocation works with."""
        host, runtime = self.initialize(context)
        host.begin(queue, context, context.getRequestID(), seconds_left(context))
        return host, runtime


class FunctionGraphFunction:
    """Gives a function's work what FunctionGraph hands over, and answers as its callers expect it."""

    def __init__(self, process: Process, queue: str, made: Callable[[Runtime], Function]) -> None:
        """`queue` is the function's own; `made` makes its work, at the first invocation."""
        self._process = process
        self._queue = queue
        self._make = made
        self._function: Function | None = None

    def __call__(self, event: Any, context: Context) -> dict[str, Any]:
        """Work at what came; the answer says what became of it. Raises InvocationError for what came by hand."""
        host, runtime = self._process.begin(self._queue, context)
        function = self._function = self._function or self._make(runtime)
        left, own_id = seconds_left(context), context.getRequestID()
        if is_bell(event):
            records = runtime.run(self._claimed(host, bell_keys(event, self._queue), left))
        elif (carried := carried_by(event, own_id)) is not None:
            records = runtime.run(self._begun(host, carried, left))
        else:
            try:
                return _answer(function, event, own_id, left)
            finally:
                runtime.run(host.bells.ring_all())
        failed = set(function.batch(records, left) if records else ())
        host.huawei.left = left
        # What is not done comes again by itself, since it is not deleted.
        runtime.run(_finished(host, [record.receipt for record in records if record.id not in failed]))
        return {"records": len(records), "failures": len(failed)}

    async def _claimed(self, host: FunctionGraph, keys: list[Key], left: Callable[[], float]) -> list[Record]:
        """The records of a bell's messages, but for those that are another's."""

        async def claim(key: Key) -> Record | None:
            try:
                return await host.queues.claim(key, self._hidden(left))
            except HuaweiError as error:  # comes again
                host.telemetry.undelivered(key.id, str(error))
                return None

        claimed = await asyncio.gather(*map(claim, keys))
        return list({record.id: record for record in claimed if record is not None}.values())

    async def _begun(self, host: FunctionGraph, carried: list[Carried], left: Callable[[], float]) -> list[Record]:
        """The records of a trigger's messages, which are on the queue from now on. Raises HuaweiError."""
        begun = (
            host.queues.begin(self._queue, one.body, self._hidden(left), id_=one.id, metadata={"source": one.source})
            for one in carried
        )
        return list({record.id: record for record in await asyncio.gather(*begun)}.values())

    def _hidden(self, left: Callable[[], float]) -> float:
        return max(left() + HIDDEN_SECONDS, LONGEST_HIDDEN.get(self._queue, 0.0))


class Due:
    """The function that the timer invokes each minute; it also redrives dead letters, where it is asked to."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __call__(self, event: Any, context: Context) -> dict[str, Any]:
        """Ring for what is due, or redrive: `{"untag": 1, "redrive": "work"}`. The answer is what was done."""
        host, runtime = self._process.begin("work", context)
        rounds = Rounds(host.huawei, host.obs, host.queues, host.bells)
        if is_bell(event):
            queue = event.get("redrive")
            if queue not in QUEUES:
                raise InvocationError([Problem("redrive", f"should be one of {', '.join(QUEUES)}")])
            return runtime.run(rounds.redrive(queue))
        answer = runtime.run(rounds.go())
        for queue in QUEUES:
            state = answer[queue]
            host.telemetry.noted("queue", queue=queue, **state)
            # Alarms look for these words: LTS's alarms on keywords compare no numbers.
            if state["DeadLetters"]:
                host.telemetry.noted("dead letters are waiting", queue=queue, count=state["DeadLetters"])
            if state["OldestAge"] > LATE_SECONDS:
                host.telemetry.noted("the oldest message is late", queue=queue, seconds=state["OldestAge"])
        return answer


def _answer(function: Function, event: Any, own_id: str, left: Callable[[], float]) -> dict[str, Any]:
    """The answer to a payload by hand, in the form that its caller expects. Raises InvocationError."""
    if not is_gateway_call(event):
        return function.payload([Handed(event, own_id)], left)
    try:
        answer = function.payload([Handed(gateway_body(event), own_id)], left)
    except InvocationError as error:
        return gateway_answer(httpx.codes.BAD_REQUEST, str(error))
    return gateway_answer(httpx.codes.OK, json.dumps(answer, ensure_ascii=False))


async def _finished(host: FunctionGraph, receipts: list[str]) -> None:
    """Ring for what was sent, and delete what is done. What fails comes again, and is done twice."""

    async def delete(receipt: str) -> None:
        with suppress(HuaweiError):
            await host.queues.delete(receipt)

    await host.bells.ring_all()
    await asyncio.gather(*map(delete, receipts))
