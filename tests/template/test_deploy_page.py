"""That docs/deploy.md says what the template does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.template.resolve import ACCOUNT, Resolver
from tests.template.reading import DEFAULTS, EVERYTHING, decided, of_type, transform
from tests.template.test_deploying import ENVIRONMENTS, overrides

PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")

Json = dict[str, Any]


def printed(title: str) -> Any:
    """The JSON that the page prints under a title."""
    (found,) = re.findall(rf"<!-- {title} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    return json.loads(found)


def filled_in(source: Json, parameters: dict[str, str], document: Any) -> Any:
    """A policy's statements as the page has them: with words for what is the reader's own."""
    template = {"Resources": decided(transform(source, parameters), source, parameters)["Resources"]}
    resolver = Resolver(template, stack="STACK", region="REGION", parameters={})
    text = json.dumps(resolver.value(document["Statement"]))
    text = text.replace(ACCOUNT, "ACCOUNT").replace("STACK-work", "QUEUE")
    # CloudFormation gives the rule a name that nobody can know beforehand.
    return json.loads(text.replace("arn:aws:events:REGION:ACCOUNT:rule/STACK/STACK-RemovalRequestedRule", "RULE_ARN"))


def test_a_key_of_ones_own_needs_what_the_stacks_has(source: Json) -> None:
    created = decided(transform(source, EVERYTHING), source, EVERYTHING)["Resources"]
    root, *services = filled_in(source, EVERYTHING, created["EncryptionKey"]["Properties"]["KeyPolicy"])
    assert root["Principal"] == {"AWS": "arn:aws:iam::ACCOUNT:root"}
    assert printed("the key's policy") == services


def test_a_queue_of_ones_own_needs_what_the_stacks_has(source: Json) -> None:
    created = decided(transform(source, DEFAULTS), source, DEFAULTS)["Resources"]
    document = created["WorkQueuePolicy"]["Properties"]["PolicyDocument"]
    assert printed("the work queue's policy") == filled_in(source, DEFAULTS, document)
    queue = created["WorkQueue"]["Properties"]
    assert f"at least {queue['VisibilityTimeout']} seconds" in PAGE
    assert f"`maxReceiveCount` {queue['RedrivePolicy']['maxReceiveCount']} " in PAGE


def test_every_parameter_and_output_that_it_names_is_one(source: Json, observability: Json) -> None:
    named = set(re.findall(r"`([A-Z][a-z][A-Za-z]+)(?:=[^`]*)?`", PAGE))
    known = {*source["Parameters"], *source["Outputs"], *of_type(observability["Resources"], "CloudWatch::Alarm")}
    assert named <= known | set(source["Parameters"]["DeploymentPreference"]["AllowedValues"])
    assert {"KmsKey", "WorkQueueArn", "DeadLetterQueueArn", "RemoveTagsRollbackAlarm"} <= named


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_environments_are_the_ones_of_samconfig(environment: str) -> None:
    option = "" if environment == "default" else f" --config-env {environment}"
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `sam deploy{option}` |")]
    stack = "untag" if environment == "default" else f"untag-{environment}"
    assert f"| `{stack}` |" in row
    assert ("`DryRun=on`" in row) == (overrides(environment).get("DryRun") == "on")
