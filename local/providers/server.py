"""What every local cloud is made of: a server with tags, a call log, faults and control routes."""

import asyncio
import json
import secrets
import string
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from local import package
from local.errors import LocalError
from local.providers.accounts import Account, Resource, made_up
from local.providers.calls import Call, CallLog
from local.providers.control import Control
from local.providers.faults import KINDS, STATUS_KINDS, Asked, Fault, Faults, Tag, Verdict
from local.providers.tag_table import Cause, TagTable
from local.providers.wire import Hangup, Listening, Reply, Request, Response

SEED_FILE = Path(__file__).parent / "seed.json"
HUGE = 16 * 1024 * 1024  # bytes of padding where a `huge` rule names no amount
_ENDPOINTS = "UNTAG_ENDPOINTS"
_REQUEST_ID_LETTERS = string.ascii_lowercase + string.digits


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """A call that ends before it does anything, with the answer that says why."""

    def __init__(self, answer: "Answer") -> None:
        super().__init__(answer.status, answer.code)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cloud says, before the call's id is put in: a status, a JSON document (None: no body), a code.

    `gateway` tells the gateway's own words from the service's, which look different at Huawei Cloud.
    """

    status: int
    document: dict[str, Any] | None = None
    code: str = ""
    gateway: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request's method and path lead: the operation and what the path names."""

    operation: str
    writing: bool
    region: str = ""
    type: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A well-formed call: who asks what of which resources. `body` is the parsed JSON, if any."""

    route: Route
    account: str
    type: str = ""
    ids: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    body: Any = None

    @property
    def pairs(self) -> int:
        """How many (resource, tag) pairs the call speaks of."""
        return len(self.ids) * len(self.tags)

    @property
    def asked(self) -> Asked:
        """What a fault rule may look at."""
        return Asked(self.route.operation, self.route.writing, self.account, self.ids, self.tags)


class ProviderServer(Listening, ABC):
    """A cloud's tag API on 127.0.0.1: start, call, look at `tags`, `calls` and `faults`, stop.

    credentials     access key -> Account; made-up ones where none are given. The dict may be changed later, as when
                    a key is rotated
    port            0 takes any free port, and keeps it over stop() and start()
    latency         seconds that every call takes
    clock           what the signature's date is held against
    seed            of the Random behind faults with a probability
    """

    name: ClassVar[str]
    provider: ClassVar[str]
    default_credentials: ClassVar[Mapping[str, Account]]
    api: ClassVar[str]
    """What the functions call the tag API that this server is: `provider.api`."""
    number_field: ClassVar[str] = "domain_id"
    """What a secret calls its account's number; empty where the number is no part of it."""
    max_body: ClassVar[int]
    fault_kinds: ClassVar[frozenset[str]] = KINDS

    def __init__(
        self,
        credentials: Mapping[str, Account] | None = None,
        *,
        port: int = 0,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        super().__init__(self.answer, port)
        self.credentials = dict(self.default_credentials if credentials is None else credentials)
        self.latency = latency
        self.clock = clock
        self.tags = TagTable(self.same_key)
        self.calls = CallLog()
        self.faults = Faults(seed, self.fault_kinds)
        self._control = Control(self.tags, self.calls, self.faults)

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that hold the credentials of this server's default account, and what belongs to them."""

    @property
    def secrets(self) -> dict[str, dict[str, Any]]:
        """For each account, what its secret holds (as JSON) in a secrets manager."""
        found: dict[str, dict[str, Any]] = {}
        for access_key, account in self.credentials.items():
            secret: dict[str, Any] = {"access_key": access_key, "secret_key": account.secret_key}
            if account.security_token is not None:
                secret["security_token"] = account.security_token
            if account.domain_id is not None and self.number_field:
                secret[self.number_field] = account.domain_id
            if account.projects:
                secret["projects"] = dict(account.projects)
            found[account.name] = secret
        return found

    def own(self, names: Mapping[str, str]) -> dict[str, str]:
        """Variables for what the secret of the account "default" has; `names` says which field each is for."""
        secret = self.secrets.get("default", {})
        return {variable: secret[field] for variable, field in names.items() if field in secret}

    def numbers(self) -> dict[str, str]:
        """The variable that says which account has which number."""
        accounts = {account.domain_id: account.name for account in self.credentials.values()}
        pairs = (f"{self.provider}/{number}={name}" for number, name in accounts.items() if number)
        return {"UNTAG_ACCOUNTS": ",".join(pairs)}

    # A sandbox: accounts and resources that are made while the cloud is up.

    def account(self, name: str) -> Account | None:
        """An account by its name."""
        return next((account for account in self.credentials.values() if account.name == name), None)

    def number(self, name: str) -> str | None:
        """The number of an account, None where it has none here."""
        account = self.account(name)
        return account.domain_id if account else None

    def add_account(self, resource: Resource) -> None:
        """Make the account of a resource. All servers of a provider make the same one."""
        digits = made_up(self.provider, resource.account)
        account = Account(digits[20:60], None, self.number_of(resource), resource.account)
        self.credentials[f"LOCAL{digits[:15].upper()}"] = account

    def number_of(self, resource: Resource) -> str | None:  # noqa: ARG002 - for clouds whose accounts have one
        """The number of the account that is made for a resource; None where accounts have none here."""
        return None

    def entry(self, name: str, entry: Any) -> tuple[str, Account]:
        """The access key of an account's secret, and the account; KeyError or TypeError where a field is missing."""
        number, token = entry.get(self.number_field), entry.get("security_token")
        number = None if number is None else str(number)
        return str(entry["access_key"]), Account(str(entry["secret_key"]), token, number, name)

    def place(self, resource: Resource) -> tuple[str, str, str]:
        """The region, type and id that a resource has in the table of tags. LocalError if it cannot stand here."""
        return resource.region, resource.type, resource.id

    def seed(self, path: Path = SEED_FILE) -> None:
        """Put the tags and the fault rules that the payloads in events/ are made for."""
        part = json.loads(path.read_text(encoding="utf-8"))[self.name]
        self.tags.load(part["resources"])
        for rule in part.get("faults", []):
            self.faults.add(Fault.from_dict(rule))

    # What each cloud says for itself.

    @abstractmethod
    def claim(self, request: Request) -> tuple[str, str]:
        """The access key and signature that a request bears, unchecked."""

    @abstractmethod
    def match(self, request: Request) -> Route:
        """The route of a request; Refusal where there is none."""

    @abstractmethod
    def verify(self, request: Request) -> str:
        """The name of the account that signed the request; Refusal where the signature is wrong."""

    @abstractmethod
    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """What the call asks; Refusal where it is malformed."""

    @abstractmethod
    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:
        """Do it, sparing what the verdict lets fail: the answer, and how many tags changed."""

    @staticmethod
    def same_key(key: str) -> str:
        """A tag's key in a form that is equal for keys that are one to the cloud."""
        return key

    @abstractmethod
    def failure(self, status: int, code: str | None, message: str | None) -> Answer:
        """A failure in the cloud's own envelope; None is what the cloud would say."""

    @abstractmethod
    def render(self, answer: Answer, request_id: str) -> Response:
        """The answer with the call's id where this cloud puts it."""

    # The way of a call.

    async def answer(self, request: Request) -> Reply:
        """Carry out a call, however it came here."""
        if self._control.owns(request):
            return self._control.answer(request)
        access_key, signature = self.claim(request)
        call = self.calls.begin(request.method, request.path, new_request_id(), access_key)
        call.signature = signature
        try:
            reply = await self._carry_out(request, call)
        except Refusal as refusal:
            call.code = refusal.answer.code
            await asyncio.sleep(self.latency)
            reply = self.render(refusal.answer, call.request_id)
        except BaseException:  # the server stops, or has a bug: either way no call is left open
            self.calls.finish(call)
            raise
        if isinstance(reply, Hangup):
            # The client waits for as long as the line hangs, so the call is in flight.
            return replace(reply, done=lambda: self.calls.finish(call))
        call.status = reply.status
        self.calls.finish(call)
        return reply

    async def _carry_out(self, request: Request, call: Call) -> Reply:
        route = self.match(request)
        call.operation, call.writing, call.region = route.operation, route.writing, route.region
        call.account = self.verify(request)
        ask = self.parse(request, route, call.account)
        call.region = ask.route.region  # some clouds name the place in the body
        call.type, call.ids, call.tags, call.pairs = ask.type, ask.ids, ask.tags, ask.pairs
        verdict = self.faults.judge(ask.asked)
        call.fault = "+".join(verdict.names)
        await asyncio.sleep(self.latency + verdict.delay_before)
        ending = verdict.ending
        proper = self._apply(ask, call, verdict) if ending is None or ending.takes_effect else None
        await asyncio.sleep(verdict.delay_after)
        if ending is None and proper is not None:
            return proper
        if ending is None or ending.do in STATUS_KINDS:
            return self._fail(ending or Fault("status"), call)
        return spoil(ending, proper)

    def _apply(self, ask: Ask, call: Call, verdict: Verdict) -> Response:
        cause = Cause(call.number, call.request_id, call.operation)
        with self.tags.lock:
            answer, call.applied = self.apply(ask, cause, verdict)
        return self.render(answer, call.request_id)

    def _fail(self, fault: Fault, call: Call) -> Response:
        answer = self.failure(fault.status or STATUS_KINDS[fault.do], fault.code, fault.message)
        call.code = answer.code
        response = self.render(answer, call.request_id)
        if fault.retry_after is None:
            return response
        return replace(response, headers=(*response.headers, ("Retry-After", fault.retry_after)))


def spoil(fault: Fault, proper: Response | None) -> Reply:
    """An answer that goes wrong on its way; `proper` is the right one, if the call took effect."""
    body = proper.body if proper is not None and proper.body else b'{"result": {}}'
    page = b"<html><body>It works!</body></html>"
    if fault.do == "huge":
        return Response(200, body + b" " * (fault.amount or HUGE))
    spoilt: dict[str, Reply] = {
        "reset": Hangup(0.0),
        "stall": Hangup(fault.seconds),
        "truncate": Response(200, body, cut=len(body) // 2),
        "not_json": Response(fault.status or 200, page, content_type="text/html"),
        "empty": Response(fault.status or 200),
        "redirect": Response(fault.status or 302, headers=(("Location", fault.location),)),
    }
    return spoilt[fault.do]


def new_request_id() -> str:
    """An id in the form of JD Cloud's: 32 small letters and digits. Huawei Cloud's are 32 hex digits."""
    return "".join(secrets.choice(_REQUEST_ID_LETTERS) for _ in range(32))


def environment(servers: Iterable[ProviderServer], **endpoints: str) -> dict[str, str]:
    """The variables that make a function use these servers. `endpoints` replaces some, by API with `_` for its dot."""
    servers = list(servers)
    variables: dict[str, str] = {}
    numbers: list[str] = []
    for server in servers:
        own = server.environment
        numbers += filter(None, own.get("UNTAG_ACCOUNTS", "").split(","))
        variables |= own
    if numbers:
        variables["UNTAG_ACCOUNTS"] = ",".join(dict.fromkeys(numbers))
    urls = {server.api: endpoints.get(server.api.replace(".", "_"), "") or server.url for server in servers}
    return {**variables, _ENDPOINTS: ",".join(f"{api}={url}" for api, url in urls.items())}


def overridden(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """A stack's variables with a person's over them. Raises LocalError.

    Of `UNTAG_ENDPOINTS` only the APIs that are given are replaced: without the others' local addresses the functions
    would call the public ones.
    """
    package.find()
    from untag.contracts import InvalidInputError  # noqa: PLC0415 - the package has been found now
    from untag.environment import mapping  # noqa: PLC0415

    try:
        endpoints = mapping(own, _ENDPOINTS) | mapping(given, _ENDPOINTS)
    except InvalidInputError as error:
        raise LocalError(str(error), "such as UNTAG_ENDPOINTS=jdcloud.resourcetag=http://127.0.0.1:8080") from None
    joined = ",".join(f"{api}={url}" for api, url in endpoints.items())
    return {**own, **given, **({_ENDPOINTS: joined} if joined else {})}
