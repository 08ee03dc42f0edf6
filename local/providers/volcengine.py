"""Volcengine's central tag service on this machine, and products' own tag operations (`volcengine_products.py`).

Envelopes and codes are the documents' and the SDK's (volcenginesdk-tag 5.0.54). Resources stand in the tag table by
their TRNs. What no source states is an option, and its default is a guess that says so.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs

from local import package
from local.providers import volcengine_input, volcengine_products
from local.providers.accounts import Account, Resource, made_up_number
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.volcengine_signature import SignatureError, VolcengineVerifier
from local.providers.wire import Request, Response

VERSION = "2022-06-01"
NUMBER = "2100000001"
MOST_TAGS = 50  # documents: a resource has at most 50 tags
OPERATIONS = {
    "UntagResources": True,
    "TagResources": True,
    "GetResources": False,
    "ListResourceTypes": False,
    "GetTagKeys": False,
    "GetTagValues": False,
}
TYPES = ("ecs:instance", "ecs:image", "ecs:keypair", "vpc:vpc", "vpc:eip", "clb:clb", "rds:instance", "iam:user")
"""Some of the types that ListResourceTypes may name. No document lists them."""

# Code and number by HTTP status where none is named (documents: common error codes).
USUAL = {
    400: ("InvalidParameter", None, "the request is not valid"),
    401: ("SignatureDoesNotMatch", 100010, "The request signature we calculated does not match."),
    403: ("AccessDenied", 100013, "User is not authorized to perform: tag:UntagResources on resource: *."),
    404: ("InvalidActionOrVersion", 100008, "Could not find operation."),
    429: ("AccountFlowLimitExceeded", 100027, "Request speed exceeds the account flow control limit."),
    500: ("InternalError", 100014, "Service has some internal Error. Pls Contact With Admin."),
    503: ("ServiceUnavailable", None, "the service is not available"),
    504: ("InternalServiceTimeout", 100016, "Internal Service is timeout. Pls Contact With Admin."),
}


@dataclass(frozen=True, slots=True)
class VolcengineOptions:
    """How the local Volcengine behaves where no document says it.

    nothing_failed  what stands under `Result` where nothing failed: an empty "list", a list that is "null", no list in
                    an "empty" Result, or "nothing"
    errors          whether an error has a "status" of its own, or comes with "200"
    unknown_trn     a removal from a resource that does not exist: a "failed" entry with a NotFound code, or "done"
    list_untagged   whether GetResources lists resources that stand here without a tag
    types           what ListResourceTypes names
    """

    nothing_failed: Literal["list", "null", "empty", "nothing"] = "list"
    errors: Literal["status", "200"] = "status"
    unknown_trn: Literal["failed", "done"] = "failed"
    list_untagged: bool = False
    types: tuple[str, ...] = TYPES


class VolcengineServer(ProviderServer):
    """Tagging and untagging, the reads and the searches; HMAC-SHA256 is checked, and the session token."""

    name: ClassVar[str] = "volcengine"
    provider: ClassVar[str] = "volcengine"
    api: ClassVar[str] = "volcengine.tag"
    number_field: ClassVar[str] = "account_id"
    service: ClassVar[str] = "tag"
    version: ClassVar[str] = VERSION
    max_body: ClassVar[int] = 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count"}
    default_credentials: ClassVar[Mapping[str, Account]] = {
        "AKLTFAKE0000000000000000000000VE": Account("ZmFrZS12b2xjZW5naW5lLXNlY3JldA==", domain_id=NUMBER),
    }

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: VolcengineOptions = VolcengineOptions(),
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.verifier = VolcengineVerifier(self.credentials, self.clock)

    @property
    def environment(self) -> dict[str, str]:
        """The key of the account "default", and the account's number."""
        names = {
            "VOLCENGINE_ACCESS_KEY": "access_key",
            "VOLCENGINE_SECRET_KEY": "secret_key",
            "VOLCENGINE_SESSION_TOKEN": "security_token",
            "VOLCENGINE_ACCOUNT_ID": "account_id",
        }
        return self.own(names)

    def number_of(self, resource: Resource) -> str:
        """The one that the resource's name says, else one of its own."""
        parts = resource.id.split(":")
        named = parts[3] if resource.id.startswith("trn:") and len(parts) > 3 else ""  # noqa: PLR2004
        return named or made_up_number(10, self.provider, resource.account)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its whole name, which is built as the functions build it where a bare id is given."""
        package.find()
        from untag.providers.volcengine.trns import parse_trn, trn_of  # noqa: PLC0415

        number = self.number(resource.account) or NUMBER
        trn = trn_of(resource.type, resource.id, resource.region, number)
        parsed = parse_trn(trn)
        return resource.region if parsed is None else parsed.region, resource.type, trn

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """Operation and version stand in the query, also of a POST."""
        query = parse_qs(request.query)
        (operation,), (version,) = query.get("Action") or [""], query.get("Version") or [""]
        region, service = self.verifier.scope(request)
        tag = service in ("", "tag")
        if tag and request.method == "POST" and request.path == "/" and operation in OPERATIONS and version == VERSION:
            return Route(operation, OPERATIONS[operation])
        route = None if tag else volcengine_products.route_of(request, service, operation, version, region)
        if route is None:
            message = f"Could not find operation {operation} for version {version}."
            raise Refusal(self.failure(404, None, message))
        return route

    def verify(self, request: Request) -> str:
        """The account's name; else an error with Volcengine's code."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(error.status, error.code, str(error))) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"ResponseMetadata": {"Error": {"CodeN", "Code", "Message"}}}`."""
        usual, number, text = USUAL.get(status, (f"Status{status}", None, f"status {status}"))
        return volcengine_input.error(status, code or usual, message or text, None if code else number)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands in the metadata."""
        document: dict[str, Any] = answer.document or {}
        metadata = {"RequestId": request_id, "Service": self.service, "Version": self.version, "Region": "cn-beijing"}
        document = {**document, "ResponseMetadata": metadata | document.get("ResponseMetadata", {})}
        status = 200 if self.options.errors == "200" else answer.status
        return Response(status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The body, as JSON or as a form."""
        if len(request.body) > self.max_body:
            raise Refusal(self.failure(413, None, None))
        if route.type:
            return volcengine_products.ask_of(route, account, request)
        body = volcengine_input.body_of(request.header("content-type") or "", request.body)
        if not route.writing:
            volcengine_input.filters(body)
            ids = volcengine_input.trns(body) if "ResourceTrnList" in body else ()
            return Ask(route, account, ids=ids, body=body)
        untag = route.operation == "UntagResources"
        found = volcengine_input.keys(body) if untag else volcengine_input.tags(body)
        return Ask(route, account, ids=volcengine_input.trns(body), tags=found, body=body)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Tag, untag, or read."""
        if ask.route.type and ask.route.writing:
            return self._success(ask, {}), volcengine_products.write(self.tags, ask, cause, verdict)
        match cause.operation:
            case "ListTagsForResources":
                return self._success(ask, volcengine_products.read(self.tags, ask, verdict)), 0
            case "GetResources":
                return self._success(ask, self._resources(ask, verdict)), 0
            case "ListResourceTypes":
                return self._success(ask, self._types()), 0
            case "GetTagKeys" | "GetTagValues":
                return self._success(ask, self._names(ask)), 0
        failed: list[dict[str, str]] = []
        applied = 0
        for trn in ask.ids:
            holding = next(self.tags.select(ask.account, ids=[trn]), None)
            if (objection := self._objection(ask, trn, holding)) is not None:
                failed.append(_failed(verdict.name_of(trn), *objection))
            elif holding is not None:
                entries, count = self._change(ask, cause, verdict, holding)
                failed += entries
                applied += count
        return self._success(ask, self._outcome(failed)), applied

    def _success(self, ask: Ask, result: dict[str, Any] | None) -> Answer:
        document: dict[str, Any] = {"ResponseMetadata": {"Action": ask.route.operation}}
        return Answer(200, document if result is None else document | {"Result": result})

    def _outcome(self, failed: list[dict[str, str]]) -> dict[str, Any] | None:
        """What stands under Result after a writing call."""
        if failed or self.options.nothing_failed == "list":
            return {"FailedResources": failed}
        if self.options.nothing_failed == "null":
            return {"FailedResources": None}
        return {} if self.options.nothing_failed == "empty" else None

    def _change(self, ask: Ask, cause: Cause, verdict: Verdict, holding: Holding) -> tuple[list[dict[str, str]], int]:
        """Change one resource's tags: its entry in the answer if a rule fails it, and how many changed."""
        entries: list[dict[str, str]] = []
        count = 0
        for key, value in ask.tags:
            rule = verdict.fails(holding.id, key)
            if rule is not None:
                message = rule.message or "the resource is busy, please try again later"
                entries = [_failed(verdict.name_of(holding.id), rule.code or "InternalError", message)]
            if (rule is None or rule.takes_effect) and (value is not None or key in holding.tags):
                pair = Pair(ask.account, holding.region, holding.type, holding.id, key, value or "")
                self.tags.change(cause, pair, value)
                count += 1
        return entries, count

    def _objection(self, ask: Ask, trn: str, holding: Holding | None) -> tuple[str, str] | None:
        """Why a resource fails by itself, if it does."""
        if holding is None:
            known = self.options.unknown_trn == "done"
            return None if known else ("InvalidResource.NotFound", f"{trn} was not found")
        added = {key for key, value in ask.tags if value is not None} - holding.tags.keys()
        if len(holding.tags) + len(added) > MOST_TAGS:
            return "LimitExceeded.Tags", f"a resource has at most {MOST_TAGS} tags"
        return None

    def _listed(self, ask: Ask) -> list[Holding]:
        """What GetResources may list, in the order of TRNs."""
        found = self.tags.select(ask.account, types=self.options.types, ids=ask.ids or None)
        listed = (holding for holding in found if holding.tags or self.options.list_untagged)
        return sorted(listed, key=lambda holding: holding.id)

    def _resources(self, ask: Ask, verdict: Verdict) -> dict[str, Any]:
        wanted = ask.body.get("ResourceTypeFilters") or ()
        found = [
            holding
            for holding in self._listed(ask)
            if (not wanted or holding.type.partition(":")[2] in wanted)
            and all(
                key in holding.tags and (not values or holding.tags[key] in values)
                for key, values in volcengine_input.filters(ask.body)
            )
        ]
        # A rule that names a resource by another id does so where the resource would be left out, too.
        listed = {holding.id for holding in found}
        found += [
            Holding("", "ecs:instance", trn, {}) for trn in ask.ids if trn in verdict.mistaken and trn not in listed
        ]
        page, token = _page(found, ask.body)
        rows = [
            {
                "ResourceTrn": verdict.name_of(holding.id),
                "ResourceID": holding.id.rpartition("/")[2],
                "ResourceType": holding.type.partition(":")[2],
                "ServiceName": holding.type.partition(":")[0],
                "Region": holding.region,
                "Tags": [{"Key": key, "Value": value, "Type": "Custom"} for key, value in holding.tags.items()],
            }
            for holding in page
        ]
        return {"NextToken": token, "ResourceTagMappingList": rows}

    def _types(self) -> dict[str, Any]:
        names = (type_.partition(":") for type_ in self.options.types)
        rows = [{"Service": s, "ServiceName": s, "ResourceType": t, "ResourceTypeName": t} for s, _, t in names]
        return {"ResourceTypes": rows}

    def _names(self, ask: Ask) -> dict[str, Any]:
        listed = self._listed(ask)
        if ask.route.operation == "GetTagKeys":
            keys = sorted({key for holding in listed for key in holding.tags})
            return {"NextToken": "", "TagKeys": [{"TagKey": key, "Category": "Custom"} for key in keys]}
        wanted = ask.body.get("TagKeys") or ()
        pairs = sorted({(k, v) for holding in listed for k, v in holding.tags.items() if k in wanted})
        return {"NextToken": "", "Tags": [{"Key": k, "Value": v, "Type": "Custom"} for k, v in pairs]}


def _failed(trn: str, code: str, message: str) -> dict[str, str]:
    return {"ResourceTrn": trn, "Code": code, "Message": message}


def _page(found: list[Holding], body: Mapping[str, Any]) -> tuple[list[Holding], str]:
    """What comes after the resources that the token has had, and the token for more: the last name of the page."""
    size = volcengine_input.size(dict(body))
    if token := body.get("NextToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except ValueError:
            raise volcengine_input.refuse("InvalidNextToken.Malformed", "the token is not valid") from None
        found = [holding for holding in found if holding.id > last]
    more = base64.b64encode(found[size - 1].id.encode()).decode() if len(found) > size else ""
    return found[:size], more
