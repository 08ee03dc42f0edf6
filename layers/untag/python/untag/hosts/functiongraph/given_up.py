"""Puts on a queue the asynchronous invocations that FunctionGraph gave up and wrote into the bucket.

What a trigger brings is on its queue once a function has begun. Before, FunctionGraph may fail to start the function as
often as it repeats, or discard what is more than its instances take: its documents say both. Both are told to the
destination of failures, an object under `given-up/` here. So nothing that a trigger brought is lost: it is late.

Source: FunctionGraph User Guide, "Configuring Asynchronous Notification". How the objects are called is not said: every
one under the prefix is taken.
"""

import asyncio
import json
from typing import Any

from untag.contracts import InvalidInputError, parse_json
from untag.hosts.functiongraph.bells import Bells, is_bell
from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.hosts.functiongraph.dead_letters import dead_key
from untag.hosts.functiongraph.events import Carried, carried_by
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Queues, Waiting, id_for

PREFIX = "given-up/"
UNREADABLE = "given_up"
"""The code of what nobody can be found for, or is not the documented object: it becomes a dead letter as it is."""

_TOGETHER = 16
_ENOUGH_SECONDS = 15.0
"""With less time left, what remains waits for the next round."""
_URN_PARTS = 7


class GivenUp:
    """Puts what was given up on the queue of the function that it was for."""

    def __init__(self, huawei: Huawei, obs: Obs, queues: Queues, bells: Bells) -> None:
        self._obs = obs
        self._queues = queues
        self._bells = bells
        self._timing = huawei.timing
        self._functions = huawei.places.functions
        self._left = huawei.left

    async def take(self) -> int:
        """Put messages back, and ring for them; how many. What is left over is there in the next round."""
        count = 0
        page: list[str] = []
        async for one in self._obs.listed(PREFIX):
            page.append(one.key)
            if len(page) == _TOGETHER:
                count += sum(await asyncio.gather(*map(self._taken, page)))
                page.clear()
                if self._left() < _ENOUGH_SECONDS:
                    break
        count += sum(await asyncio.gather(*map(self._taken, page)))
        await self._bells.ring_all()
        return count

    async def _taken(self, key: str) -> int:
        """The messages of one object that were put back. One that cannot be worked at keeps no other from it."""
        try:
            stored = await self._obs.get(key)
            count = 0 if stored is None else await self._put(key, stored.text)
            await self._obs.delete(key)
        except HuaweiError:
            return 0
        return count

    async def _put(self, key: str, text: str) -> int:
        told = _read(text)
        if told is None:
            return await self._bury(key, text)
        event = _event(told)
        queue = self._queue_of(told["request_context"].get("function_urn"))
        if is_bell(event) or (queue is None and _is_round(event)):
            return 0  # what it named is due, and the next minute does what this one did not
        if queue is None:
            return await self._bury(key, text)
        messages = _messages(told, event)
        for message in messages:
            due = self._timing.now() + PATIENCE_SECONDS
            made = await self._queues.put(queue, message.body, due, id_=message.id, metadata={"source": message.source})
            await self._bells.add(Waiting(made, len(message.body)))
        return len(messages)

    async def _bury(self, key: str, text: str) -> int:
        await self._obs.put(dead_key("work", UNREADABLE, id_for(key)), text)
        return 0

    def _queue_of(self, urn: object) -> str | None:
        """The queue of a function, whatever version or alias its URN names."""
        named = _without_version(urn) if isinstance(urn, str) else ""
        return next((queue for queue, own in self._functions.items() if _without_version(own) == named), None)


def _without_version(urn: str) -> str:
    return ":".join(urn.split(":")[:_URN_PARTS])


def _is_round(event: Any) -> bool:
    """Whether a timer fires without a sweep: it is the one of the rounds."""
    return isinstance(event, dict) and event.get("trigger_type") == "TIMER" and "rules" not in str(event)


def _read(text: str) -> dict[str, Any] | None:
    """What the platform tells; None where it is not the documented object."""
    try:
        told = parse_json(text)
    except InvalidInputError:
        return None
    whole = isinstance(told, dict) and isinstance(told.get("request_context"), dict) and "request_payload" in told
    return told if whole else None


def _event(told: dict[str, Any]) -> Any:
    """What the function was invoked with; None where it is no JSON."""
    payload = told["request_payload"]
    try:
        return parse_json(payload) if isinstance(payload, str) else payload
    except InvalidInputError:
        return None


def _messages(told: dict[str, Any], event: Any) -> list[Carried]:
    """What the invocation was to work at: a trigger's messages, or a payload."""
    payload, own_id = told["request_payload"], str(told["request_context"].get("request_id") or "given-up")
    if (carried := carried_by(event, own_id)) is not None:
        return carried
    return [Carried(id_for(own_id), payload if isinstance(payload, str) else json.dumps(payload), "given-up")]
