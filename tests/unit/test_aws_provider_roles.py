"""AWS through the whole function: the host's own role, an assumed role, keys that expire, and what STS refuses."""

import json
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from aws_model import AwsModel
from service_house import ENVIRON, CloudWire
from support import Wire, run

from local.providers import Account, AwsOptions, AwsServer, AwsStsServer, Role
from untag.contracts import InvalidInputError
from untag.core import CredentialsMissingError
from untag.hosts.aws import LambdaFunction
from untag.hosts.aws.client import AwsError
from untag.hosts.aws.secrets import secret_credentials
from untag.providers import Answer, Options, Session, Verdict
from untag.providers.aws.credentials import AwsCredentials
from untag.providers.aws.keys import Keys
from untag.providers.aws.tagging import AwsTagging
from untag.removal import Remover

TAGGING, STS = "tagging.example.com", "sts.example.com"
REGION = "eu-central-1"
OWN, OTHER = "123456789012", "210987654321"
ROLE = f"arn:aws:iam::{OTHER}:role/untag"
HOST_KEY = {
    "AWS_ACCESS_KEY_ID": "ASIALOCALSTACK",
    "AWS_SECRET_ACCESS_KEY": "local-secret",
    "AWS_SESSION_TOKEN": "local-token",
}


class FunctionAtAws:
    """The function with its queues modelled, a local AWS and a local STS."""

    def __init__(self, monkeypatch, tmp_path, secrets):
        for name in (*HOST_KEY, "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            monkeypatch.delenv(name, raising=False)
        for name, value in HOST_KEY.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "secrets.json"
        path.write_text(json.dumps(secrets))
        self.aws, self.sts = AwsServer(), AwsStsServer(roles={ROLE: Role("other", "customer-7")})
        settings = {
            "UNTAG_CREDENTIALS": f"file:{path}",
            "UNTAG_ENDPOINTS": f"aws.tagging=https://{TAGGING},aws.sts=https://{STS}",
        }
        wire = CloudWire(AwsModel(), {TAGGING: self.aws, STS: self.sts})
        self.remover = LambdaFunction(Remover, ENVIRON | settings, transport=wire)

    def put(self, arn, type_, *, account="default", **tags):
        self.aws.tags.load([{"account": account, "region": REGION, "type": type_, "id": arn, "tags": tags}])

    def ask(self, resources, *, account="default", **changes):
        body = {
            "id": "chg-1",
            "provider": "aws",
            "account": account,
            "region": REGION,
            "resources": [{"type": type_, "ids": list(ids)} for type_, ids in resources.items()],
            "tags": [{"key": "env", "value": "prod"}],
        }
        (report,) = self.remover.payload(body | changes, "manual-1", lambda: 60.0)["reports"]
        return report

    def operations(self):
        return Counter(call.operation for server in (self.aws, self.sts) for call in server.calls)


@pytest.fixture
def at_aws(monkeypatch, tmp_path):
    """Makes the function with a file of secrets."""
    made = []

    def make(secrets):
        made.append(FunctionAtAws(monkeypatch, tmp_path, secrets))
        return made[-1]

    yield make
    for one in made:
        one.remover.runtime.close()


def instance(number, name):
    return f"arn:aws:ec2:{REGION}:{number}:instance/{name}"


def outcomes(report):
    return {row["resource_id"]: row["outcome"] for row in report["outcomes"]}


def codes(report):
    return {row.get("code") for row in report["outcomes"]}


def test_the_default_account_without_a_secret_is_the_hosts_own_role(at_aws):
    stack = at_aws({})
    queue = f"arn:aws:sqs:{REGION}:{OWN}:orders"
    stack.put(instance(OWN, "i-1"), "ec2:instance", env="prod", team="x")
    stack.put(queue, "sqs:queue", env="prod")
    report = stack.ask({"ec2:instance": [instance(OWN, "i-1"), instance(OWN, "i-0")], "sqs:queue": [queue]})
    assert outcomes(report) == {instance(OWN, "i-1"): "removed", instance(OWN, "i-0"): "absent", queue: "removed"}
    assert stack.aws.tags.get("default", REGION, "ec2:instance", instance(OWN, "i-1")) == {"team": "x"}
    # Two types, one read and one removal.
    assert stack.operations() == {"GetCallerIdentity": 1, "GetResources": 1, "UntagResources": 1}


def test_no_other_account_is_the_hosts_own_role_by_a_slip(at_aws):
    stack = at_aws({})
    assert codes(stack.ask({"ec2:instance": ["i-1"]}, account="staging")) == {"no_credentials"}
    assert stack.operations() == {}


def test_another_account_is_reached_by_its_role_which_is_assumed_once(at_aws):
    stack = at_aws({"aws/other": {"role_arn": ROLE, "external_id": "customer-7"}})
    ids = [f"i-{number}" for number in range(60)]
    for id_ in ids:
        stack.put(instance(OTHER, id_), "ec2:instance", account="other", env="prod")
    report = stack.ask({"ec2:instance": ids}, account="other")
    assert set(outcomes(report).values()) == {"removed"}
    assert stack.operations() == {"AssumeRole": 1, "GetResources": 1, "UntagResources": 3}
    assert stack.aws.tags.pairs() == set()


def test_a_role_that_may_not_be_assumed_fails_by_name_and_is_not_asked_for_each_pair(at_aws):
    stack = at_aws({"aws/other": {"role_arn": ROLE, "external_id": "customer-8"}})
    report = stack.ask({"ec2:instance": [f"i-{number}" for number in range(250)]}, account="other")
    assert codes(report) == {"AccessDenied"}
    assert {row["outcome"] for row in report["outcomes"]} == {"failed"}
    assert "sts AssumeRole" in report["outcomes"][0]["message"]
    assert stack.operations() == {"AssumeRole": 1}


def test_a_throttle_of_sts_passes(at_aws):
    stack = at_aws({"aws/other": {"role_arn": ROLE, "external_id": "customer-7"}})
    stack.put(instance(OTHER, "i-1"), "ec2:instance", account="other", env="prod")
    stack.sts.faults.add("throttle", operation="AssumeRole", times=1)
    assert outcomes(stack.ask({"ec2:instance": ["i-1"]}, account="other")) == {"i-1": "removed"}


def test_a_role_of_another_partition_is_refused_before_any_call(at_aws):
    stack = at_aws({"aws/other": {"role_arn": ROLE}})
    report = stack.ask({"ec2:instance": ["i-1"]}, account="other", region="cn-north-1")
    assert codes(report) == {"partition_mismatch"}
    assert stack.operations() == {}


def test_a_foreign_arn_among_others_fails_alone(at_aws):
    stack = at_aws({})
    ours, foreign = instance(OWN, "i-1"), instance(OTHER, "i-2")
    stack.put(ours, "ec2:instance", env="prod")
    report = stack.ask({"ec2:instance": [ours, foreign]})
    assert outcomes(report) == {ours: "removed", foreign: "failed"}
    assert "account_mismatch" in codes(report)


def test_bare_ids_get_the_accounts_number_and_keep_their_name_in_the_reports_of_a_removal_and_its_undo(at_aws):
    stack = at_aws({})
    stack.put(instance(OWN, "i-1"), "ec2:instance", env="prod")
    assert outcomes(stack.ask({"ec2:instance": ["i-1"]})) == {"i-1": "removed"}
    assert outcomes(stack.ask({"ec2:instance": ["i-1"]}, action="restore")) == {"i-1": "restored"}
    assert stack.aws.tags.get("default", REGION, "ec2:instance", instance(OWN, "i-1")) == {"env": "prod"}


@pytest.mark.parametrize("listed", [True, False])
def test_a_bucket_that_a_read_leaves_out_is_not_said_to_have_no_tags_and_its_last_one_is_not_put_back(at_aws, listed):
    stack = at_aws({})
    stack.aws.options = AwsOptions(list_untagged=listed)
    stack.put("arn:aws:s3:::logs", "s3:bucket", env="prod")
    reports = [stack.ask({"s3:bucket": ["logs"]}, action=action) for action in ("remove", "remove", "restore")]
    came = [row["outcome"] for report in reports for row in report["outcomes"]]
    assert came == (["removed", "absent", "restored"] if listed else ["removed", "failed", "failed"])
    assert codes(reports[2]) == {None if listed else "not_listed"}


def test_a_refused_key_of_a_role_is_replaced_once(at_aws):
    stack = at_aws({"aws/other": {"role_arn": ROLE, "external_id": "customer-7"}})
    stack.put(instance(OTHER, "i-1"), "ec2:instance", account="other", env="prod")
    stack.aws.faults.add("status", status=400, code="ExpiredTokenException", times=1)
    assert outcomes(stack.ask({"ec2:instance": ["i-1"]}, account="other")) == {"i-1": "removed"}
    assert stack.operations()["AssumeRole"] == 2


def test_a_refused_key_of_a_secret_closes_the_account_and_nothing_of_it_is_told(at_aws):
    wrong = {"access_key": "AKIDWRONG", "secret_key": "wrong-secret-key"}
    stack = at_aws({"aws/default": wrong})
    report = stack.ask({"ec2:instance": ["i-1"]})
    assert report["counts"] == {"deferred": 1}
    assert "wrong-secret-key" not in json.dumps(report)


@pytest.mark.parametrize("options", [AwsOptions(), AwsOptions(unknown_arn="done", list_untagged=True)])
def test_a_throttle_of_one_resource_is_deferred_alone(at_aws, options):
    stack = at_aws({})
    stack.aws.options = options
    for name in ("i-1", "i-2"):
        stack.put(instance(OWN, name), "ec2:instance", env="prod")
    stack.aws.faults.add("partial", ids=["*i-2"], status=400, code="RequestLimitExceeded")
    report = stack.ask({"ec2:instance": ["i-1", "i-2"]})
    assert (outcomes(report), report["counts"]) == ({"i-1": "removed"}, {"removed": 1, "deferred": 1})


# The keys by themselves.


def asked_for_keys(keys, wire, credentials, times=1, timeout=5.0):
    async def one(session):
        auth = keys.auth(credentials, "tagging", REGION)
        answer = await auth.current(session)
        return answer if isinstance(answer, Answer) else auth.token

    async def ask():
        async with wire.client() as client:
            session = Session(client, credentials, httpx.Auth(), timeout)
            return [await one(session) for _ in range(times)]

    return run(ask())


def assumed(expires="2026-01-01T01:00:00Z", **changes):
    fields = {
        "AccessKeyId": "ASIAFAKE",
        "SecretAccessKey": "fakeTempSecret/K7+x",
        "SessionToken": "token//+==",
        "Expiration": expires,
    } | changes
    told = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items() if text is not None)
    body = f"<AssumeRoleResult><Credentials>{told}</Credentials></AssumeRoleResult>"
    return httpx.Response(
        200, text=f'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{body}</AssumeRoleResponse>'
    )


