"""What carries an event, and everything that is none."""

import json
from typing import Any

import pytest
from bookkeeping import Json
from decommission_samples import NEARLY, TRACE_ID, gone, notification, ours, trace
from hypothesis import given
from hypothesis import strategies as st
from support import in_base64

from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, read

# Envelopes.


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(inner)},
        lambda inner: {"detail-type": "Anything", "id": "e-1", "source": "x", "detail": inner},
        lambda inner: {"detail-type": "Resource Decommissioned", "id": "e-1", "source": "x", "detail": inner},
        lambda inner: {
            "Type": "Notification",
            "Message": json.dumps(
                {"detail-type": "Anything", "id": "e-1", "detail": {"cts": inner} if "trace_name" in inner else inner}
            ),
        },
        lambda inner: {"detail-type": "Any", "detail": {"Type": "Notification", "Message": json.dumps(inner)}},
        lambda inner: {"detail-type": "Any", "id": "e-1", "detail": json.dumps(inner)},
        lambda inner: {"specversion": "1.0", "id": "c-1", "source": "x", "type": "any", "data": inner},
        lambda inner: {"specversion": "1.0", "id": "c-1", "type": "any", "data": json.dumps(inner)},
        lambda inner: {"specversion": "1.0", "id": "c-1", "type": "any", "data_base64": in_base64(inner)},
        lambda inner: {"specversion": "1.0", "id": "c-1", "data": {"detail-type": "Any", "detail": inner}},
        lambda inner: {"detail-type": "Any", "detail": {"specversion": "1.0", "id": "c-1", "data": inner}},
        lambda inner: f"\ufeff{json.dumps(inner)}",
        lambda inner: {"detail-type": "Any", "detail": f"\ufeff{json.dumps(inner)}"},
    ],
)
@pytest.mark.parametrize("inner", [trace(), {**ours(), "id": TRACE_ID}], ids=["CTS", "ours"])
def test_an_event_is_found_in_every_envelope_that_a_removal_request_may_come_in(wrap: Any, inner: Json):
    assert gone(wrap(inner)) == gone(inner)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda detail: {"specversion": "1.0", "id": "ev-1", "source": "cmdb", "type": "gone", "data": detail},
        lambda detail: {"specversion": "1.0", "id": "ev-1", "type": "gone", "data": json.dumps(detail)},
        lambda detail: {"specversion": "1.0", "id": "ev-1", "type": "gone", "data_base64": in_base64(detail)},
        lambda detail: {**ours(), "detail": json.dumps(detail)},
    ],
)
def test_what_our_own_event_says_may_stand_in_a_cloud_event_of_any_type_and_be_a_text(wrap: Any):
    assert gone(wrap(ours()["detail"])) == gone(ours())


def test_our_own_event_is_found_inside_sns_and_keeps_its_id():
    assert gone({"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(ours())}).event_id == "ev-1"


def test_an_event_without_an_id_has_its_envelopes():
    assert gone({"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(notification())}).event_id == "n-1"


def test_envelopes_within_each_other_come_to_an_end():
    event: Any = trace()
    for _ in range(6):
        event = {"detail-type": "x", "detail": event}
    with pytest.raises(InvalidInputError, match="envelopes"):
        read(event, "m-1")


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "null", "7", '"text"', "[]", "[{}]", "{}", "NaN", "[" * 100_000, '{"a":' * 100_000),
        '{"record": []}',
        '{"record": [1]}',
        '{"record": [{"smn": {}}]}',
        '{"trace_name": "deleteVolume"}',
        '{"cts": 7}',
        '{"provider": "jdcloud", "resources": []}',
        '{"detail-type": "Tag Removal Requested", "detail": {"provider": "jdcloud"}}',
        '{"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}',
        '{"trace_id": "a", "trace_id": "b"}',
    ],
)
def test_what_is_no_event_is_refused(body: str):
    with pytest.raises(InvalidInputError):
        read(body, "m-1")


@given(event=NEARLY)
def test_any_json_is_understood_or_refused_and_says_nothing_that_is_endless(event: Any):
    try:
        said = read(json.dumps(event), "m-1")
    except InvalidInputError:
        return
    assert said
    for one in said:
        assert 1 <= len(one.event_id) <= 250
        if isinstance(one, Gone):
            assert all(one.resources.values())


@given(text=st.text())
def test_any_text_is_understood_or_refused(text: str):
    try:
        assert read(text, "m-1")
    except InvalidInputError:
        return
