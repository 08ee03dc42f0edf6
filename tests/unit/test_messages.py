"""What is sent: the right pairs, within the sizes that AWS takes, in characters that it takes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import body, pairs_of

from untag.contracts import parse_requests
from untag.core import FollowUp
from untag.hosts.aws.outbox import SQS_BYTES, size_of, within
from untag.hosts.base import Message
from untag.messages import dead_letters, rejected_dead_letter, remainder_messages

# SQS: #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
ALLOWED = [*(0x9, 0xA, 0xD), *range(0x20, 0xD800), *range(0xE000, 0xFFFE)]


def rest(ids, tags, **changes):
    return body(
        resources=[{"type": "vm", "ids": ids}], tags=[{"key": key, "value": value} for key, value in tags], **changes
    )


def bodies_of(messages):
    told = [json.loads(message.body) for message in messages]
    return [one for value in told for one in (value if isinstance(value, list) else [value])]


def test_one_request_travels_bare_and_several_as_a_list():
    one, other = rest(["i-1"], [("a", "1")]), rest(["i-2"], [("b", "2")])
    assert [json.loads(message.body) for message in remainder_messages([FollowUp([one])])] == [one]
    assert [json.loads(message.body) for message in remainder_messages([FollowUp([one]), FollowUp([other])])] == [
        [one, other]
    ]


def test_what_leaves_nothing_sends_nothing():
    assert remainder_messages([FollowUp([]), FollowUp([], delay=900.0)]) == []
    assert dead_letters(FollowUp([]), request_id="r", source="s", attempt=1) == []


def test_a_remainder_waits_as_long_as_the_request_that_has_to_wait_longest():
    lefts = [FollowUp([body()], delay=1.0), FollowUp([body()], delay=30.4), FollowUp([], delay=900.0)]
    (message,) = remainder_messages(lefts)
    assert message.delay == 30


def test_a_dead_letter_can_be_redriven_as_it_lies_and_says_why_it_is_one():
    (letter,) = dead_letters(
        FollowUp([body()], "no_right", "failed: no"), request_id="chg-1", source="arn:q", attempt=7
    )
    assert parse_requests(json.loads(letter.body), "m")
    assert letter.attributes == {
        "reason": "failed: no", "code": "no_right", "request_id": "chg-1", "source": "arn:q", "attempt": "7"
    }  # fmt: skip
    assert letter.delay == 0


def test_a_body_that_does_not_validate_is_kept_verbatim():
    letter = rejected_dead_letter(" {not json\n", "not JSON", code="invalid", request_id="m-1", source="arn:q")
    assert letter.body == " {not json\n"
    assert letter.attributes == {"reason": "not JSON", "code": "invalid", "request_id": "m-1", "source": "arn:q"}


@given(st.text(st.characters(), max_size=2000))
def test_attributes_are_printable_not_empty_and_not_endless(text):
    attributes = rejected_dead_letter("{}", text, code="invalid", request_id=text, source="s").attributes
    for value in attributes.values():
        assert value.isprintable()
        assert 0 < len(value) <= 1024
        assert all(ord(character) in ALLOWED_SET or ord(character) > 0xFFFF for character in value)
    assert ("reason" in attributes) == bool("".join(c for c in text[:1024] if c.isprintable()).strip())


ALLOWED_SET = frozenset(ALLOWED)


def test_an_attribute_that_is_empty_is_left_out():
    assert set(rejected_dead_letter("{}", "", code="invalid", request_id="\n", source="s").attributes) == {
        "code",
        "source",
    }


def test_a_message_is_measured_in_bytes_with_its_attributes():
    assert size_of(Message("é" * 10)) == 20
    assert size_of(Message("x", {"name": "é"}, subject="ab")) == 1 + len("name") + len("String") + 2 + 2


def test_a_body_too_large_for_its_reason_goes_with_its_code_and_then_bare():
    letter = Message("x" * 100, {"reason": "r" * 50, "code": "invalid"}, delay=3, subject="s")
    assert within(letter, size_of(letter)) == letter
    with_code = within(letter, size_of(letter) - 1)
    assert (with_code.attributes, with_code.body, with_code.delay, with_code.subject) == (
        {"code": "invalid"}, letter.body, 3, "s"
    )  # fmt: skip
    bare = within(letter, size_of(with_code) - 1)
    assert (bare.attributes, bare.body, bare.delay, bare.subject) == ({}, letter.body, 3, "s")


def test_a_message_without_a_code_goes_bare_and_not_with_an_empty_one():
    assert within(Message("x" * 100, {"reason": "r" * 50}), 120).attributes == {}


REQUESTS = st.lists(
    st.builds(
        rest,
        st.lists(st.text("abc-1", min_size=1, max_size=6), min_size=1, max_size=8, unique=True),
        st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)), min_size=1, max_size=4, unique=True),
        id=st.sampled_from(["a", "b", "c"]),
    ),
    max_size=6,
)


@given(REQUESTS)
def test_packed_messages_name_exactly_the_pairs_that_went_in(requests):
    for messages in (
        remainder_messages([FollowUp([one]) for one in requests]),
        dead_letters(FollowUp(requests), request_id="r", source="s", attempt=1),
    ):
        assert sorted(pairs_of(bodies_of(messages)), key=repr) == sorted(pairs_of(requests), key=repr)


@pytest.mark.parametrize(
    ("ids", "tags"),
    [(5000, 1), (1, 5000), (3000, 30)],
    ids=["resources", "tags", "both"],
)
def test_a_request_too_large_for_a_message_is_cut_into_requests_that_name_the_same_pairs(ids, tags):
    width = 500 if tags == 1 else 60
    whole = rest(
        [f"{'i' * width}-{n}" for n in range(ids)],
        [(f"k{n}", "\x01" * (240 if ids == 1 else 2)) for n in range(tags)],
        reason="é" * 1000,
        attempt=3,
    )
    small = rest(["small"], [("k", "v")])
    messages = dead_letters(
        FollowUp([small, whole, small], "c", "r" * 1024), request_id="i" * 256, source="s", attempt=3
    )
    assert len(messages) > 1 or ids == 3000
    assert all(size_of(message) <= SQS_BYTES for message in messages)
    made = bodies_of(messages)
    assert sorted(pairs_of(made)) == sorted(pairs_of([small, whole, small]))
    assert {one["reason"] for one in made if "reason" in one} == {whole["reason"]}


def test_a_request_of_one_pair_is_never_cut_however_large_it_is():
    whole = rest(["i-1"], [("k", "v" * SQS_BYTES)])
    assert [json.loads(message.body) for message in remainder_messages([FollowUp([whole])])] == [whole]


def test_messages_that_together_fill_more_than_one_are_as_few_as_they_can_be():
    requests = [rest([f"{'i' * 500}-{n}-{m}" for m in range(400)], [("k", "v")]) for n in range(10)]
    sizes = [size_of(message) for message in remainder_messages([FollowUp(requests)])]
    assert len(sizes) == 2
    assert max(sizes) <= SQS_BYTES
