"""What a stack keeps until later: listed and given up, by the calls that EventBridge Scheduler has for it."""

from typing import NamedTuple
from urllib.parse import quote

from untag.hosts.aws.client import Aws, AwsError

_MISSING = "ResourceNotFoundException"
_PAGE = 100


class Kept(NamedTuple):
    """A request that is kept. `due` is the Scheduler's `at(...)`, in UTC."""

    name: str
    due: str
    body: str


async def list_kept(aws: Aws, group: str) -> list[Kept]:
    """Every request that a group keeps, the next one first. Raises AwsError."""
    kept: list[Kept | None] = []
    token = ""
    while True:
        following = f"&NextToken={quote(token, safe='')}" if token else ""
        page = await aws.rest(
            "scheduler", "GET", f"/schedules?MaxResults={_PAGE}&ScheduleGroup={quote(group, safe='')}{following}"
        )
        kept += [await _kept(aws, group, str(one.get("Name"))) for one in page.get("Schedules") or ()]
        token = page.get("NextToken") or ""
        if not token:
            return sorted(filter(None, kept), key=lambda one: (one.due, one.name))


async def cancel(aws: Aws, group: str, name: str) -> bool:
    """Keep a request no longer, and never send it; False if it is not kept (any more). Raises AwsError."""
    try:
        await aws.rest("scheduler", "DELETE", _path(group, name))
    except AwsError as error:
        if error.code != _MISSING:
            raise
        return False
    return True


async def _kept(aws: Aws, group: str, name: str) -> Kept | None:
    """One that is kept; None if it has fired meanwhile."""
    try:
        whole = await aws.rest("scheduler", "GET", _path(group, name))
    except AwsError as error:
        if error.code != _MISSING:
            raise
        return None
    expression = str(whole.get("ScheduleExpression", ""))
    target = whole.get("Target") or {}
    return Kept(name, expression.removeprefix("at(").removesuffix(")"), str(target.get("Input", "")))


def _path(group: str, name: str) -> str:
    return f"/schedules/{quote(name, safe='')}?groupName={quote(group, safe='')}"
