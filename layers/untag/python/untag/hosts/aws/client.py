"""Signed calls to AWS in its wire protocols: JSON (SQS, Secrets Manager), Query (SNS) and REST (Scheduler)."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar
from xml.etree import ElementTree as ET

import httpx

from untag import environment
from untag.core.timing import Timing
from untag.providers.base import Answer, Session
from untag.providers.credentials import Credentials
from untag.providers.host_role import HostRole

TRIES = 3
_CALL_SECONDS = 5.0
_SHORTEST_SECONDS = 0.2
_BACKOFF_SECONDS = 0.1
_BACKOFF_CAP = 1.0

_EMPTY = hashlib.sha256().hexdigest()
_SNS_VERSION = "2010-03-31"
_TRANSIENT = (
    "RequestLimitExceeded",
    "TooManyRequests",
    "InternalError",
    "InternalFailure",
    "ServiceUnavailable",
)

T = TypeVar("T")


class AwsError(Exception):
    """A call to AWS failed. `code` is AWS's own, or `connection`, `timeout`, `deadline`, `unreadable`, `no_key`."""

    def __init__(self, service: str, operation: str, code: str, *, transient: bool) -> None:
        super().__init__(f"{service} {operation}: {code}")
        self.code = code
        self.transient = transient


def is_transient(code: str) -> bool:
    """Whether AWS's code means that the same call may work a moment later."""
    # Throttling, ThrottlingException, Throttled (SNS), RequestThrottled, KmsThrottled (SQS), KMSThrottling (SNS).
    return "throttl" in code.lower() or code.startswith(_TRANSIENT)


def retry_pause(timing: Timing, number: int) -> float:
    """The seconds to wait before the next of `TRIES`; `number` counts the tries before it, from 0."""
    return timing.jitter(_BACKOFF_SECONDS, number, _BACKOFF_CAP)


