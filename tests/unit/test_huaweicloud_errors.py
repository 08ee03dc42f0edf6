"""Huawei Cloud's errors: code, message and request id reach the row, in whatever shape they come."""

import json

import httpx
import pytest
from service_house import HUAWEI_HOST, POLICY_TYPE, House, huawei_request, put, tms_request
from support import ACCESS_KEY, KEY, PROJECT, SECRET_KEY, TOKEN, Wire, run

from local.providers import HuaweicloudTmsOptions, HuaweicloudTmsServer
from local.providers.huaweicloud_shapes import SHAPES, TEXT
from untag.contracts import Action, Tag
from untag.providers import Scope, Session, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms

RMS = Scope("huaweicloud", "config", "default", None, None, POLICY_TYPE)
TMS = Scope("huaweicloud", "tms", "default", None, PROJECT, "ecs")
APIS = {"config": (HuaweiConfig, RMS), "tms": (HuaweiTms, TMS)}
ECS_404 = {"error": {"message": "Instance[i-1] could not be found.", "code": "Ecs.0114"}}

every_api = pytest.mark.parametrize("api", APIS)
every_kind = pytest.mark.parametrize("kind", ["write", "read", "names", "find"])


def answer_of(response, api="tms", kind="read"):
    """What the provider makes of an answer."""
    kind_of_provider, scope = APIS[api]
    arguments = {
        "write": (Action.REMOVE, scope, ("i-1",), (Tag("env", "prod"),)),
        "read": (scope, ("i-1",)),
        "names": (scope, None, 0),
        "find": (scope, Tag("env", None), 0),
    }

    async def ask():
        provider = kind_of_provider()
        async with Wire(response).client() as client:
            one = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            return await getattr(provider, kind)(one, *arguments[kind])

    return run(ask())


def tms_house(**options):
    """The service with a local TMS, and one resource in it."""
    tms = HuaweicloudTmsServer(options=HuaweicloudTmsOptions(**options))
    tms.tags.put(PROJECT, "ecs", "i-1", "env", "prod")
    return House(huawei=tms, environ={"UNTAG_ENDPOINTS": f"huaweicloud.tms=https://{HUAWEI_HOST}"})


# Through the whole service.


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reads_first", ["on", "off"])
def test_a_row_has_code_message_and_request_id_of_an_error_in_every_shape(shape, reads_first):
    with House(environ={"UNTAG_READ_FIRST": reads_first}) as house:
        put(house.huawei, "pa-1")
        house.huawei.error_shape = shape
        raw = huawei_request("pa-0", "pa-1")
        house.work_at(raw)
        (row,) = (row for row in house.rows("chg-1") if row["resource_id"] == "pa-0")
        assert "The resource does not exist" in row["message"]
        assert row["provider_request_id"] in {call.request_id for call in house.huawei.calls}
        told = ("failed", "HTTP_404") if shape == TEXT else ("not_found", "RMS.00010404")
        assert (row["outcome"], row["code"]) == told
        assert house.outcomes("chg-1")["pa-1", "env"] == "removed"


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {TEXT}))
@pytest.mark.parametrize("unknown", ["failed", "refused"])
@pytest.mark.parametrize("reads_first", ["on", "off"])
def test_the_404_of_a_service_behind_tms_says_that_the_resource_does_not_exist(shape, unknown, reads_first):
    with tms_house(not_found_code="Ecs.0114", unknown_id=unknown) as house:
        house.huawei.error_shape = shape
        raw = tms_request("i-0", "i-1")
        house.work_at(raw)
        (row,) = (row for row in house.rows("chg-1") if row["resource_id"] == "i-0")
        assert (row["outcome"], row["code"]) == ("not_found", "Ecs.0114")
        assert "Instance[i-0] could not be found." in row["message"]
        assert house.outcomes("chg-1")["i-1", "env"] == "removed"


