"""A stack on moto's server: the queues, the schedule group and the outputs that the commands go by."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-west-2"
KEYS = {"AWS_ACCESS_KEY_ID": "FAKEAWSKEY", "AWS_SECRET_ACCESS_KEY": "fake-aws-secret-not-real"}
QUEUES = (
    "WorkQueue",
    "DeadLetterQueue",
    "RuleDeadLetterQueue",
    "DecommissionQueue",
    "DecommissionDeadLetterQueue",
    "DecommissionRuleDeadLetterQueue",
    "SweepQueue",
    "SweepDeadLetterQueue",
    "SweepScheduleDeadLetterQueue",
)


class DeployedOnMoto:
    """A stack that CloudFormation describes."""

    def __init__(self, url: str, name: str, *, parameters: Mapping[str, str], outputs: Mapping[str, str]) -> None:
        self.name = name
        self.environ = {**KEYS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": url}
        resources: dict[str, Any] = {one: {"Type": "AWS::SQS::Queue"} for one in QUEUES}
        template = {
            "Parameters": {one: {"Type": "String", "Default": value} for one, value in parameters.items()},
            "Resources": resources,
            "Outputs": {
                **{f"{one}Url": {"Value": {"Ref": one}} for one in QUEUES},
                **{one: {"Value": value} for one, value in outputs.items()},
            },
        }
        self.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def put(self, queue: str, body: str, **attributes: str) -> None:
        """Put a message on a queue, by its logical id."""
        texts = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.client("sqs").send_message(QueueUrl=self.outputs[f"{queue}Url"], MessageBody=body, MessageAttributes=texts)

    def messages(self, queue: str) -> list[Any]:
        """What can be received from a queue; it stays there."""
        client, url = self.client("sqs"), self.outputs[f"{queue}Url"]
        taken: list[Any] = []
        while some := client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=60
        ).get("Messages"):
            taken += some
        for one in taken:
            client.change_message_visibility(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0)
        return taken

    def bodies(self, queue: str) -> list[Any]:
        return [json.loads(one["Body"]) for one in self.messages(queue)]


def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def wait_until(seen: Any, seconds: float = 20.0) -> Any:
    """What is seen in the end."""
    end = time.monotonic() + seconds
    while not (value := seen()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value
