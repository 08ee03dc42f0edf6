"""Azure's Resource Manager on this machine: tags at a scope, and Resource Graph.

Envelopes and codes are azure-mgmt-resource 26.0.0's and the API's pages'. Resources stand in the tag table by their ARM
ids, of the region "". What no source states is an option, and its default is a guess that says so.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs

from local.providers import azure_input
from local.providers.accounts import Account
from local.providers.azure_service import SUBSCRIPTION, TENANT, AzureService
from local.providers.azure_tokens import claims_of_access_token
from local.providers.calls import Call
from local.providers.faults import STATUS_KINDS, Fault, Verdict
from local.providers.server import Answer, Ask, ProviderServer, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.wire import Request, Response

TAGS = "/providers/Microsoft.Resources/tags/default"
GRAPH = "/providers/microsoft.resourcegraph/resources"
AUDIENCES = frozenset({"https://management.azure.com", "https://management.azure.com/"})
LATER = frozenset({"microsoft.compute/disks", "microsoft.compute/snapshots"})
"""Types whose writes are carried out later (azure-rest-api-specs#20267)."""

# The code by HTTP status where none is named.
_USUAL = {
    400: ("BadRequest", "The request is not valid."),
    401: ("InvalidAuthenticationToken", "The access token is invalid."),
    403: (
        "AuthorizationFailed",
        "The client does not have authorization to perform action 'Microsoft.Resources/tags/write'.",
    ),
    409: ("Conflict", "Another operation is in progress."),
    429: ("TooManyRequests", "The request is being throttled as the limit has been reached."),
    500: ("InternalServerError", "Encountered internal server error."),
    503: ("ServiceUnavailable", "The service is not available."),
}


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """How the local Azure behaves where its documents say it in two ways, or not at all.

    delete          what Delete does where the key has another value: the key goes ("key"), or stays ("pair")
    no_tags         what `tags` is where there are none: an empty object, or nothing
    later_types     types whose writes are answered with 202, in lower letters
    later_seconds   when those are carried out
    later_lost      the share of those that never are
    retry_after     what the 202 names
    without_effect  types whose writes are answered with success and change nothing, in lower letters
    """

    delete: Literal["key", "pair"] = "key"
    no_tags: Literal["empty", "left_out"] = "empty"
    later_types: frozenset[str] = LATER
    later_seconds: float = 0.2
    later_lost: float = 0.0
    retry_after: str | None = "1"
    without_effect: frozenset[str] = frozenset()


class AzureServer(AzureService):
    """Tags of resources, groups and subscriptions. `subscriptions` says whose tenant each is; others are those of the
    accounts whose resources stand in them.
    """

    name: ClassVar[str] = "azure"
    api: ClassVar[str] = "azure.management"
    max_body: ClassVar[int] = 4 * 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count"}

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: AzureOptions = AzureOptions(),
        subscriptions: Mapping[str, str] = {SUBSCRIPTION: TENANT},
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.subscriptions = dict(subscriptions)
        self._waiting: list[tuple[float, Callable[[], int]]] = []
        self._random = random.Random(common.get("seed", 0))  # noqa: S311 - repeatable, not secret

    @staticmethod
    def same_key(key: str) -> str:
        """Names of tags are the same in upper and lower case."""
        return key.lower()

    def claim(self, request: Request) -> tuple[str, str]:
        """The client id in the token; a token is no signature of a request."""
        return str((_claims(request) or {}).get("appid", "")), ""

    def match(self, request: Request) -> Route:
        """The scope of the tags, or a query."""
        versions = parse_qs(request.query).get("api-version", [])
        if request.path.lower() == GRAPH and request.method == "POST":
            _check_version(versions, azure_input.GRAPH_VERSIONS)
            return Route("query", writing=False)
        scope = azure_input.scope_of(request.path)
        if scope is None:
            raise azure_input.refuse(404, "InvalidResourceType", "The resource type could not be found.")
        _check_version(versions, azure_input.VERSIONS)
        if request.method == "GET":
            return Route("get", writing=False, id=scope)
        if request.method != "PATCH":
            raise azure_input.refuse(405, "HttpMethodNotAllowed", "PUT and DELETE would take every tag.")
        operation = str(azure_input.body_of(request.body).get("operation"))
        return Route(operation.lower(), writing=True, id=scope)

    def verify(self, request: Request) -> str:
        """The account whose application bears the token."""
        claims = _claims(request)
        if claims is None or claims.get("aud") not in AUDIENCES:
            raise azure_input.refuse(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if claims["exp"] <= self.clock():
            raise azure_input.refuse(401, "ExpiredAuthenticationToken", "The access token expiry is past.")
        account = self.credentials.get(claims["appid"])
        if account is None or account.domain_id != claims["tid"]:
            raise azure_input.refuse(401, "InvalidAuthenticationToken", "The application is not known.")
        return account.name

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """What the call asks, of which scope."""
        if route.operation == "query":
            return Ask(route, account, body=azure_input.query_of(azure_input.body_of(request.body)))
        tags = azure_input.tags_in(azure_input.body_of(request.body)) if route.writing else ()
        held = self._holding(account, route.id)
        name = held.id if held is not None else route.id
        return Ask(route, account, azure_input.type_of(name), (name,), tags)

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """`{"error": {"code", "message"}}`."""
        usual_code, usual_message = _USUAL.get(status, (f"Status{status}", f"status {status}"))
        return azure_input.error(status, code or usual_code, message or usual_message)

    def _fail(self, fault: Fault, call: Call) -> Response:
        """A read that is forbidden lacks the right to read."""
        if (fault.status or STATUS_KINDS[fault.do]) == 403 and fault.message is None and not call.writing:  # noqa: PLR2004 - HTTP's "Forbidden"
            fault = replace(fault, message=_USUAL[403][1].replace("tags/write", "tags/read"))
        return super()._fail(fault, call)

    def render(self, answer: Answer, request_id: str) -> Response:
        """A 202 says where its result would be, and when."""
        made = super().render(answer, request_id)
        if answer.status != 202:  # noqa: PLR2004 - HTTP's "Accepted"
            return made
        headers = [*made.headers, ("Location", f"{self.url}/subscriptions/{SUBSCRIPTION}/tagsoperationresults/1")]
        if self.options.retry_after is not None:
            headers.append(("Retry-After", self.options.retry_after))
        return Response(202, b"", tuple(headers))

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Delete, merge, replace, read or find."""
        self._carry_out_what_is_due()
        if ask.route.operation == "query":
            return Answer(200, self._found(ask)), 0
        held = self._holding(ask.account, ask.route.id)
        if held is None:
            return self._unknown(ask), 0
        if not ask.route.writing:
            return self._tags(ask, verdict, held.tags), 0
        change = partial(self._change, ask, cause, verdict, held)
        type_ = held.type.lower()
        if type_ in self.options.later_types:
            if self._random.random() >= self.options.later_lost:
                self._waiting.append((self.clock() + self.options.later_seconds, change))
            return Answer(202), 0
        count = 0 if type_ in self.options.without_effect else change()
        there = self.tags.get(ask.account, "", held.type, held.id) or {}
        # What a rule lets fail is shown as if it stood there, whatever became of it.
        failed = {key: value or "" for key, value in ask.tags if verdict.fails(held.id, key)}
        shown = there | failed if ask.route.operation == "delete" else _without(there, failed)
        return self._tags(ask, verdict, shown), count

    def _change(self, ask: Ask, cause: Cause, verdict: Verdict, held: Holding) -> int:
        """Change the tags of a scope, but for what a rule spares: how many changed."""
        there = self.tags.get(ask.account, "", held.type, held.id)
        if there is None:
            return 0
        stored = {key.lower(): key for key in there}
        changes: dict[str, str | None] = {}
        if ask.route.operation == "replace":
            changes |= dict.fromkeys(there)
        for key, value in ask.tags:
            rule = verdict.fails(held.id, key)
            if rule is not None and not rule.takes_effect:
                continue
            name = stored.get(key.lower())
            if ask.route.operation != "delete":
                changes[name or key] = value or ""
            elif name is not None and (self.options.delete == "key" or there[name] == value):
                changes[name] = None
        changed = {key: value for key, value in changes.items() if there.get(key) != value}
        for key, value in changed.items():
            self.tags.change(cause, Pair(ask.account, "", held.type, held.id, key, value or ""), value)
        return len(changed)

    def _carry_out_what_is_due(self) -> None:
        now = self.clock()
        due = [one for one in self._waiting if one[0] <= now]
        self._waiting = [one for one in self._waiting if one[0] > now]
        for _, change in due:
            change()

    def _tags(self, ask: Ask, verdict: Verdict, tags: Mapping[str, str]) -> Answer:
        """What stands at a scope."""
        scope = ask.route.id
        if ask.ids[0] in verdict.mistaken:
            scope = f"{scope}-other"  # in other letters it would be the same
        properties = {} if not tags and self.options.no_tags == "left_out" else {"tags": dict(tags)}
        named = {"id": f"{scope}{TAGS}", "name": "default", "type": "Microsoft.Resources/tags"}
        return Answer(200, {**named, "properties": properties})

    def _holding(self, account: str, scope: str) -> Holding | None:
        """The resource at a scope, whatever the case of its letters."""
        type_ = azure_input.type_of(scope)
        tags = self.tags.get(account, "", type_, scope)
        if tags is not None:
            return Holding("", type_, scope, tags)
        alike = (one for one in self.tags.select(account) if one.id.lower() == scope.lower())
        return next(alike, None)

    def _unknown(self, ask: Ask) -> Answer:
        """A scope that is not there: of another tenant, of no subscription, or gone."""
        subscription = ask.route.id.split("/")[2].lower()
        tenants = {id_.lower(): tenant for id_, tenant in self.subscriptions.items()}
        own = self.account(ask.account)
        for account in self.credentials.values():
            for one in self.tags.select(account.name):
                mine = own is not None and own.name == account.name
                if mine or one.id.split("/")[2].lower() not in tenants:
                    tenants[one.id.split("/")[2].lower()] = account.domain_id or ""
        if subscription not in tenants:
            message = f"The subscription '{subscription}' could not be found."
            return azure_input.error(404, "SubscriptionNotFound", message)
        if own is None or tenants[subscription] != own.domain_id:
            message = "The access token is from the wrong issuer. It must match the tenant of this subscription."
            return azure_input.error(401, "InvalidAuthenticationTokenTenant", message)
        return azure_input.error(404, "ResourceNotFound", "The Resource was not found.")

    def _found(self, ask: Ask) -> dict[str, Any]:
        """A page of rows, keys or values."""
        query: azure_input.Query = ask.body
        held = [one for one in self.tags.select(ask.account) if query.type in (None, "") or _is(one, query.type)]
        pairs = [
            (one, key, value)
            for one in held
            for key, value in one.tags.items()
            if query.key is None or key.lower() == query.key.lower()
            if query.value is None or value == query.value
        ]
        rows: list[dict[str, Any]]
        if query.name is None:
            met = {one.id: one for one, _, _ in pairs}
            rows = [{"id": id_, "type": met[id_].type.lower(), "tags": met[id_].tags} for id_ in sorted(met)]
        else:
            rows = [{"name": name} for name in sorted({pair[1 + query.name] for pair in pairs})]
        page = rows[query.skip : query.skip + query.top]
        return {"totalRecords": len(rows), "count": len(page), "data": page, "facets": [], "resultTruncated": "false"}


def _claims(request: Request) -> dict[str, Any] | None:
    kind, _, token = (request.header("authorization") or "").partition(" ")
    return claims_of_access_token(token) if kind == "Bearer" else None


def _check_version(given: list[str], known: frozenset[str]) -> None:
    if len(given) != 1 or given[0] not in known:
        raise azure_input.refuse(400, "InvalidApiVersionParameter", "The api-version is invalid.")


def _is(held: Holding, type_: str) -> bool:
    return held.type.lower() == type_.lower()


def _without(tags: Mapping[str, str], failed: Mapping[str, str]) -> dict[str, str]:
    lower = {key.lower() for key in failed}
    return {key: value for key, value in tags.items() if key.lower() not in lower}
