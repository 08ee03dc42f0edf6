"""AWS's events as EventBridge brings them: what is gone, where, in whose account; and what says nothing of the kind."""

import json
from functools import partial

import pytest
from event_support import led_to, recorded_event, said

from local.providers import Account, AwsServer, AwsStsServer
from untag.contracts import InvalidInputError
from untag.decommission.events import Gone, Ignored

NUMBER = "123456789012"
sample = partial(recorded_event, "aws_events")


def entry(source, name, region="eu-central-1", **detail):
    event = sample("cloudtrail_delete_bucket")
    changed = {"eventSource": f"{source}.amazonaws.com", "eventName": name, "awsRegion": region}
    return {**event, "detail": {**event["detail"], **changed, **detail}}


@pytest.mark.parametrize(
    ("name", "type_", "arn"),
    [
        ("cloudtrail_delete_bucket", "s3:bucket", "arn:aws:s3:::demo-bucket"),
        ("cloudtrail_delete_dbinstance", "rds:db", f"arn:aws:rds:us-east-1:{NUMBER}:db:demo-db"),
        ("cloudtrail_delete_function", "lambda:function", f"arn:aws:lambda:us-east-1:{NUMBER}:function:demo-fn"),
        (
            "cloudtrail_delete_distribution",
            "cloudfront:distribution",
            f"arn:aws:cloudfront::{NUMBER}:distribution/E53370FUHBNLK",
        ),
        (
            "cloudtrail_delete_secret",
            "secretsmanager:secret",
            f"arn:aws:secretsmanager:us-east-1:{NUMBER}:secret:demo-a1b2c3",
        ),
        (
            "cloudtrail_delete_tgw_attachment_nested",
            "ec2:transit-gateway-attachment",
            f"arn:aws:ec2:us-east-1:{NUMBER}:transit-gateway-attachment/tgw-attach-0123456789abcdef0",
        ),
        (
            "cloudtrail_schedule_key_deletion",
            "kms:key",
            f"arn:aws:kms:us-east-1:{NUMBER}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
    ],
)
def test_an_entry_of_cloudtrail_names_what_was_deleted_in_the_account_that_it_is_for(name, type_, arn):
    event = sample(name)
    gone = said(event)
    assert isinstance(gone, Gone)
    assert gone.resources == {type_: [arn]}
    assert (gone.event_id, gone.provider, gone.account, gone.domain_id) == (event["id"], "aws", None, NUMBER)
    assert gone.region == event["detail"]["awsRegion"]


@pytest.mark.parametrize(
    ("event", "arns"),
    [
        (
            entry(
                "ec2",
                "TerminateInstances",
                requestParameters={"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}},
            ),
            [f"arn:aws:ec2:eu-central-1:{NUMBER}:instance/i-{number}" for number in (1, 2)],
        ),
        (
            entry("sqs", "DeleteQueue", requestParameters={"queueUrl": f"https://sqs.x/{NUMBER}/orders"}),
            [f"arn:aws:sqs:eu-central-1:{NUMBER}:orders"],
        ),
        (
            entry("rds", "DeleteDBSnapshot", requestParameters={"dBSnapshotIdentifier": "Nightly"}),
            [f"arn:aws:rds:eu-central-1:{NUMBER}:snapshot:nightly"],
        ),
        (
            entry("route53", "DeleteHostedZone", "us-east-1", requestParameters={"id": "/hostedzone/Z1"}),
            ["arn:aws:route53:::hostedzone/Z1"],
        ),
        (
            entry("eks", "DeleteCluster", responseElements=None, requestParameters={"name": "prod"}),
            [f"arn:aws:eks:eu-central-1:{NUMBER}:cluster/prod"],
        ),
        (
            entry("ec2", "DeleteVolume", "cn-north-1", requestParameters={"volumeId": "vol-1"}),
            [f"arn:aws-cn:ec2:cn-north-1:{NUMBER}:volume/vol-1"],
        ),
    ],
)
def test_ids_become_arns_as_their_service_writes_them(event, arns):
    assert list(said(event).resources.values()) == [arns]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (entry("s3", "DeleteBucket", errorCode="BucketNotEmpty"), "not_done"),
        (entry("s3", "DeleteBucket", readOnly=True), "no_deletion"),
        (entry("s3", "DeleteBucket", eventType="AwsServiceEvent"), "no_deletion"),
        (entry("s3", "PutBucketTagging"), "no_deletion"),
        (entry("redshift", "DeleteVpc"), "no_deletion"),
        (
            entry("lambda", "DeleteFunction20150331", requestParameters={"functionName": "f", "qualifier": "3"}),
            "no_deletion",
        ),
        (entry("ec2", "DeleteSecurityGroup", requestParameters={"groupName": "web"}), "no_resource"),
        (entry("iam", "DeleteRole", requestParameters={"roleName": "untag"}), "unmapped_type"),
        (
            entry("autoscaling", "DeleteAutoScalingGroup", requestParameters={"autoScalingGroupName": "web"}),
            "unmapped_type",
        ),
        (sample("ec2_state_change"), "no_deletion"),
    ],
)
def test_what_deletes_nothing_says_so(event, code):
    ignored = said(event)
    assert isinstance(ignored, Ignored)
    assert (ignored.provider, ignored.code) == ("aws", code)


