"""What is wrong with a sweep's places, before any of them is listed."""

from collections.abc import Iterator

from untag.contracts import Problem
from untag.providers import EVERY_TYPE, Finder, Registry
from untag.sweep.rules import Place, Rule
from untag.sweep.state import Sweep


def place_problems(sweep: Sweep, registry: Registry) -> Iterator[Problem]:
    """The rules of their clouds that the places of a sweep break, as a request of a place would. A sweep with one of
    them is refused as a whole.
    """
    for index, rule in enumerate(sweep.rules):
        for place in rule.places():
            for problem in _broken(rule, place, registry):
                yield problem.under(f"rules.{index}")


def listing_problems(sweep: Sweep, registry: Registry) -> Iterator[Problem]:
    """What the listings of a sweep lack, where its places are right. A rule with one of them fails, and no other."""
    for index, rule in enumerate(sweep.rules):
        for place in rule.places():
            finder = registry.find(rule.provider, place.type)
            if isinstance(finder, Finder):
                for problem in finder.listing_problems(rule.location(place)):
                    yield problem.under(f"rules.{index}")


def _broken(rule: Rule, place: Place, registry: Registry) -> Iterator[Problem]:
    broken = list(registry.location_problems(rule.provider, rule.location(place), place.type))
    for path, message in broken:
        yield Problem("resources.0.type" if path == "type" else path, message)  # as in a request for the place
    finder = None if broken else registry.find(rule.provider, place.type)
    if not broken and not isinstance(finder, Finder):
        yield Problem("types", "this API cannot list resources")
    elif isinstance(finder, Finder) and place.type == EVERY_TYPE and not finder.finds_any_type:
        yield Problem("types", f"{rule.provider} has no listing of every type: write the types as a list")
