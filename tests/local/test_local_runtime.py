"""A function runs as Lambda runs it."""

import json

import pytest
from throwaway import project

from local.errors import LocalError
from local.functions.runtime import REQUEST_BYTES
from local.stack import Overrides, Stack


@pytest.mark.parametrize("name", ["boto3", "botocore", "moto", "local"])
def test_a_function_cannot_import_what_the_layers_do_not_hold(stack, name):
    answer = stack.invoke("Probe", {"do": "import", "name": name})
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "ModuleNotFoundError"


@pytest.mark.parametrize("name", ["httpx", "pydantic", "aws_lambda_powertools"])
def test_a_function_can_import_what_the_dependency_layer_holds(stack, name):
    assert stack.invoke("Probe", {"do": "import", "name": name}).error == ""


def test_the_environment_is_the_templates_and_lambdas_and_nothing_else(stack, monkeypatch):
    monkeypatch.setenv("FROM_THE_DEVELOPERS_SHELL", "1")
    stack.invoke("Probe", {"do": "exit", "status": 0})  # so that the next process starts with the variable set
    found = stack.invoke("Probe", {"do": "environment"}).value
    assert found["UNTAG_QUEUE_URL"] == "https://sqs.eu-west-1.amazonaws.com/123456789012/untag-Work"
    assert found["TOPIC"] == "arn:aws:sns:eu-west-1:123456789012:untag-Topic"
    assert found["COLOUR"] == "blue"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == "untag-Probe"
    assert found["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/untag-Probe"
    assert found["AWS_ENDPOINT_URL"] == stack.aws.url
    assert found["AWS_REGION"] == "eu-west-1"
    assert "FROM_THE_DEVELOPERS_SHELL" not in found
    assert "HOME" not in found


def test_the_first_invocation_is_cold_and_the_second_is_not(stack):
    stack.invoke("Probe", {"do": "exit", "status": 0})
    first, second = stack.invoke("Probe", {}), stack.invoke("Probe", {})
    assert (first.cold, second.cold) == (True, False)
    assert first.init_seconds > 0
    assert first.value["id"] == first.request_id != second.request_id


def test_the_deadline_is_the_templates(stack):
    stack.invoke("Probe", {})
    assert 1500 < stack.invoke("Probe", {}).value["left"] <= 2000


def test_a_function_that_takes_too_long_is_killed_and_the_next_invocation_is_cold(stack):
    stack.invoke("Probe", {})
    answer = stack.invoke("Probe", {"do": "sleep", "seconds": 30})
    assert answer.error == "Sandbox.Timedout"
    assert answer.value["errorMessage"].endswith("Task timed out after 2.00 seconds")
    assert 1.9 < answer.seconds < 3
    assert stack.invoke("Probe", {}).cold


def test_a_crash_takes_only_its_own_invocation(stack):
    stack.invoke("Probe", {})
    answer = stack.invoke("Probe", {"do": "exit", "status": 3})
    assert answer.error == "Runtime.ExitError"
    assert "exit status 3" in answer.value["errorMessage"]
    after = stack.invoke("Probe", {})
    assert (after.error, after.cold) == ("", True)


def test_an_exception_is_answered_with_its_type_and_message_and_keeps_the_process(stack):
    stack.invoke("Probe", {})
    answer = stack.invoke("Probe", {"do": "raise"})
    assert answer.error == "Unhandled"
    assert (answer.value["errorType"], answer.value["errorMessage"]) == ("ValueError", "no good")
    assert not stack.invoke("Probe", {}).cold


def test_an_answer_carries_the_log_of_its_own_invocation_only(stack):
    stack.invoke("Probe", {})
    assert stack.invoke("Probe", {"do": "print"}).log == ("a line of its own",)
    assert stack.invoke("Probe", {}).log == ()


def test_payloads_are_limited_as_lambda_limits_them(stack):
    assert len(stack.invoke("Probe", {"do": "answer", "length": 6_000_000}).value) == 6_000_000
    assert stack.invoke("Probe", {"do": "answer", "length": 6_300_000}).error == "Function.ResponseSizeTooLarge"
    with pytest.raises(LocalError, match="too large"):
        stack.invoke("Probe", json.dumps("x" * REQUEST_BYTES).encode())


@pytest.mark.parametrize(
    ("probe", "error"),
    [
        ("import boto3", "Runtime.ImportModuleError"),
        ("def other(event, context): ...", "Runtime.HandlerNotFound"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("import os; os._exit(7)", "Runtime.ExitError"),
    ],
)
def test_a_function_that_does_not_come_up_says_why(tmp_path, probe, error):
    with Stack(project(tmp_path, probe=probe), providers=False) as stack:
        answer = stack.invoke("Probe", {})
        assert answer.error == error
        assert answer.cold


def test_variables_and_parameters_can_be_overridden(tmp_path):
    overrides = Overrides(environment={"EXTRA": "1"}, parameters={"Colour": "red"})
    with Stack(project(tmp_path), overrides=overrides, providers=False) as stack:
        found = stack.invoke("Probe", {"do": "environment"}).value
    assert (found["EXTRA"], found["COLOUR"]) == ("1", "red")


def test_an_unknown_function_is_refused_by_name(stack):
    with pytest.raises(LocalError, match="no function Prob"):
        stack.invoke("Prob", {})
