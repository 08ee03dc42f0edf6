"""What a deployment keeps until later: requests before their `not_before`, and tags that a sweep has given a grace."""

import json
import re
from datetime import UTC, datetime

from cli.deployed.base import Kept
from cli.deployed.functiongraph.calls import Services
from untag.hosts.functiongraph.queues import Key

_KEPT = re.compile(r"kept/(?P<name>[^~]+)~(?P<due>[0-9]{10})")


async def list_kept(services: Services) -> list[Kept]:
    """Every request that is kept, the next one first. A kept one's name is its key. Raises HuaweiError."""
    now = services.timing.now()
    dues: dict[str, int] = {}
    async for one in services.obs.listed("work/"):
        key = Key.read(one.key)
        if key is not None and key.due > now:
            dues[one.key] = key.due
    async for one in services.obs.listed("kept/"):
        if match := _KEPT.fullmatch(one.key):
            dues[one.key] = int(match["due"])
    texts = await services.texts(list(dues))
    # What else is due later is being worked at, or is put off for a while.
    kept = [(key, text) for key, text in texts if key.startswith("kept/") or _is_for_later(text, now)]
    return sorted((Kept(key, _moment(dues[key]), text) for key, text in kept), key=lambda one: (one.due, one.name))


async def cancel(services: Services, key: str) -> bool:
    """Keep one no longer, and never send it; False if it is not kept (any more). Raises HuaweiError."""
    if await services.obs.get(key) is None:
        return False
    await services.obs.delete(key)
    return True


def _is_for_later(text: str, now: float) -> bool:
    """Whether a message asks for something that is not to be done before a time that is to come."""
    try:
        content = json.loads(text)
        bodies = content if isinstance(content, list) else [content]
        return any(
            datetime.fromisoformat(body["not_before"]).timestamp() > now for body in bodies if body.get("not_before")
        )
    except (ValueError, TypeError, AttributeError):
        return False


def _moment(due: int) -> str:
    return datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%S")
