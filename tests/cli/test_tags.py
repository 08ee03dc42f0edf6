"""`untag tags`: the keys in use, counted over pages, accounts and types."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from plans_support import ECS, PROJECT, WorkFolder

from local.providers import HuaweicloudTmsServer, JdcloudServer


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        for account, count in (("shop", 7), ("lab", 3)):
            for n in range(count):
                tags = {"env": f"e{n % 2}", "owner-li": "x", **({"old": ""} if n == 0 else {})}
                row = {"account": account, "region": "cn-north-1", "type": "vm", "id": f"i-{n}", "tags": tags}
                server.tags.load([row])
        server.tags.load(
            [{"account": "lab", "region": "cn-north-1", "type": "disk", "id": "d-1", "tags": {"env": "z"}}]
        )
        yield server


PLACES = ("--provider", "jdcloud", "--region", "cn-north-1")


def test_keys_are_counted_by_account_and_type_with_their_different_values(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd, accounts=("shop", "lab"))
    words = ("--account", "shop", "--account", "lab", "--type", "vm", "--type", "disk", "--csv", "keys.csv")
    answer = work.json("tags", *PLACES, *words)
    counts = {(one["account"], one["type"], one["key"]): (one["resources"], one["values"]) for one in answer["keys"]}
    assert counts == {
        ("shop", "vm", "env"): (7, 2),
        ("shop", "vm", "owner-li"): (7, 1),
        ("shop", "vm", "old"): (1, 1),
        ("lab", "vm", "env"): (3, 2),
        ("lab", "vm", "owner-li"): (3, 1),
        ("lab", "vm", "old"): (1, 1),
        ("lab", "disk", "env"): (1, 1),
    }
    with (tmp_path / "keys.csv").open() as file:
        assert file.readline() == "provider,account,region,type,key,resources,values\n"
        assert sum(1 for _ in file) == 7
    assert not any(call.writing for call in jd.calls)


def test_globs_choose_keys_and_only_these_are_listed(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd, accounts=("shop",))
    words = ("--account", "shop", "--type", "vm", "--key", "owner-*", "--key", "old")
    answer = work.json("tags", *PLACES, *words)
    assert [(one["key"], one["resources"]) for one in answer["keys"]] == [("old", 1), ("owner-li", 7)]


def test_a_listing_of_many_pages_counts_each_resource_once(tmp_path: Path) -> None:
    with HuaweicloudTmsServer() as tms:
        tms.tags.load({**ECS, "id": f"e-{n}", "tags": {"env": f"v{n % 5}"}} for n in range(450))
        work = WorkFolder(tmp_path, tms)
        answer = work.json("tags", "--provider", "huaweicloud", "--project-id", PROJECT, "--type", "ecs")
    assert [(one["key"], one["resources"], one["values"]) for one in answer["keys"]] == [("env", 450, 5)]


def test_without_a_type_every_type_is_counted_where_the_cloud_can_list_all(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd, accounts=("lab",))
    answer = work.json("tags", *PLACES, "--account", "lab")
    assert {(one["type"], one["key"]): one["resources"] for one in answer["keys"]} == {
        ("vm", "env"): 3,
        ("vm", "owner-li"): 3,
        ("vm", "old"): 1,
        ("disk", "env"): 1,
    }
    with HuaweicloudTmsServer() as tms:
        work = WorkFolder(tmp_path, tms)
        ended = work.untag("tags", "--provider", "huaweicloud", "--project-id", PROJECT)
    assert (ended.returncode, "type" in ended.stderr) == (2, True)


def test_a_place_that_cannot_be_listed_is_said_and_ends_with_a_failure(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd, accounts=("shop",))
    words = ("--account", "shop", "--account", "none", "--type", "vm")
    answer = work.json("tags", *PLACES, *words, status=1)
    assert {one["account"] for one in answer["keys"]} == {"shop"}
    assert [one["account"] for one in answer["failed"]] == ["none"]


def test_a_place_that_the_cloud_does_not_know_is_refused(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd)
    assert work.untag("tags", "--provider", "jdcloud", "--type", "vm").returncode == 2
    assert work.untag("tags", "--provider", "nocloud", "--type", "vm").returncode == 2


def test_a_place_that_looks_mistaken_is_told_since_nothing_is_found_there(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd, accounts=("shop",))
    done = work.untag("tags", "--provider", "jdcloud", "--account", "shop", "--region", "cn-nroth-1", "--type", "vmm")
    assert done.returncode == 0
    assert "did you mean cn-north-1?" in done.stderr
    assert "service code vmm is not among those that JD Cloud documents; did you mean vm?" in done.stderr
    assert "warning" not in work.untag("tags", *PLACES, "--account", "shop", "--type", "vm").stderr


def test_where_a_cloud_needs_a_region_or_a_type_the_hint_names_the_option(tmp_path: Path, jd: JdcloudServer) -> None:
    work = WorkFolder(tmp_path, jd)
    for words, hint in (
        (("--provider", "jdcloud"), "name it, such as: --region cn-"),
        (("--provider", "huaweicloud"), "name it, such as: --type "),
        (("--provider", "aws"), "name it: --region …"),
        (("--provider", "gcp"), "name it: --project-id …"),
        (("--provider", "gcp", "--region", "europe-west1"), "the same command without --region"),
        (("--provider", "azure", "--region", "westeurope"), "the same command without --region"),
        (("--provider", "azure", "--project-id", "p-1"), "the same command without --project-id"),
        (("--provider", "jdclod"), "did you mean jdcloud?"),
    ):
        done = work.untag("tags", *words)
        assert done.returncode == 2
        assert hint in done.stderr
    assert not jd.calls
