"""The edge carries the habits of the clouds to come: two that do not exist, through the real handler's class."""

import json
from collections.abc import Iterator

import httpx
import pytest
from made_up_clouds import MadeUpHouse, Resource, asking
from service_house import record

MACHINE = "/subscriptions/A/resourceGroups/g/providers/Made.Up/machines/vm-1"


@pytest.fixture
def house() -> Iterator[MadeUpHouse]:
    with MadeUpHouse() as made:
        yield made


def rows(house: MadeUpHouse) -> list[tuple[str, str | None]]:
    return [(row["outcome"], row.get("was")) for row in house.rows("chg-1")]


def no_secret_is_told(house: MadeUpHouse) -> bool:
    told = json.dumps([house.aws.reports, [list(letter) for letter in house.aws.letters()], house.aws.messages()])
    return "s3cret" not in told and "token-" not in told


# Azure's habits.


def test_keys_and_ids_are_the_same_in_any_case_and_rows_keep_the_spelling_of_the_request(house: MadeUpHouse) -> None:
    machine = house.clouds.put(MACHINE, Env="prod", Team="a")
    raw = asking("caseless", MACHINE.upper())
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert house.outcomes("chg-1") == {(MACHINE.upper(), "env"): "removed"}
    assert machine.tags == {"Team": "a"}


def test_every_tag_goes_but_reserved_ones_in_any_case(house: MadeUpHouse) -> None:
    machine = house.clouds.put(MACHINE, **{"Env": "prod", "SYS:x": "y"})
    assert house.batch(record(asking("caseless", MACHINE.lower(), tags="all"))) == []
    assert rows(house) == [("removed", "prod")]
    assert machine.tags == {"SYS:x": "y"}


def test_a_write_that_is_carried_out_later_is_removed_only_when_a_read_has_shown_it(house: MadeUpHouse) -> None:
    machine = house.clouds.put(MACHINE, Env="prod")
    house.clouds.later = 5.0
    raw = asking("caseless", MACHINE)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == [("removed", "prod")]
    assert (machine.tags, house.clouds.waiting) == ({}, [])
    assert 5.0 <= house.took < 10.0


def test_a_write_that_is_never_seen_to_be_carried_out_is_not_told_as_removed_and_no_pair_is_lost(
    house: MadeUpHouse,
) -> None:
    house.clouds.put(MACHINE, Env="prod")
    house.clouds.later = 600.0
    raw = asking("caseless", MACHINE)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == []
    (left,) = house.left()
    assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
    assert house.batch(record(left)) == []  # by now it has been carried out
    assert rows(house) == [("absent", "prod")]


def test_what_an_accepted_write_took_can_be_put_back(house: MadeUpHouse) -> None:
    machine = house.clouds.put(MACHINE)
    house.clouds.later = 1.0
    assert house.batch(record(asking("caseless", MACHINE, action="restore"))) == []
    assert rows(house) == [("restored", None)]
    assert machine.tags == {"env": "prod"}


def test_twenty_resources_need_one_token(house: MadeUpHouse) -> None:
    ids = [f"{MACHINE}{number}" for number in range(20)]
    for id_ in ids:
        house.clouds.put(id_, env="prod")
    raw = asking("caseless", *ids)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert {outcome for outcome, _ in rows(house)} == {"removed"}
    assert house.clouds.logins == ["token-1"]


def test_a_token_that_is_revoked_is_replaced_once_for_all_calls_and_nothing_is_deferred(house: MadeUpHouse) -> None:
    ids = [f"{MACHINE}{number}" for number in range(20)]
    for id_ in ids:
        house.clouds.put(id_, env="prod", team="a")
    house.batch(record(asking("caseless", *ids)))
    house.clouds.revoked = {"token-1"}
    raw = asking("caseless", *ids, id_="chg-2", tags=[{"key": "team"}])
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert {row["outcome"] for row in house.rows("chg-2")} == {"removed"}
    assert house.clouds.logins == ["token-1", "token-2"]


def test_credentials_that_are_refused_close_the_account_after_one_try(house: MadeUpHouse) -> None:
    ids = [f"{MACHINE}{number}" for number in range(20)]
    house.clouds.secrets = {"another"}
    raw = asking("caseless", *ids)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert (house.clouds.logins, house.clouds.calls) == (["token-1"], [])
    assert sum(len(group["ids"]) for body in house.aws.messages() for group in body["resources"]) == 20
    assert no_secret_is_told(house)


