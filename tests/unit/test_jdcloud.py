"""JD Cloud: what is asked, and what each documented answer means."""

import json

import httpx
import pytest
from support import ACCESS_KEY, KEY, SECRET_KEY, TOKEN, Wire, body, request, run, session

from local.providers import JdcloudServer
from untag.contracts import Action, InvalidInputError, Tag, parse_requests
from untag.providers import Asked, Registry, Scope, Session, Verdict
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.jdcloud.resourcetag import JDCloud

SCOPE = Scope("jdcloud", "resourcetag", "default", "cn-north-1", None, "vm")
IDS = ("i-1", "i-2")
TAGS = (Tag("env", "prod"), Tag("部门", "研发"))


def asked(answer, kind="write", action=Action.REMOVE, ids=IDS, tags=TAGS):
    """The answer as it is judged, and the request that was sent."""
    wire = Wire(answer)

    async def ask():
        provider = JDCloud()
        async with wire.client() as client:
            one = session(client, provider.auth(KEY, SCOPE))
            if kind == "read":
                return await provider.read(one, SCOPE, ids)
            return await provider.write(one, action, SCOPE, ids, tags)

    return run(ask()), wire.requests[0]


def done(request_id="req-1", **data):
    return httpx.Response(200, json={"requestId": request_id, "result": {"data": data}})


def error(status, name=None, message=None, *, http=None, headers=None, **more):
    told = {"code": status, "status": name, "message": message} | more
    return httpx.Response(http or status, json={"requestId": "req-1", "error": told}, headers=headers)


@pytest.mark.parametrize(("action", "operation"), [(Action.REMOVE, "unTagResources"), (Action.RESTORE, "tagResources")])
def test_a_write_is_what_the_sdk_would_send(action, operation):
    _, sent = asked(done(successCount=4), action=action)
    assert sent.method == "POST"
    assert str(sent.url) == f"https://resourcetag.jdcloud-api.com/v1/regions/cn-north-1/tags:{operation}"
    assert json.loads(sent.content) == {
        "regionId": "cn-north-1",
        operation: {
            "resources": [{"serviceCode": "vm", "resourceId": ["i-1", "i-2"]}],
            "tags": [{"key": "env", "value": "prod"}, {"key": "部门", "value": "研发"}],
        },
    }
    assert "/cn-north-1/resourcetag/jdcloud3_request" in sent.headers["authorization"]


def test_a_read_is_what_the_sdk_would_send():
    _, sent = asked(done(resourceTagMappingList=[]), "read")
    assert str(sent.url).endswith("/v1/regions/cn-north-1/tags:describeResources")
    assert json.loads(sent.content) == {
        "regionId": "cn-north-1",
        "resourceVo": {"serviceCodes": ["vm"], "resourceIds": ["i-1", "i-2"]},
    }


@pytest.mark.parametrize("failed", [None, []])
def test_a_success_counts_the_pairs_that_the_provider_confirmed(failed):
    answer, _ = asked(done(failedResourcesMap=failed, successCount=4))
    assert (answer.verdict, answer.confirmed, answer.failures, answer.request_id) == (Verdict.DONE, 4, {}, "req-1")


def test_a_failure_inside_a_200_is_told_by_resource():
    entries = [{"resourceId": "i-2", "msg": "busy"}, {"resourceId": "i-1", "msg": None}]
    answer, _ = asked(done(failedResourcesMap=entries, successCount=0))
    assert answer.verdict is Verdict.DONE
    assert answer.confirmed == 0
    assert {id_: tuple(failure) for id_, failure in answer.failures.items()} == {
        "i-2": ("resource_failed", "busy", Verdict.FAILED),
        "i-1": ("resource_failed", "no reason was given", Verdict.FAILED),
    }


