"""Alibaba Cloud's Tag API on this machine.

Envelopes, parameters and limits are those of the API's pages and of the SDK (alibabacloud_tag20180828 1.1.2). Resources
stand in the tag table by their ARNs, with the account's number. What no source states is an option, and its default is
a guess that says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl

from local import package
from local.providers import alibabacloud_input
from local.providers.accounts import Account, Resource, made_up_number
from local.providers.alibabacloud_signature import AlibabaVerifier, SignatureError
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.wire import Request, Response

VERSION = "2018-08-28"
NUMBER = "1234567890123456"
MOST_TAGS = 20  # documents: the limit of most services
OPERATIONS = {
    "UntagResources": True,
    "TagResources": True,
    "ListTagResources": False,
    "ListTagKeys": False,
    "ListTagValues": False,
    "ListSupportResourceTypes": False,
}
TEMPLATES = {
    "ecs:instance": "instance",
    "ecs:disk": "disk",
    "ecs:snapshot": "snapshot",
    "oss:bucket": "bucket",
    "rds:dbinstance": "dbinstance",
    "slb:loadbalancer": "instance",
    "vpc:vpc": "vpc",
}
"""What stands before the slash in the ARNs of these types. That it differs from the type at times is a guess."""
SYSTEM = "acs:"

# Status and code by the HTTP status that is asked for, where no code is named: a throttle and a refused key are a 400.
USUAL = {
    400: (400, "InvalidParameter", "The specified parameter is not valid."),
    401: (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
    403: (403, "Forbidden.RAM", "User not authorized to operate on the specified resource."),
    404: (404, "InvalidAction.NotFound", "Specified api is not found."),
    429: (400, "Throttling.User", "Request was denied due to user flow control."),
    500: (500, "InternalError", "The request processing has failed due to some unknown error."),
    503: (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
}


@dataclass(frozen=True, slots=True)
class AlibabaOptions:
    """How the local Alibaba Cloud behaves where no document says it.

    unknown_arn     a removal from a resource that does not exist: a "failed" entry with a NotFound code, or "done"
    no_failure      how FailedResources says that nothing failed
    names           the ARN in an answer where `*` was sent: with the account's "number", or as it was "sent"
    list_untagged   whether ListTagResources lists resources that stand here without a tag
    """

    unknown_arn: Literal["failed", "done"] = "failed"
    no_failure: Literal["list", "empty", "null", "absent"] = "list"
    names: Literal["number", "sent"] = "number"
    list_untagged: bool = False


class AlibabaServer(ProviderServer):
    """Tagging and untagging, the reads and the searches; ACS3-HMAC-SHA256 is checked, and its nonce."""

    name: ClassVar[str] = "alibabacloud"
    provider: ClassVar[str] = "alibabacloud"
    api: ClassVar[str] = "alibabacloud.tag"
    number_field: ClassVar[str] = ""
    max_body: ClassVar[int] = 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count"}
    default_credentials: ClassVar[Mapping[str, Account]] = {
        "LTAIFAKEFAKEFAKEFAKEFAKE": Account("fake-alibaba-secret-not-real-0", domain_id=NUMBER),
    }

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: AlibabaOptions = AlibabaOptions(),
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.verifier = AlibabaVerifier(self.credentials, self.clock)

    @property
    def environment(self) -> dict[str, str]:
        """The key of the account "default", and the accounts by their numbers."""
        names = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "access_key",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret_key",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "security_token",
        }
        return self.own(names) | self.numbers()

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """The operation stands in a header, the region in the query."""
        operation = request.header("x-acs-action") or ""
        known = operation in OPERATIONS and request.header("x-acs-version") == VERSION
        if request.method != "POST" or request.path != "/" or not known:
            raise Refusal(self.failure(404, None, None))
        return Route(operation, OPERATIONS[operation], region=_query(request).get("RegionId", ""))

    def verify(self, request: Request) -> str:
        """The account's name; else the cloud's code."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(Answer(error.status, _error(error.code, str(error)), error.code)) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"Code", "Message", "HostId"}`."""
        usual_status, usual_code, usual_message = USUAL.get(status, (status, f"Status{status}", f"status {status}"))
        code = code or usual_code
        return Answer(usual_status, _error(code, message or usual_message), code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands in the body and in a header."""
        document = {"RequestId": request_id, **(answer.document or {})}
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        return Response(answer.status, body, (("x-acs-request-id", request_id),), "application/json;charset=utf-8")

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The query; a body is not looked at."""
        query = _query(request)
        if not route.region:
            raise alibabacloud_input.refuse("MissingParameter.RegionId", "RegionId is mandatory for this action.")
        named = alibabacloud_input.arns(query, route.region, self.number(account) or NUMBER)
        body = {"query": query, "sent": {one.full: one.sent for one in named}}
        ids = tuple(one.full for one in named)
        if not route.writing:
            return Ask(route, account, ids=ids, body=body)
        if not ids:
            raise alibabacloud_input.refuse("MissingParameter.ResourceARN", "ResourceARN is mandatory for this action.")
        untag = route.operation == "UntagResources"
        found = alibabacloud_input.keys(query) if untag else alibabacloud_input.tags(query)
        return Ask(route, account, ids=ids, tags=found, body=body)

    def number_of(self, resource: Resource) -> str:
        """The one that the resource's name says, else one of its own."""
        parts = resource.id.split(":")
        named = parts[4] if len(parts) > 5 and parts[4].isdigit() else ""  # noqa: PLR2004
        return named or made_up_number(16, self.provider, resource.account)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its whole name, which is built as the functions build it where a bare id is given."""
        package.find()
        from untag.providers.alibabacloud.arns import parse_arn, plain_template  # noqa: PLC0415

        bare = parse_arn(resource.id) is None
        arn = plain_template(resource.type).arn(resource.id, resource.region) if bare else resource.id
        *head, account, rest = arn.split(":", 5)
        number = (self.number(resource.account) or NUMBER) if account == "*" else account
        return resource.region, resource.type, ":".join((*head, number, rest))

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Tag, untag, or read."""
        if not ask.route.writing:
            read = {"ListTagResources": self._resources, "ListSupportResourceTypes": _types}
            return Answer(200, read.get(cause.operation, self._names)(ask, verdict)), 0
        failed: list[dict[str, Any]] = []
        applied = 0
        for arn in ask.ids:
            holding = next(self.tags.select(ask.account, ask.route.region, ids=[arn]), None)
            reason = self._objection(ask, holding)
            if holding is not None and reason is None:
                reason, count = self._change(ask, cause, verdict, holding)
                applied += count
            if reason is not None:
                code, message = reason
                failed.append(
                    {"ResourceARN": self._told(ask, verdict, arn), "Result": {"Code": code, "Message": message}}
                )
        return Answer(200, self._failed(failed)), applied

    def _failed(self, failed: list[dict[str, Any]]) -> dict[str, Any]:
        if failed or self.options.no_failure == "list":
            return {"FailedResources": {"FailedResource": failed}}
        if self.options.no_failure == "absent":
            return {}
        return {"FailedResources": {} if self.options.no_failure == "empty" else None}

    def _told(self, ask: Ask, verdict: Verdict, arn: str) -> str:
        """The ARN under which an answer speaks of a resource."""
        if arn not in verdict.mistaken and self.options.names == "sent":
            return str(ask.body["sent"][arn])
        return verdict.name_of(arn)

    def _change(self, ask: Ask, cause: Cause, verdict: Verdict, holding: Holding) -> tuple[tuple[str, str] | None, int]:
        """Change one resource's tags: why it failed if a rule says so, and how many changed."""
        reason: tuple[str, str] | None = None
        count = 0
        for key, value in ask.tags:
            rule = verdict.fails(holding.id, key)
            if rule is not None:
                reason = (rule.code or "OperationConflict", rule.message or "The resource is busy.")
            if (rule is None or rule.takes_effect) and (value is not None or key in holding.tags):
                pair = Pair(ask.account, holding.region, holding.type, holding.id, key, value or "")
                self.tags.change(cause, pair, value)
                count += 1
        return reason, count

    def _objection(self, ask: Ask, holding: Holding | None) -> tuple[str, str] | None:
        """Why a resource fails by itself, if it does."""
        if holding is None:
            if self.options.unknown_arn == "done":
                return None
            return "InvalidResourceId.NotFound", "The specified ResourceIds are not found in our records."
        added = {key for key, value in ask.tags if value is not None} - holding.tags.keys()
        if len(holding.tags) + len(added) > MOST_TAGS:
            return "QuotaExceeded.TagsPerResource", f"a resource has at most {MOST_TAGS} tags"
        return None

    def _resources(self, ask: Ask, verdict: Verdict) -> dict[str, Any]:
        query = ask.body["query"]
        wanted = dict(alibabacloud_input.tags(query)) if "Tags" in query else {}
        category = query.get("Category", "All")
        rows = {}
        for holding in self.tags.select(ask.account, ask.route.region, ids=ask.ids or None):
            tags = {key: value for key, value in holding.tags.items() if category in ("All", _category(key))}
            if (tags or self.options.list_untagged) and wanted.items() <= tags.items():
                rows[holding.id] = tags
        # A rule that names a resource by another id does so where the resource would be left out, too.
        rows |= {name: {} for name in verdict.mistaken if name not in rows}
        entries = [
            (
                name,
                {
                    "ResourceARN": self._told(ask, verdict, name) if ask.ids else name,
                    "Tags": [{"Key": key, "Value": value, "Category": _category(key)} for key, value in tags.items()],
                },
            )
            for name, tags in sorted(rows.items())
        ]
        page, token = alibabacloud_input.page(entries, query)
        return {"NextToken": token, "TagResources": page}

    def _names(self, ask: Ask, _: Verdict) -> dict[str, Any]:
        query = ask.body["query"]
        holdings = list(self.tags.select(ask.account, ask.route.region))
        if ask.route.operation == "ListTagKeys":
            names = sorted({key for holding in holdings for key in holding.tags})
            rows = [(key, {"Key": key, "Category": _category(key).lower(), "Description": ""}) for key in names]
            wanted = query.get("Category", "all").lower()
            page, token = alibabacloud_input.page([row for row in rows if wanted in ("all", row[1]["Category"])], query)
            return {"NextToken": token, "Keys": {"Key": page}}
        key = query.get("Key")
        values = sorted({holding.tags[key] for holding in holdings if key in holding.tags})
        page, token = alibabacloud_input.page([(value, value) for value in values], query)
        return {"NextToken": token, "Values": {"Value": page}}


def _types(ask: Ask, verdict: Verdict) -> dict[str, Any]:  # noqa: ARG001 - no rule makes this answer wrong
    query = ask.body["query"]
    rows = []
    for type_, kind in TEMPLATES.items():
        product, _, name = type_.partition(":")
        if query.get("ProductCode", product) == product and query.get("ResourceTye", name) == name:
            template = f"arn:acs:{product}:${{RegionId}}:${{AccountId}}:{kind}/${{ResourceId}}"
            rows.append((type_, {"ProductCode": product, "ResourceType": name, "ArnTemplate": template}))
    page, token = alibabacloud_input.page(rows, query, "MaxResult")
    return {"NextToken": token, "SupportResourceTypes": page}


def _category(key: str) -> str:
    return "System" if key.startswith(SYSTEM) else "Custom"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"Code": code, "Message": message, "HostId": "tag.aliyuncs.com"}


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))
