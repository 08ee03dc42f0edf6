"""A throw-away project: one template, and one function that does as its payload tells it."""

import textwrap
from pathlib import Path

PROBE = """
import json, os, sys, time

def handler(event, context):
    records = event.get("Records")
    if records is None:
        return act(event, context)
    print("batch", json.dumps([record["body"] for record in records]))
    print("record", json.dumps(records[0]))
    if any(record["body"] == "crash" for record in records):
        os._exit(1)
    if any(record["body"].startswith("answer ") for record in records):
        return json.loads(records[0]["body"].removeprefix("answer "))
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record in records if record["body"] == "fail"
        ]
    }

def act(event, context):
    do = event.get("do")
    if do == "import":
        __import__(event["name"])
    elif do == "environment":
        return dict(os.environ)
    elif do == "path":
        return sys.path
    elif do == "sleep":
        time.sleep(event["seconds"])
    elif do == "exit":
        os._exit(event["status"])
    elif do == "raise":
        raise ValueError("no good")
    elif do == "refuse":
        raise ValueError(json.dumps({"errors": event["errors"]}))
    elif do == "answer":
        return "x" * event["length"]
    elif do == "print":
        print("a line of its own")
    return {"left": context.get_remaining_time_in_millis(), "id": context.aws_request_id}
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Colour: {Type: String, Default: blue, AllowedPattern: "[a-z]+"}
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      MaximumMessageSize: 1048576
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Dead: {Type: AWS::SQS::Queue}
  WorkPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Work]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Work.Arn
            Condition: {ArnEquals: {"aws:SourceArn": !GetAtt Rule.Arn}}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: !Ref AWS::StackName}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: [Wanted]}
      Targets: [{Id: Work, Arn: !GetAtt Work.Arn}]
  Topic: {Type: AWS::SNS::Topic}
  Probe:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: probe
      Handler: app.handler
      Runtime: python3.13
      Timeout: 2
      MemorySize: 256
      Environment:
        Variables: {UNTAG_QUEUE_URL: !Ref Work, COLOUR: !Ref Colour, TOPIC: !Ref Topic}
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 2}
"""


def project(folder: Path, template: str = TEMPLATE, probe: str = PROBE) -> Path:
    """Writes the project; gives its template's path."""
    (folder / "probe").mkdir()
    (folder / "probe" / "app.py").write_text(probe, encoding="utf-8")
    path = folder / "template.yaml"
    path.write_text(textwrap.dedent(template), encoding="utf-8")
    return path
