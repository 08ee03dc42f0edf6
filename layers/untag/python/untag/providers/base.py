"""What the removal core asks of a cloud's tag API, and the values that cross that edge."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, Self, runtime_checkable

import httpx
from typing_extensions import TypeVar  # comes with pydantic; the standard library's has no defaults before 3.13

from untag.contracts import Action, Problem, RemovalRequest, Tag
from untag.contracts.requests import TagInput
from untag.providers.credentials import Credentials

C = TypeVar("C", bound=Credentials, default=Any)
"""A provider's own credentials."""

EMPTY: Mapping[str, "Failure"] = {}
NO_VERSIONS: Mapping[str, str] = {}
NO_TYPES: Mapping[str, str] = {}


class Location(NamedTuple):
    """Where resources are, as a request or a rule says it."""

    account: str
    region: str | None
    project_id: str | None

    @classmethod
    def of(cls, request: RemovalRequest) -> "Location":
        """Where a request says that its resources are."""
        return cls(request.account, request.region, request.project_id)


class Asked(NamedTuple):
    """What a request or a sweep's rule names: where resources are and their types, and a request's tags."""

    location: Location
    types: Collection[str]
    tags: Sequence[Tag | TagInput] = ()

    @classmethod
    def of(cls, request: RemovalRequest) -> "Asked":
        """What a request names."""
        return cls(Location.of(request), tuple(request.ids_by_type()), request.named_tags())


class Scope(NamedTuple):
    """What one call is made within: pairs share a call only if they share all of this.

    `account` chooses the credentials. The rest is the provider's: the core compares scopes, and hands them back. In
    `more` a provider keeps what else its calls need to be made within, as any value that can be hashed.
    """

    provider: str
    api: str
    account: str
    region: str | None
    project_id: str | None
    type: str
    more: Hashable = None

    def of_ids(self, ids: Sequence[str]) -> "Scope":  # noqa: ARG002 - for a provider's own kind
        """The scope of resources with these ids. A provider's own kind may be wider, where the ids say what it says."""
        return self


class NamedScope(Scope):
    """A scope of resources that are all given by names that say their type: those of several types may share a call."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Whether resources of both may share a call."""
        return isinstance(other, NamedScope) and self._replace(type="")[:] == other._replace(type="")[:]

    def __ne__(self, other: object) -> bool:
        """Whether they may not."""
        return not self == other

    def __hash__(self) -> int:
        """Equal for equal scopes."""
        return hash(self._replace(type="")[:])


class Options(NamedTuple):
    """What a stack sets for every provider; endpoints and resources in a call by API, such as `jdcloud.resourcetag`."""

    read_first: bool = True
    endpoints: Mapping[str, str] = {}
    resources_per_call: Mapping[str, int] = {}


class Limits(NamedTuple):
    """What one call can carry: `resources` and `keys` in a writing one, `read_resources` in a read.

    A read brings all keys of its resources. None: it takes as many resources as a writing call.
    """

    resources: int
    keys: int
    read_resources: int | None = None

    @property
    def in_a_read(self) -> int:
        """Resources in one reading call."""
        return self.read_resources or self.resources


class Verdict(enum.Enum):
    """What an answer means for the call as a whole; the core decides by this and by nothing finer."""

    DONE = "done"
    """Carried out, but for `Answer.failures`."""
    REFUSED = "refused"
    """Refused as a whole for something in it: worth asking again in halves."""
    NOT_FOUND = "not_found"
    """A resource in it does not exist."""
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    """No answer, or none that can be believed. A write may or may not have been applied."""
    FAILED = "failed"
    """Wrong in a way that neither halves nor time will mend, such as a wrong address."""
    STALE = "stale"
    """A write that was refused because the resource has changed since it was read. Nothing was changed."""
    ACCEPTED = "accepted"
    """A write that was taken and will be carried out later, in `retry_after` seconds where the answer says so."""


AGAIN = frozenset({Verdict.THROTTLED, Verdict.UNAVAILABLE})
"""Verdicts after which the same call may do better a little later."""


