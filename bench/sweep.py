"""A sweep over many resources: what the sweep function costs for each, and whether it misses one.

The function runs as on Lambda, and goes on by messages to itself. Its requests are not carried out: a stand-in for the
queue keeps which pairs they name, and the clouds know which they should name.
"""

import json
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

from bench.clouds import SWEEP_QUEUE, TMS
from bench.processes import ROOT, Driver

if TYPE_CHECKING:
    from bench.figures import Bench

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_KEY = "expires-on"
_PAST = [f"2020-01-{day:02}" for day in range(1, 31)]
_FUTURE = [f"2999-01-{day:02}" for day in range(1, 21)]
TAGS = [{_KEY: day, "env": "prod"} for day in (*_PAST, *_FUTURE)]
_MATCH = {"match": {"key": _KEY, "value": {"expired": "%Y-%m-%d"}}}
EXPIRED = len(_PAST)
"""Of `TAGS`, the first ones: those that the rules mean."""
_TMS_RULE = {"name": "tms", "provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"], **_MATCH}
_PAGED = 50
"""One resource in so many stands at Huawei Cloud's TMS, which pages; the others at JD Cloud, which does not."""
_FEW = 1000
_IN_A_PLACE = 25_000
"""Resources of one region and type at JD Cloud, at most: its listing is one answer, and has to come in time."""


def measure(bench: "Bench", sizes: tuple[int, ...]) -> None:
    """CPU for each resource, above what a sweep of a few needs, and peak memory, in a process for each size."""
    side = replace(bench.pairs[0][0], app=ROOT / "functions" / "sweep")
    environ = {
        **bench.environment,
        "UNTAG_ENDPOINTS": bench.environment["BENCH_SWEEP_ENDPOINTS"],
        "UNTAG_SWEEP_QUEUE_URL": SWEEP_QUEUE,
    }
    for size in sizes:
        driver = Driver(side, environ)
        swept(bench, driver, _FEW)
        least = swept(bench, driver, _FEW)
        whole = swept(bench, driver, size)
        driver.close()
        bench.results[f"sweep {size}"] = {
            "cpu": (whole["cpu"] - least["cpu"]) / (size - _FEW),
            "peak": whole["rss"],
            **{name: whole[name] for name in ("wall", "invocations", "missed", "wrong", "errors", "servers")},
        }


def swept(bench: "Bench", driver: Driver, size: int, latency: float = 0.0, *, paging: bool = True) -> dict[str, Any]:
    """Fill the clouds and sweep them, over as many invocations as it takes; what it cost, and what it missed.

    Without `paging` all resources stand at JD Cloud.
    """
    paged = size // _PAGED if paging else 0
    regions = [f"cn-north-{number + 1}" for number in range(ceil((size - paged) / _IN_A_PLACE))]
    jd = {"name": "jd", "provider": "jdcloud", "regions": regions, "types": ["vm"], **_MATCH}
    rules = [jd, _TMS_RULE] if paging else [jd]
    bench.clouds.fill(TMS, [(PROJECT, "ecs")], paged, TAGS, latency)
    bench.clouds.fill("jdcloud", [(region, "vm") for region in regions], size - paged, TAGS, latency)
    servers = bench.clouds.cpu()
    body = json.dumps({"id": f"bench-{size}", "rules": rules})
    each = []
    peak = 0
    summary: dict[str, Any] = {}
    while body:
        answer = driver.ask(do="sweep", body=body)
        each.append((answer["wall"], answer["cpu"]))
        peak = answer["rss"]
        summary = answer["answer"].get("summary", {})
        body = bench.clouds.continuation() if answer["continued"] else ""
    missed, wrong = bench.clouds.unasked(["jdcloud", TMS], _KEY, _PAST)
    return {
        "each": each,
        "wall": sum(wall for wall, _ in each),
        "cpu": sum(cpu for _, cpu in each),
        "invocations": len(each),
        "rss": peak,
        "missed": missed,
        "wrong": wrong,
        "errors": sorted({error["code"] for one in summary.get("details", ()) for error in one["errors"]}),
        "servers": bench.clouds.cpu() - servers,
    }
