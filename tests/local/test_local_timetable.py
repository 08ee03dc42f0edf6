"""When schedules fire."""

from datetime import UTC, datetime

import pytest

from local.aws.timetable import parse
from local.errors import TemplateError

SINCE = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def times(expression: str, zone: str, after: str, count: int = 3) -> list[str]:
    found = []
    table, moment = parse(expression, zone, SINCE), datetime.fromisoformat(after)
    for _ in range(count):
        moment = table.after(moment)
        if moment is None:
            break
        found.append(moment.astimezone(UTC).isoformat(timespec="minutes").removesuffix("+00:00"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        (
            "cron(0 3 * * ? *)",
            "UTC",
            "2026-11-23T02:59:59+00:00",
            ["2026-11-23T03:00", "2026-11-24T03:00", "2026-11-25T03:00"],
        ),
        (
            "cron(0 3 * * ? *)",
            "UTC",
            "2026-11-23T03:00:00+00:00",
            ["2026-11-24T03:00", "2026-11-25T03:00", "2026-11-26T03:00"],
        ),
        (
            "cron(0 3 * * ? *)",
            "Asia/Shanghai",
            "2026-11-23T00:00:00+00:00",
            ["2026-11-23T19:00", "2026-11-24T19:00", "2026-11-25T19:00"],
        ),
        (
            "cron(0/20 8-9 ? * MON-FRI *)",
            "UTC",
            "2026-11-20T09:20:00+00:00",
            ["2026-11-20T09:40", "2026-11-23T08:00", "2026-11-23T08:20"],
        ),
        (
            "cron(15,45 0 1 JAN,JUL ? *)",
            "UTC",
            "2026-11-01T00:00:00+00:00",
            ["2027-01-01T00:15", "2027-01-01T00:45", "2027-07-01T00:15"],
        ),
        (
            "cron(0 0 L * ? *)",
            "UTC",
            "2027-01-31T12:00:00+00:00",
            ["2027-02-28T00:00", "2027-03-31T00:00", "2027-04-30T00:00"],
        ),
        (
            "cron(0 0 ? * MON#2 *)",
            "UTC",
            "2026-11-01T00:00:00+00:00",
            ["2026-11-09T00:00", "2026-12-14T00:00", "2027-01-11T00:00"],
        ),
        (
            "cron(0 0 29 2 ? *)",
            "UTC",
            "2026-11-01T00:00:00+00:00",
            ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"],
        ),
        ("cron(0 0 1 1 ? 2028)", "UTC", "2026-11-01T00:00:00+00:00", ["2028-01-01T00:00"]),
        (
            "cron(0 0 ? * 1 *)",
            "UTC",
            "2026-11-23T00:00:00+00:00",
            ["2026-11-29T00:00", "2026-12-06T00:00", "2026-12-13T00:00"],
        ),
        # In spring the clocks skip half past two; in autumn it comes twice and counts once.
        (
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2027-03-27T00:00:00+00:00",
            ["2027-03-27T01:30", "2027-03-29T00:30", "2027-03-30T00:30"],
        ),
        (
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-24T12:00:00+00:00",
            ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"],
        ),
        (
            "rate(5 minutes)",
            "UTC",
            "2026-11-01T12:01:00+00:00",
            ["2026-11-01T12:05", "2026-11-01T12:10", "2026-11-01T12:15"],
        ),
        (
            "rate(1 day)",
            "UTC",
            "2026-11-01T12:00:00+00:00",
            ["2026-11-02T12:00", "2026-11-03T12:00", "2026-11-04T12:00"],
        ),
        ("at(2026-12-01T03:00:00)", "Asia/Shanghai", "2026-11-01T12:00:00+00:00", ["2026-11-30T19:00"]),
        ("at(2026-10-01T03:00:00)", "UTC", "2026-11-01T12:00:00+00:00", []),
    ],
)
def test_the_next_times_of_an_expression(expression: str, zone: str, after: str, expected: list[str]) -> None:
    assert times(expression, zone, after) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "daily",
        "cron(0 3 * * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 3 15W * ? *)",
        "cron(0 3 ? * 5L *)",
        "cron(0 3 ? * MONDAY *)",
        "cron(0/0 3 * * ? *)",
        "cron(5-1 3 * * ? *)",
        "rate(0 minutes)",
        "rate(5 fortnights)",
        "rate(minutes)",
        "at(tomorrow)",
        "sometimes(0)",
        "cron(0 3 * * ? *",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(TemplateError):
        parse(expression, "UTC", SINCE)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(TemplateError, match="Mars"):
        parse("rate(1 day)", "Mars/Base", SINCE)
