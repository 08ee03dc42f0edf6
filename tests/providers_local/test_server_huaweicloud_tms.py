"""What the local Tag Management Service answers, over real HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.providers import HuaweicloudTmsOptions, HuaweicloudTmsServer
from untag.signing import Credentials, HuaweiAuth

P, Q = "5f0c2a9d8e7b46310f00c0de00000001", "5f0c2a9d8e7b46310f00c0de00000002"
NOT_FOUND = "The resources requested cannot be found."
Call = Callable[..., httpx.Response]


@pytest.fixture
def tms() -> Iterator[HuaweicloudTmsServer]:
    with HuaweicloudTmsServer() as server:
        yield prepared(server)


def prepared(server: HuaweicloudTmsServer) -> HuaweicloudTmsServer:
    for name in ("i-1", "i-2"):
        server.tags.load([{"region": P, "type": "ecs", "id": name, "tags": {"env": "prod", "a": "b"}}])
    server.tags.load([{"region": Q, "type": "ecs", "id": "i-1", "tags": {"env": "test"}}])
    server.tags.load([{"type": "cdn", "id": "static.example.com", "tags": {"env": "prod"}}])
    return server


@pytest.fixture
def ask(client: httpx.Client) -> Call:
    """Calls a path, signed: server, method, path, body."""

    def call(server: HuaweicloudTmsServer, method: str, path: str, body: Any = None) -> httpx.Response:
        content = {} if body is None else {"json": body}
        auth = HuaweiAuth(Credentials(**server.secrets["default"]))
        return client.request(method, f"{server.url}{path}", auth=auth, **content)

    return call


def naming(*ids: str, type_: str = "ecs", project: str | None = P, **tags: str | None) -> dict[str, Any]:
    """The body of a batch."""
    return {
        **({} if project is None else {"project_id": project}),
        "resources": [{"resource_id": id_, "resource_type": type_} for id_ in ids],
        "tags": [{"key": key} if value is None else {"key": key, "value": value} for key, value in tags.items()],
    }


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code, out of an envelope that is nested unless it is the gateway's."""
    document = response.json()
    if "error" in document:
        assert list(document) == ["error"]
        document = document["error"]
        assert not document["error_code"].startswith("APIGW.")
        assert set(document) == {"error_code", "error_msg"}
    else:
        assert document["error_code"].startswith("APIGW.")
        assert set(document) == {"error_code", "error_msg", "request_id"}
    assert len(response.headers["X-Request-Id"]) == 32
    return response.status_code, document["error_code"]


DELETE, CREATE = "/v1.0/resource-tags/batch-delete", "/v1.0/resource-tags/batch-create"


def test_deleting_is_by_key_and_within_one_project(tms: HuaweicloudTmsServer, ask: Call) -> None:
    response = ask(tms, "POST", DELETE, naming("i-1", "i-2", env="another value", a=None, nothing="x"))
    assert (response.status_code, response.json()) == (200, {"failed_resources": []})
    assert response.headers["X-Request-Id"] == tms.calls[0].request_id
    held = tms.tags.snapshot()["default"]
    assert held[P]["ecs"] == {"i-1": {}, "i-2": {}}
    assert held[Q]["ecs"] == {"i-1": {"env": "test"}}
    call = tms.calls[0]
    assert (call.operation, call.region, call.type, call.pairs, call.applied) == ("batch-delete", P, "ecs", 6, 4)
    assert {(change.region, change.id, change.key, change.before) for change in tms.tags.history} == {
        (P, "i-1", "env", "prod"),
        (P, "i-1", "a", "b"),
        (P, "i-2", "env", "prod"),
        (P, "i-2", "a", "b"),
    }


def test_a_global_resource_needs_no_project_and_a_regional_one_does(tms: HuaweicloudTmsServer, ask: Call) -> None:
    for project in (None, P):
        tms.tags.put("", "cdn", "static.example.com", "env", "prod")
        body = naming("static.example.com", type_="cdn", project=project, env="prod")
        assert ask(tms, "POST", DELETE, body).json() == {"failed_resources": []}
        assert tms.tags.get("default", "", "cdn", "static.example.com") == {}
    assert refusal(ask(tms, "POST", DELETE, naming("i-1", project=None, env="prod"))) == (400, "TMS.2011")


