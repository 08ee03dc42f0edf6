"""docs/asyncapi.yaml against the specification's own rules, the schemas and the template."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from docs_support import DOCUMENTS, ROOT

from tools.schemas.asyncapi import CHANNELS, OPERATIONS

DOCS = ROOT / "docs"
RESOURCES = {"AWS::SQS::Queue": "sqs", "AWS::SNS::Topic": "sns", "AWS::Events::EventBus": "eventbridge"}


class _Template(yaml.SafeLoader):
    """Reads the template's short forms of functions as what they are given."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: (suffix, _value(loader, node)))


def _value(loader: Any, node: Any) -> Any:
    kinds = {"scalar": loader.construct_scalar, "sequence": loader.construct_sequence}
    return kinds.get(node.id, loader.construct_mapping)(node)


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def resources() -> Any:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    return yaml.load(text, _Template)["Resources"]  # noqa: S506 - a loader of our own, of safe kind


def references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from references(one)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for one in part.values():
            yield from references(one)


def resolved(root: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        root = root[part.replace("~1", "/").replace("~0", "~")]
    return root


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = list(references(document))
    assert found
    for reference in found:
        file, _, pointer = reference.partition("#")
        root = json.loads((DOCS / file).read_text(encoding="utf-8")) if file else document
        assert resolved(root, pointer) if pointer else root["$id"].startswith("urn:untag:schema:")


def test_it_has_the_shape_of_asyncapi_3(document: Any) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert document.keys() <= {
        "asyncapi",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    for server in document["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for channel in document["channels"].values():
        assert {"address", "messages", "servers"} <= channel.keys()
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_every_queue_topic_and_bus_of_the_template_is_a_channel_and_no_other(resources: Any) -> None:
    there = {name: RESOURCES[one["Type"]] for name, one in resources.items() if one["Type"] in RESOURCES}
    assert {channel.resource: channel.server for channel in CHANNELS.values()} == there


def _queue(reference: Any) -> str:
    """The queue's logical id: the reference itself, or what is made where nobody brings a queue."""
    attribute = reference[1]
    return attribute.partition(".")[0] if isinstance(attribute, str) else _queue(attribute[1])


def test_every_queue_that_a_function_reads_is_received_from(resources: Any) -> None:
    read = {
        _queue(event["Properties"]["Queue"])
        for one in resources.values()
        if one["Type"] == "AWS::Serverless::Function"
        for event in one["Properties"]["Events"].values()
    }
    received = {CHANNELS[channel].resource for action, channel, *_ in OPERATIONS.values() if action == "receive"}
    assert received == read | {"EventBus"}


def test_every_event_of_a_queue_topic_or_bus_is_a_message() -> None:
    used = {name for channel in CHANNELS.values() for name in channel.messages}
    within_or_answered = {
        "removal-request",
        "removal-request-list",
        "removal-notification",
        "removal-answer",
        "decommission-answer",
        "sweep-answer",
        "invocation-error",
    }
    assert used | within_or_answered == DOCUMENTS.keys()
