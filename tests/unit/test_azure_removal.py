"""Removals, restores and sweeps at the local Azure, from a record to the truth table."""

import time
from collections import Counter
from typing import Any

import pytest
from azure_house import DISK, ENDPOINTS, HOST, LOGIN, VM, house_of, name, put, request
from service_house import record, taken_away
from sweep_support import sweep_at

from local.providers import AzureLoginServer, AzureOptions, AzureServer


@pytest.fixture
def cloud() -> AzureServer:
    return AzureServer()


def test_tags_are_removed_and_each_row_has_what_stood_there(cloud: AzureServer) -> None:
    put(cloud, "vm-1", "vm-2", tags={"env": "prod", "team": "x", "hidden-title": "shop"})
    raw = request("vm-1", "vm-2", "vm-none", tags={"env": "prod", "team": "y", "hidden-title": "shop"})
    with house_of(cloud) as house:
        assert house.batch(record(raw)) == []
        house.check(raw)
        found = {(row["resource_id"], row["key"]): (row["outcome"], row.get("was", "-")) for row in house.rows("chg-1")}
    for id_ in (name("vm-1"), name("vm-2")):
        assert found[id_, "env"] == ("removed", "prod")
        assert found[id_, "team"] == ("absent", "x")
        assert found[id_, "hidden-title"] == ("protected", "-")
    assert found[name("vm-none"), "env"][0] == "not_found"
    assert taken_away(cloud) == {(name(id_), "env", "prod") for id_ in ("vm-1", "vm-2")}


def test_keys_and_ids_in_other_letters_are_the_same_and_the_stored_key_is_sent(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"Env": "prod", "TEAM": "X"})
    raw = request(name("vm-1").upper(), tags={"eNV": "prod", "team": "x"})
    with house_of(cloud) as house:
        house.batch(record(raw), record(request("vm-1", tags={"ENV": "prod"}, id="chg-2"), "m-2"))
        assert house.outcomes("chg-1") == {
            (name("vm-1").upper(), "eNV"): "removed",
            (name("vm-1").upper(), "team"): "absent",
        }
        assert house.outcomes("chg-2") == {(name("vm-1"), "ENV"): "removed"}
    (change,) = cloud.tags.history
    assert (change.key, change.before, change.after) == ("Env", "prod", None)
    assert [call.operation for call in cloud.calls] == ["get", "delete"]


def test_a_protected_key_is_protected_in_any_case(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"CostCenter": "7"})
    with house_of(cloud, UNTAG_PROTECTED_KEYS="costcenter") as house:
        house.batch(record(request("vm-1", tags={"COSTCENTER": "7"})))
        assert house.outcomes("chg-1") == {(name("vm-1"), "COSTCENTER"): "protected"}
    assert list(cloud.calls) == []


def test_all_tags_of_a_resource_go_in_one_call(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={f"k{number}": "x" for number in range(50)})
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", tags="all")))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 1, "delete": 1})
    assert cloud.tags.pairs() == set()


@pytest.mark.parametrize("first", ["off", "on"])
@pytest.mark.parametrize("delete", ["key", "pair"])
def test_a_value_that_is_another_one_is_absent_whatever_the_cloud_would_do(first: str, delete: Any) -> None:
    cloud = AzureServer(options=AzureOptions(delete=delete))
    put(cloud, "vm-1", tags={"env": "dev"})
    with house_of(cloud, UNTAG_READ_FIRST=first) as house:
        house.batch(record(request("vm-1")))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "absent"}
    assert cloud.tags.history == []


def test_a_dry_run_reads_and_writes_nothing(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", dry_run=True)))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "would_remove"}
    assert [call.operation for call in cloud.calls] == ["get"]


@pytest.mark.parametrize("no_tags", ["empty", "left_out"])
def test_the_last_tag_of_a_resource_is_gone_and_undo_knows_what_stood_there(no_tags: Any) -> None:
    cloud = AzureServer(options=AzureOptions(no_tags=no_tags))
    put(cloud, "vm-1")
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.work_at(raw)
        (row,) = house.rows("chg-1")
    assert row["outcome"] == ("removed" if no_tags == "empty" else "absent")
    assert row["was"] == "prod"
    assert cloud.tags.pairs() == set()


def test_what_was_removed_can_be_put_back_and_what_has_changed_since_is_left_alone(cloud: AzureServer) -> None:
    put(cloud, "vm-1", "vm-2")
    removal = request("vm-1", "vm-2")
    with house_of(cloud) as house:
        house.batch(record(removal))
        put(cloud, "vm-2", tags={"ENV": "dev"})
        put(cloud, "vm-1", tags={"team": "x"})
        house.batch(record({**removal, "id": "back", "action": "restore"}))
        assert house.outcomes("back") == {(name("vm-1"), "env"): "restored", (name("vm-2"), "env"): "protected"}
    assert cloud.tags.get("default", "", VM, name("vm-1")) == {"team": "x", "env": "prod"}
    assert cloud.tags.get("default", "", VM, name("vm-2")) == {"ENV": "dev"}


def test_a_write_that_is_carried_out_later_is_read_back_until_it_is(cloud: AzureServer) -> None:
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        cloud.clock = lambda: time.time() + house.clock.seconds
        house.work_at(raw)
        assert house.outcomes("chg-1") == {(name("disk-1", DISK), "env"): "removed"}
    assert [call.operation for call in cloud.calls] == ["get", "delete", "get"]
    assert [call.status for call in cloud.calls] == [200, 202, 200]


def test_a_sweep_finds_a_key_in_any_case_page_by_page(cloud: AzureServer) -> None:
    ids = [f"vm-{number:04}" for number in range(2100)]
    put(cloud, *ids[:-1], tags={"tmp": "x", "owner": "li"})
    put(cloud, ids[-1], tags={"Tmp": "x"})
    put(cloud, "disk-1", tags={"tmp": "x"}, type_=DISK)
    rule = {
        "name": "tmp",
        "provider": "azure",
        "types": [VM],
        "match": {"key": {"literal": "tmp", "ignore_case": True}},
    }
    settings = {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS}
    requests, report = sweep_at({HOST: cloud, LOGIN: AzureLoginServer()}, settings, rule)
    assert report["status"] == "succeeded"
    asked = [id_ for one in requests for group in one["resources"] for id_ in group["ids"]]
    assert sorted(asked) == [name(id_) for id_ in ids]
