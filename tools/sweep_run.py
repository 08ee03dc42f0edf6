"""A sweep over many resources at the local clouds, with removals running beside it, held against the truth tables.

    python -m tools.sweep_run [--resources 100000] [--timeout 20]

Half of the resources stand at JD Cloud, 30 in 100 at Huawei Cloud's TMS and the rest at its Config. Two rules look for
dates that have passed and for keys of one kind; other tags look much like them. While the sweep runs, removal requests
of somebody else take matching tags away from the pages that it reads.
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.stack import Overrides, Stack

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
PLACES = (
    # server, provider, region in the truth table, type, share of all resources in 100
    ("jdcloud", "jdcloud", "cn-north-1", "vm", 35),
    ("jdcloud", "jdcloud", "cn-north-1", "disk", 15),
    ("huaweicloud-tms", "huaweicloud", PROJECT, "ecs", 30),
    ("huaweicloud-config", "huaweicloud", "", "config:policyAssignments", 20),
)
LISTINGS = ("describeResources", "describeKeys", "filter", "type tags", "project tags")
_DATES = 30
_BESIDE = 50
"""Of so many resources one is asked for by somebody else, too."""

Table = dict[str, dict[str, dict[str, str]]]
"""Tags by server and type, resource and key."""


@dataclass(frozen=True)
class Figures:
    """What a run came to."""

    resources: int
    seconds: float
    seconds_swept: float
    sweeps: list[dict[str, Any]]
    invocations: Counter[str]
    failed_invocations: list[str]
    listings: Counter[str]
    removals: Counter[str]
    wrong: list[str]


def tags_of(number: int, today: datetime) -> tuple[dict[str, str], dict[str, str]]:
    """What a resource bears before a sweep, and after it."""
    keep = {"env": "prod", "expires-on-paper": "2020-01-01"}
    go: dict[str, str] = {}
    days = 2 + number % _DATES
    match number % 10:
        case 0 | 1 | 2 | 3 | 4 | 5:
            go["expires-on"] = f"{today - timedelta(days=days):%Y-%m-%d}"
        case 6 | 7:
            keep["expires-on"] = f"{today + timedelta(days=days):%Y-%m-%d}"
        case 8:
            keep["expires-on"] = "never"
    if number % 7 == 0:
        go[f"tmp-{number % 3}"] = "x"
    return keep | go, keep


def rules() -> list[dict[str, Any]]:
    """Two rules for each of the three APIs."""
    jd = {"provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm", "disk"]}
    tms = {"provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"]}
    config = {"provider": "huaweicloud", "types": ["config:policyAssignments"]}
    expired = {"key": "expires-on", "value": {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}}
    made = []
    for name, head in (("jd", jd), ("tms", tms), ("config", config)):
        made.append({"name": f"{name}-expired", **head, "match": expired})
        made.append({"name": f"{name}-tmp", **head, "match": {"key": {"glob": "tmp-*"}}})
    return made


def seed(stack: Stack, resources: int) -> Table:
    """Puts the tags at the clouds; what is to be left of them."""
    expected: Table = {}
    today = datetime.now(UTC)
    for server, _, region, type_, share in PLACES:
        rows = []
        left = expected.setdefault(f"{server} {type_}", {})
        for number in range(resources * share // 100):
            before, left[f"r-{number:06d}"] = tags_of(number, today)
            rows.append({"region": region, "type": type_, "id": f"r-{number:06d}", "tags": before})
        stack.providers[server].tags.load(rows)
    return expected


def beside(stack: Stack, resources: int) -> int:
    """Somebody else asks for some of the same tags; the number of requests."""
    today = datetime.now(UTC)
    sent = 0
    for number in range(0, resources * 30 // 100, _BESIDE):
        before, after = tags_of(number, today)
        gone = [{"key": key, "value": value} for key, value in before.items() if key not in after]
        if gone:
            where = {"provider": "huaweicloud", "project_id": PROJECT}
            what = {"resources": [{"type": "ecs", "ids": [f"r-{number:06d}"]}], "tags": gone}
            stack.send(json.dumps({"id": f"beside-{number}", **where, **what}), queue="WorkQueue")
            sent += 1
    return sent


def wrong(stack: Stack, expected: Table) -> list[str]:
    """Every resource that bears anything else than it should."""
    found = []
    for server, _, region, type_, _ in PLACES:
        there = stack.providers[server].tags.snapshot()["default"][region][type_]
        for id_, tags in expected[f"{server} {type_}"].items():
            if there[id_] != tags:
                found.append(f"{server} {type_} {id_}: {there[id_]} instead of {tags}")
    return found


def run(resources: int, timeout: float, *, wait: float, latency: float = 0.0) -> Figures:
    """One sweep, from the schedule to the last removal. `latency` is the seconds that each listing takes."""
    made = Overrides(
        environment={"UNTAG_RATE": "4000"},
        parameters={"SweepRules": json.dumps(rules(), separators=(",", ":"))},
        visibility_timeout=timeout * 3,
        batching_window=0.1,
        max_delay=1,
        timeout=timeout,
    )
    with Stack(overrides=made) as stack:
        expected = seed(stack, resources)
        for server in stack.providers.values():
            for operation in LISTINGS:
                server.faults.add("delay", operation=operation, seconds=latency)
        began = time.monotonic()
        beside(stack, resources)
        stack.fire("SweepSchedule")
        swept = _summary(stack, wait)
        seconds_swept = time.monotonic() - began
        stack.drain(wait)
        calls = [call for server in stack.providers.values() for call in server.calls]
        return Figures(
            resources,
            time.monotonic() - began,
            seconds_swept,
            swept,
            Counter({name: len(mapping.batches) for name, mapping in stack.mappings.items()}),
            [failure for mapping in stack.mappings.values() for failure in mapping.failures],
            Counter(call.operation for call in calls if not call.writing),
            Counter(call.operation for call in calls if call.writing),
            wrong(stack, expected) + [letter.body[:200] for letter in stack.dead_letters()],
        )


def _summary(stack: Stack, wait: float) -> list[dict[str, Any]]:
    """The sweep's notices, once there is one."""
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if found := [report for report in stack.reports() if report.get("kind") == "sweep"]:
            return found
        time.sleep(0.1)
    return []


def main() -> int:
    """Run it, print the figures; 1 if a tag is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--wait", type=float, default=1800.0)
    given = parser.parse_args()
    found = run(given.resources, given.timeout, wait=given.wait)
    print(f"resources               {found.resources:,}")
    print(f"swept after             {found.seconds_swept:.1f} s")
    print(f"all removed after       {found.seconds:.1f} s")
    print(f"invocations             {dict(found.invocations)}")
    print(f"failed invocations      {found.failed_invocations}")
    print(f"listing calls, reads    {dict(found.listings)}")
    print(f"removal calls           {dict(found.removals)}")
    for notice in found.sweeps:
        print(f"summary                 {notice['status']}: {notice['summary']}")
        print(f"counts                  {notice['counts']}")
        for detail in notice["details"]:
            print(f"  {detail['rule']:14} {detail['status']:10} {detail['counts']} {detail['errors'] or ''}")
    print(f"tags not as they should {len(found.wrong)}")
    for line in found.wrong[:10]:
        print(f"  {line}")
    return 1 if found.wrong or not found.sweeps else 0


if __name__ == "__main__":
    sys.exit(main())
