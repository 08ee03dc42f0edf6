"""Alibaba Cloud: what is asked, what each documented answer means, and what says nothing of our resources."""

import json
from urllib.parse import parse_qsl

import httpx
import pytest
from alibaba_support import NUMBER, REGION, arn, done, error, template
from support import Asking, Wire, run

from untag.contracts import Action, Tag
from untag.providers import Location, Options, Session, Verdict
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.tag import AlibabaTag
from untag.providers.base import TOO_LARGE

OTHER = "6543210987654321"
KEY = AlibabaCredentials.parse(
    {"access_key": "LTAIFAKE", "secret_key": "fake-secret-key", "security_token": "tok/en+="}
)
TAGS = (Tag("env", "prod"), Tag("部门", "研发 é"))


ONE, TWO = arn("i-1"), arn("i-2")
ASKING = Asking("alibabacloud", REGION, "ecs:instance", "i-1")
request = ASKING.request
problems = ASKING.problems


def call(*answers, kind="write", action=Action.REMOVE, type_="ecs:instance", ids=(ONE, TWO), tags=TAGS, **more):
    """The answer as it is judged, and the requests that were sent to the Tag API; STS gives the answer `said`."""
    wire = Wire(*answers, identity=more.get("said") or done(AccountId=NUMBER))
    options = Options(endpoints=more.get("endpoints", {}))

    async def ask():
        provider = more.get("provider") or AlibabaTag.of(options)
        scope = provider.scope(Location("default", more.get("region", REGION), None), type_)
        async with wire.client() as client:
            session = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope, ids)
            if kind == "find":
                return await provider.find(session, scope, tags[0], more.get("cursor"))
            if kind == "names":
                return await provider.names(session, scope, more.get("key"), more.get("cursor"))
            return await provider.write(session, action, scope, ids, tags)

    told = run(ask())
    more.get("asked", []).extend(wire.identifying)
    return told, wire.requests


def parameters(sent):
    return dict(parse_qsl(sent.url.query.decode(), keep_blank_values=True))


def failed(*entries):
    rows = [{"ResourceARN": name, "Result": {"Code": code, "Message": "m"}} for name, code in entries]
    return done(FailedResources={"FailedResource": rows})


def listing(*rows, token=""):
    tags = [
        {
            "ResourceARN": name,
            "Tags": [{"Key": key, "Value": value, "Category": "Custom"} for key, value in its.items()],
        }
        for name, its in rows
    ]
    return done(TagResources=tags, NextToken=token)


@pytest.mark.parametrize(
    ("action", "operation", "named"),
    [
        (Action.REMOVE, "UntagResources", {"TagKey.1": "env", "TagKey.2": "部门"}),
        (Action.RESTORE, "TagResources", {"Tags": '{"env":"prod","部门":"研发 é"}'}),
    ],
)
def test_a_write_is_what_the_sdk_would_send(action, operation, named):
    _, (sent,) = call(done(), action=action)
    assert (sent.method, sent.url.host, sent.url.path, sent.content) == ("POST", f"tag.{REGION}.aliyuncs.com", "/", b"")
    assert (sent.headers["x-acs-action"], sent.headers["x-acs-version"]) == (operation, "2018-08-28")
    assert parameters(sent) == {"RegionId": REGION, "ResourceARN.1": ONE, "ResourceARN.2": TWO, **named}
    assert b"+" not in sent.url.query
    assert sent.headers["x-acs-security-token"] == "tok/en+="
    assert sent.headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=LTAIFAKE,SignedHeaders=host;x-acs-")
    assert "fake-secret-key" not in str(sent.headers)


def test_a_bare_id_is_named_in_the_current_account():
    _, (sent,) = call(done(), ids=("i-1",))
    assert parameters(sent)["ResourceARN.1"] == arn("i-1", "*")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("arn:acs:slb:*:*:instance/*", arn("lb-1", "*", product="slb")),
        ("arn:acs:slb:${RegionId}:${AliUid}:instance/${InstanceId}", arn("lb-1", "*", product="slb")),
        ("arn:acs:slb:{region}:{account}:loadbalancer/{id}", arn("lb-1", "*", kind="loadbalancer", product="slb")),
        ("arn:acs:slb::$account:loadbalancer/$id", arn("lb-1", "*", "", "loadbalancer", "slb")),
        ("arn:acs:slb:*:*:group/<GroupName>/topic", arn("lb-1/topic", "*", kind="group", product="slb")),
    ],
)
def test_a_bare_id_of_another_type_is_named_by_the_clouds_own_template_which_is_asked_once(text, made):
    provider = AlibabaTag()
    how = {"type_": "slb:loadbalancer", "ids": ("lb-1",), "provider": provider}
    _, (asked, sent) = call(template(text), done(), **how)
    assert asked.headers["x-acs-action"] == "ListSupportResourceTypes"
    assert parameters(asked) == {"RegionId": REGION, "ProductCode": "slb", "ResourceTye": "loadbalancer"}
    assert parameters(sent)["ResourceARN.1"] == made
    _, (again,) = call(done(), **how)
    assert parameters(again)["ResourceARN.1"] == made


