"""The local Volcengine, driven by the official client; and our signature, compared with the official signer's."""

import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests_made as made
import volcenginesdkcore
import volcenginesdkecs
import volcenginesdktag
from hypothesis import given
from hypothesis import strategies as st
from volcenginesdkcore import signv4
from volcenginesdkcore.rest import ApiException

from local.providers import Account, VolcengineOptions, VolcengineServer
from local.providers.volcengine_signature import SignatureError, VolcengineVerifier
from untag.providers.volcengine.credentials import VolcengineCredentials
from untag.providers.volcengine.signing import HMAC_SHA256, VolcengineAuth

REGION = "cn-beijing"
ONE, TWO = (f"trn:ecs:{REGION}:2100000001:instance/i-{number}" for number in (1, 2))
EIP = f"trn:vpc:{REGION}:2100000001:eip/eip-1"


@pytest.fixture
def server() -> Iterator[VolcengineServer]:
    with VolcengineServer() as server:
        _fill(server)
        yield server


def _fill(server: VolcengineServer) -> None:
    for type_, trn in (("ecs:instance", ONE), ("ecs:instance", TWO), ("vpc:eip", EIP)):
        server.tags.load([{"region": REGION, "type": type_, "id": trn, "tags": {"env": "prod", "部门": "研发 é"}}])


def client(server: VolcengineServer, api: Any = volcenginesdktag.TAGApi, **changes: str) -> Any:
    """The official client; `changes` are to its secret."""
    secret = server.secrets["default"] | changes
    configuration = volcenginesdkcore.Configuration()
    configuration.ak, configuration.sk = secret["access_key"], secret["secret_key"]
    configuration.session_token = secret.get("security_token")
    configuration.region, configuration.scheme = REGION, "http"
    configuration.host = server.url.removeprefix("http://")
    configuration.auto_retry = False
    configuration.proxy = None
    return api(volcenginesdkcore.ApiClient(configuration))


def untag(server: VolcengineServer, *trns: str, keys: tuple[str, ...] = ("env",), **changes: str) -> Any:
    body = volcenginesdktag.UntagResourcesRequest(resource_trn_list=list(trns), tag_keys=list(keys))
    return client(server, **changes).untag_resources(body)


def test_untag_removes_keys_from_resources_of_several_types(server: VolcengineServer) -> None:
    answer = untag(server, ONE, EIP, keys=("部门", "none"))
    assert answer.failed_resources == []
    assert {(pair.id, pair.key) for pair in server.tags.pairs()} == {
        (ONE, "env"),
        (EIP, "env"),
        (TWO, "env"),
        (TWO, "部门"),
    }
    assert (server.calls[0].operation, server.calls[0].applied) == ("UntagResources", 2)


def test_tag_and_the_reads(server: VolcengineServer) -> None:
    api = client(server)
    tag = volcenginesdktag.TagForTagResourcesInput(key="owner", value="x y")
    api.tag_resources(volcenginesdktag.TagResourcesRequest(resource_trn_list=[ONE], tags=[tag]))
    asked = volcenginesdktag.GetResourcesRequest(resource_trn_list=[ONE])
    (row,) = api.get_resources(asked).resource_tag_mapping_list
    assert {tag.key: tag.value for tag in row.tags} == {"env": "prod", "部门": "研发 é", "owner": "x y"}
    assert (row.resource_trn, row.resource_type, row.service_name) == (ONE, "instance", "ecs")
    wanted = volcenginesdktag.TagFilterForGetResourcesInput(key="env", values=["prod"])
    asked = volcenginesdktag.GetResourcesRequest(tag_filters=[wanted], resource_type_filters=["eip"])
    assert [row.resource_trn for row in api.get_resources(asked).resource_tag_mapping_list] == [EIP]
    keys = api.get_tag_keys(volcenginesdktag.GetTagKeysRequest()).tag_keys
    assert [key.tag_key for key in keys] == ["env", "owner", "部门"]
    values = api.get_tag_values(volcenginesdktag.GetTagValuesRequest(tag_keys=["env"])).tags
    assert [(tag.key, tag.value) for tag in values] == [("env", "prod")]
    types = api.list_resource_types(volcenginesdktag.ListResourceTypesRequest()).resource_types
    assert ("ecs", "instance") in [(row.service, row.resource_type) for row in types]


def test_a_search_pages_by_token(server: VolcengineServer) -> None:
    api, token, found = client(server), None, []
    for _ in range(3):
        page = api.get_resources(volcenginesdktag.GetResourcesRequest(max_results=1, next_token=token))
        found += [row.resource_trn for row in page.resource_tag_mapping_list]
        token = page.next_token
    assert (found, token) == ([ONE, TWO, EIP], "")


def test_failures_are_in_the_list_of_a_success(server: VolcengineServer) -> None:
    gone = f"{ONE}-gone"
    server.faults.add("partial", ids=[TWO], code="AccountFlowLimitExceeded")
    failed = untag(server, ONE, TWO, gone).failed_resources
    assert {row.resource_trn: row.code for row in failed} == {
        TWO: "AccountFlowLimitExceeded",
        gone: "InvalidResource.NotFound",
    }


