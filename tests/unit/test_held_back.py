"""Guardrails through the handler: what is held back, and how that is reported."""

from typing import Any

import pytest
from service_house import House, huawei_request, jd_request, put, record, tms_request
from support import PROJECT

OTHER_PROJECT = "5f0c2a9d8e7b46310f00c0de00000002"


def secret(house: House, **projects: str) -> None:
    """The Huawei Cloud account's secret, with projects by region (`_` for `-`)."""
    account = house.tms.secrets["default"]
    house.aws.secrets["untag/huaweicloud/default"] = {
        **{name: value for name, value in account.items() if value},
        "projects": {region.replace("_", "-"): project for region, project in projects.items()},
    }


SECRETS = {"UNTAG_CREDENTIALS": "secretsmanager:untag"}


@pytest.mark.parametrize(
    ("environ", "code", "message"),
    [
        ({"UNTAG_MAX_PAIRS": "100"}, "too_many_pairs", "5000 pairs, and the settings allow 100 in one request"),
        ({"UNTAG_ALLOWED_ACCOUNTS": "prod"}, "account_not_allowed", "the settings do not allow the account"),
        ({"UNTAG_ALLOWED_REGIONS": "cn-east-1"}, "region_not_allowed", "the settings do not allow the region"),
        ({"UNTAG_ALLOWED_TYPES": "disk"}, "type_not_allowed", "the settings do not allow resources of this type"),
    ],
)
def test_a_request_that_is_held_back_whole_is_one_report_with_the_reason(
    environ: dict[str, str], code: str, message: str
) -> None:
    with House(environ={"UNTAG_MAX_PAIRS": "100000", **environ}) as house:
        house.batch(record(jd_request(*(f"i-{n}" for n in range(5000)))))
        (report,) = house.aws.reports
        assert report["held_back"] == {"code": code, "message": message, "pairs": 5000}
        assert (report["outcomes"], report["counts"]) == ([], {"protected": 5000})
        assert (report["status"], report["complete"], report["page"]) == ("unchanged", True, {"number": 1, "of": 1})
        assert report["summary"].endswith(f": 5000 of 5000 tags protected; {message}")
        assert list(house.jd.calls) == []
        assert house.aws.letters() == []


def test_a_request_without_a_region_is_held_back_in_words_that_name_no_region() -> None:
    with House(environ={"UNTAG_ALLOWED_REGIONS": "cn-east-1"}) as house:
        house.batch(record(huawei_request("p-1")))
        held = house.aws.reports[0]["held_back"]
        assert (held["code"], held["message"]) == (
            "region_not_allowed",
            "the settings do not allow a request that names no region",
        )


def test_one_type_of_several_that_is_not_allowed_has_rows_of_its_own() -> None:
    with House(environ={"UNTAG_ALLOWED_TYPES": "vm"}) as house:
        put(house.jd, "i-1")
        raw = jd_request("i-1")
        raw["resources"].append({"type": "disk", "ids": ["d-1"]})
        house.batch(record(raw))
        assert house.outcomes("chg-1") == {("i-1", "env"): "removed", ("d-1", "env"): "protected"}
        assert "held_back" not in house.aws.reports[0]


# Regions and projects.


def test_a_region_that_contradicts_its_project_is_refused_before_any_call() -> None:
    with House(environ=SECRETS) as house:
        secret(house, cn_north_4=PROJECT, cn_south_1=OTHER_PROJECT)
        put(house.tms, "i-1")
        house.batch(record(tms_request("i-1", region="cn-south-1")))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["code"]) == ("failed", "region_project_mismatch")
        assert list(house.tms.calls) == []


