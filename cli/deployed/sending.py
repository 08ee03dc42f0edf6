"""Requests and sweeps sent to a stack's queues, in as few calls as their sizes allow."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.errors import INVALID, CommandError
from cli.files.given import pairs_of
from untag.core import Timing
from untag.core.requests import shortened
from untag.hosts.aws.client import TRIES, Aws, AwsError, retry_pause
from untag.hosts.aws.outbox import SQS_BYTES, in_batches, send_batch
from untag.hosts.base import Message
from untag.messages import BODY_BYTES, in_two

_LONGEST_ID = 256
_DIGEST = 6
_TIMING = Timing()

Body = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """What a queue took, by the ids of requests and sweeps, and why it did not take the rest."""

    taken: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    code: str | None = None


def with_own_ids(bodies: Iterable[Body], token: str) -> list[Body]:
    """The bodies with ids of their own in place of those that begin with a token.

    The same bodies get the same ids, so that the ledger counts what is sent twice once; other bodies of the same batch
    get others.
    """
    bodies = list(bodies)
    text = json.dumps(bodies, sort_keys=True).replace(token, "")
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return [
        {**body, "id": f"{body['batch']}-{digest}{body['id'].removeprefix(token)}"}
        if str(body.get("id", "")).startswith(token)
        else body
        for body in bodies
    ]


def fitting(body: Body, limit: int = BODY_BYTES) -> list[Body]:
    """A request as requests that each fit into a message. Raises CommandError where it cannot be cut so far."""
    parts = _cut(body, limit)
    if len(parts) == 1:
        return parts
    size = _LONGEST_ID - len(str(len(parts))) - 1
    return [
        {
            **part,
            "id": f"{shortened(body['id'], size)}-{number}",
            **({"expect": pairs_of(part)} if "expect" in body else {}),
        }
        for number, part in enumerate(parts, 1)
    ]


def _cut(body: Body, limit: int) -> list[Body]:
    if len(_text(body).encode()) <= limit:
        return [body]
    if not (halves := in_two(body)):
        raise CommandError(
            f"{body['id']} is larger than a message may be", "a shorter list in it: nothing was sent", status=INVALID
        )
    return [part for half in halves for part in _cut(half, limit)]


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


async def send(aws: Aws, queue_url: str, bodies: Sequence[Body], seen: Callable[[int], None] = lambda _: None) -> Sent:
    """Send bodies to a queue, a message each, and say what it took; `seen` is called with the number so far."""
    sent = Sent()
    sized = ((body, len(_text(body).encode())) for body in bodies)
    for batch in in_batches(sized, SQS_BYTES):
        if sent.code is None:
            await _send_batch(aws, queue_url, batch, sent)
            seen(len(sent.taken))
        else:
            sent.left += [body["id"] for body in batch]
    return sent


async def _send_batch(aws: Aws, queue_url: str, batch: list[Body], sent: Sent) -> None:
    """One batch, and again what was refused for a passing reason."""
    for number in range(TRIES):
        try:
            refused = await send_batch(aws, queue_url, [Message(_text(body)) for body in batch])
        except AwsError as error:  # already tried more than once
            refused = dict.fromkeys(range(len(batch)), (error.code, False))
        sent.taken += [body["id"] for place, body in enumerate(batch) if place not in refused]
        if not refused:
            return
        if not all(transient for _, transient in refused.values()) or number + 1 == TRIES:
            sent.code = next(code for code, _ in refused.values())
            sent.left += [batch[place]["id"] for place in refused]
            return
        batch = [batch[place] for place in refused]
        await _TIMING.sleep(retry_pause(_TIMING, number))
