"""AWS's Resource Groups Tagging API on this machine.

Envelopes, codes and limits are the model's (botocore 1.44.5) and the API's pages'. Resources stand in the tag table by
their ARNs. What no source states is an option, and its default is a guess that says so.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from local.providers import aws_input
from local.providers.accounts import Account
from local.providers.aws_service import AwsService
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, Refusal, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.wire import Request, Response

TARGET = "ResourceGroupsTaggingAPI_20170126."
PAGE = 100
MOST_TAGS = 50  # documents: Tag Editor, "Tag naming limits and requirements"
OPERATIONS = {
    "UntagResources": True,
    "TagResources": True,
    "GetResources": False,
    "GetTagKeys": False,
    "GetTagValues": False,
}
LEFT_OUT = ("iam:role", "iam:user")
"""Types that GetResources does not list (documents: "Services that support the Resource Groups Tagging API")."""
WITHOUT_TAGS = ("autoscaling:autoScalingGroup",)
"""Types that it lists without their tags."""

# The code by HTTP status where none is named.
USUAL = {
    400: ("InvalidParameterException", "the request is not valid"),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "User is not authorized to perform: tag:UntagResources"),
    429: ("ThrottledException", "Rate exceeded"),
    500: ("InternalServiceException", "the request processing failed because of an unknown error"),
    503: ("ServiceUnavailableException", "the service is not available"),
}


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """How the local AWS behaves where no document says it.

    unknown_arn     a removal from a resource that does not exist: a "failed" entry with a NotFound code, or "done"
    list_untagged   whether GetResources lists resources that stand here without a tag, as if they once bore one
    """

    unknown_arn: Literal["failed", "done"] = "failed"
    list_untagged: bool = False


class AwsServer(AwsService):
    """Tagging and untagging, the reads and the searches; Signature Version 4 is checked, and its session token."""

    name: ClassVar[str] = "aws"
    api: ClassVar[str] = "aws.tagging"
    service: ClassVar[str] = "tagging"
    max_body: ClassVar[int] = 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = AwsService.fault_kinds - {"count"}

    def __init__(
        self, credentials: Mapping[str, Account] | None = None, *, options: AwsOptions = AwsOptions(), **common: Any
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options

    def match(self, request: Request) -> Route:
        """The operation stands in a header, the region in the signature."""
        operation = (request.header("x-amz-target") or "").removeprefix(TARGET)
        if request.method != "POST" or request.path != "/" or operation not in OPERATIONS:
            raise Refusal(self.failure(404, "UnknownOperationException", "unknown operation"))
        return Route(operation, OPERATIONS[operation], region=self.verifier.region(request))

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"__type", "message"}`. A throttle and a refused key are a 400 here."""
        usual_code, usual_message = USUAL.get(status, (f"Status{status}", f"status {status}"))
        code = code or usual_code
        document = {"__type": f"com.amazonaws.resourcegroupstaggingapi#{code}", "message": message or usual_message}
        return Answer(400 if status in (401, 403, 429) else status, document, code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands in a header."""
        body = json.dumps(answer.document or {}, ensure_ascii=False).encode("utf-8", "replace")
        return Response(answer.status, body, (("x-amzn-requestid", request_id),), "application/x-amz-json-1.1")

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The body as the model has it; a search and a list of ARNs exclude each other."""
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise aws_input.refuse("the body is no JSON object", "SerializationException")
        if route.writing:
            found = aws_input.keys(body) if route.operation == "UntagResources" else aws_input.tags(body)
            return Ask(route, account, ids=aws_input.arns(body, aws_input.MOST_ARNS), tags=found, body=body)
        if "ResourceARNList" not in body:
            aws_input.filters(body)
            return Ask(route, account, body=body)
        if body.keys() & {"TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "PaginationToken"}:
            raise aws_input.refuse("ResourceARNList cannot be combined with filters or paging")
        return Ask(route, account, ids=aws_input.arns(body, aws_input.MOST_ARNS_READ), body=body)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Tag, untag, or read."""
        if cause.operation == "GetResources":
            return Answer(200, self._resources(ask, verdict)), 0
        if not ask.route.writing:
            return Answer(200, self._names(ask)), 0
        failed: dict[str, Any] = {}
        applied = 0
        for arn in ask.ids:
            holding = next(self.tags.select(ask.account, ask.route.region, ids=[arn]), None)
            if (objection := self._objection(ask, arn, holding)) is not None:
                failed[verdict.name_of(arn)] = objection
            elif holding is not None:
                entry, count = self._change(ask, cause, verdict, holding)
                failed |= entry
                applied += count
        return Answer(200, {"FailedResourcesMap": failed}), applied

    def _change(self, ask: Ask, cause: Cause, verdict: Verdict, holding: Holding) -> tuple[dict[str, Any], int]:
        """Change one resource's tags: its entry in the answer if a rule fails it, and how many changed."""
        entry: dict[str, Any] = {}
        count = 0
        for key, value in ask.tags:
            rule = verdict.fails(holding.id, key)
            if rule is not None:
                entry = {verdict.name_of(holding.id): _failed(rule.status or 500, rule.code, rule.message)}
            if (rule is None or rule.takes_effect) and (value is not None or key in holding.tags):
                pair = Pair(ask.account, holding.region, holding.type, holding.id, key, value or "")
                self.tags.change(cause, pair, value)
                count += 1
        return entry, count

    def _objection(self, ask: Ask, arn: str, holding: Holding | None) -> dict[str, Any] | None:
        """Why a resource fails by itself, if it does."""
        if holding is None:
            known = self.options.unknown_arn == "done"
            return None if known else _failed(400, "ResourceNotFoundException", f"{arn} was not found")
        added = {key for key, value in ask.tags if value is not None} - holding.tags.keys()
        if len(holding.tags) + len(added) > MOST_TAGS:
            return _failed(400, "TagLimitExceededException", f"a resource has at most {MOST_TAGS} tags")
        return None

    def _listed(self, ask: Ask) -> list[Holding]:
        """What GetResources may list, in the order of ARNs."""
        holdings = self.tags.select(ask.account, ask.route.region, ids=ask.ids or None)
        listed = [
            holding._replace(tags={}) if holding.type in WITHOUT_TAGS else holding
            for holding in holdings
            if holding.type not in LEFT_OUT and (holding.tags or self.options.list_untagged)
        ]
        return sorted(listed, key=lambda holding: holding.id)

    def _resources(self, ask: Ask, verdict: Verdict) -> dict[str, Any]:
        body = ask.body
        wanted = body.get("ResourceTypeFilters") or ()
        found = [
            holding
            for holding in self._listed(ask)
            if (not wanted or holding.type in wanted or holding.type.partition(":")[0] in wanted)
            and all(
                key in holding.tags and (not values or holding.tags[key] in values)
                for key, values in aws_input.filters(body)
            )
        ]
        rows = [(holding.id, holding.tags) for holding in found]
        if ask.ids:
            # A rule that names a resource by another id does so where the resource would be left out, too.
            listed = {name for name, _ in rows}
            rows += [(name, {}) for name in ask.ids if name in verdict.mistaken and name not in listed]
            page, token = rows, ""
        else:
            page, token = _page(rows, body)
        mappings = [
            {
                "ResourceARN": verdict.name_of(name),
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
            for name, tags in page
        ]
        return {"PaginationToken": token, "ResourceTagMappingList": mappings}

    def _names(self, ask: Ask) -> dict[str, Any]:
        key = ask.body.get("Key")
        if ask.route.operation == "GetTagKeys":
            names = sorted({name for holding in self._listed(ask) for name in holding.tags})
            page, token = _page([(name, {}) for name in names], ask.body)
            return {"PaginationToken": token, "TagKeys": [name for name, _ in page]}
        values = sorted({holding.tags[key] for holding in self._listed(ask) if key in holding.tags})
        page, token = _page([(value, {}) for value in values], ask.body)
        return {"PaginationToken": token, "TagValues": [value for value, _ in page]}


def _failed(status: int, code: str | None, message: str | None) -> dict[str, Any]:
    return {
        "StatusCode": status,
        "ErrorCode": code or "InternalServiceException",
        "ErrorMessage": message or "the resource is busy, please try again later",
    }


def _page(rows: list[tuple[str, dict[str, str]]], body: Mapping[str, Any]) -> tuple[list[Any], str]:
    """The rows after those that the token has had, and the token for more: the last name, so that nothing shifts."""
    size = body.get("ResourcesPerPage", PAGE)
    if not isinstance(size, int) or not 1 <= size <= PAGE:
        raise aws_input.refuse(f"ResourcesPerPage is 1 to {PAGE}")
    if token := body.get("PaginationToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except ValueError:
            message = "the token is not valid any more"
            raise aws_input.refuse(message, "PaginationTokenExpiredException") from None
        rows = [row for row in rows if row[0] > last]
    more = base64.b64encode(rows[size - 1][0].encode()).decode() if len(rows) > size else ""
    return rows[:size], more
