"""What a stack keeps until later: listed and given up, by the calls that EventBridge Scheduler has for it."""

from cli.deployed.base import Kept
from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.kept import MISSING, kept_names, schedule, schedule_path


async def list_kept(aws: Aws, group: str) -> list[Kept]:
    """Every request that a group keeps, the next one first. Raises AwsError."""
    kept = [await _kept(aws, group, name) for name in await kept_names(aws, group)]
    return sorted(filter(None, kept), key=lambda one: (one.due, one.name))


async def cancel(aws: Aws, group: str, name: str) -> bool:
    """Keep a request no longer, and never send it; False if it is not kept (any more). Raises AwsError."""
    try:
        await aws.rest("scheduler", "DELETE", schedule_path(group, name))
    except AwsError as error:
        if error.code != MISSING:
            raise
        return False
    return True


async def _kept(aws: Aws, group: str, name: str) -> Kept | None:
    """One that is kept; None if it has fired meanwhile."""
    whole = await schedule(aws, group, name)
    if whole is None:
        return None
    expression = str(whole.get("ScheduleExpression", ""))
    target = whole.get("Target") or {}
    return Kept(name, expression.removeprefix("at(").removesuffix(")"), str(target.get("Input", "")))
