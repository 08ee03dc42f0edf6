"""A sweep over many resources: what the sweep function costs for each, and whether it misses one.

The function runs as on Lambda, and goes on by messages to itself. Its requests are not carried out: a stand-in for the
queue keeps which pairs they name, and the clouds know which they should name.
"""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.clouds import SWEEP_QUEUE, TMS
from bench.processes import ROOT, Driver

if TYPE_CHECKING:
    from bench.figures import Bench

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_KEY = "expires-on"
_PAST = [f"2020-01-{day:02}" for day in range(1, 31)]
_FUTURE = [f"2999-01-{day:02}" for day in range(1, 21)]
_TAGS = [{_KEY: day, "env": "prod"} for day in (*_PAST, *_FUTURE)]
_MATCH = {"match": {"key": _KEY, "value": {"expired": "%Y-%m-%d"}}}
_RULES = {
    "rules": [
        {"name": "jd", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], **_MATCH},
        {"name": "tms", "provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"], **_MATCH},
    ]
}
_PAGED = 10
"""One resource in so many stands at Huawei Cloud's TMS, which pages; the others at JD Cloud, which does not."""
_FEW = 1000


def measure(bench: "Bench", sizes: tuple[int, ...]) -> None:
    """CPU and peak memory for each resource, above what a sweep of a few needs, in a process for each size."""
    side = replace(bench.pairs[0][0], app=ROOT / "functions" / "sweep")
    environ = {
        **bench.environment,
        "UNTAG_ENDPOINTS": bench.environment["BENCH_SWEEP_ENDPOINTS"],
        "UNTAG_SWEEP_QUEUE_URL": SWEEP_QUEUE,
    }
    for size in sizes:
        driver = Driver(side, environ)
        _swept(bench, driver, _FEW)
        least = _swept(bench, driver, _FEW)
        whole = _swept(bench, driver, size)
        driver.close()
        bench.results[f"sweep {size}"] = {
            "cpu": (whole["cpu"] - least["cpu"]) / (size - _FEW),
            "bytes": (whole["rss"] - least["rss"]) * 1024 / (size - _FEW),
            "peak": whole["rss"] / 1000,
            **{name: whole[name] for name in ("wall", "invocations", "missed", "wrong", "servers")},
        }


def _swept(bench: "Bench", driver: Driver, size: int) -> dict[str, float]:
    paged = size // _PAGED
    bench.clouds.fill(TMS, (PROJECT, "ecs"), paged, _TAGS)
    bench.clouds.fill("jdcloud", ("cn-north-1", "vm"), size - paged, _TAGS)
    servers = bench.clouds.cpu()
    body = json.dumps({"id": f"bench-{size}", **_RULES})
    total = {"cpu": 0.0, "wall": 0.0, "invocations": 0.0}
    while body:
        answer = driver.ask(do="sweep", body=body)
        total |= {name: total[name] + answer[name] for name in ("cpu", "wall")}
        total |= {"invocations": total["invocations"] + 1, "rss": answer["rss"]}
        body = bench.clouds.continuation() if answer["continued"] else ""
    missed, wrong = bench.clouds.unasked(["jdcloud", TMS], _KEY, _PAST)
    return {**total, "missed": missed, "wrong": wrong, "servers": bench.clouds.cpu() - servers}
