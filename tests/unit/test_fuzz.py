"""Bad input: each body from a queue ends once on the dead-letter queue, with a reason and a report that says so.

What is sent by hand fails with what is wrong with it, and with nothing else.

`FUZZ_EXAMPLES` says how many payloads are made; `make faults` asks for 50,000.
"""

import json
import os
import tracemalloc
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_house import ENVIRON, House, huawei_request, jd_request, record

from untag.contracts.rejections import InvocationError
from untag.hosts.aws.records import sqs_records

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1200"))
MEMORY_BYTES = 160 * 1024 * 1024
"""Beyond what stood there before: one body of a megabyte takes tens of it while it is read."""

NAMES = ["id", "action", "provider", "account", "region", "project_id", "resources", "tags", "dry_run", "expect"]
NAMES += ["not_after", "reason", "attempt", "first_attempt_at", "type", "ids", "key", "value", "Records"]
NAMES += ["Type", "Message", "MessageId", "detail-type", "detail", "source", "eventSource", "kind"]
TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\ud800", "\x00", "\u202e", "../..", "%2f", "a\r\nb", "jdcloud", "huaweicloud", "Notification"]),
    st.sampled_from(["Tag Removal Requested", "remove", "restore", "aws:sqs", "2026-12-01T00:00:00Z", "9" * 400]),
)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**19), 2**63, 1e308, 0.1]),
    st.floats(allow_nan=True, allow_infinity=True),
    TEXT,
)
ANY = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | TEXT, inner, max_size=6),
    max_leaves=12,
)


@st.composite
def spoilt(draw: Any) -> Any:
    """A right request with one thing in it put out of order."""
    raw = draw(st.sampled_from([jd_request, huawei_request]))("r-1", "r-2")
    place: Any = raw
    while isinstance(place, dict | list) and place:
        at = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
        if not isinstance(place[at], dict | list) or draw(st.booleans()):
            place[at] = draw(ANY)
            break
        place = place[at]
    return raw


@st.composite
def enveloped(draw: Any) -> Any:
    """A payload in envelopes, as text or as an object, up to ten of them."""
    payload = draw(ANY | spoilt())
    for _ in range(draw(st.integers(0, 10))):
        inner = json.dumps(payload) if draw(st.booleans()) else payload
        payload = draw(
            st.sampled_from(
                [
                    {"detail-type": "Tag Removal Requested", "id": "e", "detail": inner},
                    {"Type": "Notification", "MessageId": "n", "Message": inner},
                    [inner],
                    inner,
                ]
            )
        )
    return payload


def text_of(payload: Any) -> str:
    return json.dumps(payload)


DEEP = st.builds(
    lambda opening, depth, rest: opening * depth + rest,
    st.sampled_from(["[", '{"a":', '{"detail":', '[{"Message":']),
    st.integers(1, 20_000),
    st.sampled_from(["", "1", "]", "}"]),
)
TWICE = st.builds(
    lambda name, a, b: f'{{"{name}": {json.dumps(a)}, "{name}": {json.dumps(b)}}}', st.sampled_from(NAMES), ANY, ANY
)
LONG = st.builds(
    lambda character, wrap: wrap % (character * 1_000_000),
    st.sampled_from(["a", "[", "9", "\\\\", " "]),
    st.sampled_from(["%s", '"%s"', '{"id": "%s"}', '{"provider": "jdcloud", "reason": "%s"}', "[%s]"]),
)
CUT = st.builds(
    lambda payload, share: text_of(payload)[: int(len(text_of(payload)) * share)], spoilt(), st.floats(0, 1)
)
BODY = st.one_of(
    (ANY | spoilt() | enveloped()).map(text_of),
    CUT,
    TWICE,
    st.text(max_size=200),
    DEEP.filter(lambda text: len(text) < 900_000),
)