EVERY_TYPE = "all"
"""The type of a scope whose listings are of resources of every type."""


TOO_LARGE = "too_large"
"""The code of an answer that was cut off since it was too long: for fewer resources it may be shorter."""


class Seen(NamedTuple):
    """What was read of a resource: all its tags, and its version (a fingerprint, an etag) where its API has versions.

    The core hands the version back with a write, and knows nothing of what it says.
    """

    tags: Mapping[str, str]
    version: str | None = None


class Failure(NamedTuple):
    """One resource's failure inside an answer that is a success as a whole, with a verdict of its own."""

    code: str
    message: str
    verdict: Verdict = Verdict.FAILED

    @property
    def retryable(self) -> bool:
        """Whether the resource may do better a little later."""
        return self.verdict in AGAIN


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer to one call, read as far as the core needs it.

    `confirmed` is the number of pairs that the provider says it has changed: None where its API does not count, -1
    where the count is missing. `tags` is a read's result: each resource's tags by key; a resource that it leaves out is
    unknown. `versions` has the version of each resource that was read, where its API has versions. `unsent` says that
    the call itself was not made, since no token could be had for it. `lost` is set by the core: the same write was made
    before, and its answer was lost.
    """

    verdict: Verdict
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    retry_after: float = 0.0
    failures: Mapping[str, Failure] = field(default_factory=lambda: EMPTY)
    confirmed: int | None = None
    tags: Mapping[str, Mapping[str, str]] | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: NO_VERSIONS)
    unsent: bool = False
    lost: bool = False

    def seen(self, id_: str) -> "Seen":
        """What a read shows of a resource."""
        return Seen((self.tags or {})[id_], self.versions.get(id_))


@dataclass(frozen=True, slots=True)
class Listing(Answer):
    """An answer to a listing: resources with all their tags in `tags`, or `names`.

    `next` is the cursor at which it goes on; None: it ends here. `types` has each resource's type, where resources of
    every type were asked for.
    """

    names: tuple[str, ...] = ()
    next: str | None = None
    types: Mapping[str, str] = field(default_factory=lambda: NO_TYPES)


@dataclass(slots=True)
class Trail:
    """What happened on the way of one call.

    `sent_anew` says that it was sent a second time, since its connection was closed: the first may have been carried
    out all the same.
    """

    sent_anew: bool = False


class Session(NamedTuple, Generic[C]):
    """What a call is made with. `timeout` is the whole call's, in seconds; `trail` is written on the way."""

    client: httpx.AsyncClient
    credentials: C
    auth: httpx.Auth
    timeout: float
    trail: Trail | None = None


class RenewedAuth(httpx.Auth, ABC):
    """Authentication that expires, and makes calls of its own before the first: a token's, an assumed role's.

    `untag.providers.http.call` asks for the current one before each call, and once more where it is refused.
    """

    @abstractmethod
    async def current(self, session: Session) -> httpx.Auth | Answer:
        """The authentication of the next call, or why there is none now. The session has no authentication."""

    @abstractmethod
    def refused(self, auth: httpx.Auth, reply: Any) -> bool:
        """Whether a reply refuses what `current` has given; the next `current` gives another then."""


class Facts(NamedTuple):
    """What the core does not ask, and people want to know before they trust a cloud with a removal.

    `guard` says what keeps a removal from a value that has changed since it was read, `failures` what a failure inside
    a success names, `outlived` whether tags can be reached after their resource is deleted.
    """

    guard: str
    failures: str
    outlived: bool = True


READ_BEFORE = "the value is read just before: a change between the two goes unseen"
"""The guard of an API that removes keys, and compares nothing."""


