"""The credentials endpoint of a function under SnapStart, as Lambda has it.

Lambda leaves the key out of the environment of such a function, since it would be part of the snapshot, and answers at
`AWS_CONTAINER_CREDENTIALS_FULL_URI` requests that bear `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

PATH = "/2021-04-23/credentials"

_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LIFETIME_SECONDS = 6 * 3600.0


class ContainerCredentials:
    """One execution environment's key: what `variables` hold of it, handed out instead of passed on."""

    def __init__(self, variables: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._key = [variables.get(name, "") for name in _KEY]
        self._token = secrets.token_urlsafe(32)
        self._now = now

    def environment(self, variables: Mapping[str, str], port: int) -> dict[str, str]:
        """The variables without the key, and with where it is to be had."""
        return {name: value for name, value in variables.items() if name not in _KEY} | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
        }

    def answer(self, authorization: str | None) -> tuple[int, bytes]:
        """The status and the body for a request with this Authorization header."""
        if not secrets.compare_digest((authorization or "").encode(), self._token.encode()):
            return 403, b"{}"
        expires = datetime.fromtimestamp(self._now() + _LIFETIME_SECONDS, UTC)
        access_key, secret_key, token = self._key
        credentials = {
            "AccessKeyId": access_key,
            "SecretAccessKey": secret_key,
            "Token": token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return 200, json.dumps(credentials).encode()
