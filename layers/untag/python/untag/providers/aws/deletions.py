"""Which of AWS's events say that a resource is gone, and where they name it.

CloudTrail's entries hold an operation's input and output with the first letter of each name in lower case. EC2's older
operations list their resources in `…Set.items[]`, its newer ones nest the request as it is. Most rows follow from the
operations' models (botocore 1.44.8) by that rule, some from documented or captured entries. An entry names the account
that it is for in `recipientAccountId`: the caller's may be another.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from untag.providers.aws.arns import BY_IAM, NOT_LISTED, TEMPLATES, arn_of, not_listed

CLOUDTRAIL = "AWS API Call via CloudTrail"
STATE_CHANGE = "EC2 Instance State-change Notification"
TERMINATED = "terminated"
INSTANCE = "ec2:instance"


class Deletion(NamedTuple):
    """What an operation deletes: the tagging API's type, and the places of its ids, of which the first that has any
    counts. `[]` stands for each element of a list.
    """

    type: str
    places: tuple[str, ...]


DELETIONS: Mapping[tuple[str, str], Deletion] = {
    ("ec2", "TerminateInstances"): Deletion("ec2:instance", ("requestParameters.instancesSet.items[].instanceId",)),
    ("ec2", "DeleteVolume"): Deletion("ec2:volume", ("requestParameters.volumeId",)),
    ("ec2", "DeleteSnapshot"): Deletion("ec2:snapshot", ("requestParameters.snapshotId",)),
    ("ec2", "DeregisterImage"): Deletion("ec2:image", ("requestParameters.imageId",)),
    ("ec2", "DeleteSecurityGroup"): Deletion("ec2:security-group", ("requestParameters.groupId",)),
    ("ec2", "DeleteVpc"): Deletion("ec2:vpc", ("requestParameters.vpcId",)),
    ("ec2", "DeleteSubnet"): Deletion("ec2:subnet", ("requestParameters.subnetId",)),
    ("ec2", "DeleteRouteTable"): Deletion("ec2:route-table", ("requestParameters.routeTableId",)),
    ("ec2", "DeleteInternetGateway"): Deletion("ec2:internet-gateway", ("requestParameters.internetGatewayId",)),
    ("ec2", "DeleteNetworkInterface"): Deletion("ec2:network-interface", ("requestParameters.networkInterfaceId",)),
    ("ec2", "DeleteNatGateway"): Deletion(
        "ec2:natgateway", ("requestParameters.DeleteNatGatewayRequest.NatGatewayId", "requestParameters.natGatewayId")
    ),
    ("ec2", "ReleaseAddress"): Deletion("ec2:elastic-ip", ("requestParameters.allocationId",)),
    ("ec2", "DeleteVpcEndpoints"): Deletion(
        "ec2:vpc-endpoint",
        (
            "requestParameters.DeleteVpcEndpointsRequest.VpcEndpointId.content",
            "requestParameters.DeleteVpcEndpointsRequest.VpcEndpointId[].content",
        ),
    ),
    ("ec2", "DeleteLaunchTemplate"): Deletion(
        "ec2:launch-template",
        (
            "responseElements.DeleteLaunchTemplateResponse.launchTemplate.launchTemplateId",
            "requestParameters.DeleteLaunchTemplateRequest.LaunchTemplateId",
        ),
    ),
    ("ec2", "DeleteTransitGatewayVpcAttachment"): Deletion(
        "ec2:transit-gateway-attachment",
        (
            "requestParameters.DelTGwVpcAttachReq.TransitGatewayAttachmentId",
            "responseElements.DeleteTransitGatewayVpcAttachmentResponse.transitGatewayVpcAttachment.transitGatewayAttachmentId",
        ),
    ),
    ("s3", "DeleteBucket"): Deletion("s3:bucket", ("requestParameters.bucketName",)),
    ("lambda", "DeleteFunction20150331"): Deletion("lambda:function", ("requestParameters.functionName",)),
    ("lambda", "DeleteFunction"): Deletion("lambda:function", ("requestParameters.functionName",)),
    ("rds", "DeleteDBInstance"): Deletion(
        "rds:db", ("responseElements.dBInstanceArn", "requestParameters.dBInstanceIdentifier")
    ),
    ("rds", "DeleteDBCluster"): Deletion(
        "rds:cluster", ("responseElements.dBClusterArn", "requestParameters.dBClusterIdentifier")
    ),
    ("rds", "DeleteDBSnapshot"): Deletion("rds:snapshot", ("requestParameters.dBSnapshotIdentifier",)),
    ("rds", "DeleteDBClusterSnapshot"): Deletion(
        "rds:cluster-snapshot", ("requestParameters.dBClusterSnapshotIdentifier",)
    ),
    ("dynamodb", "DeleteTable"): Deletion(
        "dynamodb:table", ("responseElements.tableDescription.tableArn", "requestParameters.tableName")
    ),
    ("sqs", "DeleteQueue"): Deletion("sqs:queue", ("requestParameters.queueUrl",)),
    ("sns", "DeleteTopic"): Deletion("sns:topic", ("requestParameters.topicArn",)),
    ("elasticloadbalancing", "DeleteLoadBalancer"): Deletion(
        "elasticloadbalancing:loadbalancer", ("requestParameters.loadBalancerArn", "requestParameters.loadBalancerName")
    ),
    ("elasticloadbalancing", "DeleteTargetGroup"): Deletion(
        "elasticloadbalancing:targetgroup", ("requestParameters.targetGroupArn",)
    ),
    ("autoscaling", "DeleteAutoScalingGroup"): Deletion(
        "autoscaling:autoScalingGroup", ("requestParameters.autoScalingGroupName",)
    ),
    ("ecs", "DeleteCluster"): Deletion("ecs:cluster", ("responseElements.cluster.clusterArn",)),
    ("ecs", "DeleteService"): Deletion("ecs:service", ("responseElements.service.serviceArn",)),
    ("ecr", "DeleteRepository"): Deletion(
        "ecr:repository", ("responseElements.repository.repositoryArn", "requestParameters.repositoryName")
    ),
    ("eks", "DeleteCluster"): Deletion("eks:cluster", ("responseElements.cluster.arn", "requestParameters.name")),
    ("cloudfront", "DeleteDistribution"): Deletion("cloudfront:distribution", ("requestParameters.id",)),
    ("cloudfront", "DeleteDistribution2020_05_31"): Deletion("cloudfront:distribution", ("requestParameters.id",)),
    ("logs", "DeleteLogGroup"): Deletion("logs:log-group", ("requestParameters.logGroupName",)),
    ("kms", "ScheduleKeyDeletion"): Deletion(
        "kms:key", ("responseElements.keyId", "resources[].ARN", "requestParameters.keyId")
    ),
    ("secretsmanager", "DeleteSecret"): Deletion("secretsmanager:secret", ("responseElements.aRN",)),
    ("elasticache", "DeleteCacheCluster"): Deletion(
        "elasticache:cluster", ("responseElements.aRN", "requestParameters.cacheClusterId")
    ),
    ("elasticache", "DeleteReplicationGroup"): Deletion(
        "elasticache:replicationgroup", ("responseElements.aRN", "requestParameters.replicationGroupId")
    ),
    ("elasticfilesystem", "DeleteFileSystem"): Deletion(
        "elasticfilesystem:file-system", ("requestParameters.fileSystemId",)
    ),
    ("kinesis", "DeleteStream"): Deletion(
        "kinesis:stream", ("requestParameters.streamARN", "requestParameters.streamName")
    ),
    ("route53", "DeleteHostedZone"): Deletion("route53:hostedzone", ("requestParameters.id",)),
    ("states", "DeleteStateMachine"): Deletion("states:stateMachine", ("requestParameters.stateMachineArn",)),
    ("apigateway", "DeleteRestApi"): Deletion("apigateway:restapis", ("requestParameters.restApiId",)),
    ("apigateway", "DeleteApi"): Deletion("apigateway:apis", ("requestParameters.apiId",)),
    ("es", "DeleteDomain"): Deletion(
        "es:domain", ("responseElements.domainStatus.aRN", "requestParameters.domainName")
    ),
    ("es", "DeleteElasticsearchDomain"): Deletion(
        "es:domain", ("responseElements.domainStatus.aRN", "requestParameters.domainName")
    ),
    ("redshift", "DeleteCluster"): Deletion("redshift:cluster", ("requestParameters.clusterIdentifier",)),
    ("monitoring", "DeleteAlarms"): Deletion("cloudwatch:alarm", ("requestParameters.alarmNames[]",)),
    ("events", "DeleteRule"): Deletion("events:rule", ("requestParameters.name",)),
    ("ssm", "DeleteParameter"): Deletion("ssm:parameter", ("requestParameters.name", "requestParameters.names[]")),
    ("ssm", "DeleteParameters"): Deletion("ssm:parameter", ("requestParameters.name", "requestParameters.names[]")),
    ("acm", "DeleteCertificate"): Deletion("acm:certificate", ("requestParameters.certificateArn",)),
    ("iam", "DeleteRole"): Deletion("iam:role", ("requestParameters.roleName",)),
    ("iam", "DeleteUser"): Deletion("iam:user", ("requestParameters.userName",)),
}
"""By the event's source without `.amazonaws.com`, since three services have a `DeleteCluster`, and its name."""

