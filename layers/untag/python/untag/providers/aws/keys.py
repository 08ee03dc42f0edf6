"""The keys that calls are signed with: an account's own, the host's, or a role's that was assumed with the host's.

Keys that expire are renewed ahead of time, once for all callers. A provider keeps one ring for its process; nothing is
read before the first call, since what is read while a process starts would be part of its snapshot.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from untag.providers.aws.arns import partition_of
from untag.providers.aws.credentials import CONTAINER_URI, AwsCredentials, AwsSession
from untag.providers.aws.sts import Assumed, assume_role, caller_account
from untag.providers.base import Answer, Session, Verdict
from untag.providers.credentials import AccessKey
from untag.providers.http import call
from untag.providers.signing import AWS4, DerivedKeyAuth

_EARLY_SECONDS = 300.0
"""A key is renewed this long before it expires."""

_REFUSED_SECONDS = 30.0
"""A role that could not be assumed for a lasting reason is not asked for again within this time."""

_MOST_KEYS = 256
"""Keys that are kept: as a rule one for each account, and one for each rotation of a secret."""

_CONTAINER_BYTES = 64 * 1024


@dataclass(slots=True, eq=False)
class Key:
    """A key in use; `renewable` says that another one can be had in its place."""

    key: AccessKey
    expires: float = float("inf")
    renewable: bool = False
    account: str | None = None
    signers: dict[tuple[str, str], DerivedKeyAuth] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def signer(self, service: str, region: str) -> DerivedKeyAuth:
        """What signs calls to a service in a region."""
        if (service, region) not in self.signers:
            self.signers[service, region] = DerivedKeyAuth(AWS4, self.key, region=region, service=service)
        return self.signers[service, region]


@dataclass(slots=True, eq=False)
class _Source:
    """Where a key that expires comes from: the last one, and one renewal at a time."""

    key: Key | None = None
    refused: Answer | None = None
    refused_until: float = 0.0
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeyRing:
    """Gives the key for an account's call, and the number of the account that it belongs to.

    `environ` holds the host's own keys, or where they are given out. `endpoint` replaces STS's public one.
    """

    def __init__(
        self, environ: Mapping[str, str], endpoint: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._environ = environ
        self._endpoint = endpoint
        self._clock = clock
        self._fixed: dict[AccessKey, Key] = {}
        self._container = _Source()
        self._roles: dict[tuple[str, str | None], _Source] = {}

    async def key(self, session: AwsSession, region: str) -> Key | Answer:
        """The key for the session's credentials, good for some minutes yet; an Answer says why there is none."""
        try:
            async with asyncio.timeout(session.timeout):
                if session.credentials.role_arn is None:
                    return await self._own(session)
                return await self._assumed(session, region)
        except TimeoutError:
            return Answer(Verdict.UNAVAILABLE, "timeout", f"no key within {session.timeout:.1f} s")

    async def account(self, session: AwsSession, key: Key, region: str) -> str | Answer:
        """The number of the account that the session's credentials belong to."""
        if session.credentials.role_arn is not None:
            return session.credentials.role_arn.split(":")[4]
        try:
            async with asyncio.timeout(session.timeout), key.asking:
                if key.account is None:
                    number = await caller_account(*self._sts(session, key, region))
                    if isinstance(number, Answer):
                        return number
                    key.account = number
                return key.account
        except TimeoutError:
            return Answer(Verdict.UNAVAILABLE, "timeout", f"no account number within {session.timeout:.1f} s")

    def renews(self, key: Key) -> bool:
        """Give up a key that was refused; whether another one can be had in its place."""
        for source in (self._container, *self._roles.values()):
            if source.key is key:
                source.key = None
        return key.renewable

    def _sts(self, session: AwsSession, key: Key, region: str) -> tuple[Session, str]:
        """The session and the endpoint of a call to STS, in the host's own region where it is of the same partition."""
        partition = partition_of(region)
        own = self._environ.get("AWS_REGION", "")
        if own and partition_of(own) == partition:
            region = own
        endpoint = self._endpoint or f"https://sts.{region}.{partition.suffix}"
        return Session(session.client, key.key, key.signer("sts", region), session.timeout), endpoint

    async def _own(self, session: AwsSession) -> Key | Answer:
        """The account's own key; without one the host's."""
        key = _access_key(session.credentials) or self._host_key()
        return self._kept(key) if key is not None else await self._from_container(session)

    def _host_key(self) -> AccessKey | None:
        fields = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        access_key, secret_key, token = (self._environ.get(name) or None for name in fields)
        if access_key is None or secret_key is None:
            return None
        return AccessKey(access_key=access_key, secret_key=secret_key, security_token=token)

    def _kept(self, key: AccessKey) -> Key:
        if key not in self._fixed:
            if len(self._fixed) >= _MOST_KEYS:
                self._fixed.clear()
            self._fixed[key] = Key(key)
        return self._fixed[key]

    async def _from_container(self, session: AwsSession) -> Key | Answer:
        async def ask() -> Assumed | Answer:
            uri = self._environ.get(CONTAINER_URI)
            if not uri:
                return Answer(Verdict.FAILED, "no_credentials", "the host has no AWS role of its own")
            asking = session._replace(auth=httpx.Auth(), trail=None)
            headers = {"authorization": self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")}
            reply = await call(asking, "GET", uri, headers=headers, limit=_CONTAINER_BYTES)
            if isinstance(reply, Answer):
                return Answer(Verdict.UNAVAILABLE, reply.code, f"the host's endpoint for keys: {reply.message}")
            found = reply.json()
            try:
                key = AccessKey(
                    access_key=found["AccessKeyId"],
                    secret_key=found["SecretAccessKey"],
                    security_token=found.get("Token"),
                )
                return Assumed(key, datetime.fromisoformat(found["Expiration"]).timestamp())
            except (ValueError, KeyError, TypeError, AttributeError):
                return Answer(Verdict.UNAVAILABLE, "no_key", f"the host's endpoint for keys: HTTP {reply.status}")

        return await self._renewed(self._container, ask)

    async def _assumed(self, session: AwsSession, region: str) -> Key | Answer:
        role, external_id = session.credentials.role_arn or "", session.credentials.external_id
        if (role, external_id) not in self._roles and len(self._roles) >= _MOST_KEYS:
            self._roles.clear()
        source = self._roles.setdefault((role, external_id), _Source())

        async def ask() -> Assumed | Answer:
            host = session._replace(credentials=AwsCredentials(), trail=None)
            for again in (True, False):
                own = await self._own(host)
                if isinstance(own, Answer):
                    return own
                sts, endpoint = self._sts(session, own, region)
                found = await assume_role(sts, endpoint, role, external_id, self._session_name())
                refused = isinstance(found, Answer) and found.verdict is Verdict.UNAUTHORIZED
                # Where the host's own key is refused, it is read anew once.
                if not (refused and again and self.renews(own)):
                    return found
            raise AssertionError("the loop returns")

        return await self._renewed(source, ask)

    async def _renewed(self, source: _Source, ask: Callable[[], Awaitable[Assumed | Answer]]) -> Key | Answer:
        """The source's key, renewed where it is about to expire. One that is good yet outlives a failed renewal."""
        async with source.renewing:
            now = self._clock()
            if source.key is not None and now < source.key.expires - _EARLY_SECONDS:
                return source.key
            if source.refused is not None and now < source.refused_until:
                return source.refused
            found = await ask()
            if isinstance(found, Answer):
                if found.verdict is Verdict.FAILED:
                    source.refused, source.refused_until = found, now + _REFUSED_SECONDS
                good_yet = source.key is not None and now < source.key.expires
                return source.key if source.key is not None and good_yet else found
            source.refused = None
            source.key = Key(found.key, found.expires, renewable=True)
            return source.key

    def _session_name(self) -> str:
        """Seen in the other account's trail."""
        function = re.sub(r"[^\w+=,.@-]", "-", self._environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), flags=re.ASCII)
        return f"untag-{function}"[:64].rstrip("-")


def _access_key(credentials: AwsCredentials) -> AccessKey | None:
    if credentials.access_key is None or credentials.secret_key is None:
        return None
    return AccessKey(
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        security_token=credentials.security_token,
    )
