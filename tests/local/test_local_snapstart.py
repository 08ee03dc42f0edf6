"""Under SnapStart a function has no AWS key in its environment, and gets one from an endpoint."""

import json
from pathlib import Path

import httpx
import pytest
from throwaway import TEMPLATE, project

from local.functions import container
from local.stack import Overrides, Stack

EVENTS = Path(__file__).parents[2] / "events"
KEY = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
SNAPSTART = TEMPLATE.replace("Timeout: 2", "Timeout: 2\n      SnapStart: {ApplyOn: PublishedVersions}")
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


@pytest.fixture
def probe(tmp_path):
    """The environment that a function under SnapStart finds, while it lives."""
    with Stack(project(tmp_path, SNAPSTART), providers=False) as stack:
        yield stack.invoke("Probe", {"do": "environment"}).value


def asked(environment, **headers):
    return httpx.get(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers=headers)


def test_the_environment_holds_no_key_but_where_it_is_to_be_had(probe):
    assert not KEY & set(probe)
    assert probe["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    found = asked(probe, Authorization=probe["AWS_CONTAINER_AUTHORIZATION_TOKEN"]).json()
    assert set(found) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert all(found.values())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "guessed"}, {"Authorization": ""}])
def test_the_endpoint_gives_a_key_to_nobody_without_the_token(probe, headers):
    assert asked(probe, **headers).status_code == 403


def test_a_function_without_snapstart_has_its_key_and_no_endpoint(stack):
    found = stack.invoke("Probe", {"do": "environment"}).value
    assert set(found) >= KEY
    assert not [name for name in found if name.startswith("AWS_CONTAINER_")]
    assert found["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


def test_a_key_expires_hours_after_it_was_asked_for():
    credentials = container.ContainerCredentials(KEYS, now=lambda: 0.0)
    token = credentials.environment(KEYS, 1)["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    status, body = credentials.answer(token)
    assert (status, json.loads(body)["Expiration"]) == (200, "1970-01-01T06:00:00Z")


def run_the_real_functions(stack):
    stack.seed()
    for name in ("jdcloud_sqs_batch.json", "decommission_jdcloud.json"):
        stack.send(EVENTS / name)
    stack.drain()
    return [report for report in stack.reports() if report["kind"] == "removal"]


def test_the_real_functions_work_with_keys_from_the_endpoint():
    overrides = Overrides(parameters={"SnapStart": "on"}, batching_window=0.1)
    with Stack(overrides=overrides) as stack:
        assert all(function.spec.snap_start for function in stack.functions.values())
        reports = run_the_real_functions(stack)
        assert sum(report["counts"].get("removed", 0) for report in reports) > 0
        assert stack.mappings["RemoveTagsFunctionWorkQueue"].failures == []


def test_without_a_key_from_the_endpoint_the_real_function_delivers_nothing():
    # The endpoint answers with what the function's variables hold: nothing that is a key.
    overrides = Overrides(parameters={"SnapStart": "on"}, environment=dict.fromkeys(KEY, ""))
    with Stack(overrides=overrides) as stack:
        stack.seed()
        answer = stack.invoke("RemoveTagsFunction", json.loads((EVENTS / "jdcloud_manual.json").read_text("utf-8")))
        assert stack.reports() == []
        assert "no_key" in json.dumps(answer.value) + "\n".join(answer.log)
