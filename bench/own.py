"""What is measured inside our own process: the core alone, records without their calls, a test authority, a profile.

`driver.py` imports it where it is asked for. It reaches into private parts, as nothing else may.
"""

import cProfile
import os
import pstats
import ssl
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

Invoked = Callable[[Any, dict[str, Any]], dict[str, Any]]

_IDS_PER_JOB = 200
_TAGS_PER_JOB = 5
TOP = 14
"""Lines of a profile."""


def trust(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """From now on an authority of our own is believed."""
    from untag.hosts.aws import LambdaFunction  # noqa: PLC0415
    from untag.removal import Remover  # noqa: PLC0415
    from untag.transport import Transport  # noqa: PLC0415

    transport = Transport(context=lambda: ssl.create_default_context(cafile=orders["authority"]))
    app.remove_tags = LambdaFunction(Remover, {**os.environ, **orders["environment"]}, transport=transport)
    return {}


def without_calls(app: Any, orders: dict[str, Any], invoked: Invoked) -> dict[str, Any]:
    """An invocation whose provider calls and calls of delivery cost nothing; everything else is as it is."""
    from untag.providers import Answer, Verdict  # noqa: PLC0415

    runtime = app.remove_tags.runtime

    async def write(
        _session: Any, _action: Any, _scope: Any, ids: tuple[Any, ...], tags: tuple[Any, ...], *_seen: Any
    ) -> Answer:
        return Answer(Verdict.DONE, request_id="r-1", confirmed=len(ids) * len(tags))

    members = "".join(f"<member><Id>{number}</Id></member>" for number in range(10))
    answer = ET.fromstring(f"<a><Successful>{members}</Successful></a>")  # noqa: S314 - our own text

    async def sns(_operation: str, _parameters: Any) -> ET.Element:
        return answer

    (provider,) = runtime.registry.tag_apis(orders["provider"])
    provider.write, runtime.host.aws.sns = write, sns
    try:
        return invoked(app, orders)
    finally:
        del provider.write, runtime.host.aws.sns


def profile(app: Any, orders: dict[str, Any], invoked: Invoked) -> dict[str, Any]:
    """An invocation under cProfile: where its own time goes."""
    profiler = cProfile.Profile()
    kind = without_calls if orders.get("alone") else lambda app, orders, invoked: invoked(app, orders)
    profiler.enable()
    kind(app, orders, invoked)
    profiler.disable()
    rows = []
    stats = pstats.Stats(profiler)
    for (file, _, name), (_, calls, own, whole, _) in stats.stats.items():  # type: ignore[attr-defined]
        rows.append({"file": _short(file), "name": name, "calls": calls, "own": own, "whole": whole})
    rows.sort(key=lambda row: -row["own"])
    return {"rows": rows[:TOP], "total": stats.total_tt}  # type: ignore[attr-defined]


def _short(file: str) -> str:
    """A file's name without the place where it lies on this machine."""
    for root in ("site-packages/", "layers/untag/python/", "lib/python"):
        head, found, tail = file.rpartition(root)
        if found:
            return tail.partition("/")[2] if root == "lib/python" else tail
        file = head or tail
    return file.rpartition("/")[2]


def growth(app: Any, orders: dict[str, Any], _: Invoked) -> dict[str, Any]:
    """So many pairs through the core with a provider that answers at once: CPU, and memory held afterwards.

    Time: opening jobs, planning, judging, settling, and the rows of each report. Memory: what tracemalloc counts for
    the jobs with their results, beside the requests that were there before; measured in a run of its own, since it
    slows everything down.
    """
    from untag.contracts import parse_requests  # noqa: PLC0415
    from untag.core import Deadline, open_job, report  # noqa: PLC0415
    from untag.providers import Answer, Verdict  # noqa: PLC0415

    runtime = app.remove_tags.runtime
    (provider,) = runtime.registry.tag_apis("jdcloud")

    async def write(
        _session: Any, _action: Any, _scope: Any, ids: tuple[Any, ...], tags: tuple[Any, ...], *_seen: Any
    ) -> Answer:
        return Answer(Verdict.DONE, request_id="r-1", confirmed=len(ids) * len(tags))

    provider.write = write
    bodies = [
        {
            "id": f"g-{number}",
            "provider": "jdcloud",
            "region": "cn-north-1",
            "resources": [{"type": "vm", "ids": [f"i-{number}-{at}" for at in range(_IDS_PER_JOB)]}],
            "tags": [{"key": f"k{at}", "value": "prod"} for at in range(_TAGS_PER_JOB)],
        }
        for number in range(orders["pairs"] // (_IDS_PER_JOB * _TAGS_PER_JOB))
    ]
    requests = [request for body in bodies for request in parse_requests(body, "g")]
    del bodies
    if orders["memory"]:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    loop = runtime.loop
    cpu = time.process_time()
    jobs = [open_job(request, runtime.registry, runtime.engine.policy, now=0.0) for request in requests]
    loop.run_until_complete(runtime.engine.run(jobs, Deadline(lambda: 600.0, 1.0), lambda _: None))
    held = tracemalloc.get_traced_memory()[0] - before
    rows = 0
    if not orders["memory"]:
        for job in jobs:
            rows += sum(len(page.outcomes) for page in report(job, 0.0))
    cpu = time.process_time() - cpu
    tracemalloc.stop()
    runtime.telemetry.flush()
    del provider.write
    return {"cpu": cpu, "held": held, "pairs": sum(len(b.results) for job in jobs for b in job.blocks), "rows": rows}
