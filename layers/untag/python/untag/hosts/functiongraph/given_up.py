"""Asynchronous invocations that FunctionGraph gives up: it writes each into the bucket, and they go on a queue here.

What a trigger brings is on its queue once a function has begun. Before, FunctionGraph may fail to start the function as
often as it repeats, or discard what is more than its instances take: its documents say both. Both are told to the
destination of failures, an object under `given-up/` here. So nothing that a trigger brought is lost: it is late.

Source: FunctionGraph User Guide, "Configuring Asynchronous Notification". How the objects are called is not said: every
one under the prefix is taken.
"""

import json
from collections.abc import Mapping
from typing import Any

from untag.contracts import InvalidInputError, parse_json
from untag.core import Timing
from untag.hosts.functiongraph.bells import Bells, is_bell
from untag.hosts.functiongraph.events import Carried, carried_by
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.outbox import dead_key
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Queues, Waiting, id_for

PREFIX = "given-up/"
UNREADABLE = "given_up"
"""The code of an object here that is not the documented one: it becomes a dead letter as it is."""

_MOST = 500
"""Objects of one round."""


class GivenUp:
    """Puts what was given up on the queue of the function that it was for."""

    def __init__(self, obs: Obs, queues: Queues, bells: Bells, timing: Timing, functions: Mapping[str, str]) -> None:
        """`functions` has the URN of each queue's function."""
        self._obs = obs
        self._queues = queues
        self._bells = bells
        self._timing = timing
        self._functions = functions

    async def take(self) -> int:
        """Put messages back, and ring for them; how many. What HuaweiError leaves is there in the next round."""
        count = seen = 0
        async for one in self._obs.listed(PREFIX):
            stored = await self._obs.get(one.key)
            if stored is not None:
                count += await self._put(one.key, stored.text)
                await self._obs.delete(one.key)
            seen += 1
            if seen == _MOST:
                break
        await self._bells.ring_all()
        return count

    async def _put(self, key: str, text: str) -> int:
        told = _read(text)
        queue = None if told is None else self._queue_of(told["request_context"].get("function_urn"))
        if told is None:
            await self._obs.put(dead_key("work", UNREADABLE, id_for(key)), text)
            return 0
        if queue is None:
            return 0  # the timer's own function: the next minute does what this one did not
        messages = _messages(told)
        for message in messages:
            due = self._timing.now() + PATIENCE_SECONDS
            made = await self._queues.put(queue, message.body, due, id_=message.id, metadata={"source": message.source})
            await self._bells.add(Waiting(made, len(message.body)))
        return len(messages)

    def _queue_of(self, urn: object) -> str | None:
        """The queue of a function, whose URN may name a version behind it."""
        for queue, own in self._functions.items():
            if isinstance(urn, str) and (urn == own or urn.startswith(f"{own}:")):
                return queue
        return None


def _read(text: str) -> dict[str, Any] | None:
    """What the platform tells; None where it is not the documented object."""
    try:
        told = parse_json(text)
    except InvalidInputError:
        return None
    whole = isinstance(told, dict) and isinstance(told.get("request_context"), dict) and "request_payload" in told
    return told if whole else None


def _messages(told: dict[str, Any]) -> list[Carried]:
    """What the invocation was to work at: a trigger's messages, or a payload. A bell rang for messages that are due."""
    payload, own_id = told["request_payload"], str(told["request_context"].get("request_id") or "given-up")
    try:
        event = parse_json(payload) if isinstance(payload, str) else payload
    except InvalidInputError:
        event = None
    if is_bell(event):
        return []
    if (carried := carried_by(event, own_id)) is not None:
        return carried
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return [Carried(id_for(own_id), text, "given-up")]
