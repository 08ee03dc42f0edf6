"""Alibaba Cloud: what is asked, at which host, how a resource is named there, and what the credentials are."""

import json

import httpx
import pytest
from alibaba_support import KEY, ONE, REGION, TWO, arn, call, done, parameters, template

from untag.contracts import Action
from untag.providers import Options, Verdict
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.tag import AlibabaTag


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


def test_what_a_call_carries_is_the_apis_limit_at_most():
    assert AlibabaTag().limits[:2] == (50, 10)
    for told, limit in ((20, 20), (500, 50)):
        made = AlibabaTag.of(Options(resources_per_call={"alibabacloud.tag": told}))
        assert made.limits.resources == limit


def test_credentials_come_from_the_vendors_own_variables_and_show_nothing():
    variables = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIFAKE", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "fake-secret-key"}
    made = AlibabaCredentials.from_environment({**variables, "ALIBABA_CLOUD_SECURITY_TOKEN": "tok/en+="})
    assert made == KEY
    assert "fake" not in repr(made)
    assert json.dumps(made.masked("LTAIFAKE fake-secret-key tok/en+=")) == '"*** *** ***"'
