"""The function's own AWS key: from the environment, or from the container endpoint that Lambda has under SnapStart."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import httpx

from untag.core.timing import Timing
from untag.providers.credentials import AccessKey

_EARLY_SECONDS = 300.0
"""A key is fetched anew this long before it expires."""


class KeysUnavailableError(Exception):
    """The function has no AWS key now."""


class Keys:
    """Gives the AWS key that calls are signed with.

    `AWS_ACCESS_KEY_ID` and its companions stay valid for as long as the environment lives. Under SnapStart they are
    absent, and `AWS_CONTAINER_CREDENTIALS_FULL_URI` answers with a key that expires. Nothing is read before the first
    call: what is read while a process starts would be part of its snapshot.
    """

    def __init__(self, environ: Mapping[str, str], client: httpx.AsyncClient, timing: Timing) -> None:
        self._client = client
        self._timing = timing
        self._environ = environ
        self._reading = asyncio.Lock()
        self._expires = 0.0
        self._key: AccessKey | None = None

    async def get(self) -> AccessKey:
        """A key that is good for some minutes yet; for less only if there is no other. Raises KeysUnavailableError."""
        if self._key is not None and self._good_for(_EARLY_SECONDS):
            return self._key
        async with self._reading:
            if self._key is None or not self._good_for(_EARLY_SECONDS):
                try:
                    self._key, self._expires = self._from_environment() or await self._from_endpoint()
                except KeysUnavailableError:
                    if self._key is None or not self._good_for(0.0):
                        raise
            return self._key

    def _good_for(self, seconds: float) -> bool:
        return self._timing.now() < self._expires - seconds

    def _from_environment(self) -> tuple[AccessKey, float] | None:
        access_key, secret_key = (self._environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
        if not access_key or not secret_key:
            return None
        token = self._environ.get("AWS_SESSION_TOKEN") or None
        return AccessKey(access_key=access_key, secret_key=secret_key, security_token=token), float("inf")

    async def _from_endpoint(self) -> tuple[AccessKey, float]:
        uri = self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not uri:
            raise KeysUnavailableError("no AWS key in the environment, and no container endpoint for one")
        headers = {"Authorization": self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
        try:
            response = await self._client.get(uri, headers=headers, timeout=2.0)
            response.raise_for_status()
            found = response.json()
            key = AccessKey(
                access_key=found["AccessKeyId"], secret_key=found["SecretAccessKey"], security_token=found.get("Token")
            )
            return key, datetime.fromisoformat(found["Expiration"]).timestamp()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailableError(f"the container endpoint gave no key: {type(error).__name__}") from None
