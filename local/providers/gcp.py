"""Google Cloud on this machine: the labels of eight services, Cloud Asset's search, and the token service.

Resources stand in the tag table by their full names, in no region. A token is one of `credentials`, where it never
expires, or was given out here for an AWS role's proof. What no source states is an option, and its default is a guess
that says so.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

from local.errors import LocalError
from local.providers.accounts import Account, Resource, made_up_number
from local.providers.aws import AwsServer
from local.providers.faults import Verdict
from local.providers.gcp_services import (
    Service,
    error,
    find,
    operation,
    refuse,
    show,
    stale,
    version_of,
    written,
)
from local.providers.gcp_tokens import GcpTokens, Pool
from local.providers.server import Answer, Ask, ProviderServer, Route
from local.providers.tag_table import Cause, Holding, Pair
from local.providers.wire import Request, Response

PROJECT, NUMBER = "demo-project", "123456789012"
PAGE = 500
DEFAULT_CREDENTIALS: Mapping[str, Account] = {"ya29.fake-local-token": Account("", domain_id=PROJECT)}
DEFAULT_POOLS = (
    Pool(
        f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/untag-pool/providers/untag-aws",
        f"untag@{PROJECT}.iam.gserviceaccount.com",
    ),
)
_QUERY = re.compile(r"labels\.([a-z0-9_]+)(=([a-z0-9_]+)|:\*)")
_THROTTLES = frozenset({"rateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_WORDS = {
    400: "The request is not valid.",
    401: "Request had invalid authentication credentials.",
    403: "Permission denied on the resource.",
    429: "Quota exceeded for quota metric 'Write requests'.",
    500: "An internal error has occurred.",
    503: "The service is currently unavailable.",
}


@dataclass(frozen=True, slots=True)
class GcpOptions:
    """How the local Google Cloud behaves where it may behave in several ways.

    running     hosts whose writes answer with an operation that still runs; instances do, other resources of Compute
                Engine are done at once
    later       seconds after which such a write takes effect
    """

    running: frozenset[str] = frozenset({"container.googleapis.com", "sqladmin.googleapis.com"})
    later: float = 0.0


class GcpServer(ProviderServer):
    """Reads and writes of labels, the search, and tokens."""

    name: ClassVar[str] = "gcp"
    provider: ClassVar[str] = "gcp"
    api: ClassVar[str] = "gcp.labels"
    default_credentials: ClassVar[Mapping[str, Account]] = DEFAULT_CREDENTIALS
    max_body: ClassVar[int] = 10 * 1024 * 1024
    fault_kinds: ClassVar[frozenset[str]] = ProviderServer.fault_kinds - {"count"}

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        options: GcpOptions = GcpOptions(),
        pools: tuple[Pool, ...] = DEFAULT_POOLS,
        **common: Any,
    ) -> None:
        super().__init__(credentials, **common)
        self.options = options
        self.tokens = GcpTokens(self._now, pools, AwsServer.default_credentials)
        self.numbers_of_projects = {PROJECT: NUMBER}
        self._later: list[tuple[float, Cause, list[tuple[Pair, str | None]], Mapping[str, str]]] = []

    def _now(self) -> float:
        return self.clock()  # which may be replaced later

    @property
    def environment(self) -> dict[str, str]:
        """The token of the account "default", and the accounts by their projects."""
        return self.own({"GOOGLE_OAUTH_ACCESS_TOKEN": "access_token"}) | self.numbers()

    @property
    def secrets(self) -> dict[str, dict[str, Any]]:
        """Each account's token."""
        return {account.name: {"access_token": token} for token, account in self.credentials.items()}

    def entry(self, name: str, entry: Any) -> tuple[str, Account]:
        """By its token; a service account by the pool that leads to it, and by no token beforehand."""
        if "access_token" in entry:
            return str(entry["access_token"]), Account("", name=name)
        self.tokens.pools += (Pool(str(entry["audience"]), str(entry["service_account"]), name),)
        return token_urlsafe(), Account("", name=name)

    def number_of(self, resource: Resource) -> str:
        """The project in the resource's name, else one of its own."""
        found = re.search(r"/projects/([^/]+)", resource.id)
        return found[1] if found else f"project-{made_up_number(6, self.provider, resource.account)}"

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """By its full name, in no region."""
        if not resource.id.startswith("//"):
            raise LocalError(f"{resource.id} is no full resource name", "//storage.googleapis.com/BUCKET is one")
        return "", resource.type, resource.id

    def claim(self, request: Request) -> tuple[str, str]:
        """The token."""
        return _token(request), ""

    def match(self, request: Request) -> Route:
        """By the path: a token, a search, or a resource."""
        path = unquote(request.path)
        if path.endswith("/v1/token"):
            return Route("token", writing=False)
        if path.endswith(":generateAccessToken"):
            return Route("generateAccessToken", writing=False)
        if path.endswith(":searchAllResources"):
            return Route("searchAllResources", writing=False, id=path.split("/")[-1].partition(":")[0])
        service, path, behind = find(request)
        id_ = f"//{service.of_names}/{path}"
        if request.method == "GET" and not behind:
            return Route("get", writing=False, id=id_)
        if (request.method, behind) != service.write:
            raise refuse(405, "The method is not allowed.", "httpMethodNotAllowed")
        return Route("setLabels" if behind else "patch", writing=True, id=id_)

    def verify(self, request: Request) -> str:
        """The account's name. The token endpoints look at what they are given themselves."""
        if unquote(request.path).endswith(("/v1/token", ":generateAccessToken")):
            return ""
        token = _token(request)
        account = self.credentials.get(token)
        name = account.name if account is not None else self.tokens.owner(token)
        if name is None:
            raise refuse(401, f"Request had invalid authentication credentials: {token}")
        return name

    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """The envelope that most services share."""
        return error(status, message or _WORDS.get(status, f"status {status}"), code)

    def render(self, answer: Answer, request_id: str) -> Response:
        """The call's id stands in a header, and is an operation's name."""
        document = answer.document
        if document is not None and document.get("name", "") is None:
            document = {**document, "name": request_id}
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        return Response(answer.status, body, headers=(("X-GUploader-UploadID", request_id),))

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """What is asked, with the keys that a write changes."""
        if route.operation == "searchAllResources":
            return Ask(route, account, body=(_search(request), route.id))
        body = None
        if request.method != "GET" and route.operation != "token":
            try:
                body = json.loads(request.body)
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                raise refuse(400, "Invalid JSON payload received.", "parseError")
        if not route.id:
            return Ask(route, account, body=(request, body))
        holding = self._holding(account, route.id)
        if holding is None:
            return Ask(route, account, ids=(route.id,), body=(request, body))
        tags: tuple[tuple[str, str | None], ...] = ()
        if route.writing:
            service, path, _ = find(request)
            tags = _changes(holding.tags, written(service, path, request, body, holding.tags).labels)
        return Ask(route, account, type=holding.type, ids=(holding.id,), tags=tags, body=(request, body))

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """A token, a search, a read or a write."""
        self._carry_out_what_is_due()
        operation_ = ask.route.operation
        if operation_ == "searchAllResources":
            return Answer(200, self._found(ask, verdict)), 0
        request, body = ask.body
        if operation_ == "token":
            return self.tokens.exchange(request), 0
        if operation_ == "generateAccessToken":
            return self.tokens.generate(request, body), 0
        service, path, _ = find(request)
        holding = self._holding(ask.account, ask.ids[0])
        if holding is None:
            return self._unknown(ask.account, request, ask.ids[0]).answer, 0
        if not ask.route.writing:
            return Answer(200, self._shown(service, verdict.name_of(holding.id), holding.tags)), 0
        return self._write(ask, cause, verdict, holding, (service, path))

    def _write(
        self, ask: Ask, cause: Cause, verdict: Verdict, holding: Holding, at: tuple[Service, str]
    ) -> tuple[Answer, int]:
        service, path = at
        request, body = ask.body
        wanted = written(service, path, request, body, holding.tags)
        if wanted.version not in (None, version_of(holding.tags, service)):
            return stale(service), 0
        changes = _changes(holding.tags, wanted.labels)
        failed: Answer | None = None
        carried: list[tuple[Pair, str | None]] = []
        for key, value in changes:
            rule = verdict.fails(holding.id, key)
            if rule is not None:
                message = rule.message or "The resource cannot be changed now."
                status = 403 if rule.code in _THROTTLES else 400
                failed = error(status, message, rule.code or "RESOURCE_IN_USE", service.host)
            # An operation may fail after its work; what is refused outright was not begun.
            if rule is None or (rule.takes_effect and service.operation):
                place = (ask.account, holding.region, holding.type, holding.id)
                carried.append((Pair(*place, key, value or ""), value))
        runs = service.host in self.options.running or "/instances/" in path
        if service.operation and runs and self.options.later and failed is None:
            self._later.append((self.clock() + self.options.later, cause, carried, holding.tags))
        else:
            self._change(cause, carried)
        after = self._holding(ask.account, holding.id)
        shown = self._shown(service, verdict.name_of(holding.id), after.tags if after else {})
        if service.operation:
            named = verdict.name_of(holding.id).split("/", 3)[3]
            return Answer(200, operation(service, named, shown, failed, done=not runs)), len(carried)
        return failed or Answer(200, shown), len(carried)

    def _change(self, cause: Cause, changes: list[tuple[Pair, str | None]]) -> None:
        for pair, value in changes:
            if self.tags.get(*pair[:4]) is not None:
                self.tags.change(cause, pair, value)

    def _carry_out_what_is_due(self) -> None:
        for waiting in list(self._later):
            due, cause, changes, before = waiting
            if due <= self.clock():
                self._later.remove(waiting)
                # An operation on labels that have changed since it was taken fails.
                if changes and self.tags.get(*changes[0][0][:4]) == before:
                    self._change(cause, changes)

    def _shown(self, service: Service, id_: str, labels: Mapping[str, str]) -> dict[str, Any]:
        path = id_.split("/", 3)[3]
        return show(service, path, labels, self.numbers_of_projects.get(path.split("/")[-1], "1"))

    def _holding(self, account: str, id_: str) -> Holding | None:
        """A resource, by its name; a cluster's may have its zone or its location."""
        names = [id_, id_.replace("/locations/", "/zones/", 1), id_.replace("/zones/", "/locations/", 1)]
        return next(self.tags.select(account, ids=names), None)

    def _unknown(self, account: str, request: Request, id_: str) -> Any:
        """404, or 403 for what is another account's."""
        service, path, _ = find(request)
        others = {known.name for known in self.credentials.values()} - {account}
        if any(self._holding(other, id_) for other in others):
            return refuse(403, f"Permission denied on '{path}'", service=service.host)
        return refuse(404, f"The resource '{path}' was not found", service=service.host)

    def _found(self, ask: Ask, verdict: Verdict) -> dict[str, Any]:
        """A page of a search: by name, so that nothing is missed where others go."""
        search, project = ask.body
        rows = sorted(
            (one for one in self.tags.select(ask.account) if self._is_in(one, project, ask.account)),
            key=lambda one: one.id,
        )
        if search["types"]:
            rows = [one for one in rows if one.type in search["types"]]
        if search["key"]:
            rows = [
                one for one in rows if search["key"] in one.tags and search["value"] in (None, one.tags[search["key"]])
            ]
        rows = [one for one in rows if one.id > search["after"]]
        page = rows[: search["size"]]
        found: dict[str, Any] = {"results": [_row(one, verdict) for one in page]} if page else {}
        if len(rows) > len(page):
            found["nextPageToken"] = base64.urlsafe_b64encode(page[-1].id.encode()).decode()
        return found

    def _is_in(self, holding: Holding, project: str, account: str) -> bool:
        found = re.search(r"/projects/([^/]+)", holding.id)
        known = self.account(account)
        own = found[1] if found else (known.domain_id if known else None)
        return project in (own, self.numbers_of_projects.get(own or "")) or own == self.numbers_of_projects.get(project)


