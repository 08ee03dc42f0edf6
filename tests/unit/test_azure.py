"""Azure: what is asked of the Resource Manager, and what each of its answers means."""

import httpx
import pytest
from azure_support import (
    ENV,
    GROUP,
    KEY,
    SUBSCRIPTION,
    TAGS_OF_VM,
    VM,
    AzureWire,
    asked,
    error,
    tags_answer,
    token,
)
from support import body_of

from untag.contracts import Tag
from untag.core.policy import is_reserved
from untag.providers import Options, Verdict
from untag.providers.azure.credentials import AzureCredentials
from untag.providers.azure.tags import AzureTags

PAIRS = (Tag("Env", "prod"), Tag("部门", "研发"))


@pytest.mark.parametrize(("kind", "operation"), [("write", "Delete"), ("restore", "Merge")])
def test_a_write_names_each_tag_as_it_stands_there_and_never_replaces(kind, operation):
    cloud = AzureWire(tags_answer({"Env": "prod", "部门": "研发"} if kind == "restore" else {}))
    answer = asked(cloud, kind, tags=PAIRS)
    assert (answer.verdict, answer.confirmed, answer.request_id) == (Verdict.DONE, 2, "req-1")
    (sent,) = cloud.requests
    assert sent.method == "PATCH"
    assert str(sent.url) == f"https://management.azure.com{TAGS_OF_VM}?api-version=2021-04-01"
    assert body_of(sent) == {"operation": operation, "properties": {"tags": {"Env": "prod", "部门": "研发"}}}
    assert sent.headers["authorization"] == "Bearer t0ken-1"


@pytest.mark.parametrize(
    ("kind", "remaining", "confirmed"),
    [
        ("write", {}, 2),
        ("write", {"other": "x"}, 2),
        ("write", {"env": "prod"}, 1),  # a name in other letters is the same name
        ("write", {"ENV": "prod", "部门": "研发"}, 0),
        ("write", {"env": "dev"}, 1),
        ("restore", {"ENV": "prod", "部门": "研发", "other": "x"}, 2),
        ("restore", {"env": "PROD", "部门": "研发"}, 1),  # values are compared as they are
        ("restore", {}, 0),
    ],
)
def test_the_tags_that_an_answer_has_decide_how_many_pairs_were_changed(kind, remaining, confirmed):
    assert asked(AzureWire(tags_answer(remaining)), kind, tags=PAIRS).confirmed == confirmed


@pytest.mark.parametrize("tags", [None, [], "", 0])
def test_a_write_whose_answer_lists_no_tags_is_not_confirmed_by_it(tags):
    answer = asked(AzureWire(tags_answer(tags)))
    assert (answer.verdict, answer.confirmed) == (Verdict.DONE, -1)


@pytest.mark.parametrize("kind", ["write", "restore", "read"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"id": TAGS_OF_VM, "name": "default"}),
        httpx.Response(200, json={"id": TAGS_OF_VM, "properties": None}),
        httpx.Response(200, json={"id": 5, "properties": {"tags": {}}}),
        httpx.Response(200, json={"id": VM, "location": "westeurope", "tags": {}, "properties": {}}),
        httpx.Response(204),
        httpx.Response(201, json={"id": TAGS_OF_VM, "properties": {"tags": {}}}),
        tags_answer({}, id_=TAGS_OF_VM.replace("vm-1", "vm-2")),
        tags_answer({}, id_=TAGS_OF_VM.replace(SUBSCRIPTION, "22222222-2222-3333-4444-555555555555")),
    ],
)
def test_an_answer_of_success_that_is_not_the_documented_one_says_nothing(kind, answer):
    judged = asked(AzureWire(answer), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")
    assert judged.confirmed is None
    assert judged.tags is None


@pytest.mark.parametrize("values", [{"env": 5}, {"env": ["prod"]}, ["env"], "env"])
def test_a_read_whose_tags_are_no_texts_says_nothing(values):
    assert asked(AzureWire(tags_answer(values)), "read").code == "unexpected_answer"


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        (tags_answer({"Env": "prod", "empty": "", "none": None}), {"Env": "prod", "empty": "", "none": ""}),
        (tags_answer({}), {}),
        (tags_answer(None), {}),
        (tags_answer({"env": "x"}, id_=TAGS_OF_VM.lower()), {"env": "x"}),
    ],
)
def test_a_read_says_every_tag_of_the_scope_by_the_id_that_was_asked_for(answer, tags):
    cloud = AzureWire(answer)
    judged = asked(cloud, "read")
    assert (judged.verdict, judged.tags, judged.request_id) == (Verdict.DONE, {VM: tags}, "req-1")
    (sent,) = cloud.requests
    assert (sent.method, sent.content) == ("GET", b"")
    assert str(sent.url) == f"https://management.azure.com{TAGS_OF_VM}?api-version=2021-04-01"


