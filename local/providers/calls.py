"""The call log: every request that reached a local cloud, and what became of it."""

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from time import monotonic
from time import time as now
from typing import Any


@dataclass(slots=True)
class Call:
    """One request to the cloud, in the order of arrival; filled in as it is understood and answered.

    `status` is the HTTP status that was sent, 0 while there is none and for ever if the connection was cut
    or left hanging. `concurrent` counts the calls of the same access key in flight when this one came,
    itself included. `pairs` is resources times tags as asked, `applied` how many tags really changed.
    """

    number: int
    time: float
    method: str
    path: str
    request_id: str
    access_key: str = ""
    signature: str = ""
    account: str = ""
    operation: str = ""
    writing: bool = False
    region: str = ""
    type: str = ""
    ids: tuple[str, ...] = ()
    tags: tuple[tuple[str, str | None], ...] = ()
    pairs: int = 0
    applied: int = 0
    status: int = 0
    code: str = ""
    fault: str = ""
    concurrent: int = 0
    seconds: float = 0.0
    finished: bool = False
    started: float = field(default_factory=monotonic, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The call as JSON carries it."""
        return asdict(self)


class CallLog:
    """The calls so far; reads like a sequence, and is safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._in_flight: dict[str, int] = {}
        self._number = 0

    def begin(self, method: str, path: str, request_id: str, access_key: str) -> Call:
        """Write down that a request came."""
        with self._lock:
            self._number += 1
            concurrent = self._in_flight[access_key] = self._in_flight.get(access_key, 0) + 1
            call = Call(
                self._number,
                now(),
                method,
                path,
                request_id,
                access_key=access_key,
                concurrent=concurrent,
            )
            self._calls.append(call)
            return call

    def finish(self, call: Call) -> None:
        """Write down that a request was answered, or will never be."""
        with self._lock:
            self._in_flight[call.access_key] -= 1
            call.seconds = monotonic() - call.started
            call.finished = True

    def clear(self) -> None:
        """Forget the calls; the numbers go on."""
        with self._lock:
            self._calls.clear()

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: int) -> Call:
        return self._calls[index]
