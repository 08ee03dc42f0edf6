"""Schedules on a template of their own: fired by name, and by the clock."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import throwaway

from local.aws import schedules
from local.aws.timetable import parse
from local.errors import LocalError, TemplateError
from local.session import control
from local.stack import Overrides, Stack

SCHEDULE = """
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      Name: nightly
      State: {state}
      ScheduleExpression: {expression}
      ScheduleExpressionTimezone: Asia/Shanghai
      FlexibleTimeWindow: {{Mode: "OFF"}}
      Target:
        Arn: !GetAtt {target}.Arn
        RoleArn: arn:aws:iam::123456789012:role/any
        Input: '{{"id": "<aws.scheduler.execution-id>", "at": "<aws.scheduler.scheduled-time>"}}'
{more}
"""


def project(
    folder: Path, *, state: str = "DISABLED", expression: str = "rate(1 day)", target: str = "Work", more: str = ""
) -> Path:
    path = throwaway.project(folder)
    text = path.read_text()
    made = SCHEDULE.format(state=state, expression=expression, target=target, more=more)
    path.write_text(text.replace("\nResources:\n", f"\nResources:{made}", 1))
    return path


def paused(path: Path) -> Stack:
    return Stack(path, overrides=Overrides(batching_window=0.1), providers=False)


def bodies(stack: Stack) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in stack.messages("Work")]


def test_a_schedule_fires_by_name_though_it_is_off_and_is_told_when(tmp_path: Path) -> None:
    with paused(project(tmp_path)) as stack, stack.paused():
        stack.fire("Nightly", datetime(2026, 12, 1, 3, 0, tzinfo=UTC))
        stack.fire("nightly")
        first, second = bodies(stack)
        assert first["at"] == "2026-12-01T03:00:00Z"
        assert len({first["id"], second["id"]}) == 2
        with pytest.raises(LocalError, match="no schedule weekly"):
            stack.fire("weekly")


def test_another_process_fires_it_by_the_session_file(tmp_path: Path) -> None:
    session = tmp_path / "session.json"
    with paused(project(tmp_path)) as stack, stack.paused(), control.serve(stack, session):
        client = control.Client(session)
        (sent,) = client.post("fire", {"schedule": "nightly", "at": "2026-12-01T11:00:00+08:00"})
        client.post("fire", {"schedule": "nightly", "at": "2026-12-01T03:00:00"})
        client.post("fire", {"schedule": "nightly", "at": None})
        assert sent["to"] == "queue"
        assert [body["at"] for body in bodies(stack)][:2] == ["2026-12-01T03:00:00Z"] * 2
        assert client.get("describe")["schedules"] == {"Nightly": {"name": "nightly", "enabled": False}}
        with pytest.raises(LocalError, match="not a time"):
            client.post("fire", {"schedule": "nightly", "at": "tomorrow"})


def test_a_schedule_whose_target_is_a_function_invokes_it(tmp_path: Path) -> None:
    with paused(project(tmp_path, target="Probe")) as stack:
        sent = stack.fire("Nightly")
        assert sent.to == "function"


def test_while_it_is_up_a_schedule_that_is_on_fires_by_the_clock(tmp_path: Path) -> None:
    expression = "at(2026-12-01T11:00:00)"
    now = datetime(2026, 12, 1, 2, 59, tzinfo=UTC).timestamp()
    path = project(tmp_path, state="ENABLED", expression=expression)
    with paused(path) as stack, stack.paused(), stack.clock(lambda: now):
        assert bodies(stack) == []
        now += 120  # 11:01 in Shanghai
        deadline = time.monotonic() + 20
        while not bodies(stack) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [body["at"] for body in bodies(stack)] == ["2026-12-01T03:00:00Z"]


def schedule(enabled: bool = True) -> schedules.Schedule:
    table = parse("rate(1 hour)", "UTC", datetime(2026, 11, 1, tzinfo=UTC))
    return schedules.Schedule("S", "s", "arn", enabled, table, "arn:aws:sqs:eu-west-1:1:q", "{}")


def test_the_clock_fires_what_is_due_once_and_makes_up_one_of_what_it_slept_through() -> None:
    now = datetime(2026, 11, 1, 0, 30, tzinfo=UTC).timestamp()
    fired: list[str] = []
    clock = schedules.Clock({"S": schedule()}, lambda _, at: fired.append(f"{at:%H:%M}"), lambda: now)
    for minutes in (0, 29, 31, 32, 60 * 4, 60 * 4):
        now = datetime(2026, 11, 1, 0, 30, tzinfo=UTC).timestamp() + minutes * 60
        clock.look()
    assert fired == ["01:00", "02:00"]
    assert clock.due("S") == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)


def test_a_schedule_that_is_off_never_fires_by_the_clock() -> None:
    fired: list[str] = []
    now = 0.0
    clock = schedules.Clock({"S": schedule(enabled=False)}, lambda name, _: fired.append(name), lambda: now)
    now = 4e9
    clock.look()
    clock.start()
    clock.stop()
    assert fired == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expression": "hourly"}, "not a schedule's expression"),
        ({"target": "Bus"}, "neither a queue nor a function"),
        ({"more": "        EcsParameters: {}"}, "EcsParameters"),
        ({"more": "      StartDate: 2026-12-01"}, "StartDate"),
    ],
)
def test_what_a_schedule_cannot_have_here_is_refused_by_name(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(TemplateError, match=told), paused(project(tmp_path, **changes)):
        pass
