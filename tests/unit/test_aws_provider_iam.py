"""IAM's roles and users through the whole function, at a local IAM, and at moto's as a judge."""

import json
from collections import Counter

import boto3
import httpx
import pytest
from aws_model import AwsModel
from moto.server import ThreadedMotoServer
from service_house import ENVIRON, CloudWire
from support import Wire, run

from local.providers import AwsIamServer, AwsStsServer
from untag.contracts import Action, Tag
from untag.hosts.aws import LambdaFunction
from untag.providers import Location, Options, Session, Verdict
from untag.providers.aws.credentials import AwsCredentials
from untag.providers.aws.iam import AwsIam
from untag.removal import Remover

IAM, STS = "iam.example.com", "sts.example.com"
NUMBER = "123456789012"
ROLE, USER = f"arn:aws:iam::{NUMBER}:role/batch/reports", f"arn:aws:iam::{NUMBER}:user/li"
KEYS = {"access_key": "ASIALOCALSTACK", "secret_key": "local-secret", "security_token": "local-token"}


class AtIam:
    """The function at a local IAM."""

    def __init__(self, path):
        path.write_text(json.dumps({"aws/default": KEYS}))
        self.iam, self.sts = AwsIamServer(), AwsStsServer()
        for type_, arn in (("iam:role", ROLE), ("iam:user", USER)):
            tags = {"env": "prod", "Owner": "li"}
            self.iam.tags.load([{"region": "us-east-1", "type": type_, "id": arn, "tags": tags}])
        settings = {
            "UNTAG_CREDENTIALS": f"file:{path}",
            "UNTAG_ENDPOINTS": f"aws.iam=https://{IAM},aws.sts=https://{STS}",
        }
        self.function = LambdaFunction(
            Remover, ENVIRON | settings, transport=CloudWire(AwsModel(), {IAM: self.iam, STS: self.sts})
        )

    def ask(self, type_, *ids, tags=(("env", "prod"),), **changes):
        body = {
            "id": "chg-1",
            "provider": "aws",
            "region": "us-east-1",
            "resources": [{"type": type_, "ids": list(ids)}],
            "tags": [{"key": key, "value": value} for key, value in tags],
        }
        (report,) = self.function.payload(body | changes, "manual-1", lambda: 60.0)["reports"]
        return report

    def tags(self, type_, arn):
        return self.iam.tags.get("default", "us-east-1", type_, arn)

    def operations(self):
        return Counter(call.operation for server in (self.iam, self.sts) for call in server.calls)


@pytest.fixture
def at_iam(tmp_path):
    one = AtIam(tmp_path / "secrets.json")
    yield one
    one.function.runtime.close()


def outcomes(report):
    return {(row["resource_id"], row["key"]): row["outcome"] for row in report["outcomes"]}


@pytest.mark.parametrize(
    ("type_", "arn", "name", "kind"), [("iam:role", ROLE, "reports", "Role"), ("iam:user", USER, "li", "User")]
)
def test_a_role_and_a_user_lose_the_tag_by_name_and_by_arn_and_get_it_back(at_iam, type_, arn, name, kind):
    assert outcomes(at_iam.ask(type_, name)) == {(name, "env"): "removed"}
    assert at_iam.tags(type_, arn) == {"Owner": "li"}
    assert outcomes(at_iam.ask(type_, arn)) == {(arn, "env"): "absent"}
    assert outcomes(at_iam.ask(type_, arn, action="restore")) == {(arn, "env"): "restored"}
    assert at_iam.tags(type_, arn) == {"env": "prod", "Owner": "li"}
    assert at_iam.operations() == {
        f"List{kind}Tags": 3,
        f"Untag{kind}": 1,
        f"Tag{kind}": 1,
        "GetCallerIdentity": 1,
    }


def test_keys_are_the_same_in_upper_and_lower_case(at_iam):
    assert outcomes(at_iam.ask("iam:role", ROLE, tags=[("owner", "li")])) == {(ROLE, "owner"): "removed"}
    assert at_iam.tags("iam:role", ROLE) == {"env": "prod"}


def test_a_dry_run_reads_and_changes_nothing(at_iam):
    assert outcomes(at_iam.ask("iam:role", ROLE, dry_run=True)) == {(ROLE, "env"): "would_remove"}
    assert at_iam.iam.tags.history == []


def test_a_role_that_does_not_exist_and_one_of_another_account_take_nothing_down_with_them(at_iam):
    foreign = "arn:aws:iam::210987654321:role/reports"
    report = at_iam.ask("iam:role", ROLE, "none", foreign)
    assert outcomes(report) == {(ROLE, "env"): "removed", ("none", "env"): "not_found", (foreign, "env"): "failed"}
    assert "account_mismatch" in {row.get("code") for row in report["outcomes"]}


