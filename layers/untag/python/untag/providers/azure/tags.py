"""Azure's tags at a scope: `PATCH …/providers/Microsoft.Resources/tags/default`, `GET` to read, Resource Graph to find.

Facts from azure-mgmt-resource 26.0.0 and azure-mgmt-resourcegraph 8.0.1, recordings of azure-cli, and the API's pages.
What they leave open, and what follows:

- `Delete` is documented as "by names or name/value pairs"; what it does where the value is another one is told in
  opposite ways. So tags are read before every write, whatever `UNTAG_READ_FIRST` says; each is named as it stands
  there, with its value; and the tags that an answer shows to remain decide. Azure has no version of tags, so that a
  value that changes between the read and the write may be removed.
- `Replace`, PUT and DELETE would take all tags of the scope: they are never sent.
- 200 has the tags that are left. An answer without them confirms nothing, and is read back. One of another resource, or
  the resource itself in their place, is no success.
- 202 is carried out later. Where its `Location` leads is documented in several ways: it is not followed, the tags are
  read until the pair is gone.
- Names of tags are the same in upper and lower case, and so are ids. Values are not.
- `microsoft`, `azure` and `windows` are reserved by the documents. `hidden-` and `ms-resource-usage` are the portal's
  and Application Insights' own: they are never touched either.
- One scope is in a call, with up to 50 tags. 5 calls a second are half of what the documents allow for writes.
- An id says where its resource is: a request names no region. Allow-lists of regions hold Azure's requests back.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Self
from urllib.parse import unquote

import httpx

from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.providers.azure import graph
from untag.providers.azure.answers import judged, request_id, unexpected
from untag.providers.azure.credentials import CLOUDS, AzureCredentials, AzureSession
from untag.providers.azure.entra import Entra
from untag.providers.azure.ids import TYPE, bears_no_tags, parse_id, problem_of
from untag.providers.base import (
    EVERY_TYPE,
    READ_BEFORE,
    Answer,
    Asked,
    Facts,
    Failure,
    Limits,
    Location,
    NamedScope,
    Options,
    Scope,
    Seen,
    Verdict,
)
from untag.providers.http import Reply, call, tags_of
from untag.providers.plain import Plain
from untag.providers.tokens import TokenAuth

TAGS = "/providers/Microsoft.Resources/tags/default"
VERSION = "2021-04-01"
MOST_TAGS = 50

_OPERATIONS = {Action.REMOVE: "Delete", Action.RESTORE: "Merge"}
_NOT_IN_A_KEY = frozenset("<>%&\\?/")


class AzureTags(Plain[AzureCredentials]):
    """Tags of resources, resource groups and subscriptions."""

    name = "azure"
    api = "management"
    endpoints: tuple[str, ...] = ("login",)
    limits = Limits(resources=1, keys=MOST_TAGS)
    rate = 5.0
    reserved_prefixes: tuple[str, ...] = ("microsoft", "azure", "windows", "hidden-", "ms-resource-usage")
    longest_key, longest_value = 512, 256
    reads_first = True
    removes_pairs = True
    facts = Facts(READ_BEFORE, failures="the tag, by those that an answer shows to be left")
    credentials = AzureCredentials
    finds_any_type = True

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """`environ` holds the host's AWS role, whose token can stand for a secret, or says where it is given out."""
        self._endpoint = options.endpoints.get("azure.management")
        self._entra = Entra(environ, options.endpoints.get("azure.login"), options.endpoints.get("aws.sts"))

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints, and the role that this process itself has."""
        return cls(options, os.environ)

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """What every cloud checks, and what the key of a tag that is put back may be."""
        yield from super().problems(request)
        for index, tag in enumerate(request.named_tags() if request.action is Action.RESTORE else ()):
            if not _NOT_IN_A_KEY.isdisjoint(tag.key):
                yield Problem(f"tags.{index}.key", "should have none of < > % & \\ ? / on azure")

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """No region and no project: an id says where its resource is. A type is a namespace and its types."""
        if location.region is not None:
            yield Problem("region", "should be left out: the ids of azure say where their resources are")
        if location.project_id is not None:
            yield Problem("project_id", "should be left out: the ids of azure say their subscription")
        if type_ != EVERY_TYPE and not TYPE.fullmatch(type_):
            yield Problem("type", "should be namespace/type, as in Microsoft.Compute/virtualMachines")

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:  # noqa: ARG002 - has no places
        """Why an id cannot be an ARM id of the type; None where it can."""
        return problem_of(type_, id_)

    def warnings(self, asked: Asked) -> Iterator[str]:
        """Types that have no tags."""
        for type_ in asked.types:
            if bears_no_tags(type_):
                yield f"resources of type {type_} have no tags on Azure"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account: an id says all the rest, and its type in any case."""
        return NamedScope(self.name, self.api, location.account, None, None, type_)

    def comparable_key(self, key: str) -> str:
        """Names of tags are the same in upper and lower case."""
        return key.lower()

    def comparable_id(self, id_: str) -> str:
        """So are ids."""
        return id_.lower()

    def refusal(self, credentials: AzureCredentials, scope: Scope) -> Failure | None:  # noqa: ARG002 - the same for all
        """Without a secret the host needs an AWS role."""
        return self._entra.refusal(credentials)

    def auth(self, credentials: AzureCredentials, scope: Scope) -> TokenAuth[str]:  # noqa: ARG002 - the same for all
        """A bearer token of the account's application."""
        return self._entra.auth(credentials)

    async def write(
        self,
        session: AzureSession,
        action: Action,
        scope: Scope,  # noqa: ARG002 - the id says all
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],  # noqa: ARG002 - the tags come as they stand there
    ) -> Answer:
        """`Delete` or `Merge`. The tags that the answer has say how many were changed."""
        named = {tag.key: tag.value or "" for tag in tags}
        body = {"operation": _OPERATIONS[action], "properties": {"tags": named}}
        reply = await self._call(session, "PATCH", ids[0], body)
        if isinstance(reply, Answer):
            return reply
        if reply.status == httpx.codes.ACCEPTED:
            return Answer(Verdict.ACCEPTED, request_id=request_id(reply), retry_after=reply.retry_after())
        properties = _properties(reply, ids[0])
        if properties is None:
            return unexpected(reply)
        there = _tags(properties)
        if there is None:
            return Answer(Verdict.DONE, request_id=request_id(reply), confirmed=-1)
        standing = {key.lower(): value for key, value in there.items()}
        if action is Action.REMOVE:
            confirmed = sum(key.lower() not in standing for key in named)
        else:
            confirmed = sum(standing.get(key.lower()) == value for key, value in named.items())
        return Answer(Verdict.DONE, request_id=request_id(reply), confirmed=confirmed)

    async def read(self, session: AzureSession, scope: Scope, ids: tuple[str, ...]) -> Answer:  # noqa: ARG002
        """The tags of one scope. One without tags is answered with an empty object, or with none."""
        reply = await self._call(session, "GET", ids[0])
        if isinstance(reply, Answer):
            return reply
        properties = _properties(reply, ids[0])
        if properties is None or reply.status != httpx.codes.OK:
            return unexpected(reply)
        there = {} if properties.get("tags") is None else _tags(properties)
        if there is None:
            return unexpected(reply)
        return Answer(Verdict.DONE, request_id=request_id(reply), tags={ids[0]: there})

    async def names(self, session: AzureSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """A page of the keys in use, or of the values of a key, as they are written."""
        page = graph.Page.of(cursor)
        reply = await self._query(session, graph.names_in_use(scope.type, key), page)
        return reply if isinstance(reply, Answer) else graph.name_page(reply, page)

    async def find(self, session: AzureSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """A page of the resources that bear a tag, its key in any case."""
        page = graph.Page.of(cursor)
        reply = await self._query(session, graph.resources_with(scope.type, tag), page)
        return reply if isinstance(reply, Answer) else graph.resource_page(reply, scope.type, page)

    async def _query(self, session: AzureSession, query: str, page: graph.Page) -> Reply | Answer:
        """The reply to a query if it is a success, else what it means. No resource is looked for by its id."""
        url = f"{self._host(session)}{graph.PATH}"
        reply = await call(session, "POST", url, graph.body(query, page))
        return reply if isinstance(reply, Answer) or reply.status == httpx.codes.OK else judged(reply, session)

    async def _call(
        self, session: AzureSession, method: str, id_: str, body: Mapping[str, object] | None = None
    ) -> Reply | Answer:
        """The reply if it is a documented success, else what it means. Nothing is called for what is no ARM id."""
        parsed = parse_id(id_)
        if parsed is None:
            return Answer(Verdict.FAILED, "invalid_id", "is no ARM id", unsent=True)
        url = f"{self._host(session)}{parsed.path}{TAGS}?api-version={VERSION}"
        reply = await call(session, method, url, body)
        if isinstance(reply, Answer) or reply.status == httpx.codes.OK:
            return reply
        later = reply.status == httpx.codes.ACCEPTED and method == "PATCH"
        return reply if later else judged(reply, session)

    def _host(self, session: AzureSession) -> str:
        return self._endpoint or CLOUDS[session.credentials.cloud].management


def _properties(reply: Reply, id_: str) -> Mapping[str, object] | None:
    """What an answer says of the tags of this very scope; None where it says nothing of them."""
    payload = reply.json()
    if not isinstance(payload, dict) or not isinstance(payload.get("id"), str):
        return None
    if unquote(payload["id"]).lower() != f"{id_}{TAGS}".lower():
        return None
    properties = payload.get("properties")
    return properties if isinstance(properties, dict) else None


def _tags(properties: Mapping[str, object]) -> dict[str, str] | None:
    """The tags by name, None where none are listed."""
    listed = properties.get("tags")
    if not isinstance(listed, dict):
        return None
    try:
        return tags_of([{"key": key, "value": value} for key, value in listed.items()])
    except (KeyError, TypeError, AttributeError):
        return None
