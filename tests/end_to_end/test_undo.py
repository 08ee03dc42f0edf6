import json
import os

import pytest
import warm

from local.errors import LocalError
from local.providers import SERVERS
from local.reports import reports_of
from local.reports.undo import in_messages, undo_requests
from local.stack import ROOT, Stack

CLOUDS = {server.provider for server in SERVERS.values()}
MANUAL = [
    path
    for path in sorted((ROOT / "events").glob("*_manual.json"))
    if json.loads(path.read_text())["provider"] in CLOUDS
]
"""Those of the clouds that have a server here: a cloud needs none to be added."""


def standing(stack):
    return {name: server.tags.snapshot() for name, server in stack.providers.items()}


def carried_out(stack, requests):
    """The reports on requests that were sent."""
    known = len(stack.reports())
    stack.send(json.dumps(requests))
    stack.drain()
    return stack.reports()[known:]


@pytest.mark.parametrize("path", MANUAL, ids=lambda path: path.stem)
def test_to_remove_and_to_undo_leaves_the_truth_table_as_it_was_and_so_does_the_undo_of_an_undo(stack: Stack, path):
    before = standing(stack)
    answer = stack.invoke("RemoveTagsFunction", json.loads(path.read_text())).value
    removed = [row for report in answer["reports"] for row in report["outcomes"] if row["outcome"] == "removed"]
    assert removed
    after = standing(stack)
    assert after != before
    made = undo_requests(reports_of(json.dumps(answer)))
    assert (made.unknown, made.notes) == (0, [])
    undone = carried_out(stack, made.requests)
    assert standing(stack) == before
    again = undo_requests(undone)
    assert {request["action"] for request in again.requests} == {"remove"}
    carried_out(stack, again.requests)
    assert standing(stack) == after


def test_a_value_that_somebody_has_set_since_stays_unless_it_is_asked_for(stack: Stack):
    cloud = stack.providers["jdcloud"]
    cloud.tags.put("cn-north-1", "vm", "i-since", "env", "prod")
    where = {"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-since"]}]}
    answer = stack.invoke("RemoveTagsFunction", {"id": "since", **where, "tags": [{"key": "env", "value": "prod"}]})
    reports = reports_of(answer.payload.decode())
    cloud.tags.put("cn-north-1", "vm", "i-since", "env", "test")
    (told,) = carried_out(stack, undo_requests(reports).requests)
    assert [(row["outcome"], row["code"]) for row in told["outcomes"]] == [("protected", "changed_since")]
    (told,) = carried_out(stack, undo_requests(reports, overwrite=True).requests)
    assert cloud.tags.get("default", "cn-north-1", "vm", "i-since") == {"env": "prod"}
    # The undo of that puts the other value back.
    carried_out(stack, undo_requests([told]).requests)
    assert cloud.tags.get("default", "cn-north-1", "vm", "i-since") == {"env": "test"}


def report(*rows, **changes):
    return {"id": "r", "provider": "huaweicloud", "account": "a", "region": None, "outcomes": list(rows), **changes}


def row(id_, outcome="removed", value="v", **more):
    return {"type": "ecs", "resource_id": id_, "key": "k", "value": value, "outcome": outcome, **more}


def put_back(made):
    """Which values are put back at which resources."""
    return {
        (id_, tag["key"], tag["value"])
        for request in made.requests
        for group in request["resources"]
        for id_ in group["ids"]
        for tag in request["tags"]
    }


def test_what_was_not_there_or_is_not_known_is_not_put_back():
    rows = [row("1", was=None), row("2", value=None), row("3", outcome="absent", was="x"), row("4", outcome="failed")]
    made = undo_requests([report(*rows)])
    assert (made.requests, made.unknown) == ([], 2)


def test_the_value_asked_for_is_put_back_unread_only_where_the_cloud_removes_no_other():
    unread = {"region": "cn-north-1", "outcomes": [{**row("1"), "type": "vm"}]}
    assert put_back(undo_requests([report(**unread, provider="jdcloud")])) == {("1", "k", "v")}
    for provider in ("huaweicloud", "aws", "alibabacloud", "tencentcloud", "volcengine", "a cloud that is none"):
        made = undo_requests([report(**unread, provider=provider)])
        assert (made.requests, made.unknown) == ([], 1), provider


def test_a_tag_that_went_while_a_write_of_ours_was_under_way_is_put_back():
    rows = [
        row("meant", outcome="absent", was="v"),
        row("any", outcome="absent", value=None, was="x"),
        row("another", outcome="absent", was="x"),
        row("never", outcome="absent", was=None),
    ]
    made = undo_requests([report(*rows)])
    assert put_back(made) == {("meant", "k", "v"), ("any", "k", "x")}
    assert made.unknown == 0


