"""The command at a cloud to which keys are the same in any case: what stands there keeps its letters."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Untag

from local.providers import AzureLoginServer, AzureServer, environment
from local.providers.azure_service import SUBSCRIPTION

TYPE = "Microsoft.Compute/virtualMachines"
VMS = [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/{TYPE}/vm-{n}" for n in range(4)]


@pytest.fixture
def azure() -> Iterator[AzureServer]:
    with AzureServer() as server:
        tags = ({"Env": "prod", "Owner": "li"}, {"env": "prod"}, {"Env": "test"}, {"team": "web"})
        server.tags.load({"type": TYPE, "id": id_, "tags": its} for id_, its in zip(VMS, tags, strict=True))
        yield server


@pytest.fixture
def untag(tmp_path: Path, azure: AzureServer) -> Iterator[Untag]:
    with AzureLoginServer() as login:
        made = Untag(tmp_path, environment((azure, login)))
        request = {"id": "r", "batch": "b", "provider": "azure", "resources": [{"type": TYPE, "ids": VMS[:2]}]}
        made.write("r.json", {**request, "tags": [{"key": "ENV", "value": "prod"}]})
        yield made


def stand(azure: AzureServer) -> list[dict[str, str]]:
    """The tags of each machine."""
    return [azure.tags.get("default", "", TYPE, id_) or {} for id_ in VMS]


def test_a_plan_has_the_key_in_the_letters_in_which_it_stands_there(untag: Untag) -> None:
    assert untag("plan", "r.json", "-o", "plan.csv").code == 0
    rows = (untag.folder / "plan.csv").read_text().splitlines()[1:]
    assert [row.split(",")[-3:] for row in rows] == [[VMS[0], "Env", "prod"], [VMS[1], "env", "prod"]]
    done = untag("apply", "plan.csv", "--yes", "--expect", "2", "--json")
    assert (done.code, done.json["pairs"], done.json["drift"]) == (0, {"removed": 2}, [])


@pytest.mark.parametrize("what", ["b", "rows.csv", "rows.json"])
def test_a_report_names_the_key_as_it_was_asked_for_and_undo_puts_it_back_as_it_stood(
    untag: Untag, azure: AzureServer, what: str
) -> None:
    before = stand(azure)
    file = "rows.csv" if what == "b" else what
    assert untag("run", "r.json", "--yes", "--expect", "2", "--report", file).code == 0
    assert stand(azure) == [{"Owner": "li"}, {}, *before[2:]]
    (report,) = untag.reports()
    rows = [(row["resource_id"], row["key"], row["was"], row["was_key"]) for row in report["outcomes"]]
    assert rows == [(VMS[0], "ENV", "prod", "Env"), (VMS[1], "ENV", "prod", "env")]
    assert untag("undo", what, "--yes", "--expect", "2").code == 0
    assert stand(azure) == before


def test_a_key_in_several_spellings_is_one_key_in_use(untag: Untag) -> None:
    keys = {
        one["key"]: (one["resources"], one["values"])
        for one in untag("tags", "--provider", "azure", "--json").json["keys"]
    }
    assert keys == {"Env": (3, 2), "Owner": (1, 1), "team": (1, 1)}
    chosen = untag("tags", "--provider", "azure", "--type", TYPE, "--key", "eNV", "--json").json["keys"]
    assert [(one["key"], one["resources"]) for one in chosen] == [("Env", 3)]


@pytest.mark.parametrize("trouble", [False, True], ids=["", "answers are lost"])
def test_tags_as_long_as_the_cloud_takes_them_go_and_come_back(untag: Untag, azure: AzureServer, trouble: bool) -> None:
    long = {"k" * 512: "v" * 256, "team": "web"}
    azure.tags.load([{"type": TYPE, "id": VMS[3], "tags": long}])
    if trouble:  # what is left of the request names the keys, and the values that were seen
        azure.faults.add("reset", operation="writing", times=4, applied=True)
    request = {"id": "r", "batch": "b", "provider": "azure", "resources": [{"type": TYPE, "ids": VMS[3:]}]}
    untag.write("all.json", {**request, "tags": "all"})
    done = untag("run", "all.json", "--yes", "--expect", "1", "--json")
    assert (done.code, sum(done.json["pairs"].values())) == (0, 2), done.err
    assert stand(azure)[3] == {}
    assert untag("undo", "b", "--yes", "--expect", "2").code == 0
    assert stand(azure)[3] == long
