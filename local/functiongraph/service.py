"""What the servers of the host's own services have in common: a signature, a log of calls, and faults on order.

Each says what it is asked by `operation`, and does it by `perform`. Whatever it refuses is a `ServiceError`.
"""

import asyncio
import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from local.functiongraph.agency import Agency
from local.providers.calls import Call, CallLog
from local.providers.faults import STATUS_KINDS, WIRE_KINDS, Asked, Fault, Faults
from local.providers.huaweicloud import GATEWAY
from local.providers.huaweicloud_signature import HuaweicloudVerifier, SignatureError
from local.providers.server import spoil
from local.providers.wire import Hangup, Listening, Reply, Request, Response

KINDS = (frozenset(STATUS_KINDS) | frozenset(WIRE_KINDS) | {"delay"}) - {"refuse"}

REGION = "cn-north-4"
PROJECT = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


class ServiceError(Exception):
    """A call is refused: the status, the service's code, and its words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


class Operation(NamedTuple):
    """What is asked: the vendor's name for it, whether it writes, and the names that it speaks of."""

    name: str
    writing: bool
    names: tuple[str, ...] = ()


class Service(Listening, ABC):
    """A service on 127.0.0.1: start, call, look at `calls` and `faults`, stop.

    port      0 takes any free port, and keeps it over stop() and start()
    clock     what a signature's date is held against
    seed      of the Random behind faults with a probability
    """

    name: ClassVar[str]
    """What `UNTAG_ENDPOINTS` calls it."""
    fault_kinds: ClassVar[frozenset[str]] = KINDS

    def __init__(self, agency: Agency, *, port: int = 0, clock: Callable[[], float] = time.time, seed: int = 0) -> None:
        super().__init__(self._answer, port)
        self.agency = agency
        self.clock = clock
        self.calls = CallLog()
        self.faults = Faults(seed, self.fault_kinds)

    # What each service says for itself.

    @abstractmethod
    def claim(self, request: Request) -> tuple[str, str]:
        """The access key and signature that a request bears, unchecked."""

    @abstractmethod
    def operation(self, request: Request) -> Operation:
        """What a request asks for."""

    @abstractmethod
    def verify(self, request: Request) -> str:
        """The name of the account that signed the request."""

    @abstractmethod
    async def perform(self, request: Request, operation: Operation, fault: Fault | None) -> Response:
        """Do it. A fault says that the answer shall report, inside a success, that it was not done."""

    @abstractmethod
    def refusal(self, error: ServiceError, request: Request, request_id: str) -> Response:
        """An error in the service's own envelope."""

    @abstractmethod
    def usual(self, status: int) -> tuple[str, str]:
        """The code and words of the service for a status, where a fault names none."""

    # The way of a call.

    async def _answer(self, request: Request) -> Reply:
        access_key, signature = self.claim(request)
        call = self.calls.begin(request.method, request.path, uuid.uuid4().hex, access_key)
        call.signature = signature
        try:
            reply = await self._carry_out(request, call)
        except ServiceError as error:
            call.code = error.code
            reply = self.refusal(error, request, call.request_id)
        except BaseException:  # the server stops, or has a bug: either way no call is left open
            self.calls.finish(call)
            raise
        if isinstance(reply, Hangup):
            return replace(reply, done=lambda: self.calls.finish(call))
        call.status = reply.status
        self.calls.finish(call)
        return reply

    async def _carry_out(self, request: Request, call: Call) -> Reply:
        operation = self.operation(request)
        call.operation, call.writing, call.ids = operation
        call.account = self.verify(request)
        verdict = self.faults.judge(Asked(operation.name, operation.writing, call.account, operation.names, ()))
        call.fault = "+".join(verdict.names)
        await asyncio.sleep(verdict.delay_before)
        ending = verdict.ending
        proper = None
        if ending is None or ending.takes_effect:
            proper = await self.perform(request, operation, next(iter(verdict.failing.values()), None))
        await asyncio.sleep(verdict.delay_after)
        if ending is None and proper is not None:
            return proper
        if ending is None or ending.do in STATUS_KINDS:
            return self._fail(ending or Fault("status"), request, call)
        return spoil(ending, proper)

    def _fail(self, fault: Fault, request: Request, call: Call) -> Response:
        status = fault.status or STATUS_KINDS[fault.do]
        code, message = self.usual(status)
        call.code = fault.code or code
        response = self.refusal(ServiceError(status, call.code, fault.message or message), request, call.request_id)
        if fault.retry_after is None:
            return response
        return replace(response, headers=(*response.headers, ("Retry-After", fault.retry_after)))


class GatewayService(Service):
    """A service behind Huawei Cloud's gateway: JSON, and the SDK-HMAC-SHA256 signature. Its paths name a project."""

    codes: ClassVar[dict[int, tuple[str, str]]] = {}
    """The service's own code and words by status; for others the gateway's."""

    def __init__(
        self,
        agency: Agency,
        *,
        region: str = REGION,
        project: str = PROJECT,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        super().__init__(agency, port=port, clock=clock, seed=seed)
        self.region = region
        self.project = project
        self.verifier = HuaweicloudVerifier(agency.accounts, clock)

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def verify(self, request: Request) -> str:
        """The account's name; else 401 APIGW.0301 with the gateway's words."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            code, words = GATEWAY[401]
            raise ServiceError(401, code, f"{words}: {error}") from None

    def usual(self, status: int) -> tuple[str, str]:
        """The service's own words, else the gateway's."""
        return self.codes.get(status) or GATEWAY.get(status, ("APIGW.0201", f"status {status}"))

    def refusal(self, error: ServiceError, request: Request, request_id: str) -> Response:  # noqa: ARG002 - of a Service
        """`{"error_code", "error_msg", "request_id"}`, as the gateway and most services have it."""
        document = {"error_code": error.code, "error_msg": error.message, "request_id": request_id}
        return answer(error.status, document, request_id)

    def check_project(self, project: str) -> None:
        """A project that is not this one is none that the keys are good for."""
        if project != self.project:
            raise ServiceError(403, *GATEWAY[403])

    @staticmethod
    def no_such_api() -> ServiceError:
        """A path that the gateway does not know."""
        return ServiceError(404, *GATEWAY[404])


def answer(status: int, document: Any, request_id: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON answer."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(status, body, (("X-Request-Id", request_id), *headers))