@pytest.mark.parametrize(
    "answer",
    [
        done(SupportResourceTypes=[], NextToken=""),
        template("arn:acs:slb:*:*:{a}/{b}"),
        template("arn:acs:slb:*:*:instance/*", kind="listener"),
        template("http://elsewhere/{id}"),
        template(None),
    ],
)
def test_without_a_template_that_is_understood_a_bare_id_is_refused_and_nothing_is_written(answer):
    judged, (asked,) = call(answer, type_="slb:loadbalancer", ids=("lb-1",))
    assert asked.headers["x-acs-action"] == "ListSupportResourceTypes"
    assert (judged.verdict, judged.code, judged.unsent) == (Verdict.FAILED, "unknown_type", True)


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_bare_id_of_an_unknown_type_refuses_a_call_with_arns_so_that_they_are_asked_for_without_it(kind):
    how = {"kind": kind, "type_": "foo:bar", "provider": AlibabaTag()}
    bar = arn("y-1", kind="bar", product="foo")
    unknown = done(SupportResourceTypes=[])
    mixed, (_,) = call(unknown, ids=(bar, "x-1"), **how)
    assert (mixed.verdict, mixed.code, mixed.unsent) == (Verdict.REFUSED, "unknown_type", True)
    alone, sent = call(unknown, ids=("x-1", "x-2"), **how)
    assert (alone.verdict, alone.code, alone.unsent, sent) == (Verdict.FAILED, "unknown_type", True, [])


def test_where_the_key_may_not_ask_for_templates_the_documented_form_is_used():
    refused = httpx.Response(403, json={"Code": "NoPermission", "Message": "m", "RequestId": "r"})
    _, (_, sent) = call(refused, done(), type_="slb:loadbalancer", ids=("lb-1",))
    assert parameters(sent)["ResourceARN.1"] == arn("lb-1", "*", kind="loadbalancer", product="slb")


def test_a_question_for_templates_that_is_throttled_throttles_the_call():
    throttle = httpx.Response(
        400, json={"Code": "Throttling.User", "Message": "m"}, headers={"x-acs-retry-after": "2500"}
    )
    judged, (_,) = call(throttle, type_="slb:loadbalancer", ids=("lb-1",))
    assert (judged.verdict, judged.retry_after, judged.unsent) == (Verdict.THROTTLED, 2.5, True)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "tag.eu-central-1"),
        ("us-west-1", "tag.us-east-1"),
        ("cn-edge-1", "tag"),
        ("new-1", "tag.new-1"),
    ],
)
def test_a_region_has_its_own_host(region, host):
    _, (sent,) = call(done(), ids=("i-1",), region=region)
    assert sent.url.host == f"{host}.aliyuncs.com"
    assert parameters(sent)["RegionId"] == region


def test_another_endpoint_stands_in_place_of_every_regions():
    _, (sent,) = call(done(), endpoints={"alibabacloud.tag": "http://127.0.0.1:1234"})
    assert str(sent.url).startswith("http://127.0.0.1:1234/?RegionId=")
    assert sent.headers["host"] == "127.0.0.1:1234"


@pytest.mark.parametrize("nothing", [{}, {"FailedResources": None}, {"FailedResources": {}}])
def test_no_failure_is_told_in_several_ways(nothing):
    answer, _ = call(done(**nothing))
    assert (answer.verdict, answer.request_id, answer.failures, answer.confirmed) == (Verdict.DONE, "req-1", {}, None)
    assert call(done(FailedResources={"FailedResource": []}))[0].failures == {}
    assert call(done(FailedResources={"FailedResource": None}))[0].failures == {}


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("InvalidResourceId.NotFound", Verdict.NOT_FOUND),
        ("InvalidInstanceId.NotFound", Verdict.NOT_FOUND),
        ("Throttling.User", Verdict.THROTTLED),
        ("InternalError", Verdict.UNAVAILABLE),
        ("ServiceUnavailable", Verdict.UNAVAILABLE),
        ("NoPermission", Verdict.FAILED),
        ("OperationDenied.Locked", Verdict.FAILED),
    ],
)
def test_failures_inside_a_success_are_by_resource_with_their_own_verdicts(code, verdict):
    answer, _ = call(failed((TWO, code)))
    assert answer.verdict is Verdict.DONE
    assert {id_: (one.code, one.verdict) for id_, one in answer.failures.items()} == {TWO: (code, verdict)}


