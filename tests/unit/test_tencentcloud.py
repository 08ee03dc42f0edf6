"""Tencent Cloud: what is asked, what each answer means, and what an answer that leaves a resource out says."""

import json
from pathlib import Path

import httpx
import pytest
from support import Asking, Wire, run

from untag.contracts import Action, InvalidInputError, Tag
from untag.core.policy import is_reserved
from untag.providers import Listing, Location, Options, Session, Verdict
from untag.providers.tencentcloud.credentials import TencentCredentials
from untag.providers.tencentcloud.signing import Tc3Auth
from untag.providers.tencentcloud.tag import TencentTag

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tencentcloud.json").read_text(encoding="utf-8"))
REGION, UIN = "ap-guangzhou", "100000000001"
FIELDS = {"access_key": "AKIDFAKE", "secret_key": "fake-secret-key", "account_id": UIN}
KEY = TencentCredentials.parse(FIELDS)
WITHOUT_UIN = TencentCredentials.parse({name: FIELDS[name] for name in ("access_key", "secret_key")})
INSTANCE = f"qcs::cvm:{REGION}:uin/{UIN}:instance/ins-1"
DATABASE = f"qcs::cdb:{REGION}:uin/{UIN}:instanceId/cdb-1"
DOMAIN = f"qcs::cdn::uin/{UIN}:domain/www.example.com"
BUCKET = f"qcs::cos:{REGION}:uid/1250000000:bucket/logs-1250000000"
TAGS = (Tag("env", "prod"), Tag("部门", "研发"))


ASKING = Asking("tencentcloud", REGION, "cvm:instance", "ins-1")
request = ASKING.request
problems = ASKING.problems


def answered(
    answer,
    kind="write",
    action=Action.REMOVE,
    type_="cvm:instance",
    ids=(INSTANCE, DATABASE),
    tags=TAGS,
    key=KEY,
    cursor=None,
    said=None,
    asked=None,
):
    """The answer as it is judged, and the requests that were sent to the Tag API; STS gives the answer `said`."""
    wire = Wire(answer, identity=said or response({"AccountId": UIN}))

    async def ask():
        provider = TencentTag()
        scope = provider.scope(Location("default", REGION, None), type_)
        async with wire.client() as client:
            session = Session(client, key, provider.auth(key, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope.of_ids(ids), ids)
            if kind == "find":
                return await provider.find(session, scope, Tag("env", None), cursor)
            if kind == "keys":
                return await provider.names(session, scope, None, cursor)
            if kind == "values":
                return await provider.names(session, scope, "env", cursor)
            return await provider.write(session, action, scope.of_ids(ids), ids, tags, {})

    told = run(ask())
    if asked is not None:
        asked += wire.identifying
    return told, wire.requests


def response(fields, status=200, **headers):
    return httpx.Response(status, json={"Response": {"RequestId": "req-1", **fields}}, headers=headers)


def error(code, message="m", status=200, **headers):
    return response({"Error": {"Code": code, "Message": message}}, status, **headers)


def rows(*names, **tags):
    listed = [{"TagKey": key, "TagValue": value, "Category": "Custom"} for key, value in tags.items()]
    return [{"Resource": name, "Tags": listed} for name in names]


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


@pytest.mark.parametrize("none", [[], None])
def test_a_success_without_failures_is_one_with_an_empty_list_or_null(none):
    answer, _ = answered(response({"FailedResources": none}))
    assert (answer.verdict, answer.failures) == (Verdict.DONE, {})


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("RequestLimitExceeded", Verdict.THROTTLED),
        ("RequestLimitExceeded.UinLimitExceeded", Verdict.THROTTLED),
        ("InternalError", Verdict.UNAVAILABLE),
        ("InternalError.ServerError", Verdict.UNAVAILABLE),
        ("FailedOperation.ResourceTagProcessing", Verdict.UNAVAILABLE),
        ("FailedOperation", Verdict.FAILED),
        ("FailedOperation.ResourceAppIdNotSame", Verdict.FAILED),
        ("ResourceNotFound", Verdict.NOT_FOUND),
        ("ResourceNotFound.AttachedTagKeyNotFound", Verdict.FAILED),
        ("InvalidParameterValue.ResourceIdInvalid", Verdict.FAILED),
        ("AuthFailure.UnauthorizedOperation", Verdict.FAILED),
        ("LimitExceeded.ResourceAttachedTags", Verdict.FAILED),
    ],
)
def test_every_code_of_a_resource_means_what_it_should(code, verdict):
    entry = {"Resource": INSTANCE, "Code": code, "Message": "fake-secret-key"}
    answer, _ = answered(response({"FailedResources": [entry]}))
    assert answer.failures == {INSTANCE: (code, "***", verdict)}


