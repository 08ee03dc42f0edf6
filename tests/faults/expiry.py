"""Tokens that live for seconds, and whether one is used after its end."""

import time
from typing import Any

from local.providers import ProviderServer
from local.providers.azure_tokens import claims_of_access_token

TOKEN_SECONDS = 6
"""A token's life, in real seconds: dates are real."""
_LATE_SECONDS = 4.0
"""A call that was sent in time arrives later on a machine that has much to do."""


class Expiry:
    """Listens at Azure, whose tokens say when they end."""

    def __init__(self, login: ProviderServer, server: ProviderServer) -> None:
        made: Any = login
        made.lifetime = TOKEN_SECONDS
        self.late: list[str] = []
        self.used: set[str] = set()
        self._verify = server.verify
        server.verify = self._listened  # type: ignore[method-assign]

    def _listened(self, request: Any) -> str:
        token = (request.header("authorization") or "").partition(" ")[2]
        claims = claims_of_access_token(token)
        if claims is not None:
            self.used.add(token)
            if (late := time.time() - claims["exp"]) > _LATE_SECONDS:
                self.late.append(f"{claims['appid']}: a token is used {late:.1f} s after its end")
        return self._verify(request)
