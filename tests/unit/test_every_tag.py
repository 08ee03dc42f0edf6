"""`"tags": "all"`: every tag of the resources but the reserved and the protected ones."""

import json
from collections import Counter
from typing import Any

import pytest
from service_house import House, jd_request, put, record, taken_away, tms_request


def all_of(*ids: str, **fields: Any) -> dict[str, Any]:
    return {**jd_request(*ids, **fields), "tags": "all"}


@pytest.mark.parametrize("read_first", ["on", "off"])
def test_every_tag_goes_but_those_that_are_reserved_or_protected_and_those_have_no_row(read_first: str) -> None:
    with House(environ={"UNTAG_PROTECTED_KEYS": "owner*", "UNTAG_READ_FIRST": read_first}) as house:
        put(house.jd, "i-1", tags={"env": "prod", "team": "a", "jrn:x": "1", "owner-2": "me"})
        put(house.jd, "i-2", tags={"env": "test"})
        put(house.jd, "i-3", tags={"owner": "me"})
        assert house.batch(record(all_of("i-1", "i-2", "i-3", "i-4"))) == []
        rows = {
            (row["resource_id"], row["key"], row["value"]): (row["outcome"], row["was"]) for row in house.rows("chg-1")
        }
        assert rows == {
            ("i-1", "env", "prod"): ("removed", "prod"),
            ("i-1", "team", "a"): ("removed", "a"),
            ("i-2", "env", "test"): ("removed", "test"),
        }
        assert taken_away(house.jd) == set(rows)
        (report,) = house.aws.reports
        assert (report["status"], report["complete"], report["counts"]) == ("succeeded", True, {"removed": 3})
        assert [call.writing for call in house.jd.calls].count(False) == 1


def test_a_resource_without_other_tags_is_unchanged() -> None:
    with House() as house:
        house.batch(record(all_of("i-1")))
        (report,) = house.aws.reports
        assert (report["status"], report["outcomes"], report["counts"]) == ("unchanged", [], {})
        assert report["summary"] == "jdcloud/default cn-north-1: no tags there that may be removed"


def test_a_dry_run_names_every_tag_and_writes_nothing() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"env": "prod", "team": "a"})
        house.batch(record(all_of("i-1", dry_run=True)))
        assert house.outcomes("chg-1") == {("i-1", "env"): "would_remove", ("i-1", "team"): "would_remove"}
        assert taken_away(house.jd) == set()


def test_the_cap_counts_what_was_read_and_stops_before_any_write() -> None:
    with House(environ={"UNTAG_MAX_PAIRS": "3"}) as house:
        put(house.jd, "i-1", "i-2", tags={"env": "prod", "team": "a"})
        house.batch(record(all_of("i-1", "i-2")))
        (report,) = house.aws.reports
        assert report["held_back"] == {
            "code": "too_many_pairs",
            "message": "4 pairs, and the settings allow 3 in one request",
            "pairs": 4,
        }
        assert (report["counts"], report["outcomes"]) == ({"protected": 4}, [])
        assert taken_away(house.jd) == set()


def test_what_cannot_be_read_now_travels_on_as_every_tag() -> None:
    with House() as house:
        put(house.tms, "i-1", "i-2", tags={"env": "prod", "team": "a"})
        house.tms.faults.add("unavailable", operation="reading", ids=["i-2"])
        house.batch(record({**tms_request("i-1", "i-2"), "tags": "all"}))
        (left,) = house.aws.messages()
        assert (left["tags"], left["resources"], left["attempt"]) == ("all", [{"type": "ecs", "ids": ["i-2"]}], 2)
        (report,) = house.aws.reports
        assert (report["counts"], report["complete"]) == ({"removed": 2, "deferred": 1}, False)
        house.tms.faults.clear()
        house.clock.seconds += 900
        house.batch(record(left))
        assert taken_away(house.tms) == {
            (id_, *tag) for id_ in ("i-1", "i-2") for tag in (("env", "prod"), ("team", "a"))
        }


