"""How Google Cloud's tokens are had: from the host's AWS role, without a key of Google's."""

import json
from pathlib import Path
from urllib.parse import parse_qs, unquote

import httpx
import pytest
from gcp_support import KEY
from support import Wire, run, stamp

from untag.contracts import InvalidInputError
from untag.providers import Answer, Session, Verdict
from untag.providers.gcp.credentials import GcpCredentials
from untag.providers.gcp.tokens import GcpTokens
from untag.providers.http import call

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "gcp.json").read_text(encoding="utf-8"))
AUDIENCE = VECTORS[0]["audience"]
SERVICE_ACCOUNT = "untag@example-project.iam.gserviceaccount.com"
FEDERATED = GcpCredentials.parse({"audience": AUDIENCE, "service_account": SERVICE_ACCOUNT})
STS = httpx.Response(200, json={"access_token": "sts-fake-token", "token_type": "Bearer", "expires_in": 3600})
OWN = httpx.Response(200, json={"accessToken": "sa-fake-token", "expireTime": "2026-01-01T01:00:00Z"})
RESOURCE = httpx.Response(200, json={})
NOW = stamp("20260101T000000Z")
HOST = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDFAKE", "AWS_SECRET_ACCESS_KEY": "fake-secret"}


def asked(*answers, environ=HOST, endpoint=None, key=FEDERATED, calls=1, clock=lambda: NOW):
    """The answers to calls with the account's token, and all requests."""
    wire = Wire(*answers)

    async def ask():
        tokens = GcpTokens(environ, endpoint, clock)
        async with wire.client() as client:
            auth = tokens.auth(key)
            session = Session(client, key, auth, 5.0)
            return [await call(session, "GET", "https://storage.googleapis.com/x") for _ in range(calls)]

    return run(ask()), wire.requests


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_proof_is_google_auths_but_for_the_audience_which_is_signed_too(vector):
    environ = {
        "AWS_REGION": vector["aws_region"],
        "AWS_ACCESS_KEY_ID": vector["aws_access_key"],
        "AWS_SECRET_ACCESS_KEY": vector["aws_secret_key"],
        "AWS_SESSION_TOKEN": vector["aws_session_token"] or "",
    }
    _, (exchange, own, _) = asked(STS, OWN, RESOURCE, environ=environ)
    form = {name: value for name, (value,) in parse_qs(exchange.content.decode()).items()}
    assert list(form) == vector["sts_form_order"]
    expected = vector["subject_token_decoded"]
    expected["headers"][0]["value"] = vector["authorization_with_target_resource_signed"]
    proof = form.pop("subject_token")
    assert unquote(proof) == json.dumps(expected, separators=(",", ":"))
    assert (form.pop("scope"), form) == (
        "https://www.googleapis.com/auth/iam",
        {name: value for name, value in vector["sts_form"].items() if name not in {"scope", "subject_token"}},
    )
    assert (exchange.method, str(exchange.url)) == ("POST", "https://sts.googleapis.com/v1/token")
    assert str(own.url) == (
        f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{SERVICE_ACCOUNT}:generateAccessToken"
    )


def test_a_service_accounts_token_is_asked_for_as_google_auth_asks():
    recorded = VECTORS[1]["requests"][1]
    _, (_, own, used) = asked(STS, OWN, RESOURCE)
    assert own.url.raw_path.decode() == recorded["path"]
    assert json.loads(own.content) == json.loads(recorded["body"])
    assert own.headers["authorization"] == recorded["headers"]["authorization"]
    assert used.headers["authorization"] == "Bearer sa-fake-token"


def test_one_token_serves_all_calls_until_five_minutes_before_it_expires():
    now = [NOW]

    def later(_):
        now[0] += 1700
        return httpx.Response(200, json={})

    _, requests = asked(STS, OWN, later, later, STS, OWN, RESOURCE, calls=3, clock=lambda: now[0])
    hosts = [request.url.host for request in requests]
    assert hosts.count("sts.googleapis.com") == 2
    assert hosts[-1] == "storage.googleapis.com"