def _token(request: Request) -> str:
    return (request.header("authorization") or "").removeprefix("Bearer ")


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str | None], ...]:
    """The keys that a write changes, with their new values; None for those that go."""
    keys = sorted(before.keys() | after.keys())
    return tuple((key, after.get(key)) for key in keys if before.get(key) != after.get(key))


def _row(holding: Holding, verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {"name": verdict.name_of(holding.id), "assetType": holding.type}
    return {**row, "project": f"projects/{NUMBER}", **({"labels": holding.tags} if holding.tags else {})}


def _search(request: Request) -> dict[str, Any]:
    """What a search asks for; Refusal where it is not valid."""
    query = parse_qs(request.query)
    text = query.get("query", [""])[0]
    matched = _QUERY.fullmatch(text)
    size = query.get("pageSize", ["100"])[0]
    if (text and matched is None) or not size.isdecimal() or not 1 <= int(size) <= PAGE:
        raise refuse(400, "Request contains an invalid argument.")
    try:
        after = base64.urlsafe_b64decode(query.get("pageToken", [""])[0]).decode()
    except ValueError:
        raise refuse(400, "The page token is not valid.") from None
    return {
        "types": query.get("assetTypes", []),
        "key": matched[1] if matched else "",
        "value": matched[3] if matched else None,
        "size": int(size),
        "after": after,
    }