def test_a_resource_that_fails_is_listed_in_a_success(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.faults.add("partial", ids=["i-2"], code="TMS.0006")
    listed = ask(tms, "POST", DELETE, naming("i-0", "i-1", "i-2", env="prod")).json()["failed_resources"]
    assert listed == [
        {
            "resource_id": "i-0",
            "resource_type": "ecs",
            "error_code": "TMS.0005",
            "error_msg": "The resources requested cannot be found.",
        },
        {
            "resource_id": "i-2",
            "resource_type": "ecs",
            "error_code": "TMS.0006",
            "error_msg": "The request is Too much, try again later.",
        },
    ]
    assert [(change.id, change.key) for change in tms.tags.history] == [("i-1", "env")]


def test_a_rule_for_one_key_fails_the_resource_and_spares_its_other_tags(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.faults.add("partial", ids=["i-1"], keys=["env"])
    listed = ask(tms, "POST", DELETE, naming("i-1", "i-2", env=None, a=None)).json()["failed_resources"]
    assert [entry["resource_id"] for entry in listed] == ["i-1"]
    assert tms.tags.snapshot()["default"][P]["ecs"] == {"i-1": {"env": "prod"}, "i-2": {}}


def test_answers_may_speak_of_other_ids(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.faults.add("other_ids", ids=["i-2"])
    listed = ask(tms, "POST", DELETE, naming("i-1", "i-2", env="prod")).json()["failed_resources"]
    assert [(entry["resource_id"], entry["error_code"]) for entry in listed] == [("I-2", "TMS.0002")]
    assert [(change.id, change.key) for change in tms.tags.history] == [("i-1", "env")]
    read = ask(tms, "GET", f"/v2.0/resources/i-2/tags?project_id={P}&resource_type=ecs").json()
    assert (read["resource_id"], [tag["key"] for tag in read["tags"]]) == ("I-2", ["env", "a"])
    assert list(ask(tms, "GET", f"/v2.0/resources/i-1/tags?project_id={P}&resource_type=ecs").json()) == ["tags"]


def test_what_no_document_says_is_an_option(ask: Call) -> None:
    options = HuaweicloudTmsOptions(compare_values=True, unbound="failed", unknown_id="refused", read_unknown="empty")
    with HuaweicloudTmsServer(options=options) as server:
        prepared(server)
        listed = ask(server, "POST", DELETE, naming("i-1", "i-2", env="another value")).json()["failed_resources"]
        assert [entry["resource_id"] for entry in listed] == ["i-1", "i-2"]
        assert server.tags.history == []
        assert refusal(ask(server, "POST", DELETE, naming("i-1", "i-0", env="prod"))) == (404, "TMS.0005")
        assert ask(server, "GET", f"/v2.0/resources/i-0/tags?project_id={P}&resource_type=ecs").json() == {"tags": []}
    with HuaweicloudTmsServer(options=HuaweicloudTmsOptions(max_resources=20, max_key=36, max_value=43)) as server:
        many = [f"i-{number}" for number in range(21)]
        assert refusal(ask(server, "POST", DELETE, naming(*many, env=None))) == (400, "TMS.0002")
        assert refusal(ask(server, "POST", DELETE, naming("i-1", **{"k" * 37: None}))) == (400, "TMS.0009")
        assert refusal(ask(server, "POST", DELETE, naming("i-1", k="v" * 44))) == (400, "TMS.0010")


def test_creating_replaces_values_and_stops_at_twenty(tms: HuaweicloudTmsServer, ask: Call) -> None:
    assert ask(tms, "POST", CREATE, naming("i-1", "i-2", env="", c="d")).json() == {"failed_resources": []}
    assert tms.tags.get("default", P, "ecs", "i-1") == {"env": "", "a": "b", "c": "d"}
    for key in range(12):
        tms.tags.put(P, "ecs", "i-1", f"k{key}")
    more = naming("i-1", "i-2", **{f"m{number}": "v" for number in range(6)})
    listed = ask(tms, "POST", CREATE, more).json()["failed_resources"]
    assert [entry["resource_id"] for entry in listed] == ["i-1"]
    assert "m0" in (tms.tags.get("default", P, "ecs", "i-2") or {})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"resources": []}, "TMS.0002"),
        ({"resources": [{"resource_id": "i-1"}]}, "TMS.0002"),
        ({"resources": [{"resource_id": str(number), "resource_type": "ecs"} for number in range(51)]}, "TMS.0002"),
        ({"resources": [{"resource_id": "i-1", "resource_type": "ECS"}]}, "TMS.5027"),
        ({"project_id": ""}, "TMS.2011"),
        ({"project_id": 7}, "TMS.2011"),
        ({"tags": []}, "TMS.0012"),
        ({"tags": [{}]}, "TMS.0013"),
        ({"tags": [{"key": f"k{number}"} for number in range(11)]}, "TMS.0002"),
        ({"tags": [{"key": "k" * 129}]}, "TMS.0009"),
        ({"tags": [{"key": "a"}, {"key": "a"}]}, "TMS.0009"),
        ({"tags": [{"key": "a", "value": "v" * 256}]}, "TMS.0010"),
    ],
)
def test_what_is_malformed_is_refused_as_a_whole(
    tms: HuaweicloudTmsServer, ask: Call, changes: dict[str, Any], expected: str
) -> None:
    assert refusal(ask(tms, "POST", DELETE, naming("i-1", env="prod") | changes)) == (400, expected)
    assert tms.tags.history == []