@pytest.mark.parametrize("errors", ["status", "200"])
@pytest.mark.parametrize(
    ("rule", "code", "status"),
    [
        ({"do": "throttle"}, "AccountFlowLimitExceeded", 429),
        ({"do": "forbidden"}, "AccessDenied", 403),
        ({"do": "unauthorized"}, "SignatureDoesNotMatch", 401),
        ({"do": "refuse"}, "InvalidParameter", 400),
        ({"do": "status"}, "InternalError", 500),
    ],
)
def test_errors_are_read_by_the_client_whatever_their_status(
    errors: Any, rule: dict[str, Any], code: str, status: int
) -> None:
    with VolcengineServer(options=VolcengineOptions(errors=errors)) as server:
        _fill(server)
        server.faults.add(**rule)
        with pytest.raises(ApiException) as caught:
            untag(server, ONE)
    assert code in f"{caught.value}"
    assert caught.value.status == (200 if errors == "200" else status)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key": "AKLTWRONG"}, "InvalidAccessKey"),
        ({"security_token": "wrong"}, "InvalidSecretToken"),
    ],
)
def test_a_wrong_key_is_refused(server: VolcengineServer, key: dict[str, str], code: str) -> None:
    with pytest.raises(ApiException) as caught:
        untag(server, ONE, **key)
    assert caught.value.status == 401
    assert code in f"{caught.value}"
    assert server.tags.history == []


def test_a_security_token_is_taken_and_needed() -> None:
    with VolcengineServer({"AKLTFAKE": Account("secret", security_token="token+/==")}) as server:
        _fill(server)
        assert untag(server, ONE).failed_resources == []
        with pytest.raises(ApiException, match="InvalidSecretToken"):
            untag(server, ONE, security_token="other")


def test_a_products_own_operations_take_bare_ids_and_fail_as_a_whole(server: VolcengineServer) -> None:
    api = client(server, volcenginesdkecs.ECSApi)
    tag = volcenginesdkecs.TagForTagResourcesInput(key="owner", value="x y")
    named = {"resource_ids": ["i-1", "i-2"], "resource_type": "instance"}
    api.tag_resources(volcenginesdkecs.TagResourcesRequest(**named, tags=[tag]))
    api.untag_resources(volcenginesdkecs.UntagResourcesRequest(**named, tag_keys=["env", "部门"]))
    listed = api.list_tags_for_resources(volcenginesdkecs.ListTagsForResourcesRequest(**named, max_results=1))
    assert [(row.resource_id, row.tag_key, row.tag_value) for row in listed.tag_resources] == [("i-1", "owner", "x y")]
    assert listed.next_token == "1"
    named["resource_ids"].append("i-gone")
    with pytest.raises(ApiException, match=r"InvalidResource\.NotFound"):
        api.untag_resources(volcenginesdkecs.UntagResourcesRequest(**named, tag_keys=["owner"]))
    assert {(pair.id, pair.key) for pair in server.tags.pairs() if pair.id != EIP} == {(ONE, "owner"), (TWO, "owner")}


@given(
    access_key=made.ACCESS_KEYS,
    secret=made.SECRETS,
    token=made.TOKENS,
    region=made.REGIONS,
    clock=made.CLOCK,
    body=made.bodies(),
    pairs=st.dictionaries(made.PIECES.filter(bool), made.PIECES, max_size=4),
)
def test_volcengine_signs_as_its_sdk_does(access_key, secret, token, region, clock, body, pairs) -> None:
    stamp = datetime.fromtimestamp(clock, UTC)

    class _Clock(datetime):
        @classmethod
        def utcnow(cls) -> datetime:
            return stamp

    headers = {"Content-Type": "application/json", "Host": "open.volcengineapi.com"}
    query = "&".join(
        f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in pairs.items()
    )
    key = VolcengineCredentials.model_construct(access_key=access_key, secret_key=secret, security_token=token)
    auth = VolcengineAuth(HMAC_SHA256, key, region=region, service="tag", clock=lambda: clock)
    request = made.build("POST", "open.volcengineapi.com", "/", query, body, {"content-type": "application/json"})
    ours = made.signed(auth, request)
    kept = signv4.datetime.datetime
    signv4.datetime.datetime = _Clock
    try:
        signv4.SignerV4.sign("/", "POST", headers, body, None, pairs, access_key, secret, region, "tag", token)
    finally:
        signv4.datetime.datetime = kept
    assert ours["authorization"] == headers["Authorization"]
    account = Account(secret, security_token=token)
    verifier = VolcengineVerifier({access_key: account}, lambda: clock)
    assert verifier.verify(made.received(request)) is account
    late = VolcengineVerifier({access_key: account}, lambda: clock + 901)
    with pytest.raises(SignatureError) as caught:
        late.verify(made.received(request))
    assert caught.value.code == "InvalidTimestamp"
