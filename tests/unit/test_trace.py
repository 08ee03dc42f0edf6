"""A request can be followed from its message to the provider's calls to its report, and in its sender's own trace."""

import json

import pytest
from service_house import House, jd_request, put, record

from untag.hosts.aws.records import sqs_records

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def traced(text, traceparent):
    """A message as Lambda hands it over, with an attribute of that name."""
    event = {
        "messageId": "m-1",
        "receiptHandle": "receipt",
        "body": text,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {"traceparent": {"stringValue": traceparent, "dataType": "String"}},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
    }
    (found,) = sqs_records({"Records": [event]}) or []
    return found


def notified(body, traceparent):
    """A request as SNS wraps it, with a message attribute of the publisher's."""
    attributes = {"traceparent": {"Type": "String", "Value": traceparent}}
    return json.dumps({"Type": "Notification", "MessageId": "n-1", "Message": body, "MessageAttributes": attributes})


def throttled_and_refused():
    """A request of which one pair is removed, one fails for good and one is left for later."""
    house = House()
    put(house.jd, "i-good", "i-bad", "i-slow")
    house.jd.faults.add("partial", ids=("i-bad",), probability=1.0, share=1.0)
    house.jd.faults.add("throttle", ids=("i-slow",))
    return house


def test_reports_letters_and_remainders_go_on_in_the_senders_trace():
    with throttled_and_refused() as house:
        requests = [jd_request("i-good"), jd_request("i-bad", id_="chg-2"), jd_request("i-slow", id_="chg-3")]
        for request in requests:
            assert house.batch(traced(json.dumps(request), TRACE)) == []
        sent = [*house.aws.attributes, *(attributes for _, attributes in house.aws.letters())]
        left = [message["MessageAttributes"] for queue in house.aws.queues.values() for message in queue]
    assert [attributes["traceparent"] for attributes in sent] == [TRACE] * len(sent)
    assert {found["traceparent"]["StringValue"] for found in left} == {TRACE}
    assert len(left) >= 2


def test_a_notifications_own_trace_goes_before_its_carriers():
    with House() as house:
        put(house.jd, "i-1")
        assert house.batch(traced(notified(json.dumps(jd_request("i-1")), OTHER), TRACE)) == []
        assert [attributes["traceparent"] for attributes in house.aws.attributes] == [OTHER]


@pytest.mark.parametrize("text", ["", "00-xyz", f"{TRACE}\r\nx-injected: 1", TRACE.upper(), TRACE * 3])
def test_what_is_no_trace_context_is_carried_nowhere(text):
    with House() as house:
        put(house.jd, "i-1")
        assert house.batch(traced(notified(json.dumps(jd_request("i-1")), text), text)) == []
        assert ["traceparent" in attributes for attributes in house.aws.attributes] == [False]


def test_one_senders_trace_is_not_anothers_though_they_share_a_call():
    with House() as house:
        put(house.jd, "i-1", "i-2")
        mine = traced(json.dumps(jd_request("i-1")), TRACE)
        assert house.batch(mine, record(jd_request("i-2", id_="chg-2"), "m-2")) == []
        assert [call.writing for call in house.jd.calls] == [False, True]
        traces = {attributes["id"]: attributes.get("traceparent") for attributes in house.aws.attributes}
    assert traces == {"chg-1": TRACE, "chg-2": None}


def test_a_requests_line_in_the_log_joins_its_message_its_calls_and_its_report(caplog):
    with House() as house:
        put(house.jd, "i-1")
        assert house.batch(traced(json.dumps(jd_request("i-1")), TRACE)) == []
        _, call = house.jd.calls
        (report,) = house.aws.reports
    (told,) = [vars(line) for line in caplog.records if hasattr(line, "reports")]
    joined = {name: told[name] for name in ("id", "record", "provider_requests", "reports", "traceparent")}
    assert joined == {
        "id": "chg-1",
        "record": "m-1",
        "provider_requests": [call.request_id],
        "reports": [report["report_id"]],
        "traceparent": TRACE,
    }
