"""Two clouds that do not exist, each with its provider: one with Azure's habits and one with Google's.

The caseless cloud ignores the case of keys and ids, has slashes in its ids, gives out bearer tokens, and carries out
some writes later. The versioned cloud takes one resource in a call, the whole new set of labels, and a version.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, quote, unquote

import httpx
from aws_model import AwsModel
from bookkeeping import Json
from service_house import ENVIRON, House
from virtual_time import Clock

from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.hosts.aws import LambdaFunction
from untag.providers import Registry
from untag.providers.base import (
    READ_BEFORE,
    Answer,
    Asked,
    Facts,
    Limits,
    Location,
    Options,
    Scope,
    Seen,
    Session,
    Verdict,
)
from untag.providers.credentials import Credentials, HeaderText
from untag.providers.http import Reply, call, unexpected
from untag.providers.plain import Plain
from untag.providers.tokens import Bearer, TokenAuth, TokenStore, ask_for_token
from untag.removal import Remover

LOGIN, CASELESS, VERSIONED = "login.example.com", "caseless.example.com", "versioned.example.com"


class ClientSecret(Credentials):
    """An application's name and secret."""

    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    client_id: HeaderText
    client_secret: HeaderText


class MadeUp(Plain[ClientSecret]):
    """What both providers have in common."""

    api = "tags"
    rate = 1000.0
    credentials = ClientSecret
    reserved_prefixes: tuple[str, ...] = ("sys:",)
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the call")
    limits = Limits(resources=1, keys=50)
    reads_first = True
    name = ""

    def __init__(self) -> None:
        self._tokens: TokenStore[str] = TokenStore()

    @classmethod
    def of(cls, options: Options) -> Self:  # noqa: ARG003 - the Protocol's, here and below
        return cls()

    def accepts(self, type_: str) -> bool:  # noqa: ARG002
        return True

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:  # noqa: ARG002
        return iter(())

    def warnings(self, asked: Asked) -> Iterator[str]:  # noqa: ARG002
        return iter(())

    def scope(self, location: Location, type_: str) -> Scope:
        return Scope(self.name, self.api, location.account, None, None, type_, more=("public", self.name))

    def auth(self, credentials: ClientSecret, scope: Scope) -> TokenAuth[str]:
        assert scope.more == ("public", self.name)
        fields = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        issue = lambda session: ask_for_token(session, f"https://{LOGIN}/token", fields)  # noqa: E731
        return TokenAuth(self._tokens.of((credentials.client_id, credentials.client_secret), issue), Bearer)

    def judged(self, reply: Reply) -> Answer:
        """What an answer that is no success means."""
        verdicts = {
            401: Verdict.UNAUTHORIZED,
            403: Verdict.FORBIDDEN,
            404: Verdict.NOT_FOUND,
            412: Verdict.STALE,
            429: Verdict.THROTTLED,
        }
        verdict = verdicts.get(reply.status, Verdict.UNAVAILABLE if reply.status >= 500 else Verdict.FAILED)
        return Answer(verdict, f"HTTP_{reply.status}", retry_after=reply.retry_after())


class CaselessProvider(MadeUp):
    """Azure's habits."""

    name = "caseless"

    def comparable_key(self, key: str) -> str:
        return key.lower()

    def comparable_id(self, id_: str) -> str:
        return id_.lower()

    async def write(
        self,
        session: Session[ClientSecret],
        action: Action,
        scope: Scope,  # noqa: ARG002
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},  # noqa: ARG002
    ) -> Answer:
        operation = "Delete" if action is Action.REMOVE else "Merge"
        body = {"operation": operation, "tags": dict(tags)}
        reply = await call(session, "PATCH", f"https://{CASELESS}{quote(ids[0])}/tags", body)
        if isinstance(reply, Answer):
            return reply
        if reply.status == httpx.codes.ACCEPTED:
            return Answer(Verdict.ACCEPTED, retry_after=reply.retry_after())
        return Answer(Verdict.DONE) if reply.status == httpx.codes.OK else self.judged(reply)

    async def read(self, session: Session[ClientSecret], scope: Scope, ids: tuple[str, ...]) -> Answer:  # noqa: ARG002
        reply = await call(session, "GET", f"https://{CASELESS}{quote(ids[0])}/tags")
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return self.judged(reply)
        payload = reply.json()
        return Answer(Verdict.DONE, tags={payload["id"]: payload["tags"]}) if payload else unexpected(reply, None)


class VersionedProvider(MadeUp):
    """Google's habits."""

    name = "versioned"

    async def write(
        self,
        session: Session[ClientSecret],
        action: Action,
        scope: Scope,  # noqa: ARG002
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen] = {},
    ) -> Answer:
        there, version = seen[ids[0]]
        labels = {key: value for key, value in there.items() if key not in dict(tags)}
        labels |= dict(tags) if action is Action.RESTORE else {}
        body = {"labels": labels, "fingerprint": version}
        reply = await call(session, "POST", f"https://{VERSIONED}/v1/{quote(ids[0], safe='')}/setLabels", body)
        if isinstance(reply, Answer):
            return reply
        return Answer(Verdict.DONE) if reply.status == httpx.codes.OK else self.judged(reply)

    async def read(self, session: Session[ClientSecret], scope: Scope, ids: tuple[str, ...]) -> Answer:  # noqa: ARG002
        reply = await call(session, "GET", f"https://{VERSIONED}/v1/{quote(ids[0], safe='')}")
        if isinstance(reply, Answer):
            return reply
        if reply.status != httpx.codes.OK:
            return self.judged(reply)
        payload = reply.json()
        return Answer(Verdict.DONE, tags={ids[0]: payload["labels"]}, versions={ids[0]: str(payload["fingerprint"])})


