"""Calls to AWS: the key they are signed with, the two wire protocols, and what is tried again."""

import asyncio
import json
import ssl
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ACCESS_KEY, SECRET_KEY, TOKEN, SleepingClock, Wire, problems_of, run, run_hurried, session

from untag.contracts import InvalidInputError
from untag.core import Timing
from untag.hosts.aws.client import TRIES, Aws, AwsError, form_content
from untag.providers import Answer
from untag.providers.host_role import HostRole
from untag.providers.tokens import AGAIN_SECONDS

ENV = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": TOKEN,
}
SNAPSTART = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/creds",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
}
XML = "<Resp xmlns='http://sns.amazonaws.com/doc/2010-03-31/'><A>{}</A></Resp>"
XML_ERROR = (
    "<ErrorResponse xmlns='http://sns.amazonaws.com/doc/2010-03-31/'><Error><Code>{}</Code></Error></ErrorResponse>"
)


def calling(wire, *, environ=ENV, clock=None, left=None, sns=False):
    """What one call gives, or the AwsError that it raises."""
    clock = clock or SleepingClock()

    async def call():
        async with wire.client() as client:
            aws = Aws(environ, client, clock.timing)
            if left is not None:
                aws.left = left
            try:
                if sns:
                    return await aws.sns("Publish", {"Message": "a b&é"})
                return await aws.json("sqs", "SendMessage", {"MessageBody": "é"})
            except AwsError as error:
                return error

    return run(call())


def json_error(code, status=400):
    return httpx.Response(status, json={"__type": f"com.amazonaws.sqs#{code}", "message": "no"})


# The wire.


def test_a_json_call_is_what_sqs_documents():
    wire = Wire(httpx.Response(200, json={"MessageId": "m"}))
    assert calling(wire) == {"MessageId": "m"}
    (sent,) = wire.requests
    assert (sent.method, str(sent.url)) == ("POST", "https://sqs.eu-west-1.amazonaws.com/")
    assert sent.headers["x-amz-target"] == "AmazonSQS.SendMessage"
    assert sent.headers["content-type"] == "application/x-amz-json-1.0"
    assert json.loads(sent.content) == {"MessageBody": "é"}
    assert f"Credential={ACCESS_KEY}/" in sent.headers["authorization"]
    assert "/eu-west-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-" in sent.headers["authorization"]
    assert sent.headers["x-amz-security-token"] == TOKEN


def test_a_query_call_is_what_sns_documents():
    wire = Wire(httpx.Response(200, text=XML.format("m")))
    assert calling(wire, sns=True).findtext("{*}A") == "m"
    (sent,) = wire.requests
    assert str(sent.url) == "https://sns.eu-west-1.amazonaws.com/"
    assert parse_qs(sent.content.decode()) == {"Action": ["Publish"], "Version": ["2010-03-31"], "Message": ["a b&é"]}
    assert sent.headers["content-type"].startswith("application/x-www-form-urlencoded")


def test_an_empty_answer_of_success_is_an_empty_object():
    assert calling(Wire(httpx.Response(200))) == {}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"AWS_REGION": "cn-north-1"}, "https://sqs.cn-north-1.amazonaws.com.cn/"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"}, "http://127.0.0.1:4566/"),
        ({"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"}, "http://127.0.0.1:1/"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"},
            "http://127.0.0.1:1/",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:1"},
            "http://127.0.0.1:2/",
        ),
        ({"AWS_ENDPOINT_URL": " "}, "https://sqs.eu-west-1.amazonaws.com/"),
    ],
)
def test_awss_own_variables_say_where_a_call_goes(environ, url):
    wire = Wire(httpx.Response(200))
    calling(wire, environ=ENV | environ)
    assert str(wire.requests[0].url) == url


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_REGION", ""),
        ("AWS_REGION", "eu-west-1.evil.example.com/"),
        ("AWS_ENDPOINT_URL", "http://example.com"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "nowhere"),
    ],
)
def test_a_wrong_variable_is_named(variable, value):
    with pytest.raises(InvalidInputError) as error:
        calling(Wire(httpx.Response(200)), environ=ENV | {variable: value})
    assert set(problems_of(error)) == {variable}


# What is tried again.


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (httpx.ConnectError("S3CRET"), "connection"),
        (httpx.RemoteProtocolError("S3CRET"), "connection"),
        (ssl.SSLError("S3CRET"), "connection"),
        (OSError("S3CRET"), "connection"),
        (httpx.DecodingError("S3CRET"), "connection"),
        (httpx.ReadTimeout("S3CRET"), "timeout"),
        (TimeoutError(), "timeout"),
        (httpx.Response(500), "HTTP_500"),
        (httpx.Response(503, text="<html>"), "HTTP_503"),
        (httpx.Response(429), "HTTP_429"),
        (httpx.Response(200, text="<html>no"), "unreadable"),
        (httpx.Response(200, text="[]"), "unreadable"),
        (json_error("InternalError", 500), "InternalError"),
        (json_error("ThrottlingException"), "ThrottlingException"),
        (json_error("RequestThrottled"), "RequestThrottled"),
        (json_error("KmsThrottled"), "KmsThrottled"),
        (json_error("ServiceUnavailable", 400), "ServiceUnavailable"),
    ],
)
def test_what_may_pass_is_tried_again_and_told_by_its_code(trouble, code):
    clock = SleepingClock()
    wire = Wire(trouble)
    error = calling(wire, clock=clock)
    assert isinstance(error, AwsError)
    assert (error.code, error.transient, len(wire.requests)) == (code, True, TRIES)
    assert str(error) == f"sqs SendMessage: {code}"
    assert clock.slept == [0.05, 0.1]


