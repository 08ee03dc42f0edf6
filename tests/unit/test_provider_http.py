"""One call to a provider: within its time, its answer bounded, its errors told as answers, no key in any of it."""

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ACCESS_KEY, KEY, SECRET_KEY, TOKEN, Wire, run, run_hurried, session

from local.providers import JdcloudServer
from untag.contracts import Action, Tag
from untag.providers import Answer, Scope, Session, Verdict
from untag.providers.http import MAX_BODY_BYTES, Reply, call, message_of, name_of, tags_of
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.providers.signing import JDCLOUD3, DerivedKeyAuth

URL = "https://api.example.com/v1/path"


def asked(wire, method="POST", body=None, *, auth=None, timeout=5.0, hurried=False, **how):
    async def ask():
        async with wire.client() as client:
            return await call(session(client, auth, timeout), method, URL, body, **how)

    return run_hurried(ask()) if hurried else run(ask())


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers() | st.lists(st.text(), max_size=2), max_size=3))
def test_a_body_arrives_as_it_was_given(body):
    wire = Wire(httpx.Response(200))
    asked(wire, body=body)
    assert json.loads(wire.requests[0].content) == body
    assert wire.requests[0].headers["content-type"] == "application/json"


def test_a_call_without_a_body_has_neither_body_nor_content_type():
    wire = Wire(httpx.Response(200))
    asked(wire, "GET", headers={"x-more": "1"})
    (sent,) = wire.requests
    assert sent.content == b""
    assert "content-type" not in sent.headers
    assert sent.headers["x-more"] == "1"
    assert sent.headers["user-agent"].startswith("untag/")


def test_a_reply_is_read_to_its_end():
    reply = asked(Wire(httpx.Response(418, headers={"x-a": "b"}, content=b"x" * 200_000)))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["x-a"], len(reply.body)) == (418, "b", 200_000)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    wire = Wire(httpx.Response(status, headers={"location": "https://elsewhere.example.com/"}))
    reply = asked(wire, body={})
    assert (reply.status, len(wire.requests)) == (status, 1)


def test_an_answer_over_the_limit_is_cut_off():
    sent = []

    def endless(_):
        async def chunks():
            while True:
                sent.append(1)
                yield b"x" * 1000

        return httpx.Response(200, content=chunks())

    answer = asked(Wire(endless), limit=10_000)
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "too_large")
    assert len(sent) <= 12
    assert asked(Wire(httpx.Response(200, content=b"x" * 100)), limit=100).body == b"x" * 100
    assert MAX_BODY_BYTES >= 16 * 1024 * 1024


@pytest.mark.parametrize("timeout", [0.5, 30.0])
@pytest.mark.parametrize("where", ["before", "within"])
def test_a_call_ends_with_its_time_wherever_the_answer_stays(timeout, where):
    async def ask():
        async def chunks():
            while True:
                yield b" "
                await asyncio.sleep(0.1)

        async def stall(_):
            if where == "before":
                await asyncio.sleep(3600)
            return httpx.Response(200, content=chunks())

        start = asyncio.get_running_loop().time()
        async with httpx.AsyncClient(transport=httpx.MockTransport(stall)) as client:
            answer = await call(session(client, timeout=timeout), "GET", URL)
        return answer, asyncio.get_running_loop().time() - start

    answer, took = run_hurried(ask())
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "timeout")
    assert took == pytest.approx(timeout, abs=0.11)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("S3CRET"),
        httpx.ConnectTimeout("S3CRET"),
        httpx.ReadTimeout("S3CRET"),
        httpx.PoolTimeout("S3CRET"),
        httpx.RemoteProtocolError("S3CRET"),
        httpx.LocalProtocolError("S3CRET"),
        httpx.ReadError("S3CRET"),
        httpx.DecodingError("S3CRET"),
        ssl.SSLError("S3CRET"),
        OSError("S3CRET"),
    ],
)
def test_no_answer_is_unavailable_and_the_errors_text_stays_behind(error):
    answer = asked(Wire(error))
    assert isinstance(answer, Answer)
    assert answer.verdict is Verdict.UNAVAILABLE
    assert answer.code in {"timeout", "connection"}
    assert "S3CRET" not in f"{answer}"


def test_an_answer_that_cannot_be_unpacked_is_no_answer():
    # Bytes that are no gzip, from a gateway that was asked for none.
    def spoilt(_):
        async def chunks():
            yield b"not gzip"

        return httpx.Response(200, headers={"content-encoding": "gzip"}, content=chunks())

    answer = asked(Wire(spoilt))
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "connection")


