"""Our signature and botocore's, over requests that botocore has signed: of the tagging API, STS and others."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests_made as made
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.providers import Account
from local.providers.aws_signature import AwsVerifier
from untag.providers.credentials import AccessKey
from untag.providers.signing import AWS4, DerivedKeyAuth

VECTORS = Path(__file__).parents[1] / "vectors"
AWS = json.loads((VECTORS / "aws.json").read_text(encoding="utf-8"))
STS = [one for one in json.loads((VECTORS / "aws-sts.json").read_text(encoding="utf-8")) if "host" in one]
MOMENT = 1_767_225_600  # 2026-01-01T00:00:00Z, which all of them are signed at


def names(vectors: list[Any]) -> list[str]:
    return [one["name"] for one in vectors]


@pytest.mark.parametrize("vector", AWS, ids=names(AWS))
def test_a_request_has_the_signature_that_botocore_gives_it(vector: Any) -> None:
    key = AccessKey(access_key=vector["access_key"], secret_key=vector["secret"], security_token=vector["token"])
    region, service = vector["region"], vector["service"]
    auth = DerivedKeyAuth(AWS4, key, region=region, service=service, clock=lambda: MOMENT)
    body = (vector["body"] or "").encode()
    request = httpx.Request(vector["method"], vector["url"], content=body, headers=vector["headers"])
    assert made.signed(auth, request)["authorization"] == vector["authorization"]
    account = Account(vector["secret"], security_token=vector["token"])
    verifier = AwsVerifier({vector["access_key"]: account}, lambda: MOMENT, service)
    assert verifier.verify(made.received(request)) is account


@pytest.mark.parametrize("vector", STS, ids=names(STS))
def test_a_call_to_sts_signs_the_headers_that_botocore_signs_and_as_it_does(vector: Any) -> None:
    key = AccessKey(access_key="AKIDEXAMPLEFAKE00001", secret_key="fakeSecret", security_token="token//+==")
    auth = DerivedKeyAuth(AWS4, key, region="eu-central-1", service="sts", clock=lambda: MOMENT)
    headers = {"content-type": vector["content_type"]}
    url = f"http://{vector['host']}{vector['path']}"
    ours = made.signed(auth, httpx.Request("POST", url, content=vector["body"].encode(), headers=headers))
    theirs = AWSRequest("POST", url, {**headers, "X-Amz-Date": "20260101T000000Z"}, vector["body"].encode())
    theirs.context["timestamp"] = "20260101T000000Z"
    signer = SigV4Auth(Credentials(key.access_key, key.secret_key, key.security_token), "sts", "eu-central-1")
    theirs.headers["X-Amz-Security-Token"] = key.security_token
    signature = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert ours["authorization"].endswith(f"Signature={signature}")
    signed = ours["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert f"SignedHeaders={signed}," in vector["authorization"]
