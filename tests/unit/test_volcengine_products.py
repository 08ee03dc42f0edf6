"""Types that Volcengine's tag service does not name: the products' own operations, and what their answers mean."""

import httpx
import pytest
from volcengine_support import KEY, NUMBER, REGION, WITHOUT_ACCOUNT, Stack, asked, cloud, done, failed, row

from local.providers import VolcengineOptions
from untag.providers import Verdict

VPC = f"trn:vpc:{REGION}:{NUMBER}:vpc/vpc-1"
WITHOUT_VPC = VolcengineOptions(types=("ecs:instance",))


def done_by_vpc(operation, result=None, **metadata):
    return done(operation, result, **{"Version": "2020-04-01", "Service": "vpc"} | metadata)


def rows(**tags):
    return [{"ResourceType": "vpc", "ResourceId": "vpc-1", "TagKey": k, "TagValue": v} for k, v in tags.items()]


def ask(wire, kind="write", ids=(VPC, "vpc-2"), **changes):
    return asked(wire, kind, ids=ids, type_="vpc:vpc", **changes)


def query(sent):
    return dict(sent.url.params.multi_items())


@pytest.mark.parametrize(
    ("kind", "operation", "named"),
    [
        ("write", "UntagResources", {"TagKeys.1": "env", "TagKeys.2": "部门"}),
        (
            "restore",
            "TagResources",
            {"Tags.1.Key": "env", "Tags.1.Value": "prod", "Tags.2.Key": "部门", "Tags.2.Value": "研发"},
        ),
    ],
)
@pytest.mark.parametrize("key", [KEY, WITHOUT_ACCOUNT])
def test_a_write_names_bare_ids_and_is_signed_for_the_product_in_the_region(kind, operation, named, key):
    wire = cloud(done_by_vpc(operation))
    answer = ask(wire, kind, key=key)
    assert (answer.verdict, answer.confirmed, answer.request_id) == (Verdict.DONE, None, "req-1")
    sent = wire.requests[1]
    assert (sent.method, sent.url.host, sent.url.path, sent.content) == ("GET", "open.volcengineapi.com", "/", b"")
    assert query(sent) == {
        "Action": operation,
        "Version": "2020-04-01",
        "ResourceType": "vpc",
        "ResourceIds.1": "vpc-1",
        "ResourceIds.2": "vpc-2",
        **named,
    }
    assert f"/{REGION}/vpc/request, SignedHeaders=host;x-content-sha256;x-date," in sent.headers["authorization"]


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, json={"ResponseMetadata": {"RequestId": "r"}, "Result": {"ResourceTags": []}}),
        done_by_vpc("DescribeVpcs", {"ResourceTags": []}),
        done_by_vpc(None, {"ResourceTags": []}),
        httpx.Response(204),
    ],
    ids=range(5),
)
def test_a_success_that_does_not_name_the_operation_is_not_believed(kind, answer):
    judged = ask(cloud(answer), kind)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (404, "InvalidResource.NotFound", Verdict.NOT_FOUND),
        (400, "InvalidResource.NotFound", Verdict.NOT_FOUND),
        (400, "LimitExceeded.MaximumTagKeys", Verdict.REFUSED),
        (429, "AccountFlowLimitExceeded", Verdict.THROTTLED),
        (403, "AccessDenied", Verdict.FORBIDDEN),
        (401, "SignatureDoesNotMatch", Verdict.UNAUTHORIZED),
        (500, "InternalError", Verdict.UNAVAILABLE),
        (414, "", Verdict.REFUSED),
    ],
)
def test_every_error_means_what_its_code_says(status, code, verdict):
    assert ask(cloud(failed(status, code))).verdict is verdict


