"""Volcengine: the resources that bear a tag, and the keys and values in use."""

from support import body_of
from volcengine_support import NUMBER, ONE, TWO, USER, asked, cloud, done, problems, rows

from untag.contracts import Tag
from untag.providers import Verdict


def test_a_search_asks_by_the_types_word_and_leaves_out_what_is_of_another_type_or_region():
    others = ("trn:rds:cn-shanghai:1:instance/i-1", f"trn:ecs:cn-beijing:{NUMBER}:instance/i-9")
    listed = rows(ONE, *others, env="prod") + rows(TWO)
    listed.append({"ResourceTrn": "trn:tos:::logs", "ServiceName": "tos", "ResourceType": "bucket", "Tags": []})
    wire = cloud(done("GetResources", {"NextToken": "more", "ResourceTagMappingList": listed}))
    answer = asked(wire, "find", tag=Tag("env", "prod"), cursor="t-1")
    assert body_of(wire.requests[1]) == {
        "MaxResults": 50,
        "NextToken": "t-1",
        "TagFilters": [{"Key": "env", "Values": ["prod"]}],
        "ResourceTypeFilters": ["instance"],
    }
    assert (answer.tags, answer.next, answer.types) == ({ONE: {"env": "prod"}}, "more", {})


def test_a_search_of_every_type_says_the_type_of_each_and_asks_for_no_types():
    wire = cloud(done("GetResources", {"NextToken": "", "ResourceTagMappingList": rows(USER, ONE, env="x")}))
    answer = asked(wire, "find", type_="all", region="cn-beijing", tag=Tag("env", None))
    assert (answer.tags, answer.types, answer.next) == ({USER: {"env": "x"}}, {USER: "iam:user"}, None)
    assert body_of(wire.requests[0]) == {"MaxResults": 50, "TagFilters": [{"Key": "env"}]}


def test_a_listing_with_a_name_that_is_no_trn_is_not_believed():
    listed = [*rows(ONE, env="prod"), {"ResourceTrn": "i-2", "Tags": []}]
    answer = asked(cloud(done("GetResources", {"ResourceTagMappingList": listed})), "find")
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


def test_a_resource_whose_name_has_no_type_is_of_the_type_that_its_row_says():
    bucket = {"ResourceTrn": "trn:tos:::logs", "ServiceName": "tos", "ResourceType": "bucket"}
    listed = [{**bucket, "Tags": [{"Key": "env", "Value": "x"}]}]
    wire = cloud(done("GetResources", {"ResourceTagMappingList": listed}))
    answer = asked(wire, "find", type_="all", region="cn-beijing")
    assert (answer.tags, answer.types) == ({"trn:tos:::logs": {"env": "x"}}, {"trn:tos:::logs": "tos:bucket"})
    assert problems("tos:bucket", ("trn:tos:::logs",), region="cn-beijing") == []


def test_keys_and_values_in_use_are_those_of_the_resources():
    listed = rows(ONE, env="prod", owner="li") + rows(TWO, env="test")
    wire = cloud(done("GetResources", {"NextToken": "more", "ResourceTagMappingList": listed}))
    keys = asked(wire, "names")
    assert (keys.names, keys.next, keys.tags) == (("env", "owner"), "more", None)
    assert asked(wire, "names", tag=Tag("env", None)).names == ("prod", "test")