@pytest.mark.parametrize("count", [None, "4", 4.0, True, [], {}])
def test_a_count_that_is_no_number_confirms_nothing(count):
    answer, _ = asked(done(failedResourcesMap=[], successCount=count))
    assert (answer.verdict, answer.confirmed) == (Verdict.DONE, -1)
    missing, _ = asked(done(failedResourcesMap=[]))
    assert missing.confirmed == -1


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"requestId": "r"}),
        httpx.Response(200, json={"requestId": "r", "result": None}),
        httpx.Response(200, json={"requestId": "r", "result": {}}),
        httpx.Response(200, json={"requestId": "r", "result": {"data": None}}),
        httpx.Response(200, json={"requestId": "r", "result": {"data": {}}}),
        httpx.Response(200, json={"requestId": "r", "result": {"data": [1]}}),
        httpx.Response(204),
        httpx.Response(
            202, json={"requestId": "r", "result": {"data": {"successCount": 4, "resourceTagMappingList": []}}}
        ),
        done(failedResourcesMap={"i-1": "busy"}, successCount=4, resourceTagMappingList={}),
        done(failedResourcesMap=["i-1"], successCount=4, resourceTagMappingList=["i-1"]),
        done(failedResourcesMap=[{"msg": "busy"}], successCount=4, resourceTagMappingList=[{"serviceCode": "vm"}]),
        done(failedResourcesMap=[{"resourceId": 1}], successCount=4, resourceTagMappingList=[{"resourceId": "i-1"}]),
    ],
    ids=range(16),
)
def test_a_success_without_the_documented_body_is_not_believed(kind, answer):
    judged, _ = asked(answer, kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")
    assert judged.tags is None


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (error(400, "INVALID_ARGUMENT", "no"), Verdict.REFUSED, "INVALID_ARGUMENT"),
        (error(413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "[gw]"), Verdict.REFUSED, "HTTP_REQUEST_ENTITY_TOO_LARGE"),
        (error(403, "HTTP_FORBIDDEN", "no [gw]"), Verdict.FORBIDDEN, "HTTP_FORBIDDEN"),
        (error(401, "ACCESS_ERROR", "sign result is not same [gw]"), Verdict.UNAUTHORIZED, "ACCESS_ERROR"),
        (error(404, "NOT_FOUND", "resource i-1 not found"), Verdict.NOT_FOUND, "NOT_FOUND"),
        (error(404, "NOT_FOUND", "no route and no API found with those values [gw]"), Verdict.FAILED, "NOT_FOUND"),
        (error(404, "NOT_FOUND", f"no API {'x' * 400} [gw]"), Verdict.FAILED, "NOT_FOUND"),
        (error(404, "NOT_FOUND"), Verdict.FAILED, "NOT_FOUND"),
        (httpx.Response(404, text="<html>"), Verdict.FAILED, "HTTP_404"),
        (httpx.Response(404, json={"error": {"message": ["gw"]}}), Verdict.NOT_FOUND, "HTTP_404"),
        (error(408, "TIMEOUT"), Verdict.UNAVAILABLE, "TIMEOUT"),
        (
            error(429, "HTTP_RATE_LIMIT_EXCEEDED", "minute rate limit exceeded, role:ak [gw]"),
            Verdict.THROTTLED,
            "HTTP_RATE_LIMIT_EXCEEDED",
        ),
        (error(429, "SOMETHING_ELSE"), Verdict.THROTTLED, "SOMETHING_ELSE"),
        (httpx.Response(429), Verdict.THROTTLED, "HTTP_429"),
        (error(400, "RATE_LIMIT"), Verdict.THROTTLED, "RATE_LIMIT"),
        (error(500, "HTTP_INTERNAL_SERVER_ERROR"), Verdict.UNAVAILABLE, "HTTP_INTERNAL_SERVER_ERROR"),
        (httpx.Response(502, text="<html>"), Verdict.UNAVAILABLE, "HTTP_502"),
        (error(503, "HTTP_SERVICE_UNAVAILABLE"), Verdict.UNAVAILABLE, "HTTP_SERVICE_UNAVAILABLE"),
        (error(504, "HTTP_SERVER_TIMING_OUT"), Verdict.UNAVAILABLE, "HTTP_SERVER_TIMING_OUT"),
        (httpx.Response(302, headers={"location": "https://x"}), Verdict.FAILED, "HTTP_302"),
        (error(429, "RATE_LIMIT", http=200), Verdict.THROTTLED, "RATE_LIMIT"),
        (error("429", "RATE_LIMIT", http=200), Verdict.THROTTLED, "RATE_LIMIT"),
        (error(400, "INVALID_ARGUMENT", "no", http=200), Verdict.REFUSED, "INVALID_ARGUMENT"),
        (error(500, "INTERNAL", http=200), Verdict.UNAVAILABLE, "INTERNAL"),
        (error(401, "ACCESS_ERROR", http=200), Verdict.UNAUTHORIZED, "ACCESS_ERROR"),
        (
            httpx.Response(200, json={"error": "odd", "result": {"data": {"successCount": 4}}}),
            Verdict.FAILED,
            "HTTP_200",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["write", "read"])
def test_each_documented_answer_has_its_verdict(kind, answer, verdict, code):
    judged, _ = asked(answer, kind)
    assert (judged.verdict, judged.code) == (verdict, code)


@pytest.mark.parametrize("kind", ["write", "read"])
def test_no_answer_is_neither_a_success_nor_a_failure(kind):
    judged, _ = asked(httpx.ConnectError("down"), kind)
    assert (judged.verdict, judged.code, judged.tags) == (Verdict.UNAVAILABLE, "connection", None)


def test_a_refusal_carries_message_request_id_and_the_time_to_wait():
    judged, _ = asked(error(429, "RATE_LIMIT", "slow down", headers={"retry-after": "30"}))
    assert (judged.message, judged.request_id, judged.retry_after) == ("slow down", "req-1", 30.0)


def test_the_request_id_may_stand_in_the_header_only():
    answer = httpx.Response(502, headers={"x-jdcloud-request-id": "req-2"})
    assert asked(answer)[0].request_id == "req-2"


def test_the_text_of_a_401_is_not_passed_on():
    judged, _ = asked(error(401, "ACCESS_ERROR", f"canonical request: {TOKEN} i-1"))
    assert judged.message == "the key was not accepted"


@pytest.mark.parametrize("secret", [ACCESS_KEY, SECRET_KEY, TOKEN])
def test_a_key_is_cut_out_of_every_text(secret):
    told = f"it says {secret}"
    refused, _ = asked(error(400, "INVALID", told))
    failed, _ = asked(done(failedResourcesMap=[{"resourceId": "i-1", "msg": told}], successCount=2))
    assert secret not in f"{refused}{failed}"
    assert refused.message == failed.failures["i-1"].message == "it says ***"


def test_a_read_gives_each_resources_tags_and_none_for_those_it_does_not_list():
    mappings = [
        {"serviceCode": "vm", "resourceId": "i-1", "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]},
        {"serviceCode": "vm", "resourceId": "i-3", "tags": None},
    ]
    judged, _ = asked(done(resourceTagMappingList=mappings), "read", ids=("i-1", "i-2", "i-3"))
    assert judged.verdict is Verdict.DONE
    assert judged.tags == {"i-1": {"a": "1", "b": "2"}, "i-2": {}, "i-3": {}}
    nothing, _ = asked(done(pin="p", resourceTagMappingList=None), "read")
    assert nothing.tags == {"i-1": {}, "i-2": {}}


@pytest.mark.parametrize(("service", "id_"), [("disk", "i-2"), ("vm", "i-9"), ("vm", "I-2")])
def test_a_read_that_names_a_resource_that_was_not_asked_for_is_not_believed(service, id_):
    mappings = [{"serviceCode": service, "resourceId": id_, "tags": [{"key": "no", "value": "1"}]}]
    judged, _ = asked(done(resourceTagMappingList=mappings), "read", ids=("i-1", "i-2"))
    assert (judged.verdict, judged.code, judged.tags) == (Verdict.UNAVAILABLE, "unexpected_answer", None)


def test_a_write_that_names_a_failed_resource_that_was_not_asked_for_is_not_believed():
    judged, _ = asked(done(failedResourcesMap=[{"resourceId": "I-1", "msg": "no"}], successCount=0))
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


def test_an_error_with_code_0_beside_a_success_is_none():
    payload = {"requestId": "req-1", "error": {"code": 0, "status": "OK", "message": ""}}
    payload["result"] = {"data": {"failedResourcesMap": [], "successCount": 4}}
    judged, _ = asked(httpx.Response(200, json=payload))
    assert (judged.verdict, judged.confirmed) == (Verdict.DONE, 4)


def test_a_quota_that_is_told_as_a_429_is_no_throttle():
    judged, _ = asked(error(429, "QUOTA_EXCEEDED", "too many tags"))
    assert (judged.verdict, judged.code, judged.message) == (Verdict.FAILED, "QUOTA_EXCEEDED", "too many tags")


def test_an_error_in_plain_text_keeps_its_text():
    judged, _ = asked(httpx.Response(400, text="Request blocked by the firewall"))
    assert (judged.code, judged.message) == ("HTTP_400", "Request blocked by the firewall")


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"region": None}, {"region"}),
        ({"tags": [{"key": "a"}]}, set()),
        ({"tags": [{"key": "a", "value": ""}]}, {"tags.0.value"}),
        ({"tags": [{"key": "k" * 128, "value": "v"}]}, {"tags.0.key"}),
        ({"resources": [{"type": "vm", "ids": ["i"]}, {"type": "cdn", "ids": ["c"]}]}, {"resources.1.type"}),
        ({"region": "cn-all", "resources": [{"type": "cdn", "ids": ["c"]}]}, set()),
        ({"tags": [{"key": "k" * 127, "value": "v" * 255}]}, set()),
    ],
)
def test_the_rules_of_this_cloud_are_told_with_their_paths(change, paths):
    registry = Registry(made=(JDCloud(),))
    assert {problem.path for problem in registry.check(request(**change))} == paths
    if paths:
        with pytest.raises(InvalidInputError):
            registry.checked(parse_requests(body(**change), "m"), listed=False)


