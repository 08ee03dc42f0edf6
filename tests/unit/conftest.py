"""What every unit test needs: no deadline on this machine, and the same examples in every run.

And the fixtures that several modules share.
"""

from collections.abc import Iterator

import pytest
from decommission_support import Desk
from hypothesis import settings
from service_house import House, put
from sweep_support import Broom
from trap import Trap

settings.register_profile("untag", deadline=None, derandomize=True, max_examples=100, database=None)
settings.load_profile("untag")


@pytest.fixture
def house() -> Iterator[House]:
    """The whole service, with resources at both clouds."""
    with House() as house:
        put(house.jd, *(f"i-{n}" for n in range(100)))
        put(house.huawei, *(f"pa-{n}" for n in range(10)))
        yield house


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The decommission function, with nothing at any cloud."""
    with Desk() as desk:
        yield desk


@pytest.fixture
def broom() -> Iterator[Broom]:
    """The sweep function, with nothing at any cloud."""
    with Broom() as broom:
        yield broom


@pytest.fixture
def trap() -> Iterator[Trap]:
    """A server that no call may reach."""
    found = Trap()
    yield found
    found.close()
