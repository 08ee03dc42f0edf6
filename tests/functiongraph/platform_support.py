"""FunctionGraph as the handlers of `index.py` see it: a context with the real names, and local services behind it."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from local.functiongraph import (
    Agency,
    CsmsServer,
    FunctionGraphServer,
    ObsServer,
    PlainFunctions,
    SmnServer,
    endpoints,
)
from local.functiongraph.bucket import Bucket, StoredObject
from local.providers import HuaweicloudTmsServer, JdcloudServer
from untag.core import Timing
from untag.transport import Transport

if TYPE_CHECKING:
    import httpx

INDEX = Path(__file__).parents[2] / "deploy" / "functiongraph" / "code" / "index.py"
VECTORS = Path(__file__).parents[1] / "vectors" / "events" / "functiongraph"
NOW = 1_780_000_000.0
BUCKET = "untag"


class Context:
    """FunctionGraph's context: these names and no others. Two of them must not be used any more."""

    def __init__(self, platform: "Platform", request_id: str, seconds: float) -> None:
        self._platform = platform
        self._request_id = request_id
        self._seconds = seconds

    def getRequestID(self) -> str:  # noqa: N802
        return self._request_id

    def getRemainingTimeInMilliSeconds(self) -> int:  # noqa: N802
        return int(self._seconds * 1000)

    def getUserData(self, key: str) -> str | None:  # noqa: N802
        return json.dumps(self._platform.variables) if key == "UNTAG" else None

    def getSecurityAccessKey(self) -> str:  # noqa: N802
        return self._platform.agency.keys.access_key

    def getSecuritySecretKey(self) -> str:  # noqa: N802
        return self._platform.agency.keys.secret_key

    def getSecurityToken(self) -> str:  # noqa: N802
        return self._platform.agency.keys.security_token

    def getAccessKey(self) -> str:  # noqa: N802
        raise AssertionError("no longer maintained")

    def getSecretKey(self) -> str:  # noqa: N802
        raise AssertionError("no longer maintained")


class Platform:
    """The services, the clouds and the functions, each call of which is a new invocation in one process."""

    def __init__(self, services: ExitStack) -> None:
        self.time = NOW
        self.agency = Agency()
        self.lost_bells = False
        self.transport: Callable[[], httpx.AsyncBaseTransport] = Transport
        """What makes the way out of a process."""
        self.seconds = 120.0
        self.obs = services.enter_context(ObsServer(self.agency, (BUCKET,), clock=self.now))
        self.smn = services.enter_context(SmnServer(self.agency, clock=self.now))
        self.csms = services.enter_context(CsmsServer(self.agency, clock=self.now))
        names = {"untag-remove": "remove", "untag-decommission": "decommission", "untag-sweep": "sweep"}
        self.functions = PlainFunctions({name: self._handler(handler) for name, handler in names.items()})
        self.api = services.enter_context(FunctionGraphServer(self.agency, functions=self.functions, clock=self.now))
        self.jdcloud = services.enter_context(JdcloudServer())
        self.tms = services.enter_context(HuaweicloudTmsServer())
        self.csms.put("untag-jdcloud-default", json.dumps(self.jdcloud.secrets["default"]))
        self.endpoints = f"{endpoints(self.obs, self.smn, self.csms, self.api)}"
        self.endpoints += f",{self.jdcloud.api}={self.jdcloud.url},{self.tms.api}={self.tms.url}"
        self.variables = {
            "UNTAG_BUCKET": BUCKET,
            "UNTAG_TOPIC_URN": self.smn.add_topic(),
            "UNTAG_REMOVE_FUNCTION": "untag-remove",
            "UNTAG_DECOMMISSION_FUNCTION": "untag-decommission",
            "UNTAG_SWEEP_FUNCTION": self.api.urn("untag-sweep"),
            "UNTAG_CREDENTIALS": "csms:untag",
            "UNTAG_ENDPOINTS": self.endpoints,
        }
        self.index = self.new_process()
        self._requests = 0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds

    def new_process(self) -> ModuleType:
        """The module of the handlers, as a process imports it."""
        spec = importlib.util.spec_from_file_location("index_of_functiongraph", INDEX)
        assert spec is not None
        assert spec.loader is not None
        self.index = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.index)
        process = self.index.process
        process.timing = Timing(now=self.now, monotonic=self.now, sleep=self.sleep, chance=lambda: 0.5)
        process.transport = self.transport()
        return self.index

    def end(self) -> None:
        """End the process with all that still runs in it."""
        _, runtime = self.index.process.initialize(self.context())
        runtime.close()

    def context(self) -> Context:
        self._requests += 1
        return Context(self, f"request-{self._requests}", self.seconds)

    def invoke(self, handler: str, event: Any) -> Any:
        """Call a handler; its answer has to be JSON."""
        return json.loads(json.dumps(getattr(self.index, handler)(event, self.context())))

    def ring(self) -> None:
        """Run what was invoked asynchronously up to now, or lose it."""
        if self.lost_bells:
            self.functions.bells.clear()
            return
        for outcome in self.functions.ring():
            assert not outcome.error, outcome.body

    def minute(self) -> dict[str, Any]:
        """A minute later the timer fires, and its bells are heard."""
        self.time += 60
        answer: dict[str, Any] = self.invoke("due", event("timer"))
        self.ring()
        return answer

    def send(self, body: Any, id_: str = "m-1", handler: str = "remove") -> Any:
        """Publish on the topic that a function is subscribed to."""
        record = event("smn_removal")
        record["record"][0]["smn"] |= {
            "message": body if isinstance(body, str) else json.dumps(body),
            "message_id": id_,
        }
        return self.invoke(handler, record)

    def tag(self, count: int, **tags: str) -> None:
        """Give so many machines at JD Cloud these tags."""
        for number in range(1, count + 1):
            for key, value in tags.items():
                self.jdcloud.tags.put("cn-north-1", "vm", f"i-{number}", key, value)

    @property
    def bucket(self) -> Bucket:
        return self.obs.buckets[BUCKET]

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [one.body for one in self.smn.published]

    def queued(self, queue: str = "work") -> list[str]:
        return self.bucket.keys(f"{queue}/")

    def _handler(self, handler: str) -> Callable[[Any], Any]:
        return lambda event: self.invoke(handler, event)


@contextmanager
def platform() -> Iterator[Platform]:
    """Everything up, and down again."""
    with ExitStack() as services:
        made = Platform(services)
        yield made
        made.end()


def event(name: str) -> Any:
    """A sample of what a trigger hands over."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def request(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A request for one tag of one machine at JD Cloud."""
    return {
        "id": f"req-{number}",
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": [f"i-{number}"]}],
        "tags": [{"key": "env"}],
        **fields,
    }


def stored(body: Any) -> StoredObject:
    """A message's body as an object of the queue."""
    return StoredObject(json.dumps(body).encode())
