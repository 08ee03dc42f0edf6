"""The keys in use at a cloud, with counts: the same listings that a sweep reads."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from untag.contracts import ALL, InvalidInputError
from untag.core import Deadline, Timing
from untag.hosts.here import Here
from untag.providers import EVERY_TYPE, Finder, Listing, Location, Registry, stored_key
from untag.runtime import Runtime
from untag.sweep.listing import RESTARTS, TOO_MUCH, ExpiredError, Lister, ListingError, NotNowError

_SECONDS = 3600.0
"""A listing has so long."""
_TRIES = 3
"""What a cloud puts off is tried so often."""
_PAUSE_SECONDS = 5.0
_REFUSED = "account_closed"

T = TypeVar("T")


class Where(NamedTuple):
    """One place to look at."""

    provider: str
    account: str
    region: str | None
    project_id: str | None
    type: str

    @property
    def location(self) -> Location:
        """As a listing names it."""
        return Location(self.account, self.region, self.project_id)


class KeyInUse(NamedTuple):
    """A key at one place: how many resources bear it, and how many different values it has there."""

    where: Where
    key: str
    resources: int
    values: int

    def body(self) -> dict[str, Any]:
        """As JSON and CSV hold it."""
        return {**self.where._asdict(), "key": self.key, "resources": self.resources, "values": self.values}


class Unlisted(NamedTuple):
    """A place, or a key there, that could not be listed."""

    where: Where
    key: str | None
    code: str
    message: str

    def body(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**self.where._asdict(), "key": self.key, "code": self.code, "message": self.message}


def keys_in_use(
    places: Iterable[Where],
    globs: Iterable[str],
    environ: Mapping[str, str],
    take: Callable[[KeyInUse | Unlisted], None],
    *,
    timing: Timing | None = None,
) -> None:
    """Count the keys that match one of the globs (none: every key), place by place; `take` gets each as it is counted.

    Raises InvalidInputError for the environment, and for a place that its cloud does not know or cannot list.
    """
    places, globs = list(places), tuple(globs)
    with TemporaryDirectory(prefix="untag-tags-") as folder:
        runtime = Runtime(Here(Path(folder), environ, timing=timing))
        finders = [(where, _finder(runtime.registry, where)) for where in places]
        try:
            runtime.run(_count(runtime, finders, globs, take))
        finally:
            runtime.close()


def _finder(registry: Registry, where: Where) -> Finder:
    if problems := list(registry.location_problems(where.provider, where.location, where.type)):
        raise InvalidInputError(problems)
    finder = registry.find(where.provider, where.type)
    if not isinstance(finder, Finder):
        raise InvalidInputError.of(f"{where.provider} cannot list resources of this type", "type")
    if where.type == EVERY_TYPE and not finder.finds_any_type:
        raise InvalidInputError.of(f"{where.provider} has no listing of every type: name a type", "type")
    if problems := list(finder.listing_problems(where.location)):
        raise InvalidInputError(problems)
    return finder


async def _count(
    runtime: Runtime,
    finders: list[tuple[Where, Finder]],
    globs: tuple[str, ...],
    take: Callable[[KeyInUse | Unlisted], None],
) -> None:
    """Every account by itself, so that a slow one holds up no other; its places one after the other."""
    by_account: dict[str, list[tuple[Where, Finder]]] = {}
    for where, finder in finders:
        by_account.setdefault(where.account, []).append((where, finder))

    async def one_account(its: list[tuple[Where, Finder]]) -> None:
        for where, finder in its:
            async for counted in _Place(runtime, where, finder).keys(globs):
                take(counted)

    await asyncio.gather(*map(one_account, by_account.values()))


class _Place:
    """The listings of one place."""

    def __init__(self, runtime: Runtime, where: Where, finder: Finder) -> None:
        self._where = where
        self._finder = finder
        self._timing = runtime.timing
        end = self._timing.monotonic() + _SECONDS
        deadline = Deadline(lambda: end - self._timing.monotonic(), reserve=0.0)
        scope = finder.scope(where.location, where.type)
        self._held = runtime.settings.policy.forbids(where.location, scope)
        self._lister = Lister(runtime.engine, finder, scope, deadline)

    async def keys(self, globs: tuple[str, ...]) -> AsyncIterator[KeyInUse | Unlisted]:
        """Each key with its counts, or why it could not be listed."""
        if self._held is not None:
            yield Unlisted(self._where, None, self._held.code or "protected", self._held.message or "held back")
            return
        try:
            counted = await self._at_once(globs)
            names = [] if counted is not None else await self._patiently(self._names)
        except ListingError as error:
            yield Unlisted(self._where, None, error.code, error.message)
            return
        for one in counted or ():
            yield one
        for key in (name for name in names if self._meant(name, globs)):
            try:
                several = await self._patiently(partial(self._key, key))
            except ListingError as error:
                yield Unlisted(self._where, key, error.code, error.message)
                continue
            for one in several:
                yield one

    async def _names(self) -> list[str]:
        """The keys in use, each in one spelling: what the cloud takes for one key is listed once."""
        spelled: dict[str, str] = {}
        for name in await self._lister.names():
            spelled.setdefault(self._finder.comparable_key(name), name)
        return list(spelled.values())

    def _meant(self, key: str, globs: tuple[str, ...]) -> bool:
        same = self._finder.comparable_key
        return not globs or any(fnmatchcase(same(key), same(glob)) for glob in globs)

    async def _at_once(self, globs: tuple[str, ...]) -> list[KeyInUse] | None:
        """Every key by one listing; None where the cloud has none such, or it is too long for one answer."""
        if not self._finder.finds_any_key:
            return None
        try:
            return await self._patiently(partial(self._every_key, globs))
        except ListingError as error:
            if error.code in TOO_MUCH and not self._lister.pages:
                return None
            raise

    async def _every_key(self, globs: tuple[str, ...]) -> list[KeyInUse]:
        counts = _Counts(self._where, self._finder.comparable_key)
        async for page in self._pages(ALL.key, None):
            counts.add(page, lambda tags: (key for key in tags if self._meant(key, globs)))
        return counts.rows()

    async def _key(self, key: str) -> list[KeyInUse]:
        """One key, page after page; none where no resource of this place bears it."""
        counts = _Counts(self._where, self._finder.comparable_key)

        def its(tags: Mapping[str, str]) -> Iterator[str]:
            if (stored := stored_key(self._finder, key, tags)) is not None:
                yield stored

        try:
            async for page in self._pages(key, None):
                counts.add(page, its)
        except (ListingError, NotNowError) as error:
            if error.code not in TOO_MUCH or self._lister.pages:
                raise
            # Too long for one answer, from an API that does not page.
            for value in await self._lister.names(key):
                async for page in self._pages(key, value):
                    counts.add(page, its)
        return counts.rows()

    async def _pages(self, key: str, value: str | None) -> AsyncIterator[Listing]:
        cursor: str | None = None
        restarts = 0
        while True:
            try:
                listing = await self._lister.find(key, value, cursor)
            except ExpiredError:
                cursor, restarts = None, restarts + 1
                if restarts > RESTARTS:
                    raise ListingError("expired_marker", "the listing cannot be gone on with") from None
                continue
            yield listing
            cursor = listing.next
            if cursor is None:
                return

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, a few times where it cannot be answered now. Raises ListingError."""
        for number in range(_TRIES):
            try:
                return await ask()
            except NotNowError as error:
                if error.code in TOO_MUCH and not self._lister.pages:
                    raise ListingError(error.code, error.message) from None
                if error.code == _REFUSED or number == _TRIES - 1:
                    raise ListingError(error.code, error.message) from None
                await self._timing.sleep(max(error.delay, self._timing.jitter(_PAUSE_SECONDS, number, 60.0)))
        raise AssertionError("the last try returns or raises")


