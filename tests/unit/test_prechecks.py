"""What reports say is what stood at the clouds: tags are read before any is removed or put back."""

from typing import Any

import pytest
from service_house import House, jd_request, put, record, taken_away, tms_request

PAIR = {"type": "vm", "resource_id": "i-1"}


def facts(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row.get(name, "left out") for name in names)


@pytest.mark.parametrize("read_first", ["on", "off"])
@pytest.mark.parametrize(
    ("tags", "rows"),
    [
        ({"env": "prodd"}, {("env", "prodd", "absent", "prod")}),
        ({"evn": "prod"}, {("evn", "prod", "absent", None)}),
        ({"env ": "prod"}, {("env ", "prod", "absent", None)}),
    ],
)
def test_a_pair_that_never_stood_there_is_absent_with_what_stood_instead(
    read_first: str, tags: dict[str, str], rows: set[tuple[Any, ...]]
) -> None:
    with House(environ={"UNTAG_READ_FIRST": read_first}) as house:
        put(house.jd, "i-1")
        house.batch(record(jd_request("i-1", tags=tags)))
        assert {facts(row, "key", "value", "outcome", "was") for row in house.rows("chg-1")} == rows
        assert house.aws.reports[0]["status"] == "unchanged"
        assert taken_away(house.jd) == set()


@pytest.mark.parametrize("read_first", ["on", "off"])
def test_of_two_values_of_one_key_only_the_one_that_stands_there_is_removed(read_first: str) -> None:
    raw = jd_request("i-1")
    raw["tags"] = [{"key": "env", "value": "prod"}, {"key": "env", "value": "test"}]
    with House(environ={"UNTAG_READ_FIRST": read_first}) as house:
        put(house.jd, "i-1")
        house.batch(record(raw))
        outcomes = {row["value"]: row["outcome"] for row in house.rows("chg-1")}
        assert outcomes == {"prod": "removed", "test": "absent"}
        house.check(raw)


def test_without_a_precheck_the_count_of_the_cloud_stands_in_the_message() -> None:
    with House(environ={"UNTAG_READ_FIRST": "off"}) as house:
        put(house.jd, "i-1")
        house.batch(record(jd_request("i-1", tags={"env": "prodd"})))
        (row,) = house.rows("chg-1")
        assert row["message"] == "already in the wanted state: the provider answered with a count of 0 for 1 pair"


def test_a_dry_run_of_invented_ids_would_remove_nothing() -> None:
    raw = jd_request(*(f"i-{n}" for n in range(300)), dry_run=True)
    with House() as house:
        house.batch(record(raw))
        first, second = house.aws.reports
        assert first["counts"]["absent"] + second["counts"]["absent"] == 300
        assert (first["request_counts"], first["status"]) == ({"absent": 300}, "unchanged")
        assert {call.operation for call in house.jd.calls} == {"describeResources"}


@pytest.mark.parametrize("read_first", ["on", "off"])
def test_a_dry_run_tells_what_a_real_run_would_do(read_first: str) -> None:
    with House(environ={"UNTAG_READ_FIRST": read_first}) as house:
        put(house.jd, "i-1", tags={"env": "prod"})
        put(house.jd, "i-2", tags={"env": "test"})
        house.batch(record(jd_request("i-1", "i-2", dry_run=True)))
        rows = {row["resource_id"]: facts(row, "outcome", "was") for row in house.rows("chg-1")}
        assert rows == {"i-1": ("would_remove", "prod"), "i-2": ("absent", "test")}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"region": "cn-nroth-1"}, ["region cn-nroth-1 is not among those that JD Cloud documents"]),
        (
            {"resources": [{"type": "VM", "ids": ["i-1"]}]},
            ["service code VM is not among those that JD Cloud documents"],
        ),
        (
            {"resources": [{"type": "vm", "ids": ["i-9"]}]},
            ["no resource with these ids was found, or none bears a tag"],
        ),
    ],
)
def test_where_a_whole_request_finds_nothing_its_summary_says_what_looks_wrong(
    fields: dict[str, Any], words: list[str]
) -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.batch(record(jd_request("i-1", **fields)))
        (report,) = house.aws.reports
        assert report["status"] == "unchanged"
        assert all(word in report["summary"] for word in words)
        assert house.aws.attributes[0]["status"] == "unchanged"


def test_a_request_that_finds_other_tags_on_its_resources_has_no_such_words() -> None:
    with House() as house:
        put(house.jd, "i-1")
        house.batch(record(jd_request("i-1", tags={"team": "a"})))
        assert house.aws.reports[0]["summary"] == "jdcloud/default cn-north-1: 1 of 1 tag absent"


# Putting back.


def test_a_value_that_somebody_has_set_since_is_protected_and_one_that_stands_already_needs_no_call() -> None:
    raw = jd_request("i-1", "i-2", "i-3", action="restore")
    with House() as house:
        put(house.jd, "i-1", tags={"env": "new"})
        put(house.jd, "i-2", tags={"env": "prod"})
        put(house.jd, "i-3", tags={"team": "a"})
        house.batch(record(raw))
        rows = {row["resource_id"]: facts(row, "outcome", "code", "was") for row in house.rows("chg-1")}
        assert rows == {
            "i-1": ("protected", "changed_since", "new"),
            "i-2": ("restored", "left out", "prod"),
            "i-3": ("restored", "left out", None),
        }
        assert [call.ids for call in house.jd.calls if call.writing] == [("i-3",)]
        assert house.aws.letters() == []
        house.check(raw)


def test_overwrite_puts_a_value_back_over_another() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"env": "new"})
        house.batch(record(jd_request("i-1", action="restore", overwrite=True)))
        (row,) = house.rows("chg-1")
        assert facts(row, "outcome", "was") == ("restored", "new")
        assert house.jd.tags.get("default", "cn-north-1", "vm", "i-1") == {"env": "prod"}


def test_a_dry_restore_tells_what_a_real_one_would_do() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"env": "new"})
        house.batch(record(jd_request("i-1", "i-2", action="restore", dry_run=True)))
        assert house.outcomes("chg-1") == {("i-1", "env"): "protected", ("i-2", "env"): "would_restore"}
        assert {call.operation for call in house.jd.calls} == {"describeResources"}


def test_overwrite_belongs_to_restore() -> None:
    with House() as house:
        house.batch(record(jd_request("i-1", overwrite=True)))
        ((_, attributes),) = house.aws.letters()
        assert attributes["reason"] == "overwrite: belongs to the action restore"


# At Huawei Cloud.


def test_twenty_resources_share_a_write_after_each_was_read() -> None:
    ids = [f"i-{n}" for n in range(45)]
    with House() as house:
        put(house.tms, *ids)
        raw = tms_request(*ids)
        house.work_at(raw)
        writes = [len(call.ids) for call in house.tms.calls if call.writing]
        assert sorted(writes) == [5, 20, 20]
        assert len([call for call in house.tms.calls if not call.writing]) == 45
        assert taken_away(house.tms) == {(id_, "env", "prod") for id_ in ids}


def test_resources_with_values_of_their_own_are_written_while_others_are_still_read() -> None:
    """An invocation that could only read in its time would get nowhere."""
    ids = [f"i-{n}" for n in range(400)]
    raw = tms_request(*ids)
    raw["tags"] = [{"key": "env"}]
    with House(seconds=20.0) as house:
        for id_ in ids:
            put(house.tms, id_, tags={"env": id_})
        house.batch(record(raw))
        assert house.aws.reports[0]["request_counts"]["removed"] > 50