def test_the_value_that_stood_there_is_put_back_and_not_the_one_that_was_asked_for():
    (request,) = undo_requests([report(row("1", value=None, was="stood"), project_id="p")]).requests
    assert request["tags"] == [{"key": "k", "value": "stood"}]
    assert request["project_id"] == "p"
    assert (request["action"], request["id"]) == ("restore", "r-undo")
    assert "overwrite" not in request
    assert request["batch"] == "r-undo"


def test_resources_that_held_other_values_are_put_back_by_requests_of_their_own():
    requests = undo_requests([report(row("1", was="a"), row("2", was="b"), row("3", was="a"))]).requests
    told = {
        (id_, tag["value"]) for one in requests for g in one["resources"] for id_ in g["ids"] for tag in one["tags"]
    }
    assert told == {("1", "a"), ("2", "b"), ("3", "a")}
    assert [one["id"] for one in requests] == ["r-undo-1", "r-undo-2"]


def test_the_batch_is_one_of_its_own_and_overwriting_is_asked_for_where_it_is_wanted():
    rows = report(row("1", was="a"), batch="cleanup-2026-11")
    (request,) = undo_requests([rows]).requests
    assert request["batch"] == "cleanup-2026-11-undo"
    (request,) = undo_requests([rows], overwrite=True).requests
    assert (request["batch"], request["overwrite"]) == ("cleanup-2026-11-undo", True)


@pytest.mark.parametrize("length", [250, 251, 256])
def test_ids_stay_within_their_size_and_to_undo_twice_makes_the_same(length):
    # A character whose bytes are many counts once.
    rows = [row("1", was="a"), row("2", was="b")]
    made = [undo_requests([report(*order, id="部" * length)]).requests for order in (rows, rows, list(reversed(rows)))]
    assert made[0] == made[1] == made[2]
    ids = [request["id"] for request in made[0]]
    assert all(len(id_) <= 256 for id_ in ids)
    assert len(set(ids)) == 2
    assert [id_.endswith(f"-undo-{number}") for number, id_ in enumerate(ids, 1)] == [True, True]
    (other,) = undo_requests([report(row("1", was="a"), id="部" * (length - 1) + "x")]).requests
    assert other["id"] not in ids


def test_a_restore_is_undone_by_removing_its_tags_and_by_putting_back_what_they_replaced():
    rows = [
        row("new", outcome="restored", was=None),
        row("replaced", outcome="restored", was="before"),
        row("same", outcome="restored", was="v"),
        row("unseen", outcome="restored"),
        row("held", outcome="protected", was="x", code="changed_since"),
    ]
    made = undo_requests([report(*rows, action="restore", batch="b")])
    by_action = {request["action"]: request for request in made.requests}
    assert made.unknown == 1
    removal, restore = by_action["remove"], by_action["restore"]
    assert removal["resources"] == [{"type": "ecs", "ids": ["new"]}]
    assert removal["tags"] == [{"key": "k", "value": "v"}]
    assert "overwrite" not in removal
    assert restore["resources"] == [{"type": "ecs", "ids": ["replaced"]}]
    assert (restore["tags"], restore["overwrite"]) == ([{"key": "k", "value": "before"}], True)
    assert {request["batch"] for request in made.requests} == {made.batch} == {"b-undo"}
    assert sorted(request["id"] for request in made.requests) == ["r-undo-1", "r-undo-2"]


def test_a_value_that_the_cloud_does_not_take_is_left_out_by_name_and_alone():
    rows = [row("i-1", was="a") | {"type": "vm"}, row("i-1", value=None, was="") | {"type": "vm", "key": "note"}]
    made = undo_requests([report(*rows, provider="jdcloud", region="cn-north-1")])
    assert put_back(made) == {("i-1", "k", "a")}
    (note,) = made.notes
    assert note.startswith("r: vm i-1 note is left out: ")


def pages(count, **changes):
    return [
        report(
            row(f"i-{number}", was="v"),
            report_id=f"page-{number}",
            page={"number": number, "of": count},
            attempt=1,
            **changes,
        )
        for number in range(1, count + 1)
    ]


def test_all_pages_of_a_report_are_undone_together_and_one_that_is_missing_is_named():
    whole = pages(6)
    assert len(put_back(undo_requests(whole))) == 6
    assert len(put_back(undo_requests([*reversed(whole), whole[0]]))) == 6
    with pytest.raises(LocalError, match="has 6 pages, and pages 2, 3 are missing: nothing was asked for"):
        undo_requests([whole[0], *whole[3:]])
    with pytest.raises(LocalError, match="the report on r, attempt 1, has 6 pages, and page 6 is missing"):
        undo_requests(whole[:5])


def test_pages_of_two_attempts_do_not_stand_in_for_each_other():
    first, second = pages(2), [one | {"attempt": 2, "report_id": f"x{one['report_id']}"} for one in pages(2)]
    with pytest.raises(LocalError, match="attempt 2, has 2 pages, and page 1 is missing"):
        undo_requests([*first, second[1]])


