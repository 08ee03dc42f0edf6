"""Functions with their instances: who runs what, and what becomes of a request that nobody waits for.

Two things that the platform's documents leave open are switches here, so that both can be tried: what is surplus waits,
or is discarded (`discard_surplus`); and a request that failed is repeated after a time drawn at random
(`retry_seconds`). A third makes requests that were accepted vanish (`lose`).
"""

import itertools
import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from local.errors import FAILED, LocalError
from local.functiongraph.agency import Agency
from local.functiongraph.api import FunctionGraphServer, Outcome
from local.functiongraph.clock import Clock
from local.functiongraph.instance import FunctionSpec, Instance
from local.functiongraph.service import PROJECT, REGION, ServiceError

KEPT_REQUESTS = 10_000


class State(StrEnum):
    """What has become of an asynchronous request, in the platform's words. LOST is not one of them."""

    WAIT = "WAIT"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    DISCARD = "DISCARD"
    LOST = "LOST"


@dataclass
class AsyncRequest:
    """A request that was accepted with 202."""

    function: str
    body: bytes
    request_id: str
    accepted: float
    state: State = State.WAIT
    attempts: int = 0
    outcome: Outcome | None = None


@dataclass
class _Function:
    spec: FunctionSpec
    idle: list[Instance] = field(default_factory=list)
    busy: set[Instance] = field(default_factory=set)
    running: int = 0
    waiting: deque[AsyncRequest] = field(default_factory=deque)
    invocations: int = 0


