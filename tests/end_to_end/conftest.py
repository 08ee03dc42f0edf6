"""The template as it stands, with the real handler in its own process, and both clouds."""

from collections.abc import Iterator

import pytest

from local.stack import Overrides, Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # moto and its web server warn of their own dependencies' ways.
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    overrides = Overrides(environment={"UNTAG_RATE": "2000"}, visibility_timeout=20.0, batching_window=0.1, max_delay=1)
    with Stack(overrides=overrides) as running:
        running.seed()
        yield running
