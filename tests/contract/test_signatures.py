"""Our signatures and the vendors' own, over the same requests."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import parse_qsl

import httpx
import requests_made as made
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer as HuaweicloudSigner
from hypothesis import given
from hypothesis import strategies as st
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.signer import Signer as JdcloudSigner
from vendors import SILENT

from local.providers import Account
from local.providers.huaweicloud_signature import HuaweicloudVerifier
from local.providers.jdcloud_signature import JdcloudVerifier
from untag.providers.credentials import AccessKey
from untag.providers.huaweicloud.credentials import HuaweiCloudCredentials
from untag.providers.huaweicloud.signing import HuaweiAuth
from untag.providers.signing import AWS4, JDCLOUD3, DerivedKeyAuth

# The SDK's parser takes ";x" off the last segment of a path and does not sign it; nothing of ours sends one raw.
JD_PATHS = made.paths(raw="~:@!$&'()*,=")
JD_HEADERS = st.fixed_dictionaries(
    {"Content-Type": st.sampled_from(["application/json", "application/json; charset=utf-8", " text/plain  x "])},
    optional={"x-jdcloud-pin": made.HEADER_VALUES, "x-jdcloud-erp": made.HEADER_VALUES},
)


@given(
    method=made.METHODS,
    host=made.HOSTS,
    path=JD_PATHS,
    query=made.queries(),
    body=made.bodies(),
    headers=JD_HEADERS,
    key=made.ACCESS_KEYS,
    secret=made.SECRETS,
    token=made.TOKENS | st.text("令牌é ", min_size=1, max_size=9),
    region=made.REGIONS,
    clock=made.CLOCK,
    nonce=st.uuids().map(str),
)
def test_jdcloud_signs_as_its_sdk_does(
    method, host, path, query, body, headers, key, secret, token, region, clock, nonce
) -> None:
    credentials = AccessKey.model_construct(access_key=key, secret_key=secret, security_token=token)
    auth = DerivedKeyAuth(
        JDCLOUD3, credentials, region=region, service="resourcetag", clock=lambda: clock, nonce=lambda: nonce
    )
    request = made.build(method, host, path, query, body, headers)
    ours = made.signed(auth, request)

    theirs = {name: ours[name] for name in ours if name == "content-type" or name.startswith("x-jdcloud-")}
    hashed = theirs.pop("x-jdcloud-content-sha256")
    url = str(request.url)
    JdcloudSigner(SILENT).sign(
        method,
        "resourcetag",
        region,
        url,
        theirs,
        body,
        Credential(key, secret),
        theirs.get("x-jdcloud-security-token"),
    )
    assert ours["authorization"] == theirs["Authorization"]
    assert hashed == theirs["x-jdcloud-content-sha256"]
    account = Account(secret, security_token=token)
    assert JdcloudVerifier({key: account}, lambda: clock).verify(made.received(request)) is account


@given(
    method=made.METHODS,
    host=made.HOSTS,
    path=made.paths(raw="~:@!$&'()*,=;"),
    query=made.queries(),
    body=made.bodies(),
    # Another type than JSON makes the SDK send UNSIGNED-PAYLOAD, which is no business of a tag API.
    content_type=st.sampled_from(["application/json", "application/json;charset=utf8"]),
    key=made.ACCESS_KEYS,
    secret=made.SECRETS,
    token=made.TOKENS,
    domain=st.none() | st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    project=st.none() | st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    clock=made.CLOCK,
)
def test_huaweicloud_signs_as_its_sdk_does(
    method, host, path, query, body, content_type, key, secret, token, domain, project, clock
) -> None:
    credentials = HuaweiCloudCredentials.model_construct(
        access_key=key, secret_key=secret, security_token=token, domain_id=domain
    )
    headers = {"Content-Type": content_type} | ({} if project is None else {"X-Project-Id": project})
    request = made.build(method, host, path, query, body, headers)
    ours = made.signed(HuaweiAuth(credentials, clock=lambda: clock), request)

    names = ("content-type", "host", "x-domain-id", "x-project-id", "x-sdk-date", "x-security-token")
    raw_path, _, raw_query = request.url.raw_path.decode().partition("?")
    theirs = SdkRequest(
        method=method,
        host=ours["host"],
        resource_path=raw_path,
        query_params=parse_qsl(raw_query, keep_blank_values=True),
        header_params={name: ours[name] for name in names if name in ours},
        body=body,
    )
    HuaweicloudSigner(SimpleNamespace(ak=key, sk=secret)).sign(theirs)
    assert ours["authorization"] == theirs.header_params["Authorization"]
    if domain is not None:
        assert "x-domain-id;" in ours["authorization"]
    account = Account(secret, security_token=token, domain_id=domain)
    assert HuaweicloudVerifier({key: account}, lambda: clock).verify(made.received(request)) is account


@given(pairs=st.lists(st.tuples(made.PIECES, made.PIECES), max_size=4), clock=made.CLOCK)
def test_a_query_that_httpx_encodes_is_signed_as_the_huaweicloud_sdk_would(pairs, clock) -> None:
    request = httpx.Request("GET", "https://rms.myhuaweicloud.com/v1/resource-manager/x/tags", params=pairs)
    auth = HuaweiAuth(
        HuaweiCloudCredentials.model_construct(access_key="A" * 20, secret_key="s", domain_id=None), clock=lambda: clock
    )
    ours = made.signed(auth, request)
    theirs = SdkRequest(
        method="GET",
        host=ours["host"],
        resource_path=request.url.path,
        query_params=list(pairs),
        header_params={name: ours[name] for name in ("host", "x-sdk-date")},
    )
    HuaweicloudSigner(SimpleNamespace(ak="A" * 20, sk="s")).sign(theirs)
    assert ours["authorization"] == theirs.header_params["Authorization"]


# The four services that the functions speak to, all at the root path. Further down botocore takes dots out of
# a path, which httpx has done before us, or not, by rules of its own; nothing of ours depends on it.
AWS_PATHS = st.just("/") | st.lists(
    st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,8}|%[2-7][0-9A-F]", fullmatch=True), min_size=1, max_size=3
).map(lambda segments: "/" + "/".join(segments))


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    service=st.sampled_from(["sqs", "sns", "secretsmanager", "events"]),
    region=st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1", "ap-southeast-2"]),
    path=AWS_PATHS,
    query=made.queries(),
    body=made.bodies(),
    headers=st.fixed_dictionaries(
        {
            "Content-Type": st.sampled_from(
                ["application/x-amz-json-1.0", "application/x-www-form-urlencoded; charset=utf-8"]
            )
        },
        optional={"X-Amz-Target": made.HEADER_VALUES, "X-Amz-Meta-Extra": made.HEADER_VALUES},
    ),
    local=st.booleans(),
    key=made.ACCESS_KEYS,
    secret=made.SECRETS,
    token=made.TOKENS,
    clock=made.CLOCK,
)
def test_aws_signs_as_botocore_does(
    method, service, region, path, query, body, headers, local, key, secret, token, clock
) -> None:
    credentials = AccessKey.model_construct(access_key=key, secret_key=secret, security_token=token)
    auth = DerivedKeyAuth(AWS4, credentials, region=region, service=service, clock=lambda: clock)
    host = "127.0.0.1:4566" if local else f"{service}.{region}.amazonaws.com"
    request = made.build(method, host, path, query, body, headers)
    ours = made.signed(auth, request)

    added = ("x-amz-date", "x-amz-security-token")
    sent = {name: ours[name] for name in ours if name.startswith("x-amz-") or name == "content-type"}
    theirs = AWSRequest(
        method=method,
        url=str(request.url),
        headers={name: value for name, value in sent.items() if name not in added},
        data=body.encode(),
    )
    now = datetime.fromtimestamp(clock, UTC).replace(tzinfo=None)
    with patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(BotocoreCredentials(key, secret, token), service, region).add_auth(theirs)
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["x-amz-date"] == theirs.headers["X-Amz-Date"]


def test_a_request_is_signed_anew_each_time_it_is_sent() -> None:
    credentials = AccessKey(access_key="A" * 16, secret_key="s")
    auth = DerivedKeyAuth(JDCLOUD3, credentials, region="cn-north-1", service="resourcetag")
    request = httpx.Request("POST", "https://resourcetag.jdcloud-api.com/v1/x", json={})
    first = made.signed(auth, request)
    second = made.signed(auth, request)
    assert first["x-jdcloud-nonce"] != second["x-jdcloud-nonce"]
    assert first["authorization"] != second["authorization"]
