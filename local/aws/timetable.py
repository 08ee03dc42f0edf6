"""When a schedule fires: `rate(...)`, `at(...)` and `cron(...)` as EventBridge Scheduler writes them.

Of cron's fields it knows `*`, `?`, lists, ranges, steps and the names of months and days; in the days `L` for the last
of the month, and `n#m` for the m-th of a day of the week. The rest (`W`, `nL`) is refused by name. Source: EventBridge
Scheduler's user guide, "Schedule types".
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from zoneinfo import ZoneInfo

from local.errors import TemplateError

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = dict(zip(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), range(1, 8), strict=True))
# name, least, most and names of each field, in order.
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day-of-month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 1, 7, _DAYS),
    ("year", 1970, 2199, {}),
)
_LONGEST_SEARCH_DAYS = 366 * 9  # 29 February can be eight years away
_ORDINAL = re.compile(r"([1-7]|[A-Z]{3})#([1-5])")


@dataclass(frozen=True, slots=True)
class Once:
    """`at(yyyy-mm-ddThh:mm:ss)`: one moment."""

    moment: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The next time after `moment`; None if there is none."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True, slots=True)
class Every:
    """`rate(n unit)`: from when the schedule was created, or its start date."""

    since: datetime
    step: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """The next time after `moment`."""
        return self.since + max(1, (moment - self.since) // self.step + 1) * self.step


@dataclass(frozen=True, slots=True)
class Cron:
    """Six fields, in a time zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    month_days: frozenset[int] | None
    """None: any (`?` or `*`). 0 stands for the last day of the month."""
    months: frozenset[int]
    week_days: frozenset[int] | None
    ordinal: tuple[int, int] | None
    """A day of the week, and which of the month's."""
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """The next time after `moment`; one that the clocks skip in spring is skipped."""
        local = moment.astimezone(self.zone)
        for number in range(-1, _LONGEST_SEARCH_DAYS):
            day = local.date() + timedelta(days=number)
            if self._on(day):
                for time_ in self._times(day):
                    if time_ > moment:
                        return time_
        return None

    def _on(self, day: date) -> bool:
        if day.year not in self.years or day.month not in self.months:
            return False
        last = calendar.monthrange(day.year, day.month)[1]
        if self.month_days is not None:
            return day.day in self.month_days or (0 in self.month_days and day.day == last)
        week_day = day.isoweekday() % 7 + 1
        if self.ordinal is not None:
            return self.ordinal == (week_day, (day.day - 1) // 7 + 1)
        return self.week_days is None or week_day in self.week_days

    def _times(self, day: date) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                naive = datetime.combine(day, clock_time(hour, minute))
                moment = naive.replace(tzinfo=self.zone).astimezone(UTC)
                if moment.astimezone(self.zone).replace(tzinfo=None) == naive:
                    yield moment


Timetable = Once | Every | Cron


def parse(expression: str, zone: str, since: datetime) -> Timetable:
    """The timetable of an expression; `since` is when a rate begins. TemplateError if it is none."""
    kind, _, rest = expression.partition("(")
    if not rest.endswith(")"):
        raise TemplateError(f"not a schedule's expression: {expression}")
    try:
        place = ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        raise TemplateError(f"not a time zone: {zone}") from None
    inner = rest[:-1].strip()
    try:
        if kind == "at":
            return Once(datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=place).astimezone(UTC))
        if kind == "rate":
            number, unit = inner.split()
            return Every(since, timedelta(seconds=_positive(number) * _UNITS[unit.removesuffix("s")]))
        if kind == "cron":
            return _cron(inner, place)
    except (KeyError, ValueError) as error:
        raise TemplateError(f"not a schedule's expression: {expression} ({error})") from None
    raise TemplateError(f"not a schedule's expression: {expression}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("should be at least 1")
    return number


def _cron(text: str, zone: ZoneInfo) -> Cron:
    parts = text.upper().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"has {len(parts)} fields, and should have {len(_FIELDS)}")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ValueError("one of the day fields, and not both, should be ?")
    fields: dict[str, Any] = {}
    ordinal = _ORDINAL.fullmatch(parts[4])
    if ordinal:
        parts[4] = "*"
    for part, (name, least, most, names) in zip(parts, _FIELDS, strict=True):
        fields[name] = _values(part, name, least, most, names)
    return Cron(
        fields["minutes"],
        fields["hours"],
        None if parts[2] == "?" else fields["day-of-month"],
        fields["month"],
        None if parts[4] in {"?", "*"} else fields["day-of-week"],
        (_number(ordinal[1], _DAYS), int(ordinal[2])) if ordinal else None,
        fields["year"],
        zone,
    )


def _values(part: str, name: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    numbers: set[int] = set()
    for piece in part.split(","):
        if piece == "L" and name == "day-of-month":
            numbers.add(0)
            continue
        span, slash, step = piece.partition("/")
        first, dash, last = span.partition("-")
        if span in {"*", "?"}:
            low, high = least, most
        else:
            low = _number(first, names)
            high = _number(last, names) if dash else most if slash else low
        if not least <= low <= high <= most:
            raise ValueError(f"{name} is from {least} to {most}")
        numbers.update(range(low, high + 1, _positive(step) if slash else 1))
    return frozenset(numbers)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text} is not known here")
    return int(text)
