"""Tencent Cloud: how a call is signed, what is asked, whose the key is, and what the credentials are."""

import json
from pathlib import Path

import httpx
import pytest
from support import Wire, run
from tencentcloud_support import (
    DATABASE,
    DOMAIN,
    FIELDS,
    INSTANCE,
    KEY,
    REGION,
    TAGS,
    UIN,
    WITHOUT_UIN,
    answered,
    error,
    response,
)

from untag.contracts import Action, InvalidInputError
from untag.providers import Location, Options, Session, Verdict
from untag.providers.tencentcloud.credentials import TencentCredentials
from untag.providers.tencentcloud.signing import Tc3Auth
from untag.providers.tencentcloud.tag import TencentTag

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tencentcloud.json").read_text(encoding="utf-8"))
SIGNED_AS_SENT = [one for one in VECTORS if "X-TC-Content-SHA256" not in one["headers"]]


@pytest.mark.parametrize("vector", SIGNED_AS_SENT, ids=[one["name"] for one in SIGNED_AS_SENT])
def test_a_signature_is_the_one_that_the_sdk_or_the_documentation_gives(vector):
    key = TencentCredentials.parse({"access_key": vector["access_key"], "secret_key": vector["secret"]})
    service = vector["authorization"].split("/")[2]
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    names = vector.get("signed_headers", "content-type;host").split(";")
    signed = {name: headers[name].lower() if name == "x-tc-action" else headers[name] for name in names}
    body, moment = vector["body"].encode(), int(vector["date"])
    auth = Tc3Auth(key, service=service, clock=lambda: moment)
    assert auth.authorization("POST\n/\n", signed, body, moment) == vector["authorization"]
    if names == ["content-type", "host"]:
        sent = httpx.Request("POST", vector["url"], content=body, headers=vector["headers"])
        next(auth.auth_flow(sent))
        assert sent.headers["authorization"] == vector["authorization"]
        assert sent.headers["x-tc-timestamp"] == vector["date"]


def test_a_token_is_sent_beside_the_signature_and_each_request_is_signed_at_its_own_time():
    moments = iter([1_767_225_599.9, 1_767_225_600.0])
    auth = Tc3Auth(TencentCredentials.parse(FIELDS | {"security_token": "t0ken"}), clock=lambda: next(moments))
    days = []
    for _ in range(2):
        sent = httpx.Request("POST", "https://tag.tencentcloudapi.com/", json={})
        next(auth.auth_flow(sent))
        assert sent.headers["x-tc-token"] == "t0ken"
        days.append(sent.headers["authorization"].split("/")[1])
    assert days == ["2025-12-31", "2026-01-01"]


@pytest.mark.parametrize(
    ("action", "operation", "named"),
    [
        (Action.REMOVE, "UnTagResources", {"TagKeys": ["env", "部门"]}),
        (
            Action.RESTORE,
            "TagResources",
            {"Tags": [{"TagKey": "env", "TagValue": "prod"}, {"TagKey": "部门", "TagValue": "研发"}]},
        ),
    ],
)
def test_a_write_is_what_the_sdk_would_send(action, operation, named):
    answer, (sent,) = answered(response({"FailedResources": []}), action=action)
    assert (answer.verdict, answer.failures, answer.confirmed) == (Verdict.DONE, {}, None)
    assert answer.request_id == "req-1"
    assert (sent.method, str(sent.url)) == ("POST", "https://tag.tencentcloudapi.com/")
    assert (sent.headers["x-tc-action"], sent.headers["x-tc-version"]) == (operation, "2018-08-13")
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.content) == {"ResourceList": [INSTANCE, DATABASE], **named}


def test_a_bare_id_becomes_a_name_with_the_owners_uin_and_without_a_region_where_the_service_has_none():
    _, (sent,) = answered(response({"FailedResources": []}), ids=("ins-1", INSTANCE))
    assert json.loads(sent.content)["ResourceList"] == [INSTANCE]
    _, (sent,) = answered(response({"FailedResources": []}), type_="cdn:domain", ids=("www.example.com",))
    assert json.loads(sent.content)["ResourceList"] == [DOMAIN]


def test_whose_the_key_is_is_asked_of_sts_in_the_requests_region():
    asked = []
    answer, (sent,) = answered(
        response({"ResourceTagMappingList": []}), "read", ids=("ins-1",), key=WITHOUT_UIN, asked=asked
    )
    assert answer.tags == {"ins-1": {}}
    assert json.loads(sent.content) == {"ResourceList": [INSTANCE]}
    (question,) = asked
    assert (question.method, str(question.url)) == ("POST", "https://sts.tencentcloudapi.com/")
    assert question.headers["x-tc-action"] == "GetCallerIdentity"
    assert (question.headers["x-tc-version"], question.headers["x-tc-region"]) == ("2018-08-13", REGION)
    assert "/sts/tc3_request," in question.headers["authorization"]
    assert question.content == b"{}"


REFUSALS = ["UnauthorizedOperation", "FailedOperation.TempKeyNotAllowed", "UnsupportedRegion"]


