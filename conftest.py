"""Where coverage is measured: its tracer doubles the time of a test that runs much code."""

import pytest

MEASURED = {"unit", "functiongraph"}
"""Folders whose tests together meet nearly every line, in the process of the tests."""
VOLUME = {
    "test_aws_provider_sweep",
    "test_at_the_clouds",
    "test_conservation",
    "test_counts",
    "test_deadline",
    "test_doors",
    "test_every_cloud",
    "test_fuzz",
    "test_stateful",
    "test_sweep_grace",
    "test_sweep_walk",
}
"""Files that run the same lines many times."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of the measurement what it would only slow down."""
    if not config.pluginmanager.hasplugin("_cov"):
        return
    for item in items:
        if item.path.parent.name not in MEASURED or item.path.stem in VOLUME:
            item.add_marker("no_cover")
