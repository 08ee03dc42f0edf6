"""What Huawei Cloud's services on this machine have in common: the gateway before them, and whose key it is.

The gateway's codes and words are those of the API Request Signing Guide; what the services say is their own.
"""

import json
from collections.abc import Mapping
from itertools import cycle
from typing import Any, ClassVar, Literal

from local.providers import huaweicloud_shapes as shapes
from local.providers.accounts import Account, Resource, made_up
from local.providers.huaweicloud_signature import (
    LOCK_TIME,
    MAX_FAILURES,
    MAX_SKEW,
    HuaweicloudVerifier,
    SignatureError,
)
from local.providers.server import Answer, ProviderServer, Refusal
from local.providers.wire import Request, Response

# code and message by HTTP status, as the gateway says them (API Request Signing Guide, error codes).
GATEWAY = {
    400: ("APIGW.0201", "Bad request"),
    401: ("APIGW.0301", "Incorrect IAM authentication information"),
    403: ("APIGW.0302", "The IAM user is not authorized to access the API"),
    404: ("APIGW.0101", "The API does not exist or has not been published in the environment"),
    413: ("APIGW.0201", "Request entity too large"),
    429: (
        "APIGW.0308",
        "The throttling threshold has been reached: policy user over ratelimit,limit:10,time:1 minute",
    ),
    500: ("APIGW.0606", "Failed to load the API configuration"),
    502: ("APIGW.0201", "Backend unavailable"),
    503: ("APIGW.0201", "Service unavailable"),
    504: ("APIGW.0201", "Backend timeout"),
}


SAMPLES_DOMAIN = "7e0d78c85***d0b9b7cba"
"""The account in CTS's documented sample of a trace, as it is printed there. It stands for the account "default" here,
so that the sample finds something to do."""


class HuaweicloudServer(ProviderServer):
    """A service behind the gateway; the SDK-HMAC-SHA256 signature is checked.

    Two attributes may be set at any time:

    error_shape    the shape of every error, the gateway's and those inside an answer of success included: one of
                   `shapes.SHAPES`, or `shapes.IN_TURN` for every shape, the next one for each error. None: as the
                   service's own pages have it
    empty_lists    what stands for a list without elements in an answer of success: "list", "null", or "left_out".
                   Left out is only a list that is all there is in the answer; elsewhere null stands for it
    """

    provider: ClassVar[str] = "huaweicloud"
    max_body: ClassVar[int] = 12 * 1024 * 1024
    default_credentials: ClassVar[Mapping[str, Account]] = {
        "FAKEAKFAKEAKFAKEAK00": Account(
            "fake-secret-key-not-real-0123456789abcdefgh",
            domain_id="00000000000000000000000000d0ma1n",
        ),
    }

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        max_skew: float = MAX_SKEW,
        max_failures: int = MAX_FAILURES,
        lock_time: float = LOCK_TIME,
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.verifier = HuaweicloudVerifier(self.credentials, self.clock, max_skew, max_failures, lock_time)
        self.empty_lists: Literal["list", "null", "left_out"] = "list"
        self._error_shape: str | None = None
        self._shapes = cycle(shapes.SHAPES)

    @property
    def error_shape(self) -> str | None:
        """The shape of every error."""
        return self._error_shape

    @error_shape.setter
    def error_shape(self, shape: str | None) -> None:
        if shape not in (None, shapes.IN_TURN, *shapes.SHAPES):
            raise ValueError(f"{shape!r} is no shape of an error; there are {', '.join(shapes.SHAPES)}")
        self._error_shape = shape

    @property
    def environment(self) -> dict[str, str]:
        """The credentials of the account "default", and the account that each domain's events belong to."""
        secret = self.secrets.get("default", {})
        domains = {secret["domain_id"]: name for name, secret in self.secrets.items() if "domain_id" in secret}
        accounts = {**domains, SAMPLES_DOMAIN: "default"}
        variables = {
            "HUAWEICLOUD_SDK_AK": secret.get("access_key", ""),
            "HUAWEICLOUD_SDK_SK": secret.get("secret_key", ""),
            "HUAWEICLOUD_SDK_DOMAIN_ID": secret.get("domain_id", ""),
            "UNTAG_ACCOUNTS": ",".join(f"huaweicloud/{domain}={account}" for domain, account in accounts.items()),
        }
        if "security_token" in secret:
            variables["HUAWEICLOUD_SDK_SECURITY_TOKEN"] = secret["security_token"]
        return variables

    def number_of(self, resource: Resource) -> str | None:
        """A domain id of its own."""
        return made_up("domain", resource.account)[:32]

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def verify(self, request: Request) -> str:
        """The account's name; else 401 APIGW.0301 with the gateway's words."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(401, None, f"{GATEWAY[401][1]}: {error}")) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"error_code", "error_msg"}`, and a `request_id` beside them where it is the gateway that speaks."""
        usual_code, usual_message = GATEWAY.get(status, ("APIGW.0201", f"status {status}"))
        code = code or usual_code
        document = {"error_code": code, "error_msg": message or usual_message}
        return Answer(status, document, code, gateway=code.startswith("APIGW."))

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands in a header, and in the body where the gateway speaks."""
        headers = (("X-Request-Id", request_id),)
        if answer.document is None:
            return Response(answer.status, headers=headers)
        beside = {"request_id": request_id} if answer.gateway else {}
        if answer.status < 400:  # noqa: PLR2004 - the first status of an error
            document = self._without_empty_lists(answer.document)
        elif (shape := self.next_shape()) is not None:
            error = answer.document.get("error", answer.document)
            content_type = "text/plain" if shape == shapes.TEXT else "application/json"
            body = shapes.body(shape, error["error_code"], error["error_msg"], beside)
            return Response(answer.status, body, headers, content_type)
        else:
            document = answer.document
        body = json.dumps(document | beside, ensure_ascii=False).encode("utf-8", "replace")
        return Response(answer.status, body, headers)

    def next_shape(self) -> str | None:
        """The shape of the next error; None: the service's own."""
        return next(self._shapes) if self._error_shape == shapes.IN_TURN else self._error_shape

    def _without_empty_lists(self, document: dict[str, Any]) -> dict[str, Any]:
        if self.empty_lists == "list":
            return document
        if self.empty_lists == "left_out" and list(document.values()) == [[]]:
            return {}
        return {name: None if value == [] else value for name, value in document.items()}
