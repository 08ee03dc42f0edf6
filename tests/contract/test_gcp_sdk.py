"""The local Google Cloud, driven by the official clients; and our tokens and calls beside theirs."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, unquote

import httpx
import pytest
import vendors  # noqa: F401 - no proxy stands between a client and its local cloud
from google.api_core import exceptions
from google.auth import aws
from google.auth.exceptions import OAuthError, RefreshError
from google.auth.transport.requests import Request
from google.cloud import asset_v1, compute_v1, resourcemanager_v3, storage
from google.oauth2.credentials import Credentials

from local.providers import Account, GcpOptions, GcpServer
from untag.contracts import Action, Tag
from untag.providers import Location, Seen, Session, Verdict
from untag.providers.gcp.credentials import GcpCredentials
from untag.providers.gcp.labels import GcpLabels
from untag.providers.gcp.tokens import GcpTokens

PROJECT = "demo-project"
INSTANCE_TYPE, BUCKET_TYPE = "compute.googleapis.com/Instance", "storage.googleapis.com/Bucket"
PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"
INSTANCE = f"//compute.googleapis.com/projects/{PROJECT}/zones/us-east1-b/instances/vm-1"
DISK_TYPE, DISK = (
    "compute.googleapis.com/Disk",
    f"//compute.googleapis.com/projects/{PROJECT}/zones/us-east1-b/disks/d-1",
)
BUCKET = "//storage.googleapis.com/demo-bucket"
PROJECT_ID = f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"
IDS = {INSTANCE_TYPE: INSTANCE, DISK_TYPE: DISK, BUCKET_TYPE: BUCKET, PROJECT_TYPE: PROJECT_ID}
AT = {"project": PROJECT, "zone": "us-east1-b"}
AUDIENCE = (
    "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/untag-pool/providers/untag-aws"
)
SERVICE_ACCOUNT = f"untag@{PROJECT}.iam.gserviceaccount.com"
KEY = ("AKIDEXAMPLEFAKE00001", "fakeSecret/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzFAKE//+==")
REGION = "eu-central-1"


@pytest.fixture
def server() -> Iterator[GcpServer]:
    with GcpServer() as server:
        for type_, id_ in IDS.items():
            server.tags.load([{"type": type_, "id": id_, "tags": {"env": "prod", "team": "web"}}])
        server.tokens.keys[KEY[0]] = Account(KEY[1], KEY[2])
        yield server


def of(client: Any, server: GcpServer, token: str | None = None) -> Any:
    """A client of the local cloud, over HTTP."""
    credentials = Credentials(token or server.secrets["default"]["access_token"])
    return client(credentials=credentials, transport="rest", client_options={"api_endpoint": server.url})


def labels_of(server: GcpServer, type_: str) -> dict[str, str] | None:
    return server.tags.get("default", "", type_, IDS[type_])


def ours(server: GcpServer, type_: str, action: Action | None = Action.REMOVE, seen: Seen | None = None) -> Any:
    """The answer of our own call: a read, or the removal of `env`."""

    async def ask() -> Any:
        key = GcpCredentials.parse(server.secrets["default"])
        provider = GcpLabels(server.url, {})
        scope = provider.scope(Location("default", None, PROJECT), type_)
        async with httpx.AsyncClient(trust_env=False) as client:
            session = Session(client, key, provider.auth(key, scope), 5.0)
            if action is None:
                return await provider.read(session, scope, (IDS[type_],))
            there = {} if seen is None else {IDS[type_]: seen}
            return await provider.write(session, action, scope, (IDS[type_],), (Tag("env", "prod"),), there)

    return asyncio.run(ask())


def test_an_instances_labels_are_set_with_the_fingerprint_that_was_read(server: GcpServer) -> None:
    client = of(compute_v1.InstancesClient, server)
    read = client.get(instance="vm-1", **AT)
    assert dict(read.labels) == {"env": "prod", "team": "web"}
    wanted = compute_v1.InstancesSetLabelsRequest(labels={"team": "web"}, label_fingerprint=read.label_fingerprint)
    operation = client.set_labels_unary(instance="vm-1", instances_set_labels_request_resource=wanted, **AT)
    assert (operation.status.name, operation.name) == ("RUNNING", server.calls[-1].request_id)
    assert labels_of(server, INSTANCE_TYPE) == {"team": "web"}
    with pytest.raises(exceptions.PreconditionFailed):
        client.set_labels_unary(instance="vm-1", instances_set_labels_request_resource=wanted, **AT)


def test_what_the_client_reads_and_what_we_read_is_one(server: GcpServer) -> None:
    answer = ours(server, INSTANCE_TYPE, None)
    read = of(compute_v1.InstancesClient, server).get(instance="vm-1", **AT)
    assert answer.tags == {INSTANCE: dict(read.labels)}
    assert answer.versions == {INSTANCE: read.label_fingerprint}


@pytest.mark.parametrize("type_", IDS)
def test_what_we_write_is_what_the_clients_see(server: GcpServer, type_: str) -> None:
    read = ours(server, type_, None)
    answer = ours(server, type_, seen=read.seen(IDS[type_]))
    assert answer.verdict is (Verdict.ACCEPTED if type_ == INSTANCE_TYPE else Verdict.DONE)
    seen = {
        INSTANCE_TYPE: lambda: of(compute_v1.InstancesClient, server).get(instance="vm-1", **AT).labels,
        DISK_TYPE: lambda: of(compute_v1.DisksClient, server).get(disk="d-1", **AT).labels,
        BUCKET_TYPE: lambda: bucket(server).labels,
        PROJECT_TYPE: lambda: (
            of(resourcemanager_v3.ProjectsClient, server).get_project(name=f"projects/{PROJECT}").labels
        ),
    }
    assert dict(seen[type_]()) == {"team": "web"}
    assert ours(server, type_, seen=read.seen(IDS[type_])).verdict is Verdict.STALE


def bucket(server: GcpServer) -> Any:
    credentials = Credentials(server.secrets["default"]["access_token"])
    options = {"api_endpoint": server.url}
    return storage.Client(project=PROJECT, credentials=credentials, client_options=options).get_bucket("demo-bucket")


def test_a_buckets_label_goes_by_null_at_the_metageneration_that_was_read(server: GcpServer) -> None:
    first, second = bucket(server), bucket(server)
    for one in (first, second):
        one.labels = {"team": "web"}
    first.patch(if_metageneration_match=first.metageneration)
    assert first.labels == {"team": "web"}
    assert labels_of(server, BUCKET_TYPE) == {"team": "web"}
    with pytest.raises(exceptions.PreconditionFailed):
        second.patch(if_metageneration_match=second.metageneration)


def test_a_project_is_patched_by_an_operation_with_its_etag(server: GcpServer) -> None:
    client = of(resourcemanager_v3.ProjectsClient, server)
    project = client.get_project(name=f"projects/{PROJECT}")
    changed = resourcemanager_v3.Project(name=f"projects/{PROJECT}", labels={"team": "web"}, etag=project.etag)
    client.update_project(project=changed, update_mask="labels")
    assert labels_of(server, PROJECT_TYPE) == {"team": "web"}
    with pytest.raises(exceptions.Conflict):
        client.update_project(project=changed, update_mask="labels")


def test_a_search_goes_page_by_page(server: GcpServer) -> None:
    client = of(asset_v1.AssetServiceClient, server)
    search = {"scope": f"projects/{PROJECT}", "query": "labels.env=prod", "page_size": 1}
    found = list(client.search_all_resources(request={**search, "asset_types": [INSTANCE_TYPE, DISK_TYPE]}))
    assert [(row.name, row.asset_type, dict(row.labels)) for row in found] == [
        (DISK, DISK_TYPE, {"env": "prod", "team": "web"}),
        (INSTANCE, INSTANCE_TYPE, {"env": "prod", "team": "web"}),
    ]
    with pytest.raises(exceptions.BadRequest):
        list(client.search_all_resources(request={**search, "query": "labels.env = prod AND"}))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("throttle", exceptions.TooManyRequests),
        ("unauthorized", RefreshError),  # the client would get itself another token
        ("forbidden", exceptions.Forbidden),
        ("refuse", exceptions.BadRequest),
        ("unavailable", exceptions.ServiceUnavailable),
    ],
)
def test_errors_are_what_the_clients_take_them_for(server: GcpServer, fault: str, error: type[Exception]) -> None:
    server.faults.add(fault)
    with pytest.raises(error):
        of(compute_v1.InstancesClient, server).get(instance="vm-1", retry=None, **AT)


def test_what_is_not_there_and_a_token_that_is_none_are_refused(server: GcpServer) -> None:
    with pytest.raises(exceptions.NotFound):
        of(compute_v1.InstancesClient, server).get(instance="vm-2", **AT)
    with pytest.raises(RefreshError):
        of(compute_v1.InstancesClient, server, "ya29.none").get(instance="vm-1", **AT)


class _Keys(aws.AwsSecurityCredentialsSupplier):  # type: ignore[misc]
    """The keys of the host's role, as google-auth asks for them."""

    def get_aws_security_credentials(self, context: Any, request: Any) -> aws.AwsSecurityCredentials:  # noqa: ARG002
        return aws.AwsSecurityCredentials(*KEY)

    def get_aws_region(self, context: Any, request: Any) -> str:  # noqa: ARG002
        return REGION