@pytest.mark.parametrize("trouble", [httpx.ConnectError("down"), httpx.Response(500), json_error("RequestThrottled")])
def test_a_call_that_works_at_last_gives_its_answer(trouble):
    assert calling(Wire(trouble, trouble, httpx.Response(200, json={"a": 1}))) == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "code", "sns"),
    [
        (json_error("QueueDoesNotExist"), "QueueDoesNotExist", False),
        (httpx.Response(400, json={"__type": "AccessDeniedException"}), "AccessDeniedException", False),
        (httpx.Response(403, text="<html>forbidden</html>"), "HTTP_403", False),
        (httpx.Response(403, text="not <xml"), "HTTP_403", False),
        (httpx.Response(302, headers={"location": "https://elsewhere.example.com"}), "HTTP_302", False),
        (httpx.Response(404, text=XML_ERROR.format("NotFound")), "NotFound", True),
        (httpx.Response(403, text=XML_ERROR.format("AuthorizationError")), "AuthorizationError", True),
    ],
)
def test_a_refusal_is_not_tried_again_and_has_awss_code(answer, code, sns):
    wire = Wire(answer)
    error = calling(wire, sns=sns)
    assert (error.code, error.transient, len(wire.requests)) == (code, False, 1)


def test_throttling_is_told_by_sns_in_its_own_words():
    wire = Wire(httpx.Response(400, text=XML_ERROR.format("KMSThrottling")))
    assert (calling(wire, sns=True).code, len(wire.requests)) == ("KMSThrottling", TRIES)


def test_each_try_is_signed_anew():
    clock = SleepingClock()
    wire = Wire(httpx.Response(500), httpx.Response(500), httpx.Response(200))
    clock.timing = clock.timing.__class__(clock.timing.now, clock.timing.monotonic, clock.sleep, lambda: 20.0)
    calling(wire, clock=clock)
    stamps = [request.headers["x-amz-date"] for request in wire.requests]
    assert len(set(stamps)) == 3
    assert len({request.headers["authorization"] for request in wire.requests}) == 3


def test_no_call_starts_that_cannot_end_in_time():
    wire = Wire(httpx.Response(200))
    error = calling(wire, left=lambda: 0.1)
    assert (error.code, error.transient, wire.requests) == ("deadline", False, [])


def test_a_call_is_not_tried_again_when_there_is_no_time_for_it():
    clock = SleepingClock()
    end = clock.time + 0.22

    def slow(_):
        clock.time += 0.1
        return httpx.Response(500)

    wire = Wire(slow)
    error = calling(wire, clock=clock, left=lambda: end - clock.time)
    assert (error.code, len(wire.requests), clock.slept) == ("HTTP_500", 1, [])


@pytest.mark.parametrize(("left", "seconds"), [(1.5, 1.5), (float("inf"), 5.0)])
def test_a_calls_time_out_is_the_smaller_of_its_own_and_the_time_left(left, seconds):
    async def never(_):
        await asyncio.sleep(1000)

    async def ask():
        clock = SleepingClock()
        loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as client:
            aws = Aws(ENV, client, clock.timing)
            aws.left = lambda: left
            began = loop.time()
            with pytest.raises(AwsError) as caught:
                await aws.json("sqs", "SendMessage", {"MessageBody": "é"})
            return caught.value.code, loop.time() - began

    code, spent = run_hurried(ask())
    assert (code, spent) == ("timeout", pytest.approx(TRIES * seconds))


# The key.


def got(wire, clock, *pauses, environ=SNAPSTART):
    async def ask():
        results = []
        async with wire.client() as client:
            auth = HostRole(environ, clock.timing.now).auth("sqs", "eu-west-1")
            for pause in pauses:
                clock.time += pause
                answer = await auth.current(session(client))
                results.append(answer if isinstance(answer, Answer) else auth.token)
        return results

    return run(ask())


def container(access_key, expires, **changes):
    told = {
        "AccessKeyId": access_key,
        "SecretAccessKey": SECRET_KEY,
        "Token": TOKEN,
        "Expiration": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    } | changes
    return httpx.Response(200, json={name: value for name, value in told.items() if value is not None})


def test_a_key_in_the_environment_is_used_without_asking_anybody():
    wire = Wire(httpx.Response(500))
    (key,) = got(wire, SleepingClock(), 10.0**9, environ=ENV | SNAPSTART)
    assert (key.access_key, key.secret_key, key.security_token) == (ACCESS_KEY, SECRET_KEY, TOKEN)
    assert wire.requests == []


