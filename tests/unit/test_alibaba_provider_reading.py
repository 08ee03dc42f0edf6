"""Alibaba Cloud: what a read or a search finds, whose the key is, and what is known of a resource that is left out."""

import pytest
from alibaba_support import ONE, OTHER, REGION, TWO, arn, call, done, error, listing, parameters, template

from untag.contracts import Tag
from untag.providers import Verdict
from untag.providers.base import TOO_LARGE


def test_a_read_asks_for_custom_tags_and_leaves_the_clouds_own_out():
    own = {"Key": "acs:rm:rgId", "Value": "rg", "Category": "System"}
    tags = [{"Key": "env", "Value": "prod", "Category": "Custom"}, {"Key": "empty", "Category": "Custom"}, own]
    answer, (sent,) = call(
        done(TagResources=[{"ResourceARN": ONE, "Tags": tags}], NextToken=""), kind="read", ids=(ONE,)
    )
    assert sent.headers["x-acs-action"] == "ListTagResources"
    assert parameters(sent) == {"RegionId": REGION, "Category": "Custom", "PageSize": "1000", "ResourceARN.1": ONE}
    assert answer.tags == {ONE: {"env": "prod", "empty": ""}}


@pytest.mark.parametrize("kind", ["read", "find", "names"])
@pytest.mark.parametrize(
    "cut", [{}, {"TagResources": None, "Keys": None}, {"TagResources": [{"ResourceARN": ONE}], "Keys": {}}]
)
def test_a_listing_that_is_not_there_never_says_that_there_are_no_tags(cut, kind):
    answer, _ = call(done(**cut), kind=kind)
    assert (answer.verdict, answer.code, answer.tags) == (Verdict.UNAVAILABLE, "unexpected_answer", None)


def test_a_read_goes_on_where_the_token_says_so():
    pages = (listing((ONE, {"a": "1"}), token="t-1"), listing((ONE, {"b": "2"}), (TWO, {"c": "3"})))
    answer, (_, second) = call(*pages, kind="read")
    assert parameters(second)["NextToken"] == "t-1"
    assert answer.tags == {ONE: {"a": "1", "b": "2"}, TWO: {"c": "3"}}


def test_a_read_that_does_not_end_is_asked_for_fewer_resources():
    pages = [listing((ONE, {"a": "1"}), token=f"t-{number}") for number in range(9)]
    answer, sent = call(*pages, kind="read")
    assert (answer.verdict, answer.code, len(sent)) == (Verdict.FAILED, TOO_LARGE, 4)
    answer, sent = call(listing((ONE, {"a": "1"}), token="t"), kind="read")
    assert (answer.code, len(sent)) == ("unexpected_answer", 2)


def test_a_resource_that_is_left_out_has_no_tags_where_type_and_account_are_known():
    assert call(listing(), kind="read", ids=("i-1",))[0].tags == {"i-1": {}}
    assert call(listing((TWO, {"a": "1"})), kind="read")[0].tags == {ONE: {}, TWO: {"a": "1"}}
    assert call(listing(), kind="read")[0].tags == {ONE: {}, TWO: {}}


def test_whose_the_key_is_is_asked_of_sts():
    asked = []
    call(listing(), kind="read", asked=asked)
    (question,) = asked
    assert (question.method, str(question.url), question.content) == ("POST", "https://sts.aliyuncs.com/", b"")
    assert (question.headers["x-acs-action"], question.headers["x-acs-version"]) == ("GetCallerIdentity", "2015-04-01")
    assert question.headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=LTAIFAKE,")
    asked.clear()
    call(listing(), kind="read", asked=asked, endpoints={"alibabacloud.sts": "https://sts.cn-beijing.aliyuncs.com/"})
    assert str(asked[0].url) == "https://sts.cn-beijing.aliyuncs.com/"


@pytest.mark.parametrize("code", ["NoPermission", "InvalidAction.NotFound", "InvalidParameter"])
def test_of_an_arn_that_is_left_out_nothing_is_known_where_sts_does_not_say_whose_the_key_is(code):
    refused = error(403, code)
    answer, _ = call(listing(), kind="read", ids=(ONE, "i-2"), said=refused)
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {"i-2": {}}), (
        "`*` is the account of the call, whichever it is"
    )
    answer, (sent,) = call(done(), ids=(arn("i-1", OTHER),), said=refused)
    assert answer.verdict is Verdict.DONE
    assert parameters(sent)["ResourceARN.1"] == arn("i-1", OTHER)


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (error(400, "Throttling.User"), Verdict.THROTTLED),
        (error(503, "ServiceUnavailable"), Verdict.UNAVAILABLE),
        (error(404, "InvalidAccessKeyId.NotFound"), Verdict.UNAUTHORIZED),
        (done(AccountId="root"), Verdict.UNAVAILABLE),
        (done(), Verdict.UNAVAILABLE),
    ],
)
def test_what_sts_says_of_the_moment_or_the_key_is_the_answer(kind, said, verdict):
    answer, sent = call(done(), kind=kind, said=said)
    assert (answer.verdict, answer.unsent, sent) == (verdict, True, [])


