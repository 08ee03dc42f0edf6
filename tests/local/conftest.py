"""The throw-away project, up."""

from collections.abc import Iterator

import pytest
from throwaway import project

from local.stack import Overrides, Stack


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stacks in other processes keep their reports here, and not in the ledger of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNTAG_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        yield


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The throw-away project, up; records that failed come again after a second."""
    overrides = Overrides(visibility_timeout=0.5, batching_window=0.1)
    template = project(tmp_path_factory.mktemp("project"))
    with Stack(template, overrides=overrides, providers=False) as started:
        yield started
