import json

import pytest

from local.errors import LocalError
from local.providers import SERVERS
from local.stack import ROOT, Stack
from local.undo import reports_of, restore_requests

CLOUDS = {server.provider for server in SERVERS.values()}
MANUAL = [
    path
    for path in sorted((ROOT / "events").glob("*_manual.json"))
    if json.loads(path.read_text())["provider"] in CLOUDS
]
"""Those of the clouds that have a server here: a cloud needs none to be added."""


@pytest.mark.parametrize("path", MANUAL, ids=lambda path: path.stem)
def test_to_remove_and_to_undo_leaves_the_truth_table_as_it_was(stack: Stack, path):
    before = {name: server.tags.snapshot() for name, server in stack.providers.items()}
    answer = stack.invoke("RemoveTagsFunction", json.loads(path.read_text())).value
    removed = [row for report in answer["reports"] for row in report["outcomes"] if row["outcome"] == "removed"]
    assert removed
    assert {name: server.tags.snapshot() for name, server in stack.providers.items()} != before
    requests, skipped = restore_requests(reports_of(json.dumps(answer)))
    assert skipped == 0
    stack.send(json.dumps(requests))
    stack.drain()
    assert {name: server.tags.snapshot() for name, server in stack.providers.items()} == before


def report(*rows, **changes):
    return {"id": "r", "provider": "huaweicloud", "account": "a", "region": None, "outcomes": list(rows), **changes}


def row(id_, outcome="removed", value="v", **more):
    return {"type": "ecs", "resource_id": id_, "key": "k", "value": value, "outcome": outcome, **more}


def test_what_was_not_there_or_is_not_known_is_not_put_back():
    rows = [row("1", was=None), row("2", value=None), row("3", outcome="absent", was="x"), row("4", outcome="failed")]
    assert restore_requests([report(*rows)]) == ([], 2)


def test_the_value_that_stood_there_is_put_back_and_not_the_one_that_was_asked_for():
    (request,), _ = restore_requests([report(row("1", value=None, was="stood"), project_id="p")])
    assert request["tags"] == [{"key": "k", "value": "stood"}]
    assert request["project_id"] == "p"
    assert (request["action"], request["id"]) == ("restore", "r-undo")


def test_resources_that_held_other_values_are_put_back_by_requests_of_their_own():
    requests, _ = restore_requests([report(row("1", was="a"), row("2", was="b"), row("3", was="a"))])
    told = {
        (id_, tag["value"]) for one in requests for g in one["resources"] for id_ in g["ids"] for tag in one["tags"]
    }
    assert told == {("1", "a"), ("2", "b"), ("3", "a")}
    assert [one["id"] for one in requests] == ["r-undo-1", "r-undo-2"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '"x"'])
def test_what_is_no_report_is_refused_with_what_to_do(text):
    with pytest.raises(LocalError):
        reports_of(text)
