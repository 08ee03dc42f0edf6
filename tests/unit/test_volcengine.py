"""Volcengine: what is asked, what each documented answer means, and what an answer that leaves a resource out says."""

import httpx
import pytest
from support import body_of, run
from volcengine_support import (
    KEY,
    NUMBER,
    ONE,
    OPERATION,
    REGION,
    TAGS,
    TWO,
    USER,
    WITHOUT_ACCOUNT,
    asked,
    cloud,
    done,
    failed,
    identity,
    problems,
    rows,
    scope_of,
)

from untag.contracts import Action
from untag.providers import Session, Verdict
from untag.providers.volcengine.tag import VolcengineTag


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("write", {"TagKeys": ["env", "部门"]}),
        ("restore", {"Tags": [{"Key": "env", "Value": "prod"}, {"Key": "部门", "Value": "研发"}]}),
    ],
)
def test_a_write_names_trns_and_keys_and_is_signed_for_the_tag_service(kind, named):
    wire = cloud(done(OPERATION[kind], {"FailedResources": []}))
    answer = asked(wire, kind)
    assert (answer.verdict, answer.confirmed, answer.request_id, answer.failures) == (Verdict.DONE, None, "req-1", {})
    types, sent = wire.requests
    assert types.url.params["Action"] == "ListResourceTypes"
    assert sent.method == "POST"
    assert str(sent.url) == f"https://open.volcengineapi.com/?Action={OPERATION[kind]}&Version=2022-06-01"
    assert sent.headers["content-type"] == "application/json; charset=UTF-8"
    assert body_of(sent) == {"ResourceTrnList": [ONE, TWO], **named}
    assert (
        "/cn-beijing/tag/request, SignedHeaders=content-type;host;x-content-sha256;x-date"
        in (sent.headers["authorization"])
    )


@pytest.mark.parametrize(
    ("type_", "id_", "region", "trn"),
    [("ecs:instance", "i-1", REGION, ONE), ("iam:user", "Bob", "cn-beijing", USER)],
)
def test_a_bare_id_becomes_a_trn_in_the_accounts_number(type_, id_, region, trn):
    assert problems(type_, (id_,), region=region) == []
    wire = cloud(done("UntagResources", {"FailedResources": []}))
    assert asked(wire, ids=(id_, trn), type_=type_, region=region).verdict is Verdict.DONE
    assert body_of(wire.requests[1])["ResourceTrnList"] == [trn], "one resource by two names is asked for once"


def test_the_types_are_asked_for_once_in_an_hour():
    wire = cloud(done("UntagResources", {"FailedResources": []}))

    async def ask():
        provider = VolcengineTag()
        scope = scope_of(provider)
        async with wire.client() as client:
            session = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            for _ in range(3):
                await provider.write(session, Action.REMOVE, scope, (ONE,), TAGS)

    run(ask())
    assert [sent.url.params["Action"] for sent in wire.requests] == ["ListResourceTypes", *["UntagResources"] * 3]


@pytest.mark.parametrize("kind", ["write", "read", "find"])
def test_a_type_that_the_service_does_not_name_is_not_asked_for(kind):
    wire = cloud(done(OPERATION[kind], {}))
    trn = f"trn:kms:{REGION}:{NUMBER}:keyrings/x"
    answer = asked(wire, kind, type_="kms:keyrings", ids=(trn,))
    assert (answer.verdict, answer.code, answer.unsent) == (Verdict.FAILED, "type_not_supported", True)
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (failed(403, "AccessDenied"), Verdict.FORBIDDEN),
        (failed(401, "InvalidAccessKey"), Verdict.UNAUTHORIZED),
        (failed(200, "AccountFlowLimitExceeded"), Verdict.THROTTLED),
        (done("ListResourceTypes", {"ResourceTypes": []}), Verdict.UNAVAILABLE),
        (done("ListResourceTypes", {"ResourceTypes": [{"Service": "ecs"}]}), Verdict.UNAVAILABLE),
        (done("ListResourceTypes", None), Verdict.UNAVAILABLE),
    ],
)
def test_nothing_is_asked_for_while_the_types_are_not_known(known, verdict):
    wire = cloud(done("UntagResources", {"FailedResources": []}), known=known)
    answer = asked(wire)
    assert (answer.verdict, answer.unsent, len(wire.requests)) == (verdict, True, 1)


