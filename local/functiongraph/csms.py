"""Cloud Secret Management Service: versions of secrets, read by name.

    GET /v1/{project_id}/secrets/{secret_name}/versions/{version_id}      "latest" in place of an id

Shapes: huaweicloudsdkcsms 3.1.219. The page of error codes has 400 for a secret that does not exist, while the
operation's own page speaks of 404; `missing` says which of both is answered.
"""

import re
import threading
import uuid
from typing import Any, ClassVar
from urllib.parse import unquote

from local.functiongraph.service import GatewayService, Operation, ServiceError, answer
from local.providers.faults import Fault
from local.providers.wire import Request, Response

SECRET_BYTES = 32 * 1024
LATEST = "latest"

_PATH = re.compile(r"/v1/([^/]+)/secrets/([^/]+)/versions/([^/]+)")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CsmsServer(GatewayService):
    """CSMS with its secrets."""

    name: ClassVar[str] = "csms"
    codes: ClassVar[dict[int, tuple[str, str]]] = {
        400: ("CSMS.0002", "The value of parameter is invalid."),
        500: ("CSMS.0001", "Internal error."),
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.missing = (400, "CSMS.0106", "The secret name not found int the db.")
        self._lock = threading.Lock()
        self._versions: dict[str, list[tuple[str, str, int]]] = {}

    def put(self, name: str, text: str) -> None:
        """Make a secret, or a new version of it."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a secret: letters, digits, _ and -, at most 64")
        if len(text.encode()) > SECRET_BYTES:
            raise ValueError(f"a secret has at most {SECRET_BYTES} bytes")
        with self._lock:
            versions = self._versions.setdefault(name, [])
            versions.append((f"v{len(versions) + 1}", text, int(self.clock() * 1000)))

    def remove(self, name: str) -> None:
        """Delete a secret with all its versions."""
        with self._lock:
            self._versions.pop(name, None)

    def operation(self, request: Request) -> Operation:
        """There is one."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "GET":
            raise self.no_such_api()
        return Operation("ShowSecretVersion", writing=False, names=(unquote(match[2]),))

    async def perform(self, request: Request, operation: Operation, fault: Fault | None) -> Response:  # noqa: ARG002
        """The version with its secret."""
        match = _PATH.fullmatch(request.path)
        version = unquote(match[3]) if match is not None else LATEST
        if match is not None:
            self.check_project(match[1])
        (name,) = operation.names
        if not _NAME.fullmatch(name):
            raise ServiceError(400, *self.codes[400])
        with self._lock:
            versions = list(self._versions.get(name, []))
        found = next((one for one in reversed(versions) if version in (LATEST, one[0])), None)
        if found is None:
            raise ServiceError(*self.missing)
        id_, text, created = found
        stages = ["SYSCURRENT"] if found is versions[-1] else []
        metadata = {
            "id": id_,
            "create_time": created,
            "kms_key_id": "b168fe00ff56492495a7d22974df2d0b",
            "secret_name": name,
            "version_stages": stages,
        }
        document = {"version": {"version_metadata": metadata, "secret_string": text}}
        return answer(200, document, uuid.uuid4().hex)
