"""The one writer of requests: exactly the pairs that were asked for, in requests that are never refused."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from bookkeeping import Json, named
from hypothesis import given
from hypothesis import strategies as st

from untag.contracts import ALL, Problem, RemovalRequest, Tag, parse_requests
from untag.core.requests import Written, batch_name, by_content, numbered, write_requests
from untag.providers import Registry
from untag.providers.jdcloud.resourcetag import JDCloud

REGISTRY = Registry()
JD: Json = {"provider": "jdcloud", "account": "default", "region": "cn-north-1"}
LONG = "k" * 128
"""A key that a request may name and JD Cloud's rules refuse."""

Pairs = Mapping[tuple[str, str], Sequence[Tag]]


def write(
    pairs: Pairs, registry: Registry = REGISTRY, *, max_pairs: int = 1000, own_id: str = "ev-1", **head: Any
) -> Written:
    written = write_requests(pairs, {**JD, **head}, registry, name=numbered(own_id), max_pairs=max_pairs)
    for body in written.bodies:
        (parsed,) = registry.checked(parse_requests(body, "none"), listed=False)
        assert parsed.id == body["id"]
        assert parsed.pairs() <= max_pairs
    return written


def test_resources_with_the_same_tags_share_a_request() -> None:
    written = write({("vm", "i-1"): [Tag("a", "1")], ("vm", "i-2"): [Tag("b", None)], ("disk", "v-1"): [Tag("a", "1")]})
    assert written.bodies == [
        {
            "id": "ev-1-1",
            **JD,
            "resources": [{"type": "vm", "ids": ["i-1"]}, {"type": "disk", "ids": ["v-1"]}],
            "tags": [{"key": "a", "value": "1"}],
        },
        {"id": "ev-1-2", **JD, "resources": [{"type": "vm", "ids": ["i-2"]}], "tags": [{"key": "b"}]},
    ]
    assert (written.left_out, written.by_key) == ([], 0)


def test_the_head_is_every_requests_and_what_is_none_is_left_out() -> None:
    head = {"batch": "b-1", "reason": "why", "dry_run": True, "action": "restore", "project_id": None}
    (body,) = write({("vm", "i-1"): [Tag("a", "1")]}, **head).bodies
    assert {name: body[name] for name in ("batch", "reason", "dry_run", "action")} == {
        name: value for name, value in head.items() if value is not None
    }
    assert "project_id" not in body


def test_every_tag_may_be_asked_for() -> None:
    (body,) = write({("vm", "i-1"): [ALL], ("vm", "i-2"): [ALL], ("vm", "i-3"): []}).bodies
    assert (body["tags"], body["resources"]) == ("all", [{"type": "vm", "ids": ["i-1", "i-2"]}])


def test_what_is_put_back_is_never_asked_for_by_its_key() -> None:
    written = write({("vm", "i-1"): [Tag("a", ""), Tag("b", "1")]}, action="restore")
    assert [body["tags"] for body in written.bodies] == [[{"key": "b", "value": "1"}]]
    assert [(left.resource_id, left.tag) for left in written.left_out] == [("i-1", Tag("a", ""))]


@pytest.mark.parametrize("resources", [1, 1000])
def test_what_breaks_a_rule_is_left_out_alone(resources: int) -> None:
    tags = [Tag("a", "1"), Tag("empty", ""), Tag(LONG, "x"), Tag("b", None)]
    pairs = {("vm", f"i-{number}"): tags for number in range(resources)} | {("vm", "i\n1"): tags}
    written = write(pairs, max_pairs=100_000)
    assert Counter(named(written.bodies)) == Counter(
        ("vm", f"i-{number}", key, value)
        for number in range(resources)
        for key, value in (("a", "1"), ("empty", None), ("b", None))
    )
    assert written.by_key == resources
    assert Counter(left.tag.key for left in written.left_out if left.resource_id != "i\n1") == {LONG: resources}
    assert [left.tag for left in written.left_out if left.resource_id == "i\n1"] == tags
    assert all(left.reason for left in written.left_out)


def test_what_all_have_in_common_leaves_all_out_at_once() -> None:
    checked = []

    class Counting(JDCloud):
        def problems(self, request: RemovalRequest) -> Iterator[Problem]:
            checked.append(request.pairs())
            return super().problems(request)

    pairs = {("vm", f"i-{number}"): [Tag("a", "1")] for number in range(500)}
    written = write(pairs, Registry(made=(Counting(),)), region=None)
    assert written.bodies == []
    assert {left.reason for left in written.left_out} == {"Field required: jdcloud has no call without a region"}
    assert len(written.left_out) == 500
    assert checked == [500]


