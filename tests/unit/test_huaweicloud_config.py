"""Huawei Cloud Config: what is asked, and what each documented answer means."""

import json

import httpx
import pytest
from support import ACCESS_KEY, KEY, SECRET_KEY, TOKEN, Wire, body, request, run, session

from local.providers import HuaweicloudConfigServer
from untag.contracts import Action, Tag
from untag.providers import Asked, Registry, Scope, Session, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.jdcloud.resourcetag import JDCloud

TYPE = "config:policyAssignments"
SCOPE = Scope("huaweicloud", "config", "default", None, None, TYPE)
TAGS = (Tag("env", "prod"), Tag("owner", None), Tag("空", ""))


def asked(answer, kind="write", action=Action.REMOVE, id_="pa-1"):
    wire = Wire(answer)

    async def ask():
        provider = HuaweiConfig()
        async with wire.client() as client:
            one = session(client, provider.auth(KEY, SCOPE))
            if kind == "read":
                return await provider.read(one, SCOPE, (id_,))
            return await provider.write(one, action, SCOPE, (id_,), TAGS)

    return run(ask()), wire.requests[0]


def error(status, code=None, message=None, headers=None):
    told = {"error_code": code, "error_msg": message}
    return httpx.Response(status, json={name: text for name, text in told.items() if text is not None}, headers=headers)


@pytest.mark.parametrize(("action", "word"), [(Action.REMOVE, "delete"), (Action.RESTORE, "create")])
def test_a_write_is_what_the_api_documents_and_names_no_value_that_is_not_known(action, word):
    _, sent = asked(httpx.Response(204), action=action, id_="a:b")
    assert sent.method == "POST"
    path = f"/v1/resource-manager/config%3ApolicyAssignments/a%3Ab/tags/{word}"
    assert str(sent.url) == f"https://rms.myhuaweicloud.com{path}"
    assert json.loads(sent.content) == {
        "tags": [{"key": "env", "value": "prod"}, {"key": "owner"}, {"key": "空", "value": ""}]
    }
    assert sent.headers["x-domain-id"] == "d0ma1n"
    assert "SignedHeaders=content-type;host;x-domain-id;x-sdk-date;x-security-token" in sent.headers["authorization"]


def test_a_read_lists_the_tags_of_one_resource():
    listed = {"tags": [{"key": "env", "value": "prod"}, {"key": "空", "value": ""}, {"key": "none"}]}
    answer, sent = asked(httpx.Response(200, json=listed, headers={"x-request-id": "req-1"}), "read")
    assert (sent.method, sent.content) == ("GET", b"")
    assert str(sent.url).endswith("/v1/resource-manager/config%3ApolicyAssignments/pa-1/tags")
    assert (answer.verdict, answer.request_id) == (Verdict.DONE, "req-1")
    assert answer.tags == {"pa-1": {"env": "prod", "空": "", "none": ""}}


