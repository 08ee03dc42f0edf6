"""Alibaba Cloud: which ids and requests are taken, and what is refused before anything is called."""

import pytest
from alibaba_support import ONE, arn, problems, request

from untag.providers import Asked
from untag.providers.alibabacloud.tag import AlibabaTag


@pytest.mark.parametrize(
    "id_",
    [
        "..",
        ".",
        "i-1/../i-2",
        "i-1%2f..",
        "i-1#x",
        "i-1?x=1",
        "i-1&TagKey.1=other",
        "i@evil.example",
        "*",
        "i-*",
        "a:b",
        "//evil.example",
        "i 1",
        arn("*"),
        arn("i-*"),
        arn("../i-1"),
        arn("a//b"),
        arn("i-1#x"),
        arn("i-1?x"),
        arn("i-1%2f"),
        arn("i@x"),
        arn("i-1", kind=".."),
        arn("i-1", account="me"),
        arn("i-1", region="cn-beijing"),
        arn("i-1", kind="disk"),
        arn("i-1", product="rds"),
        "arn:aws:ec2:eu-central-1:123456789012:instance/i-1",
        "arn:acs:ecs:cn-hangzhou:1:i-1",
    ],
)
def test_an_id_that_could_mean_something_else_is_refused_before_anything_is_called(id_):
    ((path, _),) = problems(ids=(id_,))
    assert path == "resources.0.ids.0"


@pytest.mark.parametrize(
    "id_", ["i-1", "my_bucket.v2", ".example.com", ONE, arn("i-1", "*", "*"), arn("a/b-c", "", "")]
)
def test_ids_as_they_are_seen_are_taken(id_):
    assert problems(ids=(id_,)) == []


@pytest.mark.parametrize("type_", ["instance", "ecs:", "ecs:a:b", "ecs:../x", "ecs/instance", "ecs.x:instance"])
def test_a_type_is_a_product_and_a_resource_type(type_):
    assert problems(type_) == [("resources.0.type", "should be product:type, such as ecs:instance")]


def test_a_region_is_required_and_an_unknown_one_is_a_warning():
    ((path, message),) = problems(region=None)
    assert (path, message.partition(":")[0]) == ("region", "Field required")
    assert list(AlibabaTag().warnings(Asked.of(request(region="cn-nowhere-9")))) == [
        "region cn-nowhere-9 is not among those that Alibaba Cloud's SDK names"
    ]
    assert list(AlibabaTag().warnings(Asked.of(request()))) == []


def test_a_value_that_is_too_long_to_be_put_back_is_refused():
    tags = [{"key": "env", "value": "v" * 129}]
    assert problems(tags=tags, action="restore") == [
        ("tags.0.value", "String should have at most 128 characters on alibabacloud")
    ]
    assert problems(tags=tags) == []
