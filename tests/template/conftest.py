"""The template as it is written, and as CloudFormation gets it after the transform."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

# The property of a SAM resource that names a folder beside the template.
FOLDERS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """The template as it is written."""
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def transformed(source: dict[str, Any]) -> dict[str, Any]:
    """The template after the transform, by the same code that CloudFormation runs."""
    template = copy.deepcopy(source)
    for name, resource in template["Resources"].items():
        if resource["Type"] in FOLDERS:
            # The translator takes no folder, only what `sam package` would have put there.
            resource["Properties"][FOLDERS[resource["Type"]]] = f"s3://packaged/{name}.zip"
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    session = boto3.Session(region_name="eu-west-1")
    return Translator({}, Parser(), boto_session=session).translate(template, defaults)


@pytest.fixture(scope="session")
def resources(transformed: dict[str, Any]) -> dict[str, Any]:
    """What is created, by logical id."""
    return transformed["Resources"]
