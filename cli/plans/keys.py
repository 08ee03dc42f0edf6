"""The keys in use at a cloud, with counts: the same listings that a sweep reads."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from untag.contracts import InvalidInputError
from untag.core import Deadline, Timing
from untag.hosts.here import Here
from untag.providers import Finder, Location, Provider, Registry, stored_key
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
            names = await self._patiently(self._lister.names)
        except ListingError as error:
            yield Unlisted(self._where, None, error.code, error.message)
            return
        for key in _matching(names, globs, self._finder):
            try:
                counted = await self._patiently(partial(self._key, key))
            except ListingError as error:
                yield Unlisted(self._where, key, error.code, error.message)
                continue
            if counted.resources:  # the names may be those of more than this place's resources
                yield counted

    async def _key(self, key: str) -> KeyInUse:
        """Page after page; of the resources and values only short digests are kept."""
        ids: set[bytes] = set()
        values: set[bytes] = set()
        try:
            async for page in self._pages(key, None):
                self._note(page, key, ids, values)
        except ListingError as error:
            if error.code not in TOO_MUCH or self._lister.pages:
                raise
            # Too long for one answer, from an API that does not page.
            for value in await self._lister.names(key):
                async for page in self._pages(key, value):
                    self._note(page, key, ids, values)
        return KeyInUse(self._where, key, len(ids), len(values))

    def _note(self, page: Mapping[str, Mapping[str, str]], key: str, ids: set[bytes], values: set[bytes]) -> None:
        for id_, tags in page.items():
            if (stored := stored_key(self._finder, key, tags)) is not None:
                ids.add(_digest(id_))
                values.add(_digest(tags[stored]))

    async def _pages(self, key: str, value: str | None) -> AsyncIterator[Mapping[str, Mapping[str, str]]]:
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
            yield listing.tags or {}
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


def _matching(names: Iterable[str], globs: tuple[str, ...], provider: Provider) -> Iterator[str]:
    same = provider.comparable_key
    for name in names:
        if not globs or any(fnmatchcase(same(name), same(glob)) for glob in globs):
            yield name


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