def test_a_failure_of_a_resource_is_one_of_every_id_that_names_it():
    entry = {"Resource": INSTANCE, "Code": "OperationDenied"}
    answer, _ = answered(response({"FailedResources": [entry]}), ids=("ins-1", INSTANCE))
    assert set(answer.failures) == {"ins-1", INSTANCE}


@pytest.mark.parametrize("kind", ["write", "read", "find", "keys", "values"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, text='{"Response": {"FailedResources": ['),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"Response": None}),
        httpx.Response(200, json={"Response": {"FailedResources": [], "ResourceTagMappingList": []}}),
        response({}),
        response({"Error": "busy"}),
        response({"Error": {"Message": "m"}}),
        response({"FailedResources": {}, "ResourceTagMappingList": {}, "TagKeys": {}, "Tags": {}}),
        response({"FailedResources": "", "ResourceTagMappingList": None, "TagKeys": None, "Tags": None}),
        response({"FailedResources": ["busy"], "ResourceTagMappingList": ["ins-1"], "TagKeys": [1], "Tags": ["a"]}),
        response(
            {
                "FailedResources": [{"Code": "x"}],
                "ResourceTagMappingList": [{"Resource": INSTANCE}],
                "TagKeys": [None],
                "Tags": [{"TagKey": "env"}],
            }
        ),
        response({"FailedResources": [], "ResourceTagMappingList": [], "TagKeys": [], "Tags": []}, 202),
        httpx.Response(204),
    ],
    ids=range(16),
)
def test_a_success_without_the_documented_body_is_not_believed(kind, answer):
    judged, _ = answered(answer, kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")
    assert not isinstance(judged, Listing)


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize("other", [INSTANCE.upper(), INSTANCE.replace("ins-1", "ins-2"), "ins-1", ""])
def test_an_answer_about_another_resource_says_nothing_of_ours(kind, other):
    fields = {"FailedResources": [{"Resource": other, "Code": "x"}], "ResourceTagMappingList": rows(other, env="prod")}
    judged, _ = answered(response(fields), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read", "find", "keys"])
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("RequestLimitExceeded", Verdict.THROTTLED),
        ("RequestLimitExceeded.IPLimitExceeded", Verdict.THROTTLED),
        ("RequestLimitExceeded.GlobalRegionUinLimitExceeded", Verdict.THROTTLED),
        ("AuthFailure", Verdict.UNAUTHORIZED),
        ("AuthFailure.SignatureFailure", Verdict.UNAUTHORIZED),
        ("AuthFailure.SignatureExpire", Verdict.UNAUTHORIZED),
        ("AuthFailure.SecretIdNotFound", Verdict.UNAUTHORIZED),
        ("AuthFailure.InvalidSecretId", Verdict.UNAUTHORIZED),
        ("AuthFailure.InvalidAuthorization", Verdict.UNAUTHORIZED),
        ("AuthFailure.TokenFailure", Verdict.UNAUTHORIZED),
        ("AuthFailure.UnauthorizedOperation", Verdict.FORBIDDEN),
        ("AuthFailure.MFAFailure", Verdict.FORBIDDEN),
        ("UnauthorizedOperation", Verdict.FORBIDDEN),
        ("UnauthorizedOperation.CamNoAuth", Verdict.FORBIDDEN),
        ("InternalError", Verdict.UNAVAILABLE),
        ("InternalError.DbError", Verdict.UNAVAILABLE),
        ("FailedOperation.ResourceTagProcessing", Verdict.UNAVAILABLE),
        ("ResourceNotFound", Verdict.NOT_FOUND),
        ("ResourceNotFound.AttachedTagKeyNotFound", Verdict.REFUSED),
        ("FailedOperation", Verdict.REFUSED),
        ("FailedOperation.ResourceAppIdNotSame", Verdict.REFUSED),
        ("InvalidParameter.Tag", Verdict.REFUSED),
        ("InvalidParameter.UnsupportedService", Verdict.REFUSED),
        ("InvalidParameter.PaginationTokenInvalid", Verdict.REFUSED),
        ("InvalidParameterValue.ResourceDescriptionError", Verdict.REFUSED),
        ("LimitExceeded.ResourceNumPerRequest", Verdict.REFUSED),
        ("OperationDenied", Verdict.REFUSED),
        ("SomethingNew", Verdict.REFUSED),
        ("ActionOffline", Verdict.FAILED),
        ("InvalidAction", Verdict.FAILED),
        ("NoSuchVersion", Verdict.FAILED),
    ],
)
def test_every_error_inside_a_200_means_what_it_should(kind, code, verdict):
    answer, _ = answered(error(code, "the canonical request was fake-secret-key"), kind)
    assert (answer.verdict, answer.code, answer.request_id) == (verdict, code, "req-1")
    assert "fake-secret-key" not in f"{answer.message}"
    assert "canonical" not in f"{answer.message}" or verdict is not Verdict.UNAUTHORIZED


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/html", "application/octet-stream", "text/plain"]
)
def test_an_error_is_an_error_whatever_its_content_type_says(kind, content_type):
    content = error("OperationDenied").content
    answer, _ = answered(httpx.Response(200, content=content, headers={"content-type": content_type}), kind)
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "OperationDenied")