def test_a_token_that_is_refused_is_replaced_once():
    refused = httpx.Response(401, json={})
    (reply,), requests = asked(STS, OWN, refused, STS, OWN, refused)
    assert reply.status == 401
    assert [request.url.host for request in requests].count("sts.googleapis.com") == 2
    assert len(requests) == 6


def test_an_access_token_is_sent_as_it_is_and_leads_to_no_other_call():
    (reply,), (request,) = asked(httpx.Response(401), key=KEY, environ={})
    assert reply.status == 401
    assert request.headers["authorization"] == f"Bearer {KEY.access_token}"


def test_one_endpoint_stands_for_all_hosts():
    _, requests = asked(STS, OWN, RESOURCE, endpoint="http://127.0.0.1:1")
    assert [str(request.url) for request in requests[:2]] == [
        "http://127.0.0.1:1/sts.googleapis.com/v1/token",
        (
            f"http://127.0.0.1:1/iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{SERVICE_ACCOUNT}"
            ":generateAccessToken"
        ),
    ]


def refusal(error, description="sts-secret"):
    return {"error": error, "error_description": description}


@pytest.mark.parametrize(
    ("answers", "verdict", "code"),
    [
        ([httpx.Response(400, json=refusal("invalid_grant"))], Verdict.UNAUTHORIZED, "invalid_grant"),
        ([httpx.Response(400, json=refusal("invalid_target"))], Verdict.UNAUTHORIZED, "invalid_target"),
        ([httpx.Response(403, json=refusal("unauthorized_client"))], Verdict.UNAUTHORIZED, "unauthorized_client"),
        ([httpx.Response(429)], Verdict.THROTTLED, "HTTP_429"),
        ([httpx.Response(503)], Verdict.UNAVAILABLE, "HTTP_503"),
        ([httpx.Response(403, text="<html>")], Verdict.UNAVAILABLE, "HTTP_403"),
        ([httpx.Response(200, json={})], Verdict.UNAVAILABLE, "unexpected_answer"),
        ([STS, httpx.Response(403, json={"error": {"status": "PERMISSION_DENIED"}})], Verdict.FAILED, None),
        ([STS, httpx.Response(404, json={"error": {"status": "NOT_FOUND"}})], Verdict.FAILED, "NOT_FOUND"),
        ([STS, httpx.Response(401)], Verdict.UNAUTHORIZED, "HTTP_401"),
        ([STS, httpx.Response(429)], Verdict.THROTTLED, "HTTP_429"),
        ([STS, httpx.Response(500)], Verdict.UNAVAILABLE, "HTTP_500"),
        ([STS, httpx.Response(200, json={"accessToken": "x"})], Verdict.UNAVAILABLE, "unexpected_answer"),
        (
            [STS, httpx.Response(200, json={"accessToken": "a\nb", "expireTime": "2026-01-01T01:00:00Z"})],
            Verdict.UNAVAILABLE,
            "unexpected_answer",
        ),
        ([STS, httpx.Response(200, json=[])], Verdict.UNAVAILABLE, "unexpected_answer"),
    ],
)
def test_why_there_is_no_token_is_said_and_the_call_is_not_made(answers, verdict, code):
    (answer,), requests = asked(*answers)
    assert isinstance(answer, Answer)
    assert (answer.verdict, answer.unsent) == (verdict, True)
    assert answer.code == (code or "PERMISSION_DENIED")
    assert not any(request.url.host == "storage.googleapis.com" for request in requests)
    assert "sts-secret" not in f"{answer}"


def test_a_federated_token_is_in_no_message():
    denied = httpx.Response(403, json={"error": {"message": "sts-fake-token may not act as it"}})
    ((answer,), _) = asked(STS, denied)
    assert "*** may not act as it" in answer.message


def test_a_permission_that_comes_later_is_asked_for_again():
    denied = httpx.Response(403, json={"error": {"status": "PERMISSION_DENIED", "message": "no"}})
    now = [NOW]

    def clock():
        now[0] += 31
        return now[0]

    answers, _ = asked(STS, denied, STS, OWN, RESOURCE, calls=2, clock=clock)
    assert [isinstance(answer, Answer) for answer in answers] == [True, False]
    assert "roles/iam.workloadIdentityUser" in answers[0].message