_IN_LOWER_CASE = frozenset({"rds:db", "rds:cluster", "rds:snapshot", "rds:cluster-snapshot"})


def resources_in(detail: Mapping[str, Any], deletion: Deletion, region: str, number: str) -> list[str]:
    """The ARNs of what a deletion's entry names; ids of a type whose ARN cannot be built are left out."""
    for place in deletion.places:
        if ids := [text for text in _texts(detail, place.split(".")) if text]:
            return list(dict.fromkeys(filter(None, (_named(deletion.type, id_, region, number) for id_ in ids))))
    return []


def why_not(detail: Mapping[str, Any], deletion: Deletion) -> tuple[str, str] | None:
    """Why an entry of a deletion does not mean that a resource is gone whose tags can be reached: a code, a reason."""
    if detail.get("errorCode"):
        return "not_done", "the call failed"
    if detail.get("readOnly") is True or detail.get("eventType", "AwsApiCall") != "AwsApiCall":
        return "no_deletion", "it is no call that changes anything"
    if deletion.type in NOT_LISTED:
        return "unmapped_type", not_listed(deletion.type)
    if deletion.type in BY_IAM:
        return "unmapped_type", "its tags are gone with it, and another may bear its name by now"
    parameters = detail.get("requestParameters")
    if deletion.type == "lambda:function" and isinstance(parameters, Mapping) and parameters.get("qualifier"):
        return "no_deletion", "it deletes one version of a function"
    return None


def _texts(found: Any, path: list[str]) -> Iterator[str]:
    if not path:
        if isinstance(found, str):
            yield found
        return
    name, *rest = path
    inner = found.get(name.removesuffix("[]")) if isinstance(found, Mapping) else None
    for one in inner if name.endswith("[]") and isinstance(inner, list) else [inner]:
        yield from _texts(one, rest)


def _named(type_: str, id_: str, region: str, number: str) -> str | None:
    if id_.startswith("arn:"):
        return id_
    if type_ not in TEMPLATES:
        return None
    if type_ == "sqs:queue":
        id_ = id_.rpartition("/")[2]  # the entry has the queue's URL
    if type_ == "route53:hostedzone":
        id_ = id_.removeprefix("/hostedzone/")
    return arn_of(type_, id_.lower() if type_ in _IN_LOWER_CASE else id_, region, number)
