"""The local AWS, driven by boto3."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.providers import AwsIamServer, AwsServer, AwsStsServer, Role

REGION = "eu-central-1"
INSTANCE = f"arn:aws:ec2:{REGION}:123456789012:instance/i-1"
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:orders"
ROLE = "arn:aws:iam::210987654321:role/untag"


@pytest.fixture
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        for type_, arn in (("ec2:instance", INSTANCE), ("sqs:queue", QUEUE)):
            server.tags.load([{"region": REGION, "type": type_, "id": arn, "tags": {"env": "prod", "部门": "研发 é"}}])
        yield server


@pytest.fixture
def sts() -> Iterator[AwsStsServer]:
    with AwsStsServer(roles={ROLE: Role("other", "customer-7")}) as server:
        yield server


def client(service: str, server: AwsServer | AwsStsServer | AwsIamServer, **key: str) -> Any:
    own = server.secrets["default"]
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=key.get("access_key", own["access_key"]),
        aws_secret_access_key=key.get("secret_key", own["secret_key"]),
        aws_session_token=key.get("security_token", own["security_token"]),
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def tagging(server: AwsServer, **key: str) -> Any:
    return client("resourcegroupstaggingapi", server, **key)


def test_untag_removes_keys_from_resources_of_several_types(server: AwsServer) -> None:
    answer = tagging(server).untag_resources(ResourceARNList=[INSTANCE, QUEUE], TagKeys=["部门", "none"])
    assert answer["FailedResourcesMap"] == {}
    assert answer["ResponseMetadata"]["RequestId"] == server.calls[0].request_id
    assert {pair.key for pair in server.tags.pairs()} == {"env"}


def test_tag_and_the_reads(server: AwsServer) -> None:
    api = tagging(server)
    api.tag_resources(ResourceARNList=[INSTANCE], Tags={"owner": "x"})
    (row,) = api.get_resources(ResourceARNList=[INSTANCE])["ResourceTagMappingList"]
    assert {tag["Key"]: tag["Value"] for tag in row["Tags"]} == {"env": "prod", "部门": "研发 é", "owner": "x"}
    found = api.get_resources(
        TagFilters=[{"Key": "env", "Values": ["prod"]}], ResourceTypeFilters=["sqs"], ResourcesPerPage=1
    )
    assert [row["ResourceARN"] for row in found["ResourceTagMappingList"]] == [QUEUE]
    assert api.get_tag_keys()["TagKeys"] == ["env", "owner", "部门"]
    assert api.get_tag_values(Key="env")["TagValues"] == ["prod"]


def test_a_search_pages_by_token(server: AwsServer) -> None:
    pages = tagging(server).get_paginator("get_resources").paginate(PaginationConfig={"PageSize": 1})
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [1, 1]


def test_failures_are_in_the_map_of_a_success(server: AwsServer) -> None:
    gone = f"{INSTANCE}-gone"
    server.faults.add("partial", ids=[QUEUE], status=400, code="ThrottlingException")
    failed = tagging(server).untag_resources(ResourceARNList=[INSTANCE, QUEUE, gone], TagKeys=["env"])[
        "FailedResourcesMap"
    ]
    assert {arn: entry["ErrorCode"] for arn, entry in failed.items()} == {
        QUEUE: "ThrottlingException",
        gone: "ResourceNotFoundException",
    }


@pytest.mark.parametrize(
    ("rule", "code", "status"),
    [
        ({"do": "throttle"}, "ThrottledException", 400),
        ({"do": "forbidden"}, "AccessDeniedException", 400),
        ({"do": "unauthorized"}, "UnrecognizedClientException", 400),
        ({"do": "refuse"}, "InvalidParameterException", 400),
        ({"do": "status"}, "InternalServiceException", 500),
    ],
)
def test_failures_of_a_call_are_read_by_the_client(
    server: AwsServer, rule: dict[str, Any], code: str, status: int
) -> None:
    server.faults.add(**rule)
    with pytest.raises(ClientError) as caught:
        tagging(server).untag_resources(ResourceARNList=[INSTANCE], TagKeys=["env"])
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"secret_key": "wrong"}, "InvalidSignatureException"),
        ({"access_key": "AKIDWRONG"}, "UnrecognizedClientException"),
        ({"security_token": "wrong"}, "UnrecognizedClientException"),
    ],
)
def test_a_wrong_key_is_refused(server: AwsServer, key: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        tagging(server, **key).untag_resources(ResourceARNList=[INSTANCE], TagKeys=["env"])
    assert caught.value.response["Error"]["Code"] == code
    assert server.tags.history == []


def test_the_keys_of_an_assumed_role_are_its_accounts(server: AwsServer, sts: AwsStsServer) -> None:
    identity = client("sts", sts).get_caller_identity()
    assert identity["Account"] == "123456789012"
    answer = client("sts", sts).assume_role(RoleArn=ROLE, RoleSessionName="untag", ExternalId="customer-7")
    keys = answer["Credentials"]
    other = f"arn:aws:sqs:{REGION}:210987654321:orders"
    server.tags.load([{"account": "other", "region": REGION, "type": "sqs:queue", "id": other, "tags": {"env": "x"}}])
    assumed = {
        "access_key": keys["AccessKeyId"],
        "secret_key": keys["SecretAccessKey"],
        "security_token": keys["SessionToken"],
    }
    rows = tagging(server, **assumed).get_resources()["ResourceTagMappingList"]
    assert [row["ResourceARN"] for row in rows] == [other]
    assert client("sts", sts, **assumed).get_caller_identity()["Account"] == "210987654321"


@pytest.mark.parametrize("external_id", [None, "customer-8"])
def test_a_role_is_not_assumed_without_its_external_id(sts: AwsStsServer, external_id: str | None) -> None:
    more = {} if external_id is None else {"ExternalId": external_id}
    with pytest.raises(ClientError) as caught:
        client("sts", sts).assume_role(RoleArn=ROLE, RoleSessionName="untag", **more)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_iam_is_tagged_untagged_and_read_by_the_sdk_and_a_wrong_key_is_refused() -> None:
    with AwsIamServer() as server:
        role = "arn:aws:iam::123456789012:role/batch/reports"
        tags = {f"k{number}": "v" for number in range(5)}
        server.tags.load([{"region": REGION, "type": "iam:role", "id": role, "tags": tags}])
        iam = client("iam", server)
        pages = iam.get_paginator("list_role_tags").paginate(RoleName="reports", PaginationConfig={"PageSize": 2})
        assert [len(page["Tags"]) for page in pages] == [2, 2, 1]
        iam.tag_role(RoleName="reports", Tags=[{"Key": "部门", "Value": "研发"}])
        iam.untag_role(RoleName="reports", TagKeys=["K0", "none", *list(tags)[1:]])
        assert iam.list_role_tags(RoleName="reports")["Tags"] == [{"Key": "部门", "Value": "研发"}]
        for ask, code in (
            (lambda: iam.untag_user(UserName="none", TagKeys=["env"]), "NoSuchEntity"),
            (lambda: iam.tag_role(RoleName="reports", Tags=[{"Key": "aws:x", "Value": ""}]), "InvalidInput"),
            (lambda: client("iam", server, secret_key="wrong").list_user_tags(UserName="x"), "SignatureDoesNotMatch"),
        ):
            with pytest.raises(ClientError) as caught:
                ask()
            assert caught.value.response["Error"]["Code"] == code
