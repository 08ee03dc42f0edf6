"""Huawei Cloud's TMS: what is asked, and what each documented answer means."""

import json

import httpx
import pytest
from support import KEY, PROJECT, SECRET_KEY, Wire, request, run

from untag.contracts import Action, InvalidInputError, Tag
from untag.providers import Registry, Scope, Session, Verdict
from untag.providers.huaweicloud_config import HuaweiConfig
from untag.providers.huaweicloud_tms import HuaweiTms
from untag.signing import Credentials

SCOPE = Scope("huaweicloud", "tms", "default", None, PROJECT, "ecs")
BARE = SCOPE._replace(project_id=None, type="cdn")
REGION = SCOPE._replace(project_id=None, region="cn-north-4")
TAGS = (Tag("env", "prod"), Tag("owner", None), Tag("空", ""))
OK = httpx.Response(200, json={"failed_resources": []}, headers={"x-request-id": "req-1"})


def asked(answer, kind="write", action=Action.REMOVE, ids=("i-1", "i-2"), scope=SCOPE, key=KEY):
    """A call's answer as the provider reads it, and the requests that were made for it."""
    wire = Wire(answer)

    async def ask():
        provider = HuaweiTms()
        async with wire.client() as client:
            one = Session(client, key, provider.auth(key, scope), 5.0)
            if kind == "read":
                return await provider.read(one, scope, ids[:1])
            return await provider.write(one, action, scope, ids, TAGS)

    return run(ask()), wire.requests


def error(status, code, message="told", *, nested=True):
    told = {"error_code": code, "error_msg": message}
    return httpx.Response(status, json={"error": told} if nested else told)


def failing(*entries):
    return httpx.Response(200, json={"failed_resources": list(entries)})


def failed(id_="i-2", code="TMS.0002", **more):
    return {"resource_id": id_, "resource_type": "ecs", "error_code": code, "error_msg": "told", **more}


# What is asked.


@pytest.mark.parametrize(("action", "word"), [(Action.REMOVE, "delete"), (Action.RESTORE, "create")])
def test_a_write_names_project_resources_and_tags_and_no_value_that_is_not_known(action, word):
    _, (sent,) = asked(OK, action=action)
    assert (sent.method, str(sent.url)) == ("POST", f"https://tms.myhuaweicloud.com/v1.0/resource-tags/batch-{word}")
    assert json.loads(sent.content) == {
        "project_id": PROJECT,
        "resources": [
            {"resource_id": "i-1", "resource_type": "ecs"},
            {"resource_id": "i-2", "resource_type": "ecs"},
        ],
        "tags": [{"key": "env", "value": "prod"}, {"key": "owner"}, {"key": "空", "value": ""}],
    }
    assert sent.headers["x-domain-id"] == "d0ma1n"
    assert "SignedHeaders=content-type;host;x-domain-id;x-sdk-date;x-security-token" in sent.headers["authorization"]


def test_a_read_is_of_one_resource_and_its_id_stays_one_part_of_the_path():
    listed = {"tags": [{"key": "env", "value": "prod"}, {"key": "空", "value": ""}, {"key": "none"}]}
    answer, (sent,) = asked(httpx.Response(200, json=listed), "read", ids=("a:b.c",))
    assert (sent.method, sent.content) == ("GET", b"")
    path = f"/v2.0/resources/a%3Ab.c/tags?project_id={PROJECT}&resource_type=ecs"
    assert str(sent.url) == f"https://tms.myhuaweicloud.com{path}"
    assert answer.tags == {"a:b.c": {"env": "prod", "空": "", "none": ""}}


@pytest.mark.parametrize("kind", ["write", "read"])
def test_the_project_of_a_region_comes_with_the_key(kind):
    key = Credentials("AK", "SK", domain_id="d", projects={"cn-north-4": "p-north-4", "cn-east-3": "p-east-3"})
    _, (sent,) = asked(OK, kind, scope=REGION, key=key)
    named = sent.url.params.get("project_id") if kind == "read" else json.loads(sent.content)["project_id"]
    assert named == "p-north-4"


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_region_without_a_known_project_fails_by_name_and_nothing_is_called(kind):
    key = Credentials("AK", "SK", domain_id="d", projects={"cn-east-3": "p-east-3"})
    answer, sent = asked(OK, kind, scope=REGION, key=key)
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "no_project")
    assert "cn-north-4" in answer.message
    assert sent == []