def test_a_failure_of_a_bare_id_is_understood_with_the_accounts_number_and_without_it():
    for told in (arn("i-2", "*"), TWO, arn("i-2", "*", "*")):
        answer, _ = call(failed((told, "OperationDenied")), ids=("i-1", "i-2"))
        assert list(answer.failures) == ["i-2"]


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    "told",
    [arn("i-3"), arn("I-1"), arn("i-1", OTHER), arn("i-1", region="cn-beijing"), arn("i-1", kind="disk"), "i-1", 7],
)
def test_an_answer_about_another_resource_says_nothing_of_ours(told, kind):
    answer, _ = call(failed((told, "Denied")) if kind == "write" else listing((told, {"env": "x"})), kind=kind)
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read", "find", "names"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={}, headers={"x-acs-request-id": "r"}),
        httpx.Response(200, json={"RequestId": ""}),
        httpx.Response(200, text='{"RequestId":"r","TagResources":['),
        httpx.Response(200, json=[]),
        httpx.Response(202, json={"RequestId": "r"}),
        httpx.Response(204),
        done(FailedResources=[], TagResources={}, Keys=[]),
        done(FailedResources={"FailedResource": {}}, TagResources="x", Keys={"Key": "x"}),
        done(FailedResources={"FailedResource": ["x"]}, TagResources=["x"], Keys={"Key": [1]}),
        done(Code="Whatever", Message="m"),
    ],
)
def test_what_is_not_the_documented_success_is_never_believed(answer, kind):
    judged, _ = call(answer, kind=kind)
    assert judged.verdict is Verdict.UNAVAILABLE
    assert judged.tags is None


@pytest.mark.parametrize("kind", ["write", "read", "find", "names"])
@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "Throttling", Verdict.THROTTLED),
        (400, "Throttling.User", Verdict.THROTTLED),
        (503, "Throttling.Api", Verdict.THROTTLED),
        (200, "Throttling.Api", Verdict.THROTTLED),
        (429, None, Verdict.THROTTLED),
        (404, "InvalidAccessKeyId.NotFound", Verdict.UNAUTHORIZED),
        (400, "InvalidAccessKeyId.Inactive", Verdict.UNAUTHORIZED),
        (403, "SignatureDoesNotMatch", Verdict.UNAUTHORIZED),
        (400, "IncompleteSignature", Verdict.UNAUTHORIZED),
        (400, "InvalidSecurityToken.Expired", Verdict.UNAUTHORIZED),
        (401, None, Verdict.UNAUTHORIZED),
        (403, "Forbidden.RAM", Verdict.FORBIDDEN),
        (400, "NoPermission", Verdict.FORBIDDEN),
        (403, "Forbidden.RiskControl", Verdict.FORBIDDEN),
        (403, None, Verdict.FORBIDDEN),
        (400, "SignatureNonceUsed", Verdict.UNAVAILABLE),
        (400, "InvalidTimeStamp.Expired", Verdict.UNAVAILABLE),
        (500, "InternalError", Verdict.UNAVAILABLE),
        (503, "ServiceUnavailable", Verdict.UNAVAILABLE),
        (502, None, Verdict.UNAVAILABLE),
        (408, None, Verdict.UNAVAILABLE),
        (404, "InvalidResourceId.NotFound", Verdict.NOT_FOUND),
        (400, "InvalidResourceARN.Account", Verdict.REFUSED),
        (400, "MissingParameter", Verdict.REFUSED),
        (414, None, Verdict.REFUSED),
        (404, "InvalidAction.NotFound", Verdict.FAILED),
        (404, "InvalidRegionId.NotFound", Verdict.FAILED),
        (404, None, Verdict.FAILED),
        (302, None, Verdict.FAILED),
    ],
)
def test_every_error_means_what_it_should(kind, status, code, verdict):
    body = {"Code": code, "Message": "is fake-secret-key", "RequestId": "req-9", "HostId": "h"} if code else None
    answer, _ = call(httpx.Response(status, json=body), kind=kind)
    assert (answer.verdict, answer.code) == (verdict, code or f"HTTP_{status}")
    assert answer.request_id == ("req-9" if code else None)
    assert "fake-secret-key" not in f"{answer.message}"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"code": "Throttling", "message": "slow", "requestId": "req-9"}),
        httpx.Response(
            400,
            text="<?xml version='1.0'?><Error><RequestId>req-9</RequestId><HostId>h</HostId>"
            "<Code>Throttling</Code><Message>slow</Message></Error>",
            headers={"content-type": "text/xml;charset=utf-8"},
        ),
    ],
)
def test_an_error_is_read_in_every_shape_that_the_sdk_reads(answer):
    judged, _ = call(answer)
    told = (judged.verdict, judged.code, judged.message, judged.request_id)
    assert told == (Verdict.THROTTLED, "Throttling", "slow", "req-9")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-acs-retry-after": "1500"}, 1.5),
        ({"x-acs-retry-after": "99999999999"}, 900.0),
        ({"x-acs-retry-after": "soon"}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({}, 0.0),
    ],
)
def test_the_wait_of_a_throttle_is_told_in_milliseconds(headers, seconds):
    answer, _ = call(httpx.Response(400, json={"Code": "Throttling"}, headers=headers))
    assert answer.retry_after == seconds


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


