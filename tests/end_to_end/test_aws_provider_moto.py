"""The real function against moto's AWS, as a judge that was not written here.

moto's tagging API serves RDS wholly. It reads the tags of EC2, S3 and SQS, but does not remove them, and it takes no
list of ARNs: for these two things a few lines stand between, which ask moto's own EC2, S3 and SQS to remove the tags,
and leave of a listing what was asked for. Whatever stands there in the end is asked of each service itself.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from untag.hosts.aws import LambdaFunction
from untag.removal import Remover

REGION = "eu-central-1"
KEYS = {"aws_access_key_id": "AKIDFAKE", "aws_secret_access_key": "fake-secret-key"}
KEEP = {"owner": "li"}
TAGS = {"env": "staging", "team": "checkout"}


class Between(httpx.AsyncBaseTransport):
    """Adds to moto's tagging API what it leaves out."""

    def __init__(self, clients: "Clients") -> None:
        self._clients = clients
        self._http = httpx.AsyncHTTPTransport()
        self.operations: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        body = json.loads(await request.aread()) if operation in ("UntagResources", "GetResources") else {}
        if body:
            self.operations.append(operation)
        response = await self._http.handle_async_request(request)
        if not body:
            return response
        answer = json.loads(await response.aread())
        await response.aclose()
        asked = body["ResourceARNList"]
        if operation == "GetResources":
            rows = answer["ResourceTagMappingList"]
            answer["ResourceTagMappingList"] = [row for row in rows if row["ResourceARN"] in asked]
        else:
            for arn in asked:
                if self._clients.untag(arn, body["TagKeys"]):
                    answer["FailedResourcesMap"].pop(arn, None)
        return httpx.Response(response.status_code, json=answer, request=request)

    async def aclose(self) -> None:
        await self._http.aclose()


class Clients:
    """moto's services, by boto3."""

    def __init__(self, url: str) -> None:
        def client(service: str) -> Any:
            return boto3.client(service, endpoint_url=url, region_name=REGION, **KEYS)

        self.ec2, self.s3, self.sqs, self.rds, self.sns = map(client, ("ec2", "s3", "sqs", "rds", "sns"))

    def untag(self, arn: str, keys: list[str]) -> bool:
        """Remove tags at a service that moto's tagging API does not reach; whether it is such a one."""
        service, name = arn.split(":")[2], arn.rpartition(":")[2]
        if service == "ec2":
            self.ec2.delete_tags(Resources=[name.rpartition("/")[2]], Tags=[{"Key": key} for key in keys])
        elif service == "s3":
            left = {key: value for key, value in self.tags(arn).items() if key not in keys}
            tags = [{"Key": key, "Value": value} for key, value in left.items()]
            self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        elif service == "sqs":
            self.sqs.untag_queue(QueueUrl=self.sqs.get_queue_url(QueueName=name)["QueueUrl"], TagKeys=keys)
        return service in ("ec2", "s3", "sqs")

    def tags(self, arn: str) -> dict[str, str]:
        """What stands at a resource, by its own service."""
        service, name = arn.split(":")[2], arn.rpartition(":")[2]
        if service == "ec2":
            filters = [{"Name": "resource-id", "Values": [name.rpartition("/")[2]]}]
            rows = self.ec2.describe_tags(Filters=filters)["Tags"]
        elif service == "s3":
            rows = self.s3.get_bucket_tagging(Bucket=name)["TagSet"]
        elif service == "rds":
            rows = self.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
        else:
            url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            found: dict[str, str] = self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            return found
        return {row["Key"]: row["Value"] for row in rows}

    def create(self) -> dict[str, str]:
        """A resource of each of the services, by the tagging API's type: their ARNs."""
        tags = [{"Key": key, "Value": value} for key, value in (TAGS | KEEP).items()]
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        run = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
        instance = run["Instances"][0]["InstanceId"]
        self.ec2.create_tags(Resources=[instance], Tags=tags)
        where = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket="untag-logs", CreateBucketConfiguration=where)
        self.s3.put_bucket_tagging(Bucket="untag-logs", Tagging={"TagSet": tags})
        self.sqs.create_queue(QueueName="orders", tags=TAGS | KEEP)
        database = self.rds.create_db_instance(
            DBInstanceIdentifier="shop",
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            AllocatedStorage=20,
            Tags=tags,
        )["DBInstance"]
        return {
            "ec2:instance": f"arn:aws:ec2:{REGION}:123456789012:instance/{instance}",
            "s3:bucket": "arn:aws:s3:::untag-logs",
            "sqs:queue": f"arn:aws:sqs:{REGION}:123456789012:orders",
            "rds:db": database["DBInstanceArn"],
        }


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(url: str) -> Clients:
    httpx.post(f"{url}/moto-api/reset", trust_env=False)
    return Clients(url)


