"""What was being worked at and not done with, as the bucket and the functions' outcomes tell it."""

import json
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

from clouds import bare
from invocations import DIED, UNDELIVERED

from local.functiongraph.api import Outcome
from local.functiongraph.stack import FunctionGraphStack

_LATE_SECONDS = 2.0
"""A call that a process sent before it died may reach the cloud a little later."""


class _Unfinished(NamedTuple):
    began: float
    ended: float
    died: bool
    texts: tuple[str, ...]


class Invocations:
    """Listens at the functions. Times are the machine's, as the clouds' tables have them."""

    def __init__(self, stack: FunctionGraphStack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._unfinished: list[_Unfinished] = []
        self.errors = Counter[str]()
        """What invocations ended with, by the error."""
        self._run: Any = stack.functions._run
        stack.functions._run = self._listened  # type: ignore[method-assign]

    def _listened(self, function: Any, body: bytes, request_id: str, **options: Any) -> Outcome:
        began = time.time()
        outcome: Outcome = self._run(function, body, request_id, **options)
        answer = outcome.value if not outcome.error else None
        failures = answer.get("failures", 0) if isinstance(answer, dict) else 0
        if outcome.error or failures:
            with self._lock:
                self.errors.update([outcome.error or "not acknowledged"])
                self._unfinished.append(_Unfinished(began, time.time(), bool(outcome.error), self._texts(body)))
        return outcome

    def _texts(self, body: bytes) -> tuple[str, ...]:
        """What the messages say that an invocation was for: the event itself, or the objects that its bell names."""
        event = json.loads(body)
        keys = event.get("keys") if isinstance(event, dict) else None
        if not isinstance(keys, list):
            return (body.decode("utf-8", "replace"),)
        ids = {str(key).rpartition("-")[2] for key in keys}
        with self._stack.bucket.lock:
            history = list(self._stack.bucket.history)
        return tuple(
            change.object.body.decode("utf-8", "replace")
            for change in history
            if change.object is not None and change.key.rpartition("-")[2] in ids
        )

    def reason_to_come_again(self, resource_id: str, moment: float) -> str:
        """Why a message with this resource, that was being worked at then, came again; empty if it did not."""
        with self._lock:
            at_the_time = [one for one in self._unfinished if one.began <= moment <= one.ended + _LATE_SECONDS]
        reasons = {one.died for one in at_the_time if any(bare(resource_id) in text for text in one.texts)}
        return (DIED if True in reasons else UNDELIVERED) if reasons else ""
