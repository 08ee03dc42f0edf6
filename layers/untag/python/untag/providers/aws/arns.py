"""Amazon Resource Names: how one is built from a type and an id, and what one says.

Facts from the model of the tagging API (botocore 1.44.5), the service authorization reference, and the API's page
"Services that support the Resource Groups Tagging API".
"""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from untag.providers.base import Failure

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|):(.+)", re.DOTALL)
_FORM = "arn:partition:service:region:account:resource"
MAX_ARN = 1011

TEMPLATES: dict[str, str] = {
    **{
        f"ec2:{kind}": f"arn:{{partition}}:ec2:{{region}}:{{account}}:{kind}/{{id}}"
        for kind in (
            "instance",
            "volume",
            "snapshot",
            "security-group",
            "vpc",
            "subnet",
            "route-table",
            "internet-gateway",
            "network-interface",
            "natgateway",
            "elastic-ip",
            "vpc-endpoint",
            "launch-template",
            "transit-gateway-attachment",
        )
    },
    "ec2:image": "arn:{partition}:ec2:{region}::image/{id}",
    "s3:bucket": "arn:{partition}:s3:::{id}",
    "lambda:function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "rds:db": "arn:{partition}:rds:{region}:{account}:db:{id}",
    "rds:cluster": "arn:{partition}:rds:{region}:{account}:cluster:{id}",
    "rds:snapshot": "arn:{partition}:rds:{region}:{account}:snapshot:{id}",
    "rds:cluster-snapshot": "arn:{partition}:rds:{region}:{account}:cluster-snapshot:{id}",
    "dynamodb:table": "arn:{partition}:dynamodb:{region}:{account}:table/{id}",
    "sqs:queue": "arn:{partition}:sqs:{region}:{account}:{id}",
    "sns:topic": "arn:{partition}:sns:{region}:{account}:{id}",
    "ecr:repository": "arn:{partition}:ecr:{region}:{account}:repository/{id}",
    "eks:cluster": "arn:{partition}:eks:{region}:{account}:cluster/{id}",
    "ecs:cluster": "arn:{partition}:ecs:{region}:{account}:cluster/{id}",
    "cloudfront:distribution": "arn:{partition}:cloudfront::{account}:distribution/{id}",
    "logs:log-group": "arn:{partition}:logs:{region}:{account}:log-group:{id}",
    "kms:key": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "elasticache:cluster": "arn:{partition}:elasticache:{region}:{account}:cluster:{id}",
    "elasticache:replicationgroup": "arn:{partition}:elasticache:{region}:{account}:replicationgroup:{id}",
    "elasticfilesystem:file-system": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{id}",
    "kinesis:stream": "arn:{partition}:kinesis:{region}:{account}:stream/{id}",
    "route53:hostedzone": "arn:{partition}:route53:::hostedzone/{id}",
    "states:stateMachine": "arn:{partition}:states:{region}:{account}:stateMachine:{id}",
    "apigateway:restapis": "arn:{partition}:apigateway:{region}::/restapis/{id}",
    "apigateway:apis": "arn:{partition}:apigateway:{region}::/apis/{id}",
    "es:domain": "arn:{partition}:es:{region}:{account}:domain/{id}",
    "redshift:cluster": "arn:{partition}:redshift:{region}:{account}:cluster:{id}",
    "cloudwatch:alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "events:rule": "arn:{partition}:events:{region}:{account}:rule/{id}",
    "ssm:parameter": "arn:{partition}:ssm:{region}:{account}:parameter/{id}",
}
"""The types whose ARN can be built from a bare id."""

BY_ARN_ONLY = frozenset(
    {
        "acm:certificate",
        "ecs:service",
        "elasticloadbalancing:loadbalancer",
        "elasticloadbalancing:targetgroup",
        "secretsmanager:secret",
    }
)
"""Types of which more stands in the ARN than an id."""

LISTED = BY_ARN_ONLY | TEMPLATES.keys()
"""The types of which GetResources is known to list every resource that bears a tag."""

BY_IAM = frozenset({"iam:role", "iam:user"})
"""Types that GetResources leaves out although they can be tagged ("Services that support …", its notes). IAM reads
their tags."""

NOT_LISTED = frozenset({"autoscaling:autoScalingGroup"})
"""Types that GetResources lists without their tags, and that no other call reads here."""

RESERVED = tuple("".join(letters) + ":" for letters in itertools.product("aA", "wW", "sS"))
"""Keys that begin so are AWS's own."""

GLOBAL_REGION = "us-east-1"
_GLOBAL_SERVICES = frozenset({"cloudfront", "iam", "route53"})
_WITHOUT_A_TYPE = {"s3": "bucket", "sns": "topic", "sqs": "queue"}
_PARTITIONS = (
    # The beginning of a region's name, its partition, and the end of its host names (partitions.json).
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("", "aws", "amazonaws.com"),
)


