"""The function's own AWS key: from the environment, or from the container endpoint that Lambda has under SnapStart."""

from collections.abc import Mapping
from datetime import datetime

import httpx

from untag.core.timing import Timing
from untag.signing import Credentials

_EARLY_SECONDS = 300.0
"""A key is fetched anew this long before it expires."""


class KeysUnavailableError(Exception):
    """The function has no AWS key now."""


class Keys:
    """Gives the AWS key that calls are signed with.

    `AWS_ACCESS_KEY_ID` and its companions stay valid for as long as the environment lives. Under SnapStart they are
    absent, and `AWS_CONTAINER_CREDENTIALS_FULL_URI` answers with a key that expires.
    """

    def __init__(self, environ: Mapping[str, str], client: httpx.AsyncClient, timing: Timing) -> None:
        self._client = client
        self._timing = timing
        self._uri = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        self._token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        self._expires = 0.0
        self._key: Credentials | None = None
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            self._key = Credentials(
                environ["AWS_ACCESS_KEY_ID"],
                environ["AWS_SECRET_ACCESS_KEY"],
                security_token=environ.get("AWS_SESSION_TOKEN") or None,
            )
            self._expires = float("inf")

    async def get(self) -> Credentials:
        """A key that is good for some minutes yet. Raises KeysUnavailableError."""
        if self._key is not None and self._timing.now() < self._expires - _EARLY_SECONDS:
            return self._key
        if not self._uri:
            raise KeysUnavailableError("no AWS key in the environment, and no container endpoint for one")
        try:
            response = await self._client.get(self._uri, headers={"Authorization": self._token}, timeout=2.0)
            response.raise_for_status()
            found = response.json()
            key = Credentials(found["AccessKeyId"], found["SecretAccessKey"], security_token=found.get("Token"))
            self._expires = datetime.fromisoformat(found["Expiration"]).timestamp()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailableError(f"the container endpoint gave no key: {type(error).__name__}") from None
        self._key = key
        return key
