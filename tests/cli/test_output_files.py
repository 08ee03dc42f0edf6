"""The files that options name: what could not be written is said before anything is called."""

from typing import Any

import pytest
from cli_support import request

from local.providers import JdcloudServer


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("run", "a.json", "--yes", "--expect", "1"), "--report"),
        (("plan", "a.json"), "-o"),
        (("plan", "a.json", "-o", "plan.csv"), "--csv"),
        (("tags", "--provider", "jdcloud", "--region", "cn-north-1", "--type", "vm"), "--csv"),
        (("status", "b"), "--csv"),
        (("dead-letters", "--local"), "--csv"),
        (("send", "a.json", "--local", "--follow"), "--report"),
    ],
)
def test_a_file_in_a_folder_that_is_not_there_is_refused_before_anything_is_called(
    untag: Any, jd: JdcloudServer, words: tuple[str, ...], option: str
) -> None:
    untag.write("a.json", request(["i-1"]))
    done = untag(*words, option, "nowhere/rows.csv")
    assert (done.code, "there is no folder nowhere" in done.err) == (2, True)
    assert not list(jd.calls)


def test_a_folder_in_the_place_of_a_plan_is_refused(untag: Any, jd: JdcloudServer) -> None:
    (untag.folder / "plan.json").mkdir()
    done = untag("plan", untag.write("a.json", request(["i-1"])), "-o", "plan.csv")
    assert (done.code, "plan.json is a folder" in done.err) == (2, True)
    assert not list(jd.calls)


@pytest.mark.parametrize("name", ["rows.xlsx", "rows"])
@pytest.mark.parametrize("words", [("run",), ("send", "--local", "--follow")])
def test_a_report_is_csv_or_json_by_its_name_and_nothing_else(
    untag: Any, jd: JdcloudServer, words: tuple[str, ...], name: str
) -> None:
    file = untag.write("a.json", request(["i-1"]))
    done = untag(*words, file, "--yes", "--expect", "1", "--report", name)
    assert done.code == 2
    assert "has to end in .csv or .json: --report rows.csv" in done.err
    assert not list(jd.calls)
    assert not (untag.folder / name).exists()


def test_a_ledger_that_cannot_be_a_folder_is_refused_as_input(untag: Any, jd: JdcloudServer) -> None:
    file = untag.write("a.json", request(["i-1"]))
    done = untag("run", file, "--yes", "--expect", "1", UNTAG_LEDGER=str(untag.folder / file))
    assert (done.code, "set UNTAG_LEDGER" in done.err) == (2, True)
    assert not list(jd.calls)
