"""The removal request: what is accepted, what is refused and how it is told, and that it comes back as it went."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support import KEY, Wire, body, pairs_of, problems_of, request, run, session

from untag.contracts import Action, InvalidInputError, Tag, parse_requests
from untag.contracts.requests import MAX_PAIRS_NAMED
from untag.providers import Registry, Scope
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.jdcloud.resourcetag import JDCloud

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


def refused(payload):
    with pytest.raises(InvalidInputError) as error:
        parse_requests(payload, "own")
    return problems_of(error)


def test_what_may_be_left_out_has_the_documented_default():
    made = request(id=None)
    assert (made.action, made.account, made.dry_run, made.attempt) == (Action.REMOVE, "default", False, 1)
    assert (made.project_id, made.expect, made.not_after, made.reason, made.first_attempt_at) == (None,) * 5


def test_a_request_without_an_id_gets_the_id_of_what_carried_it():
    (made,) = parse_requests(body(id=None), "message-7")
    assert made.id == "message-7"


def test_requests_of_a_list_without_ids_are_numbered_from_one_and_an_own_id_is_kept():
    made = parse_requests([body(id=None), body(id="mine"), body(id=None)], "message-7")
    assert [one.id for one in made] == ["message-7-1", "mine", "message-7-3"]


def test_a_list_of_one_is_a_list():
    assert parse_requests([body(id=None)], "message-7")[0].id == "message-7-1"


def test_an_empty_list_is_refused():
    assert refused([]) == {"": "the list is empty: at least one request is needed"}


@pytest.mark.parametrize("payload", [None, 1, "text", True, {}, [[]], [None]])
def test_what_is_no_request_is_refused(payload):
    assert refused(payload)


def test_one_invalid_element_refuses_the_whole_list_and_is_named():
    problems = refused([body(), body(region="../x"), body(provider=None)])
    assert set(problems) == {"1.region", "2.provider"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"action": "delete"}, "action"),
        ({"surplus": 1}, "surplus"),
        ({"provider": "JD Cloud"}, "provider"),
        ({"account": ""}, "account"),
        ({"account": "a" * 65}, "account"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"dry_run": 1}, "dry_run"),
        ({"attempt": 0}, "attempt"),
        ({"attempt": "1"}, "attempt"),
        ({"attempt": True}, "attempt"),
        ({"expect": -1}, "expect"),
        ({"expect": 2.0}, "expect"),
        ({"id": ""}, "id"),
        ({"id": "two\nlines"}, "id"),
        ({"id": "i" * 257}, "id"),
        ({"reason": "r" * 1025}, "reason"),
        ({"not_after": 1_800_000_000}, "not_after"),
        ({"not_after": "2026-12-01"}, "not_after"),
        ({"not_after": "2026-12-01T00:00:00"}, "not_after"),
        ({"not_after": "soonT"}, "not_after"),
        ({"first_attempt_at": "1969-12-31T23:59:59Z"}, "first_attempt_at"),
        ({"resources": []}, "resources"),
        ({"resources": [{"type": "vm", "ids": []}]}, "resources.0.ids"),
        ({"resources": [{"type": "vm", "ids": [""]}]}, "resources.0.ids.0"),
        ({"resources": [{"type": "vm", "ids": ["i-1", 2]}]}, "resources.0.ids.1"),
        ({"resources": [{"type": "vm", "ids": ["i" * 513]}]}, "resources.0.ids.0"),
        ({"resources": [{"type": "", "ids": ["i-1"]}]}, "resources.0.type"),
        ({"resources": [{"type": "vm", "ids": ["i-1"], "extra": 1}]}, "resources.0.extra"),
        ({"tags": []}, "tags"),
        ({"tags": [{"value": "v"}]}, "tags.0.key"),
        ({"tags": [{"key": ""}]}, "tags.0.key"),
        ({"tags": [{"key": "k" * 513}]}, "tags.0.key"),
        ({"tags": [{"key": "k", "value": "v" * 257}]}, "tags.0.value"),
        ({"tags": [{"key": "\ud800", "value": "v"}]}, "tags.0.key"),
        ({"expect": 3}, "expect"),
    ],
)
def test_a_broken_rule_is_told_with_its_path(change, path):
    assert set(refused(body(**change))) == {path}


def test_a_problem_never_repeats_the_value_that_is_wrong():
    told = str(refused(body(region="S3CRET value", account="S3CRET value", not_after="S3CRET valueT")))
    assert "S3CRET" not in told


@pytest.mark.parametrize(("ids", "named"), [(["x"], "1 pair"), (["x", "y"], "2 pairs")])
def test_a_wrong_count_is_told_what_the_request_names(ids, named):
    payload = {
        "provider": "jdcloud",
        "resources": [{"type": "vm", "ids": ids}],
        "tags": [{"key": "env"}],
        "expect": 7,
    }
    with pytest.raises(InvalidInputError) as raised:
        parse_requests(payload, "own")
    assert raised.value.problems[0].message == f"says 7, but the request names {named} of resource and tag"


def test_expect_counts_equal_pairs_once():
    twice = [{"type": "vm", "ids": ["i-1", "i-1"]}, {"type": "vm", "ids": ["i-1", "i-2"]}]
    tags = [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert request(resources=twice, tags=tags, expect=4).pairs() == 4


def test_the_same_id_under_two_types_is_two_resources():
    groups = [{"type": "vm", "ids": ["x"]}, {"type": "disk", "ids": ["x"]}]
    assert request(resources=groups, expect=2).ids_by_type() == {"vm": ["x"], "disk": ["x"]}


def test_a_tag_that_is_put_back_needs_a_value():
    problems = refused(body(action="restore", tags=[{"key": "a", "value": "1"}, {"key": "b"}]))
    assert set(problems) == {"tags.1.value"}


def test_one_key_cannot_be_put_back_with_two_values():
    tags = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "a", "value": "1"}]
    assert set(refused(body(action="restore", tags=tags))) == {"tags.1.value"}
    assert request(tags=tags).distinct_tags() == [Tag("a", "1"), Tag("a", "2")]


def test_a_body_that_names_too_many_pairs_is_refused_whether_it_is_one_request_or_many():
    def naming(pairs):
        return body(
            resources=[{"type": "vm", "ids": [f"i-{n}" for n in range(pairs // 100)]}],
            tags=[{"key": f"k{n}", "value": "v"} for n in range(100)],
        )

    assert parse_requests(naming(MAX_PAIRS_NAMED), "own")[0].pairs() == MAX_PAIRS_NAMED
    assert set(refused(naming(MAX_PAIRS_NAMED + 100))) == {"resources"}
    assert set(refused([naming(MAX_PAIRS_NAMED), naming(100)])) == {"1.resources"}


@pytest.mark.parametrize(
    "payload",
    [
        [0] * 340_000,
        [{}] * 340_000,
        body(resources=[{"type": "vm", "ids": [0] * 340_000}]),
        body(resources=[{}] * 340_000),
        body(tags=[{}] * 340_000),
    ],
    ids=["no requests", "empty requests", "ids", "groups", "tags"],
)
def test_a_megabyte_of_mistakes_makes_a_short_list_of_problems(payload):
    assert 1 <= len(refused(payload)) <= 301


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-12-01T08:00:00+08:00"])
def test_every_date_that_is_accepted_can_travel_on(text):
    made = request(not_after=text)
    (again,) = parse_requests(made.body({"vm": ["i-1"]}, made.distinct_tags(), first_attempt_at=text), "own")
    assert again.not_after == made.not_after == datetime.fromisoformat(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z"])
def test_a_date_outside_the_years_that_clocks_can_tell_is_refused(text):
    assert set(refused(body(not_after=text))) == {"not_after"}


# What a request says never changes where a call goes.

ODD = st.text(st.sampled_from("ab1-_.:/\\%?#@ \t\n\x00éİ\uff0e\uff5e;&=[]{}") | st.characters(), max_size=20)
PROVIDERS = {"jdcloud": JDCloud(), "huaweicloud": HuaweiConfig()}


async def _url_of(provider, scope, id_):
    wire = Wire(httpx.Response(500))
    async with wire.client() as client:
        auth = provider.auth(KEY, scope)
        await provider.write(session(client, auth), Action.REMOVE, scope, (id_,), (Tag("k", "v"),))
    return urlsplit(str(wire.requests[0].url))


@given(ODD)
def test_no_accepted_region_or_account_or_project_or_type_can_change_host_or_path(text):
    for field in ("region", "account", "project_id", "type"):
        change = {"resources": [{"type": text, "ids": ["i-1"]}]} if field == "type" else {field: text}
        try:
            made = request(**change)
        except InvalidInputError:
            continue
        provider = PROVIDERS["jdcloud"]
        url = run(_url_of(provider, provider.scope(made, made.resources[0].type), "i-1"))
        assert (url.scheme, url.netloc) == ("https", "resourcetag.jdcloud-api.com")
        assert url.path == f"/v1/regions/{made.region}/tags:unTagResources"
        assert re.fullmatch(r"[a-z0-9-]+", made.region)
        assert not url.query
        assert not url.fragment


@given(ODD)
def test_no_accepted_id_can_change_host_or_path(text):
    type_ = "config:policyAssignments"
    payload = body(provider="huaweicloud", resources=[{"type": type_, "ids": [text]}])
    try:
        (made,) = Registry(made=tuple(PROVIDERS.values())).checked(parse_requests(payload, "own"), listed=False)
    except InvalidInputError:
        return
    provider = PROVIDERS["huaweicloud"]
    url = run(_url_of(provider, provider.scope(made, type_), text))
    assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "rms.myhuaweicloud.com", "", "")
    segments = url.path.split("/")
    assert segments[:3] == ["", "v1", "resource-manager"]
    assert segments[4].replace("%3A", ":") == text
    assert segments[5:] == ["tags", "delete"]


@pytest.mark.parametrize("id_", ["", "a\n", "a\x00", "\x7f", "a\x85", "a\u2028b", "i" * 513])
def test_an_id_that_is_no_printable_text_of_at_most_512_characters_is_refused(id_):
    assert set(refused(body(resources=[{"type": "vm", "ids": [id_]}]))) == {"resources.0.ids.0"}


@pytest.mark.parametrize(
    "region", ["cn-north-1/..", "cn-north-1\n", "CN", "-cn", "cn-", "cn--1", "a.b", "a:b", "1cn", ""]
)
def test_path_tricks_in_a_region_are_refused(region):
    assert set(refused(body(region=region))) == {"region"}


@pytest.mark.parametrize(
    "id_",
    [
        "www.example.com",
        "i-1",
        "a:b",
        "..a",
        "*.example.com",
        "a b/c@d",
        "网站",
        "6f2a6d5b0f1e4c7f9c1d0a2b3c4d5e6f",
        "_",
    ],
)
def test_ids_as_the_clouds_have_them_are_accepted(id_):
    assert request(resources=[{"type": "vm", "ids": [id_]}]).ids_by_type() == {"vm": [id_]}


# What goes out as a request comes in as the same request.

# Hypothesis wants its bounds without a time zone.
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
REQUESTS = st.fixed_dictionaries(
    {
        "id": st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256),
        "provider": st.just("jdcloud"),
        "resources": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.from_regex(r"[A-Za-z][A-Za-z0-9_:./-]{0,127}", fullmatch=True),
                    "ids": st.lists(
                        st.from_regex(r"[A-Za-z0-9_.:-]{0,9}[A-Za-z0-9]", fullmatch=True), min_size=1, max_size=5
                    ),
                }
            ),
            min_size=1,
            max_size=4,
        ),
        "tags": st.lists(
            st.fixed_dictionaries({"key": TEXTS}, optional={"value": st.just("") | TEXTS}), min_size=1, max_size=5
        ),
    },
    optional={
        "action": st.sampled_from(["remove", "restore"]),
        "account": st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True),
        "region": st.sampled_from(["cn-north-1", "cn-all", "eu-west-101"]),
        "project_id": st.just("p1"),
        "dry_run": st.booleans(),
        "not_after": MOMENTS.map(datetime.isoformat),
        "reason": st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
        "attempt": st.integers(1, 1000),
        "first_attempt_at": MOMENTS.map(datetime.isoformat),
    },
)


@given(REQUESTS)
def test_a_request_written_out_again_says_the_same(payload):
    try:
        (made,) = parse_requests(payload, "own")
    except InvalidInputError:
        assume(payload.get("action") != "restore")
        raise
    kept = {"attempt": made.attempt}
    if made.first_attempt_at is not None:
        kept["first_attempt_at"] = made.first_attempt_at.isoformat()
    written = json.loads(json.dumps(made.body(made.ids_by_type(), made.distinct_tags(), **kept)))
    (again,) = parse_requests(written, "other")
    names = set(type(made).model_fields) - {"resources", "tags"}
    assert {name: getattr(again, name) for name in names} == {name: getattr(made, name) for name in names}
    assert set(pairs_of([written])) == set(pairs_of([payload]))
    assert len(pairs_of([written])) == made.pairs() == len(set(pairs_of([payload])))


def test_a_written_request_says_neither_what_it_expected_nor_what_was_not_said():
    made = request(expect=2)
    assert set(made.body({"vm": ["i-1"]}, made.distinct_tags(), attempt=2)) == {
        "id", "action", "provider", "account", "region", "resources", "tags", "dry_run", "attempt"
    }  # fmt: skip


def test_a_scope_keeps_accounts_regions_and_types_apart():
    provider = PROVIDERS["jdcloud"]
    first = provider.scope(request(), "vm")
    assert first == Scope("jdcloud", "resourcetag", "default", "cn-north-1", None, "vm")
    others = [provider.scope(request(account="b"), "vm"), provider.scope(request(region="cn-east-1"), "vm")]
    assert len({first, *others, provider.scope(request(), "disk")}) == 4


def test_a_request_is_not_changed_after_it_was_checked():
    made = request(not_after=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    with pytest.raises(ValueError, match="frozen"):
        made.region = "elsewhere"


def test_a_copy_counts_the_pairs_that_it_names_itself():
    one = request(resources=[{"type": "vm", "ids": ["i-1"]}], tags=[{"key": "env", "value": "prod"}])
    assert one.pairs() == 1
    two = request(resources=[{"type": "vm", "ids": ["i-1", "i-2"]}], tags=[{"key": "env"}, {"key": "team"}])
    assert one.model_copy(update={"resources": two.resources, "tags": two.tags}).pairs() == 4
