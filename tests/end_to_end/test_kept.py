"""Requests with `not_before` on the template as it stands: kept as schedules, sent back by the clock, cancelled."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
from at_a_stack import put, tags

from cli.deployed.aws.kept import cancel, list_kept
from cli.deployed.base import Kept
from local.stack import Stack
from untag.core import Timing
from untag.hosts.aws.client import Aws


def ask(stack: Stack, name: str | None = None) -> list[Kept]:
    """Cancel a request if one is named, and list what is kept."""
    environ = {
        "AWS_REGION": stack.region,
        "AWS_ENDPOINT_URL": stack.aws.url,
        "AWS_ACCESS_KEY_ID": "FAKEAWSKEY",
        "AWS_SECRET_ACCESS_KEY": "fake-aws-secret-not-real",
    }

    async def asked() -> list[Kept]:
        async with httpx.AsyncClient() as client:
            aws = Aws(environ, client, Timing())
            if name is not None:
                assert await cancel(aws, "untag-kept", name)
            return await list_kept(aws, "untag-kept")

    return asyncio.run(asked())


def send(stack: Stack, id_: str, when: datetime) -> None:
    put(stack, f"i-{id_}", key="kept", value="v")
    body = {"id": id_, "provider": "jdcloud", "region": "cn-north-1", "not_before": when.isoformat()}
    pairs = {"resources": [{"type": "vm", "ids": [f"i-{id_}"]}], "tags": [{"key": "kept", "value": "v"}]}
    stack.send(json.dumps({**body, **pairs}))
    stack.drain()


def test_a_request_is_kept_until_its_time_and_carried_out_then(stack: Stack) -> None:
    when = datetime.now(UTC) + timedelta(days=3)
    send(stack, "later", when)
    (report,) = [one for one in stack.reports() if one["id"] == "later"]
    assert (report["status"], report["counts"], report["complete"]) == ("deferred", {"deferred": 1}, False)
    assert tags(stack, "i-later") == {"kept": "v"}
    (kept,) = ask(stack)
    assert json.loads(kept.body)["id"] == "later"
    stack.fire_kept(when - timedelta(seconds=2))
    assert len(ask(stack)) == 1
    # The schedule's clock is ahead of the function's: what comes too early is kept again, and not called.
    stack.fire_kept(when + timedelta(seconds=2))
    stack.drain()
    assert tags(stack, "i-later") == {"kept": "v"}
    (kept,) = ask(stack)
    assert ask(stack, kept.name) == []


def test_the_clock_sends_back_what_is_due_and_it_is_gone_then(stack: Stack) -> None:
    when = datetime.now(UTC) + timedelta(days=3)
    send(stack, "due", when)
    ((name, schedule),) = stack.aws.scheduler.schedule_groups["untag-kept"].schedules.items()
    # As if three days had passed for the request as well.
    schedule.target["Input"] = json.dumps(
        {**json.loads(schedule.target["Input"]), "not_before": "2026-01-01T00:00:00Z"}
    )
    with stack.clock(lambda: when.timestamp() + 2):
        while name in stack.aws.scheduler.schedule_groups["untag-kept"].schedules:
            time.sleep(0.05)
        stack.drain()
    assert tags(stack, "i-due") == {}
    assert ask(stack) == []


def test_a_request_that_is_cancelled_is_never_carried_out(stack: Stack) -> None:
    when = datetime.now(UTC) + timedelta(days=3)
    send(stack, "cancelled", when)
    (kept,) = ask(stack)
    assert ask(stack, kept.name) == []
    stack.fire_kept(when + timedelta(days=1))
    stack.drain()
    assert tags(stack, "i-cancelled") == {"kept": "v"}
