"""FunctionGraph as a host."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import httpx

from untag.core import CredentialSource, Timing
from untag.hosts.functiongraph.bells import Bells
from untag.hosts.functiongraph.client import Huawei, Keys
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.outbox import MESSAGE_BYTES, Outbox
from untag.hosts.functiongraph.quarantine import Quarantine
from untag.hosts.functiongraph.queues import Queues
from untag.hosts.functiongraph.secrets import credential_source
from untag.hosts.functiongraph.settings import Places, of_the_package
from untag.hosts.functiongraph.telemetry import Telemetry
from untag.transport import Client, Transport

if TYPE_CHECKING:
    from untag.hosts import base


class FunctionGraph:
    """Messages in OBS, reports to SMN, credentials in CSMS, metrics as lines of JSON.

    What is made here holds no key: the agency's are the context's, and each invocation has its own.
    """

    message_bytes = MESSAGE_BYTES
    kept_bytes = MESSAGE_BYTES
    keeps = True

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Read the variables; raises InvalidInputError that names the one that is wrong. `transport` is for tests."""
        places = Places.from_environment(environ)
        self.environ: Mapping[str, str] = of_the_package(environ)
        self.timing = timing or Timing()
        self._lines = Telemetry()
        self.telemetry: base.Telemetry = self._lines
        self.client: httpx.AsyncClient = Client(transport or Transport())
        self.huawei = Huawei(places, self.client, self.timing)
        self.obs = Obs(self.huawei)
        self.queues = Queues(self.obs, self.timing)
        self.bells = Bells(self.huawei, self._lines)
        self.quarantine: base.Quarantine = Quarantine(self.queues, self.timing)
        self._queue = ""

    def begin(self, queue: str, context: Keys, request_id: str, left: Callable[[], float]) -> None:
        """Begin another invocation: the function's own queue; its keys, its id, its time."""
        self._queue = queue
        self._lines.request_id = request_id
        self.huawei.begin(context, left)

    def credentials(self, source: str) -> CredentialSource:
        """From `env` or `csms:PREFIX`."""
        return credential_source(self.huawei, self.environ, source)

    def outbox(self, left: Callable[[], float]) -> Outbox:
        """The ways out of one invocation."""
        self.huawei.left = left
        return Outbox(self.huawei, self.obs, self.queues, self.bells, self._queue)