NOON = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ROLE_CREDENTIALS = AwsCredentials.parse({"role_arn": ROLE, "external_id": "customer-7"})


def test_assuming_a_role_is_what_the_sdk_would_send():
    wire = Wire(assumed())
    keys = Keys(HOST_KEY | {"AWS_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "remove tags"}, None, lambda: NOON)
    (key,) = asked_for_keys(keys, wire, ROLE_CREDENTIALS)
    (sent,) = wire.requests
    assert str(sent.url) == "https://sts.eu-west-1.amazonaws.com/"
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in sent.headers["authorization"]
    assert sent.content.decode() == (
        f"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A{OTHER}%3Arole%2Funtag"
        "&RoleSessionName=untag-remove-tags&DurationSeconds=3600&ExternalId=customer-7"
    )
    assert (key.access_key, key.secret_key, key.security_token) == (
        "ASIAFAKE",
        "fakeTempSecret/K7+x",
        "token//+==",
    )


def test_a_roles_keys_are_renewed_five_minutes_before_they_expire_once_for_everybody():
    now = [NOON]
    wire = Wire(assumed(), assumed(AccessKeyId="ASIASECOND"))
    keys = Keys(HOST_KEY, None, lambda: now[0])
    first = asked_for_keys(keys, wire, ROLE_CREDENTIALS, times=3)
    assert (len(wire.requests), len(set(map(id, first)))) == (1, 1)
    now[0] += 3600 - 301
    assert asked_for_keys(keys, wire, ROLE_CREDENTIALS) == first[:1]
    now[0] += 2
    assert asked_for_keys(keys, wire, ROLE_CREDENTIALS) != first[:1]
    assert len(wire.requests) == 2


def test_keys_that_are_good_yet_outlive_a_renewal_that_fails():
    now = [NOON]
    keys = Keys(HOST_KEY, None, lambda: now[0])
    first = asked_for_keys(keys, Wire(assumed()), ROLE_CREDENTIALS)
    now[0] += 3600 - 100
    assert asked_for_keys(keys, Wire(httpx.Response(503)), ROLE_CREDENTIALS) == first
    now[0] += 101
    (answer,) = asked_for_keys(keys, Wire(httpx.Response(503)), ROLE_CREDENTIALS)
    assert answer.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="{}"),
        httpx.Response(200, text="<AssumeRoleResponse/>"),
        httpx.Response(200, text='<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>'),
        httpx.Response(200, text="<x>" + " " * 70_000 + "</x>"),
        assumed(SecretAccessKey=None),
        assumed(expires="soon"),
    ],
    ids=range(7),
)
def test_an_answer_of_sts_that_is_not_the_documented_one_gives_no_keys(answer):
    (got,) = asked_for_keys(Keys(HOST_KEY, None), Wire(answer), ROLE_CREDENTIALS)
    assert got.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (403, "AccessDenied", Verdict.FAILED),
        (400, "ValidationError", Verdict.FAILED),
        (403, "RegionDisabledException", Verdict.FAILED),
        (400, "MalformedPolicyDocument", Verdict.FAILED),
        (403, "ExpiredToken", Verdict.UNAUTHORIZED),
        (403, "InvalidClientTokenId", Verdict.UNAUTHORIZED),
        (403, "SignatureDoesNotMatch", Verdict.UNAUTHORIZED),
        (400, "Throttling", Verdict.THROTTLED),
        (429, "", Verdict.THROTTLED),
        (500, "", Verdict.UNAVAILABLE),
    ],
)
def test_every_error_of_sts_means_what_it_should(status, code, verdict):
    error = f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
    (got,) = asked_for_keys(Keys(HOST_KEY, None), Wire(httpx.Response(status, text=error)), ROLE_CREDENTIALS)
    assert (got.verdict, got.code) == (verdict, code or f"HTTP_{status}")


