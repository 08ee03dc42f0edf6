"""Google Cloud's search: what is asked, what an answer lists, and sweeps at the local cloud."""

import httpx
import pytest
from gcp_support import BUCKET, BUCKET_TYPE, HOST, INSTANCE, INSTANCE_TYPE, KEY, answered
from support import Wire, run
from sweep_support import sweep_at

from local.providers import GcpServer
from untag.contracts import ALL, Tag
from untag.providers import Listing, Location, Session, Verdict
from untag.providers.gcp.labels import GcpLabels

ROW = {"name": INSTANCE, "assetType": INSTANCE_TYPE, "project": "projects/1", "labels": {"env": "prod"}}


def test_a_search_is_asked_for_as_the_vendors_client_asks():
    _, (request,) = answered({"results": []}, kind="find", tags=(Tag("env", "prod"),))
    assert (request.method, request.url.host) == ("GET", "cloudasset.googleapis.com")
    assert request.url.path == "/v1/projects/demo-project:searchAllResources"
    assert dict(request.url.params.multi_items()) == {
        "assetTypes": INSTANCE_TYPE,
        "pageSize": "500",
        "readMask": "name,assetType,project,labels",
        "orderBy": "name",
        "query": "labels.env=prod",
    }


@pytest.mark.parametrize(
    ("tag", "query"),
    [
        (Tag("env", None), "labels.env:*"),
        (Tag("env", ""), "labels.env:*"),
        (Tag("env", "2026-05-31"), "labels.env:*"),
        (Tag("expires-on", None), None),
        (Tag("部门", "研发"), None),
        (Tag('env" OR name:*', None), None),
        (ALL, None),
    ],
)
def test_what_a_query_may_not_understand_is_picked_out_here(tag, query):
    _, (request,) = answered({}, kind="find", tags=(tag,))
    assert request.url.params.get("query") == query


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (Tag("env", "prod"), {INSTANCE: {"env": "prod"}}),
        (Tag("env", None), {INSTANCE: {"env": "prod"}}),
        (Tag("env", "dev"), {}),
        (Tag("team", None), {}),
        (ALL, {INSTANCE: {"env": "prod"}}),
    ],
)
def test_only_what_bears_the_label_is_listed_whatever_the_index_says(tag, found):
    rows = [ROW, {**ROW, "name": f"{INSTANCE}0", "labels": {}}, {"name": f"{INSTANCE}1", "assetType": INSTANCE_TYPE}]
    answer, _ = answered({"results": rows, "nextPageToken": "t-1"}, kind="find", tags=(tag,))
    assert isinstance(answer, Listing)
    assert (answer.tags, answer.next) == (found, "t-1")


def test_keys_and_values_in_use_are_counted_from_resources():
    rows = [ROW, {**ROW, "labels": {"env": "dev", "team": "web"}}]
    answer, (request,) = answered({"results": rows}, kind="names", tags=(ALL,))
    assert (answer.names, answer.next, request.url.params.get("query")) == (("env", "team"), None, None)
    answer, _ = answered({"results": rows}, kind="names", tags=(Tag("env", None),))
    assert answer.names == ("dev", "prod")


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {"error": {}},
        {"results": {}},
        {"results": [7]},
        {"results": [{**ROW, "name": 7}]},
        {"results": [{**ROW, "labels": []}]},
        {"results": [{**ROW, "labels": {"env": 1}}]},
        {"results": [{**ROW, "assetType": BUCKET_TYPE}]},
        {"results": [], "nextPageToken": 7},
        {"unexpected": True},
    ],
)
def test_a_listing_that_is_not_as_documented_is_never_no_labels(payload):
    answer, _ = answered(httpx.Response(200, json=payload), kind="find", tags=(Tag("env", None),))
    assert not isinstance(answer, Listing)
    assert answer.verdict is Verdict.UNAVAILABLE


def test_a_cursor_that_is_not_taken_any_more_begins_the_listing_anew():
    answer, _ = answered(httpx.Response(400, json={"error": {"code": 400}}), kind="find", tags=(Tag("env", None),))
    assert answer.verdict is Verdict.REFUSED


def test_without_a_project_nothing_is_searched():
    wire = Wire(httpx.Response(200, json={}))

    async def ask():
        provider = GcpLabels(None, {})
        scope = provider.scope(Location("default", None, None), INSTANCE_TYPE)
        async with wire.client() as client:
            return await provider.find(Session(client, KEY, httpx.Auth(), 5.0), scope, Tag("env", None), None)

    answer = run(ask())
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "no_project")
    assert "project_id" in answer.message
    assert wire.requests == []


def swept(cloud, rule):
    """The requests that a sweep asks for, and its report."""
    settings = {**cloud.environment, "UNTAG_ENDPOINTS": f"gcp=https://{HOST}", "UNTAG_RATE": "100000"}
    return sweep_at({HOST: cloud}, settings, {"name": "tmp", "provider": "gcp", "project_id": "demo-project"} | rule)


def test_a_sweep_finds_every_resource_of_the_type_in_the_project_page_by_page():
    cloud = GcpServer()
    names = [f"{INSTANCE}{number:04}" for number in range(600)]
    cloud.tags.load([{"type": INSTANCE_TYPE, "id": name, "tags": {"tmp": "x", "owner": "li"}} for name in names])
    cloud.tags.load([{"type": BUCKET_TYPE, "id": BUCKET, "tags": {"tmp": "x"}}])
    other = INSTANCE.replace("demo-project", "other-project")
    cloud.tags.load([{"type": INSTANCE_TYPE, "id": other, "tags": {"tmp": "x"}}])
    asked, report = swept(cloud, {"types": [INSTANCE_TYPE], "match": {"key": "tmp"}})
    assert report["status"] == "succeeded"
    assert sorted(id_ for one in asked for group in one["resources"] for id_ in group["ids"]) == names
    assert {tag["key"] for one in asked for tag in one["tags"]} == {"tmp"}
    assert {one["project_id"] for one in asked} == {"demo-project"}


def test_a_sweep_of_every_type_and_of_a_pattern_of_keys_leaves_googles_own_alone():
    cloud = GcpServer()
    labels = {"tmp-a": "1", "tmp-b": "2", "goog-tmp": "3", "env": "prod"}
    cloud.tags.load([{"type": INSTANCE_TYPE, "id": INSTANCE, "tags": labels}])
    cloud.tags.load([{"type": BUCKET_TYPE, "id": BUCKET, "tags": {"tmp-b": "2"}}])
    asked, report = swept(cloud, {"types": "all", "match": {"key": {"glob": "*tmp*"}}})
    assert report["status"] == "succeeded"
    pairs = {
        (group["type"], id_, tag["key"])
        for one in asked
        for group in one["resources"]
        for id_ in group["ids"]
        for tag in one["tags"]
    }
    assert pairs == {
        (INSTANCE_TYPE, INSTANCE, "tmp-a"),
        (INSTANCE_TYPE, INSTANCE, "tmp-b"),
        (BUCKET_TYPE, BUCKET, "tmp-b"),
    }


def test_a_sweep_without_a_project_fails_by_name_and_asks_for_nothing():
    cloud = GcpServer()
    asked, report = swept(cloud, {"types": [INSTANCE_TYPE], "match": {"key": "tmp"}, "project_id": None})
    assert asked == []
    assert report["status"] == "failed"
    assert "project_id" in f"{report}"
    assert list(cloud.calls) == []
