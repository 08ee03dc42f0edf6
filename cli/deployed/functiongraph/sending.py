"""Requests and sweeps put on a deployment's queues, with a bell for them, as its own functions do it."""

import asyncio
from collections.abc import Sequence

from cli.deployed.base import Body, Queue, Seen, Sent
from cli.deployed.bodies import text_of
from cli.deployed.functiongraph.calls import Services
from untag.hosts.functiongraph.client import HuaweiError
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Waiting

_TOGETHER = 50


async def send(services: Services, queue: Queue, bodies: Sequence[Body], seen: Seen) -> Sent:
    """Put bodies on a queue, a message each, and ring for them; what was taken. After a refusal no more are tried."""
    sent = Sent()

    async def put(body: Body) -> HuaweiError | None:
        text = text_of(body)
        # As metadata, so that a dead letter which no code of ours has written bears them, too.
        named = {"batch": str(body["batch"]), "request_id": str(body["id"])}
        try:
            key = await services.queues.put(queue, text, services.timing.now() + PATIENCE_SECONDS, metadata=named)
        except HuaweiError as error:
            return error
        await services.bells.add(Waiting(key, len(text.encode())))
        return None

    for start in range(0, len(bodies), _TOGETHER):
        part = bodies[start : start + _TOGETHER]
        if sent.code is not None:
            sent.left += [body["id"] for body in part]
            continue
        for body, error in zip(part, await asyncio.gather(*map(put, part)), strict=True):
            (sent.taken if error is None else sent.left).append(body["id"])
            sent.code = sent.code or (error.code if error is not None else None)
        seen(len(sent.taken))
    await services.bells.ring_all()
    return sent
