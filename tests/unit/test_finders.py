"""Listings: what each cloud is asked, and what its answers mean. No answer that went wrong says "nothing there"."""

import json

import httpx
import pytest
from support import KEY, Wire, run, session

from untag.contracts import Tag
from untag.providers import Finder, Listing, Scope, Verdict
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms
from untag.providers.jdcloud.resourcetag import JDCloud

JD = Scope("jdcloud", "resourcetag", "default", "cn-north-1", None, "vm")
TMS = Scope("huaweicloud", "tms", "default", None, "p1", "ecs")
RMS = Scope("huaweicloud", "config", "default", None, None, "config:aggregators")
PROVIDERS = {"jd": (JDCloud, JD), "tms": (HuaweiTms, TMS), "rms": (HuaweiConfig, RMS)}

ROWS = [{"resource_id": "r-1", "tags": [{"key": "tmp", "value": "x"}]}, {"resource_id": "r-2", "tags": []}]
FOUND = {
    "jd": {
        "requestId": "q",
        "result": {
            "data": {
                "resourceTagMappingList": [
                    {"serviceCode": "vm", "resourceId": "r-1", "tags": [{"key": "tmp", "value": "x"}]},
                    {"serviceCode": "vm", "resourceId": "r-2", "tags": None},
                    {"serviceCode": "disk", "resourceId": "other", "tags": []},
                ]
            }
        },
    },
    "tms": {"resources": ROWS, "total_count": 2, "errors": []},
    "rms": {"resources": ROWS, "total_count": 2},
}
NAMED = {
    "jd": {"requestId": "q", "result": {"data": {"tagKeys": ["a", "b"]}}},
    "tms": {"tags": [{"key": "a", "values": ["1"]}, {"key": "b", "values": []}], "errors": []},
    "rms": {"tags": [{"key": "a", "values": ["1"]}, {"key": "b", "values": []}], "total_count": 9},
}
ALL = pytest.mark.parametrize("name", PROVIDERS)


def ask(name, answer, what, *arguments):
    kind, scope = PROVIDERS[name]
    wire = Wire(answer if isinstance(answer, httpx.Response | Exception) else httpx.Response(200, json=answer))

    async def made():
        provider = kind()
        async with wire.client() as client:
            return await getattr(provider, what)(session(client, provider.auth(KEY, scope)), scope, *arguments)

    return run(made()), wire.requests[0]


def find(name, answer, value=None, cursor=None):
    return ask(name, answer, "find", Tag("tmp", value), cursor)


@ALL
def test_every_provider_can_list(name):
    assert isinstance(PROVIDERS[name][0](), Finder)


@ALL
def test_the_resources_that_are_found_come_with_their_tags(name):
    listing, _ = find(name, FOUND[name])
    assert isinstance(listing, Listing)
    assert listing.verdict is Verdict.DONE
    assert listing.tags == {"r-1": {"tmp": "x"}, "r-2": {}}
    assert listing.next is None


@pytest.mark.parametrize("value", [None, "x"])
def test_what_is_asked_for_is_the_key_and_the_value_if_there_is_one(value):
    values = [value] if value else []
    _, request = find("jd", FOUND["jd"], value)
    assert request.url.path == "/v1/regions/cn-north-1/tags:describeResources"
    wanted = {"key": "tmp", "values": values} if values else {"key": "tmp"}
    assert json.loads(request.content)["resourceVo"] == {"serviceCodes": ["vm"], "tagFilters": [wanted]}
    _, request = find("tms", FOUND["tms"], value, "400")
    assert request.url.path == "/v1.0/resource-instances/filter"
    assert json.loads(request.content) == {
        "project_id": "p1",
        "resource_types": ["ecs"],
        "tags": [{"key": "tmp", "values": values}],
        "limit": 200,
        "offset": 400,
    }
    _, request = find("rms", FOUND["rms"], value, "2000")
    assert request.url.raw_path == (
        b"/v1/resource-manager/config%3Aaggregators/resource-instances/filter?limit=1000&offset=2000"
    )
    assert json.loads(request.content) == {"tags": [{"key": "tmp", "values": values}]}


