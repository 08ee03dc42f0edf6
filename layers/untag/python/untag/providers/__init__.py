"""The clouds: a folder for each, that holds everything the cloud says.

To add one, make its folder here; its `__init__` names its tag APIs as `APIS`. A provider is imported when its first
request comes: a process pays for the clouds that it meets.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from untag.contracts import Action, InvalidInputError, Problem, RemovalRequest
from untag.providers.base import (
    AGAIN,
    EVERY_TYPE,
    TOO_LARGE,
    Answer,
    Asked,
    Failure,
    Finder,
    Limits,
    Listing,
    Location,
    Options,
    Provider,
    Scope,
    Seen,
    Session,
    Trail,
    Verdict,
    stored_key,
)

if TYPE_CHECKING:
    from untag.providers.events import Events  # the function that removes reads none, and need not build them

__all__ = [
    "AGAIN",
    "EVERY_TYPE",
    "NAMES",
    "TOO_LARGE",
    "Answer",
    "Asked",
    "Failure",
    "Finder",
    "Limits",
    "Listing",
    "Location",
    "Options",
    "Provider",
    "Registry",
    "Scope",
    "Seen",
    "Session",
    "Trail",
    "Verdict",
    "apis_of",
    "events_by_name",
    "stored_key",
]

NAMES = tuple(sorted(module.name for module in iter_modules(__path__) if module.ispkg))
"""The names of all providers: the folders of this package."""


def apis_of(name: str) -> tuple[type[Provider], ...]:
    """The tag APIs of the provider of that name, imported now. KeyError where there is none."""
    if name not in NAMES:
        raise KeyError(name)
    apis: tuple[type[Provider], ...] = import_module(f"{__name__}.{name}").APIS
    return apis


@cache
def events_by_name() -> Mapping[str, "Events"]:
    """How the events of each provider are understood, by its name, of those that have any; imported now."""
    with_events = (name for name in NAMES if find_spec(f"{__name__}.{name}.events") is not None)
    return {name: import_module(f"{__name__}.{name}.events").EVENTS for name in with_events}


class Registry:
    """The providers of a stack, found by a request's `provider` and a resource's type."""

    def __init__(self, options: Options | None = None, made: tuple[Provider, ...] = ()) -> None:
        """Every provider there is as the options want it, or only those that are `made` already."""
        self._options = options or Options()
        self._made: dict[str, list[Provider]] = {}
        for provider in made:
            self._made.setdefault(provider.name, []).append(provider)
        self._names = tuple(self._made) or NAMES

    def find(self, name: str, type_: str) -> Provider:
        """The provider of that name whose API these resources belong to. KeyError where there is none."""
        for provider in self.tag_apis(name):
            if provider.accepts(type_):
                return provider
        raise KeyError(name, type_)

    def tag_apis(self, name: str) -> list[Provider]:
        """Every tag API of the provider of that name; none where there is no such provider."""
        if name not in self._names:
            return []
        if name not in self._made:
            self._made[name] = [api.of(self._options) for api in apis_of(name)]
        return self._made[name]

    def location_problems(self, name: str, location: Location, type_: str) -> Iterator[Problem]:
        """The rules of the cloud of that name that a location breaks for resources of a type; `find` knows it else."""
        if not self.tag_apis(name):
            yield self._no_provider()
            return
        try:
            provider = self.find(name, type_)
        except KeyError:
            yield _no_api(name, "type")
        else:
            yield from provider.location_problems(location, type_)

    def _no_provider(self) -> Problem:
        return Problem("provider", f"Input should be one of: {', '.join(sorted(self._names))}")

    def check(self, request: RemovalRequest) -> Iterator[Problem]:
        """The rules of its cloud that a request breaks."""
        apis = self.tag_apis(request.provider)
        if not apis:
            yield self._no_provider()
            return
        for index, group in enumerate(request.resources):
            if not any(provider.accepts(group.type) for provider in apis):
                yield _no_api(request.provider, f"resources.{index}.type")
        types = {group.type for group in request.resources}
        for provider in apis:
            if any(provider.accepts(type_) for type_ in types):
                yield from provider.problems(request)
                yield from _put_back_twice(provider, request)

    def checked(self, requests: tuple[RemovalRequest, ...], *, listed: bool) -> tuple[RemovalRequest, ...]:
        """The requests, if each keeps the rules of its cloud. Raises InvalidInputError.

        `listed` says whether they came as a list, so that a problem's path begins with the place in it.
        """
        problems = [
            problem.under(str(index)) if listed else problem
            for index, request in enumerate(requests)
            for problem in self.check(request)
        ]
        if problems:
            raise InvalidInputError(problems)
        return requests


def _no_api(name: str, path: str) -> Problem:
    return Problem(path, f"no tag API of {name} is known for this type")


def _put_back_twice(provider: Provider, request: RemovalRequest) -> Iterator[Problem]:
    """Keys that differ as they are written, are one key to the cloud, and are to be put back with two values."""
    values: dict[str, tuple[str, str | None]] = {}
    for index, (key, value) in enumerate(request.distinct_tags() if request.action is Action.RESTORE else ()):
        first, its = values.setdefault(provider.comparable_key(key), (key, value))
        if first != key and its != value:
            yield Problem(f"tags.{index}.value", f"{first} is the same key, and cannot be put back with two values")
