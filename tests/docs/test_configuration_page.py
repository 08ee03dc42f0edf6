"""That docs/configuration.md says what the settings read and what the template sets."""

import re

import pytest

from tools import configuration

ROWS = {
    row.split(" | ")[0].strip("| `"): row for row in configuration.page().splitlines() if row.startswith("| `UNTAG")
}


def test_the_page_is_current() -> None:
    assert configuration.PAGE.read_text(encoding="utf-8") == configuration.page(), "run `make pages`"


def test_every_variable_that_a_function_reads_is_on_the_page_and_no_other() -> None:
    assert configuration.variables(*configuration.SOURCES).keys() == configuration.WHAT.keys()
    assert configuration.variables(configuration.OF_AWS).keys() == configuration.WHAT_ON_AWS.keys()


def test_every_variable_that_the_template_sets_is_on_the_page() -> None:
    set_by_it = {name for name in configuration.parameters() if name.startswith("UNTAG_")}
    assert set_by_it == configuration.WHAT.keys() | configuration.WHAT_ON_AWS.keys()


@pytest.mark.parametrize(
    ("variable", "cells"),
    [
        ("UNTAG_MAX_PAIRS", ["`MaxPairs`", "1 to 100,000", "`1000`"]),
        ("UNTAG_MAX_AGE", ["`MaxAge`", "`24h`"]),
        ("UNTAG_READ_FIRST", ["`ReadFirst`", "`on`, `off`", "`on`"]),
        ("UNTAG_CREDENTIALS", ["`CredentialsSource`, `SecretsPrefix`", "`env`"]),
        ("UNTAG_ENVIRONMENTS", ["`MaximumConcurrency`", "1 to 1,000; `MaximumConcurrency`: 2 to 1,000"]),
        ("UNTAG_CONCURRENCY", ["`Concurrency`", "1 to 1,000; `Concurrency`: 1 to 256"]),
        ("UNTAG_RATE", ["`Rate`", "above 0 to 100,000; `Rate`: 0.001 to 9,999.999"]),
        ("UNTAG_ACCOUNTS", ["`Accounts`", "`name=value` pairs with commas"]),
        ("UNTAG_TOPIC_ARN", ["`NotificationTopicArn`"]),
    ],
)
def test_a_row_has_the_parameter_the_bounds_and_the_default_of_its_variable(variable: str, cells: list[str]) -> None:
    row = f"{ROWS[variable]} "
    assert [cell for cell in cells if f"| {cell} |" not in row] == []


def test_no_parameter_lets_a_number_through_that_its_variable_does_not_take() -> None:
    read, checked = configuration.variables(*configuration.SOURCES), 0
    for name, parameters in configuration.parameters().items():
        for said in (configuration.template()["Parameters"][one] for one in parameters):
            if said["Type"] == "Number":
                assert read[name].low <= said["MinValue"] <= said["MaxValue"] <= read[name].high, name
                checked += 1
    assert checked >= 4


def test_the_bounds_that_stand_for_a_pattern_are_its_own() -> None:
    for name, bounds in configuration.OF_PATTERNS.items():
        pattern = configuration.template()["Parameters"][name]["AllowedPattern"]
        low, high = bounds.replace(",", "").split(" to ")
        assert all(re.fullmatch(pattern, one) for one in (low, high))
        assert not any(re.fullmatch(pattern, one) for one in ("0", "0.0", "0.000", "0.0001", "10000", "9999.9991"))


def test_the_sizes_of_calls_are_those_that_the_providers_take() -> None:
    page = configuration.page()
    assert "| `jdcloud.resourcetag` |  | 50 | 500 |" in page
    assert "| `huaweicloud.tms` |  | 20 | 50 |" in page
    assert "| `azure.management` | `azure.login` |  |  |" in page