def test_failures_inside_a_success_are_by_resource_with_their_own_verdicts():
    codes = {ONE: "AccountFlowLimitExceeded", TWO: "InvalidResource.NotFound"}
    entries = [{"ResourceTrn": trn, "Code": code, "Message": "m"} for trn, code in codes.items()]
    answer = asked(cloud(done("UntagResources", {"FailedResources": entries})))
    assert answer.verdict is Verdict.DONE
    assert {id_: failure.verdict for id_, failure in answer.failures.items()} == {
        ONE: Verdict.THROTTLED,
        TWO: Verdict.NOT_FOUND,
    }


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("InternalError", Verdict.UNAVAILABLE),
        ("FlowLimitExceeded", Verdict.THROTTLED),
        ("ErrResourceNotFound", Verdict.NOT_FOUND),
        ("AccessDenied", Verdict.FAILED),
        ("LimitExceeded.Tags", Verdict.FAILED),
        (None, Verdict.FAILED),
    ],
)
def test_an_entry_of_the_failed_means_what_its_code_says(code, verdict):
    entry = {"ResourceTrn": ONE, "Code": code, "Message": "the key fake-secret-key"}
    answer = asked(cloud(done("UntagResources", {"FailedResources": [entry]})))
    assert answer.failures[ONE].verdict is verdict
    assert "fake-secret-key" not in answer.failures[ONE].message


@pytest.mark.parametrize("result", [None, {}], ids=["null", "empty"])
def test_a_success_without_the_list_of_failures_is_read_back_and_not_believed(result):
    answer = asked(cloud(done("UntagResources", result)))
    assert (answer.verdict, answer.confirmed) == (Verdict.DONE, -1)


def test_an_explicit_null_for_no_failures_is_the_empty_list():
    assert asked(cloud(done("UntagResources", {"FailedResources": None}))).confirmed is None