@pytest.fixture
def between(moto: Clients) -> Between:
    return Between(moto)


@pytest.fixture
def remover(url: str, moto: Clients, between: Between, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remover]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["aws_secret_access_key"])
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    queues = [moto.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("work", "work-dead")]
    environ = {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        "AWS_ENDPOINT_URL": url,
        "UNTAG_QUEUE_URL": queues[0],
        "UNTAG_DEAD_LETTER_QUEUE_URL": queues[1],
        "UNTAG_TOPIC_ARN": moto.sns.create_topic(Name="reports")["TopicArn"],
        "UNTAG_ENDPOINTS": f"aws.tagging={url},aws.sts={url}",
    }
    remover = LambdaFunction(Remover, environ, transport=between)
    yield remover
    remover.runtime.close()


def outcomes(remover: Remover, arns: dict[str, str], **changes: Any) -> dict[tuple[str, str], str]:
    body = {
        "id": "chg-1",
        "provider": "aws",
        "region": REGION,
        "resources": [{"type": type_, "ids": [arn]} for type_, arn in arns.items()],
        "tags": [{"key": key, "value": value} for key, value in TAGS.items()],
    }
    (report,) = remover.payload(body | changes, "manual-1", lambda: 60.0)["reports"]
    return {(row["type"], row["key"]): row["outcome"] for row in report["outcomes"]}


def test_tags_are_removed_from_resources_of_four_services_and_only_those_asked_for(
    remover: Remover, moto: Clients, between: Between
) -> None:
    arns = moto.create()
    assert outcomes(remover, arns) == {(type_, key): "removed" for type_ in arns for key in TAGS}
    assert {type_: moto.tags(arn) for type_, arn in arns.items()} == dict.fromkeys(arns, KEEP)
    assert between.operations == ["GetResources", "UntagResources"]


def test_a_value_that_is_another_stays_and_what_was_removed_is_put_back(remover: Remover, moto: Clients) -> None:
    arn = moto.create()["rds:db"]  # of the four, moto's tagging API tags and untags this one by itself
    other = [{"key": "env", "value": "prod"}, {"key": "team", "value": "checkout"}]
    found = outcomes(remover, {"rds:db": arn}, tags=other)
    assert found == {("rds:db", "env"): "absent", ("rds:db", "team"): "removed"}
    assert moto.tags(arn) == {"env": "staging"} | KEEP
    assert outcomes(remover, {"rds:db": arn}, action="restore") == {("rds:db", key): "restored" for key in TAGS}
    assert moto.tags(arn) == TAGS | KEEP


def test_a_dry_run_changes_nothing(remover: Remover, moto: Clients, between: Between) -> None:
    arns = moto.create()
    assert set(outcomes(remover, arns, dry_run=True).values()) == {"would_remove"}
    assert {type_: moto.tags(arn) for type_, arn in arns.items()} == dict.fromkeys(arns, TAGS | KEEP)
    assert between.operations == ["GetResources"]
