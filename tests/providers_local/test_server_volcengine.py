"""The local Volcengine: whose request it is, and what it refuses."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.providers import Account, VolcengineServer
from local.providers.volcengine_signature import SignatureError, VolcengineVerifier
from local.providers.wire import Request
from untag.providers.volcengine.credentials import VolcengineCredentials
from untag.providers.volcengine.signing import HMAC_SHA256, VolcengineAuth

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "volcengine.json").read_text(encoding="utf-8"))
ONE = "trn:ecs:cn-beijing:2100000001:instance/i-1"
Call = Callable[..., httpx.Response]


def received(vector: Any) -> Request:
    host, _, target = vector["url"].partition("://")[2].partition("/")
    headers = {name.lower(): value for name, value in vector["headers"].items()} | {"host": host}
    headers["authorization"] = vector["authorization"]
    return Request(vector["method"], f"/{target}", tuple(headers.items()), vector["body"].encode())


def verifier(vector: Any, late: float = 0.0) -> VolcengineVerifier:
    moment = datetime.strptime(vector["date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    account = Account(vector["secret"], security_token=vector["token"])
    return VolcengineVerifier({vector["access_key"]: account}, lambda: moment + late)


@pytest.mark.parametrize("vector", VECTORS, ids=[one["name"] for one in VECTORS])
def test_a_request_of_an_official_signer_is_taken_and_a_changed_one_is_not(vector: Any) -> None:
    request = received(vector)
    assert verifier(vector).verify(request).secret_key == vector["secret"]
    other = replace(request, target=f"{request.target}&Extra=1")
    for spoilt in (replace(request, body=b"{}"), other, replace(request, method="PUT")):
        with pytest.raises(SignatureError) as caught:
            verifier(vector).verify(spoilt)
        assert caught.value.code == "SignatureDoesNotMatch"


def without(request: Request, name: str, value: str | None = None) -> Request:
    headers = [(key, text) for key, text in request.headers if key != name]
    return replace(request, headers=(*headers, *([] if value is None else [(name, value)])))


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("authorization", None, "MissingAuthenticationToken"),
        ("authorization", "HMAC-SHA256 Credential=x", "InvalidAuthorization"),
        ("x-date", None, "MissingRequestInfo"),
        ("x-date", "20260101T000001Z", "SignatureDoesNotMatch"),
        ("x-security-token", "some", "InvalidSecretToken"),
        ("content-type", "text/plain", "SignatureDoesNotMatch"),
        ("host", "elsewhere.example.com", "SignatureDoesNotMatch"),
    ],
)
def test_what_is_missing_or_changed_in_the_headers_is_refused(header: str, value: str | None, code: str) -> None:
    with pytest.raises(SignatureError) as caught:
        verifier(VECTORS[0]).verify(without(received(VECTORS[0]), header, value))
    assert caught.value.code == code


def test_a_signature_is_good_for_a_quarter_of_an_hour() -> None:
    verifier(VECTORS[0], 900).verify(received(VECTORS[0]))
    for late in (901, -901):
        with pytest.raises(SignatureError) as caught:
            verifier(VECTORS[0], late).verify(received(VECTORS[0]))
        assert (caught.value.code, caught.value.status) == ("InvalidTimestamp", 400)


@pytest.fixture
def server() -> Iterator[VolcengineServer]:
    with VolcengineServer() as server:
        server.tags.load([{"region": "cn-beijing", "type": "ecs:instance", "id": ONE, "tags": {"env": "prod"}}])
        yield server


@pytest.fixture
def call(server: VolcengineServer) -> Iterator[Call]:
    """Calls an operation, signed for a service: its answer."""
    with httpx.Client(trust_env=False, timeout=5) as client:

        def call(
            operation: str, body: Any, *, service: str = "tag", version: str = "2022-06-01", path: str = "/"
        ) -> httpx.Response:
            key = VolcengineCredentials(**server.secrets["default"])  # type: ignore[arg-type]
            auth = VolcengineAuth(HMAC_SHA256, key, region="cn-beijing", service=service)
            url = f"{server.url}{path}?Action={operation}&Version={version}"
            return client.post(url, json=body, auth=auth)

        yield call


def error_of(answer: httpx.Response) -> tuple[int, str]:
    metadata = answer.json()["ResponseMetadata"]
    assert metadata["RequestId"]
    return answer.status_code, metadata["Error"]["Code"]


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("UntagResources", {"ResourceTrnList": [], "TagKeys": ["env"]}, "LimitExceeded.Resource"),
        ("UntagResources", {"ResourceTrnList": [ONE] * 51, "TagKeys": ["env"]}, "LimitExceeded.Resource"),
        ("UntagResources", {"ResourceTrnList": ["i-1"], "TagKeys": ["env"]}, "InvalidTrn.Malformed"),
        ("UntagResources", {"ResourceTrnList": [ONE], "TagKeys": []}, "LimitExceeded.Tags"),
        ("UntagResources", {"ResourceTrnList": [ONE], "TagKeys": ["VOLC:x"]}, "InvalidSystemTagKey"),
        ("UntagResources", {"ResourceTrnList": [ONE], "TagKeys": [""]}, "InvalidTagKey.Malformed"),
        ("TagResources", {"ResourceTrnList": [ONE], "Tags": [{"Value": "x"}]}, "InvalidTagKey.Malformed"),
        ("GetResources", {"MaxResults": 101}, "InvalidMaxResults.Malformed"),
        ("GetResources", {"NextToken": "?"}, "InvalidNextToken.Malformed"),
        ("GetResources", {"TagFilters": [{}]}, "InvalidTagFilterKey.Malformed"),
        ("GetResources", [], "InvalidParameter"),
    ],
)
def test_a_call_that_breaks_a_rule_changes_nothing(
    server: VolcengineServer, call: Call, operation: str, body: Any, code: str
) -> None:
    assert error_of(call(operation, body)) == (400, code)
    assert server.tags.history == []


@pytest.mark.parametrize(
    "where",
    [
        {"version": "2020-04-01"},
        {"service": "vpc"},
        {"service": "vpc", "version": "2020-04-01"},  # the products' are GET
        {"service": "evil"},
        {"path": "/tags"},
    ],
)
def test_an_operation_is_where_the_documents_say(server: VolcengineServer, call: Call, where: dict[str, str]) -> None:
    answer = call("UntagResources", {"ResourceTrnList": [ONE], "TagKeys": ["env"]}, **where)
    assert error_of(answer) == (404, "InvalidActionOrVersion")
    assert server.tags.history == []


def test_the_secret_and_the_variables_are_those_of_the_package(server: VolcengineServer) -> None:
    assert VolcengineCredentials.from_environment(server.environment) == VolcengineCredentials.parse(
        server.secrets["default"]
    )
