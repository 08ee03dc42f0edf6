"""AWS: what is asked, what each documented answer means, and what an answer that leaves a resource out says."""

import json

import httpx
import pytest
from support import Asking, Wire, run

from untag.contracts import Action, Tag
from untag.providers import Location, Options, Session, Verdict
from untag.providers.aws.credentials import AwsCredentials
from untag.providers.aws.tagging import AwsTagging

REGION = "eu-central-1"
NUMBER = "123456789012"
KEY = AwsCredentials.parse({"access_key": "AKFAKE", "secret_key": "fake-secret-key"})
INSTANCE, QUEUE = f"arn:aws:ec2:{REGION}:{NUMBER}:instance/i-1", f"arn:aws:sqs:{REGION}:{NUMBER}:orders"
BUCKET = "arn:aws:s3:::logs"
GROUP = f"arn:aws:autoscaling:{REGION}:{NUMBER}:autoScalingGroup:0f1e:autoScalingGroupName/web"
TAGS = (Tag("env", "prod"), Tag("部门", "研发"))
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    f"<Account>{NUMBER}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


ASKING = Asking("aws", REGION, "ec2:instance", "i-1")
request = ASKING.request
problems = ASKING.problems


def scope_of(provider, type_, ids, region=REGION):
    return provider.scope(Location("default", region, None), type_).of_ids(ids)


def answered(answer, kind="write", action=Action.REMOVE, type_="ec2:instance", ids=(INSTANCE, QUEUE), tags=TAGS):
    """The answer as it is judged, and the last request that was sent."""

    def answer_it(sent):
        if "x-amz-target" not in sent.headers:
            return httpx.Response(200, text=IDENTITY)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    wire = Wire(answer_it)

    async def ask():
        provider = AwsTagging(Options(), {})
        scope = scope_of(provider, type_, ids)
        async with wire.client() as client:
            session = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope, ids)
            if kind == "find":
                return await provider.find(session, scope, Tag("env", None), None)
            return await provider.write(session, action, scope, ids, tags, {})

    return run(ask()), wire.requests[-1]


def done(status=200, **body):
    return httpx.Response(status, json=body, headers={"x-amzn-requestid": "req-1"})


def listing(*arns, **tags):
    return [{"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} for arn in arns]


@pytest.mark.parametrize(
    ("action", "operation", "named"),
    [
        (Action.REMOVE, "UntagResources", {"TagKeys": ["env", "部门"]}),
        (Action.RESTORE, "TagResources", {"Tags": {"env": "prod", "部门": "研发"}}),
    ],
)
def test_a_write_is_what_the_sdk_would_send(action, operation, named):
    _, sent = answered(done(FailedResourcesMap={}), action=action)
    assert (sent.method, str(sent.url)) == ("POST", f"https://tagging.{REGION}.amazonaws.com/")
    assert sent.headers["x-amz-target"] == f"ResourceGroupsTaggingAPI_20170126.{operation}"
    assert sent.headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(sent.content) == {"ResourceARNList": [INSTANCE, QUEUE], **named}
    assert f"/{REGION}/tagging/aws4_request" in sent.headers["authorization"]


def test_a_bare_id_becomes_the_arn_of_its_type_in_the_accounts_number():
    _, sent = answered(done(FailedResourcesMap={}), ids=("i-1", "i-2"))
    assert json.loads(sent.content)["ResourceARNList"] == [INSTANCE, INSTANCE.replace("i-1", "i-2")]


def test_a_region_of_china_has_its_own_partition_and_host():
    provider = AwsTagging(Options(), {})
    arn = f"arn:aws-cn:sqs:cn-north-1:{NUMBER}:orders"
    assert problems("sqs:queue", (arn,), region="cn-north-1") == []
    wire = Wire(done(FailedResourcesMap={}))

    async def ask():
        role = AwsCredentials.parse({"access_key": "AKFAKE", "secret_key": "fake-secret-key"})
        async with wire.client() as client:
            session = Session(client, role, httpx.Auth(), 5.0)
            return await provider.read(session, scope_of(provider, "sqs:queue", (arn,), "cn-north-1"), (arn,))

    run(ask())
    assert str(wire.requests[0].url) == "https://sts.cn-north-1.amazonaws.com.cn/"


def test_failures_inside_a_success_are_by_resource_with_their_own_verdicts():
    entries = {
        INSTANCE: {"StatusCode": 400, "ErrorCode": "ThrottlingException", "ErrorMessage": "m"},
        QUEUE: {"StatusCode": 400, "ErrorCode": "AWS.SimpleQueueService.NonExistentQueue", "ErrorMessage": "m"},
    }
    answer, _ = answered(done(FailedResourcesMap=entries))
    assert (answer.verdict, answer.confirmed, answer.request_id) == (Verdict.DONE, None, "req-1")
    assert {id_: failure.verdict for id_, failure in answer.failures.items()} == {
        INSTANCE: Verdict.THROTTLED,
        QUEUE: Verdict.NOT_FOUND,
    }


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "InvalidInstanceID.NotFound", Verdict.NOT_FOUND),
        (404, "NoSuchBucket", Verdict.NOT_FOUND),
        (400, "ResourceDoesNotExistException", Verdict.NOT_FOUND),
        (400, "RequestLimitExceeded", Verdict.THROTTLED),
        (429, "Whatever", Verdict.THROTTLED),
        (503, "Whatever", Verdict.UNAVAILABLE),
        (409, "OperationAborted", Verdict.UNAVAILABLE),
        (500, "InternalServiceException", Verdict.FAILED),
        (400, "AccessDeniedException", Verdict.FAILED),
        (400, "InvalidParameterException", Verdict.FAILED),
    ],
)
def test_every_code_of_a_resource_means_what_it_should(status, code, verdict):
    entry = {INSTANCE: {"StatusCode": status, "ErrorCode": code, "ErrorMessage": "m"}}
    answer, _ = answered(done(FailedResourcesMap=entry))
    assert answer.failures[INSTANCE] == (code, "m", verdict)


