"""Signatures, byte for byte as the vendors' own signers and AWS's test suite have them."""

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from support import ACCESS_KEY, KEY, SECRET_KEY, TOKEN, SleepingClock, Wire, run, stamp

from untag.providers.credentials import AccessKey
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.signing import HuaweiAuth
from untag.providers.signing import AWS4, JDCLOUD3, DerivedKeyAuth, canonical_request

VECTORS = Path(__file__).parents[1] / "vectors"
JDCLOUD = json.loads((VECTORS / "jdcloud.json").read_text(encoding="utf-8"))["vectors"]
HUAWEICLOUD = json.loads((VECTORS / "huaweicloud.json").read_text(encoding="utf-8"))["vectors"]


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def signed(auth, request):
    """The request as it goes over the wire."""
    flow = auth.sync_auth_flow(request)
    return next(flow)


def jdcloud_auth(vector, clock, **changes):
    token = vector["security_token"]
    key = AccessKey(
        access_key=vector["access_key"],
        secret_key=vector["secret_key"],
        security_token=base64.b64decode(token).decode() if token else None,
    )
    how = {"region": vector["region"], "service": vector["service"], "clock": clock} | changes
    return DerivedKeyAuth(JDCLOUD3, key, nonce=lambda: vector["nonce"], **how)


@pytest.mark.parametrize("vector", named(JDCLOUD))
def test_jdcloud_signs_as_its_sdk_does(vector):
    target = urlsplit(vector["url"])
    raw_path = f"{target.path}?{target.query}" if target.query else target.path
    given = {name.lower(): value for name, value in vector["input_headers"].items()} | {"host": target.netloc}
    headers = {name: value for name, value in given.items() if name != "user-agent"}
    body_hash = hashlib.sha256(vector["body"].encode()).hexdigest()
    canonical, _ = canonical_request(JDCLOUD3, vector["method"], raw_path, headers, body_hash)
    assert canonical == vector["canonical_request"]
    auth = jdcloud_auth(vector, clock=lambda: 0.0)
    assert auth.authorization(vector["method"], raw_path, headers, body_hash, vector["date"]) == vector["authorization"]


@pytest.mark.parametrize("vector", named(one for one in JDCLOUD if "x-jdcloud-date" in one["input_headers"]))
def test_a_jdcloud_request_goes_out_with_the_sdks_headers(vector):
    request = httpx.Request(
        vector["method"],
        vector["url"],
        content=vector["body"].encode(),
        headers={"content-type": vector["input_headers"]["Content-Type"], "user-agent": "any"},
    )
    sent = signed(jdcloud_auth(vector, clock=lambda: stamp(vector["date"])), request)
    assert sent.headers["authorization"] == vector["authorization"]
    expected = {name.lower(): value for name, value in vector["output_headers"].items()}
    for name in ("x-jdcloud-date", "x-jdcloud-nonce", "x-jdcloud-content-sha256", "x-jdcloud-security-token"):
        assert sent.headers.get(name) == expected.get(name)


@pytest.mark.parametrize("vector", named(HUAWEICLOUD))
def test_huaweicloud_signs_as_its_sdk_does(vector):
    given = {name.lower(): value for name, value in vector["headers"].items()}
    key = HuaweiCloudCredentials.model_construct(
        access_key=vector["access_key"],
        secret_key=vector["secret_key"],
        security_token=vector["security_token"],
        domain_id=given.get("x-domain-id"),
    )
    ours = {"x-sdk-date", "x-domain-id", "x-security-token"}
    headers = {name: value for name, value in given.items() if name not in ours}
    content = vector["body"].encode()
    request = httpx.Request(vector["method"], vector["url"], content=content, headers=headers)
    sent = signed(HuaweiAuth(key, clock=lambda: stamp(vector["date"])), request)
    assert sent.headers["authorization"] == vector["authorization"]
    for name in ours & set(given):
        assert sent.headers[name] == given[name]


