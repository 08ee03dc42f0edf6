"""Tencent Cloud: what a search finds and in which types, and the keys and values in use, page by page."""

import json

from tencentcloud_support import DATABASE, DOMAIN, INSTANCE, REGION, answered, response, rows

from untag.providers import Verdict


def test_a_search_keeps_what_is_of_the_type_and_the_region_and_goes_on_at_the_token_until_there_is_none():
    elsewhere = INSTANCE.replace(REGION, "ap-beijing")
    fields = {"PaginationToken": "more", "ResourceTagMappingList": rows(INSTANCE, DATABASE, elsewhere, env="prod")}
    answer, (sent,) = answered(response(fields), "find")
    assert json.loads(sent.content) == {
        "TagFilters": [{"TagKey": "env"}],
        "PaginationToken": "",
        "MaxResults": 200,
    }
    assert (answer.tags, answer.next, answer.types) == ({INSTANCE: {"env": "prod"}}, "more", {})
    last, (sent,) = answered(response({"PaginationToken": "", "ResourceTagMappingList": []}), "find", cursor="more")
    assert json.loads(sent.content)["PaginationToken"] == "more"
    assert (last.tags, last.next) == ({}, None)


def test_a_search_of_every_type_names_the_type_of_each_resource():
    fields = {"ResourceTagMappingList": rows(INSTANCE, DATABASE, DOMAIN, env="prod")}
    answer, _ = answered(response(fields), "find", type_="all")
    assert answer.types == {INSTANCE: "cvm:instance", DATABASE: "cdb:instanceId", DOMAIN: "cdn:domain"}


def test_a_listed_resource_without_six_segments_spoils_the_page():
    answer, _ = answered(response({"ResourceTagMappingList": rows("ins-1", env="prod")}), "find")
    assert (answer.verdict, answer.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


def test_keys_and_values_in_use_are_named_page_by_page():
    keys, (sent,) = answered(response({"PaginationToken": "x", "TagKeys": ["a", "b"]}), "keys")
    assert (keys.names, keys.next) == (("a", "b"), "x")
    assert sent.headers["x-tc-action"] == "GetTagKeys"
    values, (sent,) = answered(
        response({"PaginationToken": None, "Tags": [{"TagKey": "env", "TagValue": "prod"}]}), "values", cursor="x"
    )
    assert (values.names, values.next) == (("prod",), None)
    assert json.loads(sent.content) == {"PaginationToken": "x", "MaxResults": 1000, "TagKeys": ["env"]}