class Partition(NamedTuple):
    """A part of AWS with accounts of its own: its name in ARNs, and the end of its host names."""

    name: str
    suffix: str


def partition_of(region: str) -> Partition:
    """The partition that a region lies in."""
    return next(Partition(name, suffix) for start, name, suffix in _PARTITIONS if region.startswith(start))


class Arn(NamedTuple):
    """An ARN's parts; `region` and `account` are empty where the type's ARN has none."""

    partition: str
    service: str
    region: str
    account: str
    rest: str

    @property
    def type(self) -> str:
        """The resource's type, as in the tagging API's type filters."""
        kind = _WITHOUT_A_TYPE.get(self.service) or re.split("[:/]", self.rest.lstrip("/"), maxsplit=1)[0]
        return f"{self.service}:{kind}"


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, None where the text is none."""
    found = _ARN.fullmatch(text)
    return Arn(*found.groups()) if found and len(text) <= MAX_ARN else None


def needs_account(type_: str, id_: str) -> bool:
    """Whether the account's number is needed to name a resource, or to know that it is the account's."""
    if (arn := parse_arn(id_)) is not None:
        return arn.account != ""
    return "{account}" in TEMPLATES[type_]


def arn_of(type_: str, id_: str, region: str, account: str) -> str:
    """The ARN of a resource that is named by its ARN or by a bare id."""
    if id_.startswith("arn:"):
        # Log groups' ARNs are often written with this end; the tagging API takes them without.
        return id_.removesuffix(":*") if ":log-group:" in id_ else id_
    bare = id_.lstrip("/") if type_ == "ssm:parameter" else id_
    return TEMPLATES[type_].format(partition=partition_of(region).name, region=region, account=account, id=bare)


def comparable(arn: str) -> str:
    """The ARN in a form that is equal for the ways in which one resource's ARN is written.

    Images and snapshots are written with an account and without one, log groups with an end and without it.
    """
    without_account = re.sub(r"^(arn:[^:]+:ec2:[^:]+):[0-9]*:((?:image|snapshot)/)", r"\1::\2", arn)
    return without_account.removesuffix(":*") if ":log-group:" in arn else without_account


def problem_of(type_: str, id_: str, region: str) -> str | None:
    """Why a resource cannot be meant in a region, None where it can."""
    return next(_problems_of_arn(type_, id_, region) if id_.startswith("arn:") else _problems(type_, id_, region), None)


def _problems_of_arn(type_: str, id_: str, region: str) -> Iterator[str]:
    if (arn := parse_arn(id_)) is None:
        yield f"should be an ARN, {_FORM}, of at most {MAX_ARN} characters"
        return
    if arn.type in NOT_LISTED:
        yield not_listed(arn.type)
    if arn.type in BY_IAM:
        yield f"is the ARN of a resource of type {arn.type}, which is asked for by its whole type"
    if type_ not in (arn.service, arn.type):
        yield f"is the ARN of a resource of type {arn.type}"
    if arn.partition != partition_of(region).name:
        yield f"is in partition {arn.partition}, and region {region} is in {partition_of(region).name}"
    if arn.region not in ("", region):
        yield f"is in region {arn.region}, and the request's region is {region}"
    if arn.service == "s3" and "/" in arn.rest:
        yield "names an object in a bucket: only buckets' tags can be reached"
    yield from _problems_of_global(arn.service, region)


def _problems(type_: str, id_: str, region: str) -> Iterator[str]:
    if type_ not in TEMPLATES:
        yield f"should be an ARN, {_FORM}: for type {type_} none is built of an id"
    if ":" in id_:
        yield f"should be an ARN, {_FORM}, or an id without a colon"
    yield from _problems_of_global(type_.partition(":")[0], region)


def _problems_of_global(service: str, region: str) -> Iterator[str]:
    # Which region a global service of another partition is reached in is that partition's own matter.
    if partition_of(region).name == "aws" and service in _GLOBAL_SERVICES and region != GLOBAL_REGION:
        yield f"belongs to the global service {service}, which is reached in region {GLOBAL_REGION}"


def not_listed(type_: str) -> str:
    """Why resources of a type are refused."""
    return f"tags of {type_} cannot be read by the tagging API, so that no removal of them could be confirmed"


def role_problem(role_arn: str | None, region: str) -> Failure | None:
    """Why a role cannot be assumed for calls in a region: it is of another partition."""
    if role_arn is None or role_arn.split(":")[1] == partition_of(region).name:
        return None
    message = (
        f"role_arn is in partition {role_arn.split(':')[1]}, and region {region} is in {partition_of(region).name}"
    )
    return Failure("partition_mismatch", message)
