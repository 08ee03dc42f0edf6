"""A sweep at AWS: resources found by type and tag, page by page, and asked to lose the tag by their ARNs."""

import pytest
from sweep_support import sweep_at

from local.providers import Account, AwsServer, AwsStsServer

TAGGING, STS = "tagging.example.com", "sts.example.com"
REGION = "eu-central-1"
KEYS = {"FAKEAWSKEY": Account("fake-aws-secret-not-real", domain_id="123456789012")}
RULE = {"name": "tmp", "provider": "aws", "regions": [REGION], "types": ["ec2:instance"], "match": {"key": "tmp"}}


def instances(number):
    return [f"arn:aws:ec2:{REGION}:123456789012:instance/i-{n:03}" for n in range(number)]


@pytest.fixture
def cloud():
    server = AwsServer(KEYS)
    for arn in instances(250):
        server.tags.load([{"region": REGION, "type": "ec2:instance", "id": arn, "tags": {"tmp": "x", "owner": "li"}}])
    queue = f"arn:aws:sqs:{REGION}:123456789012:orders"
    server.tags.load([{"region": REGION, "type": "sqs:queue", "id": queue, "tags": {"tmp": "x"}}])
    return server


def swept(cloud, rule):
    """What a sweep by the rule asks for, and its one report."""
    settings = {"UNTAG_ENDPOINTS": f"aws.tagging=https://{TAGGING},aws.sts=https://{STS}"}
    return sweep_at({TAGGING: cloud, STS: AwsStsServer(KEYS)}, settings, rule)


def test_a_sweep_finds_every_resource_of_the_type_that_bears_the_tag(cloud):
    requests, notice = swept(cloud, RULE)
    assert notice["status"] == "succeeded"
    asked = [id_ for body in requests for group in body["resources"] for id_ in group["ids"]]
    assert sorted(asked) == instances(250)
    assert {group["type"] for body in requests for group in body["resources"]} == {"ec2:instance"}
    assert {(tag["key"], tag.get("value")) for body in requests for tag in body["tags"]} == {("tmp", "x")}
    assert {call.operation for call in cloud.calls} == {"GetResources"}


def test_a_sweep_of_types_whose_tags_are_not_listed_is_refused_by_name(cloud):
    requests, notice = swept(cloud, {**RULE, "types": ["autoscaling:autoScalingGroup"]})
    assert requests == []
    assert notice["kind"] == "rejected"
    assert "tags of autoscaling:autoScalingGroup cannot be read" in str(notice["errors"])


def test_a_sweep_of_roles_is_refused_since_iam_finds_nothing_by_its_tags(cloud):
    requests, notice = swept(cloud, {**RULE, "types": ["iam:role"], "regions": ["us-east-1"]})
    assert (requests, notice["kind"]) == ([], "rejected")
    assert "this API cannot list resources" in str(notice["errors"])


def test_a_sweep_of_every_type_asks_for_each_resource_by_the_type_in_its_arn(cloud):
    requests, notice = swept(cloud, {**RULE, "types": "all"})
    asked = {(group["type"], id_) for body in requests for group in body["resources"] for id_ in group["ids"]}
    queue = f"arn:aws:sqs:{REGION}:123456789012:orders"
    assert asked == {("sqs:queue", queue), *(("ec2:instance", arn) for arn in instances(250))}
    assert notice["status"] == "succeeded"
    assert notice["counts"]["pairs"] == 251


def test_many_keys_cost_one_listing_of_what_is_tagged(cloud):
    keys = [f"legacy-{n}" for n in range(40)]
    place = {"region": REGION, "type": "ec2:instance"}
    for n, key in enumerate(keys):
        arn = f"arn:aws:ec2:{REGION}:123456789012:instance/i-x{n:02}"
        cloud.tags.load([{**place, "id": arn, "tags": {key: "x"}}])
    requests, notice = swept(cloud, {**RULE, "match": {"key": keys}})
    assert {tag["key"] for body in requests for tag in body["tags"]} == set(keys)
    listings = [call for call in cloud.calls if call.operation == "GetResources"]
    assert len(listings) <= 9  # 290 resources, a hundred on a page, listed until nothing new is found
    assert notice["counts"]["matched"] == 40