@pytest.mark.parametrize("error", [httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError])
def test_a_kept_connection_that_is_closed_is_replaced_once_and_the_request_signed_anew(error):
    auth = DerivedKeyAuth(JDCLOUD3, KEY, region="r", service="s")
    wire = Wire(error("closed"), httpx.Response(200))
    assert asked(wire, body={"a": 1}, auth=auth).status == 200
    first, second = wire.requests
    assert first.content == second.content == b'{"a":1}'
    assert first.headers["x-jdcloud-nonce"] != second.headers["x-jdcloud-nonce"]
    assert first.headers["authorization"] != second.headers["authorization"]

    twice = Wire(error("closed"))
    assert asked(twice, body={}, auth=auth).code == "connection"
    assert len(twice.requests) == 2


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.PoolTimeout])
def test_what_is_no_stale_connection_is_not_replaced(error):
    wire = Wire(error("no"))
    asked(wire)
    assert len(wire.requests) == 1


def test_a_new_connection_that_breaks_is_not_replaced():
    tried = []

    async def breaks(request):
        tried.append(request)
        await request.extensions["trace"]("connection.connect_tcp.started", {})
        raise httpx.ReadError("reset")

    async def ask():
        async with httpx.AsyncClient(transport=httpx.MockTransport(breaks)) as client:
            return await call(session(client), "POST", URL, {})

    assert run(ask()).code == "connection"
    assert len(tried) == 1


def test_on_a_real_connection_only_a_kept_one_is_replaced():
    scope = Scope("jdcloud", "resourcetag", "default", "cn-north-1", None, "vm")
    with JdcloudServer() as server:
        server.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
        provider = JDCloud(server.url)
        key = JDCloudCredentials(**server.secrets["default"])

        async def untag():
            verdicts = []
            async with httpx.AsyncClient(trust_env=False) as client:
                one = Session(client, key, provider.auth(key, scope), 5.0)
                for fault in (True, False, True):
                    if fault:
                        server.faults.add("reset", times=1)
                    answer = await provider.write(one, Action.REMOVE, scope, ("i-1",), (Tag("env", "prod"),))
                    verdicts.append(answer.verdict)
            return verdicts

        # The first is cut on a new connection; the third on a kept one, whose replacement is answered.
        assert run(untag()) == [Verdict.UNAVAILABLE, Verdict.DONE, Verdict.DONE]
        assert [call.status for call in server.calls] == [0, 200, 0, 200]
        assert len({call.signature for call in server.calls}) == 4


# What an answer says beside its body.


def reply(**headers):
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Reply(429, httpx.Headers(raw), b"")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0), ("0", 0), ("7", 7), (" 7 ", 7), ("900", 900), ("901", 900), ("9" * 400, 900), ("-1", 0), ("1.5", 0),
        ("٣", 0), ("soon", 0), ("Mon, 01 Jan 2001 00:00:00 GMT", 0), ("Mon, 01 Jan 2001 00:00:00 -0000", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 900), ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Mon, 01 Jan 2001 00:00:00 +99999999999", 0), ("Mon, 99 Jan 2001 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_its_forms_and_never_beyond_a_queues_delay(text, seconds):
    assert reply(retry_after=text).retry_after() == seconds


def test_retry_after_as_a_date_is_the_time_until_then():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    assert 290 <= reply(retry_after=soon).retry_after() <= 300


def test_an_answer_without_retry_after_names_no_time():
    assert reply().retry_after() == 0.0


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_retry_after_makes_an_error(text):
    assert 0 <= Reply(429, {"retry-after": text}, b"").retry_after() <= 900


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe\xfd", b"[" * 200_000, b"9" * 5000])
def test_a_body_that_is_no_json_is_none(body):
    assert Reply(200, httpx.Headers(), body).json() is None


@given(st.text(st.characters(), max_size=400))
def test_a_message_is_one_short_line_without_the_key(text):
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        told = message_of(f"{text}{secret}{text}", KEY)
        assert secret not in told
        assert told.isprintable()
        assert len(told.encode()) <= 240


@pytest.mark.parametrize("value", [None, "", 0, [], {}, {"a": 1}])
def test_what_is_no_text_is_no_message(value):
    assert message_of(value, KEY) is None


def test_a_name_is_a_short_text_or_a_number():
    assert name_of("r-1") == "r-1"
    assert name_of(429) == "429"
    assert len(name_of("x" * 500).encode()) <= 64
    assert [name_of(value) for value in (None, "", [], {}, 1.5)] == [None] * 5


def test_tags_are_read_by_key_and_no_value_is_an_empty_one():
    listed = [{"key": "a", "value": "1"}, {"key": "b", "value": None}, {"key": "c"}, {"key": "a", "value": "2"}]
    assert tags_of(listed) == {"a": "2", "b": "", "c": ""}
    assert tags_of([]) == {}


def test_half_a_character_in_a_tag_can_be_told_in_a_report():
    listed = json.loads('[{"key": "k", "value": "cut \\ud83d"}]')
    assert tags_of(listed) == {"k": "cut ?"}


@pytest.mark.parametrize(
    "listed",
    [None, {}, "", "text", 1, [1], ["text"], [None], [{"value": "v"}], [{"key": 1}], [{"key": "k", "value": 1}], [[]]],
)
def test_a_list_of_something_else_is_no_tags(listed):
    with pytest.raises((KeyError, TypeError, AttributeError)):
        tags_of(listed)
