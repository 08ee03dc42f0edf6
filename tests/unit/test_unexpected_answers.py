"""A cloud that answers about other ids than it was asked about: that says nothing of ours, and settles nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from service_house import House, jd_request, put, record, resent, taken_away, tms_request

from local.providers import ProviderServer
from untag.hosts.aws.telemetry import logger

ASKED = "Img.Example.com"
"""The local clouds answer `img.example.com` where they answer about another id."""

NEIGHBOUR = "i-1"


class Case(NamedTuple):
    """A call that is answered so: whose it is, and what asks for it."""

    cloud: Callable[[House], ProviderServer]
    request: Callable[..., dict[str, Any]]
    operation: str
    neighbour: bool
    """Whether the call carries the neighbour too, so that nothing is known of that one either."""


CASES = {
    "jdcloud read": Case(lambda house: house.jd, jd_request, "reading", neighbour=True),
    "jdcloud write": Case(lambda house: house.jd, jd_request, "writing", neighbour=True),
    "tms read": Case(lambda house: house.tms, tms_request, "reading", neighbour=False),
    "tms write": Case(lambda house: house.tms, tms_request, "writing", neighbour=True),
}
every_call = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
WRITES = [name for name in CASES if name.endswith("write")]


@every_call
def test_an_answer_about_other_ids_settles_nothing(case: Case) -> None:
    raw = case.request(ASKED)
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED)
        fault = cloud.faults.add("other_ids", ids=[ASKED], operation=case.operation)
        assert house.batch(record(raw)) == []
        house.check(raw)
        (report,) = house.aws.reports
        assert (report["status"], report["counts"], report["outcomes"]) == ("deferred", {"deferred": 1}, [])
        assert fault.injected == 3, "it may be an answer that was mixed up: the same call is made again"
        assert taken_away(cloud) == set()
        (left,) = resent(house)
        assert left["resources"] == raw["resources"]


@every_call
def test_the_pairs_end_well_once_the_cloud_answers_about_the_ids_that_were_asked_for(case: Case) -> None:
    raw = case.request(ASKED, NEIGHBOUR)
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED, NEIGHBOUR)
        cloud.faults.add("other_ids", ids=[ASKED], operation=case.operation)
        house.work_at(raw)
        deferred = {id_ for left in house.aws.messages() for group in left["resources"] for id_ in group["ids"]}
        assert deferred == ({ASKED, NEIGHBOUR} if case.neighbour else {ASKED})
        cloud.faults.clear()
        assert [house.batch(record(left)) for left in resent(house)] == [[]]
        ended = {row["resource_id"]: (row["outcome"], row["was"]) for row in house.rows("chg-1")}
        # The neighbour's tag went with the call whose answer could not be believed: no call of ours was told so.
        lost = case.neighbour and case.operation == "writing"
        assert ended == {ASKED: ("removed", "prod"), NEIGHBOUR: ("absent" if lost else "removed", "prod")}
        assert taken_away(cloud) == {(ASKED, "env", "prod"), (NEIGHBOUR, "env", "prod")}


@pytest.mark.parametrize("name", WRITES)
def test_a_tag_that_went_with_such_an_answer_is_absent_with_the_value_that_stood_there(name: str) -> None:
    case = CASES[name]
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED)
        cloud.faults.add("other_ids", operation="writing", applied=True, times=3)
        house.batch(record(case.request(ASKED)))
        for left in resent(house):
            house.batch(record(left))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "prod")
        assert taken_away(cloud) == {(ASKED, "env", "prod")}


@every_call
def test_a_restore_is_not_settled_by_it_either(case: Case) -> None:
    raw = case.request(ASKED, action="restore")
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED, tags={"team": "a"})
        cloud.faults.add("other_ids", operation=case.operation)
        house.work_at(raw)
        assert house.rows("chg-1") == []
        cloud.faults.clear()
        for left in resent(house):
            house.batch(record(left))
        assert house.outcomes("chg-1") == {(ASKED, "env"): "restored"}


@pytest.mark.parametrize("name", ["jdcloud read", "tms read"])
def test_a_dry_run_promises_nothing_by_it(name: str) -> None:
    case = CASES[name]
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED)
        cloud.faults.add("other_ids", operation="reading", times=3)
        house.batch(record(case.request(ASKED, dry_run=True)))
        assert house.rows("chg-1") == []
        for left in resent(house):
            house.batch(record(left))
        assert house.outcomes("chg-1") == {(ASKED, "env"): "would_remove"}


@every_call
def test_what_is_given_up_for_it_says_unexpected_answer(case: Case) -> None:
    raw = case.request(ASKED, attempt=10, first_attempt_at="2020-01-01T00:00:00Z")
    with House() as house:
        cloud = case.cloud(house)
        put(cloud, ASKED)
        cloud.faults.add("other_ids", operation=case.operation)
        house.work_at(raw)
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["code"]) == ("failed", "exhausted")
        assert "the last: unexpected_answer" in row["message"]


@every_call
def test_the_log_names_each_such_answer(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    logger.setLevel("DEBUG")
    try:
        with House() as house, caplog.at_level("DEBUG", "untag"):
            cloud = case.cloud(house)
            put(cloud, ASKED)
            cloud.faults.add("other_ids", operation=case.operation, times=1)
            house.batch(record(case.request(ASKED)))
    finally:
        logger.setLevel("INFO")
    codes = [vars(line)["code"] for line in caplog.records if line.getMessage() == "provider call"]
    assert codes.count("unexpected_answer") == 1
