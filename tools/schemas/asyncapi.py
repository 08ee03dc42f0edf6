"""docs/asyncapi.yaml: which message is on which queue, topic or bus, and who sends and who reads it."""

from typing import Any, NamedTuple

import yaml

from tools.schemas.documents import Document
from untag import __version__

Json = dict[str, Any]


class Channel(NamedTuple):
    """A queue, topic or bus: its resource in template.yaml, and what lies there."""

    resource: str
    server: str
    told: str
    messages: tuple[str, ...]


CHANNELS: dict[str, Channel] = {
    "workQueue": Channel(
        "WorkQueue", "sqs", "Removal requests, and what is left of them.", ("removal-message", "remainder")
    ),
    "deadLetterQueue": Channel(
        "DeadLetterQueue", "sqs", "Pairs that failed, bodies that do not validate, what crashes left.", ("dead-letter",)
    ),
    "decommissionQueue": Channel(
        "DecommissionQueue", "sqs", "Events that say that a resource is gone.", ("decommission-message",)
    ),
    "decommissionDeadLetterQueue": Channel(
        "DecommissionDeadLetterQueue",
        "sqs",
        "Events that do not validate, of unknown accounts, or whose tags cannot be read.",
        ("dead-letter",),
    ),
    "sweepQueue": Channel("SweepQueue", "sqs", "Sweeps, and the messages by which they go on.", ("sweep-message",)),
    "sweepDeadLetterQueue": Channel(
        "SweepDeadLetterQueue", "sqs", "Sweeps that do not validate, and what crashes left.", ("dead-letter",)
    ),
    "topic": Channel(
        "NotificationTopic",
        "sns",
        "What became of everything.",
        ("removal-report", "rejected-report", "decommission-notice", "sweep-notice"),
    ),
    "bus": Channel(
        "EventBus",
        "eventbridge",
        "The stack's own bus. The default bus takes decommission events too.",
        ("removal-event", "decommission-event"),
    ),
    "ruleDeadLetterQueue": Channel(
        "RuleDeadLetterQueue", "sqs", "Events that the bus could not deliver to the work queue.", ("removal-event",)
    ),
    "decommissionRuleDeadLetterQueue": Channel(
        "DecommissionRuleDeadLetterQueue",
        "sqs",
        "Events that a bus could not deliver to the decommission queue.",
        ("decommission-event",),
    ),
    "sweepScheduleDeadLetterQueue": Channel(
        "SweepScheduleDeadLetterQueue", "sqs", "Sweeps that the scheduler could not deliver.", ("sweep",)
    ),
}

OPERATIONS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # by name: what untag does, where, in words, and with which of the channel's messages
    "takeRemovalRequests": ("receive", "workQueue", "remove_tags calls the clouds.", ("removal-message", "remainder")),
    "takeDecommissionEvents": (
        "receive",
        "decommissionQueue",
        "decommission turns them into removal requests.",
        ("decommission-message",),
    ),
    "takeSweeps": (
        "receive",
        "sweepQueue",
        "sweep turns what its rules find into removal requests.",
        ("sweep-message",),
    ),
    "takeBusEvents": (
        "receive",
        "bus",
        "Rules put them on the work and decommission queues.",
        ("removal-event", "decommission-event"),
    ),
    "report": ("send", "topic", "remove_tags, in pages where it is large.", ("removal-report",)),
    "reportRejected": (
        "send",
        "topic",
        "Every function, of a body from its queue that does not validate.",
        ("rejected-report",),
    ),
    "noticeOfDecommission": (
        "send",
        "topic",
        "decommission, where not everything was requested.",
        ("decommission-notice",),
    ),
    "noticeOfSweep": ("send", "topic", "sweep, at its end.", ("sweep-notice",)),
    "sendBack": ("send", "workQueue", "remove_tags, as its last act, with a delay.", ("remainder",)),
    "putBackRequests": (
        "send",
        "workQueue",
        "remove_tags, of records that it has not begun.",
        ("removal-message", "remainder"),
    ),
    "putBackEvents": (
        "send",
        "decommissionQueue",
        "decommission, of records that it has not begun.",
        ("decommission-message",),
    ),
    "putBackSweeps": ("send", "sweepQueue", "sweep, of records that it has not begun.", ("sweep-message",)),
    "requestRemovals": ("send", "workQueue", "decommission and sweep.", ("removal-message",)),
    "goOnSweeping": ("send", "sweepQueue", "sweep, where time ran out.", ("sweep-message",)),
    "bury": ("send", "deadLetterQueue", "remove_tags; SQS itself after five receives.", ("dead-letter",)),
    "buryDecommissions": (
        "send",
        "decommissionDeadLetterQueue",
        "decommission; SQS itself after 100 receives.",
        ("dead-letter",),
    ),
    "burySweeps": ("send", "sweepDeadLetterQueue", "sweep; SQS itself after five receives.", ("dead-letter",)),
}

_TOPIC_ATTRIBUTES = ("kind", "action", "provider", "account", "status", "id", "batch", "traceparent")


def async_api(every: tuple[Document, ...]) -> str:
    """The document's text."""
    used = {name for channel in CHANNELS.values() for name in channel.messages}
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "untag",
            "version": __version__,
            "description": "Removes tags from cloud resources and reports what became of every one.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {name: _server(name) for name in ("sqs", "sns", "eventbridge")},
        "channels": {name: _channel(channel) for name, channel in CHANNELS.items()},
        "operations": {name: _operation(*operation) for name, operation in OPERATIONS.items()},
        "components": {"messages": {one.name: _message(one) for one in every if one.name in used}},
    }
    head = "# Written by `make pages`.\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _server(name: str) -> Json:
    host = "events" if name == "eventbridge" else name
    return {
        "host": f"{host}.{{region}}.amazonaws.com",
        "protocol": name,
        "variables": {"region": {"description": "The stack's region.", "default": "eu-west-1"}},
    }


def _channel(channel: Channel) -> Json:
    return {
        # CloudFormation names most of them: the address is the stack's output or resource of that name.
        "address": None,
        "title": channel.resource,
        "description": channel.told,
        "servers": [{"$ref": f"#/servers/{channel.server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "x-resource": channel.resource,
    }


def _operation(action: str, channel: str, told: str, messages: tuple[str, ...]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": told,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _message(document: Document) -> Json:
    made: Json = {
        "name": document.name,
        "title": document.title,
        "contentType": "application/json",
        "payload": {"$ref": f"./schemas/{document.name}.json"},
    }
    if document.name == "dead-letter":  # its schema speaks of a message with its attributes
        made["headers"] = {"$ref": "./schemas/dead-letter.json#/properties/attributes"}
        made["payload"] = {"$ref": "./schemas/dead-letter.json#/properties/body"}
    if document.name in CHANNELS["topic"].messages:
        names = [name for name in _TOPIC_ATTRIBUTES if name != "action" or document.name == "removal-report"]
        made["headers"] = {
            "type": "object",
            "description": "The message's attributes, to filter by. One that is not known is left out.",
            "properties": {name: {"type": "string"} for name in names},
        }
    return made
