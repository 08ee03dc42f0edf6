"""The types of resources that the tag service says it knows, by `ListResourceTypes`; asked for once in an hour."""

import time
from collections.abc import Awaitable, Callable

from untag.providers.base import Answer
from untag.providers.http import Reply, unexpected
from untag.providers.tokens import Issued, TokenStore
from untag.providers.volcengine.answers import request_id, result_of
from untag.providers.volcengine.credentials import VolcengineSession

SECONDS = 3600.0

Ask = Callable[[VolcengineSession], Awaitable[Reply | Answer]]
Types = frozenset[str]


class KnownTypes:
    """Gives the types, as `service:type`. `ask` makes the call."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: TokenStore[Types] = TokenStore(clock)

    async def get(self, session: VolcengineSession) -> Types | Answer:
        """The types, or why they are not known now."""
        return await self._kept.of(session.credentials.access_key, self._list).get(session._replace(trail=None))

    async def _list(self, session: VolcengineSession) -> Issued[Types] | Answer:
        reply = await self._ask(session)
        if isinstance(reply, Answer):
            return reply
        result = result_of(reply)
        rows = result.get("ResourceTypes") if isinstance(result, dict) else None
        try:
            types = frozenset(f"{_word(row['Service'])}:{_word(row['ResourceType'])}" for row in rows or ())
        except (KeyError, TypeError):
            types = frozenset()
        if not types:  # a service that knows no type at all has not understood the question
            return unexpected(reply, request_id(reply))
        return Issued(types, self._clock() + SECONDS)


def _word(text: object) -> str:
    if not isinstance(text, str) or not text:
        raise TypeError("a type should be a text")
    return text
