"""Alibaba Cloud: what each documented answer means, and what says nothing of our resources."""

import httpx
import pytest
from alibaba_support import OTHER, TWO, arn, call, done, failed, listing

from untag.providers import Verdict


@pytest.mark.parametrize("nothing", [{}, {"FailedResources": None}, {"FailedResources": {}}])
def test_no_failure_is_told_in_several_ways(nothing):
    answer, _ = call(done(**nothing))
    assert (answer.verdict, answer.request_id, answer.failures, answer.confirmed) == (Verdict.DONE, "req-1", {}, None)
    assert call(done(FailedResources={"FailedResource": []}))[0].failures == {}
    assert call(done(FailedResources={"FailedResource": None}))[0].failures == {}


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("InvalidResourceId.NotFound", Verdict.NOT_FOUND),
        ("InvalidInstanceId.NotFound", Verdict.NOT_FOUND),
        ("Throttling.User", Verdict.THROTTLED),
        ("InternalError", Verdict.UNAVAILABLE),
        ("ServiceUnavailable", Verdict.UNAVAILABLE),
        ("NoPermission", Verdict.FAILED),
        ("OperationDenied.Locked", Verdict.FAILED),
    ],
)
def test_failures_inside_a_success_are_by_resource_with_their_own_verdicts(code, verdict):
    answer, _ = call(failed((TWO, code)))
    assert answer.verdict is Verdict.DONE
    assert {id_: (one.code, one.verdict) for id_, one in answer.failures.items()} == {TWO: (code, verdict)}


def test_a_failure_of_a_bare_id_is_understood_with_the_accounts_number_and_without_it():
    for told in (arn("i-2", "*"), TWO, arn("i-2", "*", "*")):
        answer, _ = call(failed((told, "OperationDenied")), ids=("i-1", "i-2"))
        assert list(answer.failures) == ["i-2"]


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    "told",
    [arn("i-3"), arn("I-1"), arn("i-1", OTHER), arn("i-1", region="cn-beijing"), arn("i-1", kind="disk"), "i-1", 7],
)
def test_an_answer_about_another_resource_says_nothing_of_ours(told, kind):
    answer, _ = call(failed((told, "Denied")) if kind == "write" else listing((told, {"env": "x"})), kind=kind)
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read", "find", "names"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={}, headers={"x-acs-request-id": "r"}),
        httpx.Response(200, json={"RequestId": ""}),
        httpx.Response(200, text='{"RequestId":"r","TagResources":['),
        httpx.Response(200, json=[]),
        httpx.Response(202, json={"RequestId": "r"}),
        httpx.Response(204),
        done(FailedResources=[], TagResources={}, Keys=[]),
        done(FailedResources={"FailedResource": {}}, TagResources="x", Keys={"Key": "x"}),
        done(FailedResources={"FailedResource": ["x"]}, TagResources=["x"], Keys={"Key": [1]}),
        done(Code="Whatever", Message="m"),
    ],
)
def test_what_is_not_the_documented_success_is_never_believed(answer, kind):
    judged, _ = call(answer, kind=kind)
    assert judged.verdict is Verdict.UNAVAILABLE
    assert judged.tags is None


@pytest.mark.parametrize("kind", ["write", "read", "find", "names"])
@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "Throttling", Verdict.THROTTLED),
        (400, "Throttling.User", Verdict.THROTTLED),
        (503, "Throttling.Api", Verdict.THROTTLED),
        (200, "Throttling.Api", Verdict.THROTTLED),
        (429, None, Verdict.THROTTLED),
        (404, "InvalidAccessKeyId.NotFound", Verdict.UNAUTHORIZED),
        (400, "InvalidAccessKeyId.Inactive", Verdict.UNAUTHORIZED),
        (403, "SignatureDoesNotMatch", Verdict.UNAUTHORIZED),
        (400, "IncompleteSignature", Verdict.UNAUTHORIZED),
        (400, "InvalidSecurityToken.Expired", Verdict.UNAUTHORIZED),
        (401, None, Verdict.UNAUTHORIZED),
        (403, "Forbidden.RAM", Verdict.FORBIDDEN),
        (400, "NoPermission", Verdict.FORBIDDEN),
        (403, "Forbidden.RiskControl", Verdict.FORBIDDEN),
        (403, None, Verdict.FORBIDDEN),
        (400, "SignatureNonceUsed", Verdict.UNAVAILABLE),
        (400, "InvalidTimeStamp.Expired", Verdict.UNAVAILABLE),
        (500, "InternalError", Verdict.UNAVAILABLE),
        (503, "ServiceUnavailable", Verdict.UNAVAILABLE),
        (502, None, Verdict.UNAVAILABLE),
        (408, None, Verdict.UNAVAILABLE),
        (404, "InvalidResourceId.NotFound", Verdict.NOT_FOUND),
        (400, "InvalidResourceARN.Account", Verdict.REFUSED),
        (400, "MissingParameter", Verdict.REFUSED),
        (414, None, Verdict.REFUSED),
        (404, "InvalidAction.NotFound", Verdict.FAILED),
        (404, "InvalidRegionId.NotFound", Verdict.FAILED),
        (404, None, Verdict.FAILED),
        (302, None, Verdict.FAILED),
    ],
)
def test_every_error_means_what_it_should(kind, status, code, verdict):
    body = {"Code": code, "Message": "is fake-secret-key", "RequestId": "req-9", "HostId": "h"} if code else None
    answer, _ = call(httpx.Response(status, json=body), kind=kind)
    assert (answer.verdict, answer.code) == (verdict, code or f"HTTP_{status}")
    assert answer.request_id == ("req-9" if code else None)
    assert "fake-secret-key" not in f"{answer.message}"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"code": "Throttling", "message": "slow", "requestId": "req-9"}),
        httpx.Response(
            400,
            text="<?xml version='1.0'?><Error><RequestId>req-9</RequestId><HostId>h</HostId>"
            "<Code>Throttling</Code><Message>slow</Message></Error>",
            headers={"content-type": "text/xml;charset=utf-8"},
        ),
    ],
)
def test_an_error_is_read_in_every_shape_that_the_sdk_reads(answer):
    judged, _ = call(answer)
    told = (judged.verdict, judged.code, judged.message, judged.request_id)
    assert told == (Verdict.THROTTLED, "Throttling", "slow", "req-9")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-acs-retry-after": "1500"}, 1.5),
        ({"x-acs-retry-after": "99999999999"}, 900.0),
        ({"x-acs-retry-after": "soon"}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({}, 0.0),
    ],
)
def test_the_wait_of_a_throttle_is_told_in_milliseconds(headers, seconds):
    answer, _ = call(httpx.Response(400, json={"Code": "Throttling"}, headers=headers))
    assert answer.retry_after == seconds
