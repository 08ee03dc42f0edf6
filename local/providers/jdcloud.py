"""JD Cloud resourcetag on this machine.

Envelopes, codes and models are the documents' and the SDK's (jdcloud_sdk 1.6.354, services/resourcetag). What
no source states is an option, and its default is a guess that says so.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import unquote

from local.providers import jdcloud_input
from local.providers.accounts import Account
from local.providers.faults import Verdict
from local.providers.jdcloud_reads import READS, SYSTEM_PREFIX
from local.providers.jdcloud_signature import MAX_SKEW, JdcloudVerifier, SignatureError
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause, Pair
from local.providers.wire import Request, Response

MAX_TAGS_PER_RESOURCE = 10  # documents: Tag Service, "Restrictions"
CDN_REGION = "cn-all"
BUSY = "the resource is busy, please try again later"  # what a `partial` rule says unless it names a message

# status by HTTP status: JD's API gateway table; the message ends in [gw] where the gateway speaks.
GATEWAY_STATUS = {
    400: ("HTTP_BAD_REQUEST", "bad request"),
    401: ("ACCESS_ERROR", "sign result is not same"),
    403: ("HTTP_FORBIDDEN", "forbidden"),
    404: ("NOT_FOUND", "no route and no API found with those values"),
    413: ("HTTP_REQUEST_ENTITY_TOO_LARGE", "request entity too large"),
    414: ("HTTP_URI_TOO_LONG", "uri too long"),
    429: ("HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:ak"),
    500: ("HTTP_INTERNAL_SERVER_ERROR", "internal server error"),
    502: ("HTTP_BAD_GATEWAY", "bad gateway"),
    503: ("HTTP_SERVICE_UNAVAILABLE", "service unavailable"),
    504: ("HTTP_SERVER_TIMING_OUT", "server timing out"),
}

# The path after /v1/regions/{regionId}/ -> (operation, the parameter in the body, does it write?)
OPERATIONS = {
    "tags:unTagResources": ("unTagResources", "unTagResources", True),
    "tags:tagResources": ("tagResources", "tagResources", True),
    "tags:describeResources": ("describeResources", "resourceVo", False),
    "describeTags": ("describeTags", "tagKeysVo", False),
    "tags:describeKeys": ("describeKeys", "tagKeysVo", False),
    "tags:describeValues": ("describeValues", "tagValuesVo", False),
    "queryResource": ("queryResource", "queryResource", False),
}
PARAMETERS = {operation: parameter for operation, parameter, _ in OPERATIONS.values()}
_PATH = re.compile(r"/v1/regions/([^/]+)/([^/]+)")


@dataclass(frozen=True, slots=True)
class JdcloudOptions:
    """How the local JD Cloud behaves where no document says it.

    unbound            a pair that is not bound: "uncounted" (left out of successCount), "counted", or
                       "failed" (the resource stands in failedResourcesMap)
    unknown_id         an id that is no resource: "failed" entry, or the whole call "refused" with 404
    empty_failures     failedResourcesMap when nothing failed: "list" ([]) or "null"
    failures_per       one entry in failedResourcesMap per "resource" or per "pair" that failed
    list_untagged      whether describeResources names resources without tags
    """

    unbound: Literal["uncounted", "counted", "failed"] = "uncounted"
    unknown_id: Literal["failed", "refused"] = "failed"
    empty_failures: Literal["list", "null"] = "list"
    failures_per: Literal["resource", "pair"] = "resource"
    list_untagged: bool = False


class JdcloudServer(ProviderServer):
    """resourcetag v1: tagging, untagging and the reads; JDCLOUD3 and JDCLOUD2 signatures are checked."""

    name: ClassVar[str] = "jdcloud"
    provider: ClassVar[str] = "jdcloud"
    api: ClassVar[str] = "jdcloud.resourcetag"
    max_body: ClassVar[int] = 100 * 1024 * 1024
    default_credentials: ClassVar[Mapping[str, Account]] = {
        "FAKEJDAK0000000000000000000000AA": Account("FAKEJDSK0000000000000000000000SS"),
    }

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: JdcloudOptions = JdcloudOptions(),
        max_skew: float = MAX_SKEW,
        refuse_replays: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.verifier = JdcloudVerifier(self.credentials, self.clock, max_skew, refuse_replays)

    @property
    def environment(self) -> dict[str, str]:
        """The credentials of the account "default"."""
        secret = self.secrets.get("default", {})
        return {
            "JDCLOUD_ACCESS_KEY": secret.get("access_key", ""),
            "JDCLOUD_SECRET_KEY": secret.get("secret_key", ""),
        }

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """`:` and `%3A` are one in the path: the Python SDK sends the first, the Go SDK the second."""
        match = _PATH.fullmatch(unquote(request.path))
        known = OPERATIONS.get(match[2]) if match and request.method == "POST" else None
        if match is None or known is None:
            raise Refusal(self.failure(404, None, None))
        return Route(known[0], known[2], region=match[1])

    def verify(self, request: Request) -> str:
        """The account's name; else 401 ACCESS_ERROR with the gateway's words."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(401, None, f"{error} [gw]")) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"error": {"code", "status", "message"}}`, in the gateway's words where none are given."""
        usual_code, usual_message = GATEWAY_STATUS.get(status, (f"HTTP_{status}", f"status {status}"))
        code = code or usual_code
        error = {"code": status, "status": code, "message": message or f"{usual_message} [gw]"}
        return Answer(status, {"error": error}, code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands in the body and in a header."""
        document = {"requestId": request_id, **(answer.document or {})}
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        return Response(answer.status, body, (("x-jdcloud-request-id", request_id),))

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The parameter of the operation; `regionId` beside it is tolerated, as the SDKs send it."""
        if len(request.body) > self.max_body:
            raise Refusal(self.failure(413, None, None))
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError):
            document = None
        body = document.get(PARAMETERS[route.operation]) if isinstance(document, dict) else None
        if not isinstance(body, dict):
            raise jdcloud_input.invalid(f"parameter {PARAMETERS[route.operation]} is required")
        if not route.writing:
            jdcloud_input.tag_filters(body)
            jdcloud_input.names(body, "serviceCodes")
            return Ask(route, account, ids=jdcloud_input.names(body, "resourceIds"), body=body)
        code, ids = jdcloud_input.resources(body)
        if code == "cdn" and route.region != CDN_REGION:
            raise jdcloud_input.invalid(f"the region of cdn is {CDN_REGION}")
        return Ask(route, account, code, ids, jdcloud_input.tags(body), body)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Bind, unbind or read."""
        if (read := READS.get(cause.operation)) is not None:
            return Answer(200, {"result": read(self.tags, ask, verdict, self.options.list_untagged)}), 0
        pairs = [
            Pair(ask.account, ask.route.region, ask.type, name, key, value or "")
            for name in ask.ids
            for key, value in ask.tags
        ]
        if self.options.unknown_id == "refused":
            for pair in pairs:
                if self.tags.get(*pair[:4]) is None:
                    # The wording is ours; no [gw], since it is the service that speaks.
                    raise Refusal(self.failure(404, "NOT_FOUND", f"resource {pair.id} not found"))
        count = applied = 0
        failed: list[tuple[str, str]] = []
        for pair in pairs:
            rule = verdict.fails(pair.id, pair.key)
            reason = self._objection(cause, pair)
            done = reason is None and (rule is None or rule.takes_effect) and self._do(cause, pair)
            applied += done
            if rule is not None:
                reason = rule.message or BUSY
            if reason is not None:
                failed.append((verdict.name_of(pair.id), reason))
            else:
                count += done or self.options.unbound == "counted"
        return self._result(ask, failed, count + verdict.off), applied

    def _objection(self, cause: Cause, pair: Pair) -> str | None:
        """Why a pair fails by itself, if it does; the texts are ours, no document has them."""
        present = self.tags.get(*pair[:4])
        if present is None:
            return f"resource {pair.id} not found"
        if pair.key.startswith(SYSTEM_PREFIX):
            return f"tag {pair.key} is reserved"
        if cause.operation == "unTagResources":
            missing = present.get(pair.key) != pair.value
            return f"tag {pair.key} is not bound" if missing and self.options.unbound == "failed" else None
        if pair.key not in present and len(present) >= MAX_TAGS_PER_RESOURCE:
            return f"a resource has at most {MAX_TAGS_PER_RESOURCE} tags"
        return None

    def _do(self, cause: Cause, pair: Pair) -> bool:
        """Bind or unbind; whether there was something to do. One key has one value: another is replaced."""
        if cause.operation == "tagResources":
            self.tags.change(cause, pair, pair.value)
            return True
        if (self.tags.get(*pair[:4]) or {}).get(pair.key) != pair.value:
            return False
        self.tags.change(cause, pair, None)
        return True

    def _result(self, ask: Ask, failed: list[tuple[str, str]], count: int) -> Answer:
        """The answer to a writing call; 200 whatever failed."""
        if self.options.failures_per == "resource":
            failed = list(dict(reversed(failed)).items())[::-1]
        entries = [{"resourceId": name, "msg": reason} for name, reason in failed]
        data = {
            "pin": ask.account,
            "region": ask.route.region,
            "failedResourcesMap": entries or (None if self.options.empty_failures == "null" else []),
            "successCount": max(0, count),
        }
        return Answer(200, {"result": {"data": data}})
