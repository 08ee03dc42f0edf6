"""What services hand straight to a function can be sent to the local stack, too: it goes where it belongs."""

import json

import pytest

from local.aws import routing
from local.session import real
from local.stack import ROOT, Stack

DIRECT = sorted((ROOT / "events" / "direct").glob("*.json"))


@pytest.mark.parametrize("path", DIRECT, ids=lambda path: path.stem)
def test_an_event_that_a_service_hands_over_is_worked_on_by_the_function_it_is_for(stack: Stack, path):
    stack.seed()
    letters, reports = stack.dead_letters(), len(stack.reports())
    sent = stack.send(path)
    queue = "decommission" if path.stem.startswith("decommission") else "work"
    # One is an event of the bus, whose rule leads to that queue.
    assert {one.name for one in sent} <= {f"untag-{queue}", "untag"}
    stack.drain()
    assert stack.dead_letters() == letters
    new = stack.reports()[reports:]
    assert {report["kind"] for report in new} == {"removal"}
    assert {report["status"] for report in new} == {"succeeded"}


def test_of_a_request_for_every_tag_nobody_can_say_how_many_pairs_it_leads_to():
    request = {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-1"]}]}
    assert real.plan(json.dumps(request | {"tags": "all"})).pairs is None
    assert real.plan(json.dumps(request | {"tags": [{"key": "env"}]})).pairs == 1


@pytest.mark.parametrize("text", ["[]", "[1]", "[{}]", '{"Records": []}', '{"specversion": "1.0", "data_base64": 7}'])
def test_what_only_looks_like_an_envelope_is_a_message_as_it_is(text):
    (item,) = routing.route(text)
    assert isinstance(item, routing.QueueMessage)
    assert item.body == text