def test_without_keys_in_the_environment_the_host_asks_where_containers_do_and_reads_them_anew_if_they_are_refused():
    asked = []

    def answer(sent):
        asked.append(sent)
        if sent.url.path == "/credentials":
            number = sum(one.url.path == "/credentials" for one in asked)
            expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOON + 6 * 3600))
            found = {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": "s", "Token": "t", "Expiration": expires}
            return httpx.Response(200, json=found)
        if "ASIA1/" in sent.headers["authorization"]:
            error = "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"
            return httpx.Response(403, text=error)
        return assumed()

    container = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
    }
    keys = Keys(container, None, lambda: NOON)
    (key,) = asked_for_keys(keys, Wire(answer), ROLE_CREDENTIALS)
    assert key.access_key == "ASIAFAKE"
    assert [sent.url.path for sent in asked] == ["/credentials", "/", "/credentials", "/"]
    assert asked[0].headers["authorization"] == "container-token"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "needs either access_key and secret_key, or role_arn"),
        ({"access_key": "A"}, "needs either access_key and secret_key, or role_arn"),
        ({"access_key": "A", "secret_key": "S", "role_arn": ROLE}, "needs either"),
        ({"security_token": "T", "role_arn": ROLE}, "needs either"),
        ({"access_key": "A", "secret_key": "S", "external_id": "customer-7"}, "belongs to role_arn"),
        ({"role_arn": "arn:aws:iam::1:role/untag"}, "should be arn:aws:iam::NUMBER:role/NAME"),
        ({"role_arn": ROLE, "external_id": "a b"}, "external_id"),
    ],
)
def test_a_secret_names_one_way_to_sign(fields, words):
    with pytest.raises(InvalidInputError, match=words):
        AwsCredentials.parse(fields)


