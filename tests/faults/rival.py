"""Somebody else at Google Cloud, who sets a label between our read and our write."""

import random
from collections.abc import Callable
from typing import Any

from pairs import Pair

from local.providers import ProviderServer

WITHOUT_VERSION = "pubsub.googleapis.com/"
"""Types of a service that compares no version: a change between read and write is lost there, as its page says."""
VALUE = "rival"


class Rival:
    """Listens at a server, and goes before a share of its writes; `stands` is told what it sets."""

    def __init__(self, server: ProviderServer, share: float, seed: int, stands: Callable[[Pair], None]) -> None:
        self.on = True
        self.count = 0
        self._server = server
        self._share = share
        self._random = random.Random(f"{seed} rival")  # noqa: S311 - repeatable, not secret
        self._stands = stands
        self._apply = server.apply
        server.apply = self._listened  # type: ignore[method-assign]

    def _listened(self, ask: Any, cause: Any, verdict: Any) -> Any:
        if self.on and ask.route.writing and ask.tags and not ask.type.startswith(WITHOUT_VERSION):
            self._go_before(ask)
        return self._apply(ask, cause, verdict)

    def _go_before(self, ask: Any) -> None:
        key, (id_,) = ask.tags[0][0], ask.ids
        there = self._server.tags.get(ask.account, "", ask.type, id_) or {}
        if key in there and there[key] != VALUE and self._random.random() < self._share:
            self._server.tags.put("", ask.type, id_, key, VALUE, account=ask.account)
            self._stands(Pair(self._server.provider, ask.account, ask.type, id_, key, VALUE))
            self.count += 1
