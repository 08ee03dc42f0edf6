"""Azure's events as Event Grid brings them, in both of its schemas: what is gone, in whose account; and what is not."""

import json
from functools import partial

import pytest
from event_support import led_to, recorded_event, said

from local.providers import AzureLoginServer, AzureServer
from local.providers.azure_service import TENANT
from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored, read

SUBSCRIPTION, SAMPLES_TENANT = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-demo"
TYPE = "Microsoft.Storage/storageAccounts"
STORE = f"{GROUP}/providers/{TYPE}/demostore01"
DELETED = "Microsoft.Resources.ResourceDeleteSuccess"
sample = partial(recorded_event, "azure_events")


def grid(kind=DELETED, subject=None, **data):
    (event,) = sample("eventgrid_delete_success")
    kept = {name: value for name, value in (event["data"] | data).items() if value is not None}
    return {**event, "eventType": kind, "subject": subject or event["subject"], "data": kept}


def cloud_event(kind=DELETED, **data):
    event = sample("cloudevent_delete_success")
    return {**event, "type": kind, "data": event["data"] | data}


@pytest.mark.parametrize("event", [grid(), [grid()], cloud_event(), [cloud_event()]])
def test_both_schemas_name_what_was_deleted(event):
    gone = said(event)
    assert isinstance(gone, Gone)
    assert gone.resources == {TYPE: [STORE]}
    assert (gone.provider, gone.account, gone.region) == ("azure", None, None)
    assert (gone.domain_id, gone.wider_id) == (SUBSCRIPTION, SAMPLES_TENANT)
    assert gone.event_id.startswith("44444444-0000-0000-0000-00000000000")
    assert gone.reason == "Event Grid Microsoft.Storage/storageAccounts/delete"


def test_each_event_of_a_list_speaks_for_itself_and_ids_may_be_written_in_small_letters():
    gone, ignored = read(json.dumps(sample("eventgrid_batch")), "m-1")
    assert isinstance(gone, Gone)
    assert gone.resources == {TYPE: [STORE.lower()]}
    assert isinstance(ignored, Ignored)
    assert ignored.code == "no_deletion"


def test_a_list_is_kept_without_what_is_about_persons():
    (gone, _) = read(json.dumps(sample("eventgrid_batch")), "m-1")
    kept = json.dumps(gone.event)
    assert STORE.lower() in kept
    for personal in ("203.0.113.7", "not to be logged", "Contributor"):
        assert personal not in kept


@pytest.mark.parametrize(
    ("uri", "type_"),
    [
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups"),
        (f"{GROUP}/providers/Microsoft.Sql/servers/s/databases/d", "Microsoft.Sql/servers/databases"),
        (f"{GROUP}/providers/microsoft.sql/servers/s", "microsoft.sql/servers"),
    ],
)
def test_the_type_is_that_of_the_resources_own_id(uri, type_):
    assert said(grid(resourceUri=uri)).resources == {type_: [uri]}
    assert said(grid(subject=uri, resourceUri=None)).resources == {type_: [uri]}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (grid("Microsoft.Resources.ResourceDeleteFailure", status="Failed"), "not_done"),
        (grid("Microsoft.Resources.ResourceDeleteCancel", status="Canceled"), "not_done"),
        (grid(status="Accepted"), "not_done"),
        (grid("Microsoft.Resources.ResourceWriteSuccess"), "no_deletion"),
        (grid("Microsoft.Resources.ResourceActionSuccess"), "no_deletion"),
        (cloud_event("Microsoft.Resources.ResourceWriteSuccess"), "no_deletion"),
        (cloud_event("Microsoft.Storage.BlobDeleted"), "no_deletion"),
        (grid("Microsoft.Storage.BlobDeleted"), "no_deletion"),
        ([grid("Microsoft.KeyVault.SecretExpired")], "no_deletion"),
        (grid(resourceUri=f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"), "no_deletion"),
        (grid(resourceUri=f"{GROUP}/providers/Microsoft.Authorization/locks/l"), "no_deletion"),
        (grid(resourceUri=f"{STORE}/providers/Microsoft.Insights/diagnosticSettings/d"), "no_deletion"),
        (grid(resourceUri=f"{STORE}/providers/Microsoft.Resources/tags/default"), "no_deletion"),
        (grid(resourceUri=f"{GROUP}/providers/Microsoft.Resources/deployments/d"), "no_deletion"),
        (grid("Microsoft.EventGrid.SubscriptionValidationEvent", validationCode="512d38b6"), "no_deletion"),
    ],
)
def test_what_deletes_nothing_or_failed_says_so(event, code):
    ignored = said(event)
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("azure", code)


def test_a_handshake_says_who_has_to_answer_it():
    event = grid("Microsoft.EventGrid.SubscriptionValidationEvent", validationCode="512d38b6")
    assert said([event]).reason.endswith("the handshake has to be answered by the endpoint that received it")


@pytest.mark.parametrize("uri", [f"{GROUP}/..", "demostore01", f"{STORE}#x", "https://evil.example.com/"])
def test_an_id_that_cannot_be_read_is_never_said_to_delete_nothing(uri):
    with pytest.raises(InvalidInputError, match=r"data\.resourceUri"):
        said(grid(resourceUri=uri))
    with pytest.raises(InvalidInputError, match="subject"):
        said(grid(subject=uri, resourceUri=None))


@pytest.mark.parametrize("body", [[], [{}], [1], ["text"], [{"eventType": DELETED}], [grid(), 1], [grid("AwsApiCall")]])
def test_a_list_that_is_none_of_event_grids_is_refused(body):
    with pytest.raises(InvalidInputError, match="should be an event"):
        read(json.dumps(body), "m-1")


def decommissioned(event, accounts):
    """What the function asks for, and its dead letters."""
    cloud = AzureServer(subscriptions={SUBSCRIPTION: TENANT})
    tags = {"env": "prod", "hidden-title": "shop"}
    cloud.tags.load([{"region": "", "type": TYPE, "id": STORE, "tags": tags}])
    hosts = {"azure.example.com": cloud, "login.example.com": AzureLoginServer()}
    endpoints = "azure.management=https://azure.example.com,azure.login=https://login.example.com"
    return led_to(event, hosts, {**cloud.environment, "UNTAG_ENDPOINTS": endpoints, "UNTAG_ACCOUNTS": accounts})


@pytest.mark.parametrize(
    "accounts",
    [
        f"azure/{SUBSCRIPTION}=default",
        f"azure/{SAMPLES_TENANT}=default",
        f"azure/{SUBSCRIPTION}=default,azure/{SAMPLES_TENANT}=other",
    ],
)
@pytest.mark.parametrize("event", [cloud_event(), sample("eventgrid_batch")], ids=["cloudevent", "list"])
def test_the_function_asks_for_the_tags_that_still_stand_in_the_account_of_the_subscription_or_the_tenant(
    accounts, event
):
    (asked,), letters = decommissioned(event, accounts)
    assert letters == []
    assert (asked["provider"], asked["account"], "region" in asked) == ("azure", "default", False)
    assert [id_.lower() for group in asked["resources"] for id_ in group["ids"]] == [STORE.lower()]
    assert asked["tags"] == [{"key": "env", "value": "prod"}]


def test_an_account_that_is_not_mapped_is_a_dead_letter_and_never_the_default_one():
    for event in (cloud_event(), sample("eventgrid_batch")):
        asked, (letter,) = decommissioned(event, "azure/another=default")
        assert (asked, letter["code"]) == ([], "unknown_account")
