"""Google Cloud's audit log as Pub/Sub and Eventarc bring it: what is gone, in whose project; and what is not."""

import base64
import copy

import pytest
from event_support import led_to, recorded_event, said

from local.providers import GcpServer
from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored

INSTANCE = "//compute.googleapis.com/projects/demo-project/zones/us-east1-b/instances/vm-1"
BUCKET = "//storage.googleapis.com/demo-bucket"
LOG = "projects/demo-project/logs/cloudaudit.googleapis.com%2Factivity"


def sample(name="logentry_instance_delete_last", **changes):
    """A recorded event; changes to the log entry's payload, None takes a field away."""
    event = recorded_event("gcp_events", name)
    payload = event.get("protoPayload", {})
    payload |= changes
    for field in [field for field, value in changes.items() if value is None]:
        del payload[field]
    return event


def of(method, resource, **changes):
    event = sample("logentry_bucket_delete_denied", methodName=method, resourceName=resource, status={})
    return {**event, "severity": "NOTICE"} | changes


@pytest.mark.parametrize(
    ("name", "type_", "id_", "event_id"),
    [
        ("logentry_instance_delete_last", "compute.googleapis.com/Instance", INSTANCE, f"{LOG}/-demo0002"),
        ("pubsub_push_instance_delete_last", "compute.googleapis.com/Instance", INSTANCE, f"{LOG}/-demo0002"),
        ("eventarc_structured_bucket_delete", "storage.googleapis.com/Bucket", BUCKET, f"{LOG}/demo0005"),
        ("eventarc_binary_bucket_delete", "storage.googleapis.com/Bucket", BUCKET, f"{LOG}/demo0005"),
    ],
)
def test_a_recorded_deletion_is_understood_whichever_way_it_comes(name, type_, id_, event_id):
    gone = said(sample(name))
    assert isinstance(gone, Gone)
    assert (gone.provider, gone.resources, gone.event_id) == ("gcp", {type_: [id_]}, event_id)
    assert (gone.account, gone.domain_id, gone.region) == (None, "demo-project", None)


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("logentry_instance_delete_first", "not_done", "the deletion only begins"),
        ("logentry_bucket_delete_denied", "not_done", "the call failed"),
        ("logentry_dns_zone_delete", "no_deletion", "it deletes nothing that is known"),
    ],
)
def test_a_recorded_beginning_or_failure_leads_to_nothing_and_says_so(name, code, reason):
    ignored = said(sample(name))
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("gcp", code)
    assert ignored.reason.endswith(f": {reason}")


@pytest.mark.parametrize(
    ("method", "resource", "type_", "id_"),
    [
        ("beta.compute.disks.delete", "projects/p-1/zones/z-1/disks/d-1", "compute.googleapis.com/Disk", "compute"),
        ("v1.compute.images.delete", "projects/p-1/global/images/i-1", "compute.googleapis.com/Image", "compute"),
        (
            "v1.compute.globalAddresses.delete",
            "projects/p-1/global/addresses/a-1",
            "compute.googleapis.com/GlobalAddress",
            "compute",
        ),
        (
            "google.cloud.bigquery.v2.TableService.DeleteTable",
            "projects/p-1/datasets/d_1/tables/t_1",
            "bigquery.googleapis.com/Table",
            "bigquery",
        ),
        ("datasetservice.delete", "projects/p-1/datasets/d_1", "bigquery.googleapis.com/Dataset", "bigquery"),
        ("google.pubsub.v1.Publisher.DeleteTopic", "projects/p-1/topics/t-1", "pubsub.googleapis.com/Topic", "pubsub"),
        ("cloudsql.instances.delete", "projects/p-1/instances/db-1", "sqladmin.googleapis.com/Instance", "cloudsql"),
        (
            "google.cloud.secretmanager.v1.SecretManagerService.DeleteSecret",
            "projects/123/secrets/s-1",
            "secretmanager.googleapis.com/Secret",
            "secretmanager",
        ),
        (
            "google.container.v1.ClusterManager.DeleteCluster",
            "projects/p-1/zones/z-1/clusters/c-1",
            "container.googleapis.com/Cluster",
            "container",
        ),
        (
            "google.cloud.resourcemanager.v3.Projects.DeleteProject",
            "projects/p-1",
            "cloudresourcemanager.googleapis.com/Project",
            "cloudresourcemanager",
        ),
    ],
)
def test_every_method_that_deletes_names_its_resource(method, resource, type_, id_):
    assert said(of(method, resource)).resources == {type_: [f"//{id_}.googleapis.com/{resource}"]}


