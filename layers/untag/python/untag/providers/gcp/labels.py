"""Google Cloud's labels: read, compared and written at the service that each resource belongs to.

Facts from the discovery documents (google-api-python-client 2.202.0), recorded exchanges, and Google's pages. What they
leave open, and what follows:

- There is no central API for labels: a small table of services says how each reads and writes (`shapes.py`). A call is
  for one resource. What is written is made of what was read, so that labels are read first, always.
- A service that compares a version refuses a write of an older one (`STALE`): the labels are read and compared again.
  Pub/Sub has no version, and that Cloud SQL's patch compares its own is not documented: there the write itself reads
  once more, compares, and writes at once. Between the two somebody else's change of a topic's labels can still be lost.
- Compute Engine, GKE, Cloud SQL and projects answer with an operation. One that is done settles the pair; one that runs
  is read back. Other answers are the resource: its labels are the judge.
- A 404 is the resource's only if it does not speak of the project, nor of another path (`answers.py`).
- Labels are lower case. Keys that begin with `goog-` are Google's own, and those with `k8s-` are GKE's on its disks and
  forwarding rules; a removal would be undone, or break what the cluster finds by them.
- Tags proper (tag keys, values and bindings) are IAM objects that open and close access, and network tags belong to
  firewalls: neither is touched.
- How many writes a project is good for differs by service: 5 calls a second harm none.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import Any, Self
from weakref import WeakValueDictionary

import httpx

from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.providers.base import EVERY_TYPE, Answer, Asked, Facts, Limits, Location, Options, Scope, Seen, Verdict
from untag.providers.gcp.answers import judged, of_operation, request_id
from untag.providers.gcp.credentials import GcpCredentials, GcpSession
from untag.providers.gcp.finding import Search
from untag.providers.gcp.names import TYPES, comparable, problem_of
from untag.providers.gcp.shapes import Changes, Resource, resource_of
from untag.providers.gcp.tokens import GcpTokens
from untag.providers.http import Reply, call, end_of, unexpected, within
from untag.providers.plain import Plain

MOST_LABELS = 64

_LENGTH = 63
_BYTES = 128


class GcpLabels(Plain[GcpCredentials]):
    """Labels of all the services that are offered."""

    name = "gcp"
    api = "labels"
    endpoints: tuple[str, ...] = ("",)
    limits = Limits(resources=1, keys=MOST_LABELS)
    rate = 5.0
    reserved_prefixes: tuple[str, ...] = ("goog-", "k8s-")
    removes_pairs = False
    facts = Facts(
        "the service refuses a write of an older version; Pub/Sub has none, and Cloud SQL's is not documented",
        failures="the resource, not the label",
    )
    credentials = GcpCredentials
    reads_first = True
    documented_types = TYPES
    finds_any_key = True
    finds_any_type = True

    def __init__(self, endpoint: str | None, environ: Mapping[str, str]) -> None:
        """`endpoint` is in place of every host. `environ` holds the host's own AWS keys, or says where they are."""
        self._endpoint = endpoint
        self._tokens = GcpTokens(environ, endpoint)
        self._search = Search(endpoint)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoint, and the role that this process itself has."""
        return cls(options.endpoints.get(cls.name) or options.endpoints.get(f"{cls.name}.{cls.api}"), os.environ)

    def accepts(self, type_: str) -> bool:
        """The types whose labels can be read and written here."""
        return type_ in TYPES or type_ == EVERY_TYPE

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """What every cloud checks, and what a label may be that is put back."""
        yield from super().problems(request)
        for index, tag in enumerate(request.named_tags() if request.action is Action.RESTORE else ()):
            if not _is_key(tag.key):
                yield Problem(f"tags.{index}.key", f"{_RULE}, and begin with a letter")
            if not _is_label(tag.value or ""):
                yield Problem(f"tags.{index}.value", _RULE)

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:  # noqa: ARG002 - one rule for all
        """A region belongs to a resource's name."""
        if location.region is not None:
            yield Problem("region", "should be left out: on gcp an id says where its resource is")

    def listing_problems(self, location: Location) -> Iterator[Problem]:
        """A search is within a project."""
        if location.project_id is None:
            yield Problem("project_id", "should be named: a search on gcp is within a project")

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why an id is not the full name of a resource of the type, in the project where one is named."""
        if type_ == EVERY_TYPE:
            return "is of a type that has to be named"
        return problem_of(type_, id_, location.project_id)

    def warnings(self, asked: Asked) -> Iterator[str]:
        """A label in capitals cannot be there."""
        for tag in asked.tags:
            if not _is_key(tag.key) or not _is_label(tag.value or ""):
                yield f"no label can be {tag.key}={tag.value or ''}: labels have lower-case letters, digits, _ and -"

    def scope(self, location: Location, type_: str) -> Scope:
        """One account and type a call; a search is within the project."""
        return Scope(self.name, self.api, location.account, None, location.project_id, type_)

    def comparable_id(self, id_: str) -> str:
        """A cluster's name may be written in two ways."""
        return comparable(id_)

    def auth(self, credentials: GcpCredentials, scope: Scope) -> httpx.Auth:  # noqa: ARG002 - a token is good for all
        """A bearer token."""
        return self._tokens.auth(credentials)

    async def write(
        self,
        session: GcpSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],
    ) -> Answer:
        """One resource's labels, if what was read of them still stands there."""
        resource = resource_of(scope.type, ids[0])
        changes: Changes = {tag.key: (tag.value or "") if action is Action.RESTORE else None for tag in tags}
        there = seen.get(resource.id)
        if there is not None and not resource.shape.reads_again:
            return await self._write(session, resource, there, changes)
        if there is not None:
            expected = {key: there.tags.get(key) for key in changes}
        else:
            expected = {key: value for key, value in tags if value is not None and action is Action.REMOVE}
        lock = self._locks.setdefault(resource.url(None), asyncio.Lock())
        until = end_of(session)
        try:
            async with asyncio.timeout_at(until):
                await lock.acquire()
        except TimeoutError:
            message = f"another write of the resource took {session.timeout:.1f} s"
            return Answer(Verdict.UNAVAILABLE, "timeout", message, unsent=True)
        try:
            now = await self._read(within(session, until)._replace(trail=None), resource)
            if isinstance(now, Answer):
                return _unsent(now)
            if any(now.tags.get(key) != value for key, value in expected.items()):
                return Answer(Verdict.STALE, "changed", "the labels have changed since they were read", unsent=True)
            return await self._write(within(session, until), resource, now, changes)
        finally:
            lock.release()

    async def read(self, session: GcpSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """One resource's labels, and their version."""
        there = await self._read(session, resource_of(scope.type, ids[0]))
        if isinstance(there, Answer):
            return there
        versions = {} if there.version is None else {ids[0]: there.version}
        return Answer(Verdict.DONE, tags={ids[0]: there.tags}, versions=versions)

    async def names(self, session: GcpSession, scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """The keys in use, or the values of one: as far as a page of resources shows them."""
        return await self._search.names(session, scope, key, cursor)

    async def find(self, session: GcpSession, scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """The resources of the project that bear the label."""
        return await self._search.find(session, scope, tag, cursor)

    async def _read(self, session: GcpSession, resource: Resource) -> Seen | Answer:
        fields = f"?fields={resource.shape.fields}" if resource.shape.fields else ""
        reply = judged(await call(session, "GET", f"{resource.url(self._endpoint)}{fields}"), session, resource)
        if isinstance(reply, Answer):
            return reply
        return _state(reply, resource) or unexpected(reply, request_id(reply))

    async def _write(self, session: GcpSession, resource: Resource, there: Seen, changes: Changes) -> Answer:
        sent = resource.shape.write(resource.path, there, changes)
        url = f"{resource.url(self._endpoint)}{sent.behind}"
        reply = judged(await call(session, sent.method, url, sent.body, headers=sent.headers), session, resource)
        if isinstance(reply, Answer):
            return reply
        if resource.shape.by_operation:
            return of_operation(reply, resource, session)
        now = _state(reply, resource)
        if now is None or any(now.tags.get(key) != value for key, value in changes.items()):
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply))


def _state(reply: Reply, resource: Resource) -> Seen | None:
    """The labels in an answer that is the resource; None where it is not as documented, or of another resource."""
    payload: Any = reply.json()
    if not isinstance(payload, dict) or not resource.shape.is_of(payload, resource.path):
        return None
    return resource.shape.state(payload)


def _unsent(answer: Answer) -> Answer:
    """What a read means that went before a write: nothing was written."""
    return Answer(answer.verdict, answer.code, answer.message, answer.request_id, answer.retry_after, unsent=True)


_RULE = f"should have at most {_LENGTH} lower-case letters, digits, _ or -"


def _is_label(text: str) -> bool:
    """Whether a text can be a label's value, or its key but for the first letter."""
    short = len(text) <= _LENGTH and len(text.encode(errors="replace")) <= _BYTES
    return short and all(letter in "_-" or (letter.isalnum() and letter == letter.lower()) for letter in text)


def _is_key(text: str) -> bool:
    return _is_label(text) and text[:1].isalpha()
