"""Removals, restores and sweeps at the local Tencent Cloud, from a record to the truth table."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from service_house import House, record, tag_list, taken_away
from sweep_support import sweep_at

from local.providers import Account, TencentcloudOptions, TencentcloudServer, TencentcloudStsServer

HOST, STS = "tencent.example.com", "sts.example.com"
ENDPOINTS = f"tencentcloud.tag=https://{HOST},tencentcloud.sts=https://{STS}"
REGION, UIN = "ap-guangzhou", "100000000001"


def name(id_: str, type_: str = "cvm:instance") -> str:
    service, _, prefix = type_.partition(":")
    return f"qcs::{service}:{REGION}:uin/{UIN}:{prefix}/{id_}"


def put(
    cloud: TencentcloudServer, *ids: str, tags: Mapping[str, str] = {"env": "prod"}, type_: str = "cvm:instance"
) -> None:
    cloud.tags.load([{"region": REGION, "type": type_, "id": name(id_, type_), "tags": tags} for id_ in ids])


@contextmanager
def house_of(cloud: TencentcloudServer, sts: TencentcloudStsServer | None = None, **environ: str) -> Iterator[House]:
    variables = {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS, **environ}
    with House(environ=variables) as house:
        clouds = house.wire.clouds
        clouds |= {HOST: cloud, STS: sts or TencentcloudStsServer(cloud.credentials)}
        yield house


def request(
    *ids: str, tags: Mapping[str, str] | str = {"env": "prod"}, type_: str = "cvm:instance", **fields: Any
) -> dict[str, Any]:
    return {
        "id": "chg-1",
        "provider": "tencentcloud",
        "region": REGION,
        "resources": [{"type": type_, "ids": list(ids)}],
        "tags": tag_list(tags),
        **fields,
    }


@pytest.fixture
def cloud() -> TencentcloudServer:
    return TencentcloudServer()


def test_tags_are_removed_by_bare_id_and_by_name_and_each_row_has_what_stood_there(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", "ins-2", tags={"env": "prod", "team": "x", "project": "0"})
    raw = request("ins-1", name("ins-2"), "ins-none", tags={"env": "prod", "team": "y", "project": "0"})
    with house_of(cloud) as house:
        assert house.batch(record(raw)) == []
        house.check(raw)
        found = {(row["resource_id"], row["key"]): (row["outcome"], row.get("was", "-")) for row in house.rows("chg-1")}
    for id_ in ("ins-1", name("ins-2")):
        assert found[id_, "env"] == ("removed", "prod")
        assert found[id_, "team"] == ("absent", "x")
        assert found[id_, "project"] == ("protected", "-")
    assert found["ins-none", "env"] == ("absent", None)
    assert taken_away(cloud) == {(name(id_), "env", "prod") for id_ in ("ins-1", "ins-2")}


def test_a_hundred_resources_with_equal_tags_take_ten_reads_and_ten_writes(cloud: TencentcloudServer) -> None:
    ids = [f"ins-{number}" for number in range(100)]
    put(cloud, *ids)
    with house_of(cloud, UNTAG_RATE="100000") as house:
        for start in range(0, 100, 25):
            raw = request(*ids[start : start + 25], id=f"chg-{start}")
            assert house.batch(record(raw, f"m-{start}")) == []
    assert Counter(call.operation for call in cloud.calls) == Counter({"GetResources": 12, "UnTagResources": 12})
    assert cloud.tags.pairs() == set()


def test_names_of_several_types_share_one_call(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1")
    put(cloud, "cdb-1", type_="cdb:instanceId")
    raw = request()
    raw["resources"] = [
        {"type": "cvm:instance", "ids": [name("ins-1")]},
        {"type": "cdb:instanceId", "ids": [name("cdb-1", "cdb:instanceId")]},
    ]
    with house_of(cloud) as house:
        house.work_at(raw)
    assert [call.operation for call in cloud.calls] == ["GetResources", "UnTagResources"]
    assert cloud.tags.pairs() == set()


def test_a_dry_run_reads_and_writes_nothing(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1")
    with house_of(cloud) as house:
        house.batch(record(request("ins-1", dry_run=True)))
        assert house.outcomes("chg-1") == {("ins-1", "env"): "would_remove"}
    assert [call.operation for call in cloud.calls] == ["GetResources"]


def test_every_tag_means_all_but_the_clouds_own(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", tags={"env": "prod", "部门": "研发", "project": "0", "qcs:tag:createdBy": "Root:1"})
    with house_of(cloud) as house:
        house.batch(record(request("ins-1", tags="all")))
        assert house.outcomes("chg-1") == {("ins-1", "env"): "removed", ("ins-1", "部门"): "removed"}
    assert {pair.key for pair in cloud.tags.pairs()} == {"project", "qcs:tag:createdBy"}


def test_what_was_removed_can_be_put_back_and_what_has_changed_since_is_left_alone(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", "ins-2")
    removal = request("ins-1", "ins-2")
    with house_of(cloud) as house:
        house.batch(record(removal))
        put(cloud, "ins-2", tags={"env": "dev"})
        put(cloud, "ins-1", tags={"team": "x"})
        house.batch(record({**removal, "id": "back", "action": "restore"}))
        assert house.outcomes("back") == {("ins-1", "env"): "restored", ("ins-2", "env"): "protected"}
    assert cloud.tags.get("default", REGION, "cvm:instance", name("ins-1")) == {"team": "x", "env": "prod"}


def test_a_busy_resource_is_asked_again_later_and_takes_no_neighbour_down(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", "ins-2")
    cloud.faults.add("partial", ids=[name("ins-2")])
    raw = request("ins-1", "ins-2")
    with house_of(cloud) as house:
        house.work_at(raw)
        assert house.outcomes("chg-1") == {("ins-1", "env"): "removed"}
        (left,) = house.aws.messages()
        assert left["resources"] == [{"type": "cvm:instance", "ids": ["ins-2"]}]


def test_a_resource_that_fails_for_good_is_asked_tag_by_tag_and_read_back(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", "ins-2", tags={"env": "prod", "team": "x"})
    fault = {"code": "OperationDenied", "message": "the instance is in arrears"}
    cloud.faults.add("partial", ids=[name("ins-2")], keys=["team"], **fault)
    raw = request("ins-1", "ins-2", tags={"env": "prod", "team": "x"})
    with house_of(cloud) as house:
        house.work_at(raw)
        rows = {(row["resource_id"], row["key"]): row for row in house.rows("chg-1")}
    outcomes = {pair: row["outcome"] for pair, row in rows.items()}
    assert outcomes.pop(("ins-2", "team")) == "failed"
    assert set(outcomes.values()) <= {"removed", "absent"}
    failed = rows["ins-2", "team"]
    assert (failed["code"], failed["message"]) == ("OperationDenied", "the instance is in arrears")
    assert failed["provider_request_id"]
    assert {pair[4:] for pair in cloud.tags.pairs()} == {("team", "x")}


@pytest.mark.parametrize("absent", ["failed", "done"])
def test_a_key_that_is_not_attached_is_never_a_failure(absent: Any) -> None:
    cloud = TencentcloudServer(options=TencentcloudOptions(absent_key=absent, unknown_name=absent))
    put(cloud, "ins-1", tags={"env": "prod", "team": "x"})
    raw = request("ins-1", "ins-none", tags={"env": "prod", "none": "x"})
    with house_of(cloud, UNTAG_READ_FIRST="off") as house:
        house.work_at(raw)
        expected = {"absent"} if absent == "failed" else {"removed"}
        assert {row["outcome"] for row in house.rows("chg-1") if row["key"] == "none"} == expected
    assert {pair.key for pair in cloud.tags.pairs()} == {"team"}


@pytest.mark.parametrize("how", ["list", "null"])
def test_no_failures_are_a_list_or_null(how: Any) -> None:
    cloud = TencentcloudServer(options=TencentcloudOptions(no_failures=how))
    put(cloud, "ins-1")
    with house_of(cloud) as house:
        house.batch(record(request("ins-1")))
        assert house.outcomes("chg-1") == {("ins-1", "env"): "removed"}


@pytest.mark.parametrize("rule", ["empty", "not_json", "truncate", "reset", "redirect", "other_ids"])
@pytest.mark.parametrize("operation", ["reading", "writing"])
def test_an_answer_that_cannot_be_believed_is_no_removal(cloud: TencentcloudServer, rule: str, operation: str) -> None:
    put(cloud, "ins-1")
    cloud.faults.add(rule, operation=operation)
    raw = request("ins-1")
    with house_of(cloud) as house:
        house.work_at(raw)
        assert "removed" not in house.outcomes("chg-1").values()


def test_a_throttle_inside_a_200_slows_the_account_and_the_pairs_wait(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1")
    cloud.faults.add("throttle", operation="writing")
    raw = request("ins-1")
    with house_of(cloud) as house:
        house.work_at(raw)
        (left,) = house.aws.messages()
        assert left["attempt"] == 2
    assert {call.status for call in cloud.calls} == {200}


def test_a_refused_key_is_not_used_again_and_its_text_is_not_passed_on() -> None:
    cloud = TencentcloudServer({"AKIDFAKE": Account("another", domain_id=UIN)})
    put(cloud, "ins-1")
    sts = TencentcloudStsServer(cloud.credentials)
    with house_of(cloud, sts, TENCENTCLOUD_SECRET_KEY="wrong") as house:
        house.batch(record(request("ins-1")), record(request("ins-1", id="chg-2"), "m-2"))
        assert len(house.aws.messages()) == 2
    assert [call.code for call in (*sts.calls, *cloud.calls)] == ["AuthFailure.SignatureFailure"]


def test_one_bad_resource_does_not_take_down_its_neighbours(cloud: TencentcloudServer) -> None:
    ids = [f"ins-{number}" for number in range(10)]
    put(cloud, *ids)
    code = "InvalidParameterValue.ResourceIdInvalid"
    cloud.faults.add("refuse", operation="writing", ids=[name("ins-7")], code=code)
    raw = request(*ids)
    with house_of(cloud) as house:
        house.work_at(raw)
        outcomes = house.outcomes("chg-1")
    assert outcomes.pop(("ins-7", "env")) == "failed"
    assert set(outcomes.values()) == {"removed"}


def test_a_missing_permission_is_told_with_its_code(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1", "ins-2")
    cloud.faults.add("forbidden", operation="writing")
    with house_of(cloud) as house:
        house.batch(record(request("ins-1", "ins-2")))
        assert {row["code"] for row in house.rows("chg-1")} == {"AuthFailure.UnauthorizedOperation"}
    assert len([call for call in cloud.calls if call.writing]) == 3


def test_a_bare_id_needs_no_uin_in_the_credentials(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1")
    with house_of(cloud, TENCENTCLOUD_UIN="") as house:
        house.batch(record(request("ins-1", "ins-none")))
        assert house.outcomes("chg-1") == {("ins-1", "env"): "removed", ("ins-none", "env"): "absent"}


def test_a_bare_id_fails_before_any_call_where_neither_sts_nor_the_credentials_say_whose_it_is(
    cloud: TencentcloudServer,
) -> None:
    put(cloud, "ins-1", "ins-2")
    sts = TencentcloudStsServer(cloud.credentials)
    sts.faults.add("forbidden")
    with house_of(cloud, sts, TENCENTCLOUD_UIN="") as house:
        house.batch(record(request("ins-1")), record(request(name("ins-2"), id="chg-2"), "m-2"))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["code"]) == ("failed", "no_account_id")
        assert house.outcomes("chg-2") == {(name("ins-2"), "env"): "removed"}
    assert {id_ for call in cloud.calls for id_ in call.ids} == {name("ins-2")}


def test_a_resource_of_another_account_fails_by_itself(cloud: TencentcloudServer) -> None:
    put(cloud, "ins-1")
    other = name("ins-2").replace(UIN, "100000000002")
    with house_of(cloud) as house:
        house.batch(record(request(name("ins-1"), other)))
        rows = {row["resource_id"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
    assert rows == {name("ins-1"): ("removed", None), other: ("failed", "account_mismatch")}
    assert {id_ for call in cloud.calls for id_ in call.ids} == {name("ins-1")}


def test_a_resource_of_an_unknown_type_that_is_not_listed_is_not_called_absent(cloud: TencentcloudServer) -> None:
    with house_of(cloud) as house:
        house.batch(record(request("ins-1", type_="cvm:instances")))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["code"]) == ("failed", "not_listed")
    assert not [call for call in cloud.calls if call.writing]


def test_a_sweep_finds_every_resource_of_the_type_in_the_region_page_by_page(cloud: TencentcloudServer) -> None:
    ids = [f"ins-{number:03}" for number in range(450)]
    put(cloud, *ids, tags={"tmp": "x", "owner": "li"})
    put(cloud, "cdb-1", tags={"tmp": "x"}, type_="cdb:instanceId")
    elsewhere = name("ins-999").replace(REGION, "ap-beijing")
    cloud.tags.load([{"region": "ap-beijing", "type": "cvm:instance", "id": elsewhere, "tags": {"tmp": "x"}}])
    rule = {
        "name": "tmp",
        "provider": "tencentcloud",
        "regions": [REGION],
        "types": ["cvm:instance"],
        "match": {"key": "tmp"},
    }
    requests, report = sweep_at({HOST: cloud}, {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS}, rule)
    assert report["status"] == "succeeded"
    asked = [id_ for one in requests for group in one["resources"] for id_ in group["ids"]]
    assert sorted(asked) == [name(id_) for id_ in ids]


FORGED = [
    {"resources": [{"type": "cvm:instance", "ids": [id_]}]}
    for id_ in (
        "..",
        "../../x",
        "ins-1/../../x",
        "ins%2f..%2fx",
        "ins-1#x",
        "ins-1?Action=DeleteTags",
        "x@evil.example.com",
        "https://evil.example.com/",
        name("*"),
        name("ins-1").replace(UIN, "*"),
        name("ins-1").replace(REGION, "*"),
    )
]
FORGED += [
    {"resources": [{"type": type_, "ids": ["ins-1"]}]} for type_ in ("*:*", "cvm:*", "a.example.com/x:y", "..:..")
]
FORGED += [{"region": region} for region in ("evil.example.com", "ap-guangzhou/..", "ap-guangzhou#", "a@b", "*")]


@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_what_is_forged_is_rejected_as_a_whole_and_nothing_is_called(
    cloud: TencentcloudServer, forged: dict[str, Any]
) -> None:
    put(cloud, "ins-1")
    with house_of(cloud) as house:
        assert house.batch(record(request("ins-1") | forged)) == []
        ((_, attributes),) = house.aws.letters()
        assert attributes["code"] == "invalid"
    assert list(cloud.calls) == []
    assert len(cloud.tags.pairs()) == 1