@pytest.mark.parametrize("shape", SHAPES)
def test_no_row_and_no_letter_has_a_word_of_what_the_gateway_repeats_in_a_401(shape):
    with House() as house:
        put(house.huawei, "pa-1")
        house.huawei.error_shape = shape
        house.huawei.verifier.credentials = {}
        raw = huawei_request("pa-1")
        house.work_at(raw)
        assert {call.status for call in house.huawei.calls} == {401}
        told = json.dumps([house.aws.reports, house.aws.messages(), house.aws.letters()])
        secret = house.huawei.secrets["default"]
        assert not any(text in told for text in ("canonical", *secret.values()))


# Every shape, each at both APIs.


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error_code": "X.1", "error_msg": "no"}, "X.1", "no"),
        ({"errorCode": "X.1", "errorMsg": "no"}, "X.1", "no"),
        ({"code": "X.1", "message": "no"}, "X.1", "no"),
        ({"error": {"code": "X.1", "message": "no"}}, "X.1", "no"),
        ({"error": {"errorCode": "X.1", "errorMsg": "no"}}, "X.1", "no"),
        ({"badRequest": {"code": 400, "message": "no"}}, "400", "no"),
        ({"a": {"b": {"c": {"error_code": "X.1", "error_msg": "no"}}}}, "X.1", "no"),
        ({"errors": [{"error_code": "X.1", "error_msg": "no"}]}, "X.1", "no"),
        ([{"error_code": "X.1", "error_msg": "no"}], "X.1", "no"),
        # The first object that has both, from the outside in.
        ({"error": {"code": "X.2", "message": "inner"}, "error_code": "X.1", "error_msg": "no"}, "X.1", "no"),
        ({"message": "Bad Request", "error": {"code": "X.1", "message": "no"}}, "X.1", "no"),
        # Of three spellings in one object: as the SDK prefers them.
        ({"code": 400, "message": "m", "errorCode": "X.2", "errorMsg": "n", "error_code": "X.1", "error_msg": "no"},
         "X.1", "no"),
        ({"error_code": "X.1", "message": "no"}, "X.1", "no"),
        ({"error_code": None, "error_msg": None, "code": "X.1", "message": "no"}, "X.1", "no"),
        ({"error_code": "X.1", "detail": {"message": "no"}}, "X.1", "no"),
        ({"error_code": "X.1"}, "X.1", '{"error_code": "X.1"}'),
        ({"error_msg": "no"}, "HTTP_400", "no"),
        ({"reason": "no"}, "HTTP_400", '{"reason": "no"}'),
        ({"error_code": {}, "error_msg": ["no"]}, "HTTP_400", '{"error_code": {}, "error_msg": ["no"]}'),
        ({"code": True, "message": "no"}, "HTTP_400", "no"),
        ("no", "HTTP_400", "no"),
        ({}, "HTTP_400", None),
        ([], "HTTP_400", None),
        (None, "HTTP_400", None),
    ],
    ids=str,
)  # fmt: skip
@every_api
def test_code_and_message_are_read_in_every_shape(body, code, message, api):
    answer = answer_of(httpx.Response(400, json=body), api)
    assert (answer.code, answer.message) == (code, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Bad Gateway", "Bad Gateway"),
        ("<html>\n <body>It is\n broken</body>\n</html>\n", "<html> <body>It is broken</body> </html>"),
        ('{"error_code": "X.1", "err', '{"error_code": "X.1", "err'),
        ("", None),
        ("[" * 100_000, "[" * 237 + "…"),
        ("很" * 100_000, "很" * 79 + "…"),
    ],
    ids=range(6),
)
@every_api
def test_a_body_that_is_no_json_is_the_message(body, message, api):
    answer = answer_of(httpx.Response(502, text=body), api)
    assert (answer.verdict, answer.code, answer.message) == (Verdict.UNAVAILABLE, "HTTP_502", message)