@pytest.mark.parametrize("kind", ["write", "read"])
def test_an_arn_of_another_account_is_refused_before_it_is_sent(kind):
    answer, sent = call(done(), kind=kind, ids=("i-1", arn("i-2", OTHER)))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (Verdict.REFUSED, "account_mismatch", True, [])


def test_of_a_type_that_the_api_does_not_name_nothing_is_known_of_what_is_left_out():
    bucket = arn("logs", "*", kind="bucket", product="oss")
    answer, _ = call(listing(), done(SupportResourceTypes=[]), kind="read", type_="oss:bucket", ids=(bucket,))
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {})
    known = template("arn:acs:oss:*:*:bucket/*", "oss", "bucket")
    assert call(listing(), known, kind="read", type_="oss:bucket", ids=(bucket,))[0].tags == {bucket: {}}


@pytest.mark.parametrize(
    "id_",
    [
        "arn:acs:ecs:cn-hangzhou:*:instance:i-1",
        arn("i-1", "*", ""),
        arn("i-1", ""),
        arn("a/i-1", "*"),
        arn("a:i-1", "*"),
        arn("i-1", "*", kind="Instance"),
        arn("i-1", "*", product="ECS"),
    ],
)
def test_an_arn_that_is_not_written_as_its_types_are_is_never_said_to_have_no_tags(id_):
    answer, (_,) = call(listing(), kind="read", ids=(id_,))
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {})


@pytest.mark.parametrize(
    ("text", "made", "other"),
    [
        ("arn:acs:slb:*:*:group/<Name>/topic", "arn:acs:slb:*:*:group/a/topic", "arn:acs:slb:*:*:group/a"),
        ("arn:acs:slb:*:*:group/<Name>/topic", "arn:acs:slb:*:*:group/a/topic", "arn:acs:slb:*:*:group/topic"),
        ("arn:acs:slb::*:group/*", "arn:acs:slb::*:group/a", "arn:acs:slb:cn-hangzhou:*:group/a"),
        ("arn:acs:slb:*::group/*", "arn:acs:slb:*::group/a", "arn:acs:slb:*:*:group/a"),
        ("arn:acs:slb:*:*:group:*", "arn:acs:slb:*:*:group:a", "arn:acs:slb:*:*:group/a"),
    ],
)
def test_only_an_arn_of_the_templates_form_has_no_tags_where_it_is_left_out(text, made, other):
    answer, _ = call(listing(), template(text, kind="group"), kind="read", type_="slb:group", ids=(made, other))
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {made: {}})


def test_a_search_lists_the_region_and_chooses_by_type_and_tag():
    disk = arn("d-1", kind="disk")
    page = listing((ONE, {"env": "prod", "a": "1"}), (TWO, {"env": "test"}), (disk, {"env": "prod"}), token="t-2")
    answer, (sent,) = call(page, kind="find", cursor="t-1")
    assert parameters(sent) == {"RegionId": REGION, "Category": "Custom", "PageSize": "1000", "NextToken": "t-1"}
    assert (answer.tags, answer.next) == ({ONE: {"env": "prod", "a": "1"}}, "t-2")
    every, _ = call(page, kind="find", type_="all", tags=(Tag("env", None),))
    assert every.types == {ONE: "ecs:instance", TWO: "ecs:instance", disk: "ecs:disk"}


def test_keys_and_values_in_use_are_listed():
    keys = done(Keys={"Key": [{"Key": "env", "Category": "custom"}, {"Key": "team"}]}, NextToken="t-1")
    answer, (sent,) = call(keys, kind="names")
    assert (sent.headers["x-acs-action"], answer.names, answer.next) == ("ListTagKeys", ("env", "team"), "t-1")
    answer, (sent,) = call(done(Values={"Value": ["prod"]}, NextToken=""), kind="names", key="env")
    assert (sent.headers["x-acs-action"], parameters(sent)["Key"]) == ("ListTagValues", "env")
    assert (answer.names, answer.next) == (("prod",), None)