def test_credentials_that_were_replaced_meanwhile_are_used(house: MadeUpHouse) -> None:
    house.clouds.put(MACHINE, env="prod")
    house.batch(record(asking("caseless", MACHINE, id_="first", dry_run=True)))
    house.clouds.secrets = {"rotated"}
    house.clouds.revoked = {"token-1"}
    house.aws.secrets["untag/caseless/default"]["client_secret"] = "rotated"
    assert house.batch(record(asking("caseless", MACHINE))) == []
    assert rows(house) == [("removed", "prod")]


@pytest.mark.parametrize("status", [429, 503])
def test_a_token_endpoint_that_has_trouble_defers_and_leaves_no_evidence_of_a_write(
    house: MadeUpHouse, status: int
) -> None:
    house.clouds.put(MACHINE, env="prod")
    house.clouds.login_answers = [httpx.Response(status) for _ in range(10)]
    raw = asking("caseless", MACHINE)
    assert house.batch(record(raw)) == []
    house.check(raw)
    (left,) = house.left()
    assert left["tags"] == [{"key": "env", "value": "prod"}]
    assert house.clouds.calls == []
    house.clouds.login_answers.clear()
    house.batch(record(left))
    assert rows(house) == [("removed", "prod")]


# Google's habits.


def test_the_whole_new_set_of_labels_is_written_with_the_version_that_was_read(house: MadeUpHouse) -> None:
    disk = house.clouds.put("//made.up/disks/d-1", env="prod", team="a")
    raw = asking("versioned", disk.id)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == [("removed", "prod")]
    assert (disk.tags, disk.version) == ({"team": "a"}, 2)


def test_a_change_between_read_and_write_is_not_overwritten(house: MadeUpHouse) -> None:
    disk = house.clouds.put("//made.up/disks/d-1", env="prod")
    meddle = [{"env": "prod", "new": "x"}, {"env": "prod", "new": "y"}]
    house.clouds.before = lambda resource: meddle and resource.change(meddle.pop(0))
    raw = asking("versioned", disk.id)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == [("removed", "prod")]
    assert disk.tags == {"new": "y"}


def test_a_value_that_changes_between_read_and_write_stays(house: MadeUpHouse) -> None:
    disk = house.clouds.put("//made.up/disks/d-1", env="prod")
    meddle = [{"env": "test"}]
    house.clouds.before = lambda resource: meddle and resource.change(meddle.pop(0))
    assert house.batch(record(asking("versioned", disk.id))) == []
    assert rows(house) == [("absent", "test")]
    assert disk.tags == {"env": "test"}


def test_of_many_resources_those_that_never_hold_still_are_left_for_later_and_no_pair_is_lost(
    house: MadeUpHouse,
) -> None:
    disks = [house.clouds.put(f"//made.up/disks/d-{number}", env="prod") for number in range(10)]

    def meddle(resource: Resource) -> None:
        if resource.id in {disk.id for disk in disks[:3]}:
            resource.change({**resource.tags, "n": str(resource.version)})

    house.clouds.before = meddle
    raw = asking("versioned", *(disk.id for disk in disks))
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == [("removed", "prod")] * 7
    assert all(disk.tags["env"] == "prod" for disk in disks[:3])
    house.clouds.before = lambda _: None
    for left in house.left():
        house.batch(record(left))
    assert rows(house) == [("removed", "prod")] * 10


def test_a_write_whose_answer_was_lost_is_stale_the_second_time_and_absent_with_the_value_before(
    house: MadeUpHouse,
) -> None:
    disk = house.clouds.put("//made.up/disks/d-1", env="prod")
    house.clouds.lost = 1
    raw = asking("versioned", disk.id)
    assert house.batch(record(raw)) == []
    house.check(raw)
    assert rows(house) == [("absent", "prod")]
    assert disk.tags == {}


def test_both_clouds_go_on_side_by_side_within_one_batch(house: MadeUpHouse) -> None:
    house.clouds.put(MACHINE, env="prod")
    house.clouds.put("//made.up/disks/d-1", env="prod")
    house.clouds.later = 3.0
    first, second = asking("caseless", MACHINE), asking("versioned", "//made.up/disks/d-1", id_="chg-2")
    assert house.batch(record(first, "m-1"), record(second, "m-2")) == []
    house.check(first, second)
    assert [row["outcome"] for id_ in ("chg-1", "chg-2") for row in house.rows(id_)] == ["removed", "removed"]
