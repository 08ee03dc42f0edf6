"""Removals at the local Azure that go wrong: what the cloud does not do, refuses or says amiss, and what is forged."""

from collections import Counter
from typing import Any

import pytest
from aws_model import DEAD_LETTERS
from azure_house import DISK, GROUP, VM, house_of, name, put, request
from service_house import record

from local.providers import AzureLoginServer, AzureOptions, AzureServer
from local.providers.azure_service import SUBSCRIPTION

COSMOS = "Microsoft.DocumentDB/databaseAccounts"


@pytest.fixture
def cloud() -> AzureServer:
    return AzureServer()


def test_a_write_that_is_accepted_and_never_carried_out_is_not_called_removed() -> None:
    cloud = AzureServer(options=AzureOptions(later_seconds=1e9))
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        house.work_at(raw)
        assert house.outcomes("chg-1") == {}
        (left,) = house.aws.messages()
    assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_value_that_somebody_sets_while_a_write_is_under_way_makes_it_no_removal() -> None:
    class Shared(AzureServer):
        def apply(self, *asked: Any) -> Any:
            answer, count = super().apply(*asked)
            if answer.status == 202:
                self.tags.put("", DISK, name("disk-1", DISK), "env", "somebody's")
            return answer, count

    cloud = Shared(options=AzureOptions(later_seconds=1e9))
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        house.work_at(raw)
        (row,) = house.rows("chg-1")
    assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_a_success_without_effect_is_not_believed() -> None:
    cloud = AzureServer(options=AzureOptions(without_effect=frozenset({COSMOS.lower()})))
    put(cloud, "db-1", type_=COSMOS)
    raw = request("db-1", type_=COSMOS)
    with house_of(cloud) as house:
        house.work_at(raw)
        (row,) = house.rows("chg-1")
        # It may be carried out yet: the dead letter says what stood there.
        (letter,) = house.aws.messages(DEAD_LETTERS)
    assert (row["outcome"], row["code"]) == ("failed", "not_applied")
    assert letter["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_tag_that_an_answer_shows_to_remain_is_not_removed_and_its_neighbour_is(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"env": "prod", "team": "x"})
    cloud.faults.add("partial", keys=["team"])
    raw = request("vm-1", tags={"env": "prod", "team": "x"})
    with house_of(cloud) as house:
        house.work_at(raw)
        outcomes = house.outcomes("chg-1")
    assert outcomes[name("vm-1"), "team"] == "failed"
    assert outcomes[name("vm-1"), "env"] in ("removed", "absent")
    assert {pair.key for pair in cloud.tags.pairs()} == {"team"}


def test_a_policy_that_demands_one_tag_takes_no_other_down(cloud: AzureServer) -> None:
    tags = {"env": "prod", "team": "x", "cost": "7"}
    put(cloud, "vm-1", tags=tags)
    cloud.faults.add("forbidden", operation="delete", keys=["cost"], code="RequestDisallowedByPolicy")
    raw = request("vm-1", tags=tags)
    with house_of(cloud) as house:
        house.work_at(raw)
        rows = {row["key"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
    assert rows == {
        "cost": ("failed", "RequestDisallowedByPolicy"),
        "env": ("removed", None),
        "team": ("removed", None),
    }


@pytest.mark.parametrize("rule", ["empty", "not_json", "truncate", "reset", "redirect", "other_ids"])
@pytest.mark.parametrize("operation", ["reading", "writing"])
def test_an_answer_that_cannot_be_believed_is_no_removal(cloud: AzureServer, rule: str, operation: str) -> None:
    put(cloud, "vm-1")
    cloud.faults.add(rule, operation=operation)
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.work_at(raw)
        assert "removed" not in house.outcomes("chg-1").values()


def test_a_throttle_slows_the_account_and_the_pairs_wait(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    cloud.faults.add("throttle", operation="writing", retry_after="20")
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.work_at(raw)
        (left,) = house.aws.messages()
    assert left["attempt"] == 2


@pytest.mark.parametrize(("code", "status"), [("AuthorizationFailed", 403), ("ScopeLocked", 409)])
def test_a_right_that_is_missing_or_a_lock_is_told_with_its_code(cloud: AzureServer, code: str, status: int) -> None:
    put(cloud, "vm-1", "vm-2")
    cloud.faults.add("status", operation="writing", ids=[name("vm-2")], status=status, code=code)
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", "vm-2")))
        rows = {row["resource_id"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
    assert rows == {name("vm-1"): ("removed", None), name("vm-2"): ("failed", code)}
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 2, "delete": 2})


FORGED_IDS = (
    "..",
    f"{GROUP}/../../x",
    f"{name('vm-1')}/../vm-2",
    f"{GROUP}%2f..%2f..",
    f"{name('vm-1')}#x",
    f"{name('vm-1')}?api-version=1",
    f"{name('vm-1')}/",
    "@evil.example.com/x",
    f"https://evil.example.com{name('vm-1')}",
    f"//evil.example.com{name('vm-1')}",
    name("*"),
    name("vm-1").replace(SUBSCRIPTION, "*"),
    name("vm-1").replace(SUBSCRIPTION, ".."),
    name("vm-1", DISK),
)
FORGED = [{"resources": [{"type": VM, "ids": [id_]}]} for id_ in FORGED_IDS]
FORGED += [
    {"resources": [{"type": type_, "ids": [name("vm-1")]}]} for type_ in ("*", "a/..", "a.example.com/x:y", "all")
]
FORGED += [{"region": "westeurope"}, {"project_id": SUBSCRIPTION}]


@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_what_is_forged_is_rejected_as_a_whole_and_nothing_is_called(
    cloud: AzureServer, forged: dict[str, Any]
) -> None:
    put(cloud, "vm-1")
    login = AzureLoginServer()
    with house_of(cloud, login) as house:
        assert house.batch(record(request("vm-1") | forged)) == []
        ((_, attributes),) = house.aws.letters()
        assert attributes["code"] == "invalid"
    assert [*cloud.calls, *login.calls] == []
    assert len(cloud.tags.pairs()) == 1