REMOVED = report(row("1", was="a"), kind="removal", report_id="one")
TEXT = json.dumps(REMOVED)
NOTIFICATION = {"Type": "Notification", "MessageId": "m", "Message": TEXT, "Subject": "s"}


@pytest.mark.parametrize(
    "content",
    [
        REMOVED,
        [REMOVED],
        {"reports": [REMOVED]},
        NOTIFICATION,
        [NOTIFICATION],
        {"Records": [{"EventSource": "aws:sns", "Sns": NOTIFICATION}]},
        {"Messages": [{"MessageId": "m", "ReceiptHandle": "h", "Body": TEXT}]},
        {"Messages": [{"MessageId": "m", "ReceiptHandle": "h", "Body": json.dumps(NOTIFICATION)}]},
        {"MessageId": "m", "ReceiptHandle": "h", "Body": TEXT},
        {"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": json.dumps(NOTIFICATION)}]},
        {"messageId": "m", "eventSource": "aws:sqs", "body": TEXT},
        {"request_id": "i", "error": "", "errors": [], "payload": {"reports": [REMOVED]}, "log": []},
        {"reports": [{"topic": "t", "message_id": "m", "attributes": {}, "body": REMOVED, "number": 1}]},
    ],
)
def test_a_report_is_found_in_whatever_it_came_in(content):
    assert put_back(undo_requests(reports_of(json.dumps(content)))) == {("1", "k", "a")}
    assert put_back(undo_requests(reports_of(f"\n{TEXT}\n{json.dumps(content)}\n"))) == {("1", "k", "a")}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"kind": "rejected", "id": "x", "errors": [{"path": "", "message": "m"}]}, "x was rejected: nothing"),
        ({"kind": "sweep", "id": "x", "counts": {}, "details": []}, "x is a sweep's summary"),
        ({"kind": "decommission", "id": "x", "counts": {}, "details": []}, "x is a decommission event's notice"),
        (
            report(id="x", kind="removal", held_back={"code": "too_many_pairs", "message": "m", "pairs": 100000}),
            "x was held back (too_many_pairs): nothing",
        ),
    ],
)
def test_of_what_called_nothing_there_is_nothing_to_undo_and_it_says_why(told, why):
    made = undo_requests([told])
    assert made.requests == []
    assert made.notes[0].startswith(why)
    assert put_back(undo_requests([told, REMOVED])) == {("1", "k", "a")}


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '"x"', "[]", '{"outcomes": [7]}', '{"outcomes": 1}'])
def test_what_is_no_report_is_refused_with_what_to_do(text):
    with pytest.raises(LocalError) as raised:
        reports_of(text)
    assert raised.value.hint


def test_an_answer_that_was_too_large_for_rows_is_called_that():
    short = {"reports": [{"report_id": "a", "id": "r", "counts": {"removed": 9}, "page": {"number": 1, "of": 1}}]}
    with pytest.raises(LocalError, match="the answer on r was too large to hold rows"):
        reports_of(json.dumps(short))


def test_many_requests_are_cut_into_messages_that_each_hold_whole_ones():
    requests = [{"id": f"部{number}" * 9} for number in range(50)]
    texts = in_messages(requests, 400)
    assert [one for text in texts for one in json.loads(text)] == requests
    assert all(len(text.encode()) <= 400 for text in texts)
    assert len(texts) > 1
    assert in_messages([], 400) == []


def command(*words, text=None):
    return warm.run("local", "undo", *map(str, words), cwd=ROOT, env=os.environ, stdin=text or "", timeout=60)


def test_the_command_takes_several_files_and_prints_what_is_for_another_queue(tmp_path):
    files = []
    for one in pages(2, batch="b-1"):
        files.append(tmp_path / f"{one['report_id']}.json")
        files[-1].write_bytes(b"\xef\xbb\xbf" + json.dumps(one).encode())
    done = command("--print", "--overwrite", *files)
    assert done.returncode == 0, done.stderr
    (request,) = json.loads(done.stdout)
    assert (request["batch"], request["overwrite"]) == ("b-1-undo", True)
    assert request["resources"] == [{"type": "ecs", "ids": ["i-1", "i-2"]}]
    failed = command("--print", files[0])
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "page 2 is missing" in failed.stderr
    nothing = command("--print", "-", text=json.dumps({"kind": "rejected", "id": "x", "errors": []}))
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "x was rejected: nothing of it was called" in nothing.stderr
    assert "there is nothing to undo in it" in nothing.stderr
    unknown = command("--print", "-", text=json.dumps(report(row("1", value=None), row("2", was="x"))))
    assert "1 row left out: the value that stood there is not known" in unknown.stderr
    assert len(json.loads(unknown.stdout)) == 1
