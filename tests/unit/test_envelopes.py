"""Payloads in envelopes: SNS and EventBridge, nested either way, as text or as objects."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import body, in_base64, problems_of

from untag.contracts import InvalidInputError, parse_json, parse_requests, unwrap

EVENTS = Path(__file__).parents[2] / "events"


def event(detail, **fields):
    return {
        "version": "0",
        "id": "event-1",
        "detail-type": "Tag Removal Requested",
        "source": "any",
        "detail": detail,
    } | fields


def cloud_event(data=..., **fields):
    whole = {"specversion": "1.0", "id": "ce-1", "source": "cmdb", "type": "anything", "data": data} | fields
    return {name: value for name, value in whole.items() if value is not ...}


def notification(message, **fields):
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Type": "Notification", "MessageId": "notification-1", "TopicArn": "arn", "Message": text} | fields


def test_a_bare_payload_is_itself():
    assert unwrap(body(), "message-1") == unwrap(json.dumps(body()), "message-1")
    assert unwrap(body(), "message-1").id == "message-1"


@pytest.mark.parametrize(
    ("payload", "id_"),
    [
        (event(body()), "event-1"),
        (notification(body()), "notification-1"),
        (notification(event(body())), "event-1"),
        (event(notification(body())), "notification-1"),
        (event(json.dumps(body())), "event-1"),
        (notification(event(notification(event(body(), id="inner")))), "inner"),
        (cloud_event(body()), "ce-1"),
        (cloud_event(body(), type="Tag Removal Requested", datacontenttype="text/plain"), "ce-1"),
        (cloud_event(json.dumps(body())), "ce-1"),
        (cloud_event(data_base64=in_base64(body())), "ce-1"),
        (cloud_event(data_base64=in_base64(body(), b"\xef\xbb\xbf"), data=None), "ce-1"),
        (cloud_event(f"\ufeff{json.dumps(body())}"), "ce-1"),
        (cloud_event(body(), id=None), "message-1"),
        (cloud_event(event(body())), "event-1"),
        (event(cloud_event(body())), "ce-1"),
        (notification(cloud_event(data_base64=in_base64(event(body())))), "event-1"),
        (event(f"\ufeff{json.dumps(body())}"), "event-1"),
        (notification(f"\ufeff{json.dumps(body())}"), "notification-1"),
        (event(body(), id=""), "message-1"),
        (event(body(), id=7), "message-1"),
        (notification(body(), MessageId=None), "message-1"),
    ],
)
def test_a_payload_is_found_in_its_envelopes_and_named_by_the_innermost(payload, id_):
    for form in (payload, json.dumps(payload)):
        unwrapped = unwrap(form, "message-1")
        assert (unwrapped.payload, unwrapped.id) == (body(), id_)


@pytest.mark.parametrize("id_", ["two\nlines", "\ud800", "\x00", "i" * 241])
def test_an_envelopes_id_that_can_name_no_request_is_passed_over(id_):
    (made,) = parse_requests(body(id=None), unwrap(event(body(), id=id_), "message-1").id)
    assert made.id == "message-1"


def test_any_id_of_an_envelope_makes_requests_that_are_accepted_when_they_come_again():
    unwrapped = unwrap(event([body(id=None)] * 3, id="é" * 240), "message-1")
    for made in parse_requests(unwrapped.payload, unwrapped.id):
        again = made.body(made.ids_by_type(), made.distinct_tags())
        assert parse_requests(again, "other")[0].id == made.id


def test_a_list_is_accepted_inside_an_envelope():
    assert unwrap(notification(event([body(), body()])), "m").payload == [body(), body()]


def test_five_envelopes_within_each_other_are_nobodys_event():
    payload = body()
    for _ in range(4):
        payload = event(payload)
    assert unwrap(payload, "m").payload == body()
    with pytest.raises(InvalidInputError, match="more than 4 envelopes"):
        unwrap(event(payload), "m")


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(InvalidInputError) as error:
        unwrap(event(body(), **{"detail-type": "Resource Decommissioned"}), "m")
    assert set(problems_of(error)) == {"detail-type"}
    assert unwrap({"detail-type": "Other", "detail": {}, "id": "x"}, "m", "Other").payload == {}


@pytest.mark.parametrize(
    ("envelope", "path"),
    [
        (event("not JSON"), "detail"),
        (notification("not JSON"), "Message"),
        (cloud_event("not JSON"), "data"),
        (cloud_event(data_base64="not Base64!"), "data_base64"),
        (cloud_event(data_base64="bm90IEpTT04="), "data_base64"),
        (cloud_event(data_base64="//8="), "data_base64"),
        (cloud_event(data_base64=7), "data_base64"),
        (cloud_event(body(), data_base64=in_base64(body())), "data_base64"),
        (cloud_event(), "data"),
        (cloud_event(None), "data"),
        (event(cloud_event()), "data"),
    ],
)
def test_what_an_envelope_holds_and_cannot_be_read_is_refused_by_the_name_of_its_field(envelope, path):
    with pytest.raises(InvalidInputError) as error:
        unwrap(envelope, "m")
    assert set(problems_of(error)) == {path}


def test_a_text_may_begin_with_a_byte_order_mark_once():
    assert unwrap(f"\ufeff{json.dumps(body())}", "m").payload == body()
    with pytest.raises(InvalidInputError):
        unwrap(f"\ufeff\ufeff{json.dumps(body())}", "m")


def test_a_cloud_events_trace_is_carried_on():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert unwrap(cloud_event(body(), traceparent=trace), "m").traceparent == trace
    assert unwrap(cloud_event(body(), traceparent="x"), "m").traceparent is None


def test_a_request_with_a_field_called_type_is_no_notification():
    assert unwrap({"Type": "Notification"}, "m").payload == {"Type": "Notification"}


@pytest.mark.parametrize(
    "text",
    [
        "", "not json", "{", '{"a": 1', "NaN", '{"a": NaN}', "[Infinity]", '{"a": 1, "a": 2}', "9" * 5000,
        "[" * 100_000,
        '{"a":' * 100_000, "\x00", "\ufeff", "'single'",
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_not_json_is_refused_in_few_words(text):
    with pytest.raises(InvalidInputError) as error:
        parse_json(text)
    assert len(str(error.value)) < 100


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_at_all_makes_another_error(text):
    try:
        unwrapped = unwrap(text, "m")
        parse_requests(unwrapped.payload, unwrapped.id)
    except InvalidInputError as error:
        assert error.problems  # noqa: PT017 - most texts are refused, and the others need no check


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("Type", "Message", "MessageId", "detail", "detail-type", "id", "specversion", "data"),
                    *("data_base64", "provider", "resources", "tags", "ids"),
                ]
            ),
            inner | st.sampled_from(["Notification", "Tag Removal Requested", "jdcloud"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_at_all_makes_another_error(value):
    try:
        unwrapped = unwrap(value, "m")
        parse_requests(unwrapped.payload, unwrapped.id)
    except InvalidInputError as error:
        assert error.problems  # noqa: PT017 - most values are refused, and the others need no check


@pytest.mark.parametrize("name", ["jdcloud_eventbridge", "huaweicloud_eventbridge"])
def test_the_event_files_hold_what_the_bus_would_send(name):
    payload = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    unwrapped = unwrap(payload, "m")
    assert parse_requests(unwrapped.payload, unwrapped.id)