PAGED = pytest.mark.parametrize(("name", "size"), [("tms", 200), ("rms", 1000)])


def rows(first, number):
    return [{"resource_id": f"r-{n}", "tags": []} for n in range(first, first + number)]


@PAGED
def test_pages_go_from_the_last_to_the_first_since_removals_shift_them(name, size):
    total = 2 * size + 50
    pages = {None: size, str(2 * size): 50, str(size): size, "0": size}
    cursor, seen = None, []
    while True:
        listing, _ = find(
            name, {"resources": rows(int(cursor or 0), pages[cursor]), "total_count": total}, None, cursor
        )
        seen.append(cursor)
        if (cursor := listing.next) is None:
            break
    assert seen == [None, str(2 * size), str(size), "0"]


@PAGED
def test_a_page_of_which_rows_are_missing_is_none(name, size):
    for cursor, number in ((None, size - 1), (str(size), 49)):
        found, _ = find(name, {"resources": rows(0, number), "total_count": size + 50}, None, cursor)
        assert (found.verdict, found.code) == (Verdict.UNAVAILABLE, "short_page")


@PAGED
def test_a_page_behind_the_end_of_a_listing_that_has_shrunk_is_empty_and_goes_on_before_it(name, size):
    listing, _ = find(name, {"resources": [], "total_count": 7}, None, str(2 * size))
    assert (listing.verdict, listing.tags, listing.next) == (Verdict.DONE, {}, str(size))


def test_keys_that_fill_several_pages_go_on_behind_each():
    keys = [{"key": f"k-{n}", "values": []} for n in range(1000)]
    listing, _ = ask("rms", {"tags": keys, "total_count": 1500}, "names", None, None)
    assert (len(listing.names), listing.next) == (1000, "1000")
    last, request = ask("rms", {"tags": keys[:500], "total_count": 1500}, "names", None, "1000")
    assert (len(last.names), last.next) == (500, None)
    assert request.url.query == b"limit=1000&offset=1000"
    assert ask("tms", {"tags": keys, "total_count": 1000}, "names", None, None)[0].next is None


@ALL
def test_keys_in_use_are_named(name):
    listing, _ = ask(name, NAMED[name], "names", None, None)
    assert isinstance(listing, Listing)
    assert listing.names == ("a", "b")


def test_values_of_a_key_are_named():
    listing, request = ask("jd", {"requestId": "q", "result": {"data": {"tagValues": ["1", "2"]}}}, "names", "a", None)
    assert listing.names == ("1", "2")
    assert json.loads(request.content)["tagValuesVo"] == {"tagFilters": [{"key": "a"}]}
    for name in ("tms", "rms"):
        assert ask(name, NAMED[name], "names", "a", None)[0].names == ("1",)


WRONG = (None, [], {}, {"resources": {}, "total_count": 0}, {"resources": [], "total_count": None}, {"tags": {}})
WRONG_ROWS = (
    [7],
    [{}],
    [{"resource_id": "r", "tags": [{"value": "x"}]}],
    [{"resource_id": "r", "tags": "x"}],
    [{"resource_id": "r", "tags": ""}],
    [{"resource_id": None, "tags": []}],
    [{"resource_id": "", "tags": []}],
    [{"resource_id": 7, "tags": []}],
    [{"resource_id": ["r"], "tags": []}],
    [{"resource_id": "r", "tags": [], "resource_type": "another"}],
)


@ALL
@pytest.mark.parametrize("what", ["find", "names"])
@pytest.mark.parametrize("answer", WRONG, ids=str)
def test_an_answer_of_success_without_the_documented_body_is_no_empty_listing(name, what, answer):
    arguments = (Tag("tmp", None), None) if what == "find" else (None, None)
    found, _ = ask(name, httpx.Response(200, json=answer), what, *arguments)
    assert not isinstance(found, Listing)
    assert found.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize("name", ["tms", "rms"])