GROUP = {"principalEmail": "123456789012@cloudservices.gserviceaccount.com"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (of("v1.compute.instances.stop", "projects/p-1/zones/z-1/instances/i-1"), "no_deletion"),
        (of("v1.compute.networks.delete", "projects/p-1/global/networks/n-1"), "no_deletion"),
        (of("storage.buckets.delete", "projects/_/buckets/b-1", severity="ERROR"), "not_done"),
        (of("storage.buckets.delete", "projects/_/buckets/b-1", operation={"id": "o", "first": True}), "not_done"),
        (of("storage.buckets.delete", "projects/_/buckets/.."), "no_resource"),
        (of("storage.buckets.delete", "projects/_/buckets/b-1/objects/o"), "no_resource"),
        (of("v1.compute.instances.delete", "projects/p-1/zones/z-1/disks/d-1"), "no_resource"),
        (of("google.pubsub.v1.Publisher.DeleteTopic", "projects/p-1/topics/a%2fb"), "no_resource"),
        (sample(authenticationInfo=GROUP), "not_done"),
        ({**sample("eventarc_structured_bucket_delete"), "data": {"x": 1}}, "no_deletion"),
    ],
)
def test_what_deletes_nothing_that_is_known_says_so(event, code):
    ignored = said(event)
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("gcp", code)


def pushed(data):
    return {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p-1/subscriptions/s-1"}


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (sample(methodName=None), "protoPayload.methodName"),
        (sample(resourceName=None), "protoPayload.resourceName"),
        (sample(status="OK"), "protoPayload.status"),
        (pushed("%%"), "message.data"),
        (pushed(7), "message.data"),
        ({**sample("eventarc_binary_bucket_delete"), "body": "x"}, "body"),
    ],
)
def test_what_cannot_be_read_is_never_said_to_delete_nothing(event, path):
    with pytest.raises(InvalidInputError, match=path):
        said(event)


def test_a_push_that_holds_no_json_is_unreadable_by_itself():
    unreadable = said(pushed(base64.b64encode(b"{").decode()))
    assert unreadable.event_id == "1"
    assert "message" in str(unreadable.error)


def decommissioned(event, **environ):
    """What the function asks for, and its dead letters."""
    cloud = GcpServer()
    labels = {"env": "prod", "goog-managed-by": "x"}
    cloud.tags.load([{"type": "compute.googleapis.com/Instance", "id": INSTANCE, "tags": labels}])
    settings = {**cloud.environment, "UNTAG_ENDPOINTS": "gcp=https://gcp.example.com", **environ}
    return led_to(event, {"gcp.example.com": cloud}, settings)


def test_the_function_asks_for_the_labels_that_still_stand_in_the_account_of_the_project():
    ((asked,), letters) = decommissioned(sample("pubsub_push_instance_delete_last"))
    assert letters == []
    assert (asked["provider"], asked["account"], asked.get("region")) == ("gcp", "default", None)
    assert asked["resources"] == [{"type": "compute.googleapis.com/Instance", "ids": [INSTANCE]}]
    assert asked["tags"] == [{"key": "env", "value": "prod"}]


def test_a_project_that_is_not_mapped_is_a_dead_letter_and_never_the_default_account():
    event = copy.deepcopy(sample())
    event["resource"]["labels"]["project_id"] = "other-project"
    asked, (letter,) = decommissioned(event)
    assert asked == []
    assert letter["source"]