def sent_to_house(house: House, body: str) -> None:
    """One body as a record: it is dealt with once, one way or the other."""
    aws = house.aws
    letters, reports = len(aws.letters()), len(aws.reports)
    assert house.batch(record(body)) == []
    if len(aws.letters()) > letters and aws.letters()[letters][1].get("code") == "invalid":
        ((text, attributes),) = aws.letters()[letters:]
        assert text == body
        assert attributes["reason"]
        (told,) = aws.reports[reports:]
        assert told["kind"] == "rejected", "nothing of a body that is not valid is worked at"
        if told["id"].isprintable() and told["id"].strip():  # as an attribute has to be
            assert attributes["request_id"] == told["id"]
    else:
        assert len(aws.reports) > reports, "a body that is valid is reported"
    aws.queues = {queue: [] for queue in aws.queues}
    aws.reports.clear()
    aws.calls.clear()


class Kept:
    """One house for all examples: what one body leaves behind would show in the next."""

    house = House(environ={"UNTAG_MAX_PAIRS": "50"})


@settings(max_examples=EXAMPLES * 3 // 4, suppress_health_check=list(HealthCheck))
@given(body=BODY)
def test_every_body_ends_once_on_the_dead_letter_queue_with_a_reason_or_is_reported(body: str) -> None:
    sent_to_house(Kept.house, body)


RECORDS = st.builds(
    lambda records: {"Records": records},
    st.lists(
        st.fixed_dictionaries(
            {
                "eventSource": st.sampled_from(["aws:sqs", "aws:sqs", "aws:sns"]),
                "body": (ANY | spoilt()).map(text_of) | ANY,
            },
            optional={
                "messageId": st.sampled_from(["m-1", "m-2"]) | SCALAR,
                "receiptHandle": st.just("receipt") | SCALAR,
                "attributes": st.fixed_dictionaries({"ApproximateReceiveCount": st.sampled_from(["1", "3"]) | SCALAR}),
                "eventSourceARN": st.just("arn:aws:sqs:eu-west-1:123456789012:work") | SCALAR,
            },
        ),
        max_size=3,
    ),
)


@settings(max_examples=EXAMPLES // 4, suppress_health_check=list(HealthCheck))
@given(payload=ANY | spoilt() | enveloped() | RECORDS)
def test_every_payload_sent_by_hand_is_answered_or_fails_with_what_is_wrong(payload: Any) -> None:
    event = json.loads(json.dumps(payload))
    try:
        if (records := sqs_records(event)) is not None:  # as the handler does
            failed = Kept.house.batch(*records)
            assert set(map(repr, failed)) <= {repr(found.id) for found in records}
        else:
            answer = Kept.house.payload(event)
            assert answer["reports"]
            json.dumps(answer).encode()
    except InvocationError as error:
        text = str(error)
        assert text.encode()
        told = json.loads(text)
        assert list(told) == ["errors"]
        assert told["errors"]
    Kept.house.aws.reports.clear()


@settings(max_examples=max(20, EXAMPLES // 500), suppress_health_check=list(HealthCheck))
@given(body=LONG)
def test_a_body_of_a_megabyte_takes_bounded_memory(body: str) -> None:
    tracemalloc.start()
    try:
        sent_to_house(Kept.house, body[:1_040_000])
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_a_megabyte_that_names_millions_of_pairs_takes_bounded_memory() -> None:
    ids = [f"i-{n:06d}" for n in range(40_000)]
    bodies = [
        jd_request(*ids, tags={f"k{n}": "v" for n in range(10_000)}),
        {**jd_request("i-1"), "resources": [{"type": "vm", "ids": []}] * 30_000},
        [{**jd_request("i-1"), "reason": "x" * 1000}] * 800,
        [{"provider": 1}] * 60_000,
        {**jd_request("i-1"), "tags": [{"key": 7}] * 80_000},
    ]
    for body in bodies:
        text = json.dumps(body)
        assert len(text) < 1_100_000
        tracemalloc.start()
        try:
            sent_to_house(Kept.house, text)
            assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
        finally:
            tracemalloc.stop()


def test_the_fuzz_runs_in_an_environment_of_which_nothing_is_real() -> None:
    assert ENVIRON["AWS_ACCESS_KEY_ID"].startswith("FAKE")