def test_a_tag_without_a_value_cannot_be_created(tms: HuaweicloudTmsServer, ask: Call) -> None:
    assert refusal(ask(tms, "POST", CREATE, naming("i-1", env=None))) == (400, "TMS.0010")


def test_a_resources_tags_are_read_one_resource_at_a_time(tms: HuaweicloudTmsServer, ask: Call) -> None:
    where = f"tags?project_id={P}&resource_type=ecs"
    assert ask(tms, "GET", f"/v2.0/resources/i-1/{where}").json() == {
        "tags": [{"key": "env", "value": "prod"}, {"key": "a", "value": "b"}]
    }
    assert (tms.calls[0].operation, tms.calls[0].region, tms.calls[0].ids) == ("tags", P, ("i-1",))
    assert refusal(ask(tms, "GET", f"/v2.0/resources/i-0/{where}")) == (404, "TMS.0005")
    assert refusal(ask(tms, "GET", "/v2.0/resources/i-1/tags?resource_type=ecs")) == (400, "TMS.2011")
    assert refusal(ask(tms, "GET", f"/v2.0/resources/i-1/tags?project_id={P}")) == (400, "TMS.5027")
    assert refusal(ask(tms, "GET", f"/v2.0/resources/a%2Fb/{where}")) == (404, "APIGW.0101")


