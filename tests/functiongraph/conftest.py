from collections.abc import Iterator

import platform_support
import pytest


@pytest.fixture
def platform() -> Iterator[platform_support.Platform]:
    with platform_support.platform() as made:
        yield made
