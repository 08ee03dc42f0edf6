"""When a timer of FunctionGraph fires, and what it brings."""

import json
from datetime import UTC, datetime

import pytest

from local.errors import LocalError
from local.functiongraph.timers import TimerClock, TimerTrigger, parse


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 * * * * *", "2026-11-27T05:00:30", "2026-11-27T05:01:00"),
        ("0 * * * *", "2026-11-27T05:00:30", "2026-11-27T05:01:00"),
        ("30 0/5 12-14 ? * MON-FRI", "2026-11-27T14:55:30", "2026-11-30T12:00:30"),
        ("0 26,29,33 * * * *", "2026-11-27T05:29:00", "2026-11-27T05:33:00"),
        ("0 0 3 1 Jan ?", "2026-11-27T05:00:00", "2027-01-01T03:00:00"),
        ("CRON_TZ=Asia/Shanghai 0 0 3 * * *", "2026-11-27T05:00:00", "2026-11-27T19:00:00"),
        ("0 0 12 ? * 0", "2026-11-27T05:00:00", "2026-11-29T12:00:00"),
        ("@every 2h30m", "2026-11-27T05:00:00", "2026-11-27T07:30:00"),
        ("@every 1.5h", "2026-11-27T05:00:00", "2026-11-27T06:30:00"),
    ],
)
def test_an_expression_has_its_next_time(expression: str, after: str, expected: str) -> None:
    assert parse(expression).after(moment(after)) == moment(expected)


@pytest.mark.parametrize(
    "expression", ["", "* *", "60 * * * * *", "0 0 0 31-1 * *", "@every soon", "CRON_TZ=Nowhere/At 0 * * * * *"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(LocalError, match="not a timer's expression"):
        parse(expression)


def test_a_firing_brings_its_time_and_the_text_of_the_timer() -> None:
    timer = TimerTrigger("nightly", "untag-sweep", parse("0 0 3 * * *"), '{"rules": []}')
    assert json.loads(timer.event(moment("2026-11-27T03:00:00"))) == {
        "version": "v1.0",
        "time": "2026-11-27T03:00:00+00:00",
        "trigger_type": "TIMER",
        "trigger_name": "nightly",
        "user_event": '{"rules": []}',
    }
    with pytest.raises(LocalError, match="4096"):
        TimerTrigger("long", "untag-sweep", parse("0 0 3 * * *"), "x" * 4097)


def test_a_time_that_passed_unnoticed_is_not_made_up_for() -> None:
    now = moment("2026-11-27T05:00:10").timestamp()
    fired: list[tuple[str, datetime]] = []
    timers = [
        TimerTrigger("minute", "untag-due", parse("0 * * * * *")),
        TimerTrigger("off", "untag-sweep", parse("0 * * * * *"), enabled=False),
    ]
    clock = TimerClock(timers, lambda timer, at: fired.append((timer.name, at)), lambda: now)
    clock.look()
    assert fired == []
    now += 300
    clock.look()
    clock.look()
    assert fired == [("minute", moment("2026-11-27T05:01:00"))]
    now += 60
    clock.look()
    assert fired[1:] == [("minute", moment("2026-11-27T05:06:00"))]
