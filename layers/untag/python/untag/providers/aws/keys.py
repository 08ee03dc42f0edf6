"""Finds the key that signs an account's AWS calls: its own, the host's role, or a role that is assumed."""

import re
import time
from collections.abc import Callable, Mapping
from functools import partial

import httpx

from untag.providers.aws.answers import refuses_key
from untag.providers.aws.arns import partition_of
from untag.providers.aws.credentials import AwsCredentials, AwsSession
from untag.providers.aws.sts import assume_role, caller_account
from untag.providers.base import Answer, Session
from untag.providers.credentials import AccessKey
from untag.providers.host_role import HostRole
from untag.providers.signing import AWS4, DerivedKeyAuth
from untag.providers.tokens import Issued, TokenAuth, TokenStore


class Keys:
    """Gives what signs an account's calls, and the number of the account.

    `environ` holds the host's own keys, or where they are given out. `endpoint` replaces STS's public one.
    """

    def __init__(
        self, environ: Mapping[str, str], endpoint: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._environ = environ
        self._endpoint = endpoint
        self._clock = clock
        self._host = HostRole(environ, clock)
        self._roles: TokenStore[AccessKey] = TokenStore(clock)
        self._numbers: TokenStore[str] = TokenStore(clock)

    def auth(self, credentials: AwsCredentials, service: str, region: str) -> httpx.Auth:
        """What signs calls to a service in a region."""

        def signer(key: AccessKey) -> httpx.Auth:
            return DerivedKeyAuth(AWS4, key, region=region, service=service, clock=self._clock)

        if (own := credentials.key()) is not None:
            return signer(own)
        if (role := credentials.role_arn) is None:
            return self._host.auth(service, region, refuses_key)
        tokens = self._roles.of((role, credentials.external_id), partial(self._assume, credentials, region))
        return TokenAuth(tokens, signer, refuses_key)

    async def account(self, session: AwsSession, region: str) -> str | Answer:
        """The number of the account that the session's credentials belong to."""
        credentials = session.credentials
        if credentials.role_arn is not None:
            return credentials.role_arn.split(":")[4]
        numbers = self._numbers.of(credentials.key(), partial(self._identify, credentials, region))
        return await numbers.get(session._replace(trail=None))

    async def _assume(self, credentials: AwsCredentials, region: str, session: Session) -> Issued[AccessKey] | Answer:
        sts = self._sts(AwsCredentials(), region, session)
        return await assume_role(*sts, credentials.role_arn or "", credentials.external_id, self._session_name())

    async def _identify(self, credentials: AwsCredentials, region: str, session: Session) -> Issued[str] | Answer:
        return await caller_account(*self._sts(credentials, region, session))

    def _sts(self, credentials: AwsCredentials, region: str, session: Session) -> tuple[Session, str]:
        """The session and the endpoint of a call to STS, in the host's own region where it is of the same partition."""
        partition = partition_of(region)
        own = self._environ.get("AWS_REGION", "")
        if own and partition_of(own) == partition:
            region = own
        endpoint = self._endpoint or f"https://sts.{region}.{partition.suffix}"
        return session._replace(credentials=credentials, auth=self.auth(credentials, "sts", region)), endpoint

    def _session_name(self) -> str:
        """Seen in the other account's trail."""
        function = re.sub(r"[^\w+=,.@-]", "-", self._environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), flags=re.ASCII)
        return f"untag-{function}"[:64].rstrip("-")