def test_null_in_place_of_rows_is_a_listing_without_any(name):
    found, _ = find(name, {"resources": None, "errors": None, "total_count": 0})
    assert (found.verdict, found.tags, found.next) == (Verdict.DONE, {}, None)
    named, _ = ask(name, {"tags": None, "errors": None, "total_count": 0}, "names", None, None)
    assert (named.verdict, named.names) == (Verdict.DONE, ())
    values, _ = ask(name, {"tags": [{"key": "a", "values": None}], "total_count": 1}, "names", "a", None)
    assert (values.verdict, values.names) == (Verdict.DONE, ())


@pytest.mark.parametrize("rows", WRONG_ROWS, ids=str)
@pytest.mark.parametrize("name", ["tms", "rms"])
def test_a_row_that_is_none_spoils_the_page(name, rows):
    found, _ = find(name, {"resources": rows, "total_count": 1})
    assert not isinstance(found, Listing)


@pytest.mark.parametrize(
    "data", [{"resourceTagMappingList": [{}]}, {"resourceTagMappingList": 7}, {"other": []}], ids=str
)
def test_a_mapping_that_is_none_spoils_the_answer(data):
    found, _ = find("jd", {"requestId": "q", "result": {"data": data}})
    assert not isinstance(found, Listing)


def test_a_row_that_stands_twice_in_a_page_spoils_it_since_another_may_be_missing():
    found, _ = find("tms", {"resources": [ROWS[0], ROWS[0]], "total_count": 2})
    assert not isinstance(found, Listing)


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ([{"error_code": "TMS.2030", "error_msg": "no"}], Verdict.FORBIDDEN),
        ([{"error_code": "TMS.0006", "error_msg": "too much"}], Verdict.THROTTLED),
        ([{"error_code": "TMS.0002"}, {"error_code": "TMS.0006"}], Verdict.THROTTLED),
        ([{"error_code": "TMS.0002"}], Verdict.FAILED),
        ([{"error_code": "TMS.0005"}], Verdict.FAILED),
        ([{"error_code": "504"}], Verdict.UNAVAILABLE),
        ([{}], Verdict.UNAVAILABLE),
        ({"some": "thing"}, Verdict.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("what", ["find", "names"])
def test_a_service_that_fails_behind_tms_fails_the_listing(errors, verdict, what):
    arguments = (Tag("tmp", None), None) if what == "find" else (None, None)
    found, _ = ask("tms", {"resources": [], "tags": [], "total_count": 0, "errors": errors}, what, *arguments)
    assert not isinstance(found, Listing)
    assert found.verdict is verdict


@ALL
@pytest.mark.parametrize(
    ("status", "verdict"),
    [(401, Verdict.UNAUTHORIZED), (403, Verdict.FORBIDDEN), (429, Verdict.THROTTLED), (503, Verdict.UNAVAILABLE)],
)
@pytest.mark.parametrize("what", ["find", "names"])
def test_an_error_is_judged_as_in_every_other_call(name, status, verdict, what):
    arguments = (Tag("tmp", None), None) if what == "find" else (None, None)
    found, _ = ask(name, httpx.Response(status, json={}), what, *arguments)
    assert found.verdict is verdict


@pytest.mark.parametrize("what", ["find", "names"])
def test_a_region_without_a_known_project_is_told_before_any_call(what):
    arguments = (Tag("tmp", None), None) if what == "find" else (None, None)

    async def made():
        provider = HuaweiTms()
        scope = TMS._replace(region="cn-north-4", project_id=None)
        async with Wire(httpx.Response(200)).client() as client:
            return await getattr(provider, what)(session(client), scope, *arguments)

    assert run(made()).code == "no_project"


def test_an_answer_that_is_longer_than_it_may_be_is_told_as_such():
    async def made():
        provider = JDCloud(listing_bytes=100)
        async with Wire(httpx.Response(200, json=FOUND["jd"])).client() as client:
            return await provider.find(session(client), JD, Tag("tmp", None), None)

    found = run(made())
    assert (found.verdict, found.code) == (Verdict.FAILED, "too_large")