def test_an_unknown_service_code_is_a_warning():
    made = request(resources=[{"type": "VM", "ids": ["i"]}, {"type": "kubernetesNodegroup", "ids": ["k"]}])
    assert list(JDCloud().warnings(Asked.of(made))) == ["service code VM is not among those that JD Cloud documents"]


def test_against_a_server_that_checks_signatures_tags_go_and_failures_are_told():
    with JdcloudServer() as server:
        for id_ in IDS:
            server.tags.load(
                [{"region": "cn-north-1", "type": "vm", "id": id_, "tags": {"env": "prod", "部门": "研发"}}]
            )
        provider = JDCloud(server.url)
        key = JDCloudCredentials(**server.secrets["default"])

        async def work():
            async with httpx.AsyncClient(trust_env=False) as client:
                one = Session(client, key, provider.auth(key, SCOPE), 5.0)
                before = await provider.read(one, SCOPE, IDS)
                removed = await provider.write(one, Action.REMOVE, SCOPE, (*IDS, "i-none"), TAGS)
                after = await provider.read(one, SCOPE, IDS)
                restored = await provider.write(one, Action.RESTORE, SCOPE, IDS, TAGS)
                other = Session(
                    client, JDCloudCredentials(access_key="wrong", secret_key="key"), provider.auth(KEY, SCOPE), 5.0
                )
                return before, removed, after, restored, await provider.read(other, SCOPE, IDS)

        before, removed, after, restored, refused = run(work())
        assert before.tags == {id_: {"env": "prod", "部门": "研发"} for id_ in IDS}
        assert (removed.verdict, removed.confirmed, set(removed.failures)) == (Verdict.DONE, 4, {"i-none"})
        assert after.tags == {"i-1": {}, "i-2": {}}
        assert (restored.confirmed, restored.failures) == (4, {})
        assert refused.verdict is Verdict.UNAUTHORIZED
        assert {(pair.id, pair.key) for pair in server.tags.pairs()} == {(id_, tag.key) for id_ in IDS for tag in TAGS}
