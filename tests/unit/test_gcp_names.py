"""Google Cloud's ids: each is the full name of a resource of its type, and leads to that resource alone."""

import pytest
from gcp_support import BUCKET, BUCKET_TYPE, CLUSTER, CLUSTER_TYPE, IDS, INSTANCE, INSTANCE_TYPE, TOPIC, answered
from support import Asking

from untag.contracts import InvalidInputError
from untag.providers import Asked
from untag.providers.gcp.labels import GcpLabels
from untag.providers.gcp.names import TYPES
from untag.providers.gcp.shapes import resource_of
from untag.settings import provider_options

ASKING = Asking("gcp", None, INSTANCE_TYPE, INSTANCE)
problems = ASKING.problems
P = "//compute.googleapis.com/projects/demo-project"


@pytest.mark.parametrize(
    ("type_", "id_", "url"),
    [
        (
            INSTANCE_TYPE,
            INSTANCE,
            "https://compute.googleapis.com/compute/v1/projects/demo-project/zones/us-east1-b/instances/vm-1",
        ),
        (
            INSTANCE_TYPE,
            f"{P}/zones/us-east1-b/instances/7001864148707138537",
            (
                "https://compute.googleapis.com/compute/v1/projects/demo-project/zones/us-east1-b/instances/"
                "7001864148707138537"
            ),
        ),
        (
            "compute.googleapis.com/Disk",
            f"{P}/regions/us-east1/disks/d-1",
            "https://compute.googleapis.com/compute/v1/projects/demo-project/regions/us-east1/disks/d-1",
        ),
        (
            "compute.googleapis.com/Image",
            "//compute.googleapis.com/projects/example.com:old/global/images/i-1",
            "https://compute.googleapis.com/compute/v1/projects/example.com:old/global/images/i-1",
        ),
        (
            "compute.googleapis.com/ForwardingRule",
            f"{P}/global/forwardingRules/f-1",
            "https://compute.googleapis.com/compute/v1/projects/demo-project/global/forwardingRules/f-1",
        ),
        (BUCKET_TYPE, BUCKET, "https://storage.googleapis.com/storage/v1/b/demo-bucket"),
        (
            "bigquery.googleapis.com/Table",
            "//bigquery.googleapis.com/projects/p-1/datasets/d_1/tables/sales 2026",
            "https://bigquery.googleapis.com/bigquery/v2/projects/p-1/datasets/d_1/tables/sales%202026",
        ),
        (
            "pubsub.googleapis.com/Subscription",
            "//pubsub.googleapis.com/projects/p-1/subscriptions/a+b",
            "https://pubsub.googleapis.com/v1/projects/p-1/subscriptions/a%2Bb",
        ),
        (
            "sqladmin.googleapis.com/Instance",
            "//cloudsql.googleapis.com/projects/p-1/instances/db-1",
            "https://sqladmin.googleapis.com/v1/projects/p-1/instances/db-1",
        ),
        (
            CLUSTER_TYPE,
            CLUSTER,
            "https://container.googleapis.com/v1/projects/demo-project/locations/us-east1-b/clusters/c-1",
        ),
        (
            "cloudresourcemanager.googleapis.com/Project",
            "//cloudresourcemanager.googleapis.com/projects/123456789012",
            "https://cloudresourcemanager.googleapis.com/v3/projects/123456789012",
        ),
    ],
)
def test_a_name_leads_to_its_resource(type_, id_, url):
    assert problems(type_, [id_]) == []
    assert resource_of(type_, id_).url(None) == url


def test_every_type_that_is_offered_takes_one_of_its_names():
    assert len(TYPES) == 19
    for type_, id_ in IDS.items():
        assert problems(type_, [id_]) == []