def test_a_role_without_tags_has_none(at_iam):
    at_iam.iam.tags.load([{"region": "us-east-1", "type": "iam:role", "id": ROLE, "tags": {}}])
    assert outcomes(at_iam.ask("iam:role", ROLE)) == {(ROLE, "env"): "absent"}


@pytest.mark.parametrize(
    ("resources", "region", "path", "words"),
    [
        ([{"type": "iam:role", "ids": ["x"]}], "eu-central-1", "region", "reached in region us-east-1"),
        ([{"type": "iam:role", "ids": ["x"]}], "us-iso-east-1", "region", "is not known"),
        ([{"type": "iam:role", "ids": ["a/b"]}], "us-east-1", "resources.0.ids.0", "or a name of letters"),
        ([{"type": "iam:role", "ids": [USER]}], "us-east-1", "resources.0.ids.0", "of type iam:user"),
        ([{"type": "iam", "ids": [ROLE]}], "us-east-1", "resources.0.ids.0", "by its whole type"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(at_iam, resources, region, path, words):
    with pytest.raises(Exception, match=words) as caught:
        at_iam.ask("", resources=resources, region=region)
    assert path in str(caught.value)
    assert at_iam.operations() == {}


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("body", ["", "{}", "<ListRoleTagsResponse/>"])
def test_an_answer_of_success_that_is_not_the_documented_one_is_not_believed(kind, body):
    provider, credentials = AwsIam(Options(), {}), AwsCredentials.parse(KEYS)
    scope = provider.scope(Location("default", "us-east-1", None), "iam:role")
    wire = Wire(httpx.Response(200, text=body))

    async def ask():
        async with wire.client() as client:
            session = Session(client, credentials, provider.auth(credentials, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope, ("reports",))
            return await provider.write(session, Action.REMOVE, scope, ("reports",), (Tag("env", None),), {})

    answer = run(ask())
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")
    (sent,) = wire.requests
    assert str(sent.url) == "https://iam.amazonaws.com/"
    assert "/us-east-1/iam/aws4_request" in sent.headers["authorization"]


def test_motos_iam_agrees(monkeypatch, tmp_path):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        keys = {"aws_access_key_id": "AKIDFAKE", "aws_secret_access_key": "fake-secret-key"}

        def client(service):
            return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)

        iam = client("iam")
        tags = [{"Key": f"k{number:02}", "Value": "部门"} for number in range(49)] + [{"Key": "env", "Value": "prod"}]
        iam.create_role(RoleName="reports", Path="/batch/", AssumeRolePolicyDocument="{}", Tags=tags)
        iam.create_user(UserName="li", Tags=tags[-2:])
        queue = client("sqs").create_queue(QueueName="work")["QueueUrl"]
        path = tmp_path / "secrets.json"
        path.write_text(json.dumps({"aws/default": {"access_key": "AKIDFAKE", "secret_key": "fake-secret-key"}}))
        environ = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
            "AWS_ENDPOINT_URL": url,
            "UNTAG_QUEUE_URL": queue,
            "UNTAG_DEAD_LETTER_QUEUE_URL": queue,
            "UNTAG_TOPIC_ARN": client("sns").create_topic(Name="reports")["TopicArn"],
            "UNTAG_CREDENTIALS": f"file:{path}",
            "UNTAG_ENDPOINTS": f"aws.iam={url},aws.sts={url}",
        }
        function = LambdaFunction(Remover, environ)

        def ask(**changes):
            body = {
                "id": "chg-1",
                "provider": "aws",
                "region": "us-east-1",
                "resources": [
                    {"type": "iam:role", "ids": [ROLE, "none"]},
                    {"type": "iam:user", "ids": ["li"]},
                ],
                "tags": [{"key": "env", "value": "prod"}],
            }
            (report,) = function.payload(body | changes, "manual-1", lambda: 60.0)["reports"]
            return {row["resource_id"]: row["outcome"] for row in report["outcomes"]}

        def there():
            return [
                "env" in {tag["Key"] for tag in listed["Tags"]}
                for listed in (iam.list_role_tags(RoleName="reports"), iam.list_user_tags(UserName="li"))
            ]

        assert ask() == {ROLE: "removed", "none": "not_found", "li": "removed"}
        assert there() == [False, False]
        assert ask(action="restore") == {ROLE: "restored", "none": "not_found", "li": "restored"}
        assert there() == [True, True]
        function.runtime.close()
    finally:
        server.stop()