class Provider(Protocol[C]):
    """One cloud's tag API. A cloud may have several: they share a `name`, and the resource's type decides."""

    name: str
    """The request's `provider`."""
    api: str
    limits: Limits
    rate: float
    """Calls a second that an account is good for by default."""
    reserved_prefixes: tuple[str, ...]
    """Keys that start so belong to the cloud: they are never touched."""
    reads_first: bool
    """Whether the tags are read before any are removed or put back."""
    removes_pairs: bool
    """Whether a removal names exact pairs, so that for a tag without a value the value has to be read before."""
    credentials: type[Credentials]
    """The model of its accounts' credentials."""
    facts: Facts
    """For the page that compares the clouds."""
    endpoints: tuple[str, ...]
    """Further endpoints that it calls, such as a token service's: they can be replaced as its own can. An empty name is
    one endpoint in place of all that the provider calls."""

    @classmethod
    def of(cls, options: Options) -> Self:
        """The provider as a stack's options want it."""

    def accepts(self, type_: str) -> bool:
        """Whether resources of this type are this API's."""

    def problems(self, request: RemovalRequest) -> Iterable[Problem]:
        """The rules of this cloud that a request breaks; only the groups of types it accepts are its concern."""

    def warnings(self, asked: Asked) -> Iterable[str]:
        """What looks like a mistake but may be right."""

    def location_problems(self, location: Location, type_: str) -> Iterable[Problem]:
        """The rules of this cloud that a location breaks for resources of a type: `region`, `project_id`, or `type`."""

    def scope(self, location: Location, type_: str) -> Scope:
        """What a call for resources of one type at a location is made within."""

    def comparable_key(self, key: str) -> str:
        """A tag's key in a form that is equal for keys that the cloud takes for the same."""

    def comparable_id(self, id_: str) -> str:
        """A resource's id in a form that is equal for ids of the same resource."""

    def refusal(self, credentials: C, scope: Scope) -> Failure | None:
        """Why no call can be made in this scope with these credentials, before one is made."""

    def region_of(self, credentials: C, scope: Scope) -> str | None:
        """The region that calls in this scope reach, as far as the request and the credentials say."""

    def auth(self, credentials: C, scope: Scope) -> httpx.Auth:
        """The signer for calls in this scope; kept by the caller, since it caches what it derives.

        One that expires is a `RenewedAuth` (`untag.providers.tokens`).
        """

    async def write(
        self,
        session: Session[C],
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],
    ) -> Answer:
        """Remove or put back every tag on every resource, in one call.

        `seen` has what was read of each of the resources before; it is empty where nothing was read.
        """

    async def read(self, session: Session[C], scope: Scope, ids: tuple[str, ...]) -> Answer:
        """Read the tags of the resources, in one call; a resource without tags has an empty entry."""


def stored_key(provider: Provider, key: str, tags: Mapping[str, str]) -> str | None:
    """A key as it is written among the tags; None where it is not there."""
    if key in tags:
        return key
    same = provider.comparable_key(key)
    return next((there for there in tags if provider.comparable_key(there) == same), None)


@runtime_checkable
class Finder(Provider[C], Protocol[C]):
    """A tag API that can also say which resources bear a tag.

    A listing begins with the cursor None, and goes on with the `next` of the answer before. Cursors are kept in
    messages between invocations and mean nothing to the core. The provider sees to it that no resource is missed where
    removals shift what is listed: such pages are read from the last to the first. A cursor that is not taken any more
    is REFUSED: the listing begins anew.

    An answer that is no `Listing` is a failure, whatever its verdict: no listing that went wrong says "no tags".
    """

    pages: bool
    """Whether a long listing comes in several answers. Where it does not, one that is too long for an answer is listed
    value by value."""
    finds_any_key: bool
    """Whether `find` with `untag.contracts.ALL` lists every resource that bears a tag."""
    finds_any_type: bool
    """Whether a scope of `EVERY_TYPE` can be listed."""

    def listing_problems(self, location: Location) -> Iterable[Problem]:
        """What a listing needs to be told of its location, and a request does not."""

    async def names(self, session: Session[C], scope: Scope, key: str | None, cursor: str | None) -> Answer:
        """The keys that are in use, or the values of one key; perhaps more than the scope's own."""

    async def find(self, session: Session[C], scope: Scope, tag: Tag, cursor: str | None) -> Answer:
        """The resources of the scope that bear the tag; without a value: the key, whatever its value.

        With `untag.contracts.ALL`, where `finds_any_key` says so: those that bear any tag.
        """
