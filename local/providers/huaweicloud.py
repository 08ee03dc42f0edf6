"""What Huawei Cloud's services on this machine have in common: the gateway before them, and whose key it is.

The gateway's codes and words are those of the API Request Signing Guide; what the services say is their own.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from local.providers.accounts import Account
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
    """A service behind the gateway; the SDK-HMAC-SHA256 signature is checked."""

    provider: ClassVar[str] = "huaweicloud"
    max_body: ClassVar[int] = 12 * 1024 * 1024
    endpoint_variable: ClassVar[str]
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

    @property
    def environment(self) -> dict[str, str]:
        """The endpoint, the keys of the account "default", and the account that each domain's events belong to."""
        secret = self.secrets.get("default", {})
        domains = {secret["domain_id"]: name for name, secret in self.secrets.items() if "domain_id" in secret}
        accounts = {**domains, SAMPLES_DOMAIN: "default"}
        variables = {
            self.endpoint_variable: self.url,
            "HUAWEICLOUD_SDK_AK": secret.get("access_key", ""),
            "HUAWEICLOUD_SDK_SK": secret.get("secret_key", ""),
            "HUAWEICLOUD_SDK_DOMAIN_ID": secret.get("domain_id", ""),
            "UNTAG_ACCOUNTS": ",".join(f"huaweicloud/{domain}={account}" for domain, account in accounts.items()),
        }
        if "security_token" in secret:
            variables["HUAWEICLOUD_SDK_SECURITY_TOKEN"] = secret["security_token"]
        return variables

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
        document = answer.document | ({"request_id": request_id} if answer.gateway else {})
        return Response(answer.status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"), headers)
