"""The local Azure, driven by Microsoft's own clients; and our calls beside theirs."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
import httpx
import pytest
import vendors  # noqa: F401 - no proxy stands between a client and its local cloud
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import Tags, TagsPatchResource
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

from local.providers import Account, AwsStsServer, AzureLoginServer, AzureOptions, AzureServer
from local.providers.azure_service import CLIENT, SUBSCRIPTION, TENANT
from local.providers.azure_tokens import ISSUER, claims_of_web_identity_token, web_identity_token
from untag.contracts import Action, Tag
from untag.providers import Listing, Location, Options, Session, Verdict
from untag.providers.azure import graph
from untag.providers.azure.credentials import AzureCredentials
from untag.providers.azure.tags import AzureTags

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
TYPE = "Microsoft.Compute/virtualMachines"
VM = f"{GROUP}/providers/{TYPE}/vm-1"
KEY = {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": "fake~azure.secret"}


class Loopback(RequestsTransport):
    """The clients insist on https and on Microsoft's hosts: what they send goes to the local servers, and is kept."""

    def __init__(self, servers: Mapping[str, Any]) -> None:
        super().__init__()
        self._servers = servers
        self.sent: list[tuple[str, str, Any]] = []

    def send(self, request: Any, **options: Any) -> Any:
        at = urlsplit(request.url)
        body = getattr(request, "body", None) or getattr(request, "content", None)
        self.sent.append((request.method, request.url, body))
        request.url = f"{self._servers[at.hostname or ''].url}{request.url.partition(at.netloc)[2]}"
        return super().send(request, **options)


class Cloud:
    """Both servers, and clients for them."""

    def __init__(self, server: AzureServer, login: AzureLoginServer) -> None:
        self.server, self.login = server, login
        self.wire = Loopback({"management.azure.com": server, "login.microsoftonline.com": login})

    def credential(self, **changes: str) -> ClientSecretCredential:
        key = KEY | changes
        return ClientSecretCredential(
            key["tenant_id"],
            key["client_id"],
            key["client_secret"],
            transport=self.wire,
            disable_instance_discovery=True,
        )

    def resources(self) -> Any:
        return ResourceManagementClient(self.credential(), SUBSCRIPTION, transport=self.wire, retry_total=0).tags

    def update(self, id_: str, operation: str, tags: Mapping[str, str]) -> Any:
        patch = TagsPatchResource(operation=operation, properties=Tags(tags=dict(tags)))
        return self.resources().begin_update_at_scope(id_.lstrip("/"), patch).result()

    def graph(self) -> Any:
        return ResourceGraphClient(self.credential(), transport=self.wire, retry_total=0)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with AzureServer() as server, AzureLoginServer() as login:
        for number, tags in ((1, {"Env": "prod", "部门": "研发 é"}), (2, {"env": "dev"})):
            id_ = f"{GROUP}/providers/{TYPE}/vm-{number}"
            server.tags.load([{"region": "", "type": TYPE, "id": id_, "tags": tags}])
        yield Cloud(server, login)