@pytest.mark.parametrize(
    "id_",
    [
        "..",
        ".",
        "i-1/../i-2",
        "i-1%2f..",
        "i-1#x",
        "i-1?x=1",
        "i-1&TagKey.1=other",
        "i@evil.example",
        "*",
        "i-*",
        "a:b",
        "//evil.example",
        "i 1",
        arn("*"),
        arn("i-*"),
        arn("../i-1"),
        arn("a//b"),
        arn("i-1#x"),
        arn("i-1?x"),
        arn("i-1%2f"),
        arn("i@x"),
        arn("i-1", kind=".."),
        arn("i-1", account="me"),
        arn("i-1", region="cn-beijing"),
        arn("i-1", kind="disk"),
        arn("i-1", product="rds"),
        "arn:aws:ec2:eu-central-1:123456789012:instance/i-1",
        "arn:acs:ecs:cn-hangzhou:1:i-1",
    ],
)
def test_an_id_that_could_mean_something_else_is_refused_before_anything_is_called(id_):
    ((path, _),) = problems(ids=(id_,))
    assert path == "resources.0.ids.0"


@pytest.mark.parametrize(
    "id_", ["i-1", "my_bucket.v2", ".example.com", ONE, arn("i-1", "*", "*"), arn("a/b-c", "", "")]
)
def test_ids_as_they_are_seen_are_taken(id_):
    assert problems(ids=(id_,)) == []


@pytest.mark.parametrize("type_", ["instance", "ecs:", "ecs:a:b", "ecs:../x", "ecs/instance", "ecs.x:instance"])
def test_a_type_is_a_product_and_a_resource_type(type_):
    assert problems(type_) == [("resources.0.type", "should be product:type, such as ecs:instance")]


def test_a_region_is_required_and_an_unknown_one_is_a_warning():
    ((path, message),) = problems(region=None)
    assert (path, message.partition(":")[0]) == ("region", "Field required")
    assert list(AlibabaTag().warnings(request(region="cn-nowhere-9"))) == [
        "region cn-nowhere-9 is not among those that Alibaba Cloud's SDK names"
    ]
    assert list(AlibabaTag().warnings(request())) == []


def test_a_value_that_is_too_long_to_be_put_back_is_refused():
    tags = [{"key": "env", "value": "v" * 129}]
    assert problems(tags=tags, action="restore") == [
        ("tags.0.value", "String should have at most 128 characters on alibabacloud")
    ]
    assert problems(tags=tags) == []


def test_what_a_call_carries_is_the_apis_limit_at_most():
    assert AlibabaTag().limits[:2] == (50, 10)
    for told, limit in ((20, 20), (500, 50)):
        made = AlibabaTag.of(Options(resources_per_call={"alibabacloud.tag": told}))
        assert made.limits.resources == limit


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


def test_credentials_come_from_the_vendors_own_variables_and_show_nothing():
    variables = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIFAKE", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fake-secret-key"}
    made = AlibabaCredentials.from_environment({**variables, "ALIBABA_CLOUD_SECURITY_TOKEN": "tok/en+="})
    assert made == KEY
    assert "fake" not in repr(made)
    assert json.dumps(made.masked("LTAIFAKE fake-secret-key tok/en+=")) == '"*** *** ***"'
