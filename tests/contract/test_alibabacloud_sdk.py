"""The local Alibaba Cloud, driven by the official client; and our signature beside the official one."""

import asyncio
import calendar
import hashlib
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
import pytest
import requests_made as made
import vendors  # noqa: F401 - it lets no proxy of the environment stand between
from hypothesis import given
from hypothesis import strategies as st

from local.providers import Account, AlibabaServer, AlibabaStsServer
from local.providers.alibabacloud_signature import AlibabaVerifier
from local.providers.server import Route
from local.providers.wire import Request
from untag.contracts import Action, Tag
from untag.providers import Location, Session, Verdict
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.endpoints import REGIONS, host_of
from untag.providers.alibabacloud.signing import AcsAuth, canonical_request
from untag.providers.alibabacloud.tag import AlibabaTag

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alibabacloud_tag20180828 import models as sdk
    from alibabacloud_tag20180828.client import Client
    from alibabacloud_tea_openapi.utils import Utils
    from alibabacloud_tea_openapi.utils_models import Config
    from darabonba.request import DaraRequest
    from darabonba.runtime import RuntimeOptions

REGION = "cn-hangzhou"
ONE, TWO = (f"arn:acs:ecs:{REGION}:1234567890123456:instance/i-{number}" for number in (1, 2))
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "alibabacloud.json").read_text(encoding="utf-8"))
MOMENT = 1_767_225_600  # 2026-01-01T00:00:00Z