def test_what_is_carried_out_later_is_accepted_and_where_it_leads_is_not_followed():
    later = httpx.Response(
        202, headers={"location": "https://elsewhere.example.com/tagsoperationresults/1", "retry-after": "7"}
    )
    cloud = AzureWire(later)
    answer = asked(cloud)
    assert (answer.verdict, answer.retry_after) == (Verdict.ACCEPTED, 7.0)
    assert len(cloud.requests) == 1
    assert asked(AzureWire(later), "read").code == "unexpected_answer"


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, "ExpiredAuthenticationToken", Verdict.UNAUTHORIZED),
        (401, "InvalidAuthenticationToken", Verdict.UNAUTHORIZED),
        (401, "AuthenticationFailed", Verdict.UNAUTHORIZED),
        (401, "InvalidAuthenticationTokenTenant", Verdict.FORBIDDEN),
        (403, "AuthorizationFailed", Verdict.FORBIDDEN),
        (403, "LinkedAuthorizationFailed", Verdict.FORBIDDEN),
        (403, "RequestDisallowedByPolicy", Verdict.REFUSED),
        (409, "ScopeLocked", Verdict.FORBIDDEN),
        (404, "ResourceNotFound", Verdict.NOT_FOUND),
        (404, "ResourceGroupNotFound", Verdict.NOT_FOUND),
        (404, "ParentResourceNotFound", Verdict.NOT_FOUND),
        (404, "SubscriptionNotFound", Verdict.FAILED),
        (404, "InvalidResourceType", Verdict.FAILED),
        (404, "NoRegisteredProviderFound", Verdict.FAILED),
        (400, "ResourceNotFound", Verdict.FAILED),
        (400, "InvalidApiVersionParameter", Verdict.FAILED),
        (400, "PatchResourceReadFailed", Verdict.FAILED),
        (409, "MissingSubscriptionRegistration", Verdict.FAILED),
        (409, "Conflict", Verdict.UNAVAILABLE),
        (409, "AnotherOperationInProgress", Verdict.UNAVAILABLE),
        (409, "RetryableError", Verdict.UNAVAILABLE),
        (409, "OperationNotAllowed", Verdict.FAILED),
        (429, "TooManyRequests", Verdict.THROTTLED),
        (429, "OperationNotAllowed", Verdict.THROTTLED),
        (503, "SubscriptionRequestsThrottled", Verdict.THROTTLED),
        (408, "RequestTimeout", Verdict.UNAVAILABLE),
        (500, "InternalServerError", Verdict.UNAVAILABLE),
        (504, "GatewayTimeout", Verdict.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("bare", [False, True])
def test_what_an_error_means(status, code, verdict, bare):
    answer = asked(AzureWire(error(status, code, "why", bare=bare, **{"retry-after": "3"})))
    assert (answer.verdict, answer.code, answer.request_id) == (verdict, code, "req-1")
    assert answer.retry_after == 3.0
    assert answer.tags is None
    if status != 401:
        assert answer.message == "why"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (404, Verdict.FAILED),
        (403, Verdict.FORBIDDEN),
        (502, Verdict.UNAVAILABLE),
        (429, Verdict.THROTTLED),
        (302, Verdict.FAILED),
        (400, Verdict.FAILED),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>not here</html>", b'{"error": "text"}', b'{"error": {"code": null}}'])
def test_an_error_in_no_documented_form_goes_by_its_status(status, verdict, body):
    answer = asked(
        AzureWire(httpx.Response(status, content=body, headers={"location": "https://elsewhere.example.com"}))
    )
    assert (answer.verdict, answer.code) == (verdict, f"HTTP_{status}")


def test_a_subscription_of_another_tenant_is_refused_without_replacing_the_token_or_closing_the_account():
    cloud = AzureWire(error(401, "InvalidAuthenticationTokenTenant", "tenant https://sts.windows.net/9999 is wrong"))
    answer = asked(cloud)
    assert answer.verdict is Verdict.FORBIDDEN
    assert answer.message == "the subscription is in another tenant than the credentials"
    assert (len(cloud.requests), len(cloud.logins)) == (1, 1)


def test_no_message_repeats_the_token_or_the_secret():
    cloud = AzureWire(error(400, "Bad", f"not t0ken-1, nor {KEY.client_secret}"))
    assert asked(cloud).message == "not ***, nor ***"
    refused = AzureWire(error(401, "InvalidAuthenticationToken", "the token t0ken-1 is wrong"), tokens=(token(),))
    assert asked(refused).message == "the token was not accepted"


@pytest.mark.parametrize(
    ("cloud", "login", "host"),
    [
        ("public", "login.microsoftonline.com", "management.azure.com"),
        ("china", "login.chinacloudapi.cn", "management.chinacloudapi.cn"),
        ("usgov", "login.microsoftonline.us", "management.usgovcloudapi.net"),
    ],
)
def test_each_of_the_clouds_has_its_own_authority_host_and_scope(cloud, login, host):
    key = AzureCredentials.parse(dict(KEY.model_dump(exclude_none=True), cloud=cloud))
    wire = AzureWire(tags_answer({}), login=login)
    assert asked(wire, "read", key=key).verdict is Verdict.DONE
    assert wire.requests[0].url.host == host
    assert f"scope=https%3A%2F%2F{host}%2F.default".encode() in wire.logins[0].content


def test_endpoints_can_be_replaced_and_nothing_else_is_called_then():
    endpoints = {"azure.management": "http://127.0.0.1:1", "azure.login": "http://127.0.0.1:2"}
    wire = AzureWire(tags_answer({}), login="127.0.0.1:2")
    assert asked(wire, "read", options=Options(endpoints=endpoints)).verdict is Verdict.DONE
    assert [sent.url.netloc for sent in (*wire.logins, *wire.requests)] == [b"127.0.0.1:2", b"127.0.0.1:1"]


def test_tags_are_read_first_whatever_the_stack_says():
    provider = AzureTags(Options(read_first=False), {})
    assert (provider.reads_first, provider.removes_pairs) == (True, True)
    assert (provider.limits.resources, provider.limits.keys, provider.limits.in_a_read) == (1, 50, 1)


@pytest.mark.parametrize(
    "key", ["hidden-link:/subscriptions/x", "Microsoft.x", "AZURE-y", "windows", "MS-Resource-Usage:z"]
)
def test_the_clouds_own_keys_are_never_touched_in_any_case(key):
    provider = AzureTags(Options(), {})
    assert is_reserved(provider, key)
    assert not is_reserved(provider, f"my-{key}")


def test_a_group_and_a_subscription_bear_tags_as_resources_do():
    for id_ in (GROUP, f"/subscriptions/{SUBSCRIPTION}"):
        cloud = AzureWire(tags_answer({"env": "prod"}, id_=f"{id_}/providers/Microsoft.Resources/tags/default"))
        assert asked(cloud, "read", ids=(id_,)).tags == {id_: {"env": "prod"}}
        assert cloud.requests[0].url.path == f"{id_}/providers/Microsoft.Resources/tags/default"


def test_no_call_is_made_for_what_is_no_arm_id():
    cloud = AzureWire(tags_answer({}))
    for id_ in ("vm-1", f"{GROUP}/../..", "https://elsewhere.example.com"):
        answer = asked(cloud, ids=(id_,), tags=(ENV,))
        assert (answer.verdict, answer.code, answer.unsent) == (Verdict.FAILED, "invalid_id", True)
    assert cloud.requests == []
