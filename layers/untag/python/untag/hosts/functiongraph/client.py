"""Calls to Huawei Cloud's own services, signed afresh at each try with the agency's keys.

An agency's keys are temporary: they last for a day, and the platform replaces them. So they are read from the context
at each call, and never kept.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from xml.etree import ElementTree as ET

import httpx

from untag.contracts import InvalidInputError
from untag.core import Timing
from untag.hosts.functiongraph.settings import Places
from untag.providers.credentials import AccessKey
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.signing import HuaweiAuth

_TRIES = 3
_CALL_SECONDS = 5.0
_SHORTEST_SECONDS = 0.2
_BACKOFF_SECONDS = 0.1
_BACKOFF_CAP = 1.0

_HOSTS = {"csms": "kms"}
"""The host names that differ from the service's: secrets are a part of Data Encryption Workshop."""


class Keys(Protocol):
    """What a context is asked for here, by FunctionGraph's own names."""

    def getSecurityAccessKey(self) -> str | None:  # noqa: N802
        """The access key of the agency."""

    def getSecuritySecretKey(self) -> str | None:  # noqa: N802
        """Its secret."""

    def getSecurityToken(self) -> str | None:  # noqa: N802
        """The token that belongs to both."""


class HuaweiError(Exception):
    """A call failed. `code` is the service's own, or `connection`, `timeout`, `deadline`, `unreadable`.

    `status` is the HTTP status, 0 where there is none.
    """

    def __init__(self, service: str, operation: str, code: str, status: int = 0, *, transient: bool) -> None:
        super().__init__(f"{service} {operation}: {code}")
        self.code = code
        self.status = status
        self.transient = transient


class Huawei:
    """Calls to the services of one region. `left` gives the seconds that calls still have."""

    def __init__(self, places: Places, client: httpx.AsyncClient, timing: Timing) -> None:
        self.places = places
        self.timing = timing
        self._client = client
        self._context: Keys | None = None
        self.left: Callable[[], float] = lambda: float("inf")

    def begin(self, context: Keys, left: Callable[[], float]) -> None:
        """Use the keys and the time of another invocation."""
        self._context = context
        self.left = left

    def key(self) -> AccessKey:
        """The agency's keys as they are now. Raises InvalidInputError where the function has no agency."""
        context = self._context
        access_key = context.getSecurityAccessKey() if context is not None else None
        if context is None or not access_key:
            raise InvalidInputError.of("the function has no agency: its context holds no keys", "agency")
        return AccessKey.parse(
            {
                "access_key": access_key,
                "secret_key": context.getSecuritySecretKey(),
                "security_token": context.getSecurityToken() or None,
            }
        )

    def auth(self) -> httpx.Auth:
        """What signs a call to any service but OBS. Regional services need no domain's id."""
        key = self.key()
        credentials = HuaweiCloudCredentials.model_construct(
            access_key=key.access_key, secret_key=key.secret_key, security_token=key.security_token, domain_id=""
        )
        return HuaweiAuth(credentials, clock=self.timing.now)

    def endpoint(self, service: str) -> str:
        """Where a service of the region is."""
        public = f"https://{_HOSTS.get(service, service)}.{self.places.region}.myhuaweicloud.com"
        return self.places.endpoints.get(service, public)

    async def json(self, service: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A call that speaks JSON; `path` follows the endpoint. Raises HuaweiError."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        operation, url = f"{method} {path.rpartition('/')[2]}", self.endpoint(service) + path

        def request() -> httpx.Request:
            return httpx.Request(method, url, headers=headers, content=content)

        response = await self.tried(service, operation, request, self.auth)
        try:
            answer = json.loads(response.content or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise HuaweiError(service, operation, "unreadable", response.status_code, transient=True)
        return answer

    async def tried(
        self, service: str, operation: str, request: Callable[[], httpx.Request], auth: Callable[[], httpx.Auth]
    ) -> httpx.Response:
        """The answer of success to a request, made anew and signed anew at each try. Raises HuaweiError."""
        for number in range(_TRIES):
            try:
                return await self._once(service, operation, request(), auth())
            except HuaweiError as error:
                pause = self.timing.jitter(_BACKOFF_SECONDS, number, _BACKOFF_CAP)
                if not error.transient or number + 1 == _TRIES or self.left() < pause + _SHORTEST_SECONDS:
                    raise
                await self.timing.sleep(pause)
        raise AssertionError("the loop returns or raises")

    async def _once(self, service: str, operation: str, request: httpx.Request, auth: httpx.Auth) -> httpx.Response:
        timeout = min(_CALL_SECONDS, self.left())
        if timeout < _SHORTEST_SECONDS:
            raise HuaweiError(service, operation, "deadline", transient=False)
        try:
            async with asyncio.timeout(timeout):
                response = await self._client.send(request, auth=auth)
        except (TimeoutError, httpx.TimeoutException):
            raise HuaweiError(service, operation, "timeout", transient=True) from None
        except (httpx.RequestError, ssl.SSLError, OSError):
            raise HuaweiError(service, operation, "connection", transient=True) from None
        if response.is_success:
            return response
        status = response.status_code
        transient = status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS
        raise HuaweiError(service, operation, _error_code(response) or f"HTTP_{status}", status, transient=transient)


def read_xml(response: httpx.Response) -> ET.Element:
    """An answer of OBS. Raises ET.ParseError."""
    # The service's own answer over TLS; expat limits entity expansion since 2.4.1, which every supported Python has.
    return ET.fromstring(response.content)  # noqa: S314


def _error_code(response: httpx.Response) -> str:
    """The service's code out of an error: OBS's XML, SMN's `code`, the others' `error_code`; empty without one."""
    try:
        if response.content.lstrip().startswith(b"<"):
            return read_xml(response).findtext(".//{*}Code", "")
        answer = json.loads(response.content or b"{}")
    except (ValueError, ET.ParseError):
        return ""
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("error_code") or answer.get("code") or "")[:64]