def test_an_error_counts_beside_what_looks_like_a_success():
    fields = {"FailedResources": [], "Error": {"Code": "InternalError", "Message": "m"}}
    assert answered(response(fields))[0].verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize("kind", ["write", "read", "find"])
@pytest.mark.parametrize(
    ("status", "verdict", "code"),
    [
        (429, Verdict.THROTTLED, "HTTP_429"),
        (401, Verdict.UNAUTHORIZED, "HTTP_401"),
        (403, Verdict.FORBIDDEN, "HTTP_403"),
        (500, Verdict.UNAVAILABLE, "HTTP_500"),
        (502, Verdict.UNAVAILABLE, "HTTP_502"),
        (503, Verdict.UNAVAILABLE, "HTTP_503"),
        (400, Verdict.REFUSED, "HTTP_400"),
        (413, Verdict.REFUSED, "HTTP_413"),
        (404, Verdict.FAILED, "HTTP_404"),
        (302, Verdict.FAILED, "HTTP_302"),
    ],
)
def test_a_gateway_on_the_way_is_understood_by_its_status(kind, status, verdict, code):
    answer, _ = answered(httpx.Response(status, text="<html>", headers={"retry-after": "7"}), kind)
    assert (answer.verdict, answer.code, answer.retry_after) == (verdict, code, 7.0)


def test_a_read_has_an_entry_for_what_it_lists_and_for_what_is_known_to_have_no_tags():
    fields = {"PaginationToken": "", "ResourceTagMappingList": rows(DATABASE, env="prod")}
    answer, (sent,) = answered(response(fields), "read", ids=(INSTANCE, DATABASE, "ins-2"))
    names = [INSTANCE, DATABASE, INSTANCE.replace("ins-1", "ins-2")]
    assert json.loads(sent.content) == {"ResourceList": names}
    assert sent.headers["x-tc-action"] == "GetResources"
    assert answer.tags == {INSTANCE: {}, DATABASE: {"env": "prod"}, "ins-2": {}}


