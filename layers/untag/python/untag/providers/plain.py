"""What most clouds have in common: answers to the core's questions that a tag API gives unless it differs."""

from collections.abc import Iterable, Iterator
from typing import Generic

from untag.contracts import Problem, RemovalRequest
from untag.providers.base import Asked, C, Failure, Location, Scope


class Plain(Generic[C]):
    """What most clouds have in common."""

    name: str
    endpoints: tuple[str, ...] = ()
    pages = True
    documented_regions: frozenset[str] = frozenset()
    """The regions that the cloud's documents list, where they list all; for a hint at what was meant."""
    documented_types: frozenset[str] = frozenset()
    """The types whose names are known from the documents, if not all there are; for the same."""
    longest_key = 128
    longest_value = 255
    """Characters of a tag's key and value that the cloud can hold."""
    finds_any_key = False
    finds_any_type = False

    def accepts(self, type_: str) -> bool:  # noqa: ARG002 - the Protocol's
        """Every type is this API's."""
        return True

    def problems(self, request: RemovalRequest) -> Iterator[Problem]:
        """Each type has to be one that may be where the request says, and each id one that may be of its type there.

        No key and no value is longer than the cloud can hold.
        """
        location = Location.of(request)
        told: set[Problem] = set()
        for index, group in enumerate(request.resources):
            if not self.accepts(group.type):
                continue
            found = list(self.location_problems(location, group.type))
            for problem in found:
                if problem.path == "type":
                    yield problem.under(f"resources.{index}")
                elif problem not in told:
                    told.add(problem)
                    yield problem
            for number, id_ in enumerate(() if found else group.ids):
                if (message := self.id_problem(location, group.type, id_)) is not None:
                    yield Problem(f"resources.{index}.ids.{number}", message)
        yield from self._too_long(request)

    def _too_long(self, request: RemovalRequest) -> Iterator[Problem]:
        for index, tag in enumerate(request.named_tags()):
            for name, text, longest in (("key", tag.key, self.longest_key), ("value", tag.value, self.longest_value)):
                if text is not None and len(text) > longest:
                    yield Problem(
                        f"tags.{index}.{name}", f"String should have at most {longest} characters on {self.name}"
                    )

    def warnings(self, asked: Asked) -> Iterable[str]:  # noqa: ARG002 - the Protocol's
        """Nothing looks like a mistake that may be right."""
        return ()

    def location_problems(self, location: Location, type_: str) -> Iterable[Problem]:  # noqa: ARG002 - the Protocol's
        """Resources of any type may be anywhere."""
        return ()

    def listing_problems(self, location: Location) -> Iterable[Problem]:  # noqa: ARG002 - the Protocol's
        """A listing needs no more than a request."""
        return ()

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:  # noqa: ARG002 - for clouds with rules
        """Why an id cannot be that of a resource of this type at the location; None where it can."""
        return None

    def comparable_key(self, key: str) -> str:
        """Keys are compared as they are."""
        return key

    def comparable_id(self, id_: str) -> str:
        """Ids are compared as they are."""
        return id_

    def refusal(self, credentials: C, scope: Scope) -> Failure | None:  # noqa: ARG002 - the Protocol's
        """Nothing but the API itself refuses."""
        return None

    def region_of(self, credentials: C, scope: Scope) -> str | None:  # noqa: ARG002 - the Protocol's
        """The region that the request names."""
        return scope.region
