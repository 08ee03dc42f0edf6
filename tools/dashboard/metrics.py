"""Data points by metric, and CloudWatch's statistics over periods."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Series = list[float | None]
"""A value for each period; None where there is no data."""


class Metric(NamedTuple):
    """What names a metric: all three, and the dimensions as a whole."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "Metric":
        """A metric by its dimensions' names and values."""
        return cls(namespace, name, frozenset(dimensions.items()))

    @property
    def names(self) -> frozenset[str]:
        """The names of its dimensions."""
        return frozenset(name for name, _ in self.dimensions)


@dataclass(frozen=True)
class Periods:
    """`count` periods of `seconds` each, from `start` on."""

    start: float
    seconds: float
    count: int

    def place(self, time: float) -> int | None:
        """The number of the period that a time lies in."""
        number = int((time - self.start) // self.seconds)
        return number if 0 <= number < self.count else None

    def whole(self) -> "Periods":
        """All of them as one."""
        return Periods(self.start, self.seconds * self.count, 1)


@dataclass
class Metrics:
    """Every data point that was put, with its time in seconds."""

    points: dict[Metric, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def put(self, time: float, metric: Metric, values: Iterable[float]) -> None:
        """Keep values that a metric had at a time."""
        self.points[metric].extend((time, value) for value in values)

    def put_line(self, time: float, line: str) -> bool:
        """Keep what a log line in the embedded metric format says; False if it is no such line."""
        for metric, values in embedded(line):
            self.put(time, metric, values)
        return '"_aws"' in line

    def series(self, metric: Metric, statistic: str, periods: Periods) -> Series:
        """The statistic of each period."""
        values: list[list[float]] = [[] for _ in range(periods.count)]
        for time, value in self.points.get(metric, ()):
            if (number := periods.place(time)) is not None:
                values[number].append(value)
        return [_statistic(statistic, found) if found else None for found in values]


def embedded(line: str) -> list[tuple[Metric, list[float]]]:
    """The metrics of a log line in the embedded metric format (EMF); none if it is another."""
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return []
    found = []
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for told in directive["Metrics"]:
                value = document[told["Name"]]
                values = value if isinstance(value, list) else [value]
                found.append((Metric.of(directive["Namespace"], told["Name"], dimensions), values))
    return found


def _statistic(name: str, values: Sequence[float]) -> float:
    match name:
        case "Sum":
            return sum(values)
        case "Maximum":
            return max(values)
        case "Minimum":
            return min(values)
        case "Average":
            return sum(values) / len(values)
        case "SampleCount":
            return float(len(values))
    return percentile(values, float(name.removeprefix("p")))


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile, between two values in proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