def ours(cloud: Cloud, make: Callable[[AzureTags, Session[Any]], Any], key: Mapping[str, str] = KEY) -> tuple[Any, Any]:
    """What our call answers at the local servers, and the last request that it sent."""
    sent: list[httpx.Request] = []

    class Wire(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return await super().handle_async_request(request)

    async def call() -> Any:
        provider = AzureTags(
            Options(endpoints={"azure.management": cloud.server.url, "azure.login": cloud.login.url}), {}
        )
        credentials = AzureCredentials.parse(dict(key))
        scope = provider.scope(Location("default", None, None), TYPE)
        async with httpx.AsyncClient(transport=Wire()) as client:
            return await make(provider, Session(client, credentials, provider.auth(credentials, scope), 5.0))

    return asyncio.run(call()), sent[-1]


def scope(provider: AzureTags) -> Any:
    return provider.scope(Location("default", None, None), TYPE)


def test_the_client_reads_merges_and_deletes_at_the_local_cloud(cloud: Cloud) -> None:
    assert cloud.resources().get_at_scope(VM.lstrip("/")).properties.tags == {"Env": "prod", "部门": "研发 é"}
    merged = cloud.update(VM, "Merge", {"owner": "x"})
    assert merged.properties.tags == {"Env": "prod", "部门": "研发 é", "owner": "x"}
    assert cloud.update(VM, "Delete", {"Env": "prod"}).properties.tags == {"部门": "研发 é", "owner": "x"}
    assert cloud.server.tags.get("default", "", TYPE, VM) == {"部门": "研发 é", "owner": "x"}


def test_the_client_understands_the_errors(cloud: Cloud) -> None:
    with pytest.raises(ResourceNotFoundError) as gone:
        cloud.resources().get_at_scope(f"{VM}-none".lstrip("/"))
    assert gone.value.error.code == "ResourceNotFound"
    cloud.server.faults.add("forbidden")
    with pytest.raises(HttpResponseError) as forbidden:
        cloud.resources().get_at_scope(VM.lstrip("/"))
    assert (forbidden.value.status_code, forbidden.value.error.code) == (403, "AuthorizationFailed")


def test_the_client_takes_a_202_for_accepted(cloud: Cloud) -> None:
    cloud.server.options = AzureOptions(later_types=frozenset({TYPE.lower()}))
    patch = TagsPatchResource(operation="Delete", properties=Tags(tags={"Env": "prod"}))
    cloud.resources().begin_update_at_scope(VM.lstrip("/"), patch, polling=False)
    assert cloud.server.calls[-1].status == 202


@pytest.mark.parametrize(("action", "operation"), [(Action.REMOVE, "Delete"), (Action.RESTORE, "Merge")])
def test_our_write_is_the_clients_but_for_the_version(cloud: Cloud, action: Action, operation: str) -> None:
    tags = (Tag("Env", "prod"), Tag("部门", "研发 é"))
    cloud.update(VM, operation, {tag.key: tag.value or "" for tag in tags})
    method, url, body = cloud.wire.sent[-1]
    answer, sent = ours(
        cloud, lambda provider, session: provider.write(session, action, scope(provider), (VM,), tags, {})
    )
    assert (answer.verdict, answer.confirmed) == (Verdict.DONE, 2)
    assert (sent.method, unquote(sent.url.path)) == (method, unquote(urlsplit(url).path))
    assert json.loads(sent.content) == json.loads(body)
    assert (sent.url.query, urlsplit(url).query) == (b"api-version=2021-04-01", "api-version=2025-04-01")


def test_our_read_is_the_clients(cloud: Cloud) -> None:
    theirs = cloud.resources().get_at_scope(VM.lstrip("/")).properties.tags
    answer, sent = ours(cloud, lambda provider, session: provider.read(session, scope(provider), (VM,)))
    assert answer.tags == {VM: theirs}
    assert unquote(sent.url.path) == unquote(urlsplit(cloud.wire.sent[-1][1]).path)


def test_our_query_is_understood_through_the_client_and_finds_the_same(cloud: Cloud) -> None:
    query = graph.resources_with(TYPE, Tag("env", None))
    options = QueryRequestOptions(top=1000, skip=0, result_format="objectArray")
    theirs = cloud.graph().resources(QueryRequest(query=query, options=options))
    method, url, body = cloud.wire.sent[-1]
    answer, sent = ours(
        cloud, lambda provider, session: provider.find(session, scope(provider), Tag("env", None), None)
    )
    assert isinstance(answer, Listing)
    assert answer.tags == {row["id"]: row["tags"] for row in theirs.data}
    assert theirs.total_records == len(answer.tags) == 2
    assert (sent.method, sent.url.path) == (method, urlsplit(url).path)
    theirs_sent = json.loads(body)
    assert theirs_sent["options"].pop("allowPartialScopes") is False  # the client sends the documented default
    assert json.loads(sent.content) == theirs_sent
    names, _ = ours(cloud, lambda provider, session: provider.names(session, scope(provider), None, None))
    assert names.names == ("Env", "env", "部门")
    every, _ = ours(cloud, lambda provider, session: provider.names(session, scope(provider), "ENV", None))
    assert every.names == ("dev", "prod")


def test_the_clients_token_is_good_at_the_local_cloud_and_its_form_is_ours(cloud: Cloud) -> None:
    cloud.resources().get_at_scope(VM.lstrip("/"))
    (theirs,) = (dict(body) for _, url, body in cloud.wire.sent if url.endswith("/oauth2/v2.0/token"))
    sent: list[httpx.Request] = []

    async def call() -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(503)

        provider = AzureTags(Options(), {})
        credentials = AzureCredentials.parse(KEY)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            session = Session(client, credentials, provider.auth(credentials, scope(provider)), 5.0)
            await provider.read(session, scope(provider), (VM,))

    asyncio.run(call())
    theirs.pop("client_info")
    theirs["scope"] = " ".join(theirs["scope"]) if isinstance(theirs["scope"], list) else theirs["scope"]
    assert {name: one for name, (one,) in parse_qs(sent[0].content.decode()).items()} == theirs
    assert sent[0].url.path == f"/{TENANT}/oauth2/v2.0/token"


def test_the_client_is_refused_a_token_for_a_wrong_secret_as_we_are(cloud: Cloud) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        cloud.credential(client_secret="wrong").get_token("https://management.azure.com/.default")
    answer, _ = ours(
        cloud,
        lambda provider, session: provider.read(session, scope(provider), (VM,)),
        KEY | {"client_secret": "wrong"},
    )
    assert (answer.verdict, answer.code) == (Verdict.UNAUTHORIZED, "AADSTS7000215")


def test_the_client_exchanges_a_roles_token_at_the_local_endpoint() -> None:
    accounts = {CLIENT: Account("", domain_id=TENANT)}
    claims = {"iss": ISSUER, "aud": "api://AzureADTokenExchange", "sub": "arn:aws:iam::1:role/default", "exp": 4e9}
    with AzureServer(accounts) as server, AzureLoginServer(accounts) as login:
        cloud = Cloud(server, login)
        server.tags.load([{"region": "", "type": TYPE, "id": VM, "tags": {"env": "prod"}}])
        credential = ClientAssertionCredential(
            TENANT,
            CLIENT,
            lambda: web_identity_token(claims),
            transport=cloud.wire,
            disable_instance_discovery=True,
        )
        client = ResourceManagementClient(credential, SUBSCRIPTION, transport=cloud.wire, retry_total=0)
        assert client.tags.get_at_scope(VM.lstrip("/")).properties.tags == {"env": "prod"}


def test_botocore_gets_a_roles_token_at_the_local_sts() -> None:
    with AwsStsServer() as sts:
        client = botocore.session.Session().create_client(
            "sts",
            region_name="eu-west-1",
            endpoint_url=sts.url,
            aws_access_key_id="ASIALOCALSTACK",
            aws_secret_access_key="local-secret",
            aws_session_token="local-token",
        )
        answer = client.get_web_identity_token(
            Audience=["api://AzureADTokenExchange"], SigningAlgorithm="RS256", DurationSeconds=300
        )
    claims = claims_of_web_identity_token(answer["WebIdentityToken"])
    assert claims is not None
    assert (claims["aud"], claims["sub"]) == ("api://AzureADTokenExchange", "arn:aws:iam::123456789012:role/default")
    assert claims["exp"] == answer["Expiration"].timestamp()


@pytest.mark.parametrize("name", ["vm 1", "vm(1)", "a,b;c=d@e+f~g!h$i'j", "vm:1"])
def test_an_id_that_we_quote_is_the_one_that_the_client_sends_as_it_is(cloud: Cloud, name: str) -> None:
    id_ = f"{GROUP}/providers/{TYPE}/{name}"
    cloud.server.tags.load([{"region": "", "type": TYPE, "id": id_, "tags": {"env": "prod"}}])
    answer, _ = ours(cloud, lambda provider, session: provider.read(session, scope(provider), (id_,)))
    assert answer.tags == {id_: {"env": "prod"}}
    assert cloud.resources().get_at_scope(id_.lstrip("/")).properties.tags == {"env": "prod"}
