"""A template is read as it is, and what cannot be honoured is refused by name."""

import pytest
from throwaway import TEMPLATE, project

from local.errors import TemplateError
from local.template import read
from local.template.known import CREATED, LEFT_OUT
from local.template.resolve import Resolver

TOPOLOGY = {
    "Mappings": {"Sizes": {"eu-west-1": {"small": 1}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Colour"}, "blue"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    },
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Named": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${AWS::StackName}-q"}}},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventBusName": "bus"}},
        "Odd": {"Type": "AWS::Odd::Thing"},
    },
}


@pytest.fixture
def resolver():
    return Resolver(TOPOLOGY, stack="st", region="eu-west-1", parameters={"Colour": "blue"})


def arguments(**changes):
    return {"stack": "st", "region": "eu-west-1", "parameters": {}} | changes


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Colour"}, "blue"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "Queue"}, "https://sqs.eu-west-1.amazonaws.com/123456789012/st-Queue"),
        ({"Ref": "Named"}, "https://sqs.eu-west-1.amazonaws.com/123456789012/st-q"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:eu-west-1:123456789012:st-Queue"),
        ({"Fn::GetAtt": "Named.QueueName"}, "st-q"),
        ({"Fn::GetAtt": ["Rule", "Arn"]}, "arn:aws:events:eu-west-1:123456789012:rule/bus/st-Rule"),
        ({"Fn::Sub": "${Topic.TopicName}/${!Literal}/${AWS::AccountId}"}, "st-Topic/${Literal}/123456789012"),
        ({"Fn::Sub": ["${x}-${Colour}", {"x": {"Ref": "Colour"}}]}, "blue-blue"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Colour"}]]}, "a-blue"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::If": ["Yes", 1, {"Fn::Cidr": []}]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 1),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        (
            {"Condition": {"Bool": {"a": "b"}}, "Effect": "Deny"},
            {"Condition": {"Bool": {"a": "b"}}, "Effect": "Deny"},
        ),
    ],
    ids=str,
)
def test_intrinsic_functions_give_what_cloudformation_gives(resolver, node, value):
    assert resolver.value(node) == value


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue"),
        ({"Ref": "Nothing"}, "Nothing"),
        ({"Ref": "Odd"}, "AWS::Odd::Thing"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "Colour of Queue"),
        ({"Fn::Sub": "${Nothing.Arn}"}, "Nothing"),
        ({"Fn::If": ["Maybe", 1, 2]}, "Maybe"),
        ({"Fn::FindInMap": ["Sizes", "mars", "small"]}, "Sizes.mars.small"),
        ("{{resolve:ssm:name}}", "resolve:ssm"),
    ],
    ids=str,
)
def test_what_the_resolver_does_not_know_is_refused_by_name(resolver, node, complaint):
    with pytest.raises(TemplateError, match=complaint):
        resolver.value(node)


def test_an_unknown_resource_type_is_refused_by_name(tmp_path):
    template = TEMPLATE + "  Table: {Type: AWS::DynamoDB::Table}\n"
    with pytest.raises(TemplateError, match="Table is of type AWS::DynamoDB::Table"):
        read(project(tmp_path, template), **arguments())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Timeout: 2", "Timeout: 2\n      EphemeralStorage: {Size: 1024}", "Probe has EphemeralStorage"),
        (
            "Topic: {Type: AWS::SNS::Topic}",
            "Topic: {Type: AWS::SNS::Topic, Properties: {FifoTopic: true}}",
            "FifoTopic",
        ),
        ("VisibilityTimeout: 60", "VisibilityTimeout: 60\n      FifoQueue: true", "Work has FifoQueue"),
    ],
)
def test_an_unknown_property_is_refused_by_name(tmp_path, old, new, complaint):
    with pytest.raises(TemplateError, match=complaint):
        read(project(tmp_path, TEMPLATE.replace(old, new)), **arguments())


def test_no_type_is_both_created_and_left_out():
    assert not set(CREATED) & set(LEFT_OUT)


