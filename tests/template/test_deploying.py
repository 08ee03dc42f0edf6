"""What sam and the Serverless Application Repository are told beside the template."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.template.reading import of_type
from tests.template.test_parameters import accepts
from untag import __version__

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENTS = ["default", "dev", "prod"]

Json = dict[str, Any]


def overrides(environment: str) -> dict[str, str]:
    """The template's parameters that an environment sets."""
    text = CONFIGURATION[environment]["deploy"]["parameters"].get("parameter_overrides", "")
    return dict(one.split("=", 1) for one in text.split())


def test_there_is_an_environment_to_begin_with_one_to_try_things_out_and_one_in_earnest() -> None:
    assert set(CONFIGURATION) == {"version", *ENVIRONMENTS}
    names = [CONFIGURATION[environment]["global"]["parameters"]["stack_name"] for environment in ENVIRONMENTS]
    assert names == ["untag", "untag-dev", "untag-prod"]
    assert overrides("default") == {}
    assert overrides("dev")["DryRun"] == "on"
    assert overrides("prod")["KmsKey"] == "create"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_says_how_to_validate_build_and_deploy(environment: str) -> None:
    found = CONFIGURATION[environment]
    assert set(found) == {"global", "validate", "build", "deploy"}, "sam inherits nothing from another environment"
    assert found["validate"]["parameters"]["lint"] is True
    assert found["deploy"]["parameters"]["resolve_s3"] is True
    # No name of this account or of this machine's.
    assert not {"region", "profile", "s3_bucket", "role_arn"} & set(found["deploy"]["parameters"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_parameter_that_an_environment_sets_is_one_and_takes_the_value(source: Json, environment: str) -> None:
    for name, value in overrides(environment).items():
        parameter = source["Parameters"][name]
        assert accepts(parameter, int(value) if parameter["Type"] == "Number" else value), name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_capabilities_are_the_ones_that_the_template_needs(resources: Json, environment: str) -> None:
    # With a name of its own a role or a policy would need CAPABILITY_NAMED_IAM.
    for kind, name in (("IAM::Role", "RoleName"), ("IAM::ManagedPolicy", "ManagedPolicyName")):
        assert not [one for one in of_type(resources, kind).values() if name in one]
    # CloudFormation asks for the second one where a template with a transform has a nested application.
    capabilities = CONFIGURATION[environment]["deploy"]["parameters"]["capabilities"]
    assert capabilities.split() == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def test_the_repository_and_the_package_have_the_version_that_the_project_says(source: Json) -> None:
    told = source["Metadata"]["AWS::ServerlessRepo::Application"]
    assert told["Name"] == PROJECT["name"]
    assert told["SemanticVersion"] == PROJECT["version"] == __version__
    assert told["SpdxLicenseId"] == PROJECT["license"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for file in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / told[file]).is_file()


def test_the_repository_takes_what_it_is_told(source: Json) -> None:
    # Bounds from the developer guide of the AWS Serverless Application Repository.
    told = source["Metadata"]["AWS::ServerlessRepo::Application"]
    assert set(told) >= {"Name", "Description", "Author"}
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,140}", told["Name"])
    assert 1 <= len(told["Description"]) <= 256
    assert re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9]|-(?!-)){0,125}[a-zA-Z0-9]", told["Author"])
    assert 1 <= len(told["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+_:/@-]{1,127}", label) for label in told["Labels"])
