"""What every unit test needs: no deadline on this machine, and the same examples in every run; and what several share."""

from collections.abc import Iterator

import pytest
from decommission_support import Desk
from hypothesis import settings

settings.register_profile("untag", deadline=None, derandomize=True, max_examples=100, database=None)
settings.load_profile("untag")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk
