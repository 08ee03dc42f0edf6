"""What was handed to the function and not acknowledged, as the event source mapping saw it."""

import json
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from clouds import bare

from local.aws.mappings import item_failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.functions.function import Function
    from local.functions.runtime import Answer

DIED, UNDELIVERED = "died", "undelivered"

_LATE_SECONDS = 3.0
"""A call that a process sent before it died reaches the cloud a little later, where a machine has much to do; and some
clouds carry out later what they accept."""


class Unacknowledged(NamedTuple):
    """Records of one invocation that come again, and when it was."""

    began: float
    ended: float
    died: bool
    """Whether the process did, or was ended for taking too long."""
    bodies: tuple[str, ...]


class Invocations:
    """Listens at a function."""

    def __init__(self, function: "Function") -> None:
        self.unacknowledged: list[Unacknowledged] = []
        self.timed_out = 0
        self._invoke: Callable[[bytes], Answer] = function.invoke
        self._lock = threading.Lock()
        function.invoke = self._listened  # type: ignore[method-assign]

    def _listened(self, payload: bytes) -> "Answer":
        began = time.time()
        failed: set[str] | None = None
        try:
            answer = self._invoke(payload)
            failed = None if answer.error else item_failures(answer.payload)
        finally:
            records = json.loads(payload).get("Records", [])
            bodies = tuple(record["body"] for record in records if failed is None or record["messageId"] in failed)
            with self._lock:
                if bodies:
                    self.unacknowledged.append(Unacknowledged(began, time.time(), failed is None, bodies))
        with self._lock:
            self.timed_out += answer.error == "Sandbox.Timedout"
        return answer

    def reason_to_come_again(self, resource_id: str, moment: float) -> str:
        """Why a record with this resource, that was being worked at then, was not acknowledged; empty if it was."""
        with self._lock:
            at_the_time = [one for one in self.unacknowledged if one.began <= moment <= one.ended + _LATE_SECONDS]
        reasons = {
            one.died for one in at_the_time if any(bare(resource_id).lower() in body.lower() for body in one.bodies)
        }
        return (DIED if True in reasons else UNDELIVERED) if reasons else ""
