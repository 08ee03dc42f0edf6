"""What is kept until later: one-time schedules of EventBridge Scheduler, each of which sends a message to a queue.

From the Scheduler's API reference and user guide: what comes twice under one name is kept once. A schedule fires within
the minute of its time, never before, and then deletes itself. Its input is delivered as it is but for
`<aws.scheduler.…>`, which the Scheduler would fill in: no `<` is left in it.
"""

import hashlib
import math
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.settings import Places

INPUT_BYTES = 240_000
"""A schedule's input has 256 KB at most; some is left for what is escaped."""

_CONFLICT = "ConflictException"
MISSING = "ResourceNotFoundException"
_DEADLINE = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


async def keep(aws: Aws, places: Places, name: str, body: str, moment: float) -> None:
    """Keep a message until a time, in seconds since the epoch: one with a name for the function's own queue.

    What is kept already is left. Raises AwsError.
    """
    at = datetime.fromtimestamp(math.ceil(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    queue_url = places.own_queue_url if name else places.queue_url
    name = name or hashlib.sha256(f"{at} {body}".encode()).hexdigest()[:40]
    schedule = {
        "GroupName": places.schedule_group,
        "ScheduleExpression": f"at({at})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "ClientToken": name,
        "Target": {
            "Arn": _arn(aws, places, queue_url),
            "RoleArn": places.schedule_role_arn,
            "Input": body.replace("<", "\\u003c"),
            "DeadLetterConfig": {"Arn": _arn(aws, places, places.dead_letter_queue_url)},
            "RetryPolicy": _DEADLINE,
        },
    }
    try:
        await aws.rest("scheduler", "POST", f"/schedules/{name}", schedule)
    except AwsError as error:
        if error.code != _CONFLICT:
            raise


async def kept_names(aws: Aws, group: str, prefix: str = "") -> list[str]:
    """The names of the schedules of a group that begin so. Raises AwsError."""
    names: list[str] = []
    token: str | None = ""
    while token is not None:
        given = {"ScheduleGroup": group, "NamePrefix": prefix, "NextToken": token, "MaxResults": "100"}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items() if value)
        page = await aws.rest("scheduler", "GET", f"/schedules?{query}")
        names += [str(one.get("Name")) for one in page.get("Schedules") or ()]
        token = page.get("NextToken") or None
    return names


async def schedule(aws: Aws, group: str, name: str) -> dict[str, Any] | None:
    """A schedule as the Scheduler has it; None if there is none. Raises AwsError."""
    try:
        return await aws.rest("scheduler", "GET", schedule_path(group, name))
    except AwsError as error:
        if error.code != MISSING:
            raise
        return None


def schedule_path(group: str, name: str) -> str:
    """Where a schedule is."""
    return f"/schedules/{quote(name, safe='')}?groupName={quote(group, safe='')}"


async def kept_bodies(aws: Aws, group: str, prefix: str) -> list[str]:
    """What the schedules send whose names begin so. Raises AwsError."""
    kept = [await schedule(aws, group, name) for name in await kept_names(aws, group, prefix)]
    return [one["Target"]["Input"] for one in kept if one is not None]


def _arn(aws: Aws, places: Places, queue_url: str) -> str:
    account, name = queue_url.rsplit("/", 2)[1:]
    partition = places.schedule_role_arn.split(":")[1]
    return f"arn:{partition}:sqs:{aws.region}:{account}:{name}"
