"""Whoever looks at a stack is told of pairs, each once, however many reports speak of it."""

import itertools
import json
import threading

import pytest
from rich.console import Console
from throwaway import project

from local.audit import Audit
from local.commands.display import show_state
from local.live import Observer, watch
from local.live.picture import picture
from local.live.view import View
from local.providers import JdcloudServer, Pair
from local.providers.tag_table import Cause
from local.reports.pairs import Pairs
from local.session import control
from local.stack import Overrides, Stack


def row(id_, outcome, key="env", value="prod", **more):
    return {"type": "vm", "resource_id": id_, "key": key, "value": value, "outcome": outcome, **more}


def removal(report_id, rows, *, second=1, attempt=1, deferred=0, page=(1, 1), whole=None, **changes):
    """A page of a report as the functions publish it; `whole` are the attempt's counts."""
    counts = {}
    for one in rows:
        counts[one["outcome"]] = counts.get(one["outcome"], 0) + 1
    if deferred:
        counts["deferred"] = deferred
    return {
        "kind": "removal",
        "report_id": report_id,
        "id": "chg-1",
        "batch": "cleanup",
        "action": "remove",
        "provider": "jdcloud",
        "account": "default",
        "region": "cn-north-1",
        "status": "partial",
        "complete": not deferred,
        "attempt": attempt,
        "dry_run": False,
        "reason": None,
        "counts": counts,
        "request_counts": whole or counts,
        "outcomes": rows,
        "page": {"number": page[0], "of": page[1]},
        "started_at": f"2026-11-26T03:00:{second - 1:02}.000Z",
        "finished_at": f"2026-11-26T03:00:{second:02}.000Z",
        "summary": "jdcloud/default cn-north-1: …",
        **changes,
    }


def total(*reports):
    pairs = Pairs()
    for report in reports:
        pairs.add(report)
    return pairs.counts()


REJECTED = {
    "kind": "rejected",
    "report_id": "rejected",
    "id": "chg-9",
    "status": "failed",
    "source": "arn:aws:sqs:eu-west-1:123456789012:untag-work",
    "errors": [{"path": "resources.0.ids", "message": "List should have at least 1 item"}],
    "started_at": "2026-11-26T03:00:00.000Z",
    "finished_at": "2026-11-26T03:00:01.000Z",
    "summary": "rejected: resources.0.ids: List should have at least 1 item",
}
HELD_BACK = removal(
    "held",
    [],
    id="chg-8",
    status="unchanged",
    counts={"protected": 100000},
    request_counts={"protected": 100000},
    held_back={"code": "too_many_pairs", "message": "100000 pairs, and the settings allow 1000", "pairs": 100000},
)


def test_the_pages_of_a_report_are_added_up_once():
    whole = {"removed": 3, "deferred": 1}
    first = removal("p1", [row("i-1", "removed"), row("i-2", "removed")], deferred=1, page=(1, 2), whole=whole)
    second = removal("p2", [row("i-3", "removed")], page=(2, 2), whole=whole)
    assert total(first, second) == whole
    assert total(second, first) == whole


def test_a_report_that_comes_twice_counts_once():
    report = removal("r", [row("i-1", "removed"), row("i-2", "failed")], deferred=2)
    assert total(report, report, report) == {"removed": 1, "failed": 1, "deferred": 2}


def test_the_last_word_on_a_pair_is_its_latest_attempt():
    reports = [
        removal("a1", [row("i-1", "removed")], deferred=3, second=1),
        removal("a2", [row("i-2", "failed")], deferred=2, second=2, attempt=2),
        removal("a3", [row("i-3", "removed"), row("i-4", "absent")], second=3, attempt=3),
        # A dead letter that was redriven begins again with the first attempt.
        removal("b1", [row("i-2", "removed")], second=4),
    ]
    assert total(*reports[:1]) == {"removed": 1, "deferred": 3}
    assert total(*reports[:2]) == {"removed": 1, "failed": 1, "deferred": 2}
    assert total(*reports[:3]) == {"removed": 2, "failed": 1, "absent": 1}
    assert total(*reports) == {"removed": 3, "absent": 1}
    rows_only = [one | {"counts": {}, "request_counts": {}} for one in reports]
    for order in itertools.permutations(rows_only):
        assert total(*order) == {"removed": 3, "absent": 1}


def test_what_our_own_pace_puts_off_waits_once_though_its_attempt_stays_the_same():
    reports = [
        removal("a", [row("i-1", "removed")], deferred=9, second=1),
        removal("b", [row("i-2", "removed")], deferred=8, second=2),
        removal("c", [], deferred=8, second=3),
    ]
    assert total(*reports) == {"removed": 2, "deferred": 8}


def test_three_dead_letters_of_one_pair_that_are_redriven_together_are_one_pair():
    assert total(*(removal(f"r{number}", [row("i-1", "removed")]) for number in range(3))) == {"removed": 1}


def test_a_request_that_was_held_back_counts_its_pairs_and_a_rejected_body_has_none():
    assert total(HELD_BACK, HELD_BACK) == {"protected": 100000}
    assert total(REJECTED) == {}
    assert total({"kind": "sweep", "id": "s", "report_id": "s", "counts": {"resources": 7}, "details": []}) == {}