def test_a_resource_whose_condition_does_not_hold_is_not_created(tmp_path):
    template = TEMPLATE.replace("Resources:", "Conditions: {Never: !Equals [a, b]}\nResources:")
    template += "  Spare: {Type: AWS::SQS::Queue, Condition: Never}\n"
    assert "Spare" not in read(project(tmp_path, template), **arguments()).resources


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [({"Color": "red"}, "no parameter Color"), ({"Colour": "RED"}, "does not match")],
)
def test_a_wrong_parameter_is_refused(tmp_path, parameters, complaint):
    with pytest.raises(TemplateError, match=complaint):
        read(project(tmp_path), **arguments(parameters=parameters))


def test_a_parameter_without_a_value_is_refused(tmp_path):
    template = TEMPLATE.replace("Default: blue, ", "")
    with pytest.raises(TemplateError, match="Colour has no default"):
        read(project(tmp_path, template), **arguments())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("CodeUri: probe", "CodeUri: nowhere", "Probe: CodeUri is not a folder"),
        ("Transform: AWS::Serverless-2016-10-31", "Transform: AWS::LanguageExtensions", "AWS::LanguageExtensions"),
        ("Resources:", "Things:", "no Resources"),
        ("Handler: app.handler", "Handlers: app.handler", "Probe"),
    ],
)
def test_a_template_that_cannot_run_is_refused(tmp_path, old, new, complaint):
    with pytest.raises(TemplateError, match=complaint):
        read(project(tmp_path, TEMPLATE.replace(old, new)), **arguments())


def test_a_missing_template_is_said_to_be_missing(tmp_path):
    with pytest.raises(TemplateError, match="no template"):
        read(tmp_path / "template.yaml", **arguments())


APPLICATION = """
  Watching:
    Type: AWS::Serverless::Application
    Properties:
      Location: watching.yaml
      Parameters: {Queue: !GetAtt Work.QueueName}
Outputs:
  Watched: {Value: !GetAtt Watching.Outputs.Alarm}
"""
NESTED = """
Parameters:
  Queue: {Type: String}
Resources:
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: !Sub "${AWS::StackName} ${Queue}"}}
Outputs:
  Alarm: {Value: !Ref Alarm}
"""


def test_a_nested_application_gets_what_it_is_handed_and_answers_with_its_outputs(tmp_path):
    path = project(tmp_path, TEMPLATE + APPLICATION)
    (tmp_path / "watching.yaml").write_text(NESTED, encoding="utf-8")
    template = read(path, **arguments())
    assert template.output_values() == {"Watched": "st-Watching st-Work"}
    assert template.applications["Watching"].properties("Alarm") == {"AlarmName": "st-Watching st-Work"}
    assert "Watching" not in template.resources


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  Queue: {Type: String}", "  Topic: {Type: String}", "no parameter Queue"),
        ("AWS::CloudWatch::Alarm, ", "AWS::CloudWatch::Alarms, ", "AWS::CloudWatch::Alarms"),
        ("  Alarm: {Value: !Ref Alarm}", "  Other: {Value: !Ref Alarm}", "Watching has no output Alarm"),
        ("Resources:", "Resources:\n  More: {Type: AWS::SQS::Queue}", r"More \(AWS::SQS::Queue\) cannot be created"),
    ],
)
def test_a_nested_application_that_cannot_be_honoured_is_refused(tmp_path, old, new, complaint):
    path = project(tmp_path, TEMPLATE + APPLICATION)
    (tmp_path / "watching.yaml").write_text(NESTED.replace(old, new), encoding="utf-8")
    with pytest.raises(TemplateError, match=complaint):
        read(path, **arguments()).output_values()


def test_a_nested_application_without_its_file_is_refused(tmp_path):
    with pytest.raises(TemplateError, match=r"Watching: Location is not a template beside this one: watching\.yaml"):
        read(project(tmp_path, TEMPLATE + APPLICATION), **arguments())