@pytest.mark.parametrize("kind", ["write", "read", "find"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text='{"ResponseMetadata": {"RequestId": "r", "Action":'),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"Result": {"FailedResources": [], "ResourceTagMappingList": []}}),
        httpx.Response(200, text="<html></html>"),
        done("GetTags", {"FailedResources": [], "ResourceTagMappingList": []}),
        done(None, {"FailedResources": {}, "ResourceTagMappingList": {}}),
        done(None, {"FailedResources": ["i-1"], "ResourceTagMappingList": ["i-1"]}),
        done(None, {"FailedResources": [{}], "ResourceTagMappingList": [{"ResourceTrn": ONE}]}),
        done(None, "done"),
        done(None, {"FailedResources": [], "ResourceTagMappingList": []}, status=202),
        httpx.Response(204),
    ],
    ids=range(13),
)
def test_a_success_without_the_documented_body_is_not_believed(kind, answer):
    judged = asked(cloud(answer), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read"])
def test_an_answer_about_another_resource_says_nothing_of_ours(kind):
    other = ONE.upper()
    result = {
        "FailedResources": [{"ResourceTrn": other, "Code": "x", "Message": "m"}],
        "ResourceTagMappingList": rows(other, env="prod"),
    }
    judged = asked(cloud(done(OPERATION[kind], result)), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read", "find"])
@pytest.mark.parametrize(
    ("status", "code", "number", "verdict"),
    [
        (200, "AccountFlowLimitExceeded", 100027, Verdict.THROTTLED),
        (400, "FlowLimitExceeded", None, Verdict.THROTTLED),
        (200, "Busy", 100027, Verdict.THROTTLED),
        (429, "", None, Verdict.THROTTLED),
        (401, "InvalidAccessKey", 100009, Verdict.UNAUTHORIZED),
        (200, "SignatureDoesNotMatch", 100010, Verdict.UNAUTHORIZED),
        (400, "InvalidTimestamp", 100006, Verdict.UNAUTHORIZED),
        (403, "InvalidTimestamp", None, Verdict.UNAUTHORIZED),
        (401, "InvalidSecretToken", None, Verdict.UNAUTHORIZED),
        (403, "AccessDenied", 100013, Verdict.FORBIDDEN),
        (200, "LackPolicy", 100012, Verdict.FORBIDDEN),
        (404, "ServiceNotFound", 100007, Verdict.FAILED),
        (404, "InvalidActionOrVersion", 100008, Verdict.FAILED),
        (404, "", None, Verdict.FAILED),
        (404, "InvalidResource.NotFound", None, Verdict.NOT_FOUND),
        (400, "InvalidResource.NotFound", None, Verdict.NOT_FOUND),
        (400, "LimitExceeded.MaximumResourceIds", None, Verdict.REFUSED),
        (200, "InvalidTagKey.Malformed", None, Verdict.REFUSED),
        (500, "InternalError", 100014, Verdict.UNAVAILABLE),
        (200, "InternalServiceTimeout", 100016, Verdict.UNAVAILABLE),
        (503, "", None, Verdict.UNAVAILABLE),
        (408, "", None, Verdict.UNAVAILABLE),
    ],
)
def test_every_error_means_what_its_code_says_whatever_the_status(kind, status, code, number, verdict):
    answer = asked(cloud(failed(status, code, number, "signed with fake-secret-key, key AKLT-FAKE")), kind)
    assert answer.verdict is verdict
    assert answer.request_id == "req-1"
    assert answer.code == (code or f"HTTP_{status}")
    assert "fake-secret-key" not in f"{answer.message}"
    assert "AKLT-FAKE" not in f"{answer.message}"


def test_a_redirect_and_a_page_that_is_no_json_mean_what_their_status_says():
    assert asked(cloud(httpx.Response(302, headers={"location": "http://other"}))).verdict is Verdict.FAILED
    assert asked(cloud(httpx.Response(502, text="<html>"))).verdict is Verdict.UNAVAILABLE
    held = httpx.Response(429, headers={"retry-after": "7"})
    assert asked(cloud(held)).retry_after == 7.0


def test_a_read_has_an_entry_for_what_it_lists_and_for_what_is_known_to_have_no_tags():
    wire = cloud(done("GetResources", {"NextToken": "", "ResourceTagMappingList": rows(TWO, env="prod")}))
    answer = asked(wire, "read")
    assert body_of(wire.requests[1]) == {"ResourceTrnList": [ONE, TWO], "MaxResults": 2}
    assert answer.tags == {ONE: {}, TWO: {"env": "prod"}}


def test_a_null_list_with_nothing_behind_it_is_an_empty_one():
    answer = asked(cloud(done("GetResources", {"NextToken": "", "ResourceTagMappingList": None})), "read")
    assert answer.tags == {ONE: {}, TWO: {}}


@pytest.mark.parametrize(
    ("said", "id_", "type_", "region"),
    [
        (failed(403, "AccessDenied"), ONE, "ecs:instance", REGION),  # perhaps another account's
        (None, f"trn:ecs:{REGION}::instance/i-1", "ecs:instance", REGION),  # in whichever account
        (None, ONE, "ecs:instance", "cn-beijing"),  # another region
    ],
)
def test_nothing_is_known_of_a_resource_that_a_read_leaves_out_for_another_reason_than_its_tags(
    said, id_, type_, region
):
    wire = cloud(done("GetResources", {"ResourceTagMappingList": []}), said=said)
    answer = asked(wire, "read", ids=(id_,), type_=type_, region=region)
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {})


def test_a_resource_without_a_region_is_known_in_the_region_of_the_service():
    wire = cloud(done("GetResources", {"ResourceTagMappingList": []}))
    assert asked(wire, "read", ids=(USER,), type_="iam:user", region="cn-beijing").tags == {USER: {}}


def test_a_read_that_comes_in_pages_is_read_to_its_end():
    first = done("GetResources", {"NextToken": "t-1", "ResourceTagMappingList": rows(ONE, env="prod")})
    last = done("GetResources", {"NextToken": "", "ResourceTagMappingList": rows(TWO, env="test")})
    wire = cloud(first, last)
    assert asked(wire, "read").tags == {ONE: {"env": "prod"}, TWO: {"env": "test"}}
    assert body_of(wire.requests[2])["NextToken"] == "t-1"


def test_of_what_a_listing_that_does_not_end_leaves_out_nothing_is_known():
    page = done("GetResources", {"NextToken": "t-1", "ResourceTagMappingList": rows(ONE, env="prod")})
    wire = cloud(page)
    assert asked(wire, "read").tags == {ONE: {"env": "prod"}}
    assert len(wire.requests) == 3


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_resource_of_another_account_is_refused_before_any_call(kind):
    other = ONE.replace(NUMBER, "2100000002")
    wire = cloud(done(OPERATION[kind], {}))
    answer = asked(wire, kind, ids=(ONE, other))
    assert (answer.verdict, answer.code, answer.unsent) == (Verdict.REFUSED, "account_mismatch", True)
    assert other in answer.message
    assert wire.requests == []


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_bare_id_is_refused_where_the_account_is_not_known(kind):
    wire = cloud(done(OPERATION[kind], {}), said=failed(403, "AccessDenied"))
    answer = asked(wire, kind, ids=(ONE, "i-2"), key=WITHOUT_ACCOUNT)
    assert (answer.verdict, answer.code, answer.unsent) == (Verdict.REFUSED, "account_unknown", True)
    assert [sent.url.params["Action"] for sent in wire.requests] == ["ListResourceTypes"]


def test_whose_the_key_is_is_asked_of_sts_and_is_a_number_or_a_text():
    for number in (int(NUMBER), NUMBER):
        wire = cloud(done("GetResources", {"ResourceTagMappingList": []}), said=identity(number))
        assert asked(wire, "read", ids=("i-1",), key=WITHOUT_ACCOUNT).tags == {"i-1": {}}
        assert body_of(wire.requests[1])["ResourceTrnList"] == [ONE]
        (question,) = wire.identifying
        url = "https://open.volcengineapi.com/?Action=GetCallerIdentity&Version=2018-01-01"
        assert (question.method, str(question.url), question.content) == ("POST", url, b"")
        assert "/cn-beijing/sts/request," in question.headers["authorization"]


@pytest.mark.parametrize("number", [None, "", 1.5, True, -1, "root", [1]])
def test_an_identity_without_a_number_is_not_believed(number):
    wire = cloud(done("GetResources", {"ResourceTagMappingList": []}), said=identity(number))
    answer = asked(wire, "read")
    assert (answer.verdict, answer.code, answer.unsent) == (Verdict.UNAVAILABLE, "unexpected_answer", True)
    assert wire.requests == []


def test_an_account_that_sts_does_not_say_is_good_for_names_alone():
    wire = cloud(done("GetResources", {"ResourceTagMappingList": []}), said=failed(403, "AccessDenied"))
    assert asked(wire, "read", ids=("i-1", TWO)).tags == {}
    assert body_of(wire.requests[1])["ResourceTrnList"] == [ONE, TWO]


@pytest.mark.parametrize("kind", ["write", "restore", "read"])
@pytest.mark.parametrize("id_", ["i-1", ONE])
def test_a_wrong_account_in_the_credentials_fails_before_any_other_call(kind, id_):
    wire = cloud(done(OPERATION[kind], {}), said=identity(2100000002))
    answer = asked(wire, kind, ids=(id_,))
    assert (answer.verdict, answer.code, answer.unsent) == (Verdict.FAILED, "account_mismatch", True)
    assert NUMBER in answer.message
    assert "2100000002" in answer.message
    assert "AKLT-FAKE" not in answer.message
    assert wire.requests == []


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (429, "AccountFlowLimitExceeded", Verdict.THROTTLED),
        (503, "ServiceUnavailable", Verdict.UNAVAILABLE),
        (401, "InvalidAccessKey", Verdict.UNAUTHORIZED),
    ],
)
def test_what_sts_says_of_the_moment_or_the_key_is_the_answer(status, code, verdict):
    wire = cloud(done("GetResources", {}), said=failed(status, code, message="AKLT-FAKE is invalid"))
    answer = asked(wire, "read")
    assert (answer.verdict, answer.code, answer.unsent) == (verdict, code, True)
    assert "AKLT-FAKE" not in answer.message
    assert wire.requests == []


@pytest.mark.parametrize(
    "id_", ["i-1?Action=DeleteTags", "i-1#x", "i-1&TagKeys=all", "..", "%2e%2e%2fx", "a@evil.example"]
)
def test_an_id_changes_neither_the_address_nor_the_operation_of_a_call(id_):
    wire = cloud(done("UntagResources", {"FailedResources": []}))
    assert asked(wire, ids=(id_,)).verdict is Verdict.DONE
    assert {str(sent.url) for sent in wire.requests} == {
        "https://open.volcengineapi.com/?Action=ListResourceTypes&Version=2022-06-01",
        "https://open.volcengineapi.com/?Action=UntagResources&Version=2022-06-01",
    }
    assert body_of(wire.requests[1])["ResourceTrnList"] == [f"trn:ecs:{REGION}:{NUMBER}:instance/{id_}"]
