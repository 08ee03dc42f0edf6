"""AWS Lambda as a host."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from untag.contracts import InvalidInputError
from untag.core import CredentialSource, Timing
from untag.core.credential_sources import environment_credentials, file_credentials
from untag.hosts.aws.client import Aws
from untag.hosts.aws.kept import INPUT_BYTES
from untag.hosts.aws.outbox import SQS_BYTES, Outbox
from untag.hosts.aws.quarantine import Quarantine
from untag.hosts.aws.secrets import secret_credentials
from untag.hosts.aws.settings import Places
from untag.hosts.aws.telemetry import Telemetry
from untag.transport import Client, Transport

if TYPE_CHECKING:
    from untag.hosts import base


class Lambda:
    """Records from SQS, results to SQS and SNS, credentials in Secrets Manager, metrics as EMF lines.

    Under SnapStart a snapshot is taken of what is made here, and many environments start from it. So nothing made here
    holds a key, a socket, a time or anything by chance; such things come with the first invocation.
    """

    message_bytes = SQS_BYTES
    kept_bytes = INPUT_BYTES

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        continues: bool,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the environment; raises InvalidInputError that names the variable. `transport` is for tests."""
        self.environ = environ
        self.timing = timing or Timing()
        self._places = Places.from_environment(environ, continues=continues)
        self.keeps = bool(self._places.schedule_group)
        self.telemetry: base.Telemetry = Telemetry()
        # No proxies out of the environment, and one transport with one TLS context for all calls.
        self.client: httpx.AsyncClient = Client(transport or Transport())
        self.aws = Aws(environ, self.client, self.timing)
        self.quarantine: base.Quarantine = Quarantine(self.aws)

    def credentials(self, source: str) -> CredentialSource:
        """From `env`, `file:PATH` or `secretsmanager:PREFIX`. Raises InvalidInputError for any other source."""
        kind, _, place = source.partition(":")
        if kind == "env":
            return partial(environment_credentials, self.environ)
        if kind == "file":
            return partial(file_credentials, Path(place))
        if kind != "secretsmanager":
            raise InvalidInputError.of("should be secretsmanager:PREFIX, file:PATH or env on AWS", "UNTAG_CREDENTIALS")
        return partial(secret_credentials, self.aws, place.rstrip("/"))

    def outbox(self, left: Callable[[], float]) -> Outbox:
        """The ways out of one invocation."""
        self.aws.left = left
        return Outbox(self.aws, self.timing, self._places)
