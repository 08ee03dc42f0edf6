"""The local Tencent Cloud where it misbehaves, and what the seeded tags are made for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.providers import Account, TencentcloudServer
from untag.contracts import parse_requests
from untag.providers.tencentcloud.credentials import TencentCredentials
from untag.providers.tencentcloud.names import name_of_id
from untag.providers.tencentcloud.signing import Tc3Auth

REGION, UIN = "ap-guangzhou", "100000000001"
INSTANCE = f"qcs::cvm:{REGION}:uin/{UIN}:instance/ins-1"
OTHER = f"qcs::cvm:{REGION}:uin/{UIN}:instance/ins-2"
MANUAL = Path(__file__).parents[2] / "events" / "tencentcloud_manual.json"
Ask = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[TencentcloudServer]:
    with TencentcloudServer() as server:
        for name in (INSTANCE, OTHER):
            server.tags.load(
                [{"region": REGION, "type": "cvm:instance", "id": name, "tags": {"env": "prod", "a": "b"}}]
            )
        yield server


def call(client: httpx.Client, server: TencentcloudServer, operation: str, body: Any, **headers: str) -> httpx.Response:
    auth = Tc3Auth(TencentCredentials(**server.secrets["default"]))
    sent = {"x-tc-action": operation, "x-tc-version": "2018-08-13", **headers}
    return client.post(f"{server.url}/", json=body, auth=auth, headers=sent)


@pytest.fixture
def ask(client: httpx.Client, server: TencentcloudServer) -> Ask:
    """Calls an operation: what stands in its `Response`."""
    return lambda operation, **body: call(client, server, operation, body).json()["Response"]


def test_a_rule_for_one_key_spares_the_others_of_its_resource(server: TencentcloudServer, ask: Ask) -> None:
    server.faults.add("partial", ids=[OTHER], keys=["a"], code="OperationDenied", message="in arrears")
    answer = ask("UnTagResources", ResourceList=[INSTANCE, OTHER], TagKeys=["env", "a"])
    assert answer["FailedResources"] == [{"Resource": OTHER, "Code": "OperationDenied", "Message": "in arrears"}]
    assert {pair[3:5] for pair in server.tags.pairs()} == {(OTHER, "a")}


@pytest.mark.parametrize("operation", ["UnTagResources", "GetResources"])
def test_it_can_answer_about_another_resource(server: TencentcloudServer, ask: Ask, operation: str) -> None:
    server.faults.add("other_ids", ids=[OTHER])
    answer = ask(operation, ResourceList=[INSTANCE, OTHER], TagKeys=["env"])
    rows = answer.get("FailedResources") or answer["ResourceTagMappingList"]
    assert OTHER.upper() in {row["Resource"] for row in rows}
    assert OTHER not in {row["Resource"] for row in rows}


def test_a_call_may_take_effect_though_its_answer_is_an_error(server: TencentcloudServer, ask: Ask) -> None:
    server.faults.add("unavailable", applied=True)
    assert ask("UnTagResources", ResourceList=[INSTANCE], TagKeys=["env"])["Error"]["Code"] == "InternalError"
    assert [(change.id, change.key, change.after) for change in server.tags.history] == [(INSTANCE, "env", None)]


def test_a_successful_call_is_logged_as_what_it_was(server: TencentcloudServer, ask: Ask) -> None:
    answer = ask("UnTagResources", ResourceList=[INSTANCE], TagKeys=["env", "none"])
    (failed,) = answer["FailedResources"]
    assert failed["Code"] == "ResourceNotFound.AttachedTagKeyNotFound"
    (logged,) = server.calls
    assert (logged.operation, logged.writing, logged.account, logged.pairs) == ("UnTagResources", True, "default", 2)
    assert (logged.applied, logged.status, logged.request_id) == (1, 200, answer["RequestId"])


@pytest.mark.parametrize(
    ("operation", "headers", "code"),
    [
        ("DeleteTags", {}, "InvalidAction"),
        ("GetResources", {"x-tc-version": "2017-01-01"}, "NoSuchVersion"),
        ("GetResources", {"content-type": "text/plain"}, "InvalidRequest"),
    ],
)
def test_a_call_that_it_does_not_know_is_refused(
    client: httpx.Client, server: TencentcloudServer, operation: str, headers: dict[str, str], code: str
) -> None:
    assert call(client, server, operation, {}, **headers).json()["Response"]["Error"]["Code"] == code


def test_a_token_is_needed_where_the_key_has_one_and_accounts_see_their_own_tags(client: httpx.Client) -> None:
    accounts = {"AKIDA": Account("a", "t0ken", UIN), "AKIDB": Account("b", None, "100000000002", "other")}
    with TencentcloudServer(accounts) as server:
        server.tags.load([{"region": REGION, "type": "cvm:instance", "id": INSTANCE, "tags": {"env": "prod"}}])
        keys = call(client, server, "GetTagKeys", {}).json()["Response"]["TagKeys"]
        assert keys == ["env"]
        assert server.secrets["other"] == {"access_key": "AKIDB", "secret_key": "b", "account_id": "100000000002"}
        auth = Tc3Auth(TencentCredentials(**server.secrets["other"]))
        headers = {"x-tc-action": "GetTagKeys", "x-tc-version": "2018-08-13"}
        answer = client.post(f"{server.url}/", json={}, auth=auth, headers=headers).json()["Response"]
        assert answer["TagKeys"] == []
        assert server.environment["UNTAG_ACCOUNTS"] == f"tencentcloud/{UIN}=default,tencentcloud/100000000002=other"


def test_what_the_event_file_names_stands_at_the_cloud() -> None:
    server = TencentcloudServer()
    server.seed()
    (request,) = parse_requests(json.loads(MANUAL.read_text(encoding="utf-8")), "own")
    held = {(pair.id, pair.key, pair.value) for pair in server.tags.pairs()}
    named = {
        (name_of_id(type_, id_, REGION, UIN), tag.key, tag.value)
        for type_, ids in request.ids_by_type().items()
        for id_ in ids
        for tag in request.distinct_tags()
    }
    assert len(named) == request.expect
    assert named <= held