class Aws:
    """Calls to AWS in one region, signed afresh at each try.

    `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL` are honoured. `left` gives the seconds that calls still have.
    """

    services: ClassVar[Mapping[str, str]] = {
        "sqs": "SQS",
        "sns": "SNS",
        "secretsmanager": "SECRETS_MANAGER",
        "scheduler": "SCHEDULER",
        "s3": "S3",
    }
    """The services that can be called, each with the end of its endpoint's variable."""
    targets: ClassVar[Mapping[str, tuple[str, str]]] = {
        "sqs": ("AmazonSQS", "application/x-amz-json-1.0"),
        "secretsmanager": ("secretsmanager", "application/x-amz-json-1.1"),
    }
    """Those of the JSON protocol, each with the beginning of its operations' names and its content type."""

    def __init__(self, environ: Mapping[str, str], client: httpx.AsyncClient, timing: Timing) -> None:
        self._client = client
        self._timing = timing
        self.region = environment.text(environ, "AWS_REGION", pattern=r"[a-z0-9-]+")
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        role = HostRole(environ, timing.now)
        self._endpoints = {}
        self._auths = {}
        for service, variable in self.services.items():
            own = f"https://{service}.{self.region}.{suffix}"
            everywhere = environment.endpoint(environ, "AWS_ENDPOINT_URL", own)
            self._endpoints[service] = environment.endpoint(environ, f"AWS_ENDPOINT_URL_{variable}", everywhere)
            self._auths[service] = role.auth(service, self.region)
        self.left: Callable[[], float] = lambda: float("inf")

    async def json(self, service: str, operation: str, body: Mapping[str, Any], tries: int = TRIES) -> dict[str, Any]:
        """A call in the JSON protocol. Raises AwsError."""
        prefix, content_type = self.targets[service]
        headers = {"content-type": content_type, "x-amz-target": f"{prefix}.{operation}"}
        content = json.dumps(body).encode()
        return await self._tried(service, operation, headers, content, _read_json, tries)

    async def sns(self, operation: str, parameters: Mapping[str, str]) -> ET.Element:
        """A call to SNS; the answer's element. Raises AwsError."""
        return await self.query("sns", _SNS_VERSION, operation, parameters)

    async def query(self, service: str, version: str, operation: str, parameters: Mapping[str, str]) -> ET.Element:
        """A call in the Query protocol; the answer's element. Raises AwsError."""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        content = form_content({"Action": operation, "Version": version, **parameters})
        return await self._tried(service, operation, headers, content, _read_xml)

    async def rest(self, service: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A call in the REST protocol; `path` is escaped already, with its query. Raises AwsError."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        return await self._tried(service, f"{method} {path}", headers, content, _read_json)

    async def s3_object(self, path: str) -> httpx.Response:
        """An object of a bucket of this region, `/BUCKET/KEY`. Raises AwsError."""
        headers = {"x-amz-content-sha256": _EMPTY}
        return await self._tried("s3", f"GET {path}", headers, b"", lambda response: response)

    async def _tried(
        self,
        service: str,
        operation: str,
        headers: Mapping[str, str],
        content: bytes,
        read: Callable[[httpx.Response], T],
        tries: int = TRIES,
    ) -> T:
        for number in range(tries):
            try:
                return await self._once(service, operation, headers, content, read)
            except AwsError as error:
                pause = retry_pause(self._timing, number)
                if not error.transient or number + 1 == tries or self.left() < pause + _SHORTEST_SECONDS:
                    raise
                await self._timing.sleep(pause)
        raise AssertionError("the loop returns or raises")

    async def _once(
        self,
        service: str,
        operation: str,
        headers: Mapping[str, str],
        content: bytes,
        read: Callable[[httpx.Response], T],
    ) -> T:
        timeout = min(_CALL_SECONDS, self.left())
        if timeout < _SHORTEST_SECONDS:
            raise AwsError(service, operation, "deadline", transient=False)
        method, _, path = operation.rpartition(" ")
        url = f"{self._endpoints[service]}{path if method else '/'}"
        auth = await self._auths[service].current(Session(self._client, Credentials(), httpx.Auth(), timeout))
        if isinstance(auth, Answer):
            raise AwsError(service, operation, "no_key", transient=True)
        try:
            async with asyncio.timeout(timeout):
                request = httpx.Request(method or "POST", url, headers=headers, content=content)
                response = await self._client.send(request, auth=auth)
        except (TimeoutError, httpx.TimeoutException):
            raise AwsError(service, operation, "timeout", transient=True) from None
        except (httpx.RequestError, ssl.SSLError, OSError):
            raise AwsError(service, operation, "connection", transient=True) from None
        if response.status_code == httpx.codes.OK:
            try:
                return read(response)
            except (ValueError, ET.ParseError):
                raise AwsError(service, operation, "unreadable", transient=True) from None
        code = _error_code(response) or f"HTTP_{response.status_code}"
        server = (
            response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        )
        raise AwsError(service, operation, code, transient=server or is_transient(code))


_ESCAPES = {
    code: f"%{code:02X}"
    for code in range(256)
    if not (chr(code).isascii() and (chr(code).isalnum() or chr(code) in "-._~"))
}


def form_content(parameters: Mapping[str, str]) -> bytes:
    """Parameters as a form; the names are AWS's own, and need no escapes.

    The standard library's `urlencode` looks at each character by itself, which for reports costs more than all else
    that is done to send them.
    """
    pairs = (f"{name}={value.encode().decode('latin-1').translate(_ESCAPES)}" for name, value in parameters.items())
    return "&".join(pairs).encode("ascii")


def _read_json(response: httpx.Response) -> dict[str, Any]:
    # By body and never by content type: not every server that speaks this protocol names it rightly.
    answer = json.loads(response.content or b"{}")
    if not isinstance(answer, dict):
        raise ValueError  # noqa: TRY004 - an answer that cannot be read, whatever is wrong with it
    return answer


def _read_xml(response: httpx.Response) -> ET.Element:
    # AWS's own answer over TLS; expat limits entity expansion since 2.4.1, which every supported Python bundles.
    return ET.fromstring(response.content)  # noqa: S314


def _error_code(response: httpx.Response) -> str:
    """AWS's code out of an error in any protocol, without its namespace; empty where there is none."""
    if named := str(response.headers.get("x-amzn-errortype", "")):
        return named.partition(":")[0].rpartition("#")[2]
    try:
        if response.content.lstrip().startswith(b"<"):
            return _read_xml(response).findtext(".//{*}Code", "")
        return str(_read_json(response).get("__type", "")).rpartition("#")[2]
    except (ValueError, ET.ParseError):
        return ""