def test_aws_signs_as_its_published_example():
    # AWS's Signature Version 4 test suite, get-vanilla.
    key = AccessKey(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    auth = DerivedKeyAuth(AWS4, key, region="us-east-1", service="service", clock=lambda: stamp("20150830T123600Z"))
    sent = signed(auth, httpx.Request("GET", "https://example.amazonaws.com/"))
    assert sent.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_aws_signs_a_call_with_a_token_as_botocore_does():
    from datetime import UTC, datetime
    from unittest.mock import patch

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Botocore

    moment = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessageBatch"}
    url = "https://sqs.eu-west-1.amazonaws.com/?b=2&a=%20x&a"
    theirs = AWSRequest("POST", url, headers=headers, data=b'{"a": "\xc3\xa9"}')
    with patch("botocore.auth.get_current_datetime", return_value=moment.replace(tzinfo=None)):
        SigV4Auth(Botocore(ACCESS_KEY, SECRET_KEY, TOKEN), "sqs", "eu-west-1").add_auth(theirs)
    auth = DerivedKeyAuth(AWS4, KEY, region="eu-west-1", service="sqs", clock=moment.timestamp)
    ours = signed(auth, httpx.Request("POST", url, headers=headers, content=b'{"a": "\xc3\xa9"}'))
    assert ours.headers["authorization"] == theirs.headers["Authorization"]
    assert ours.headers["x-amz-security-token"] == TOKEN


def auths(clock):
    yield DerivedKeyAuth(AWS4, KEY, region="eu-west-1", service="sqs", clock=clock)
    yield DerivedKeyAuth(JDCLOUD3, KEY, region="cn-north-1", service="resourcetag", clock=clock)
    yield HuaweiAuth(KEY, clock=clock)


def test_every_attempt_is_signed_anew():
    clock = SleepingClock()
    for auth in auths(lambda: clock.time):
        wire = Wire(httpx.Response(500))

        async def call_twice(wire=wire, auth=auth):
            async with wire.client() as client:
                for _ in range(2):
                    await client.post("https://127.0.0.1/", content=b"{}", auth=auth)
                    clock.time += 1

        run(call_twice())
        first, second = (request.headers["authorization"] for request in wire.requests)
        assert first != second


def test_two_jdcloud_requests_never_share_a_nonce():
    auth = DerivedKeyAuth(JDCLOUD3, KEY, region="cn-north-1", service="resourcetag", clock=lambda: 0.0)
    nonces = {signed(auth, httpx.Request("POST", "https://x/")).headers["x-jdcloud-nonce"] for _ in range(50)}
    assert len(nonces) == 50


class CountedKey:
    """A key that counts how often its secret is used."""

    access_key, security_token = ACCESS_KEY, None
    used = 0

    @property
    def secret_key(self):
        self.used += 1
        return SECRET_KEY


def test_the_signing_key_is_derived_anew_with_the_day_and_only_then():
    moments = [stamp(at) for at in ("20251015T000000Z", "20251015T235959Z", "20251016T000000Z", "20251016T120000Z")]
    key, seconds = CountedKey(), list(moments)
    auth = DerivedKeyAuth(AWS4, key, region="eu-west-1", service="sqs", clock=lambda: seconds[0])
    used = []
    while seconds:
        fresh = DerivedKeyAuth(AWS4, CountedKey(), region="eu-west-1", service="sqs", clock=lambda: seconds[0])
        kept, anew = (signed(one, httpx.Request("GET", "https://x/")).headers["authorization"] for one in (auth, fresh))
        assert kept == anew
        used.append(key.used)
        seconds.pop(0)
    assert used == [1, 1, 2, 2]


def test_the_body_is_bound_by_every_signature():
    for auth in auths(lambda: 0.0):
        sent = [
            signed(auth, httpx.Request("POST", "https://x/", content=content, headers={"x-jdcloud-nonce": "n"}))
            for content in (b"{}", b"{ }")
        ]
        signatures = {one.headers["authorization"].rpartition("=")[2] for one in sent}
        assert len(signatures) == 2


def test_nothing_that_holds_a_key_shows_it():
    key = KEY.model_copy(update={"projects": {"r": "p"}, "rate": 1.0})
    shown = [f"{key!r} {key}", *(f"{auth!r} {auth}" for auth in auths(lambda: 0.0))]
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        assert all(secret not in text for text in shown)


def test_without_an_account_id_or_a_token_their_headers_are_neither_sent_nor_signed():
    sent = signed(
        HuaweiAuth(
            HuaweiCloudCredentials.model_construct(access_key="a", secret_key="s", domain_id=None), clock=lambda: 0.0
        ),
        httpx.Request("GET", "https://x/"),
    )
    assert "SignedHeaders=host;x-sdk-date," in sent.headers["authorization"]
    assert not {"x-domain-id", "x-security-token"} & set(sent.headers)


def test_the_path_on_the_wire_may_be_encoded_or_not_and_is_signed_alike():
    vector = JDCLOUD[0]
    auth = jdcloud_auth(vector, clock=lambda: stamp(vector["date"]))
    signatures = {
        signed(auth, httpx.Request("POST", vector["url"].replace(":unTag", colon))).headers["authorization"]
        for colon in (":unTag", "%3AunTag")
    }
    assert len(signatures) == 1


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("k=", "k="),
        ("novalue", ""),
        ("a=b=c", "a=b%3Dc"),
        ("a=x+y", "a=x%20y"),
        ("=v", ""),
    ],
)
def test_jdclouds_query_is_canonical_as_its_gateway_reads_it(query, canonical):
    text, _ = canonical_request(JDCLOUD3, "GET", f"/p?{query}", {}, "")
    assert text.split("\n")[2] == canonical


@pytest.mark.parametrize(("path", "canonical"), [("", "/"), ("//a///b", "/a/b"), ("/a+b", "/a%20b"), ("a", "/a")])
def test_jdclouds_path_is_canonical_as_its_gateway_reads_it(path, canonical):
    text, _ = canonical_request(JDCLOUD3, "GET", path, {}, "")
    assert text.split("\n")[1] == canonical
