"""Where results go: reports to SMN, everything else into the bucket.

Sources: SMN API Reference, "Publishing a Message" (256 KB; an attribute's value is of letters, digits, `_` and Chinese
characters, at most 32), huaweicloudsdksmn 3.1.219. An attribute of another form is left out: the report holds it.
"""

import asyncio
import hashlib
import math
import re
import uuid
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from untag.contracts import InvalidInputError, parse_json
from untag.hosts import base
from untag.hosts.base import DeliveryError, Message
from untag.hosts.functiongraph import reports
from untag.hosts.functiongraph.bells import Bells
from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.hosts.functiongraph.dead_letters import dead_key
from untag.hosts.functiongraph.kept import Kept
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import PATIENCE_SECONDS, Queues, Waiting
from untag.hosts.functiongraph.settings import BUCKET

MESSAGE_BYTES = 1_048_576
"""An object may be far larger; a message is held in memory with a hundred others."""
RULES_BYTES = 200_000
"""A sweep carries its rules from one invocation to the next."""

_CALLS = 8
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_\u4e00-\u9fff]{1,32}")
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SAFE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_OBJECT = re.compile(
    rf"obs://(?P<bucket>{BUCKET})/(?P<key>[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*)"
)


class Outbox(base.Outbox):
    """The ways out of one invocation. `queue` is the function's own."""

    def __init__(self, huawei: Huawei, obs: Obs, queues: Queues, bells: Bells, queue: str) -> None:
        self._huawei = huawei
        self._obs = obs
        self._queues = queues
        self._bells = bells
        self._queue = queue
        self._now = huawei.timing.now
        self._kept = Kept(obs)
        self._calls = asyncio.Semaphore(_CALLS)

    @override
    async def publish(self, messages: Iterable[Message]) -> None:
        await self._all(self._publish(message) for message in messages)

    @override
    async def send_dead_letters(self, messages: Iterable[Message]) -> None:
        await self._all(self._dead_letter(message) for message in messages)

    @override
    async def send_back(self, messages: Iterable[Message]) -> None:
        await self._all(self._send(message) for message in messages)

    @override
    async def keep_until(self, messages: Iterable[Message], moment: float, name: str = "") -> None:
        for message in messages:
            with _delivering():
                if name:
                    await self._kept.keep(name, message.body, moment)
                    continue
                # Under the same key for the same request, so that what is sent twice is kept once.
                due = math.ceil(moment)
                digest = hashlib.sha256(f"{due} {message.body}".encode()).hexdigest()[:40]
                await self._queues.put("work", message.body, due, id_=digest)

    @override
    async def go_on(self, messages: Iterable[Message]) -> None:
        due = self._now()
        await self._all(
            self._queues.put(self._queue, one.body, due + one.delay, metadata=one.attributes) for one in messages
        )

    @override
    async def kept(self, prefix: str) -> list[str]:
        with _delivering():
            return await self._kept.bodies(prefix)

    @override
    async def rules(self, source: str) -> dict[str, Any]:
        match = _OBJECT.fullmatch(source)
        if match is None or match["bucket"] != self._obs.bucket:
            raise InvalidInputError.of(f"should be a list, or obs://{self._obs.bucket}/KEY", "rules")
        with _delivering():
            stored = await self._obs.get(match["key"])
        if stored is None:
            raise InvalidInputError.of(f"{source}: there is none", "rules")
        if len(stored.text.encode()) > RULES_BYTES:
            raise InvalidInputError.of(f"{source}: has more than {RULES_BYTES} bytes", "rules")
        try:
            return {"rules": parse_json(stored.text), "read": f"{source}?etag={stored.etag}"}
        except InvalidInputError as error:
            raise error.under("rules") from None

    @override
    def linger(self, *, more: bool) -> None:
        """Nothing shares a call here but bells, and these are rung together in any case."""

    async def _all(self, sends: Iterable[Coroutine[Any, Any, Any]]) -> None:
        """Make every call; raises DeliveryError if one failed, after all were tried."""
        for result in await asyncio.gather(*map(self._one, sends), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _one(self, send: Coroutine[Any, Any, Any]) -> None:
        async with self._calls:
            with _delivering():
                await send

    async def _publish(self, message: Message) -> None:
        places = self._huawei.places
        if places.keeps_reports:
            # First: what was published and is not kept could not be undone by its batch.
            await reports.keep(self._obs, message.body)
        attributes = [
            {"name": name, "type": "STRING", "value": value}
            for name, value in message.attributes.items()
            if _ATTRIBUTE_NAME.fullmatch(name) and _ATTRIBUTE.fullmatch(value)
        ]
        body = {"message": message.body, "message_attributes": attributes, "subject": message.subject}
        path = f"/v2/{places.project}/notifications/topics/{places.topic_urn}/publish"
        await self._huawei.json("smn", "POST", path, {name: value for name, value in body.items() if value})

    async def _dead_letter(self, message: Message) -> None:
        code = message.attributes.get("code", "")
        code = code if _SAFE_CODE.fullmatch(code) else "other"
        await self._obs.put(dead_key(self._queue, code, uuid.uuid4().hex), message.body, message.attributes)

    async def _send(self, message: Message) -> None:
        """The timer finds what is delayed. For the rest a bell is rung, and the timer finds what a lost bell names."""
        wait = message.delay or PATIENCE_SECONDS
        key = await self._queues.put("work", message.body, self._now() + wait, metadata=message.attributes)
        if not message.delay:
            await self._bells.add(Waiting(key, len(message.body)))


@contextmanager
def _delivering() -> Iterator[None]:
    try:
        yield
    except HuaweiError as error:
        raise DeliveryError(error.code) from None