@pytest.mark.parametrize("name", ["ResourceTags", "TagResources"])
def test_a_read_is_read_to_its_end_and_what_has_no_row_has_no_tags(name):
    first = done_by_vpc("ListTagsForResources", {name: rows(env="prod"), "NextToken": "t-1"})
    last = done_by_vpc("ListTagsForResources", {name: rows(部门="研发"), "NextToken": ""})
    wire = cloud(first, last)
    answer = ask(wire, "read")
    assert answer.tags == {VPC: {"env": "prod", "部门": "研发"}, "vpc-2": {}}
    assert [query(sent).get("NextToken") for sent in wire.requests[1:]] == [None, "t-1"]
    assert query(wire.requests[1])["MaxResults"] == "100"


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"ResourceTags": {}},
        {"ResourceTags": [{"ResourceId": "vpc-1"}]},
        {"ResourceTags": [{"ResourceId": "VPC-1", "TagKey": "env", "TagValue": "prod"}]},
        {"ResourceTags": [{"ResourceType": "eip", "ResourceId": "vpc-1", "TagKey": "env", "TagValue": "prod"}]},
        {"ResourceTags": [], "NextToken": "for ever"},
        {"ResourceTags": rows(env="prod"), "NextToken": "for ever"},
        {"ResourceTags": rows(env="prod"), "NextToken": 7},
    ],
    ids=range(9),
)
def test_a_read_that_is_not_the_documented_one_or_does_not_end_says_nothing(result):
    answer = ask(cloud(done_by_vpc("ListTagsForResources", result)), "read")
    assert (answer.verdict, answer.code, answer.tags) == (Verdict.UNAVAILABLE, "unexpected_answer", None)


@pytest.mark.parametrize("id_", ["vpc-1&Action=DeleteVpc", "x#y", "x?y", "../..", "a b+c", "@evil.example", "%2f"])
def test_an_id_changes_neither_the_address_nor_the_operation(id_):
    wire = cloud(done_by_vpc("UntagResources"))
    assert ask(wire, ids=(id_,)).verdict is Verdict.DONE
    sent = wire.requests[1]
    assert (sent.url.host, sent.url.path, query(sent)["Action"]) == ("open.volcengineapi.com", "/", "UntagResources")
    assert query(sent)["ResourceIds.1"] == id_
    assert [value for name, value in sent.url.params.multi_items() if name == "Action"] == ["UntagResources"]


# Through the whole function.


@pytest.fixture
def stack():
    stack = Stack(options=WITHOUT_VPC)
    for number in range(4):
        stack.put(f"trn:vpc:{REGION}:{NUMBER}:vpc/vpc-{number}", type_="vpc:vpc", env="prod", owner="li")
    yield stack
    stack.close()


def test_tags_are_removed_and_put_back_by_the_product_itself(stack):
    report = stack.ask(VPC, "vpc-2", type_="vpc:vpc")
    assert report["counts"] == {"removed": 2}
    assert row(report, VPC)["was"] == "prod"
    assert stack.operations() == ["ListResourceTypes", "ListTagsForResources", "UntagResources"]
    assert len(stack.left()) == 2
    assert stack.ask(VPC, "vpc-2", type_="vpc:vpc")["counts"] == {"absent": 2}
    assert stack.ask(VPC, "vpc-2", type_="vpc:vpc", action="restore")["counts"] == {"restored": 2}
    assert len(stack.left()) == 4


def test_one_that_does_not_exist_does_not_take_down_its_neighbours(stack):
    restored = stack.ask(
        "vpc-1", "vpc-gone", "vpc-3", type_="vpc:vpc", tags=[{"key": "a", "value": "b"}], action="restore"
    )
    assert restored["counts"] == {"restored": 2, "not_found": 1}
    assert row(restored, "vpc-gone")["code"] == "InvalidResource.NotFound"


def test_a_busy_one_fails_alone(stack):
    stack.cloud.faults.add("partial", ids=["vpc-2"], code="InvalidStatus", message="busy")
    report = stack.ask("vpc-1", "vpc-2", "vpc-3", type_="vpc:vpc")
    assert report["counts"] == {"removed": 2, "failed": 1}
    assert (row(report, "vpc-2")["code"], row(report, "vpc-2")["message"]) == ("InvalidStatus", "busy")
