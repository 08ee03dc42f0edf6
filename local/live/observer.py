"""What can be seen of a stack while it works, gathered look by look: each looks only at what is new."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from local.aws import contents
from local.live.stacks import side_of
from local.reports.pairs import Pairs
from local.terminal.console import times

if TYPE_CHECKING:
    from local.live.stacks import AnyStack
    from local.providers import Call, ProviderServer
    from local.shapes import DeadLetter

RECENT = 50
"""Calls of each cloud, dead letters and waiting messages that one look carries."""

REPORTS = 200
"""Reports that one look carries, and of which the rows can be asked for."""

LOG_LINES = 200
RATE_SECONDS = 10.0
"""Calls a second are counted over so long."""

_BODY = 80
"""Characters of a body that is shown where it is no request."""

_CUT = "cut"
"""What stands for the status of a call whose line was cut, or left hanging."""


class Observer:
    """Looks at one stack. Safe to use from any thread."""

    def __init__(self, stack: "AnyStack", now: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._side = side_of(stack)
        self._now = now
        self._began = now()
        self._lock = threading.Lock()
        self._pairs = Pairs()
        self._reports: deque[dict[str, Any]] = deque(maxlen=REPORTS)
        self._bodies: deque[Mapping[str, Any]] = deque(maxlen=REPORTS)
        self._seen: dict[str, int] = {}
        self._published = 0
        self._logs: deque[dict[str, Any]] = deque(maxlen=LOG_LINES)
        self._logged = 0
        self._calls = {name: _Calls(server, stack) for name, server in stack.providers.items()}
        self._reported_calls: dict[str, _ReportedCalls] = {}

    def logged(self, function: str, line: str) -> None:
        """Take a line that a function printed."""
        with self._lock:
            self._logged += 1
            self._logs.append({"number": self._logged, "function": function, "line": line})
            if not self._calls:
                self._count_reported_calls(line)

    def look(self) -> dict[str, Any]:
        """Everything that the live view shows, as JSON."""
        with self._lock:
            self._read_reports()
            now = self._now()
            dead_letters = self._stack.dead_letters()
            queues = self._stack.queues()
            delayed = self._side.delayed()
            return {
                "name": self._stack.name,
                "time": now,
                "seconds": round(now - self._began, 1),
                "queues": [asdict(queue) for queue in queues.values()],
                "functions": {
                    logical_id: {"busy": function.busy, "invocations": function.invocations}
                    for logical_id, function in self._side.functions().items()
                },
                "providers": {name: calls.look(now) for name, calls in (self._calls | self._reported_calls).items()},
                "outcomes": self._pairs.counts(),
                "dead_letters": {
                    "count": len(dead_letters),
                    "recent": [_dead_letter(one) for one in dead_letters[-RECENT:]],
                },
                "waiting": {
                    "count": len(delayed),
                    "kept": sum(not one.queue for one in delayed),
                    "next": [_waiting(one) for one in delayed[:RECENT]],
                },
                "reports": {"count": self._published, "recent": list(self._reports)},
                "missing": self._side.missing(),
                "down": list(self._side.down()),
                "logs": list(self._logs),
            }

    def report(self, number: int) -> Mapping[str, Any]:
        """A report as it was published, by its number in a look; empty if it is not kept any more."""
        with self._lock:
            at = number - self._published - 1
            return self._bodies[at] if -len(self._bodies) <= at < 0 else {}

    def _read_reports(self) -> None:
        for notification in self._stack.notifications(self._seen):
            self._seen[notification.topic] = notification.number
            self._published += 1
            body = notification.body if isinstance(notification.body, Mapping) else {}
            self._pairs.add(body)
            self._bodies.append(body)
            self._reports.append(
                {
                    "number": self._published,
                    "id": str(body.get("id", "")),
                    "kind": str(body.get("kind", "")),
                    "page": body.get("page") or {"number": 1, "of": 1},
                    "status": str(body.get("status", "")),
                    "counts": dict(body.get("counts") or {}),
                    "summary": str(body.get("summary") or notification.subject or ""),
                }
            )

    def _count_reported_calls(self, line: str) -> None:
        """Calls to real clouds are not seen here: those that the functions' own metrics report are counted."""
        if '"_aws"' not in line:
            return
        try:
            metrics = json.loads(line)
        except ValueError:
            return
        if isinstance(metrics, dict) and isinstance(name := metrics.get("provider"), str):
            self._reported_calls.setdefault(name, _ReportedCalls()).add(metrics, self._now())