def federated(server: GcpServer, audience: str = AUDIENCE, service_account: str = SERVICE_ACCOUNT) -> Any:
    path = f"v1/projects/-/serviceAccounts/{service_account}:generateAccessToken"
    return aws.Credentials(
        audience=audience,
        subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
        token_url=f"{server.url}/sts.googleapis.com/v1/token",
        service_account_impersonation_url=f"{server.url}/iamcredentials.googleapis.com/{path}",
        aws_security_credentials_supplier=_Keys(),
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )


def test_google_auth_gets_a_token_of_the_service_account_that_is_good_at_the_cloud(server: GcpServer) -> None:
    credentials = federated(server)
    credentials.refresh(Request())
    issued = server.tokens.issued[credentials.token]
    assert (issued.account, issued.scope) == ("default", "https://www.googleapis.com/auth/cloud-platform")
    assert [call.operation for call in server.calls] == ["token", "generateAccessToken"]
    of(compute_v1.InstancesClient, server, credentials.token).get(instance="vm-1", **AT)


def test_google_auth_gets_none_for_another_audience_service_account_or_key(server: GcpServer) -> None:
    with pytest.raises(OAuthError, match="invalid_target"):
        federated(server, audience=AUDIENCE.replace("untag-pool", "other-pool")).refresh(Request())
    with pytest.raises(RefreshError, match="Unable to acquire impersonated credentials"):
        federated(server, service_account=f"other@{PROJECT}.iam.gserviceaccount.com").refresh(Request())
    server.tokens.keys[KEY[0]] = Account("another secret", KEY[2])
    with pytest.raises(OAuthError, match="invalid_grant"):
        federated(server).refresh(Request())


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """google-auth's clock."""
    with patch("google.auth._helpers.utcnow", lambda: moment.replace(tzinfo=None)):
        yield