def test_a_204_is_the_success_of_all_and_counts_nothing():
    answer, _ = asked(httpx.Response(204, headers={"X-Request-Id": "req-1"}))
    assert (answer.verdict, answer.confirmed, answer.failures, answer.request_id) == (Verdict.DONE, None, {}, "req-1")


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.Response(200, json={}), httpx.Response(202)])
def test_another_success_than_204_is_not_believed_of_a_write(answer):
    judged, _ = asked(answer)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204),
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"result": {"tags": []}}),
        httpx.Response(200, json={"tags": None, "total_count": 1}),
        httpx.Response(200, json={"tags": {}}),
        httpx.Response(200, json={"tags": ""}),
        httpx.Response(200, json={"tags": ["env"]}),
        httpx.Response(200, json={"tags": [{"value": "v"}]}),
        httpx.Response(200, json={"tags": [{"key": "k", "value": 7}]}),
        httpx.Response(200, text="[" * 100_000),
    ],
    ids=range(12),
)
def test_a_listing_without_the_documented_body_shows_nothing(answer):
    judged, _ = asked(answer, "read")
    assert (judged.verdict, judged.code, judged.tags) == (Verdict.UNAVAILABLE, "unexpected_answer", None)


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (error(400, "RMS.00010004", "invalid parameter"), Verdict.REFUSED, "RMS.00010004"),
        (error(413, "APIGW.0201"), Verdict.REFUSED, "APIGW.0201"),
        (error(401, "APIGW.0301"), Verdict.UNAUTHORIZED, "APIGW.0301"),
        (error(401, "APIGW.0307"), Verdict.UNAUTHORIZED, "APIGW.0307"),
        (error(403, "APIGW.0302"), Verdict.FORBIDDEN, "APIGW.0302"),
        (error(403, "RMS.00010001"), Verdict.FORBIDDEN, "RMS.00010001"),
        (error(404, "RMS.00010404", "The resource does not exist"), Verdict.NOT_FOUND, "RMS.00010404"),
        (error(404, "APIGW.0101", "The API does not exist"), Verdict.FAILED, "APIGW.0101"),
        (error(404, "SOMETHING.RMS.1"), Verdict.FAILED, "SOMETHING.RMS.1"),
        (httpx.Response(404, text="<html>"), Verdict.FAILED, "HTTP_404"),
        (httpx.Response(404, json=["RMS.1"]), Verdict.FAILED, "HTTP_404"),
        (error(408), Verdict.UNAVAILABLE, "HTTP_408"),
        (error(429, "APIGW.0308"), Verdict.THROTTLED, "APIGW.0308"),
        (httpx.Response(429), Verdict.THROTTLED, "HTTP_429"),
        (error(403, "APIGW.0308"), Verdict.THROTTLED, "APIGW.0308"),
        (error(400, "APIGW.0308"), Verdict.THROTTLED, "APIGW.0308"),
        (error(500, "APIGW.0606"), Verdict.UNAVAILABLE, "APIGW.0606"),
        (httpx.Response(502, text="<html>"), Verdict.UNAVAILABLE, "HTTP_502"),
        (error(503, "APIGW.0201"), Verdict.UNAVAILABLE, "APIGW.0201"),
        (error(504), Verdict.UNAVAILABLE, "HTTP_504"),
        (httpx.Response(302, headers={"location": "https://x"}), Verdict.FAILED, "HTTP_302"),
    ],
)
@pytest.mark.parametrize("kind", ["write", "read"])
def test_each_documented_answer_has_its_verdict(kind, answer, verdict, code):
    judged, _ = asked(answer, kind)
    assert (judged.verdict, judged.code, judged.tags) == (verdict, code, None)


@pytest.mark.parametrize("kind", ["write", "read"])
def test_no_answer_is_neither_a_success_nor_a_failure(kind):
    judged, _ = asked(httpx.ConnectError("down"), kind)
    assert (judged.verdict, judged.code, judged.tags) == (Verdict.UNAVAILABLE, "connection", None)


def test_a_refusal_carries_message_request_id_and_the_time_to_wait():
    headers = {"x-request-id": "req-1", "retry-after": "60"}
    judged, _ = asked(error(429, "APIGW.0308", "limit:10,time:1 minute", headers))
    assert (judged.message, judged.request_id, judged.retry_after) == ("limit:10,time:1 minute", "req-1", 60.0)


def test_the_gateways_request_id_may_stand_in_the_body_only():
    answer = httpx.Response(500, json={"error_code": "APIGW.0606", "request_id": "req-2"})
    assert asked(answer)[0].request_id == "req-2"


@pytest.mark.parametrize("kind", ["write", "read"])
def test_the_canonical_request_in_a_401_is_not_passed_on(kind):
    echo = (
        "Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:POST|/v1/x/||"
        f"host:rms.myhuaweicloud.com|x-security-token:{TOKEN}|x-domain-id:d0ma1n||{ACCESS_KEY}"
    )
    judged, _ = asked(error(401, "APIGW.0301", echo), kind)
    assert judged.message == "the key was not accepted"
    assert not any(text in f"{judged}" for text in ("canonical", TOKEN, "d0ma1n"))


@pytest.mark.parametrize("secret", [ACCESS_KEY, SECRET_KEY, TOKEN])
def test_a_key_is_cut_out_of_every_text(secret):
    judged, _ = asked(error(403, "APIGW.0302", f"{secret} may not"))
    assert judged.message == "*** may not"


def test_only_configs_own_three_types_are_its():
    provider = HuaweiConfig()
    known = ["config:policyAssignments", "config:aggregators", "config:aggregationAuthorizations"]
    assert [type_ for type_ in [*known, "config:policyassignments", "config:other"] if provider.accepts(type_)] == known