def test_a_search_pages_by_offset(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.tags.put(P, "disk", "v-1")

    def search(**body: Any) -> tuple[list[str], int]:
        asked = {"project_id": P, "resource_types": ["ecs", "disk"], **body}
        found = ask(tms, "POST", "/v1.0/resource-instances/filter", asked).json()
        assert found["errors"] == []
        return [row["resource_id"] for row in found["resources"]], found["total_count"]

    assert search() == (["i-1", "i-2", "v-1"], 3)
    assert search(limit=1, offset=1) == (["i-2"], 3)
    assert search(limit=200, offset=3) == ([], 3)
    assert search(tags=[{"key": "env", "values": ["prod", "x"]}, {"key": "a", "values": []}]) == (["i-1", "i-2"], 2)
    assert search(tags=[{"key": "env", "values": ["test"]}], project_id=Q) == (["i-1"], 1)
    assert search(without_any_tag=True) == (["v-1"], 1)
    path = "/v1.0/resource-instances/filter"
    asked = {"project_id": P, "resource_types": ["ecs"]}
    assert refusal(ask(tms, "POST", path, asked | {"limit": 201})) == (400, "TMS.0007")
    assert refusal(ask(tms, "POST", path, asked | {"offset": -1})) == (400, "TMS.0017")
    assert refusal(ask(tms, "POST", path, {"project_id": P})) == (400, "TMS.5027")
    assert refusal(ask(tms, "POST", path, {"resource_types": ["ecs"]})) == (400, "TMS.2011")


def test_keys_and_values_page_by_marker(tms: HuaweicloudTmsServer, ask: Call) -> None:
    first = ask(tms, "GET", "/v1.0/tag-keys?limit=1").json()
    assert first == {"keys": ["a"], "page_info": {"next_marker": "1", "current_count": 1}}
    last = ask(tms, "GET", "/v1.0/tag-keys?limit=1&marker=1").json()
    assert last == {"keys": ["env"], "page_info": {"next_marker": "", "current_count": 1}}
    assert ask(tms, "GET", "/v1.0/tag-values?key=env").json()["values"] == ["prod", "test"]
    assert refusal(ask(tms, "GET", "/v1.0/tag-values")) == (400, "TMS.0009")
    assert refusal(ask(tms, "GET", "/v1.0/tag-keys?marker=x")) == (400, "TMS.0008")


def test_a_projects_tags_and_the_services_are_listed(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tags = ask(tms, "GET", f"/v1.0/tags?resource_types=ecs&project_id={Q}").json()
    assert tags == {"tags": [{"key": "env", "values": ["test"]}], "errors": []}
    listed = ask(tms, "GET", "/v1.0/tms/providers?limit=2&offset=1").json()
    assert ([row["provider"] for row in listed["providers"]], listed["total_count"]) == (["as", "ims"], 6)
    (cdn,) = ask(tms, "GET", "/v1.0/tms/providers?provider=cdn").json()["providers"]
    assert [(type_["resource_type"], type_["global"], type_["regions"]) for type_ in cdn["resource_types"]] == [
        ("cdn", True, [])
    ]
    assert refusal(ask(tms, "GET", "/v1.0/tms/providers?limit=201")) == (400, "TMS.0007")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"do": "throttle"}, (429, "APIGW.0308")),
        ({"do": "forbidden", "code": "TMS.0006"}, (403, "TMS.0006")),
        ({"do": "forbidden"}, (403, "APIGW.0302")),
        ({"do": "unauthorized", "code": "TMS.0003"}, (401, "TMS.0003")),
        ({"do": "status", "code": "TMS.0001"}, (500, "TMS.0001")),
        ({"do": "refuse", "ids": ["i-1"], "code": "TMS.0002"}, (400, "TMS.0002")),
    ],
)
def test_a_failure_on_order_comes_in_the_envelope_of_whoever_speaks(
    tms: HuaweicloudTmsServer, ask: Call, rule: dict[str, Any], expected: tuple[int, str]
) -> None:
    tms.faults.add(**rule)
    assert refusal(ask(tms, "POST", DELETE, naming("i-1", env="prod"))) == expected
    assert tms.tags.history == []


def test_there_is_no_count_in_its_answers_that_could_be_wrong(tms: HuaweicloudTmsServer) -> None:
    with pytest.raises(ValueError, match="no room"):
        tms.faults.add("count")


def test_a_wrong_secret_a_wrong_account_and_a_wrong_path_are_told_by_the_gateway(
    tms: HuaweicloudTmsServer, client: httpx.Client, ask: Call
) -> None:
    secret = tms.secrets["default"]
    for changes in ({"secret_key": "wrong"}, {"domain_id": "another"}):
        auth = HuaweiAuth(Credentials(**(secret | changes)))
        response = client.post(f"{tms.url}{DELETE}", json=naming("i-1", env="prod"), auth=auth)
        assert refusal(response) == (401, "APIGW.0301")
    assert refusal(ask(tms, "POST", "/v1.0/resource-tags/batch-drop", {})) == (404, "APIGW.0101")
    assert refusal(ask(tms, "GET", DELETE)) == (404, "APIGW.0101")
    assert tms.tags.history == []


