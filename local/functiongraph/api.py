"""FunctionGraph's API, as much of it as calls functions.

    POST /v2/{project_id}/fgs/functions/{function_urn}/invocations          waits for the answer
    POST /v2/{project_id}/fgs/functions/{function_urn}/invocations-async    202, and the function runs later

Who runs the functions is no business of the API: it hands every call to a `Functions`. Shapes:
huaweicloudsdkfunctiongraph 3.1.219. Codes: the error codes in FunctionGraph's API Reference.
"""

import asyncio
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import unquote

from local.functiongraph.service import GatewayService, Operation, ServiceError, answer
from local.providers.faults import Fault
from local.providers.wire import Request, Response

ASYNC_BYTES = 256 * 1024
REQUEST_BYTES = 6 * 1024 * 1024
SYNC_SECONDS = 90.0
"""The gateway waits so long for an answer, whatever the function's time-out is; the function runs on."""
URN = re.compile(r"urn:fss:([^:]+):([^:]+):function:([^:]+):([^:]+)(?::([^:]+))?")

_PATH = re.compile(r"/v2/([^/]+)/fgs/functions/([^/]+)/(invocations|invocations-async)")


def urn(region: str, project: str, function: str) -> str:
    """The URN of a function's latest version."""
    return f"urn:fss:{region}:{project}:function:default:{function}:latest"


@dataclass(frozen=True)
class Outcome:
    """What one invocation came to: its answer as JSON, or an error's body."""

    request_id: str
    body: bytes
    error: str = ""
    """Empty, or the error's type: the handler's own, or one of the platform's."""
    log: tuple[str, ...] = ()

    @property
    def value(self) -> Any:
        """The answer, parsed."""
        return json.loads(self.body) if self.body else None


class Functions(Protocol):
    """Runs functions, by their names."""

    def knows(self, function: str) -> bool:
        """Whether there is such a function."""

    def invoke(self, function: str, body: bytes) -> Outcome:
        """Run it and wait."""

    def invoke_async(self, function: str, body: bytes) -> str:
        """Have it run later; gives the request's id."""


class Bell(NamedTuple):
    """An asynchronous request that was accepted."""

    function: str
    body: bytes
    request_id: str


class PlainFunctions:
    """Functions in this process: each is called with the parsed event. Asynchronous requests wait for `ring`."""

    def __init__(self, functions: Mapping[str, Callable[[Any], Any]]) -> None:
        self.functions = dict(functions)
        self.bells: list[Bell] = []
        self._lock = threading.Lock()

    def knows(self, function: str) -> bool:
        """Whether there is such a function."""
        return function in self.functions

    def invoke(self, function: str, body: bytes) -> Outcome:
        """Call it now. An exception becomes the error's body, as the platform writes it."""
        request_id = str(uuid.uuid4())
        try:
            value = self.functions[function](json.loads(body))
            return Outcome(request_id, json.dumps(value).encode())
        except Exception as error:  # noqa: BLE001 - whatever a function raises becomes its answer
            kind = type(error).__name__
            failure = {"errorMessage": str(error), "errorType": kind, "stackTrace": []}
            return Outcome(request_id, json.dumps(failure).encode(), kind)

    def invoke_async(self, function: str, body: bytes) -> str:
        """Keep the request for `ring`."""
        bell = Bell(function, body, str(uuid.uuid4()))
        with self._lock:
            self.bells.append(bell)
        return bell.request_id

    def ring(self) -> list[Outcome]:
        """Run what was accepted up to now, once each."""
        with self._lock:
            bells, self.bells = self.bells, []
        return [self.invoke(bell.function, bell.body) for bell in bells]


class FunctionGraphServer(GatewayService):
    """FunctionGraph's API over `functions`, which may be replaced at any time."""

    name: ClassVar[str] = "functiongraph"
    codes: ClassVar[dict[int, tuple[str, str]]] = {
        400: ("FSS.0400", "Invalid parameter."),
        403: ("FSS.0403", "Forbidden"),
        404: ("FSS.1051", "The function does not exist."),
        413: ("FSS.0413", "The request body is too large."),
        429: ("FSS.0429", "Too many requests."),
        500: ("FSS.0500", "Internal server error."),
        503: ("FSS.0503", "Service unavailable."),
        504: ("FSS.0504", "Gateway timeout."),
    }

    def __init__(self, *arguments: Any, functions: Functions, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.functions = functions
        self.sync_seconds = SYNC_SECONDS

    def urn(self, function: str) -> str:
        """The URN of a function here."""
        return urn(self.region, self.project, function)

    def operation(self, request: Request) -> Operation:
        """Which of both."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            raise self.no_such_api()
        name = "InvokeFunction" if match[3] == "invocations" else "AsyncInvokeFunction"
        return Operation(name, writing=True, names=(unquote(match[2]),))

    async def perform(self, request: Request, operation: Operation, fault: Fault | None) -> Response:  # noqa: ARG002
        """Hand the call over."""
        function = self._function(request, operation.names[0])
        waits = operation.name == "InvokeFunction"
        if len(request.body) > (REQUEST_BYTES if waits else ASYNC_BYTES):
            raise ServiceError(413, *self.codes[413])
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ServiceError(400, *self.codes[400])
        if not waits:
            request_id = self.functions.invoke_async(function, request.body)
            return answer(202, {"request_id": request_id}, request_id)
        running = asyncio.create_task(asyncio.to_thread(self.functions.invoke, function, request.body))
        done, _ = await asyncio.wait([running], timeout=self.sync_seconds)
        if not done:
            raise ServiceError(504, *self.codes[504])
        return _answered(running.result(), request)

    def _function(self, request: Request, named: str) -> str:
        match = _PATH.fullmatch(request.path)
        if match is not None:
            self.check_project(match[1])
        parts = URN.fullmatch(named)
        if parts is None:
            raise ServiceError(400, *self.codes[400])
        region, project, package, function, version = parts.groups()
        here = (region, project, package) == (self.region, self.project, "default")
        if not here or version not in {None, "latest"} or not self.functions.knows(function):
            raise ServiceError(404, *self.codes[404])
        return function


def _answered(outcome: Outcome, request: Request) -> Response:
    """The answer as text, or with the request's version v1 as a document around it."""
    headers: tuple[tuple[str, str], ...] = (("X-Cff-Request-Id", outcome.request_id),)
    if outcome.error:
        headers = (*headers, ("X-Is-Func-Err", "true"), ("X-Func-Err-Code", outcome.error))
    if request.header("x-cff-request-version") != "v1":
        return Response(200, outcome.body or b"null", headers)
    document = {
        "request_id": outcome.request_id,
        "result": outcome.body.decode("utf-8", "replace"),
        "log": "\n".join(outcome.log)[-4096:] if request.header("x-cff-log-type") == "tail" else "",
        "status": 200,
    }
    return answer(200, document, outcome.request_id, headers)
