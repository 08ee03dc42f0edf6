"""Requests that are kept until later: one-time schedules of EventBridge Scheduler, which send them to the work queue.

Facts from the Scheduler's API reference and user guide. A schedule's name is the digest of what it sends and when, so
that a request that comes twice is kept once. It deletes itself when it has fired (`ActionAfterCompletion`). The input
is delivered as it is, but for `<aws.scheduler.…>`, which the Scheduler would fill in: no `<` is left in it. A schedule
fires within the minute of its time, and never before.
"""

import hashlib
import math
from datetime import UTC, datetime

from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.settings import Places

INPUT_BYTES = 240_000
"""A schedule's input has 256 KB at most; some is left for what is escaped."""

_CONFLICT = "ConflictException"
_DEADLINE = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


async def keep(aws: Aws, places: Places, body: str, moment: float) -> None:
    """Keep a message until a time, in seconds since the epoch; one that is kept already is left. Raises AwsError."""
    at = datetime.fromtimestamp(math.ceil(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    name = hashlib.sha256(f"{at} {body}".encode()).hexdigest()[:40]
    schedule = {
        "GroupName": places.schedule_group,
        "ScheduleExpression": f"at({at})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "ClientToken": name,
        "Target": {
            "Arn": _arn(aws, places, places.queue_url),
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


def _arn(aws: Aws, places: Places, queue_url: str) -> str:
    account, name = queue_url.rsplit("/", 2)[1:]
    partition = places.schedule_role_arn.split(":")[1]
    return f"arn:{partition}:sqs:{aws.region}:{account}:{name}"