def test_a_body_that_is_no_json_and_one_over_twelve_megabytes_are_refused(tms: HuaweicloudTmsServer, ask: Call) -> None:
    assert refusal(ask(tms, "POST", DELETE, ["i-1"])) == (400, "TMS.0002")
    assert refusal(ask(tms, "POST", DELETE, naming("i-1", k="v" * 13 * 1024 * 1024))) == (413, "APIGW.0201")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("flat", {"error_code": "TMS.0005", "error_msg": NOT_FOUND}),
        ("camel", {"errorCode": "TMS.0005", "errorMsg": NOT_FOUND}),
        ("short", {"code": "TMS.0005", "message": NOT_FOUND}),
        ("nested", {"error": {"error_code": "TMS.0005", "error_msg": NOT_FOUND}}),
        ("nested_camel", {"error": {"errorCode": "TMS.0005", "errorMsg": NOT_FOUND}}),
        ("nested_short", {"error": {"code": "TMS.0005", "message": NOT_FOUND}}),
        ("any_name", {"itemNotFound": {"code": "TMS.0005", "message": NOT_FOUND}}),
        ("deep", {"result": {"reason": {"errorCode": "TMS.0005", "errorMsg": NOT_FOUND}}}),
    ],
)
def test_an_error_comes_in_the_shape_that_is_set(
    tms: HuaweicloudTmsServer, ask: Call, shape: str, expected: dict[str, Any]
) -> None:
    tms.error_shape = shape
    read = ask(tms, "GET", f"/v2.0/resources/i-0/tags?project_id={P}&resource_type=ecs")
    assert (read.status_code, read.json()) == (404, expected)
    assert read.headers["X-Request-Id"] == tms.calls[0].request_id
    assert tms.calls[0].code == "TMS.0005"
    (entry,) = ask(tms, "POST", DELETE, naming("i-0", "i-1", env="prod")).json()["failed_resources"]
    assert entry == {"resource_id": "i-0", "resource_type": "ecs", **expected}
    gateway = ask(tms, "GET", "/v9/nowhere").json()
    assert gateway["request_id"] == tms.calls[2].request_id
    tms.error_shape = None
    assert refusal(ask(tms, "GET", "/v9/nowhere")) == (404, "APIGW.0101")


def test_an_error_may_come_as_text_and_a_failed_resource_is_flat_then(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.error_shape = "text"
    response = ask(tms, "GET", "/v9/nowhere")
    assert (response.status_code, response.headers["content-type"]) == (404, "text/plain")
    assert response.text == "The API does not exist or has not been published in the environment"
    (entry,) = ask(tms, "POST", DELETE, naming("i-0", env="prod")).json()["failed_resources"]
    assert (entry["error_code"], entry["error_msg"]) == ("TMS.0005", NOT_FOUND)


def test_errors_may_take_every_shape_in_turn(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.error_shape = "in_turn"
    bodies = [ask(tms, "GET", f"/v2.0/resources/i-0/tags?project_id={P}&resource_type=ecs").text for _ in range(18)]
    assert len(set(bodies)) == 9
    assert bodies[:9] == bodies[9:]


def test_a_shape_that_is_none_is_refused(tms: HuaweicloudTmsServer) -> None:
    with pytest.raises(ValueError, match="nested_short"):
        tms.error_shape = "round"


def test_null_or_nothing_may_stand_for_a_list_without_elements(tms: HuaweicloudTmsServer, ask: Call) -> None:
    tms.tags.put(P, "ecs", "i-bare")
    read = f"/v2.0/resources/i-bare/tags?project_id={P}&resource_type=ecs"
    listing = {"project_id": P, "resource_types": ["disk"]}
    for empty, tags, failed in (
        ("null", {"tags": None}, {"failed_resources": None}),
        ("left_out", {}, {}),
        ("list", {"tags": []}, {"failed_resources": []}),
    ):
        tms.empty_lists = empty  # type: ignore[assignment]
        assert ask(tms, "GET", read).json() == tags
        assert ask(tms, "POST", DELETE, naming("i-1", nothing=None)).json() == failed
        found = ask(tms, "POST", "/v1.0/resource-instances/filter", listing).json()
        none = [] if empty == "list" else None
        assert found == {"resources": none, "errors": none, "total_count": 0}
        assert len(ask(tms, "GET", read.replace("i-bare", "i-2")).json()["tags"]) == 2


def test_an_id_that_is_no_resource_may_be_told_by_the_service_behind_it(ask: Call) -> None:
    options = HuaweicloudTmsOptions(not_found_code="Ecs.0114", read_untagged="refused")
    with HuaweicloudTmsServer(options=options) as server:
        prepared(server)
        server.tags.put(P, "ecs", "i-bare")
        server.error_shape = "nested_short"
        where = f"tags?project_id={P}&resource_type=ecs"
        for id_ in ("i-0", "i-bare"):
            response = ask(server, "GET", f"/v2.0/resources/{id_}/{where}")
            error = {"message": f"Instance[{id_}] could not be found.", "code": "Ecs.0114"}
            assert (response.status_code, response.json()) == (404, {"error": error})
        listed = ask(server, "POST", DELETE, naming("i-0", "i-bare", env="prod")).json()["failed_resources"]
        assert [entry["resource_id"] for entry in listed] == ["i-0"]
