"""Follows a stack's reports about some batches with a temporary SQS queue that is subscribed to its topic.

The queue and its subscription are made before anything is sent, so that no report is missed, and deleted at the end. A
process that is killed leaves them behind: the queue's name says what it is, and its messages go after an hour. The
subscription has no filter, since a filter may take a quarter of an hour to be in force (SNS's developer guide).
"""

import contextlib
import json
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from typing_extensions import override

from cli.deployed.aws.calls import DeployedStack, StackAws
from cli.deployed.base import Body
from cli.deployed.following import Followed
from cli.errors import CommandError
from local.terminal import interrupts
from untag.hosts.aws.client import AwsError

_PREFIX = "untag-follow-"
_WAIT_SECONDS = 3
_GATHER_SECONDS = 2.0
_SETTLE_SECONDS = 2.0
"""What a new subscription may need before it takes part."""
_KEPT_SECONDS = "3600"
_ENTRIES = 10


class QueueFollowing(Followed):
    """Reports on what is sent to a stack, while they come in. A context manager; `folder` holds them."""

    def __init__(self, stack: DeployedStack, bodies: Iterable[Body], folder: Path) -> None:
        super().__init__(bodies, folder)
        self._stack = stack
        self._topic = stack.output("NotificationTopicArn")
        self._queue = f"{_PREFIX}{secrets.token_hex(8)}"
        self._url = ""
        self._subscription = ""

    def __enter__(self) -> Self:
        try:
            with interrupts.waits():
                self._stack.call(self._begin)
            if not self._stack.place.local:
                time.sleep(_SETTLE_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with interrupts.waits(), contextlib.suppress(CommandError):
            self._stack.call(self._end)

    @override
    def receive(self) -> bool:
        return self._stack.call(self._receive)

    async def _begin(self, aws: StackAws) -> None:
        made = await aws.json(
            "sqs",
            "CreateQueue",
            {"QueueName": self._queue, "Attributes": {"MessageRetentionPeriod": _KEPT_SECONDS}},
        )
        self._url = made["QueueUrl"]
        asked = {"QueueUrl": self._url, "AttributeNames": ["QueueArn"]}
        arn = (await aws.json("sqs", "GetQueueAttributes", asked))["Attributes"]["QueueArn"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": self._topic}},
                }
            ],
        }
        await aws.json(
            "sqs", "SetQueueAttributes", {"QueueUrl": self._url, "Attributes": {"Policy": json.dumps(policy)}}
        )
        subscribed = await aws.sns(
            "Subscribe",
            {
                "TopicArn": self._topic,
                "Protocol": "sqs",
                "Endpoint": arn,
                "Attributes.entry.1.key": "RawMessageDelivery",
                "Attributes.entry.1.value": "true",
                "ReturnSubscriptionArn": "true",
            },
        )
        self._subscription = subscribed.findtext(".//{*}SubscriptionArn", "")

    async def _end(self, aws: StackAws) -> None:
        if self._subscription:
            with contextlib.suppress(AwsError):
                await aws.sns("Unsubscribe", {"SubscriptionArn": self._subscription})
        if self._url:
            await aws.json("sqs", "DeleteQueue", {"QueueUrl": self._url})

    async def _receive(self, aws: StackAws) -> bool:
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": _ENTRIES, "WaitTimeSeconds": _WAIT_SECONDS}
        end = time.monotonic() + _GATHER_SECONDS
        any_kept = False
        while messages := (await aws.json("sqs", "ReceiveMessage", asked)).get("Messages"):
            for message in messages:
                any_kept |= self.keep(message["Body"])
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(messages)
            ]
            await aws.json("sqs", "DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries})
            if time.monotonic() >= end:
                break
        return any_kept
