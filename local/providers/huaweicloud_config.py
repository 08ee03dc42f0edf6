"""Huawei Cloud Config's resource tags on this machine.

Paths, models and codes are the documents' (Config API reference, API-Explorer) and the SDK's
(huaweicloudsdkconfig 3.1.219). What no source states is an option, and its default is a guess that says so.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from local.providers import huaweicloud_config_input as given
from local.providers.accounts import Account
from local.providers.faults import KINDS, Verdict
from local.providers.huaweicloud_signature import (
    LOCK_TIME,
    MAX_FAILURES,
    MAX_SKEW,
    HuaweicloudVerifier,
    SignatureError,
)
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.truth import Cause, Holding, Pair
from local.providers.wire import Request, Response

TYPES = ("config:policyAssignments", "config:aggregators", "config:aggregationAuthorizations")
MAX_TAGS_PER_RESOURCE = 20
REGION = ""  # a global service: its resources stand in no region

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

_ROUTES = (
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags/delete"), "tags/delete", True),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags/create"), "tags/create", True),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/resource-instances/filter()"), "filter", False),
    ("POST", re.compile(r"/v1/resource-manager/([^/]+)/resource-instances/count()"), "count", False),
    ("GET", re.compile(r"/v1/resource-manager/([^/]+)/tags()"), "type tags", False),
    ("GET", re.compile(r"/v1/resource-manager/([^/]+)/([^/]+)/tags"), "tags", False),
)


@dataclass(frozen=True, slots=True)
class HuaweicloudConfigOptions:
    """How the local Config behaves where no document says it.

    compare_values     delete a tag only if the value sent is the stored one; by default the key decides.
                       A tag without a value is deleted by key either way
    not_found_code     the code of a 404 for a resource; no source names the real one
    """

    compare_values: bool = False
    not_found_code: str = "RMS.00010404"


class HuaweicloudConfigServer(ProviderServer):
    """Tags of Config's own resources; the SDK-HMAC-SHA256 signature is checked."""

    name: ClassVar[str] = "huaweicloud-config"
    provider: ClassVar[str] = "huaweicloud"
    max_body: ClassVar[int] = 12 * 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = KINDS - {"partial", "count"}
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
        options: HuaweicloudConfigOptions = HuaweicloudConfigOptions(),
        max_skew: float = MAX_SKEW,
        max_failures: int = MAX_FAILURES,
        lock_time: float = LOCK_TIME,
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.verifier = HuaweicloudVerifier(self.credentials, self.clock, max_skew, max_failures, lock_time)

    @property
    def environment(self) -> dict[str, str]:
        """The endpoint, and the keys of the account "default"."""
        secret = self.secrets.get("default", {})
        variables = {
            "UNTAG_HUAWEICLOUD_CONFIG_ENDPOINT": self.url,
            "HUAWEICLOUD_SDK_AK": secret.get("access_key", ""),
            "HUAWEICLOUD_SDK_SK": secret.get("secret_key", ""),
            "HUAWEICLOUD_SDK_DOMAIN_ID": secret.get("domain_id", ""),
        }
        if "security_token" in secret:
            variables["HUAWEICLOUD_SDK_SECURITY_TOKEN"] = secret["security_token"]
        return variables

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """The colon of a type comes as `%3A` from the SDK and raw from Terraform's provider."""
        path = unquote(request.path)
        for method, pattern, operation, writing in _ROUTES:
            found = pattern.fullmatch(path)
            if found and method == request.method:
                return Route(operation, writing, REGION, found[1], found[2])
        raise Refusal(self.failure(404, None, None))

    def verify(self, request: Request) -> str:
        """The account's name; else 401 APIGW.0301 with the gateway's words."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(401, None, f"{GATEWAY[401][1]}: {error}")) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"error_code", "error_msg"}`; the gateway, where it speaks, adds a `request_id`."""
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

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The type, the id, the body and the page that a call names."""
        if len(request.body) > self.max_body:
            raise Refusal(self.failure(413, None, None))
        if route.type not in TYPES:
            raise given.invalid("resource type invalid", "RMS.00010002")
        if route.id:
            given.check_id(route.id)
        ids = (route.id,) if route.id else ()
        if request.method == "GET":
            return Ask(route, account, route.type, ids, body=given.page(request.query))
        document = given.document(request.body)
        if route.writing:
            return Ask(route, account, route.type, ids, given.tags(document, creating="create" in route.operation))
        query = given.search(document) | given.page(request.query)
        return Ask(route, account, route.type, body=query)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Delete, create or read."""
        del verdict  # its rules have nothing to say inside an answer that is empty
        match cause.operation:
            case "tags":
                tags = self._resource(ask)
                return Answer(200, {"tags": [{"key": key, "value": value} for key, value in tags.items()]}), 0
            case "tags/delete":
                return self._delete(ask, cause)
            case "tags/create":
                return self._create(ask, cause)
            case "type tags":
                return self._type_tags(ask), 0
            case _:
                return self._search(ask), 0

    def _resource(self, ask: Ask) -> dict[str, str]:
        """The tags of the one resource that the path names; 404 where there is none."""
        tags = self.tags.get(*_scope(ask))
        if tags is None:
            document = {"error_code": self.options.not_found_code, "error_msg": "The resource does not exist"}
            raise Refusal(Answer(404, document, self.options.not_found_code))
        return tags

    def _delete(self, ask: Ask, cause: Cause) -> tuple[Answer, int]:
        """Idempotent: a key that is not there is 204 as well."""
        present = self._resource(ask)
        applied = 0
        for key, value in ask.tags:
            other_value = value is not None and present.get(key) != value
            if key in present and not (self.options.compare_values and other_value):
                self.tags.change(cause, Pair(*_scope(ask), key, present[key]), None)
                applied += 1
        return Answer(204), applied

    def _create(self, ask: Ask, cause: Cause) -> tuple[Answer, int]:
        """All or nothing; a key that is there gets the new value."""
        present = self._resource(ask)
        wanted = {key: value or "" for key, value in ask.tags}
        if len(present | wanted) > MAX_TAGS_PER_RESOURCE:
            raise given.invalid(f"a resource has at most {MAX_TAGS_PER_RESOURCE} tags")
        applied = 0
        for key, value in wanted.items():
            applied += present.get(key) != value
            self.tags.change(cause, Pair(*_scope(ask), key, value), value)
        return Answer(204), applied

    def _type_tags(self, ask: Ask) -> Answer:
        """Each key of a type, with all the values it has."""
        values: dict[str, set[str]] = {}
        for holding in self.tags.select(ask.account, REGION, [ask.type]):
            for key, value in holding.tags.items():
                values.setdefault(key, set()).add(value)
        rows = [{"key": key, "values": sorted(values[key])} for key in sorted(values)]
        return Answer(200, {"tags": _cut(rows, ask.body), "total_count": len(rows)})

    def _search(self, ask: Ask) -> Answer:
        """Resources that bear every key named, each with one of the values named."""
        found = [
            holding
            for holding in self.tags.select(ask.account, REGION, [ask.type])
            if given.matches(ask.body, holding.id, holding.tags)
        ]
        if ask.route.operation == "count":
            return Answer(200, {"total_count": len(found)})
        rows = [_resource_row(holding) for holding in found]
        return Answer(200, {"resources": _cut(rows, ask.body), "total_count": len(rows)})


def _scope(ask: Ask) -> tuple[str, str, str, str]:
    return (ask.account, REGION, ask.type, ask.ids[0])


def _resource_row(holding: Holding) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in holding.tags.items()]
    return {"resource_id": holding.id, "resource_name": holding.id, "resource_detail": None, "tags": tags}


def _cut(rows: list[dict[str, Any]], page: dict[str, Any]) -> list[dict[str, Any]]:
    return rows[page["offset"] : page["offset"] + page["limit"]]