def test_without_project_and_region_no_project_is_sent():
    _, (sent,) = asked(OK, scope=BARE)
    assert "project_id" not in json.loads(sent.content)
    _, (sent,) = asked(OK, "read", scope=BARE)
    assert dict(sent.url.params) == {"resource_type": "cdn"}


def test_a_scope_keeps_the_region_and_the_project_so_that_the_one_is_held_against_the_other():
    def scope(**changes):
        made = request(provider="huaweicloud", resources=[{"type": "ecs", "ids": ["i"]}], **changes)
        return HuaweiTms().scope(made, "ecs")

    assert scope(region=None, project_id=PROJECT) == SCOPE
    assert scope(region="cn-north-4", project_id=PROJECT) == SCOPE._replace(region="cn-north-4")
    assert scope(region="cn-north-4") == REGION
    assert scope(region="cn-east-3") != REGION


# Which resources are its.


def test_every_type_but_configs_is_tms_own():
    registry = Registry((HuaweiTms(), HuaweiConfig()))
    assert {registry.find("huaweicloud", type_).api for type_ in ("ecs", "security-groups", "Config", "cdn")} == {"tms"}
    assert registry.find("huaweicloud", "config:aggregators").api == "config"
    made = request(
        provider="huaweicloud", resources=[{"type": "ecs", "ids": ["i"]}, {"type": "config:x", "ids": ["i"]}]
    )
    assert [problem.path for problem in registry.check(made)] == ["resources.1.type"]


@pytest.mark.parametrize("id_", ["..", ".", "a/b", "a%2Fb", "a b", "a?b", "a#b", "", "é", "x" * 513, "a\n"])
def test_an_id_that_could_be_a_part_of_a_path_is_a_problem(id_):
    made = request(provider="huaweicloud", resources=[{"type": "ecs", "ids": ["i"]}])
    group = made.resources[0].model_copy(update={"ids": ["static.example.com", id_]})
    made = made.model_copy(update={"resources": [group]})
    assert [problem.path for problem in HuaweiTms().problems(made)] == ["resources.0.ids.1"]


def test_endpoint_and_size_come_from_the_environment_and_a_mistake_names_the_variable():
    size = "UNTAG_HUAWEICLOUD_TMS_RESOURCES_PER_CALL"
    told = HuaweiTms.from_environment({size: "50", "UNTAG_HUAWEICLOUD_TMS_ENDPOINT": ""}, read_first=False)
    assert (told.limits.resources, told.limits.keys, told.reads_first) == (50, 10, False)
    assert HuaweiTms.from_environment({}, read_first=True).limits == (20, 10, 1)
    for variable, value in [
        (size, "5001"),
        (size, "0.25"),
        ("UNTAG_HUAWEICLOUD_TMS_ENDPOINT", "http://tms.example.com"),
    ]:
        with pytest.raises(InvalidInputError, match=variable) as caught:
            HuaweiTms.from_environment({variable: value}, read_first=True)
        assert value not in str(caught.value)


# What an answer means.


def test_an_empty_list_of_failures_is_the_success_of_all():
    answer, _ = asked(OK)
    assert (answer.verdict, answer.failures, answer.confirmed, answer.request_id) == (Verdict.DONE, {}, None, "req-1")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(204),
        httpx.Response(200, json={"result": {"failed_resources": []}}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"failed_resources": None, "error_code": "TMS.0002"}),
        httpx.Response(200, json={"failed_resources": {}}),
        httpx.Response(202, json={"failed_resources": []}),
        httpx.Response(200, text="<html>It works!</html>"),
        failing("i-1"),
        failing({"error_code": "TMS.0002"}),
        failing(failed("i-3")),
        failing(failed(["i-1"])),
        failing(failed("I-2")),
        failing(failed(resource_type="disk")),
        failing(failed("i-1"), failed("i-3")),
    ],
    ids=range(15),
)
def test_a_success_without_a_list_of_this_calls_failures_is_not_believed(answer):
    judged, _ = asked(answer)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"result": {"tags": []}},
        {"tags": None, "errors": [{"error_code": "TMS.0002"}]},
        {"tags": {}},
        {"tags": [{"value": "v"}]},
        {"resource_id": "I-1", "tags": []},
        {"resource_id": "i-2", "tags": [{"key": "env", "value": "prod"}]},
        {"resource_id": "i-2"},
        {"resource_type": "disk", "tags": []},
    ],
    ids=str,
)
def test_a_listing_without_the_documented_body_shows_nothing(body):
    judged, _ = asked(httpx.Response(200, json=body), "read")
    assert (judged.verdict, judged.code, judged.tags) == (Verdict.UNAVAILABLE, "unexpected_answer", None)


