"""TIMER triggers: when they fire, what they bring, and firings that are missed.

An expression is `@every 30m`, or `[CRON_TZ=Zone] seconds minutes hours day-of-month month [day-of-week]`. Source:
FunctionGraph User Guide, "Cron Expressions for a Function Timer Trigger". `?` is any, as `*` is.
"""

import calendar
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local.errors import LocalError

EVENT_CHARACTERS = 4096

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_EVERY = re.compile(r"@every ((?:\d+(?:\.\d+)?[smh])+)")
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
# Least, most and names of each field, in order.
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_LONGEST_SEARCH_DAYS = 366 * 9
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Every:
    """So many seconds after the last time."""

    seconds: float

    def after(self, moment: datetime) -> datetime:
        """The next time after `moment`."""
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Cron:
    """Six fields, in a time zone."""

    fields: tuple[frozenset[int], ...]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime:
        """The next time after `moment`. LocalError where there is none."""
        first = moment.astimezone(self.zone).date()
        for number in range(-1, _LONGEST_SEARCH_DAYS):
            day = first + timedelta(days=number)
            if self._on(day):
                found = next((time for time in self._times(day) if time > moment), None)
                if found is not None:
                    return found
        raise LocalError("the timer never fires")

    def _on(self, day: date) -> bool:
        _, _, _, days, months, week_days = self.fields
        return day.month in months and day.day in days and day.isoweekday() % 7 in week_days

    def _times(self, day: date) -> Iterable[datetime]:
        seconds, minutes, hours = (sorted(field) for field in self.fields[:3])
        for hour in hours:
            for minute in minutes:
                for second in seconds:
                    yield datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.zone).astimezone(UTC)


def parse(expression: str) -> Every | Cron:
    """An expression's timetable. LocalError if it is none."""
    try:
        if match := _EVERY.fullmatch(expression):
            parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", match[1])
            return Every(sum(float(number) * _UNITS[unit] for number, unit in parts))
        zone = "UTC"
        parts = expression.split()
        if parts and parts[0].startswith("CRON_TZ="):
            zone = parts.pop(0).removeprefix("CRON_TZ=")
        if len(parts) == len(_FIELDS) - 1:
            parts.append("*")
        fields = tuple(_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
        return Cron(fields, ZoneInfo(zone))
    except (ValueError, LookupError, OSError) as error:
        raise LocalError(f"not a timer's expression: {expression} ({error})") from None


def _values(part: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    numbers: set[int] = set()
    for piece in part.upper().split(","):
        span, slash, step = piece.partition("/")
        first, dash, last = span.partition("-")
        low = least if span in {"*", "?"} else _number(first, names)
        high = most if span in {"*", "?"} or (slash and not dash) else _number(last, names) if dash else low
        if not least <= low <= high <= most:
            raise ValueError(f"{piece} is not from {least} to {most}")
        numbers.update(range(low, high + 1, int(step) if slash else 1))
    return frozenset(numbers)


def _number(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)


@dataclass(frozen=True)
class TimerTrigger:
    """A timer, the function that it invokes, and the text that it brings."""

    name: str
    function: str
    timetable: Every | Cron
    user_event: str = ""
    enabled: bool = True

    def __post_init__(self) -> None:
        if len(self.user_event) > EVENT_CHARACTERS:
            raise LocalError(f"the event of the timer {self.name} has more than {EVENT_CHARACTERS} characters")

    def event(self, moment: datetime) -> bytes:
        """What the function is given for a firing. It has no id of its own."""
        event: dict[str, Any] = {
            "version": "v1.0",
            "time": moment.astimezone(UTC).isoformat(timespec="seconds"),
            "trigger_type": "TIMER",
            "trigger_name": self.name,
            "user_event": self.user_event,
        }
        return json.dumps(event, ensure_ascii=False).encode()


class TimerClock:
    """Fires timers as their time comes, until it is stopped. Nothing is made up for a time that passed unnoticed."""

    def __init__(
        self, timers: Iterable[TimerTrigger], fire: Callable[[TimerTrigger, datetime], object], now: Callable[[], float]
    ) -> None:
        self._fire = fire
        self._now = now
        moment = self._moment()
        self._next = {timer: timer.timetable.after(moment) for timer in timers if timer.enabled}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="timers", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def look(self) -> None:
        """Fire what is due."""
        moment = self._moment()
        for timer, due in self._next.items():
            if due <= moment:
                self._next[timer] = timer.timetable.after(moment)
                self._fire(timer, due)

    def _work(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            self.look()

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)