@pytest.mark.parametrize("token", [None, KEY[2]])
def test_our_proof_is_the_one_that_google_auth_makes_where_it_signs_the_audience(token: str | None) -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    url = f"https://sts.{REGION}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    headers = {"x-goog-cloud-target-resource": AUDIENCE}
    with at(moment):
        theirs = aws.RequestSigner(REGION).get_request_options(
            aws.AwsSecurityCredentials(KEY[0], KEY[1], token), url, "POST", "", headers
        )
    environ = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY[0], "AWS_SECRET_ACCESS_KEY": KEY[1]}
    tokens = GcpTokens(environ | ({"AWS_SESSION_TOKEN": token} if token else {}), None, moment.timestamp)

    asked: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.extend(parse_qs(request.content.decode())["subject_token"])
        return httpx.Response(400)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
            key = GcpCredentials.parse({"audience": AUDIENCE, "service_account": SERVICE_ACCOUNT})
            await tokens.auth(key).current(Session(client, key, httpx.Auth(), 5.0))

    asyncio.run(ask())
    proof = json.loads(unquote(asked[0]))
    assert {one["key"]: one["value"] for one in proof["headers"]} == theirs["headers"]
    assert (proof["method"], proof["url"]) == (theirs["method"], theirs["url"])


def test_an_error_inside_an_operation_is_what_the_client_sees_too(server: GcpServer) -> None:
    server.options = GcpOptions()
    server.faults.add("partial", ids=[DISK], code="RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", message="in use")
    client = of(compute_v1.DisksClient, server)
    read = client.get(disk="d-1", **AT)
    wanted = compute_v1.ZoneSetLabelsRequest(labels={"team": "web"}, label_fingerprint=read.label_fingerprint)
    operation = client.set_labels_unary(resource="d-1", zone_set_labels_request_resource=wanted, **AT)
    (failed,) = operation.error.errors
    assert (failed.code, failed.message) == ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "in use")
    answer = ours(server, DISK_TYPE, seen=ours(server, DISK_TYPE, None).seen(DISK))
    assert answer.failures[DISK][:2] == ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "in use")