@pytest.mark.parametrize(
    ("type_", "id_"),
    [
        (INSTANCE_TYPE, "vm-1"),
        (INSTANCE_TYPE, INSTANCE.removeprefix("//compute.googleapis.com/")),
        (INSTANCE_TYPE, f"https:{INSTANCE}"),
        (INSTANCE_TYPE, INSTANCE.replace("compute.googleapis.com", "evil.example.com")),
        (INSTANCE_TYPE, INSTANCE.replace("compute.googleapis.com", "compute.googleapis.com@evil.example.com")),
        (INSTANCE_TYPE, INSTANCE.replace("compute.googleapis.com", "compute.googleapis.com:8080")),
        (INSTANCE_TYPE, f"{INSTANCE}/setLabels"),
        (INSTANCE_TYPE, f"{INSTANCE}/"),
        (INSTANCE_TYPE, f"{INSTANCE}?alt=media"),
        (INSTANCE_TYPE, f"{INSTANCE}#x"),
        (INSTANCE_TYPE, f"{INSTANCE}%2F.."),
        (INSTANCE_TYPE, f"{INSTANCE}\\x"),
        (INSTANCE_TYPE, f"{INSTANCE} "),
        (INSTANCE_TYPE, f"{P}/zones/us-east1-b/instances/.."),
        (INSTANCE_TYPE, f"{P}/zones/us-east1-b/instances/*"),
        (INSTANCE_TYPE, f"{P}/zones/../instances/vm-1"),
        (INSTANCE_TYPE, f"{P}/zones/us-east1-b/disks/vm-1"),
        (INSTANCE_TYPE, "//compute.googleapis.com/projects/../zones/us-east1-b/instances/vm-1"),
        (INSTANCE_TYPE, "//compute.googleapis.com/projects/a/b/zones/us-east1-b/instances/vm-1"),
        (INSTANCE_TYPE, "//compute.googleapis.com/projects/a@b/zones/us-east1-b/instances/vm-1"),
        (INSTANCE_TYPE, INSTANCE.replace("vm-1", "VM-1")),
        (INSTANCE_TYPE, INSTANCE.replace("vm-1", "vm-\uff11")),
        (BUCKET_TYPE, "//storage.googleapis.com/demo..bucket"),
        (BUCKET_TYPE, "//storage.googleapis.com/.."),
        (BUCKET_TYPE, "//storage.googleapis.com/demo-bucket/o/object"),
        (BUCKET_TYPE, "//storage.googleapis.com/demo%2Fbucket"),
        (BUCKET_TYPE, "//storage.googleapis.com/projects/_/buckets/demo-bucket"),
        ("bigquery.googleapis.com/Table", "//bigquery.googleapis.com/projects/p-1/datasets/d_1/tables/.."),
        ("bigquery.googleapis.com/Table", "//bigquery.googleapis.com/projects/p-1/datasets/d_1/tables/a$2026"),
        ("bigquery.googleapis.com/Dataset", "//bigquery.googleapis.com/projects/p-1/datasets/d-1"),
        ("pubsub.googleapis.com/Topic", "//pubsub.googleapis.com/projects/p-1/topics/a%2fb"),
        ("pubsub.googleapis.com/Topic", TOPIC.replace("topics", "subscriptions")),
        ("sqladmin.googleapis.com/Instance", "//sqladmin.googleapis.com/projects/p-1/instances/db-1"),
        (CLUSTER_TYPE, f"{CLUSTER}:setResourceLabels"),
        (CLUSTER_TYPE, f"{CLUSTER}/nodePools/default"),
        (
            "secretmanager.googleapis.com/Secret",
            "//secretmanager.googleapis.com/projects/1/locations/europe-west1/secrets/s",
        ),
        ("cloudresourcemanager.googleapis.com/Project", "//cloudresourcemanager.googleapis.com/projects/a:b:c"),
    ],
)
def test_what_is_no_name_of_the_type_is_refused_before_anything_is_called(type_, id_):
    ((path, message),) = problems(type_, [id_])
    assert path == "resources.0.ids.0"
    assert message.startswith(f"should be the full name of a {type_}, //")
    with pytest.raises(ValueError, match="should be the full name"):
        resource_of(type_, id_)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"region": "us-east1"}, ("region", "should be left out: on gcp an id says where its resource is")),
        (
            {"project_id": "other-project"},
            ("resources.0.ids.0", "is in project demo-project, and the request names other-project"),
        ),
    ],
)
def test_a_region_or_another_project_than_the_ids_is_refused(changes, problem):
    assert problems(**changes) == [problem]


@pytest.mark.parametrize("project", ["demo-project", "123456789012"])
def test_a_project_may_be_named_by_its_other_name(project):
    assert problems(project_id=project) == []


@pytest.mark.parametrize("type_", ["compute.googleapis.com/Network", "run.googleapis.com/Service", "Instance"])
def test_a_type_that_is_not_offered_is_refused(type_):
    assert problems(type_) == [("resources.0.type", "no tag API of gcp is known for this type")]


@pytest.mark.parametrize("api", ["gcp", "gcp.labels"])
def test_one_endpoint_may_stand_for_all_services(api):
    options = provider_options({"UNTAG_ENDPOINTS": f"{api}=http://127.0.0.1:1"})
    _, (sent,) = answered({}, kind="read", provider=GcpLabels.of(options))
    assert sent.url.netloc == b"127.0.0.1:1"


def test_an_endpoint_of_one_service_is_none_that_there_is():
    with pytest.raises(InvalidInputError, match=r"known are gcp\.labels, gcp$"):
        provider_options({"UNTAG_ENDPOINTS": "gcp.compute=http://127.0.0.1:1"})


def test_every_type_at_once_is_for_sweeps_alone():
    assert problems("all") == [("resources.0.ids.0", "is of a type that has to be named")]


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("Env", "prod", "tags.0.key"),
        ("1env", "prod", "tags.0.key"),
        ("e" * 64, "prod", "tags.0.key"),
        ("名" * 43, "prod", "tags.0.key"),
        ("env", "Prod", "tags.0.value"),
        ("env", "a b", "tags.0.value"),
        ("env", "p" * 64, "tags.0.value"),
    ],
)
def test_what_no_label_can_be_is_not_put_back_and_a_removal_of_it_is_warned_of(key, value, path):
    tags = [{"key": key, "value": value}]
    ((found, message),) = problems(action="restore", tags=tags)
    assert found == path
    assert message.startswith("should have at most 63 lower-case letters, digits, _ or -")
    assert problems(tags=tags) == []
    (warning,) = GcpLabels(None, {}).warnings(Asked.of(ASKING.request(tags=tags)))
    assert warning.startswith(f"no label can be {key}={value}: ")


@pytest.mark.parametrize(("key", "value"), [("env", ""), ("部门", "研发"), ("größe", "1"), ("a-b_c1", "-x_")])
def test_what_a_label_can_be_is_put_back(key, value):
    tags = [{"key": key, "value": value}]
    assert problems(action="restore", tags=tags) == []
    assert list(GcpLabels(None, {}).warnings(Asked.of(ASKING.request(tags=tags)))) == []


def test_a_cluster_by_its_zone_is_the_one_by_its_location():
    provider = GcpLabels(None, {})
    assert provider.comparable_id(CLUSTER) == provider.comparable_id(CLUSTER.replace("/zones/", "/locations/"))
    assert provider.comparable_id(INSTANCE) == INSTANCE