@pytest.mark.parametrize(
    ("environ", "code", "message"),
    [
        (
            {},
            "no_credentials",
            "the host has no AWS role of its own; on your own machine set GOOGLE_OAUTH_ACCESS_TOKEN",
        ),
        ({"AWS_ACCESS_KEY_ID": "AK"}, "no_credentials", "AWS_SECRET_ACCESS_KEY is not set"),
        ({"AWS_SECRET_ACCESS_KEY": "SK"}, "no_credentials", "AWS_ACCESS_KEY_ID is not set"),
        ({name: value for name, value in HOST.items() if name != "AWS_REGION"}, "no_region", "AWS_REGION"),
        ({**HOST, "AWS_REGION": "eu.evil.example.com/"}, "no_region", "AWS_REGION"),
    ],
)
def test_without_a_role_of_the_host_it_says_what_can_be_done(environ, code, message):
    (answer,), requests = asked(STS, environ=environ)
    assert (answer.verdict, answer.code) == (Verdict.FAILED, code)
    assert message in answer.message
    assert requests == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, ""),
        ({"audience": AUDIENCE}, ""),
        ({"service_account": SERVICE_ACCOUNT}, ""),
        ({"audience": AUDIENCE, "service_account": SERVICE_ACCOUNT, "access_token": "x"}, ""),
        ({"audience": AUDIENCE, "access_token": "x"}, ""),
        ({"audience": f"https:{AUDIENCE}", "service_account": SERVICE_ACCOUNT}, "audience"),
        ({"audience": f"{AUDIENCE}/x", "service_account": SERVICE_ACCOUNT}, "audience"),
        ({"audience": AUDIENCE, "service_account": "a@example.com"}, "service_account"),
        ({"audience": AUDIENCE, "service_account": f"../x/{SERVICE_ACCOUNT}"}, "service_account"),
        ({"audience": AUDIENCE, "service_account": f"{SERVICE_ACCOUNT}:sign?"}, "service_account"),
    ],
)
def test_credentials_are_one_way_to_a_token_and_can_name_no_host(fields, path):
    with pytest.raises(InvalidInputError) as caught:
        GcpCredentials.parse(fields)
    assert caught.value.problems[0].path == path


@pytest.mark.parametrize(
    "service_account", ["1-compute@developer.gserviceaccount.com", "sa@p-1.example.com.iam.gserviceaccount.com"]
)
def test_googles_own_service_accounts_are_known(service_account):
    assert GcpCredentials.parse({"audience": AUDIENCE, "service_account": service_account})


def test_the_default_accounts_variables_are_one_way_too():
    variables = {"GOOGLE_WORKLOAD_AUDIENCE": AUDIENCE, "GOOGLE_SERVICE_ACCOUNT": SERVICE_ACCOUNT}
    assert GcpCredentials.from_environment(variables) == FEDERATED
    assert GcpCredentials.from_environment({"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.x"}).access_token == "ya29.x"
    assert GcpCredentials.missing({"GOOGLE_SERVICE_ACCOUNT": SERVICE_ACCOUNT}) == ["GOOGLE_WORKLOAD_AUDIENCE"]
    with pytest.raises(InvalidInputError, match="GOOGLE_WORKLOAD_AUDIENCE, GOOGLE_SERVICE_ACCOUNT"):
        GcpCredentials.from_environment({})
    with pytest.raises(InvalidInputError, match="or GOOGLE_OAUTH_ACCESS_TOKEN in place of both"):
        GcpCredentials.from_environment({})
    with pytest.raises(InvalidInputError, match="either GOOGLE_WORKLOAD_AUDIENCE and GOOGLE_SERVICE_ACCOUNT, or"):
        GcpCredentials.from_environment(variables | {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.x"})
    assert "ya29" not in repr(GcpCredentials.from_environment({"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.x"}))