@pytest.mark.parametrize(
    ("code", "verdict", "retryable"),
    [
        ("TMS.0006", Verdict.THROTTLED, True),
        ("APIGW.0308", Verdict.THROTTLED, True),
        ("429", Verdict.THROTTLED, True),
        (429, Verdict.THROTTLED, True),
        ("TMS.0001", Verdict.UNAVAILABLE, True),
        ("408", Verdict.UNAVAILABLE, True),
        ("503", Verdict.UNAVAILABLE, True),
        (500, Verdict.UNAVAILABLE, True),
        ("TMS.0005", Verdict.NOT_FOUND, False),
        ("Ecs.0114", Verdict.NOT_FOUND, False),
        ("TMS.0004", Verdict.FORBIDDEN, False),
        ("TMS.2030", Verdict.FORBIDDEN, False),
        ("403", Verdict.FORBIDDEN, False),
        ("TMS.0002", Verdict.FAILED, False),
        ("VPC.0504", Verdict.FAILED, False),
        ("Ecs.0500", Verdict.FAILED, False),
        ("404", Verdict.FAILED, False),
        ("5000", Verdict.FAILED, False),
        (None, Verdict.FAILED, False),
    ],
)
def test_a_resources_own_failure_has_the_verdict_of_its_code_where_that_is_documented(code, verdict, retryable):
    answer, _ = asked(failing(failed(code=code)))
    assert (answer.verdict, list(answer.failures)) == (Verdict.DONE, ["i-2"])
    assert answer.failures["i-2"] == (str(code or "resource_failed"), "told", verdict)
    assert answer.failures["i-2"].retryable is retryable


@pytest.mark.parametrize(
    ("codes", "counts"),
    [
        (("TMS.0002", "TMS.0006"), "TMS.0006"),
        (("TMS.0001", "TMS.0006"), "TMS.0006"),
        (("TMS.0005", "TMS.0001"), "TMS.0001"),
        (("TMS.0005", "TMS.0002"), "TMS.0002"),
    ],
)
def test_a_resource_named_twice_is_retried_if_any_of_it_may_pass(codes, counts):
    for order in (codes, codes[::-1]):
        answer, _ = asked(failing(*(failed(code=code) for code in order)))
        assert answer.failures["i-2"].code == counts


def test_a_resources_failure_may_lack_a_reason_and_carries_no_key():
    answer, _ = asked(failing({"resource_id": "i-1"}, failed(error_msg=f"{SECRET_KEY} may not")))
    assert [failure.message for failure in answer.failures.values()] == ["no reason was given", "*** may not"]


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "TMS.0002", Verdict.REFUSED),
        (400, "TMS.5027", Verdict.FAILED),
        (400, "TMS.2011", Verdict.FAILED),
        (401, "TMS.0003", Verdict.UNAUTHORIZED),
        (401, "APIGW.0301", Verdict.UNAUTHORIZED),
        (403, "TMS.0004", Verdict.FORBIDDEN),
        (403, "TMS.2030", Verdict.FORBIDDEN),
        (403, "TMS.0006", Verdict.THROTTLED),
        (429, "APIGW.0308", Verdict.THROTTLED),
        (404, "TMS.0005", Verdict.NOT_FOUND),
        (404, "APIGW.0101", Verdict.FAILED),
        (404, "RMS.00010404", Verdict.NOT_FOUND),
        (413, "APIGW.0201", Verdict.REFUSED),
        (500, "TMS.0001", Verdict.UNAVAILABLE),
        (503, "APIGW.0201", Verdict.UNAVAILABLE),
    ],
)
def test_each_documented_error_has_its_verdict_flat_or_nested(status, code, verdict, kind, nested):
    answer, _ = asked(error(status, code, nested=nested), kind)
    assert (answer.verdict, answer.code, answer.failures, answer.tags) == (verdict, code, {}, None)
    assert answer.message == ("the key was not accepted" if status == 401 else "told")


@pytest.mark.parametrize("body", ["<html>", "[]", '{"error": "text"}', '{"error": {"error_code": {}}}', ""])
def test_an_error_in_another_form_is_told_by_its_status_and_its_text(body):
    answer, _ = asked(httpx.Response(404, text=body))
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "HTTP_404")
    assert answer.message == (None if body in ("", "[]") else body)