def test_a_value_and_a_region_may_be_left_out():
    made = request(
        provider="huaweicloud",
        region=None,
        resources=[{"type": TYPE, "ids": ["pa_1:x.y-Z"]}],
        tags=[{"key": "k" * 128}],
    )
    registry = Registry(made=(JDCloud(), HuaweiConfig()))
    assert list(registry.check(made)) == []
    assert list(HuaweiConfig().warnings(Asked.of(made))) == []


def test_requests_that_name_different_regions_share_a_scope():
    made = [
        request(provider="huaweicloud", region=region, resources=[{"type": TYPE, "ids": ["p"]}])
        for region in (None, "cn-north-4")
    ]
    assert {HuaweiConfig().scope(one, TYPE) for one in made} == {SCOPE}


def test_a_provider_that_nobody_knows_is_told_with_those_that_are_known():
    (problem,) = Registry(made=(JDCloud(), HuaweiConfig())).check(request(provider="aws"))
    assert problem == ("provider", "Input should be one of: huaweicloud, jdcloud")


def test_a_type_that_no_api_takes_is_told_with_its_path():
    resources = [{"type": TYPE, "ids": ["p"]}, {"type": "nothing:known", "ids": ["i"]}]
    problems = list(Registry(made=(HuaweiConfig(),)).check(request(provider="huaweicloud", resources=resources)))
    assert [problem.path for problem in problems] == ["resources.1.type"]


def test_each_cloud_checks_its_own_resources_only():
    resources = [{"type": "nothing:known", "ids": ["i"]}]
    made = request(provider="huaweicloud", region=None, resources=resources, tags=[{"key": "k"}])
    assert [problem.path for problem in Registry(made=(JDCloud(), HuaweiConfig())).check(made)] == ["resources.0.type"]


def test_the_registry_finds_the_api_by_name_and_type():
    registry = Registry(made=(JDCloud(), HuaweiConfig()))
    assert registry.find("jdcloud", "vm").api == "resourcetag"
    assert registry.find("huaweicloud", TYPE).api == "config"
    with pytest.raises(KeyError):
        registry.find("aws", "vm")


def test_a_problem_of_a_list_is_told_with_its_place_even_in_a_list_of_one():
    from untag.contracts import InvalidInputError, parse_requests

    registry = Registry(made=(JDCloud(),))
    for payload, listed, path in (([body(region=None)], True, "0.region"), (body(region=None), False, "region")):
        with pytest.raises(InvalidInputError) as refused:
            registry.checked(parse_requests(payload, "m"), listed=listed)
        assert [problem.path for problem in refused.value.problems] == [path]


def test_against_a_server_that_checks_signatures_tags_go_and_come_back():
    with HuaweicloudConfigServer() as server:
        server.tags.load([{"type": TYPE, "id": "pa-1", "tags": {"env": "prod", "owner": "me", "keep": "it"}}])
        provider = HuaweiConfig(server.url)
        key = HuaweiCloudCredentials(**server.secrets["default"])

        async def work():
            async with httpx.AsyncClient(trust_env=False) as client:
                one = Session(client, key, provider.auth(key, SCOPE), 5.0)
                other = key.model_copy(update={"secret_key": "wrong"})
                before = await provider.read(one, SCOPE, ("pa-1",))
                removed = await provider.write(one, Action.REMOVE, SCOPE, ("pa-1",), TAGS)
                after = await provider.read(one, SCOPE, ("pa-1",))
                restored = await provider.write(one, Action.RESTORE, SCOPE, ("pa-1",), (Tag("env", "prod"),))
                gone = await provider.read(one, SCOPE, ("pa-none",))
                astray = await HuaweiConfig(f"{server.url}/v9").read(one, SCOPE, ("pa-1",))
                refused = await provider.read(
                    Session(client, other, provider.auth(other, SCOPE), 5.0), SCOPE, ("pa-1",)
                )
                return before, removed, after, restored, gone, astray, refused

        before, removed, after, restored, gone, astray, refused = run(work())
        assert before.tags == {"pa-1": {"env": "prod", "owner": "me", "keep": "it"}}
        assert removed.verdict is restored.verdict is Verdict.DONE
        assert after.tags == {"pa-1": {"keep": "it"}}
        assert [answer.verdict for answer in (gone, astray, refused)] == [
            Verdict.NOT_FOUND, Verdict.FAILED, Verdict.UNAUTHORIZED
        ]  # fmt: skip
        assert {(pair.key, pair.value) for pair in server.tags.pairs()} == {("keep", "it"), ("env", "prod")}