class EmulatedFunctions:
    """The functions of one stack. A context manager; at its end every process is killed."""

    def __init__(
        self,
        agency: Agency,
        clock: Clock,
        *,
        sink: Callable[[str, str], None] | None = None,
        seed: int = 0,
    ) -> None:
        self.discard_surplus = False
        self.retry_seconds = (0.05, 0.5)
        self.lose: Callable[[AsyncRequest], bool] = lambda _request: False
        self.requests: deque[AsyncRequest] = deque(maxlen=KEPT_REQUESTS)
        """The asynchronous ones, in the order of their acceptance."""
        self.failures: list[dict[str, Any]] = []
        """What the destination for failures was sent."""
        self.destination: Callable[[dict[str, Any]], None] = lambda _failure: None
        self._agency = agency
        self._clock = clock
        self._sink = sink
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._state = threading.Condition()
        self._functions: dict[str, _Function] = {}
        self._retrying: set[threading.Timer] = set()
        self._threads: set[threading.Thread] = set()
        self._numbers = itertools.count(1)
        self._closed = False

    def add(self, spec: FunctionSpec) -> None:
        """Deploy a function, or deploy it anew: from then on requests run in new instances."""
        with self._state:
            old = self._functions.get(spec.name)
            function = _Function(spec)
            if old is not None:
                function.waiting, function.invocations = old.waiting, old.invocations
            self._functions[spec.name] = function
        for instance in old.idle if old is not None else ():
            instance.close()

    def specs(self) -> list[FunctionSpec]:
        """The functions as they are deployed."""
        with self._state:
            return [function.spec for function in self._functions.values()]

    def busy(self, function: str) -> int:
        """How many requests are being worked at."""
        with self._state:
            return self._functions[function].running

    def invocations(self, function: str) -> int:
        """How often it has run."""
        with self._state:
            return self._functions[function].invocations

    # What the API hands over

    def knows(self, function: str) -> bool:
        """Whether there is such a function."""
        with self._state:
            return function in self._functions

    def invoke(self, function: str, body: bytes) -> Outcome:
        """Run it and wait; 429 where every instance that it may have is busy."""
        with self._state:
            known = self._known(function)
            if known.running >= known.spec.max_instances:
                raise ServiceError(429, *FunctionGraphServer.codes[429])
            known.running += 1
        return self._run(known, body, str(uuid.uuid4()))

    def invoke_async(self, function: str, body: bytes) -> str:
        """Accept a request; it runs when there is an instance for it."""
        with self._state:
            known = self._known(function)
            request = AsyncRequest(function, body, str(uuid.uuid4()), time.monotonic())
            self.requests.append(request)
            if self.lose(request):
                request.state = State.LOST
            else:
                self._take(known, request)
        return request.request_id

    # What a test does

    def kill(self, function: str | None = None) -> int:
        """Kill the instances that are at work, as when their machine fails; how many those were."""
        with self._state:
            functions = [self._known(function)] if function else list(self._functions.values())
            struck = [instance for one in functions for instance in one.busy]
        for instance in struck:
            instance.kill()
        return len(struck)

    def wait_idle(self, timeout: float = 60.0) -> bool:
        """Wait until nothing runs, waits or is to be repeated; false where that did not come to be in time."""
        with self._state:
            return self._state.wait_for(self._is_idle, timeout)

    def close(self) -> None:
        """Kill every process."""
        with self._state:
            self._closed = True
            for timer in self._retrying:
                timer.cancel()
            self._retrying.clear()
            functions = list(self._functions.values())
            for function in functions:
                function.waiting.clear()
            instances = [instance for one in functions for instance in (*one.idle, *one.busy)]
            threads = list(self._threads)
        for instance in instances:
            instance.kill()
        for thread in threads:
            thread.join()
        for instance in instances:
            instance.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # From here on the lock is held, unless it is said.

    def _known(self, function: str) -> _Function:
        if self._closed:
            raise LocalError("the local stack has been stopped", status=FAILED)
        if function not in self._functions:
            raise LocalError(f"there is no function {function}", f"there is {', '.join(self._functions)}")
        return self._functions[function]

    def _is_idle(self) -> bool:
        busy = any(one.running or one.waiting for one in self._functions.values())
        return not busy and not self._retrying

    def _take(self, function: _Function, request: AsyncRequest) -> None:
        """Begin a request, have it wait, or discard it."""
        if self._closed:
            return
        if function.running < function.spec.max_instances:
            function.running += 1
            self._begin(function, request)
        elif self.discard_surplus:
            request.state = State.DISCARD
            self._tell_failure(request)
        else:
            request.state = State.WAIT
            function.waiting.append(request)

    def _begin(self, function: _Function, request: AsyncRequest) -> None:
        request.state = State.RUNNING
        request.attempts += 1
        name = f"{function.spec.name}-{next(self._numbers)}"
        thread = threading.Thread(target=self._work, args=(function, request), name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self, function: _Function, request: AsyncRequest) -> None:
        """In a thread of its own, without the lock: run a request, then the next one that waits."""
        outcome = self._run(function, request.body, request.request_id, keep=True)
        with self._state:
            request.outcome = outcome
            self._end(function, request)
            function.running -= 1
            current = self._functions.get(function.spec.name, function)
            if current.waiting and current.running < current.spec.max_instances and not self._closed:
                current.running += 1
                self._begin(current, current.waiting.popleft())
            self._threads.discard(threading.current_thread())
            self._state.notify_all()

    def _end(self, function: _Function, request: AsyncRequest) -> None:
        outcome = request.outcome
        if outcome is None or not outcome.error:
            request.state = State.SUCCESS
            return
        old = time.monotonic() - request.accepted > function.spec.max_age
        if request.attempts > function.spec.retries or old or self._closed:
            request.state = State.FAIL
            self._tell_failure(request)
            return
        request.state = State.WAIT
        timer = threading.Timer(self._random.uniform(*self.retry_seconds), lambda: self._repeat(timer, request))
        timer.daemon = True
        self._retrying.add(timer)
        timer.start()

    def _repeat(self, timer: threading.Timer, request: AsyncRequest) -> None:
        """In the timer's thread, without the lock."""
        with self._state:
            self._retrying.discard(timer)
            if not self._closed:
                self._take(self._functions[request.function], request)
            self._state.notify_all()

    def _tell_failure(self, request: AsyncRequest) -> None:
        """What the destination for failures is sent ("Configuring Asynchronous Notification")."""
        outcome = request.outcome
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        failure = {
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "request_context": {
                "request_id": request.request_id,
                "function_urn": f"urn:fss:{REGION}:{PROJECT}:function:default:{request.function}:latest",
                "condition": "",
                "approximate_invoke_count": request.attempts,
            },
            "request_payload": request.body.decode("utf-8", "replace"),
            "response_context": {"status_code": 200, "function_error": outcome.error if outcome else ""},
            "response_payload": outcome.body.decode("utf-8", "replace") if outcome else "",
        }
        self.failures.append(failure)
        self.destination(failure)

    # Without the lock.

    def _run(self, function: _Function, body: bytes, request_id: str, *, keep: bool = False) -> Outcome:
        """Run a request in an instance of its own while it lasts. `running` counts it already; `keep` leaves it so."""
        instance: Instance | None = None
        try:
            instance = self._instance(function)
            return instance.invoke(body, request_id)
        except LocalError as error:
            failure = {"errorMessage": str(error), "errorType": "Stopped", "stackTrace": []}
            return Outcome(request_id, json.dumps(failure).encode(), "Stopped")
        finally:
            over = self._give_back(function, instance)
            for one in over:
                one.close()
            if not keep:
                with self._state:
                    function.running -= 1
                    self._state.notify_all()

    def _instance(self, function: _Function) -> Instance:
        dead: list[Instance] = []
        try:
            with self._state:
                if self._closed:
                    raise LocalError("the local stack has been stopped", status=FAILED)
                function.invocations += 1
                while function.idle:
                    instance = function.idle.pop()
                    if instance.alive:
                        break
                    dead.append(instance)
                else:
                    instance = Instance(function.spec, self._agency, self._clock, self._sink_of(function.spec.name))
                function.busy.add(instance)
                return instance
        finally:
            for one in dead:
                one.close()

    def _give_back(self, function: _Function, instance: Instance | None) -> Iterable[Instance]:
        """Keep an instance for the next request; those that are to be closed."""
        if instance is None:
            return ()
        with self._state:
            function.busy.discard(instance)
            current = self._functions.get(function.spec.name) is function
            if instance.alive and current and not self._closed:
                function.idle.append(instance)
                return ()
            return (instance,)

    def _sink_of(self, name: str) -> Callable[[str], None] | None:
        sink = self._sink
        return None if sink is None else lambda line: sink(name, line)