def test_a_type_that_no_api_knows_leaves_out_its_own_resources_only() -> None:
    head = {"provider": "huaweicloud", "region": None, "project_id": "p-1"}
    tags = [Tag("a", "1")]
    written = write({("ecs", "s-1"): tags, ("config:nothing", "x"): tags, ("ecs", "../s-2"): tags}, **head)
    assert named(written.bodies) == [("ecs", "s-1", "a", "1")]
    assert [(left.type, left.resource_id) for left in written.left_out] == [("config:nothing", "x"), ("ecs", "../s-2")]


def test_a_rule_that_no_part_breaks_by_itself_is_kept_by_halves() -> None:
    class Moderate(JDCloud):
        def problems(self, request: RemovalRequest) -> Iterator[Problem]:
            if request.pairs() > 3:
                yield Problem("resources", "too much")

    pairs = {("vm", f"i-{number}"): [Tag("a", "1"), Tag("b", "2")] for number in range(5)}
    written = write(pairs, Registry(made=(Moderate(),)))
    assert Counter(named(written.bodies)) == Counter(
        ("vm", f"i-{number}", key, value) for number in range(5) for key, value in (("a", "1"), ("b", "2"))
    )
    assert written.left_out == []


def test_ids_are_the_same_for_the_same_pairs_and_stay_within_what_a_request_takes() -> None:
    pairs = {("vm", f"i-{number}"): [Tag("a", str(number))] for number in range(20)}
    for own_id in ("ev-1", "é" * 256):
        first, second = write(pairs, own_id=own_id).bodies, write(pairs, own_id=own_id).bodies
        assert first == second
        assert len({body["id"] for body in first}) == 20
    assert write({("vm", "i-1"): [ALL]}, own_id="é" * 256).bodies[0]["id"] == "é" * 256
    one, other = (write(pairs, own_id="x" * 300 + end).bodies[0]["id"] for end in "ab")
    assert one != other


def test_an_id_by_content_does_not_depend_on_what_is_asked_for_beside_it() -> None:
    def ids(pairs: Pairs) -> dict[str, str]:
        written = write_requests(pairs, JD, REGISTRY, name=by_content("s" * 300), max_pairs=1)
        return {body["resources"][0]["ids"][0]: body["id"] for body in written.bodies}

    both = ids({("vm", "i-1"): [Tag("a", "1")], ("vm", "i-2"): [Tag("a", "1")]})
    assert both["i-2"] == ids({("vm", "i-2"): [Tag("a", "1")]})["i-2"] != both["i-1"]
    assert all(len(id_) <= 256 for id_ in both.values())


@pytest.mark.parametrize(
    ("text", "batch"),
    [("b-1", "b-1"), ("b" * 64, "b" * 64), ("--", "--"), ("", "e3b0c44298fc"), (" b 1 ", "b-1-758db026ab86")],
)
def test_a_batch_is_named_after_a_text_as_far_as_that_can_be(text: str, batch: str) -> None:
    assert batch_name(text) == batch


@given(st.text())
def test_any_text_makes_a_batch_that_is_accepted(text: str) -> None:
    (body,) = write({("vm", "i-1"): [ALL]}, batch=batch_name(text.encode(errors="replace").decode())).bodies
    assert 1 <= len(body["batch"]) <= 64


KEYS = st.sampled_from(["a", "b", "", LONG, "k" * 129, "x\ny"])
VALUES = st.sampled_from(["1", "", "v" * 256, None])
TAGS = st.lists(st.builds(Tag, KEYS.filter(bool), VALUES), max_size=4, unique=True)
RESOURCES = st.tuples(
    st.sampled_from(["vm", "disk", "cdn", "9", ""]), st.sampled_from(["i-1", "*.x.com", "a b", "", "i\n", "x" * 513])
)


@given(pairs=st.dictionaries(RESOURCES, TAGS, max_size=8), max_pairs=st.integers(1, 9))
def test_every_pair_is_asked_for_once_or_left_out_and_no_request_is_ever_refused(pairs: Pairs, max_pairs: int) -> None:
    written = write(pairs, max_pairs=max_pairs)
    given_pairs = Counter((*resource, tag.key) for resource, tags in pairs.items() for tag in tags)
    asked = Counter((type_, id_, key) for type_, id_, key, _ in named(written.bodies))
    left = Counter((one.type, one.resource_id, one.tag.key) for one in written.left_out)
    # Two values of a key that both have to be asked for by the key are one pair.
    assert set(asked + left) == set(given_pairs)
    assert all(asked[pair] + left[pair] <= given_pairs[pair] for pair in given_pairs)
    exact = {(type_, id_, key, value) for type_, id_, key, value in named(written.bodies)}
    for resource, tags in pairs.items():
        for tag in tags:
            out = any((one.type, one.resource_id, one.tag) == (*resource, tag) for one in written.left_out)
            assert out is not bool({(*resource, *tag), (*resource, tag.key, None)} & exact)
