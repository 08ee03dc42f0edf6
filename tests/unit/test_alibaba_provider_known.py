"""Alibaba Cloud: how long the form of a type's ARNs is remembered, and what time the questions for it may take."""

import asyncio

import httpx
import pytest
import virtual_time
from alibaba_support import REGION, done, error, template
from support import Wire, run
from virtual_time import Clock

from untag.contracts import Action, Tag
from untag.providers import Location, Session, Verdict
from untag.providers.alibabacloud.client import Api, Known
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.tag import AlibabaTag
from untag.providers.owners import Owner

TYPE = "slb:loadbalancer"
KEY = AlibabaCredentials.parse({"access_key": "LTAIFAKE", "secret_key": "fake-secret-key"})
SCOPE = AlibabaTag().scope(Location("default", REGION, None), TYPE)
DOCUMENTED = "arn:acs:slb:cn-hangzhou:*:loadbalancer/lb-1"
BY_TEMPLATE = "arn:acs:slb:cn-hangzhou:*:instance/lb-1"


def session(client, timeout=5.0):
    return Session(client, KEY, AlibabaTag().auth(KEY, SCOPE), timeout)


TEMPLATE = template("arn:acs:slb:*:*:instance/*")
NOTHING_LISTED = done(TagResources=[], NextToken="")


def asked_twice(seconds, *answers):
    """The ARN or the code of two questions for an ARN, so many seconds apart, and how many calls were made."""
    now = [1000.0]
    wire = Wire(*answers)
    known = Known(Api(None), lambda: now[0])

    async def ask():
        told = []
        async with wire.client() as client:
            for _ in range(2):
                named = await known.arns(session(client), SCOPE, ("lb-1",), Owner())
                told.append(str(named["lb-1"]) if isinstance(named, dict) else named.code)
                now[0] += seconds
        return told

    return run(ask()), len(wire.requests)


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        (error(403, "NoPermission"), DOCUMENTED),
        (error(400, "InvalidParameter"), DOCUMENTED),
        (error(404, "InvalidAction.NotFound"), DOCUMENTED),
        (done(SupportResourceTypes=[]), "unknown_type"),
    ],
)
def test_that_there_is_no_template_is_remembered_for_five_minutes(answer, first):
    assert asked_twice(299.0, answer, TEMPLATE) == ([first, first], 1)
    assert asked_twice(301.0, answer, TEMPLATE) == ([first, BY_TEMPLATE], 2)


def test_an_answer_that_passes_is_not_remembered():
    assert asked_twice(0.0, error(503, "ServiceUnavailable"), TEMPLATE) == (["ServiceUnavailable", BY_TEMPLATE], 2)


def test_a_template_is_remembered_while_the_process_lives():
    assert asked_twice(1e6, TEMPLATE, error(403, "NoPermission")) == ([BY_TEMPLATE, BY_TEMPLATE], 1)


def slowly(answers, kind, id_, timeout):
    """What a call with so much time says, whose questions take 3 seconds each; what was asked, and the time it took."""
    replies, asked, clock = list(answers), [], Clock()

    async def answer(sent):
        if sent.url.host == "sts.aliyuncs.com":
            return done(AccountId="1234567890123456")
        asked.append(sent.headers["x-acs-action"])
        await asyncio.sleep(3.0)
        return replies.pop(0)

    async def ask():
        provider = AlibabaTag()
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), trust_env=False) as client:
            if kind == "read":
                return await provider.read(session(client, timeout), SCOPE, (id_,))
            return await provider.write(session(client, timeout), Action.REMOVE, SCOPE, (id_,), (Tag("env", None),))

    started = clock.seconds
    told = virtual_time.run(clock, ask())
    return told, asked, clock.seconds - started


@pytest.mark.parametrize(
    ("kind", "operation", "last"),
    [("write", "UntagResources", done()), ("read", "ListTagResources", NOTHING_LISTED)],
)
def test_the_question_for_a_template_takes_its_time_from_the_call(kind, operation, last):
    told, asked, seconds = slowly((TEMPLATE, last), kind, "lb-1", 5.0)
    assert asked == ["ListSupportResourceTypes", operation]
    assert (told.verdict, told.code, told.unsent) == (Verdict.UNAVAILABLE, "timeout", False)
    assert seconds == pytest.approx(5.0, abs=0.01)
    told, _, seconds = slowly((TEMPLATE, last), kind, "lb-1", 7.0)
    assert (told.verdict, seconds) == (Verdict.DONE, pytest.approx(6.0, abs=0.01))


@pytest.mark.parametrize("timeout", [5.0, 8.0])
def test_all_questions_about_a_resource_that_is_left_out_share_the_time_of_the_read(timeout):
    left_out = "arn:acs:slb:cn-hangzhou:1234567890123456:loadbalancer/lb-1"
    answers = (NOTHING_LISTED, template("arn:acs:slb:*:*:loadbalancer/*"))
    told, asked, seconds = slowly(answers, "read", left_out, timeout)
    assert asked == ["ListTagResources", "ListSupportResourceTypes"]
    if timeout < 6.0:
        assert (told.verdict, told.code) == (Verdict.UNAVAILABLE, "timeout")
    else:
        assert (told.verdict, told.tags) == (Verdict.DONE, {left_out: {}})
    assert seconds == pytest.approx(min(timeout, 6.0), abs=0.01)