def test_what_may_not_be_read_is_one_row_and_one_dead_letter_that_asks_for_every_tag() -> None:
    with House() as house:
        put(house.tms, "i-1", "i-2")
        house.tms.faults.add("forbidden", operation="reading", ids=["i-2"])
        house.batch(record({**tms_request("i-1", "i-2"), "tags": "all"}))
        rows = {(row["resource_id"], row["key"]): row["outcome"] for row in house.rows("chg-1")}
        assert rows == {("i-1", "env"): "removed", ("i-2", "*"): "failed"}
        ((body, _),) = house.aws.letters()
        assert json.loads(body)["tags"] == "all"


def test_a_removal_of_every_tag_contradicts_a_restore_of_any() -> None:
    with House() as house:
        put(house.jd, "i-1")
        restore = jd_request("i-1", id_="b", action="restore", tags={"team": "a"})
        assert house.batch(record(all_of("i-1", id_="a"), "m-1"), record(restore, "m-2")) == ["m-2"]


def test_two_requests_for_every_tag_and_one_by_name_share_one_read() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"env": "prod", "team": "a"})
        named = jd_request("i-1", id_="c")
        house.batch(record(all_of("i-1", id_="a"), "m-1"), record(all_of("i-1", id_="b"), "m-2"), record(named, "m-3"))
        assert [call.writing for call in house.jd.calls].count(False) >= 1
        words = Counter(row["outcome"] for report in house.aws.reports for row in report["outcomes"])
        assert sum(words.values()) == 5
        assert set(words) <= {"removed", "absent"}
        assert house.jd.tags.get("default", "cn-north-1", "vm", "i-1") == {}


@pytest.mark.parametrize(
    ("fields", "path"), [({"expect": 1}, "expect"), ({"action": "restore"}, "tags"), ({"tags": "ALL"}, "tags")]
)
def test_every_tag_can_be_neither_counted_beforehand_nor_put_back(fields: dict[str, Any], path: str) -> None:
    with House() as house:
        house.batch(record({**all_of("i-1"), **fields}))
        ((_, attributes),) = house.aws.letters()
        assert attributes["reason"].startswith(f"{path}: ")
        assert list(house.jd.calls) == []


def test_a_value_that_no_request_can_name_stands_in_no_remainder_and_no_dead_letter() -> None:
    with House() as house:
        put(house.jd, "i-1", tags={"env": "prod", "note": ""})
        house.jd.faults.add("throttle", operation="writing")
        house.batch(record(all_of("i-1")))
        (left,) = house.aws.messages()
        assert left["tags"] == [{"key": "env", "value": "prod"}]
        ((body, attributes),) = house.aws.letters()  # JD Cloud takes no empty value
        assert (attributes["code"], json.loads(body)["tags"]) == ("INVALID_ARGUMENT", [{"key": "note"}])
        house.jd.faults.clear()
        house.clock.seconds += 900
        house.batch(record(left, "m-2"), record(body, "m-3"))
        assert house.outcomes("chg-1")["i-1", "env"] == "removed"
        assert {attributes["code"] for _, attributes in house.aws.letters()} == {"INVALID_ARGUMENT"}


def test_nothing_is_written_while_what_is_not_read_yet_may_take_the_request_over_the_cap() -> None:
    with House(environ={"UNTAG_MAX_PAIRS": "50"}) as house:
        put(house.tms, *(f"i-{n}" for n in range(12)), tags={f"k{n}": "v" for n in range(5)})
        house.tms.faults.add("unavailable", operation="reading", ids=["i-7"])
        house.batch(record({**tms_request(*(f"i-{n}" for n in range(12))), "tags": "all"}))
        (report,) = house.aws.reports
        assert report["held_back"]["code"] == "too_many_pairs"
        house.tms.tags.clear()
        put(house.tms, *(f"j-{n}" for n in range(12)), tags={"k": "v"})
        house.tms.faults.add("unavailable", operation="reading", ids=["j-7"])
        house.batch(record({**tms_request(*(f"j-{n}" for n in range(12)), id_="b"), "tags": "all"}))
        assert house.aws.reports[-1]["counts"] == {"deferred": 12}
        assert taken_away(house.tms) == set()