def test_an_instance_is_gone_when_it_is_terminated_whoever_ended_it():
    event = sample("ec2_state_change")
    event["detail"]["state"] = "Terminated"
    gone = said(event)
    assert (gone.resources, gone.region, gone.domain_id) == ({"ec2:instance": ["i-0123456789"]}, "us-east-1", NUMBER)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({**entry("s3", "DeleteBucket"), "detail": "text"}, "detail"),
        (entry("s3", None), "detail.eventName"),
        (entry("s3", "DeleteBucket", None), "detail.awsRegion"),
        ({**sample("ec2_state_change"), "detail": {"state": "terminated"}}, "detail.instance-id"),
    ],
)
def test_what_cannot_be_read_is_never_said_to_delete_nothing(event, path):
    with pytest.raises(InvalidInputError, match=path):
        said(event)


def test_an_entry_inside_an_sns_notification_is_read_too():
    notification = {
        "Type": "Notification",
        "MessageId": "n-1",
        "Message": json.dumps(sample("cloudtrail_delete_bucket")),
    }
    assert isinstance(said(notification), Gone)


def test_a_change_of_tags_leads_to_nothing_so_that_our_own_removals_make_no_circle():
    with pytest.raises(InvalidInputError, match="no event of a kind"):
        said(sample("tag_change"))


def test_the_function_asks_for_the_tags_that_a_deleted_key_still_bears_in_the_account_of_the_events_number():
    keys = {"FAKEAWSKEY": Account("fake-aws-secret-not-real", domain_id=NUMBER)}
    cloud = AwsServer(keys)
    arn = f"arn:aws:kms:us-east-1:{NUMBER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    cloud.tags.load([{"region": "us-east-1", "type": "kms:key", "id": arn, "tags": {"env": "prod", "aws:own": "x"}}])
    settings = {
        "UNTAG_ENDPOINTS": "aws.tagging=https://tagging.example.com,aws.sts=https://sts.example.com",
        "UNTAG_ACCOUNTS": f"aws/{NUMBER}=default",
    }
    clouds = {"tagging.example.com": cloud, "sts.example.com": AwsStsServer(keys)}
    (asked,), letters = led_to(sample("cloudtrail_schedule_key_deletion"), clouds, settings)
    assert letters == []
    assert (asked["provider"], asked["account"], asked["region"]) == ("aws", "default", "us-east-1")
    assert asked["resources"] == [{"type": "kms:key", "ids": [arn]}]
    assert asked["tags"] == [{"key": "env", "value": "prod"}]