class Listening(AlibabaServer):
    """Keeps the query of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []

    def match(self, request: Request) -> Route:
        self.queries.append(request.query)
        return super().match(request)


@pytest.fixture
def server() -> Iterator[Listening]:
    with Listening() as server:
        tags = {"env": "prod", "部门": "研发 é"}
        server.tags.load([{"region": REGION, "type": "ecs:instance", "id": arn, "tags": tags} for arn in (ONE, TWO)])
        yield server


def client(server: AlibabaServer, **changes: str) -> Any:
    secret = server.secrets["default"] | changes
    return Client(
        Config(
            access_key_id=secret["access_key"],
            access_key_secret=secret["secret_key"],
            security_token=secret.get("security_token"),
            endpoint=f"127.0.0.1:{server.port}",
            protocol="http",
            region_id=REGION,
        )
    )


def untag(*arns: str, keys: tuple[str, ...] = ("env",)) -> Any:
    return sdk.UntagResourcesRequest(region_id=REGION, resource_arn=list(arns), tag_key=list(keys))


def test_untag_removes_what_it_names(server: AlibabaServer) -> None:
    answer = client(server).untag_resources(untag(ONE, TWO, keys=("部门", "none")))
    assert answer.status_code == 200
    assert answer.body.request_id == server.calls[0].request_id
    assert answer.body.failed_resources.failed_resource == []
    assert {(pair.id, pair.key) for pair in server.tags.pairs()} == {(ONE, "env"), (TWO, "env")}


def test_tag_binds_and_the_reads_show_it(server: AlibabaServer) -> None:
    sdks = client(server)
    tags = json.dumps({"owner": "x +/*~"})
    sdks.tag_resources(sdk.TagResourcesRequest(region_id=REGION, resource_arn=[ONE], tags=tags))
    found = sdks.list_tag_resources(sdk.ListTagResourcesRequest(region_id=REGION, resource_arn=[ONE])).body
    (row,) = found.tag_resources
    assert (row.resource_arn, found.next_token) == (ONE, "")
    assert {tag.key: tag.value for tag in row.tags} == {"env": "prod", "部门": "研发 é", "owner": "x +/*~"}
    keys = sdks.list_tag_keys(sdk.ListTagKeysRequest(region_id=REGION)).body.keys
    assert [row.key for row in keys.key] == ["env", "owner", "部门"]
    values = sdks.list_tag_values(sdk.ListTagValuesRequest(region_id=REGION, key="env")).body.values
    assert values.value == ["prod"]
    asked = sdk.ListSupportResourceTypesRequest(region_id=REGION, product_code="slb", resource_tye="loadbalancer")
    (row,) = sdks.list_support_resource_types(asked).body.support_resource_types
    assert row.arn_template.endswith(":instance/${ResourceId}")


def test_a_partial_failure_arrives_inside_a_success(server: AlibabaServer) -> None:
    server.faults.add("partial", ids=[TWO], code="OperationDenied", message="locked")
    answer = client(server).untag_resources(untag(ONE, TWO, ONE.replace("i-1", "i-9")))
    told = {row.resource_arn: row.result.code for row in answer.body.failed_resources.failed_resource}
    assert told == {TWO: "OperationDenied", ONE.replace("i-1", "i-9"): "InvalidResourceId.NotFound"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"access_key": "WRONG"}, "InvalidAccessKeyId.NotFound")],
)
def test_a_wrong_key_is_refused(server: AlibabaServer, changes: dict[str, str], code: str) -> None:
    with pytest.raises(Exception, match=code) as caught:
        client(server, **changes).untag_resources(untag(ONE))
    assert getattr(caught.value, "code", None) == code
    assert server.tags.history == []


def test_a_security_token_is_signed() -> None:
    with AlibabaServer({"STS.FAKE": Account("secret", security_token="tok/en+=")}) as server:
        tags = {"env": "prod"}
        server.tags.load([{"region": REGION, "type": "ecs:instance", "id": ONE, "tags": tags}])
        assert client(server).untag_resources(untag(ONE)).status_code == 200
        assert server.tags.pairs() == set()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"do": "throttle"}, "Throttling.User"),
        ({"do": "unavailable"}, "ServiceUnavailable"),
        ({"do": "forbidden"}, "Forbidden.RAM"),
    ],
)
def test_failures_are_read_by_the_client(server: AlibabaServer, rule: dict[str, Any], code: str) -> None:
    server.faults.add(**rule)
    with pytest.raises(Exception, match=code) as caught:
        client(server).untag_resources_with_options(untag(ONE), RuntimeOptions(autoretry=False))
    assert getattr(caught.value, "code", None) == code


def sent_by_us(server: AlibabaServer, action: Action, keys: list[str]) -> dict[str, list[str]]:
    """The parameters of a call that our module makes to the server."""
    return asyncio.run(_sent_by_us(server, action, keys))


async def _sent_by_us(server: AlibabaServer, action: Action, keys: list[str]) -> dict[str, list[str]]:
    sent: list[httpx.Request] = []

    async def keep(request: httpx.Request) -> None:
        sent.append(request)

    key = AlibabaCredentials(**server.secrets["default"])
    sts = AlibabaStsServer().start()
    provider = AlibabaTag(server.url, sts.url)
    scope = provider.scope(Location("default", REGION, None), "ecs:instance")
    tags = tuple(Tag(name, "研发 é/+*~") for name in keys)
    async with httpx.AsyncClient(trust_env=False, event_hooks={"request": [keep]}) as http:
        session = Session(http, key, provider.auth(key, scope), 5.0)
        answer = await provider.write(session, action, scope, (ONE, TWO), tags)
    sts.stop()
    assert answer.verdict is Verdict.DONE
    assert answer.failures == {}
    (call,) = (request for request in sent if request.url.port == server.port)
    return parse_qs(call.url.query.decode(), keep_blank_values=True)


@pytest.mark.parametrize("action", list(Action))
def test_our_calls_say_what_the_official_clients_say(server: Listening, action: Action) -> None:
    keys = [f"k{number}" for number in range(9)] + ["环境 +/*~"]
    ours = sent_by_us(server, action, keys)
    server.queries.clear()
    if action is Action.REMOVE:
        client(server).untag_resources(untag(ONE, TWO, keys=tuple(keys)))
    else:
        tags = json.dumps(dict.fromkeys(keys, "研发 é/+*~"), ensure_ascii=False, separators=(",", ":"))
        client(server).tag_resources(sdk.TagResourcesRequest(region_id=REGION, resource_arn=[ONE, TWO], tags=tags))
    assert parse_qs(server.queries[0], keep_blank_values=True) == ours


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_request_has_the_signature_that_was_recorded(vector: Any) -> None:
    key = AlibabaCredentials(access_key=vector["access_key"], secret_key=vector["secret"])
    url = httpx.URL(vector["url"])
    digest = vector["headers"]["x-acs-content-sha256"]
    raw_path = url.raw_path.decode()
    assert canonical_request(vector["method"], raw_path, vector["headers"], digest)[0] == vector["canonical_request"]
    told = AcsAuth(key).authorization(vector["method"], raw_path, vector["headers"], digest)
    assert told == vector["authorization"]
    signed = Request(
        vector["method"], raw_path, tuple({**vector["headers"], "authorization": told}.items()), vector["body"].encode()
    )
    moment = calendar.timegm(time.strptime(vector["date"], "%Y-%m-%dT%H:%M:%SZ"))
    account = Account(vector["secret"])
    assert AlibabaVerifier({vector["access_key"]: account}, lambda: moment).verify(signed) is account


@given(
    method=made.METHODS,
    host=made.HOSTS,
    pairs=st.dictionaries(st.from_regex(r"[A-Za-z]{1,8}(\.[1-9][0-9]?)?", fullmatch=True), made.PIECES, max_size=5),
    body=made.bodies(),
    secret=made.SECRETS.filter(str.isascii).filter(str.isprintable),
    token=made.TOKENS,
)
def test_we_sign_as_the_official_signer_does(
    method: str, host: str, pairs: dict[str, str], body: str, secret: str, token: str | None
) -> None:
    query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in pairs.items())
    key = AlibabaCredentials(access_key="LTAI", secret_key=secret, security_token=token)
    auth = AcsAuth(key, clock=lambda: MOMENT, nonce=lambda: "n-1")
    ours = made.signed(auth, made.build(method, host, "/", query, body, {"content-type": "application/json"}))
    names = ours["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    theirs = DaraRequest()
    theirs.method, theirs.pathname, theirs.query = method, "/", pairs
    theirs.headers = {name: ours[name] for name in names}
    digest = hashlib.sha256(body.encode()).hexdigest()
    told = Utils.get_authorization(theirs, "ACS3-HMAC-SHA256", digest, "LTAI", secret)
    assert ours["authorization"] == told


def test_each_region_has_the_host_that_the_sdk_calls() -> None:
    regions = client_of_region("cn-hangzhou")._endpoint_map
    assert {region: host_of(region) for region in regions} == regions
    assert regions.keys() >= REGIONS
    assert host_of("new-region-1") == client_of_region("new-region-1")._endpoint


def client_of_region(region: str) -> Any:
    return Client(Config(access_key_id="a", access_key_secret="b", region_id=region))