@pytest.mark.parametrize("kind", ["write", "read", "find"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, text='{"FailedResourcesMap": {'),
        done(),
        httpx.Response(200, json=[]),
        done(FailedResourcesMap=None, ResourceTagMappingList=None),
        done(FailedResourcesMap=[], ResourceTagMappingList={}),
        done(FailedResourcesMap={INSTANCE: "busy"}, ResourceTagMappingList=["i-1"]),
        done(FailedResourcesMap={INSTANCE: None}, ResourceTagMappingList=[{"ResourceARN": INSTANCE}]),
        done(202, FailedResourcesMap={}, ResourceTagMappingList=[]),
        httpx.Response(204),
    ],
    ids=range(11),
)
def test_a_success_without_the_documented_body_is_not_believed(kind, answer):
    judged, _ = answered(answer, kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read"])
def test_an_answer_about_another_resource_says_nothing_of_ours(kind):
    other = INSTANCE.upper()
    entry = {other: {"StatusCode": 400, "ErrorCode": "x", "ErrorMessage": "m"}}
    judged, _ = answered(done(FailedResourcesMap=entry, ResourceTagMappingList=listing(other, env="prod")), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize("kind", ["write", "read", "find"])
@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (400, "com.amazonaws.x#ThrottledException", Verdict.THROTTLED),
        (429, "", Verdict.THROTTLED),
        (400, "InvalidParameterException", Verdict.REFUSED),
        (400, "AccessDeniedException", Verdict.FORBIDDEN),
        (403, "", Verdict.FORBIDDEN),
        (400, "UnrecognizedClientException", Verdict.UNAUTHORIZED),
        (400, "InvalidSignatureException", Verdict.UNAUTHORIZED),
        (403, "ExpiredTokenException", Verdict.UNAUTHORIZED),
        (500, "InternalServiceException", Verdict.UNAVAILABLE),
        (503, "", Verdict.UNAVAILABLE),
        (404, "UnknownOperationException", Verdict.FAILED),
        (302, "", Verdict.FAILED),
    ],
)
def test_every_answer_means_what_it_should(kind, status, code, verdict):
    answer, _ = answered(done(status, __type=code, message="the canonical string was fake-secret-key"), kind)
    assert answer.verdict is verdict
    assert answer.request_id == "req-1"
    assert "fake-secret-key" not in f"{answer.message}"
    assert "canonical" not in f"{answer.message}" or verdict is not Verdict.UNAUTHORIZED


def test_a_read_has_an_entry_for_what_it_lists_and_for_what_is_known_to_have_no_tags():
    answer, sent = answered(done(PaginationToken="", ResourceTagMappingList=listing(QUEUE, env="prod")), "read")
    assert json.loads(sent.content) == {"ResourceARNList": [INSTANCE, QUEUE]}
    assert answer.tags == {INSTANCE: {}, QUEUE: {"env": "prod"}}


@pytest.mark.parametrize(
    ("type_", "id_"),
    [
        ("s3:bucket", BUCKET),  # in whichever region and account
        ("ec2:image", "ami-1"),  # an image may be another account's
        ("glue:job", f"arn:aws:glue:{REGION}:{NUMBER}:job/nightly"),  # a type that is not known to be listed in full
    ],
)
def test_nothing_is_known_of_a_resource_that_a_read_leaves_out_for_another_reason_than_its_tags(type_, id_):
    answer, _ = answered(done(PaginationToken="", ResourceTagMappingList=[]), "read", type_=type_, ids=(id_,))
    assert (answer.verdict, answer.tags) == (Verdict.DONE, {})


