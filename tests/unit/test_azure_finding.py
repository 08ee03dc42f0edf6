"""Azure: the queries of Resource Graph, how its pages are read, and what a listing that went wrong says."""

import httpx
import pytest
from azure_support import ENV, GROUP, TYPE, VM, AzureWire, asked, error
from support import body_of

from untag.contracts import ALL, Tag
from untag.providers import EVERY_TYPE, Listing, Verdict

LOWER = TYPE.lower()
SHOWN = "project id, type, tags | order by id asc"
ANY = "resources | union (resourcecontainers)"
OF_TYPE = f"{ANY} | where type =~ '{TYPE}'"
VALUES = "summarize by name=tostring(t[1]) | order by name asc"
EXPANDED = "mv-expand bagexpansion=array t=tags"


def vm(number):
    return f"{GROUP}/providers/{TYPE}/vm-{number}"


def row(number=1, type_=LOWER, **tags):
    return {"id": vm(number), "type": type_, "tags": tags}


def listed(*rows, total=None, **more):
    body = {"totalRecords": len(rows) if total is None else total, "count": len(rows), "data": list(rows), **more}
    return httpx.Response(200, json={"resultTruncated": "false", **body}, headers={"x-ms-request-id": "req-1"})


@pytest.mark.parametrize(
    ("kind", "type_", "tag", "query"),
    [
        (
            "find",
            TYPE,
            ENV,
            f"{OF_TYPE} | {EXPANDED} | where tostring(t[0]) =~ 'env' and tostring(t[1]) == 'prod' | {SHOWN}",
        ),
        (
            "find",
            EVERY_TYPE,
            Tag("it's", None),
            f"{ANY} | {EXPANDED} | where tostring(t[0]) =~ 'it\\'s' | {SHOWN}",
        ),
        ("names", EVERY_TYPE, ALL, f"{ANY} | {EXPANDED} | summarize by name=tostring(t[0]) | order by name asc"),
        (
            "names",
            TYPE,
            Tag("部门\\", None),
            f"{OF_TYPE} | {EXPANDED} | where tostring(t[0]) =~ '部门\\\\' | {VALUES}",
        ),
    ],
)
def test_a_query_asks_for_keys_in_any_case_and_for_values_as_they_are(kind, type_, tag, query):
    cloud = AzureWire(listed())
    answer = asked(cloud, kind, type_=type_, tag=tag)
    assert isinstance(answer, Listing)
    (sent,) = cloud.requests
    assert str(sent.url) == (
        "https://management.azure.com/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    )
    assert body_of(sent) == {
        "query": query,
        "options": {"$top": 1000, "$skip": 0, "resultFormat": "objectArray"},
    }


@pytest.mark.parametrize("text", ["' or 1==1 //", "\\' | where 1==1", "a\nb", "a'\u2028| take 1"])
def test_nothing_in_a_key_or_a_value_ends_its_literal(text):
    cloud = AzureWire(listed())
    asked(cloud, "find", tag=Tag(text, text))
    query = body_of(cloud.requests[0])["query"]
    assert query.isprintable()
    inside = query.replace("\\\\", "").replace("\\'", "")
    assert inside.count("'") == 6


def test_resources_come_with_all_their_tags_and_with_their_types_where_all_were_asked_for():
    cloud = AzureWire(listed(row(1, env="prod", Team="x"), row(2, env="prod", empty=None)))
    answer = asked(cloud, "find")
    assert answer.tags == {vm(1): {"env": "prod", "Team": "x"}, vm(2): {"env": "prod", "empty": ""}}
    assert (answer.next, answer.types, answer.request_id) == (None, {}, "req-1")
    assert asked(cloud, "find", type_=EVERY_TYPE).types == {vm(1): TYPE, vm(2): TYPE}


def test_a_long_listing_is_read_from_its_last_page_to_its_first():
    pages = {0: [row(n, env="prod") for n in range(1000)], 1000: [row(n, env="prod") for n in range(1000, 2000)]}
    pages[2000] = [row(n, env="prod") for n in range(2000, 2100)]

    def answer(sent):
        offset = body_of(sent)["options"]["$skip"]
        return listed(*pages[offset], total=2100)

    cloud = AzureWire(answer)
    met, cursor, cursors = set(), None, []
    while True:
        page = asked(cloud, "find", cursor=cursor)
        met |= page.tags.keys()
        cursor = page.next
        cursors.append(cursor)
        if cursor is None:
            break
    assert cursors == ["2000", "1000", "0", None]
    assert met == {vm(number) for number in range(2100)}


def test_keys_go_from_page_to_page():
    def answer(sent):
        offset = body_of(sent)["options"]["$skip"]
        return listed(*({"name": f"k{n}"} for n in range(offset, min(offset + 1000, 1500))), total=1500)

    cloud = AzureWire(answer)
    first = asked(cloud, "names", tag=ALL)
    assert (len(first.names), first.next) == (1000, "1000")
    second = asked(cloud, "names", tag=ALL, cursor="1000")
    assert (second.names[0], len(second.names), second.next) == ("k1000", 500, None)


@pytest.mark.parametrize("kind", ["find", "names"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"data": [], "count": 0}),
        httpx.Response(200, json={"totalRecords": 0}),
        httpx.Response(200, json={"totalRecords": "0", "data": []}),
        httpx.Response(200, json={"totalRecords": 1, "data": {"columns": [], "rows": []}}),
        listed({"other": "x"}),
        listed("text"),
        listed({"id": vm(1), "type": TYPE, "tags": ["env"], "name": 5}),
        listed({"id": 7, "type": TYPE, "tags": {}, "name": None}),
    ],
)
def test_a_listing_that_is_not_the_documented_one_is_no_empty_listing(kind, answer):
    judged = asked(AzureWire(answer), kind)
    assert not isinstance(judged, Listing)
    assert (judged.verdict, judged.code) == (Verdict.UNAVAILABLE, "unexpected_answer")


