"""The local Google Cloud where it misbehaves, whom it believes, and what the seeded labels are made for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.errors import LocalError
from local.providers import Account, GcpServer
from local.providers.accounts import Resource
from untag.contracts import parse_requests

BUCKET = "//storage.googleapis.com/b-1"
INSTANCE = "//compute.googleapis.com/projects/demo-project/zones/us-east1-b/instances/vm-1"
VM = "compute.googleapis.com/compute/v1/projects/demo-project/zones/us-east1-b/instances/vm-1"
MANUAL = Path(__file__).parents[2] / "events" / "gcp_manual.json"
TYPES = {BUCKET: "storage.googleapis.com/Bucket", INSTANCE: "compute.googleapis.com/Instance"}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def server() -> Iterator[GcpServer]:
    with GcpServer() as server:
        for id_, type_ in TYPES.items():
            server.tags.load([{"type": type_, "id": id_, "tags": {"env": "prod", "a": "b"}}])
        yield server


@pytest.fixture
def ask(client: httpx.Client, server: GcpServer) -> Ask:
    """Makes a call with the default account's token."""

    def call(method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> httpx.Response:
        bearer = {"authorization": f"Bearer {token or server.secrets['default']['access_token']}"}
        content = {} if body is None else {"json": body}
        return client.request(method, f"{server.url}/{path}", headers=bearer | headers, **content)

    return call


def test_a_resource_is_shown_with_the_version_that_its_next_write_needs(server: GcpServer, ask: Ask) -> None:
    shown = ask("GET", VM).json()
    assert shown["labels"] == {"env": "prod", "a": "b"}
    body = {"labels": {"a": "b"}, "labelFingerprint": shown["labelFingerprint"]}
    operation = ask("POST", f"{VM}/setLabels", body)
    assert operation.json()["status"] == "RUNNING"
    assert operation.json()["targetLink"].endswith("/instances/vm-1")
    again = ask("POST", f"{VM}/setLabels", body)
    assert (again.status_code, again.json()["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    (logged,) = [call for call in server.calls if call.status == 200 and call.writing]
    assert (logged.operation, logged.tags, logged.applied) == ("setLabels", (("env", None),), 1)
    assert logged.request_id == operation.json()["name"]


def test_the_host_in_front_of_the_path_may_be_left_out_as_the_vendors_clients_do(ask: Ask) -> None:
    path = VM.removeprefix("compute.googleapis.com/")
    assert ask("GET", path).json() == ask("GET", VM).json()
    assert ask("GET", f"storage.googleapis.com/{path}").status_code == 404


def test_null_takes_a_key_away_and_an_empty_patch_changes_nothing(server: GcpServer, ask: Ask) -> None:
    bucket = "storage.googleapis.com/storage/v1/b/b-1"
    assert ask("PATCH", bucket, {"labels": {}}).json()["labels"] == {"env": "prod", "a": "b"}
    assert ask("PATCH", bucket, {"labels": {"env": None}}).json()["labels"] == {"a": "b"}
    assert [(change.key, change.before, change.after) for change in server.tags.history] == [("env", "prod", None)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "compute.googleapis.com/compute/v1/projects/p/global/networks/n", None, 404),
        ("DELETE", VM, None, 405),
        ("POST", f"{VM}/setLabels", {"labels": {"Env": "x"}, "labelFingerprint": "x"}, 400),
        ("POST", f"{VM}/setLabels", {"labels": {}}, 412),
        ("POST", f"{VM}/setLabels", [], 400),
        ("GET", f"{VM}2", None, 404),
        ("GET", "cloudasset.googleapis.com/v1/projects/p:searchAllResources?query=name:x", None, 400),
    ],
)
def test_a_call_that_breaks_the_rules_is_refused(ask: Ask, method: str, path: str, body: Any, status: int) -> None:
    answer = ask(method, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)


def test_a_token_that_is_none_or_has_expired_is_refused(server: GcpServer, ask: Ask) -> None:
    assert ask("GET", VM, token="ya29.nobody").status_code == 401
    token = server.tokens.issue("default", "https://www.googleapis.com/auth/cloud-platform")
    assert ask("GET", VM, token=token).status_code == 200
    now = server.clock()
    server.clock = lambda: now + 3601
    assert ask("GET", VM, token=token).status_code == 401


def test_a_federated_token_is_good_for_a_service_accounts_token_alone(server: GcpServer, ask: Ask) -> None:
    token = server.tokens.issue("default", "https://www.googleapis.com/auth/iam")
    answer = ask("GET", VM, token=token)
    reason = answer.json()["error"]["errors"][0]["reason"]
    assert (answer.status_code, reason) == (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    path = "iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{}:generateAccessToken"
    body = {"delegates": None, "scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"}
    own = "untag@demo-project.iam.gserviceaccount.com"
    assert ask("POST", path.format(own), body, token=token).json()["accessToken"] in server.tokens.issued
    assert ask("POST", path.format("other@demo-project.iam.gserviceaccount.com"), body, token=token).status_code == 403
    assert ask("POST", path.format(own), body).status_code == 401


@pytest.mark.parametrize("operation", ["reading", "writing"])
def test_it_can_answer_about_another_resource(server: GcpServer, ask: Ask, operation: str) -> None:
    server.faults.add("other_ids", operation=operation)
    if operation == "reading":
        assert "VM-1" in ask("GET", VM).json()["selfLink"]
    else:
        version = ask("GET", VM).json()["labelFingerprint"]
        body = {"labels": {"a": "b"}, "labelFingerprint": version}
        assert "VM-1" in ask("POST", f"{VM}/setLabels", body).json()["targetLink"]


def test_a_call_may_take_effect_though_its_answer_is_an_error(server: GcpServer, ask: Ask) -> None:
    server.faults.add("unavailable", operation="writing", applied=True)
    bucket = "storage.googleapis.com/storage/v1/b/b-1"
    assert ask("PATCH", bucket, {"labels": {"env": None}}).status_code == 503
    assert server.tags.get("default", "", TYPES[BUCKET], BUCKET) == {"a": "b"}


def test_a_search_goes_page_by_page_through_one_project(server: GcpServer, ask: Ask) -> None:
    server.tags.load(
        [
            {"type": "pubsub.googleapis.com/Topic", "id": "//pubsub.googleapis.com/projects/other/topics/t-1"},
            {"type": "secretmanager.googleapis.com/Secret", "id": _secret("s-1"), "tags": {"env": "dev"}},
        ]
    )
    path = "cloudasset.googleapis.com/v1/projects/demo-project:searchAllResources?pageSize=2"
    first = ask("GET", path).json()
    assert [row["name"] for row in first["results"]] == [INSTANCE, _secret("s-1")]
    second = ask("GET", f"{path}&pageToken={first['nextPageToken']}").json()
    assert ([row["name"] for row in second["results"]], second.get("nextPageToken")) == ([BUCKET], None)
    found = ask("GET", f"{path}&query=labels.env%3Dprod&assetTypes=storage.googleapis.com/Bucket").json()
    assert [row["labels"] for row in found["results"]] == [{"env": "prod", "a": "b"}]
    assert ask("GET", f"{path}&query=labels.none:*").json() == {}


def _secret(name: str) -> str:
    return f"//secretmanager.googleapis.com/projects/123456789012/secrets/{name}"


def test_accounts_see_their_own_labels_and_have_their_projects(client: httpx.Client) -> None:
    accounts = {"ya29.a": Account("", domain_id="p-1"), "ya29.b": Account("", domain_id="p-2", name="other")}
    with GcpServer(accounts) as server:
        server.tags.load([{"type": TYPES[BUCKET], "id": BUCKET, "tags": {"env": "prod"}}])
        assert server.secrets == {"default": {"access_token": "ya29.a"}, "other": {"access_token": "ya29.b"}}
        assert server.environment == {
            "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.a",
            "UNTAG_ACCOUNTS": "gcp/p-1=default,gcp/p-2=other",
        }
        url = f"{server.url}/storage.googleapis.com/storage/v1/b/b-1"
        statuses = [client.get(url, headers={"authorization": f"Bearer {token}"}).status_code for token in accounts]
        assert statuses == [200, 403]


def test_an_account_that_is_made_here_has_a_token_and_the_project_of_its_resource() -> None:
    resource = Resource("gcp", "blue", "", "", TYPES[INSTANCE], INSTANCE, {})
    server = GcpServer()
    server.add_account(resource)
    assert server.number("blue") == "demo-project"
    assert server.secrets["blue"]["access_token"] in server.credentials
    assert server.place(resource) == ("", TYPES[INSTANCE], INSTANCE)
    with pytest.raises(LocalError, match="is no full resource name"):
        server.place(resource._replace(id="vm-1"))


def test_what_the_event_file_names_stands_at_the_cloud() -> None:
    server = GcpServer()
    server.seed()
    (request,) = parse_requests(json.loads(MANUAL.read_text(encoding="utf-8")), "own")
    held = {(pair.type, pair.id, pair.key, pair.value) for pair in server.tags.pairs()}
    named = {
        (type_, id_, tag.key, tag.value)
        for type_, ids in request.ids_by_type().items()
        for id_ in ids
        for tag in request.distinct_tags()
    }
    assert len(named) == request.expect
    assert named <= held