@pytest.mark.parametrize(
    ("type_", "id_", "said"),
    [
        ("cvm:instance", INSTANCE, error("UnauthorizedOperation")),  # whose it is, is not known
        ("cos:bucket", BUCKET, None),  # its name has the app id, which nobody says
        ("cvm:instances", INSTANCE.replace("instance/", "instances/"), None),  # no type that is documented: a slip?
        ("cdn:domain", DOMAIN.replace("cdn::", f"cdn:{REGION}:"), None),  # its type has no region
    ],
)
def test_nothing_is_known_of_a_resource_that_a_read_leaves_out_for_another_reason_than_its_tags(type_, id_, said):
    answer, _ = answered(response({"ResourceTagMappingList": []}), "read", type_=type_, ids=(id_,), said=said)
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {})


def test_nothing_is_known_of_what_an_answer_leaves_out_that_has_a_next_page():
    answer, _ = answered(response({"PaginationToken": "more", "ResourceTagMappingList": []}), "read")
    assert answer.tags == {}


@pytest.mark.parametrize(
    ("type_", "id_", "words"),
    [
        ("cvm:instance", INSTANCE.replace(REGION, "ap-beijing"), "is in region ap-beijing"),
        ("cvm:instance", INSTANCE.replace(REGION, "gz"), "is in region gz"),
        ("cvm:instance", INSTANCE.replace(REGION, ""), "names no region"),
        ("cvm:instance", DATABASE, "of type cdb:instanceId"),
        ("cvm:instance", INSTANCE.replace("uin", "uid"), "the owner's uin"),
        ("cos:bucket", BUCKET.replace("uid", "uin"), "the app id"),
        ("cos:bucket", "logs-1250000000", "none can be built"),
        *(
            ("cvm:instance", id_, "should be a six-segment name")
            for id_ in (
                "qcs::cvm",
                INSTANCE.replace("ins-1", "*"),
                INSTANCE.replace("ins-1", "ins-1/../ins-2"),
                INSTANCE.replace("ins-1", "ins-1\u00a0"),
                INSTANCE.replace("qcs::", "qcs:id/1:"),
                INSTANCE.replace(UIN, ""),
                INSTANCE.replace(UIN, "*"),
                "*",
                ".",
                "..",
                "../ins-1",
                "ins-1/..",
                "ins%2f1",
                "ins-1#x",
                "ins-1?x=y",
                "a@evil.example.com",
                "https://evil.example.com/",
                "instance/ins-1",
                "a:b",
            )
        ),
    ],
)
def test_a_resource_that_contradicts_its_request_or_could_mean_another_is_refused_by_name(type_, id_, words):
    ((path, message),) = problems(type_, (id_,))
    assert path == "resources.0.ids.0"
    assert words in message


@pytest.mark.parametrize(
    "type_", ["cvm", "cvm:instance/x", "cvm:a:b", "Cvm:instance", "cvm:", "cvm.evil.example.com:x"]
)
def test_a_type_is_a_service_and_a_prefix(type_):
    ((path, message),) = problems(type_)
    assert (path, message) == ("resources.0.type", "should be service:prefix, as in cvm:instance")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"region": None}, "region"),
        ({"tags": [{"key": "k" * 128}]}, "tags.0.key"),
        ({"action": "restore", "tags": [{"key": "env", "value": ""}]}, "tags.0.value"),
    ],
)
def test_what_the_cloud_could_not_take_is_refused_by_its_path(changes, path):
    assert [found for found, _ in problems(**changes)] == [path]


