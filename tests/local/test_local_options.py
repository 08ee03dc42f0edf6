"""The project's own template with its options on, and what names a function or belongs to one."""

from pathlib import Path

import pytest

from local.errors import LocalError, TemplateError
from local.functiongraph.stack import FunctionGraphStack
from local.functions.function import name_of
from local.stack import Overrides, Stack
from local.template.resolve import Resolver
from tests.template.reading import EVERYTHING

EVENTS = Path(__file__).parents[2] / "events"


def drained(stack, name):
    stack.seed()
    stack.send(EVENTS / name)
    stack.drain()
    return [report for report in stack.reports() if report["kind"] == "removal"]


def test_with_every_option_on_the_stack_does_what_it_does_without():
    with Stack(overrides=Overrides(parameters=EVERYTHING, batching_window=0.1)) as stack:
        reports = drained(stack, "jdcloud_eventbridge.json")
    assert [report["status"] for report in reports] == ["succeeded"]


def test_on_the_default_bus_an_event_arrives_once():
    with Stack(overrides=Overrides(parameters={"EventBusName": "default"}, batching_window=0.1)) as stack:
        (sent,) = stack.send(EVENTS / "decommission_jdcloud.json")
        assert (sent.to, sent.name) == ("bus", "default")
        stack.drain()
        assert stack.mappings["DecommissionFunctionDecommissionQueue"].batches == [1]
        assert stack.outputs["EventBusName"] == "default"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"EventBusName": "company"}, "RemovalRequestedRule stands on the bus company"),
        (
            {"WorkQueueArn": "arn:aws:sqs:eu-west-1:123456789012:company"},
            "RemovalRequestedRule sends to arn:.*:company, which",
        ),
        ({"VpcSubnetIds": "subnet-0123456789abcdef0,vpc-1"}, "parameter VpcSubnetIds"),
        ({"KmsKey": "alias/untag"}, "parameter KmsKey"),
    ],
)
def test_what_is_not_of_the_template_is_refused_by_name(parameters, complaint):
    with pytest.raises(TemplateError, match=complaint), Stack(overrides=Overrides(parameters=parameters)):
        pass


def test_the_outputs_name_the_alias_and_so_may_whoever_invokes():
    with Stack(providers=False) as stack:
        name, arn = (stack.outputs[f"RemoveTagsFunction{what}"] for what in ("Name", "Arn"))
        assert name == "untag-RemoveTagsFunction:live"
        assert arn.endswith(":function:untag-RemoveTagsFunction:live")
        for reference in ("RemoveTagsFunction", name, arn):
            assert "errors" in stack.invoke(reference, {}).value["errorMessage"]


@pytest.mark.parametrize(
    "reference",
    ["probe", "probe:live", "arn:aws:lambda:eu-west-1:1:function:probe", "arn:aws:lambda:eu-west-1:1:function:probe:7"],
)
def test_a_function_is_named_with_and_without_an_alias(reference):
    assert name_of(reference) == "probe"


def test_an_alias_and_a_version_are_named_after_their_function():
    function = {"FunctionName": {"Ref": "Probe"}}
    resources = {
        "Probe": {"Type": "AWS::Lambda::Function"},
        "Live": {"Type": "AWS::Lambda::Alias", "Properties": function | {"Name": "live"}},
        "Version": {"Type": "AWS::Lambda::Version", "Properties": function},
    }
    resolver = Resolver({"Resources": resources}, stack="st", region="eu-west-1", parameters={})
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:st-Probe"
    assert resolver.ref("Live") == f"{arn}:live"
    assert (resolver.ref("Version"), resolver.attribute("Version", "Version")) == (f"{arn}:1", "1")


@pytest.mark.parametrize("host", ["aws", "functiongraph"])
def test_an_endpoint_that_is_given_replaces_no_other_so_that_no_public_one_is_called(host: str) -> None:
    given = {"UNTAG_ENDPOINTS": "skycloud.tags=http://127.0.0.1:9, huaweicloud.tms = http://127.0.0.1:10,"}
    if host == "aws":
        with Stack(overrides=Overrides(environment=given)) as stack:
            said = stack.functions["RemoveTagsFunction"].spec.environment["UNTAG_ENDPOINTS"]
            own = stack.providers["jdcloud"].url
    else:
        with FunctionGraphStack(environment=given) as stack:
            said, own = stack.variables()["UNTAG_ENDPOINTS"], stack.providers["jdcloud"].url
    endpoints = dict(pair.split("=", 1) for pair in said.split(","))
    assert endpoints["jdcloud.resourcetag"] == own
    assert endpoints["huaweicloud.tms"] == "http://127.0.0.1:10"
    assert endpoints["skycloud.tags"] == "http://127.0.0.1:9"
    assert all(url.startswith("http://127.0.0.1:") for url in endpoints.values())


def test_endpoints_that_no_function_would_take_are_refused_before_anything_runs() -> None:
    given = {"UNTAG_ENDPOINTS": "a=http://127.0.0.1:9,a=http://127.0.0.1:10"}
    stack = FunctionGraphStack(environment=given)
    with pytest.raises(LocalError, match="UNTAG_ENDPOINTS: should be name=value pairs"), stack:
        pass