def test_a_document_as_deep_as_json_can_be_is_an_error_like_any_other():
    body = '{"a":' * 800 + '{"code":"X.1","message":"no"}' + "}" * 800
    answer = answer_of(httpx.Response(400, text=body))
    assert (answer.code, answer.message) == ("X.1", "no")


@pytest.mark.parametrize("name", ["X-Request-Id", "x-request-id", "X-REQUEST-ID"])
@every_api
@every_kind
def test_the_request_id_is_read_in_a_header_of_any_case(name, api, kind):
    for status in (200, 204, 404, 429, 500):
        response = httpx.Response(status, headers={name: "q-1"}, json={"request_id": "other"})
        assert answer_of(response, api, kind).request_id == "q-1"


@pytest.mark.parametrize(
    "body",
    [
        {"request_id": "q-1"},
        {"requestId": "q-1"},
        {"error": {"code": "X.1", "message": "no", "request_id": "q-1"}},
        {"fault": {"inner": {"code": "X.1", "message": "no", "requestId": "q-1"}}},
        {"request_id": "", "error": {"request_id": "q-1"}},
    ],
    ids=str,
)
@every_api
def test_the_request_id_of_an_error_is_read_in_its_body_at_any_depth(body, api):
    assert answer_of(httpx.Response(500, json=body), api).request_id == "q-1"


def test_the_request_id_of_a_success_is_its_own_and_not_that_of_a_resource_in_it():
    row = {"resource_id": "r", "resource_detail": {"request_id": "another"}, "tags": []}
    listing = {"resources": [row], "total_count": 1}
    assert answer_of(httpx.Response(200, json=listing), kind="find").request_id is None
    assert answer_of(httpx.Response(200, json={**listing, "requestId": "q-1"}), kind="find").request_id == "q-1"


# What a 404 speaks of.


@pytest.mark.parametrize(
    ("api", "body", "verdict"),
    [
        ("tms", ECS_404, Verdict.NOT_FOUND),
        ("tms", {"error": {"error_code": "TMS.0005", "error_msg": "no"}}, Verdict.NOT_FOUND),
        ("tms", {"code": "iMetal.0100", "message": "no"}, Verdict.NOT_FOUND),
        ("tms", {"code": "SVCSTG.CCE-ADDONMGR.4040204", "message": "no"}, Verdict.NOT_FOUND),
        ("tms", {"error_code": "APIGW.0101", "error_msg": "no"}, Verdict.FAILED),
        ("tms", {"error": {"code": "APIGW.0103", "message": "no"}}, Verdict.FAILED),
        ("tms", {"error_code": "APIG.0101", "error_msg": "no"}, Verdict.FAILED),
        ("tms", {"itemNotFound": {"code": 404, "message": "no"}}, Verdict.FAILED),
        ("tms", {"code": "NotFound", "message": "no"}, Verdict.FAILED),
        ("tms", {"message": "no"}, Verdict.FAILED),
        ("config", {"error": {"code": "RMS.00010404", "message": "no"}}, Verdict.NOT_FOUND),
        ("config", {"errorCode": "RMS.00010404", "errorMsg": "no"}, Verdict.NOT_FOUND),
        ("config", ECS_404, Verdict.FAILED),
        ("config", {"error": {"code": "APIGW.0101", "message": "no"}}, Verdict.FAILED),
    ],
    ids=str,
)
@every_kind
def test_a_404_speaks_of_the_resource_only_where_a_service_names_itself(api, body, verdict, kind):
    assert answer_of(httpx.Response(404, json=body), api, kind).verdict is verdict


# No secret.