@pytest.mark.parametrize("code", REFUSALS)
def test_where_sts_does_not_say_it_a_bare_id_needs_the_credentials_uin_and_nothing_is_bare(code):
    listed = response({"ResourceTagMappingList": []})
    answer, sent = answered(listed, "read", ids=("ins-1",), key=WITHOUT_UIN, said=error(code))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (Verdict.REFUSED, "no_account_id", True, [])
    for ids, key in (((INSTANCE,), WITHOUT_UIN), (("ins-1",), KEY), ((INSTANCE,), KEY)):
        answer, (sent,) = answered(listed, "read", ids=ids, key=key, said=error(code))
        assert json.loads(sent.content) == {"ResourceList": [INSTANCE]}
        assert (answer.verdict, answer.tags) == (Verdict.DONE, {})


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("RequestLimitExceeded", Verdict.THROTTLED),
        ("InternalError.SystemError", Verdict.UNAVAILABLE),
        ("AuthFailure.SecretIdNotFound", Verdict.UNAUTHORIZED),
    ],
)
def test_what_sts_says_of_the_moment_or_the_key_is_the_answer(kind, code, verdict):
    answer, sent = answered(response({}), kind, said=error(code, "fake-secret-key"))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (verdict, code, True, [])
    assert "fake-secret-key" not in answer.message


@pytest.mark.parametrize("number", [None, "", 1.5, True, "root", "1" * 21, ["1"]])
def test_an_identity_without_a_number_is_not_believed(number):
    answer, sent = answered(response({}), "read", said=response({"AccountId": number}))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (Verdict.UNAVAILABLE, "unexpected_answer", True, [])


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize("id_", ["ins-1", INSTANCE])
def test_a_wrong_uin_in_the_credentials_fails_before_any_call_to_the_tag_api(kind, id_):
    answer, sent = answered(response({}), kind, ids=(id_,), said=response({"AccountId": "100000000002"}))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (Verdict.FAILED, "account_mismatch", True, [])
    assert UIN in answer.message
    assert "100000000002" in answer.message
    assert "AKIDFAKE" not in answer.message


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_resource_of_another_account_is_refused_before_any_call(kind):
    other = INSTANCE.replace(UIN, "100000000002")
    answer, sent = answered(response({}), kind, ids=(INSTANCE, other))
    assert (answer.verdict, answer.code, answer.unsent, sent) == (Verdict.REFUSED, "account_mismatch", True, [])
    assert other in answer.message


def test_names_of_several_types_share_a_call_and_bare_ids_do_not():
    provider = TencentTag()

    def scope_of(type_, *ids):
        return provider.scope(Location("default", REGION, None), type_).of_ids(ids)

    named = scope_of("cvm:instance", INSTANCE), scope_of("cdb:instanceId", DATABASE)
    assert named[0] == named[1]
    bare = scope_of("cvm:instance", "ins-1"), scope_of("cdb:instanceId", "cdb-1")
    assert len({*named, *bare}) == 3
    assert [scope.type for scope in named] == ["cvm:instance", "cdb:instanceId"]


def test_a_call_carries_ten_resources_and_ten_keys_and_no_setting_makes_it_more():
    more, fewer = (TencentTag.of(Options(resources_per_call={"tencentcloud.tag": number})) for number in (50, 4))
    assert (more.limits.resources, more.limits.keys, more.limits.in_a_read) == (10, 10, 10)
    assert fewer.limits.resources == 4


def test_other_endpoints_take_the_place_of_the_public_ones():
    endpoints = {f"tencentcloud.{api}": f"https://{api}.intl.tencentcloudapi.com/" for api in ("tag", "sts")}
    provider = TencentTag.of(Options(endpoints=endpoints))
    wire = Wire(response({"FailedResources": []}), identity=response({"AccountId": UIN}))

    async def ask():
        scope = provider.scope(Location("default", REGION, None), "cvm:instance")
        async with wire.client() as client:
            session = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            return await provider.write(session, Action.REMOVE, scope, ("ins-1",), TAGS)

    run(ask())
    assert str(wire.requests[0].url) == "https://tag.intl.tencentcloudapi.com/"
    assert str(wire.identifying[0].url) == "https://sts.intl.tencentcloudapi.com/"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"account_id": "root"}, "account_id"),
        ({"account_id": 1.5}, "account_id"),
        ({"account_id": "123"}, "account_id"),
        ({"secret_key": None}, "secret_key"),
        ({"secret_key": "a\nb"}, "secret_key"),
    ],
)
def test_credentials_that_are_wrong_are_refused_by_the_fields_name(fields, path):
    with pytest.raises(InvalidInputError) as caught:
        TencentCredentials.parse(FIELDS | fields)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert path != "account_id" or problem.message == "should be 5 to 20 digits"


def test_the_default_accounts_credentials_stand_in_the_vendors_own_variables():
    environ = {
        "TENCENTCLOUD_SECRET_ID": "AKIDFAKE",
        "TENCENTCLOUD_SECRET_KEY": "fake-secret-key",
        "TENCENTCLOUD_TOKEN": "t0ken",
        "TENCENTCLOUD_UIN": UIN,
    }
    read = TencentCredentials.from_environment(environ)
    assert (read.access_key, read.security_token, read.account_id) == ("AKIDFAKE", "t0ken", UIN)
    assert TencentCredentials.parse(FIELDS | {"account_id": int(UIN)}).account_id == UIN
    assert TencentCredentials.missing({}) == ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"]
    assert "fake-secret-key" not in f"{read!r} {read}"
    assert KEY.signs_like(WITHOUT_UIN)