class _Calls:
    """The calls to one local cloud."""

    def __init__(self, server: "ProviderServer", stack: "AnyStack") -> None:
        self._server = server
        self._stack = stack
        self._next = 0
        self._total = 0
        self._statuses = Counter[str]()
        self._open: list[Call] = []
        self._recent: deque[Call] = deque(maxlen=RECENT)
        self._times: deque[float] = deque()
        self._changed = 0

    def look(self, now: float) -> dict[str, Any]:
        log = self._server.calls
        if len(log) < self._next:  # the log was cleared
            self._next = 0
        new = [log[index] for index in range(self._next, len(log))]
        self._next += len(new)
        self._total += len(new)
        self._recent.extend(new)
        self._times.extend(call.time for call in new)
        still_open = []
        for call in self._open + new:
            if call.finished:
                self._statuses[str(call.status or _CUT)] += 1
                self._changed += call.applied
            else:
                still_open.append(call)
        self._open = still_open
        return {
            "calls": self._total,
            "in_flight": len(still_open),
            "rate": _rate(self._times, now),
            "statuses": dict(self._statuses),
            "changed": self._changed,
            # Rules that the files in events/ rely on were not switched on by a command.
            "faults": [rule.do for rule in self._server.faults if not self._stack.is_seeded(rule)],
            "recent": [_call(call) for call in self._recent],
        }


class _ReportedCalls:
    """The calls to one real cloud, as the functions' metrics report them after each invocation."""

    def __init__(self) -> None:
        self._total = 0
        self._throttles = 0
        self._times: deque[float] = deque()

    def add(self, metrics: Mapping[str, Any], now: float) -> None:
        calls = _whole(metrics.get("Calls"))
        self._total += calls
        self._throttles += _whole(metrics.get("Throttles"))
        self._times.extend([now] * calls)

    def look(self, now: float) -> dict[str, Any]:
        return {
            "calls": self._total,
            "in_flight": None,
            "rate": _rate(self._times, now),
            "statuses": {"throttled": self._throttles} if self._throttles else {},
            "changed": None,
            "faults": [],
            "recent": [],
        }


def _rate(times: deque[float], now: float) -> float:
    while times and times[0] < now - RATE_SECONDS:
        times.popleft()
    return round(len(times) / RATE_SECONDS, 1)


def _whole(metric: Any) -> int:
    """A metric's value: a number, or a list of numbers."""
    values = metric if isinstance(metric, list) else [metric]
    return int(sum(value for value in values if isinstance(value, int | float)))


def _call(call: "Call") -> dict[str, Any]:
    status = str(call.status or _CUT) if call.finished else ""
    fields = ("number", "time", "operation", "type", "code", "fault", "pairs", "applied")
    return {name: getattr(call, name) for name in fields} | {
        "status": status,
        "milliseconds": round(call.seconds * 1000, 1),
    }


def _waiting(delayed: contents.Delayed) -> dict[str, Any]:
    """A message that waits, and what it asks for: the ids of its requests and their pairs, as far as it has such."""
    ids: list[str] = []
    pairs = 0
    try:
        content = json.loads(delayed.body)
        for request in content if isinstance(content, list) else [content]:
            tags = request["tags"]
            width = 1 if isinstance(tags, str) else len(tags)
            pairs += width * sum(len(group["ids"]) for group in request["resources"])
            ids.append(str(request.get("id", "")))
    except (ValueError, LookupError, TypeError, AttributeError):
        ids = ids or [" ".join(delayed.body.split())[:_BODY]]
    return {
        "id": delayed.id,
        "queue": delayed.queue,
        "where": delayed.queue or f"kept: {delayed.id}",
        "due": delayed.due,
        "pairs": pairs,
        "requests": ", ".join(dict.fromkeys(ids)),
    }


def _dead_letter(dead_letter: "DeadLetter") -> dict[str, Any]:
    reason = dead_letter.attributes.get("reason") or f"received {times(dead_letter.receive_count)} and never done"
    return {
        "id": dead_letter.message_id,
        "queue": dead_letter.queue,
        "request_id": dead_letter.attributes.get("request_id", ""),
        "code": dead_letter.attributes.get("code", ""),
        "reason": reason,
    }