def test_a_name_without_a_region_is_reached_from_any_and_an_unknown_type_is_only_warned_of():
    assert problems("cdn:domain", (DOMAIN,)) == []
    assert problems("cos:bucket", (BUCKET,)) == []
    assert problems("tdmq:cluster", ("pulsar-1",)) == []
    assert list(TencentTag().warnings(request("cvm:instance"))) == []
    (warning,) = TencentTag().warnings(request("tdmq:cluster", ("pulsar-1",)))
    assert "tdmq:cluster" in warning


@pytest.mark.parametrize("key", ["qcs:tag:createdBy", "project", "projectName", "项目", "qcloud", "tencentdb"])
def test_keys_that_are_or_were_the_clouds_own_are_reserved(key):
    assert is_reserved(TencentTag(), key)
    assert not is_reserved(TencentTag(), "env")


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


def test_a_search_keeps_what_is_of_the_type_and_the_region_and_goes_on_at_the_token_until_there_is_none():
    elsewhere = INSTANCE.replace(REGION, "ap-beijing")
    fields = {"PaginationToken": "more", "ResourceTagMappingList": rows(INSTANCE, DATABASE, elsewhere, env="prod")}
    answer, (sent,) = answered(response(fields), "find")
    assert json.loads(sent.content) == {
        "TagFilters": [{"TagKey": "env"}],
        "PaginationToken": "",
        "MaxResults": 200,
    }
    assert (answer.tags, answer.next, answer.types) == ({INSTANCE: {"env": "prod"}}, "more", {})
    last, (sent,) = answered(response({"PaginationToken": "", "ResourceTagMappingList": []}), "find", cursor="more")
    assert json.loads(sent.content)["PaginationToken"] == "more"
    assert (last.tags, last.next) == ({}, None)


def test_a_search_of_every_type_names_the_type_of_each_resource():
    fields = {"ResourceTagMappingList": rows(INSTANCE, DATABASE, DOMAIN, env="prod")}
    answer, _ = answered(response(fields), "find", type_="all")
    assert answer.types == {INSTANCE: "cvm:instance", DATABASE: "cdb:instanceId", DOMAIN: "cdn:domain"}


def test_a_listed_resource_without_six_segments_spoils_the_page():
    answer, _ = answered(response({"ResourceTagMappingList": rows("ins-1", env="prod")}), "find")
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


def test_keys_and_values_in_use_are_named_page_by_page():
    keys, (sent,) = answered(response({"PaginationToken": "x", "TagKeys": ["a", "b"]}), "keys")
    assert (keys.names, keys.next) == (("a", "b"), "x")
    assert sent.headers["x-tc-action"] == "GetTagKeys"
    values, (sent,) = answered(
        response({"PaginationToken": None, "Tags": [{"TagKey": "env", "TagValue": "prod"}]}), "values", cursor="x"
    )
    assert (values.names, values.next) == (("prod",), None)
    assert json.loads(sent.content) == {"PaginationToken": "x", "MaxResults": 1000, "TagKeys": ["env"]}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"account_id": "root"}, "account_id"),
        ({"account_id": "123"}, "account_id"),
        ({"secret_key": None}, "secret_key"),
        ({"secret_key": "a\nb"}, "secret_key"),
    ],
)
def test_credentials_that_are_wrong_are_refused_by_the_fields_name(fields, path):
    with pytest.raises(InvalidInputError) as caught:
        TencentCredentials.parse(FIELDS | fields)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_the_default_accounts_credentials_stand_in_the_vendors_own_variables():
    environ = {
        "TENCENTCLOUD_SECRET_ID": "AKIDFAKE",
        "TENCENTCLOUD_SECRET_KEY": "fake-secret-key",
        "TENCENTCLOUD_TOKEN": "t0ken",
        "TENCENTCLOUD_UIN": UIN,
    }
    read = TencentCredentials.from_environment(environ)
    assert (read.access_key, read.security_token, read.account_id) == ("AKIDFAKE", "t0ken", UIN)
    assert TencentCredentials.missing({}) == ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"]
    assert "fake-secret-key" not in f"{read!r} {read}"
    assert KEY.signs_like(WITHOUT_UIN)
