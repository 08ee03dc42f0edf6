"""Requests and sweeps sent to a stack's queues, in as few calls as their sizes allow."""

from collections.abc import Sequence

from cli.deployed.base import Body, Seen, Sent
from cli.deployed.bodies import text_of
from untag.core import Timing
from untag.hosts.aws.client import TRIES, Aws, AwsError, retry_pause
from untag.hosts.aws.outbox import SQS_BYTES, in_batches, send_batch
from untag.hosts.base import Message

_TIMING = Timing()


async def send(aws: Aws, queue_url: str, bodies: Sequence[Body], seen: Seen = lambda _: None) -> Sent:
    """Send bodies to a queue, a message each, and say what it took; `seen` is called with the number so far."""
    sent = Sent()
    sized = ((body, len(text_of(body).encode())) for body in bodies)
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
            refused = await send_batch(aws, queue_url, [Message(text_of(body)) for body in batch])
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