def test_a_key_without_a_session_token_has_none():
    (key,) = got(Wire(httpx.Response(500)), SleepingClock(), 0, environ=ENV | {"AWS_SESSION_TOKEN": ""})
    assert key.security_token is None


def test_under_snapstart_the_key_comes_from_the_container_endpoint_and_is_fetched_five_minutes_early():
    clock = SleepingClock()
    start = clock.time
    wire = Wire(container("first", start + 3600), container("second", start + 7200))
    keys = got(wire, clock, 0, 3299, 1, 1)
    assert [key.access_key for key in keys] == ["first", "first", "second", "second"]
    assert len(wire.requests) == 2
    assert str(wire.requests[0].url) == SNAPSTART["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    assert wire.requests[0].headers["authorization"] == "container-token"


def test_a_key_that_still_holds_is_used_when_the_endpoint_gives_no_other():
    clock = SleepingClock()
    down = httpx.Response(503)
    wire = Wire(container("first", clock.time + 1000), down, container("second", clock.time + 9000), down)
    keys = got(wire, clock, 0, 800, AGAIN_SECONDS, 0)
    assert [key.access_key for key in keys] == ["first", "first", "second", "second"]


def test_a_key_that_has_expired_is_not_used_whatever_the_endpoint_says():
    clock = SleepingClock()
    first, second = got(Wire(container("first", clock.time + 1000), httpx.Response(503)), clock, 0, 1001)
    assert first.access_key == "first"
    assert isinstance(second, Answer)


def test_calls_that_need_a_key_at_once_fetch_one_together():
    clock = SleepingClock()
    wire = Wire(container("first", clock.time + 9000))

    async def ask():
        async with wire.client() as client:
            role = HostRole(SNAPSTART, clock.timing.now)
            auths = [role.auth("sqs", "eu-west-1") for _ in range(32)]
            await asyncio.gather(*(auth.current(session(client)) for auth in auths))
            return [auth.token for auth in auths]

    assert {key.access_key for key in run(ask())} == {"first"}
    assert len(wire.requests) == 1


def test_a_new_key_signs_the_next_call():
    clock = SleepingClock()
    answers = [
        container("first", clock.time + 1000),
        httpx.Response(200),
        httpx.Response(200),
        container("second", clock.time + 9000),
        httpx.Response(200),
    ]
    wire = Wire(*answers)
    environ = SNAPSTART | {"AWS_REGION": "eu-west-1"}

    async def call():
        async with wire.client() as client:
            aws = Aws(environ, client, clock.timing)
            for pause in (0, 0, 900):
                clock.time += pause
                await aws.json("sqs", "SendMessage", {})

    run(call())
    signed = [one.headers["authorization"] for one in wire.requests if one.method == "POST"]
    assert ["first/" in text for text in signed] == [True, True, False]
    assert "second/" in signed[2]


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("S3CRET"),
        httpx.Response(500),
        httpx.Response(302, headers={"location": "http://elsewhere.example.com"}),
        httpx.Response(200, text="S3CRET"),
        httpx.Response(200, json=["S3CRET"]),
        container("S3CRET", 0, SecretAccessKey=None),
        container("S3CRET", 0, Expiration="S3CRET"),
        container("S3CRET", 0, Expiration=None),
    ],
)
def test_a_container_endpoint_that_gives_no_key_is_told_without_its_answer(trouble):
    (error,) = got(Wire(trouble), SleepingClock(), 0)
    assert isinstance(error, Answer)
    assert "S3CRET" not in str(error)


def test_without_any_key_a_call_fails_and_says_so():
    wire = Wire(httpx.Response(200))
    error = calling(wire, environ={"AWS_REGION": "eu-west-1"})
    assert (error.code, wire.requests) == ("no_key", [])


@pytest.mark.parametrize("left", [60.0, 0.25])
def test_an_answer_that_does_not_come_is_a_time_out(left):
    async def call():
        async def never(_):
            await asyncio.sleep(3600)

        now = asyncio.get_running_loop().time
        end = now() + left
        timing = Timing(now=lambda: 0.0, chance=lambda: 0.5)
        async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as client:
            aws = Aws(ENV, client, timing)
            aws.left = lambda: end - now()
            with pytest.raises(AwsError) as error:
                await aws.json("sqs", "SendMessage", {})
        return error.value.code, end - now()

    code, rest = run_hurried(call())
    assert code == "timeout"
    assert -0.001 <= rest <= left


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9._]{1,20}", fullmatch=True), st.text(max_size=60), max_size=5))
def test_a_form_says_to_its_reader_what_was_put_in(parameters):
    parameters = {name: text.encode(errors="replace").decode() for name, text in parameters.items()}
    sent = form_content(parameters)
    assert dict(parse_qsl(sent.decode("ascii"), keep_blank_values=True, strict_parsing=bool(parameters))) == parameters
