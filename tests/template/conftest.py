"""The template as it is written, and as CloudFormation gets it after the transform, with its options off and on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.template.reading import DEFAULTS, EVERYTHING, decided, transform

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
OBSERVABILITY = TEMPLATE.with_name("observability.yaml")


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """The template as it is written."""
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def observability() -> dict[str, Any]:
    """The nested application's template as it is written."""
    return yaml_parse(OBSERVABILITY.read_text(encoding="utf-8"))


@pytest.fixture(scope="session", params=[DEFAULTS, EVERYTHING], ids=["defaults", "everything on"])
def parameters(request: pytest.FixtureRequest) -> dict[str, str]:
    """What an operator gives: nothing, or every option."""
    return request.param


@pytest.fixture(scope="session")
def deployed(source: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after the transform, by the same code that CloudFormation runs, and with its conditions decided."""
    return decided(transform(source, parameters), source, parameters)


@pytest.fixture(scope="session")
def resources(deployed: dict[str, Any]) -> dict[str, Any]:
    """What is created, by logical id."""
    return deployed["Resources"]