@dataclass
class Resource:
    """A resource as its cloud has it: its id as the cloud writes it, its tags, and their version."""

    id: str
    tags: dict[str, str]
    version: int = 1

    def change(self, tags: Mapping[str, str]) -> None:
        self.tags, self.version = dict(tags), self.version + 1


@dataclass
class Clouds(httpx.AsyncBaseTransport):
    """Both clouds, their token endpoint and AWS, in this process. `before` runs before each write."""

    aws: AwsModel
    clock: Clock
    resources: dict[str, Resource] = field(default_factory=dict)
    before: Callable[[Resource], Any] = lambda _: None
    later: float | None = None
    """Seconds after which a write of the caseless cloud is carried out; None: at once."""
    lost: int = 0
    """Writes that are carried out and whose answers are lost."""
    secrets: set[str] = field(default_factory=lambda: {"s3cret"})
    logins: list[str] = field(default_factory=list)
    login_answers: list[httpx.Response] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def put(self, id_: str, **tags: str) -> Resource:
        self.resources[id_.lower()] = made = Resource(id_, tags)
        return made

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.url.host == LOGIN:
            return self._login(request)
        if request.url.host not in (CASELESS, VERSIONED):
            return await self.aws(request)
        for due, act in list(self.waiting):
            if due <= self.clock.seconds:
                self.waiting.remove((due, act))
                act()
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.calls.append(request.method)
        if token not in self.logins or token in self.revoked:
            return httpx.Response(401, json={"error": {"message": f"token {token} is no good"}})
        path = unquote(request.url.raw_path.decode())
        answer = self._caseless(request, path) if request.url.host == CASELESS else self._versioned(request, path)
        if request.method != "GET" and self.lost:
            self.lost -= 1
            raise httpx.ReadError("reset", request=request)
        return answer

    def _login(self, request: httpx.Request) -> httpx.Response:
        (secret,) = parse_qs(request.content.decode())["client_secret"]
        self.logins.append(f"token-{len(self.logins) + 1}")
        if self.login_answers:
            return self.login_answers.pop(0)
        if secret not in self.secrets:
            return httpx.Response(401, json={"error": "invalid_client", "error_description": f"{secret} is wrong"})
        return httpx.Response(200, json={"access_token": self.logins[-1], "expires_in": "3599"})

    def _caseless(self, request: httpx.Request, path: str) -> httpx.Response:
        resource = self.resources.get(path.removesuffix("/tags").lower())
        if resource is None:
            return httpx.Response(404)
        if request.method == "PATCH":
            body = json.loads(request.content)

            def carry_out() -> None:
                named = {key.lower() for key in body["tags"]}
                kept = {key: value for key, value in resource.tags.items() if key.lower() not in named}
                resource.change(kept | (body["tags"] if body["operation"] == "Merge" else {}))

            if self.later is not None:
                self.waiting.append((self.clock.seconds + self.later, carry_out))
                return httpx.Response(202)
            carry_out()
        return httpx.Response(200, json={"id": resource.id, "tags": resource.tags})

    def _versioned(self, request: httpx.Request, path: str) -> httpx.Response:
        resource = self.resources.get(path.removeprefix("/v1/").removesuffix("/setLabels").lower())
        if resource is None:
            return httpx.Response(404)
        if request.method == "POST":
            self.before(resource)
            body = json.loads(request.content)
            if body["fingerprint"] != str(resource.version):
                return httpx.Response(412)
            resource.change(body["labels"])
        return httpx.Response(200, json={"labels": resource.tags, "fingerprint": resource.version})


class MadeUpHouse(House):
    """The service with AWS's model, the two clouds and a clock of its own."""

    def __init__(self, *, seconds: float = 120.0, environ: Mapping[str, str] = {}) -> None:
        self.clock = Clock()
        self.aws = AwsModel()
        self.clouds = Clouds(self.aws, self.clock)
        self.seconds = seconds
        self.took = 0.0
        secret = {"client_id": "app", "client_secret": "s3cret"}
        self.aws.secrets |= {f"untag/{name}/default": dict(secret) for name in ("caseless", "versioned")}
        timing = self.clock.timing(random.Random(0).random)  # noqa: S311 - repeatable, not secret
        whole = {**ENVIRON, "UNTAG_CREDENTIALS": "secretsmanager:untag", **environ}
        registry = Registry(made=(CaselessProvider(), VersionedProvider()))
        self.remover = LambdaFunction(Remover, whole, timing=timing, transport=self.clouds, registry=registry)

    def left(self) -> list[Json]:
        """The remainders, taken off the work queue; a quarter of an hour later."""
        left = self.aws.messages()
        for queue in self.aws.queues.values():
            queue.clear()
        self.clock.seconds += 900
        return left


def asking(provider: str, *ids: str, id_: str = "chg-1", **fields: Any) -> Json:
    """A request to a made-up cloud."""
    return {
        "id": id_,
        "provider": provider,
        "resources": [{"type": "made.up", "ids": list(ids)}],
        "tags": [{"key": "env", "value": "prod"}],
        **fields,
    }
