"""Tencent Cloud's Tag API on this machine.

Envelopes, codes and limits are the SDK's model's (tencentcloud-sdk-python-tag 3.1.109) and the API's pages'. Resources
stand in the tag table by their six-segment names. What no source states is an option, and its default is a guess that
says so.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from local import package
from local.providers import tencentcloud_input
from local.providers.accounts import Account, Resource, made_up_number
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.tencentcloud_signature import SignatureError, TencentcloudVerifier
from local.providers.wire import Request, Response

UIN = "100000000001"
VERSION = "2018-08-13"
MOST_TAGS = 50  # documents: use limits (651/13354)
PAGE, MOST_IN_A_PAGE = 50, 200
NAMES_IN_A_PAGE = 1000
OPERATIONS = {
    "UnTagResources": True,
    "TagResources": True,
    "GetResources": False,
    "GetTagKeys": False,
    "GetTagValues": False,
}
DEFAULT_CREDENTIALS: Mapping[str, Account] = {"AKIDFAKETENCENT": Account("fake-tencent-secret", domain_id=UIN)}

# The code by HTTP status where none is named. All of them are sent with status 200.
USUAL = {
    400: ("InvalidParameter", "The request is not valid."),
    401: ("AuthFailure.SignatureFailure", "The provided credentials could not be validated."),
    403: ("AuthFailure.UnauthorizedOperation", "You are not authorized to perform the operation (tag:UnTagResources)."),
    429: ("RequestLimitExceeded", "Your current request times exceeds the limit of a second."),
    500: ("InternalError", "An internal error has occurred."),
    503: ("InternalError", "The service is not available."),
}


@dataclass(frozen=True, slots=True)
class TencentcloudOptions:
    """How the local Tencent Cloud behaves where no document says it.

    absent_key      a removal of a key that is not attached: a "failed" entry with the code for it, or "done"
    unknown_name    a removal from a resource that bears no tag, or does not exist: likewise
    no_failures     what FailedResources is where nothing failed
    """

    absent_key: Literal["failed", "done"] = "failed"
    unknown_name: Literal["failed", "done"] = "failed"
    no_failures: Literal["list", "null"] = "list"


class TencentcloudServer(ProviderServer):
    """Tagging and untagging, the reads and the searches. Every answer has status 200."""

    name: ClassVar[str] = "tencentcloud"
    provider: ClassVar[str] = "tencentcloud"
    api: ClassVar[str] = "tencentcloud.tag"
    default_credentials: ClassVar[Mapping[str, Account]] = DEFAULT_CREDENTIALS
    number_field: ClassVar[str] = "account_id"
    service: ClassVar[str] = "tag"
    """The service that calls are signed for."""
    operations: ClassVar[Mapping[str, bool]] = OPERATIONS
    """Its operations, and whether they write."""
    max_body: ClassVar[int] = 10 * 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count"}

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: TencentcloudOptions = TencentcloudOptions(),
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.verifier = TencentcloudVerifier(self.credentials, self.clock, self.service)

    @property
    def environment(self) -> dict[str, str]:
        """The key of the account "default" with its owner's uin, and the accounts by their numbers."""
        names = {
            "TENCENTCLOUD_SECRET_ID": "access_key",
            "TENCENTCLOUD_SECRET_KEY": "secret_key",
            "TENCENTCLOUD_TOKEN": "security_token",
            "TENCENTCLOUD_UIN": "account_id",
        }
        return self.own(names) | self.numbers()

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return self.verifier.claim(request)

    def match(self, request: Request) -> Route:
        """The operation stands in a header."""
        operation = request.header("x-tc-action") or ""
        if request.method != "POST" or request.path != "/" or operation not in self.operations:
            raise tencentcloud_input.refuse("InvalidAction", "The action is not valid.")
        if request.header("x-tc-version") != VERSION:
            raise tencentcloud_input.refuse("NoSuchVersion", "The version does not exist.")
        return Route(operation, self.operations[operation])

    def verify(self, request: Request) -> str:
        """The account's name; else the error that Tencent Cloud has for it."""
        try:
            return self.verifier.verify(request).name
        except SignatureError as error:
            raise Refusal(self.failure(401, error.code, str(error))) from None

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"Response": {"Error": …}}`, with status 200 whatever it is."""
        usual_code, usual_message = USUAL.get(status, (f"InternalError.Status{status}", f"status {status}"))
        return tencentcloud_input.error(code or usual_code, message or usual_message)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The request id stands beside everything else in `Response`."""
        document = {"Response": {**(answer.document or {}), "RequestId": request_id}}
        return Response(answer.status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """The body as the model has it."""
        if not (request.header("content-type") or "").startswith("application/json"):
            raise tencentcloud_input.refuse("InvalidRequest", "The content type is not application/json.")
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise tencentcloud_input.refuse("InvalidParameter", "The body is no JSON object.")
        if not route.writing and not body.get("ResourceList"):
            tencentcloud_input.filters(body)
            return Ask(route, account, body=body)
        names = tencentcloud_input.names(body)
        self._check_owner(names, account)
        tags: tuple[tuple[str, str | None], ...] = ()
        if route.writing:
            untags = route.operation == "UnTagResources"
            tags = tencentcloud_input.keys(body) if untags else tencentcloud_input.tags(body)
        return Ask(route, account, ids=names, tags=tags, body=body)

    def number_of(self, resource: Resource) -> str:
        """The one that the resource's name says, else one of its own."""
        parts = resource.id.split(":")
        kind, _, named = parts[4].partition("/") if len(parts) > 4 else ("", "", "")  # noqa: PLR2004
        return named if kind == "uin" else made_up_number(12, self.provider, resource.account)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its whole name, which is built as the functions build it where a bare id is given."""
        package.find()
        from untag.providers.tencentcloud.names import is_name, name_of_id  # noqa: PLC0415

        owner = self.number(resource.account) or UIN
        bare = not is_name(resource.id)
        name = name_of_id(resource.type, resource.id, resource.region, owner) if bare else resource.id
        return resource.region, resource.type, name

    def _check_owner(self, names: tuple[str, ...], account: str) -> None:
        uins = {known.domain_id or UIN for known in self.credentials.values() if known.name == account}
        for name in names:
            kind, _, number = name.split(":")[4].partition("/")
            if kind == "uin" and number not in uins:
                message = "The resources of a request are of one account."
                raise tencentcloud_input.refuse("FailedOperation.ResourceAppIdNotSame", message)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Tag, untag, or read."""
        if not ask.route.writing:
            return Answer(200, self._read(ask, verdict)), 0
        failed: list[dict[str, Any]] = []
        applied = 0
        for name in ask.ids:
            holding = next(self.tags.select(ask.account, ids=[name]), None)
            entry, count = self._change(ask, cause, verdict, name, holding)
            applied += count
            if entry is not None:
                failed.append({"Resource": verdict.name_of(name), **entry})
        told = None if not failed and self.options.no_failures == "null" else failed
        return Answer(200, {"FailedResources": told}), applied

    def _change(
        self, ask: Ask, cause: Cause, verdict: Verdict, name: str, holding: Holding | None
    ) -> tuple[dict[str, Any] | None, int]:
        """Change one resource's tags: its entry in the answer if it failed, and how many changed."""
        if holding is None:
            return self._unknown(ask, verdict, name), 0
        added = {key for key, value in ask.tags if value is not None} - holding.tags.keys()
        if len(holding.tags) + len(added) > MOST_TAGS:
            return _failed("LimitExceeded.ResourceAttachedTags", f"a resource has at most {MOST_TAGS} tags"), 0
        entry: dict[str, Any] | None = None
        count = 0
        for key, value in ask.tags:
            rule = verdict.fails(name, key)
            if rule is not None:
                entry = _failed(rule.code, rule.message)
            elif value is None and key not in holding.tags and self.options.absent_key == "failed":
                entry = entry or _not_attached(key)
            if (rule is None or rule.takes_effect) and (value is not None or key in holding.tags):
                pair = Pair(ask.account, holding.region, holding.type, holding.id, key, value or "")
                self.tags.change(cause, pair, value)
                count += 1
        return entry, count

    def _unknown(self, ask: Ask, verdict: Verdict, name: str) -> dict[str, Any] | None:
        """The entry of a resource that does not stand here."""
        if any(verdict.fails(name, key) for key, _ in ask.tags):
            return _failed(None, None)
        if ask.route.operation == "TagResources":
            return _failed("InvalidParameterValue.ResourceIdInvalid", "the resource does not exist")
        return _not_attached(ask.tags[0][0]) if self.options.unknown_name == "failed" else None

    def _read(self, ask: Ask, verdict: Verdict) -> dict[str, Any]:
        operation, body = ask.route.operation, ask.body
        listed = sorted((one for one in self.tags.select(ask.account) if one.tags), key=lambda one: one.id)
        if operation == "GetTagKeys":
            keys = sorted({key for one in listed for key in one.tags})
            page, token = _page(keys, body, NAMES_IN_A_PAGE)
            return {"PaginationToken": token, "TagKeys": page}
        if operation == "GetTagValues":
            wanted = body.get("TagKeys") or ()
            pairs = sorted({(key, value) for one in listed for key, value in one.tags.items() if key in wanted})
            page, token = _page([f"{key}\0{value}" for key, value in pairs], body, NAMES_IN_A_PAGE)
            tags = [dict(zip(("TagKey", "TagValue"), pair.split("\0"), strict=True)) for pair in page]
            return {"PaginationToken": token, "Tags": tags}
        found = {one.id: one.tags for one in listed if self._matches(one, ask)}
        # A rule that names a resource by another id does so where the resource would be left out, too.
        found |= {name: {} for name in ask.ids if name in verdict.mistaken and name not in found}
        # Where resources are named, there are no pages.
        page, token = (list(found), "") if ask.ids else _page(list(found), body, MOST_IN_A_PAGE)
        return {
            "PaginationToken": token,
            "ResourceTagMappingList": [
                {"Resource": verdict.name_of(name), "Tags": _tags(found[name])} for name in page
            ],
        }

    def _matches(self, holding: Holding, ask: Ask) -> bool:
        if ask.ids:
            return holding.id in ask.ids
        return all(
            key in holding.tags and (not values or holding.tags[key] in values)
            for key, values in tencentcloud_input.filters(ask.body)
        )


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"TagKey": key, "TagValue": value, "Category": "System" if key.startswith("qcs:") else "Custom"}
        for key, value in tags.items()
    ]


def _failed(code: str | None, message: str | None) -> dict[str, Any]:
    return {
        "Code": code or "FailedOperation.ResourceTagProcessing",
        "Message": message or "The tags of the resource are being processed. Please try again later.",
    }


def _not_attached(key: str) -> dict[str, Any]:
    return _failed("ResourceNotFound.AttachedTagKeyNotFound", f"the tag key {key} is not attached to the resource")


def _page(rows: list[str], body: Mapping[str, Any], most: int) -> tuple[list[str], str]:
    """The rows after those that the token has had, and the token for more: the last row, so that nothing shifts."""
    size = body.get("MaxResults", PAGE)
    if not isinstance(size, int) or not 1 <= size <= most:
        raise tencentcloud_input.refuse("InvalidParameter", f"MaxResults is 1 to {most}")
    if token := body.get("PaginationToken"):
        try:
            last = base64.b64decode(token, validate=True).decode()
        except (TypeError, ValueError):
            code = "InvalidParameter.PaginationTokenInvalid"
            raise tencentcloud_input.refuse(code, "the token is not valid any more") from None
        rows = [row for row in rows if row > last]
    more = base64.b64encode(rows[size - 1].encode()).decode() if len(rows) > size else ""
    return rows[:size], more
