"""Azure: how a call gets its token, by a secret or by a token of the host's AWS role, and what a refusal means."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from azure_support import CLIENT, FIELDS, KEY, TENANT, AzureWire, asked, error, tags_answer, token

from untag.contracts import InvalidInputError
from untag.providers import Options, Verdict
from untag.providers.azure.credentials import AzureCredentials
from untag.providers.azure.tags import AzureTags

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "azure-token.json").read_text(encoding="utf-8"))
STS = json.loads((FOLDER / "aws-sts.json").read_text(encoding="utf-8"))
SDKS_OWN = {"client_info"}
ROLE = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "ASIAFAKE",
    "AWS_SECRET_ACCESS_KEY": "fake-aws-secret",
    "AWS_SESSION_TOKEN": "fake-aws-token",
}
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJmYWtlIn0.c2ln"
WITHOUT_SECRET = AzureCredentials.parse({"tenant_id": TENANT, "client_id": CLIENT})


def web_identity(jwt=JWT):
    xml = (
        '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>'
        f"<WebIdentityToken>{jwt}</WebIdentityToken><Expiration>2026-01-01T00:05:00Z</Expiration>"
        "</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
    )
    return httpx.Response(200, text=xml, headers={"content-type": "text/xml"})


def sts_error(status, code):
    xml = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
    return httpx.Response(status, text=xml)


def refusal(status, name, number=None, **more):
    body = {
        "error": name,
        "error_description": f"AADSTS{number}: tenant {TENANT} knows no {CLIENT} with {KEY.client_secret}",
        "error_codes": [number] if number else [],
        **more,
    }
    return httpx.Response(status, json=body)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_a_token_is_asked_for_as_the_sdk_asks(vector):
    form = vector["form"]
    tenant = vector["path"].split("/")[1]
    fields = {"tenant_id": tenant, "client_id": form["client_id"], "client_secret": form.get("client_secret")}
    key = AzureCredentials.parse({name: text for name, text in fields.items() if text})
    cloud = AzureWire(tags_answer({}), tokens=(token(),) if key.client_secret else (web_identity(), token()))
    assert asked(cloud, "read", key=key, environ=ROLE).verdict is Verdict.DONE
    sent = cloud.logins[-1]
    assert (sent.method, sent.url.path) == (vector["method"], vector["path"])
    assert sent.headers["content-type"] == vector["content_type"]
    sent_pairs = set(sent.content.decode().split("&"))
    assert sent_pairs == {pair for pair in vector["body"].split("&") if pair.partition("=")[0] not in SDKS_OWN}
    assert "authorization" not in sent.headers


def test_a_token_is_asked_for_once_for_many_calls():
    cloud = AzureWire(tags_answer({}))
    asked(cloud, "read", times=20)
    assert (len(cloud.requests), len(cloud.logins)) == (20, 1)


def test_a_refused_token_is_replaced_once_and_then_the_credentials_count_as_refused():
    good = AzureWire(error(401, "ExpiredAuthenticationToken"), tags_answer({}), tokens=(token("one"), token("two")))
    assert asked(good, "read").verdict is Verdict.DONE
    assert [sent.headers["authorization"] for sent in good.requests] == ["Bearer one", "Bearer two"]
    bad = AzureWire(error(401, "InvalidAuthenticationToken"))
    assert asked(bad, "read").verdict is Verdict.UNAUTHORIZED
    assert (len(bad.requests), len(bad.logins)) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (refusal(401, "invalid_client", 7000215), Verdict.UNAUTHORIZED, "AADSTS7000215"),
        (refusal(401, "invalid_client", 7000222), Verdict.UNAUTHORIZED, "AADSTS7000222"),
        (refusal(400, "unauthorized_client", 700016), Verdict.UNAUTHORIZED, "AADSTS700016"),
        (refusal(400, "invalid_request", 90002), Verdict.UNAUTHORIZED, "AADSTS90002"),
        (refusal(400, "invalid_grant", 50012), Verdict.UNAUTHORIZED, "AADSTS50012"),
        (refusal(400, "invalid_client", 700222), Verdict.UNAUTHORIZED, "AADSTS700222"),
        (refusal(400, "invalid_grant", 53003), Verdict.UNAUTHORIZED, "AADSTS53003"),
        (refusal(401, "invalid_client"), Verdict.UNAUTHORIZED, "invalid_client"),
        (refusal(400, "invalid_request", 70021), Verdict.UNAVAILABLE, "AADSTS70021"),
        (refusal(400, "invalid_grant", 50033), Verdict.UNAVAILABLE, "AADSTS50033"),
        (refusal(400, "invalid_client", 90055), Verdict.UNAVAILABLE, "AADSTS90055"),
        (refusal(503, "temporarily_unavailable", 90033), Verdict.UNAVAILABLE, "temporarily_unavailable"),
        (httpx.Response(429), Verdict.THROTTLED, "HTTP_429"),
        (httpx.Response(200, text="<html>It works</html>"), Verdict.UNAVAILABLE, "unexpected_answer"),
        (httpx.Response(200, json={"token_type": "Bearer"}), Verdict.UNAVAILABLE, "unexpected_answer"),
        (httpx.Response(401, text="proxy"), Verdict.UNAVAILABLE, "HTTP_401"),
        (refusal(401, "invalid_client", 7000215, error_codes="7000215"), Verdict.UNAUTHORIZED, "invalid_client"),
    ],
)
def test_what_a_refusal_of_a_token_means_and_that_its_text_is_not_passed_on(answer, verdict, code):
    cloud = AzureWire(tags_answer({}), tokens=(answer,))
    judged = asked(cloud, "read")
    assert (judged.verdict, judged.code, judged.unsent) == (verdict, code, True)
    assert cloud.requests == []
    for secret in (TENANT, CLIENT, KEY.client_secret):
        assert secret not in f"{judged.message}"


def test_without_a_secret_a_token_of_the_hosts_aws_role_is_exchanged():
    cloud = AzureWire(tags_answer({}), tokens=(web_identity(), token()))
    assert asked(cloud, "read", key=WITHOUT_SECRET, environ=ROLE).verdict is Verdict.DONE
    sts, login = cloud.logins
    assert (sts.method, str(sts.url)) == ("POST", "https://sts.eu-central-1.amazonaws.com/")
    assert parse_qs(sts.content.decode()) == {
        "Action": ["GetWebIdentityToken"],
        "Version": ["2011-06-15"],
        "Audience.member.1": ["api://AzureADTokenExchange"],
        "SigningAlgorithm": ["RS256"],
        "DurationSeconds": ["300"],
    }
    assert sts.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIAFAKE/")
    assert "/eu-central-1/sts/aws4_request" in sts.headers["authorization"]
    assert sts.headers["x-amz-security-token"] == "fake-aws-token"
    form = parse_qs(login.content.decode())
    assert form["client_assertion"] == [JWT]
    assert "client_secret" not in form


def test_the_roles_token_is_asked_for_as_botocore_asks_and_its_recorded_answer_is_read():
    (vector,) = (one for one in STS if one["name"] == "web-identity-token")
    recorded = httpx.Response(vector["answer_status"], text=vector["answer_body"])
    cloud = AzureWire(tags_answer({}), tokens=(recorded, token()))
    assert asked(cloud, "read", key=WITHOUT_SECRET, environ=ROLE).verdict is Verdict.DONE
    sts, login = cloud.logins
    assert (sts.method, sts.url.path, sts.content.decode()) == (vector["method"], vector["path"], vector["body"])
    assert parse_qs(login.content.decode())["client_assertion"] == [vector["sdk_reading"]["WebIdentityToken"]]


def test_a_role_whose_session_ends_before_is_asked_for_a_shorter_token():
    short = sts_error(403, "SessionDurationEscalationException")
    cloud = AzureWire(tags_answer({}), tokens=(short, web_identity(), token()))
    assert asked(cloud, "read", key=WITHOUT_SECRET, environ=ROLE).verdict is Verdict.DONE
    assert [parse_qs(one.content.decode()).get("DurationSeconds") for one in cloud.logins] == [["300"], ["60"], None]
    over = AzureWire(tags_answer({}), tokens=(short,))
    assert asked(over, "read", key=WITHOUT_SECRET, environ=ROLE).verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (sts_error(403, "OutboundWebIdentityFederationDisabledException"), Verdict.FAILED, None),
        (sts_error(403, "OutboundWebIdentityFederationDisabled"), Verdict.FAILED, None),
        (sts_error(403, "AccessDenied"), Verdict.FAILED, "AccessDenied"),
        (sts_error(400, "JWTPayloadSizeExceededException"), Verdict.FAILED, "JWTPayloadSizeExceeded"),
        (sts_error(400, "InvalidAction"), Verdict.FAILED, "InvalidAction"),
        (sts_error(403, "InvalidClientTokenId"), Verdict.UNAUTHORIZED, "InvalidClientTokenId"),
        (sts_error(400, "Throttling"), Verdict.THROTTLED, "Throttling"),
        (sts_error(400, "ThrottlingException"), Verdict.THROTTLED, "ThrottlingException"),
        (sts_error(503, "ServiceUnavailable"), Verdict.UNAVAILABLE, "ServiceUnavailable"),
        (httpx.Response(500, text="<html>"), Verdict.UNAVAILABLE, "HTTP_500"),
        (web_identity("no.jwt"), Verdict.UNAVAILABLE, "unexpected_answer"),
        (web_identity("a.b.c&client_secret=x"), Verdict.UNAVAILABLE, "unexpected_answer"),
    ],
)
def test_what_a_refusal_of_the_roles_token_means(answer, verdict, code):
    cloud = AzureWire(tags_answer({}), tokens=(answer,))
    judged = asked(cloud, "read", key=WITHOUT_SECRET, environ=ROLE)
    assert (judged.verdict, judged.code) == (verdict, code or "OutboundWebIdentityFederationDisabled")
    assert (cloud.requests, judged.unsent) == ([], True)


def test_without_a_secret_and_without_an_aws_role_no_call_is_made_and_the_reason_is_said():
    provider = AzureTags(Options(), {})
    refused = provider.refusal(WITHOUT_SECRET, None)
    assert refused is not None
    assert refused.code == "no_aws_role"
    assert provider.refusal(KEY, None) is None
    assert AzureTags(Options(), ROLE).refusal(WITHOUT_SECRET, None) is None
    container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/keys"}
    assert AzureTags(Options(), container).refusal(WITHOUT_SECRET, None) is None


@pytest.mark.parametrize("half", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_key_of_the_host_is_no_role_and_what_is_missing_is_named(half):
    environ = {name: value for name, value in ROLE.items() if name != half}
    refused = AzureTags(Options(), environ).refusal(WITHOUT_SECRET, None)
    assert refused is not None
    assert (refused.code, f"{half} is not set" in refused.message) == ("no_aws_role", True)


@pytest.mark.parametrize("region", ["", "eu-central-1.evil.example.com", "eu-central-1/x", "EU"])
def test_a_host_that_does_not_say_its_region_gets_no_token(region):
    cloud = AzureWire(tags_answer({}))
    judged = asked(cloud, "read", key=WITHOUT_SECRET, environ=ROLE | {"AWS_REGION": region})
    assert (judged.verdict, judged.code, cloud.logins) == (Verdict.FAILED, "no_region", [])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"tenant_id": None}, "tenant_id"),
        ({"client_id": None}, "client_id"),
        ({"tenant_id": "../evil"}, "tenant_id"),
        ({"tenant_id": "a..b"}, "tenant_id"),
        ({"tenant_id": "a/oauth2#"}, "tenant_id"),
        ({"tenant_id": "tenant?x"}, "tenant_id"),
        ({"tenant_id": "x@evil.example.com"}, "tenant_id"),
        ({"client_id": "my-app"}, "client_id"),
        ({"cloud": "mars"}, "cloud"),
        ({"client_secret": "with\nline"}, "client_secret"),
    ],
)
def test_credentials_that_cannot_be_right_are_refused_by_the_fields_name(changes, path):
    with pytest.raises(InvalidInputError) as caught:
        AzureCredentials.parse(FIELDS | changes)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert "evil" not in problem.message


def test_credentials_come_from_the_vendors_variables_and_the_secret_may_be_missing():
    environ = {"AZURE_TENANT_ID": "contoso.onmicrosoft.com", "AZURE_CLIENT_ID": CLIENT}
    read = AzureCredentials.from_environment(environ)
    assert (read.tenant_id, read.client_secret, read.cloud) == ("contoso.onmicrosoft.com", None, "public")
    assert AzureCredentials.missing({}) == ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"]
    assert FIELDS["client_secret"] not in repr(KEY)


def test_a_token_that_an_error_repeats_is_in_no_message_though_it_is_longer_than_a_message():
    long = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9." + "x" * 1500
    answer = asked(AzureWire(error(400, "BadRequest", f"Authorization: Bearer {long} is bad"), tokens=[token(long)]))
    assert "eyJ0eXAi" not in answer.message
    assert "is bad" in answer.message
