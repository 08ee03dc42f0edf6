"""The clouds' tag APIs. To add one: write its module here, and name its class `PROVIDER` in it."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from untag.contracts import InvalidInputError, Problem, RemovalRequest
from untag.providers.base import (
    AGAIN,
    TOO_LARGE,
    Answer,
    Failure,
    Finder,
    Limits,
    Listing,
    Provider,
    Scope,
    Session,
    Trail,
    Verdict,
)

__all__ = [
    "AGAIN",
    "PROVIDERS",
    "TOO_LARGE",
    "Answer",
    "Failure",
    "Finder",
    "Limits",
    "Listing",
    "Provider",
    "Registry",
    "Scope",
    "Session",
    "Trail",
    "Verdict",
]


def _found() -> Iterator[type[Provider]]:
    """What the modules of this package name as their `PROVIDER`: a list of them would be one more place to change."""
    for module in iter_modules(__path__):
        provider: type[Provider] | None = getattr(import_module(f"{__name__}.{module.name}"), "PROVIDER", None)
        if provider is not None:
            yield provider


PROVIDERS: tuple[type[Provider], ...] = tuple(_found())


class Registry:
    """The providers of a stack, found by a request's `provider` and a resource's type."""

    def __init__(self, providers: tuple[Provider, ...]) -> None:
        self._providers = providers

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, read_first: bool) -> "Registry":
        """Every provider with its variables of this environment. Raises InvalidInputError that names the variable."""
        return cls(tuple(provider.from_environment(environ, read_first=read_first) for provider in PROVIDERS))

    def find(self, name: str, type_: str) -> Provider:
        """The provider of that name whose API these resources belong to. KeyError where there is none."""
        for provider in self._providers:
            if provider.name == name and provider.accepts(type_):
                return provider
        raise KeyError(name, type_)

    def named(self, name: str) -> list[Provider]:
        """Every provider of that name."""
        return [provider for provider in self._providers if provider.name == name]

    def check(self, request: RemovalRequest) -> Iterator[Problem]:
        """The rules of its cloud that a request breaks."""
        named = self.named(request.provider)
        if not named:
            known = ", ".join(sorted({provider.name for provider in self._providers}))
            yield Problem("provider", f"Input should be one of: {known}")
            return
        for index, group in enumerate(request.resources):
            if not any(provider.accepts(group.type) for provider in named):
                yield Problem(f"resources.{index}.type", f"no tag API of {request.provider} is known for this type")
        types = {group.type for group in request.resources}
        for provider in named:
            if any(provider.accepts(type_) for type_ in types):
                yield from provider.problems(request)

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