@pytest.mark.parametrize(
    ("projects", "region", "outcome"),
    [
        ({"cn_north_4": PROJECT}, "cn-north-4", "removed"),
        ({"cn_north_4": PROJECT}, None, "removed"),
        ({"cn_south_1": PROJECT}, None, "protected"),
        ({}, "cn-north-4", "protected"),
        ({}, None, "protected"),
    ],
)
def test_with_allowed_regions_a_project_has_to_be_placed_in_one_of_them(
    projects: dict[str, str], region: str | None, outcome: str
) -> None:
    with House(environ={**SECRETS, "UNTAG_ALLOWED_REGIONS": "cn-north-4"}) as house:
        secret(house, **projects)
        put(house.tms, "i-1")
        raw = tms_request("i-1", **({} if region is None else {"region": region}))
        house.batch(record(raw))
        (report,) = house.aws.reports
        assert report["counts"] == {outcome: 1}
        if outcome == "protected":
            assert report["held_back"]["code"] == "region_not_allowed"
            assert list(house.tms.calls) == []


# What is never called waits for nothing.


def test_requests_without_a_project_or_credentials_wait_for_no_pace() -> None:
    ids = [f"i-{n}" for n in range(300)]
    with House(environ={"UNTAG_RATE": "10"}) as house:
        raw = tms_request(*ids, region="cn-north-9")
        del raw["project_id"]
        house.batch(record(raw))
        assert {row["code"] for row in house.rows("chg-1")} == {"no_project"}
        assert house.took < 0.5
        house.batch(record(tms_request(*ids, id_="chg-2", account="other")))
        assert {row["code"] for row in house.rows("chg-2")} == {"no_credentials"}
        assert house.took < 0.5
        assert list(house.tms.calls) == []


# Counts by page.


def test_the_counts_of_a_requests_pages_add_up_to_the_request() -> None:
    ids = [f"i-{n}" for n in range(700)]
    with House(environ={"UNTAG_RATE": "100000"}) as house:
        put(house.jd, *ids[:600])
        house.jd.faults.add("throttle", ids=["i-69*"])
        house.batch(record(jd_request(*ids)))
        pages = house.aws.reports
        assert len(pages) > 1
        totals: dict[str, int] = {}
        for page in pages:
            for outcome, count in page["counts"].items():
                totals[outcome] = totals.get(outcome, 0) + count
        assert {tuple(sorted(page["request_counts"].items())) for page in pages} == {tuple(sorted(totals.items()))}
        assert sum(totals.values()) == 700
        assert [page["counts"].get("deferred", 0) for page in pages[1:]] == [0] * (len(pages) - 1)


# The batch.


def test_the_batch_travels_to_reports_attributes_remainders_dead_letters_and_log_lines(caplog: Any) -> None:
    with House() as house:
        put(house.jd, "i-1", "i-2", "i-3")
        house.jd.faults.add("partial", ids=["i-2"])
        house.jd.faults.add("unavailable", ids=["i-3"])
        raw = {**jd_request("i-1", "i-2", "i-3"), "batch": "cleanup-2026-11"}
        raw = [{**raw, "id": id_, "resources": [{"type": "vm", "ids": [id_]}], "tags": [{"key": "env", "value": v}]}
               for id_, v in (("i-1", "prod"), ("i-2", "prod"))]  # fmt: skip
        raw.append({**raw[0], "id": "i-3", "resources": [{"type": "disk", "ids": ["i-3"]}]})
        house.batch(record(raw))
        assert {report["batch"] for report in house.aws.reports} == {"cleanup-2026-11"}
        assert {attributes["batch"] for attributes in house.aws.attributes} == {"cleanup-2026-11"}
        assert {left["batch"] for left in house.aws.messages()} == {"cleanup-2026-11"}
        ((body, attributes),) = house.aws.letters()
        assert '"batch":"cleanup-2026-11"' in body
        assert attributes["batch"] == "cleanup-2026-11"
        lines = [vars(line) for line in caplog.records if hasattr(line, "reports")]
        assert {line["batch"] for line in lines} == {"cleanup-2026-11"}


def test_a_report_without_a_batch_names_none() -> None:
    with House() as house:
        house.batch(record(huawei_request("pa-1")))
        assert "batch" not in house.aws.reports[0]
        assert "batch" not in house.aws.attributes[0]
