"""The bugs that can be planted, by name, to see that the account finds them."""

from collections.abc import Callable

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(plant: Callable[[], None]) -> Callable[[], None]:
    """Known under its function's name."""
    MUTANTS[plant.__name__] = plant
    return plant