class _Counts:
    """Resources and values by type and key. Of ids and values only short digests are kept.

    Keys that are one to the cloud are counted as one, in the spelling that most resources have.
    """

    def __init__(self, where: Where, comparable: Callable[[str], str]) -> None:
        self._where = where
        self._comparable = comparable
        self._ids: set[bytes] = set()
        self._spelled: dict[tuple[str, str], Counter[str]] = {}
        self._values: dict[tuple[str, str], set[bytes]] = {}

    def add(self, page: Listing, keys: Callable[[Mapping[str, str]], Iterable[str]]) -> None:
        """Take a page; `keys` gives those of a resource that count, as they stand there."""
        for id_, tags in (page.tags or {}).items():
            type_ = page.types.get(id_, self._where.type)
            resource = _digest(f"{type_}\0{id_}")
            if resource in self._ids:
                continue  # pages may shift while they are read
            self._ids.add(resource)
            for stored in keys(tags):
                one = type_, self._comparable(stored)
                self._spelled.setdefault(one, Counter())[stored] += 1
                self._values.setdefault(one, set()).add(_digest(tags[stored]))

    def rows(self) -> list[KeyInUse]:
        """A row for each key."""
        return [
            KeyInUse(
                self._where._replace(type=one[0]),
                min(spelled, key=lambda key: (-spelled[key], key)),
                spelled.total(),
                len(self._values[one]),
            )
            for one, spelled in sorted(self._spelled.items())
        ]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