def test_equal_pairs_of_two_requests_are_two():
    assert total(removal("a", [row("i-1", "removed")]), removal("b", [row("i-1", "absent")], id="chg-2")) == {
        "removed": 1,
        "absent": 1,
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    template = project(tmp_path_factory.mktemp("project"))
    with Stack(template, overrides=Overrides(batching_window=0.1), providers=False) as started:
        yield started


def test_every_view_shows_pairs_and_understands_every_kind_of_report(stack):
    topic = stack.template.resolver.ref("Topic")
    observer = Observer(stack)
    whole = {"removed": 3}
    reports = [
        removal("p1", [row("i-1", "removed"), row("i-2", "removed")], page=(1, 2), whole=whole),
        removal("p2", [row("i-3", "removed")], page=(2, 2), whole=whole),
        removal("p2", [row("i-3", "removed")], page=(2, 2), whole=whole),
        removal("u", [row("i-1", "absent")], id="chg-2", status="unchanged"),
        HELD_BACK,
        REJECTED,
    ]
    for report in reports:
        stack.aws.topics.publish(json.dumps(report), arn=topic)
    seen = observer.look()
    assert seen["outcomes"] == {"removed": 3, "absent": 1, "protected": 100000}
    assert seen["reports"]["count"] == 6

    console = Console(width=140, height=30)
    with console.capture() as caught:
        console.print(picture(seen, 140, 30, View()), height=30)
    shown = caught.get()
    for told in ("100000", "unchanged", "rejected: resources.0.ids: List should have at least 1 item"):
        assert told in shown


def test_a_line_says_which_page_of_a_report_it_is_about(stack, capsys):
    seen = Observer(stack).look()
    stopped = threading.Event()
    stopped.set()
    watch(lambda: seen, Console(force_terminal=False, width=400), stopped)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("report")]
    assert lines[0].startswith("report    chg-1  partial  page 1 of 2  2 removed  ")
    assert lines[3].startswith("report    chg-2  unchanged  1 absent  ")
    assert lines[4].startswith("report    chg-8  unchanged  100000 protected  ")
    assert lines[5] == "report    chg-9  failed  rejected: resources.0.ids: List should have at least 1 item"


def test_the_state_shows_why_a_body_was_rejected(stack, capsys):
    show_state(Console(force_terminal=False, width=400), control.state(stack))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "chg-9" in line]
    assert "resources.0.ids: List should have at least 1 item" in line
    assert "rejected" in line


# The account kept outside the program.


@pytest.fixture
def cloud():
    server = JdcloudServer()
    for number in range(1, 4):
        server.tags.put("cn-north-1", "vm", f"i-{number}", "env", "prod")
    server.tags.put("cn-north-1", "vm", "i-1", "jrn:made-by", "jd")
    return server


def asked(tags=None, **changes):
    request = {
        "id": "chg-1",
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1", "i-2", "i-3"]}],
        "tags": tags or [{"key": "env", "value": "prod"}],
        **changes,
    }
    return json.dumps(request)


def remove(cloud, *ids):
    for id_ in ids:
        pair = Pair("default", "cn-north-1", "vm", id_, "env", "prod")
        cloud.tags.change(Cause(1, "r", "unTagResources"), pair, after=None)


def findings(cloud, body, *reports):
    audit = Audit()
    audit.ask(body, [cloud])
    remove(cloud, *{one["resource_id"] for report in reports for one in report["outcomes"] if one.get("gone", True)})
    return audit.findings(reports, [cloud])


ALL = [row("i-1", "removed"), row("i-2", "removed"), row("i-3", "removed")]


def test_pages_repeats_and_attempts_agree_with_what_was_asked_for(cloud):
    reports = [
        removal("p1", ALL[:1], page=(1, 2), deferred=1),
        removal("p2", ALL[1:2], page=(2, 2)),
        removal("p2", ALL[1:2], page=(2, 2)),
        removal("a2", ALL[2:], second=2, attempt=2),
    ]
    assert findings(cloud, asked(), *reports) == []


def test_a_pair_that_one_attempt_tells_twice_is_found(cloud):
    (found,) = findings(
        cloud, asked(), removal("p1", ALL, page=(1, 2)), removal("p2", [row("i-1", "failed")], page=(2, 2))
    )
    assert found == "chg-1: jdcloud/default vm i-1 env=prod has more than one outcome: removed and failed"


def test_a_request_that_means_every_tag_asks_for_those_that_stand_there_but_for_the_clouds_own(cloud):
    assert findings(cloud, asked("all"), removal("r", ALL)) == []


def test_a_request_that_was_held_back_has_its_outcome_as_a_whole(cloud):
    held = removal("h", [], held_back={"code": "too_many_pairs", "message": "m", "pairs": 3})
    assert findings(cloud, asked(), held) == []
    held["held_back"]["pairs"] = 4
    assert findings(cloud, asked(), held) == ["chg-1: 4 pairs were held back, and 3 were asked for"]


def test_a_tag_that_went_while_the_answer_was_lost_is_told_by_its_value(cloud):
    rows = [*ALL[:2], row("i-3", "absent", was="prod")]
    assert findings(cloud, asked(), removal("r", rows)) == []
    rows = [*ALL[:2], row("i-3", "absent", was=None)]
    (found,) = findings(cloud, asked(), removal("r", rows))
    assert found.endswith("was changed at the cloud, and no report says so")


def test_a_value_that_stood_already_is_restored_without_a_change(cloud):
    report = removal(
        "r", [one | {"outcome": "restored", "was": "prod", "gone": False} for one in ALL], action="restore"
    )
    assert findings(cloud, asked(action="restore"), report) == []