def test_nothing_is_known_of_what_an_answer_leaves_out_that_has_a_next_page():
    answer, _ = answered(done(PaginationToken="more", ResourceTagMappingList=[]), "read")
    assert answer.tags == {}


def test_an_image_is_the_same_with_and_without_its_account():
    named, listed = f"arn:aws:ec2:{REGION}::image/ami-1", f"arn:aws:ec2:{REGION}:{NUMBER}:image/ami-1"
    rows = listing(listed, env="prod")
    answer, _ = answered(done(ResourceTagMappingList=rows), "read", type_="ec2:image", ids=(named,))
    assert answer.tags == {named: {"env": "prod"}}


@pytest.mark.parametrize("kind", ["write", "read"])
def test_a_resource_of_another_account_is_refused_before_any_call(kind):
    other = f"arn:aws:sqs:{REGION}:210987654321:orders"
    answer, sent = answered(done(FailedResourcesMap={}, ResourceTagMappingList=[]), kind, ids=(INSTANCE, other))
    assert (answer.verdict, answer.code) == (Verdict.REFUSED, "account_mismatch")
    assert other in answer.message
    assert sent.url.host.startswith("sts.")


def test_arns_of_several_types_share_a_call_and_bare_ids_do_not():
    provider = AwsTagging(Options(), {})
    of = [scope_of(provider, type_, (id_,)) for type_, id_ in (("ec2:instance", INSTANCE), ("sqs", QUEUE))]
    assert of[0] == of[1]
    assert len(set(of)) == 1
    bare = [scope_of(provider, type_, ("a",)) for type_ in ("ec2:instance", "sqs:queue")]
    assert len({*bare, *of}) == 3
    assert [scope.type for scope in of] == ["ec2:instance", "sqs"]


@pytest.mark.parametrize(
    ("type_", "id_", "words"),
    [
        ("ec2:instance", f"arn:aws:ec2:us-east-1:{NUMBER}:instance/i-1", "is in region us-east-1"),
        ("ec2:instance", f"arn:aws-cn:ec2:{REGION}:{NUMBER}:instance/i-1", "is in partition aws-cn"),
        ("ec2:instance", QUEUE, "of type sqs:queue"),
        ("ec2:instance", "arn:aws:ec2", "should be an ARN"),
        ("ec2:instance", "i-1:x", "without a colon"),
        ("ecs:service", "api", "none is built of an id"),
        ("s3:bucket", f"{BUCKET}/object", "only buckets' tags"),
        ("cloudfront:distribution", "E1", "us-east-1"),
        ("autoscaling", GROUP, "tags of autoscaling:autoScalingGroup cannot be read"),
        ("iam", f"arn:aws:iam::{NUMBER}:role/untag", "of type iam:role, which is asked for by its whole type"),
    ],
)
def test_a_resource_that_contradicts_its_request_is_refused_by_name(type_, id_, words):
    ((path, message),) = problems(type_, (id_,))
    assert path == "resources.0.ids.0"
    assert words in message


@pytest.mark.parametrize("type_", ["autoscaling:autoScalingGroup"])
def test_types_whose_tags_cannot_be_read_are_refused_by_name(type_):
    ((path, message),) = problems(type_, ("some",))
    assert path == "resources.0.type"
    assert f"tags of {type_} cannot be read" in message


def test_a_region_is_required():
    assert [path for path, _ in problems(region=None)] == ["region"]


@pytest.mark.parametrize("key", ["aws:createdBy", "AWS:x", "aWs:x"])
def test_keys_of_aws_itself_are_reserved_in_any_case(key):
    from untag.core.policy import is_reserved

    assert is_reserved(AwsTagging(Options(), {}), key)
    assert not is_reserved(AwsTagging(Options(), {}), "aws")


def test_a_search_goes_on_at_the_token_until_there_is_none():
    rows = listing(INSTANCE, env="prod")
    answer, sent = answered(done(PaginationToken="more", ResourceTagMappingList=rows), "find")
    assert json.loads(sent.content) == {
        "TagFilters": [{"Key": "env"}],
        "ResourceTypeFilters": ["ec2:instance"],
        "ResourcesPerPage": 100,
    }
    assert (answer.tags, answer.next) == ({INSTANCE: {"env": "prod"}}, "more")
    last, _ = answered(done(PaginationToken="", ResourceTagMappingList=[]), "find")
    assert (last.tags, last.next) == ({}, None)
