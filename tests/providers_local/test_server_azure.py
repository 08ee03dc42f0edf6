"""The local Azure and its token endpoint: whom they believe, where they misbehave, and what the seeded tags are for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.providers import Account, AwsStsServer, AzureLoginServer, AzureOptions, AzureServer
from local.providers.account_file import shared
from local.providers.azure_service import CLIENT, SUBSCRIPTION, TENANT
from local.providers.azure_tokens import access_token, web_identity_token
from untag.contracts import parse_requests
from untag.providers import Registry
from untag.providers.credentials import AccessKey
from untag.providers.signing import AWS4, DerivedKeyAuth

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
TYPE = "Microsoft.Compute/virtualMachines"
VM = f"{GROUP}/providers/{TYPE}/vm-1"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/d-1"
TAGS = "/providers/Microsoft.Resources/tags/default"
GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
AUDIENCE = "https://management.azure.com"
FORM = {
    "grant_type": "client_credentials",
    "client_id": CLIENT,
    "client_secret": "fake~azure.secret",
    "scope": f"{AUDIENCE}/.default",
}
CLAIMS = {"aud": AUDIENCE, "appid": CLIENT, "tid": TENANT, "exp": 4e9}
Ask = Callable[..., httpx.Response]


@pytest.fixture
def server() -> Iterator[AzureServer]:
    with AzureServer() as server:
        server.tags.load([{"region": "", "type": TYPE, "id": VM, "tags": {"Env": "prod", "a": "b"}}])
        yield server


@pytest.fixture
def login() -> Iterator[AzureLoginServer]:
    with AzureLoginServer() as login:
        yield login


@pytest.fixture
def ask(client: httpx.Client, server: AzureServer) -> Ask:
    """A call with a good token, or with claims of its own."""

    def call(method: str, path: str, body: Any = None, **claims: Any) -> httpx.Response:
        bearer = {"authorization": f"Bearer {access_token(CLAIMS | claims)}"}
        url = f"{server.url}{path}" if "?" in path else f"{server.url}{path}{TAGS}?api-version=2021-04-01"
        return client.request(method, url, json=body, headers=bearer)

    return call


def write(operation: str, **tags: str) -> dict[str, Any]:
    return {"operation": operation, "properties": {"tags": tags}}


def token_from(client: httpx.Client, login: AzureLoginServer, tenant: str = TENANT, **changes: str) -> httpx.Response:
    form = {name: text for name, text in (FORM | changes).items() if text}
    return client.post(f"{login.url}/{tenant}/oauth2/v2.0/token", data=form)


def test_a_token_of_the_endpoint_is_good_until_it_expires(
    client: httpx.Client, server: AzureServer, login: AzureLoginServer
) -> None:
    given = token_from(client, login).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3599)
    headers = {"authorization": f"Bearer {given['access_token']}"}
    url = f"{server.url}{VM}{TAGS}?api-version=2021-04-01"
    assert client.get(url, headers=headers).json()["properties"] == {"tags": {"Env": "prod", "a": "b"}}
    now = server.clock()
    server.clock = lambda: now + 3600
    assert client.get(url, headers=headers).json()["error"]["code"] == "ExpiredAuthenticationToken"


@pytest.mark.parametrize(
    ("changes", "tenant", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, TENANT, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, TENANT, 401, "invalid_client", 7000215),
        ({"client_id": "another"}, TENANT, 400, "unauthorized_client", 700016),
        ({}, "another-tenant", 400, "invalid_request", 90002),
        ({"scope": "https://graph.microsoft.com/.default"}, TENANT, 400, "invalid_scope", 70011),
        ({"grant_type": "password"}, TENANT, 400, "unsupported_grant_type", 70003),
    ],
)
def test_the_endpoint_refuses_with_entras_words(
    client: httpx.Client,
    login: AzureLoginServer,
    changes: dict[str, str],
    tenant: str,
    status: int,
    error: str,
    number: int,
) -> None:
    answer = token_from(client, login, tenant, **changes)
    told = answer.json()
    assert (answer.status_code, told["error"], told["error_codes"]) == (status, error, [number])


def assertion(**claims: Any) -> dict[str, str]:
    from local.providers.azure_tokens import ISSUER

    whole = {"iss": ISSUER, "aud": "api://AzureADTokenExchange", "sub": "arn:aws:iam::1:role/default", "exp": 4e9}
    return {
        "client_secret": "",
        "client_assertion": web_identity_token(whole | claims),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }


def test_the_token_of_a_role_is_exchanged_where_the_application_trusts_it(client: httpx.Client) -> None:
    signer = DerivedKeyAuth(
        AWS4,
        AccessKey(access_key="ASIALOCALSTACK", secret_key="local-secret", security_token="local-token"),
        region="eu-west-1",
        service="sts",
    )
    form = {
        "Action": "GetWebIdentityToken",
        "Version": "2011-06-15",
        "Audience.member.1": "api://AzureADTokenExchange",
        "SigningAlgorithm": "RS256",
        "DurationSeconds": "300",
    }
    accounts = {CLIENT: Account("", domain_id=TENANT)}
    with AwsStsServer() as sts, AzureLoginServer(accounts) as login:
        answer = client.post(f"{sts.url}/", data=form, auth=signer)
        jwt = answer.text.partition("<WebIdentityToken>")[2].partition("<")[0]
        exchanged = token_from(client, login, **(assertion() | {"client_assertion": jwt}))
        assert exchanged.status_code == 200
        for wrong in ({"SigningAlgorithm": "ES384"}, {"DurationSeconds": "30"}, {"Audience.member.1": ""}):
            refused = client.post(f"{sts.url}/", data=form | wrong, auth=signer)
            assert refused.status_code == (200 if "Audience.member.1" in wrong else 400)


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"exp": 1}, 700024),
        ({"aud": "https://another.example.com"}, 70021),
        ({"sub": "arn:aws:iam::1:role/another"}, 70021),
        ({"iss": "https://another.example.com"}, 50013),
    ],
)
def test_a_token_of_a_role_that_is_not_trusted_is_refused(
    client: httpx.Client, claims: dict[str, Any], number: int
) -> None:
    with AzureLoginServer({CLIENT: Account("", domain_id=TENANT)}) as login:
        assert token_from(client, login, **assertion(**claims)).json()["error_codes"] == [number]
        forged = assertion()
        forged["client_assertion"] = forged["client_assertion"][:-8] + "AAAAAAAA"
        assert token_from(client, login, **forged).json()["error_codes"] == [50013]
        assert token_from(client, login, **assertion()).status_code == 200


def test_a_secret_does_for_no_federated_application_and_a_role_for_no_secret(
    client: httpx.Client, login: AzureLoginServer
) -> None:
    assert token_from(client, login, **assertion()).json()["error_codes"] == [70021]
    with AzureLoginServer({CLIENT: Account("", domain_id=TENANT)}) as federated:
        assert token_from(client, federated, client_secret="x").json()["error_codes"] == [7000215]


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://graph.microsoft.com"}, "InvalidAuthenticationToken"),
        ({"appid": "another"}, "InvalidAuthenticationToken"),
        ({"tid": "another"}, "InvalidAuthenticationToken"),
        ({"exp": 1}, "ExpiredAuthenticationToken"),
    ],
)
def test_a_token_for_another_audience_tenant_or_time_is_refused(ask: Ask, claims: dict[str, Any], code: str) -> None:
    answer = ask("GET", VM, **claims)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


@pytest.mark.parametrize("bearer", ["", "Bearer x", "Bearer a.b.c", f"Basic {access_token(CLAIMS)}", "Bearer é"])
def test_a_forged_token_is_refused(client: httpx.Client, server: AzureServer, bearer: str) -> None:
    url = f"{server.url}{VM}{TAGS}?api-version=2021-04-01"
    answer = client.get(url, headers={"authorization": bearer.encode()})
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_merge_adds_delete_takes_away_and_the_answer_has_what_remains(server: AzureServer, ask: Ask) -> None:
    assert ask("PATCH", VM, write("Merge", env="dev", c="d")).json() == {
        "id": f"{VM}{TAGS}",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": {"Env": "dev", "a": "b", "c": "d"}},
    }
    assert ask("PATCH", VM.lower(), write("Delete", ENV="dev")).json()["properties"]["tags"] == {"a": "b", "c": "d"}
    assert [(one.operation, one.key, one.after) for one in server.tags.history] == [
        ("merge", "Env", "dev"),
        ("merge", "c", "d"),
        ("delete", "Env", None),
    ]
    assert ask("PATCH", VM, write("Replace", x="y")).json()["properties"]["tags"] == {"x": "y"}


@pytest.mark.parametrize(("option", "left"), [("key", {"a": "b"}), ("pair", {"Env": "prod", "a": "b"})])
def test_what_a_delete_does_with_another_value_is_an_option(
    server: AzureServer, ask: Ask, option: Any, left: dict[str, str]
) -> None:
    server.options = AzureOptions(delete=option)
    assert ask("PATCH", VM, write("Delete", Env="other")).json()["properties"]["tags"] == left


def test_a_disk_is_changed_later(server: AzureServer, ask: Ask) -> None:
    server.tags.load([{"region": "", "type": "Microsoft.Compute/disks", "id": DISK, "tags": {"env": "prod"}}])
    now = server.clock()
    server.clock = lambda: now
    answer = ask("PATCH", DISK, write("Delete", env="prod"))
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (202, b"", "1")
    assert "tagsoperationresults" in answer.headers["location"]
    assert ask("GET", DISK).json()["properties"]["tags"] == {"env": "prod"}
    server.clock = lambda: now + 1
    assert ask("GET", DISK).json()["properties"]["tags"] == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", f"{GROUP}/providers/{TYPE}/vm-2", None, 404, "ResourceNotFound"),
        ("GET", VM.replace(SUBSCRIPTION, TENANT), None, 404, "SubscriptionNotFound"),
        ("GET", f"{VM}{TAGS}?api-version=1", None, 400, "InvalidApiVersionParameter"),
        ("GET", f"{VM}{TAGS}?x=1", None, 400, "InvalidApiVersionParameter"),
        ("GET", f"{VM}?api-version=2021-04-01", None, 404, "InvalidResourceType"),
        ("DELETE", VM, None, 405, "HttpMethodNotAllowed"),
        ("PUT", VM, {"properties": {"tags": {}}}, 405, "HttpMethodNotAllowed"),
        ("PATCH", VM, {"operation": "Wipe", "properties": {"tags": {}}}, 400, "InvalidRequestContent"),
        ("PATCH", VM, {"operation": "Merge"}, 400, "InvalidRequestContent"),
        ("PATCH", VM, write("Merge", **{"a/b": "x"}), 400, "InvalidTagNameCharacters"),
        ("PATCH", VM, write("Merge", **{f"k{n}": "" for n in range(51)}), 400, "InvalidTagCount"),
        ("PATCH", VM, write("Merge", a="x" * 257), 400, "InvalidTagNameOrValue"),
        ("POST", GRAPH, {"query": "resources | take 5"}, 400, "BadRequest"),
    ],
)
def test_it_refuses_what_breaks_the_documents(
    server: AzureServer, ask: Ask, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = ask(method, path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-ms-request-id"]
    assert server.tags.history == []


def test_a_subscription_of_another_tenant_is_refused_with_a_401(server: AzureServer, ask: Ask) -> None:
    other = "33333333-2222-3333-4444-555555555555"
    server.subscriptions[other] = "another-tenant"
    answer = ask("GET", VM.replace(SUBSCRIPTION, other))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationTokenTenant")


def test_a_rule_for_one_key_spares_the_others_and_the_answer_shows_it_to_remain(server: AzureServer, ask: Ask) -> None:
    server.faults.add("partial", keys=["a"])
    assert ask("PATCH", VM, write("Delete", Env="prod", a="b")).json()["properties"]["tags"] == {"a": "b"}
    assert {pair.key for pair in server.tags.pairs()} == {"a"}


def test_it_can_answer_about_another_resource(server: AzureServer, ask: Ask) -> None:
    server.faults.add("other_ids")
    for answer in (ask("GET", VM), ask("PATCH", VM, write("Delete", a="b"))):
        assert answer.json()["id"] == f"{VM}-other{TAGS}"


@pytest.mark.parametrize("kind", ["count"])
def test_it_does_not_count(server: AzureServer, kind: str) -> None:
    with pytest.raises(ValueError, match="no room"):
        server.faults.add(kind)


def test_a_call_is_logged_as_what_it_was(server: AzureServer, ask: Ask) -> None:
    ask("PATCH", VM.upper(), write("Delete", a="b"))
    (call,) = server.calls
    assert (call.access_key, call.account, call.operation, call.writing) == (CLIENT, "default", "delete", True)
    assert (call.type, call.ids, call.tags, call.applied) == (TYPE, (VM,), (("a", "b"),), 1)


def test_each_account_has_a_tenant_of_its_own_and_sees_its_own_tags(server: AzureServer, ask: Ask) -> None:
    accounts = {**server.credentials, "other-client": Account("s", domain_id="t2", name="other")}
    other = AzureServer(accounts)
    assert other.environment == {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": "fake~azure.secret",
        "UNTAG_ACCOUNTS": f"azure/{TENANT}=default,azure/t2=other",
    }
    assert other.secrets["other"] == {"tenant_id": "t2", "client_id": "other-client", "client_secret": "s"}
    server.credentials |= accounts
    answer = ask("GET", VM, appid="other-client", tid="t2")
    assert answer.json()["error"]["code"] == "InvalidAuthenticationTokenTenant"


def test_accounts_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    entry = {"tenant_id": "t3", "client_id": "c3", "client_secret": "s3"}
    path.write_text(
        json.dumps({"azure/third": entry, "azure/fourth": entry | {"client_id": "c4", "client_secret": None}})
    )
    servers = (AzureServer(), AzureLoginServer())
    shared({"UNTAG_CREDENTIALS": f"file:{path}"}, servers)
    for server in servers:
        assert server.secrets["third"] == entry
        assert "client_secret" not in server.secrets["fourth"]


def test_the_seeded_tags_are_those_of_the_manual_event() -> None:
    server = AzureServer()
    server.seed()
    raw = json.loads((Path(__file__).parents[2] / "events" / "azure_manual.json").read_text(encoding="utf-8"))
    (request,) = Registry().checked(parse_requests(raw, "own"), listed=False)
    for type_, ids in request.ids_by_type().items():
        for id_ in ids:
            tags = server.tags.get("default", "", type_, id_)
            assert tags is not None
            assert {"env": "staging", "team": "checkout"}.items() <= tags.items()


def test_a_resource_has_one_tag_of_a_name_whatever_its_case(server: AzureServer, ask: Ask) -> None:
    server.tags.put("", TYPE, VM, "ENV", "test")
    assert ask("GET", VM).json()["properties"]["tags"] == {"Env": "test", "a": "b"}
    assert ask("PATCH", VM, write("Merge", B="1", b="2")).status_code == 200
    assert ask("GET", VM).json()["properties"]["tags"] == {"Env": "test", "a": "b", "B": "2"}
    server.tags.load([{"region": "", "type": TYPE, "id": VM, "tags": {"Env": "prod", "env": "test"}}])
    assert ask("GET", VM).json()["properties"]["tags"] == {"Env": "test"}


@pytest.mark.parametrize(
    ("method", "body", "right"), [("GET", None, "read"), ("PATCH", write("Merge", x="y"), "write")]
)
def test_a_call_that_is_forbidden_names_the_right_that_it_lacks(
    server: AzureServer, ask: Ask, method: str, body: Any, right: str
) -> None:
    server.faults.add("forbidden")
    answer = ask(method, VM, body)
    assert answer.status_code == 403
    assert f"'Microsoft.Resources/tags/{right}'" in answer.json()["error"]["message"]
