import pytest
import vendors
from hypothesis import HealthCheck, settings

# 1,000 is what `make contract` promises for each signature.
settings.register_profile(
    "contract", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("contract")


def pytest_configure(config: pytest.Config) -> None:
    for line in vendors.WARNINGS:
        config.addinivalue_line("filterwarnings", line)