def test_a_page_that_is_cut_short_or_names_one_resource_twice_or_another_type_is_not_believed():
    assert asked(AzureWire(listed(row(1, env="prod"), total=3)), "find").code == "short_page"
    twice = listed(row(1, env="prod"), {**row(1, env="prod"), "id": vm(1).upper()})
    for answer in (twice, listed(row(1, "microsoft.compute/disks", env="prod"))):
        assert asked(AzureWire(answer), "find").code == "unexpected_answer"


def test_a_throttled_query_waits_as_long_as_the_quota_says():
    quota = error(429, "RateLimiting", **{"x-ms-user-quota-resets-after": "00:00:05"})
    answer = asked(AzureWire(quota), "find")
    assert (answer.verdict, answer.retry_after) == (Verdict.THROTTLED, 5.0)
    named = error(429, "RateLimiting", **{"x-ms-user-quota-resets-after": "01:00:00"})
    assert asked(AzureWire(named), "find").retry_after == 900.0
    unnamed = error(429, "RateLimiting", **{"x-ms-user-quota-resets-after": "soon"})
    assert asked(AzureWire(unnamed), "find").retry_after == 0.0


def test_a_refused_query_is_a_failure_and_no_listing():
    for status, code, verdict in (
        (400, "BadRequest", Verdict.FAILED),
        (403, "AuthorizationFailed", Verdict.FORBIDDEN),
        (401, "InvalidAuthenticationToken", Verdict.UNAUTHORIZED),
        (404, "ResourceNotFound", Verdict.NOT_FOUND),
        (500, "InternalServerError", Verdict.UNAVAILABLE),
    ):
        answer = asked(AzureWire(error(status, code)), "names", tag=ALL)
        assert (answer.verdict, isinstance(answer, Listing)) == (verdict, False)


def test_the_id_of_a_found_resource_is_as_the_cloud_writes_it():
    found = {"id": VM.replace("resourceGroups", "resourcegroups"), "type": LOWER, "tags": {"env": "prod"}}
    assert list(asked(AzureWire(listed(found)), "find").tags) == [found["id"]]