def test_the_environment_holds_the_hosts_role_as_keys_or_as_an_endpoint():
    assert AwsCredentials.from_environment(HOST_KEY).access_key == "ASIALOCALSTACK"
    assert AwsCredentials.from_environment({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "x"}) == AwsCredentials()
    with pytest.raises(InvalidInputError, match="not set: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"):
        AwsCredentials.from_environment({})


def test_a_role_that_was_assumed_is_the_only_one_that_the_local_cloud_takes_its_tokens_from():
    assert AwsStsServer().credentials["ASIALOCALSTACK"] == Account("local-secret", "local-token", OWN)


def test_a_default_account_whose_secret_is_missing_is_the_hosts_role_and_one_that_may_not_be_read_is_not():
    async def read(code, account):
        async def json(*_):
            raise AwsError("secretsmanager", "GetSecretValue", code, transient=False)

        return await secret_credentials(SimpleNamespace(json=json), "untag", AwsTagging(Options(), {}), account)

    assert run(read("ResourceNotFoundException", "default")) == AwsCredentials()
    for code, account in (("AccessDeniedException", "default"), ("ResourceNotFoundException", "staging")):
        with pytest.raises(CredentialsMissingError, match=f"secret untag/aws/{account}: {code}"):
            run(read(code, account))


def test_the_event_file_removes_what_the_seed_puts_there(at_aws):
    stack = at_aws({})
    stack.aws.seed()
    body = json.loads((Path(__file__).parents[2] / "events" / "aws_manual.json").read_text(encoding="utf-8"))
    (report,) = stack.remover.payload(body, "manual-1", lambda: 60.0)["reports"]
    assert report["counts"] == {"removed": 8}
    assert {pair.key for pair in stack.aws.tags.pairs()} == {"owner", "backup"}