@pytest.mark.parametrize("secret", [ACCESS_KEY, SECRET_KEY, TOKEN])
@every_api
def test_no_shape_carries_a_key_to_the_row(secret, api):
    escaped = json.dumps(secret).replace("-", "\\u002d")
    bodies = [
        json.dumps({"error": {"code": secret, "message": f"{secret} may not", "request_id": "q"}}),
        json.dumps({"errorCode": f"X.{secret * 3}", "errorMsg": secret}),
        json.dumps({"reason": secret}),
        f'{{"reason": {escaped}}}',
        f"{secret} may not",
        f"{secret} may not" * 10_000,
    ]
    for status in (400, 403, 404, 500):
        for body in bodies:
            answer = answer_of(httpx.Response(status, text=body), api)
            assert secret not in f"{answer}"
            assert secret[:16] not in f"{answer}"
            assert answer.code
            assert "***" in answer.message


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
@pytest.mark.parametrize("code", ["APIGW.0301", "APIGW.0302"])
@every_api
def test_what_the_gateway_repeats_of_a_request_is_cut_off_whatever_the_status(status, code, api):
    echo = "refused, canonicalRequest:POST|/v1/x/||host:h|x-domain-id:d0ma1n|"
    header = f"refused, Authorization: SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders=host, Signature=0123456789ab"
    for text in (echo, header):
        for response in (
            httpx.Response(status, json={"error": {"code": code, "message": text}}),
            httpx.Response(status, text=text),
        ):
            answer = answer_of(response, api)
            assert not any(word in f"{answer}" for word in ("d0ma1n", ACCESS_KEY, "0123456789ab"))


# Errors inside an answer of success.

ENTRY = {"resource_id": "i-1", "resource_type": "ecs"}
ENTRIES = [
    {"error_code": "TMS.0002", "error_msg": "no"},
    {"errorCode": "TMS.0002", "errorMsg": "no"},
    {"code": "TMS.0002", "message": "no"},
    {"error": {"code": "TMS.0002", "message": "no"}},
    {"reason": {"why": {"errorCode": "TMS.0002", "errorMsg": "no"}}},
]


@pytest.mark.parametrize("error", ENTRIES, ids=str)
def test_the_failure_of_one_resource_is_read_in_every_shape(error):
    answer = answer_of(httpx.Response(200, json={"failed_resources": [ENTRY | error]}), kind="write")
    assert answer.failures == {"i-1": ("TMS.0002", "no", Verdict.FAILED)}


@pytest.mark.parametrize("error", ENTRIES, ids=str)
@pytest.mark.parametrize("kind", ["names", "find"])
def test_the_error_of_one_service_in_a_listing_is_read_in_every_shape(error, kind):
    body = {"tags": [], "resources": [], "total_count": 0, "errors": [{"resource_type": "ecs"} | error]}
    answer = answer_of(httpx.Response(200, json=body), kind=kind)
    assert (answer.verdict, answer.code, answer.message) == (Verdict.FAILED, "TMS.0002", "no")


def test_a_key_that_was_refused_inside_a_success_is_told_in_our_words():
    echo = {"code": "APIGW.0301", "message": f"verify fail, canonicalRequest:POST|x-domain-id:d0ma1n|{TOKEN}"}
    body = {"failed_resources": [ENTRY | {"error": echo}]}
    failure = answer_of(httpx.Response(200, json=body), kind="write").failures["i-1"]
    assert failure == ("APIGW.0301", "the key was not accepted", Verdict.FAILED)


@every_api
@every_kind
def test_an_error_with_the_status_of_a_success_is_not_believed_and_is_told(api, kind):
    response = httpx.Response(200, json={"error": {"code": "X.1", "message": "no"}}, headers={"x-request-id": "q"})
    answer = answer_of(response, api, kind)
    assert (answer.verdict, answer.code, answer.request_id) == (Verdict.UNAVAILABLE, "unexpected_answer", "q")
    assert answer.message == "HTTP 200 without the documented body: X.1 no"
    throttled = answer_of(httpx.Response(200, json={"error_code": "TMS.0006", "error_msg": "too much"}), api, kind)
    assert (throttled.verdict, throttled.code) == (Verdict.THROTTLED, "TMS.0006")
