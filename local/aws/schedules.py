"""Schedules: fired by name, and by the clock while a stack is up."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.aws import timetable
from local.errors import LocalError, TemplateError

if TYPE_CHECKING:
    from local.aws import Aws
    from local.template import Template

_TARGET_FIELDS = frozenset({"Arn", "DeadLetterConfig", "Input", "RetryPolicy", "RoleArn"})
# The clock is looked at so often: stopping waits no longer.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Schedule:
    """One schedule of the template."""

    logical_id: str
    name: str
    arn: str
    enabled: bool
    timetable: timetable.Timetable
    target: str
    """An ARN: a queue's or a function's."""
    input: str

    @property
    def note(self) -> str:
        """What is odd about it, for the person who fires it; empty if nothing is."""
        content = json.loads(self.input)
        if isinstance(content, dict) and content.get("rules") == []:
            return (
                "the schedule has no rules, so the sweep looks for nothing: give it some with "
                "--parameter SweepRules='[…]' when the stack is started"
            )
        return ""

    def payload(self, scheduled: datetime) -> str:
        """The input, with what the scheduler fills in."""
        said = {
            "execution-id": str(uuid.uuid4()),
            "scheduled-time": scheduled.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "schedule-arn": self.arn,
            "attempt-number": "1",
        }
        text = self.input
        for name, value in said.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


def specify(template: "Template", logical_id: str, now: datetime) -> Schedule:
    """What the template says of a schedule; what cannot be honoured here, or AWS refuses, is refused."""
    properties = template.properties(logical_id)
    target = properties["Target"]
    unknown = sorted(set(target) - _TARGET_FIELDS)
    if unknown:
        raise TemplateError(f"{logical_id} has a target with {', '.join(unknown)}, not known here")
    arn = str(target["Arn"])
    if ":sqs:" not in arn and ":lambda:" not in arn:
        raise TemplateError(f"{logical_id} has a target that is neither a queue nor a function: {arn}")
    window = properties["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise TemplateError(f"{logical_id}: a flexible window has a length, and one that is off has none")
    text = str(target.get("Input", "{}"))
    try:
        json.loads(text)
    except ValueError as error:
        raise TemplateError(f"{logical_id} has an input that is not JSON: {error}") from None
    return Schedule(
        logical_id,
        template.resolver.name(logical_id),
        template.resolver.attribute(logical_id, "Arn"),
        properties.get("State", "ENABLED") == "ENABLED",
        timetable.parse(
            str(properties["ScheduleExpression"]), properties.get("ScheduleExpressionTimezone", "UTC"), now
        ),
        arn,
        text,
    )


def find(schedules: Mapping[str, Schedule], name: str) -> Schedule:
    """A schedule by its logical id or its name."""
    for schedule in schedules.values():
        if name in {schedule.logical_id, schedule.name}:
            return schedule
    raise LocalError(f"there is no schedule {name}", f"there is {', '.join(schedules) or 'none'}")


def fire_kept(aws: "Aws", send: Callable[[str, str], Any], moment: datetime) -> None:
    """Fire the one-time schedules that were made by way of the API and are due; each is gone after it.

    `send` takes the ARN of a queue and what to send there.
    """
    for group in list(aws.scheduler.schedule_groups.values()):
        if group.name == "default":
            continue  # the template's own
        for name, schedule in list(group.schedules.items()):
            zone = schedule.schedule_expression_timezone
            once = timetable.parse(schedule.schedule_expression, zone, moment)
            if isinstance(once, timetable.Once) and once.moment <= moment and schedule.state == "ENABLED":
                send(schedule.target["Arn"], schedule.target["Input"])
                if schedule.action_after_completion == "DELETE":
                    group.delete_schedule(name)


class Clock:
    """Fires the schedules that are on, each at the beginning of its window, and looks after those that are kept."""

    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        fire: Callable[[str, datetime], Any],
        now: Callable[[], float] = time.time,
        kept: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._fire = fire
        self._now = now
        self._kept = kept
        moment = datetime.fromtimestamp(now(), UTC)
        self._due = {
            logical_id: (schedule, schedule.timetable.after(moment))
            for logical_id, schedule in schedules.items()
            if schedule.enabled
        }
        self.failures: dict[str, list[str]] = {}
        """What was wrong each time that a schedule could not be fired, by its logical id."""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Fire what is due. Of the times that passed unnoticed, while the machine slept, only the last is made up."""
        moment = datetime.fromtimestamp(self._now(), UTC)
        self._kept(moment)
        for logical_id, (schedule, due) in self._due.items():
            if due is not None and due <= moment:
                self._due[logical_id] = (schedule, schedule.timetable.after(moment))
                try:
                    self._fire(logical_id, due)
                except LocalError as error:
                    self.failures.setdefault(logical_id, []).append(f"could not be fired: {error}")

    def due(self, logical_id: str) -> datetime | None:
        """When a schedule that is on fires next."""
        return self._due[logical_id][1]

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._work, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            self.look()
